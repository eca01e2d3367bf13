package legacy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"image"
	_ "image/jpeg" // the two kinds that a logo may be
	_ "image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/files"
)

const (
	largestLogo = 102_400 // bytes, as the registry keeps at most
	widestLogo  = 4_000   // pixels a side
	mostOnDisk  = 500_000 // files that are compared with the rows
)

// media is the older system's folder of files. It is left only by mistake or
// malice, so every path is followed step by step and no link is.
type media struct {
	root *os.Root           // nil: no folder was given
	seen map[string]verdict // by path, for a file that many rows name
}

// verdict is what a look at a file came to.
type verdict struct {
	kind  Kind
	media string
	pages int
	bytes int
	sum   [sha256.Size]byte
}

func openMedia(folder string) (*media, error) {
	if folder == "" {
		return &media{}, nil
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, wrong(Unreadable, err, "the media folder can't be opened: %s", reason(err))
	}
	return &media{root: root, seen: map[string]verdict{}}, nil
}

func (m *media) close() {
	if m.root != nil {
		_ = m.root.Close() // it was only read
	}
}

// Reasons why a path gives no file.
var (
	errOutside = errors.New("its path leads out of the media folder")
	errLink    = errors.New("a symbolic link stands in its path")
	errMissing = errors.New("its file is missing")
	errNoFile  = errors.New("it is not a file")
	errEmpty   = errors.New("its file is empty")
	errLarge   = errors.New("its file is too large")
)

// read gives at most that many bytes of a file inside of the folder.
func (m *media) read(path string, most int64) ([]byte, error) {
	local := filepath.FromSlash(path)
	if strings.ContainsRune(path, 0) || !filepath.IsLocal(local) {
		return nil, errOutside
	}
	parts := strings.Split(filepath.Clean(local), string(filepath.Separator))
	for i := range parts {
		info, err := m.root.Lstat(filepath.Join(parts[:i+1]...))
		switch {
		case err != nil:
			return nil, errMissing
		case info.Mode()&os.ModeSymlink != 0:
			return nil, errLink
		case i == len(parts)-1 && !info.Mode().IsRegular():
			return nil, errNoFile
		}
	}
	file, err := m.root.Open(filepath.Join(parts...))
	if err != nil {
		return nil, errors.New("its file can't be opened")
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, most+1))
	switch {
	case err != nil:
		return nil, errors.New("its file can't be read")
	case len(content) == 0:
		return nil, errEmpty
	case int64(len(content)) > most:
		return nil, errLarge
	}
	return content, nil
}

// look judges the file of a document by its content, and says why it is refused
// or what is odd about it. Nothing of the content stays in memory.
func (m *media) look(ctx context.Context, d *Document) (Kind, error) {
	if m.root == nil {
		return MediaNotGiven, nil
	}
	v, known := m.seen[d.Path]
	if !known {
		var err error
		if v, err = m.judge(ctx, d.Path); err != nil {
			return "", err
		}
		m.seen[d.Path] = v
	}
	d.Media, d.Pages, d.Bytes, d.sum = v.media, v.pages, v.bytes, v.sum
	return v.kind, nil
}

func (m *media) judge(ctx context.Context, path string) (verdict, error) {
	checked, err := m.checked(ctx, path)
	var refused *apperr.Error
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return verdict{}, ctx.Err()
	case errors.Is(err, errOutside), errors.Is(err, errLink):
		return verdict{kind: PathOutside}, nil
	case errors.Is(err, errMissing), errors.Is(err, errNoFile):
		return verdict{kind: FileMissing}, nil
	case errors.Is(err, errEmpty):
		return verdict{kind: FileEmpty}, nil
	case errors.Is(err, errLarge):
		return verdict{kind: FileTooLarge}, nil
	case errors.As(err, &refused) && len(refused.Fields) == 1 && refused.Fields[0].Key == "error.file.type":
		return verdict{kind: FileTypeRefused}, nil
	default:
		return verdict{kind: FileBroken}, nil
	}
	v := verdict{media: checked.Media, pages: checked.Pages, bytes: len(checked.Content), sum: sha256.Sum256(checked.Content)}
	ending := strings.ToLower(filepath.Ext(path))
	if ending == ".jpeg" || ending == ".jpe" || ending == ".jfif" {
		ending = ".jpg"
	}
	if ending != files.Extension(checked.Media) {
		v.kind = FileNameLies
	}
	return v, nil
}

// checked reads a file and has the store's own check look at it.
func (m *media) checked(ctx context.Context, path string) (files.Checked, error) {
	content, err := m.read(path, files.Largest)
	if err != nil {
		return files.Checked{}, err
	}
	return files.Check(ctx, "", content)
}

// again reads the file of a document that look has passed and refuses one that
// is another by now.
func (m *media) again(ctx context.Context, d *Document) ([]byte, error) {
	checked, err := m.checked(ctx, d.Path)
	if err == nil && sha256.Sum256(checked.Content) != d.sum {
		err = errors.New("it changed while the import ran")
	}
	if err != nil {
		return nil, wrong(InUse, err, "the file of row %d of %s can't be taken over: it changed or went away while the import ran", d.ID, d.Table)
	}
	return checked.Content, nil
}

// survey compares what lies in the folder with what rows name.
func (m *media) survey(ctx context.Context, named map[string]bool) (Files, error) {
	out := Files{NoRow: []string{}}
	if m.root == nil {
		out.Unlooked = true
		return out, nil
	}
	err := fs.WalkDir(m.root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil || e.IsDir():
			return nil //nolint:nilerr // what can't be listed is no file that could be taken over
		case out.OnDisk == mostOnDisk:
			out.Unlooked = true
			return fs.SkipAll
		}
		out.OnDisk++
		if named[path] {
			out.Named++
		} else {
			out.NoRow = append(out.NoRow, shownPath(path))
		}
		return nil
	})
	slices.Sort(out.NoRow)
	return out, err
}

// shownPath makes a file's name safe for a terminal.
func shownPath(path string) string { return strings.Trim(strconv.Quote(path), `"`) }

// readLogo reads the file that the older system names as its logo, which has to
// be a PNG or JPG by its content.
func readLogo(folder, path string) ([]byte, error) {
	m, err := openMedia(folder)
	if err != nil {
		return nil, errors.New("the media folder can't be opened")
	}
	defer m.close()
	content, err := m.read(path, largestLogo)
	if errors.Is(err, errLarge) {
		return nil, errors.New("its file has more than 100 KB")
	}
	if err != nil {
		return nil, err
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(content))
	switch {
	case err != nil:
		return nil, errors.New("it is neither PNG nor JPG by its content")
	case size.Width > widestLogo || size.Height > widestLogo || size.Width < 1 || size.Height < 1:
		return nil, errors.New("it is larger than 4000 pixels a side")
	}
	return content, nil
}
