package files

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"github.com/cloister-health/cloister/internal/apperr"
)

// Largest is the largest file that is kept, in bytes.
const Largest = 10 << 20

// Media types of what is kept.
const (
	PDF  = "application/pdf"
	JPEG = "image/jpeg"
	PNG  = "image/png"
)

// Extension is how the name of a file of the type ends.
func Extension(media string) string {
	switch media {
	case PDF:
		return ".pdf"
	case JPEG:
		return ".jpg"
	case PNG:
		return ".png"
	}
	return ""
}

// named are the types that a file's name may promise.
var named = map[string]string{".pdf": PDF, ".jpg": JPEG, ".jpeg": JPEG, ".jpe": JPEG, ".jfif": JPEG, ".png": PNG}

// Checked is a file that may be kept.
type Checked struct {
	Media   string
	Pages   int    // of a PDF; 1 for a picture
	Content []byte // what is kept: the file without what stood behind a picture's end
}

// Check looks at a file's content and refuses what can't be kept: what is too
// big, of no known type, damaged, or not what its name says it is; and of PDFs
// what is locked, too long, or does something when it is opened. filename may
// be empty.
//
// Errors: Invalid with the field "file", the context's.
func Check(ctx context.Context, filename string, content []byte) (Checked, error) {
	switch {
	case len(content) == 0:
		return Checked{}, refuse("error.file.missing", "Choose a file", nil)
	case len(content) > Largest:
		return Checked{}, TooLarge()
	}
	found := mimetype.Detect(content)
	media := ""
	for _, m := range []string{PDF, JPEG, PNG} {
		if found.Is(m) {
			media = m
		}
	}
	if media == "" || media == PDF && !bytes.HasPrefix(content, []byte("%PDF-")) { // something else stands before it
		return Checked{}, refuse("error.file.type", "The file is no PDF, JPG or PNG, whatever its name says", nil)
	}
	if ext := strings.ToLower(filepath.Ext(filename)); ext != "" && named[ext] != media {
		return Checked{}, refuse("error.file.name", "The file's name does not say what it is", nil)
	}
	out := Checked{Media: media, Pages: 1, Content: content}
	var err error
	switch media {
	case PDF:
		out.Pages, err = checkPDF(content)
	default:
		out.Content, err = checkPicture(ctx, media, content)
	}
	if err != nil {
		return Checked{}, err
	}
	return out, nil
}

// TooLarge is the refusal of a file of more than Largest bytes.
func TooLarge() error {
	return refuse("error.file.large", "The file has more than 10 MB", nil)
}

func broken(cause error) error {
	return refuse("error.file.broken", "The file is damaged or cut short and can't be read", cause)
}

func refuse(key, text string, cause error) error {
	return &apperr.Error{Code: apperr.Invalid, Key: "error.problem", Text: "There is a problem", Cause: cause,
		Fields: []apperr.Field{{Name: "file", Key: key, Text: text}}}
}

// blank are the bytes that may stand behind a file's end.
func blank(b []byte) bool { return len(bytes.Trim(b, "\x00\t\n\f\r ")) == 0 }
