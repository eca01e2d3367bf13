package files_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/files"
)

// key is the message of a refusal, empty for none.
func key(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *apperr.Error
	if !errors.As(err, &e) || e.Code != apperr.Invalid || len(e.Fields) != 1 || e.Fields[0].Name != "file" {
		t.Fatalf("refused by %v", err)
	}
	return e.Fields[0].Key
}

func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	printed, err := os.ReadFile("testdata/chromium.pdf")
	if err != nil {
		t.Fatal(err)
	}
	old := makePDF(3, "")
	packed := makePDF(1, "", objectStream([]int{2, 700, 701}, []string{"<< /Type /Pages /Kids [700 0 R 701 0 R] /Count 2 >>", "<< /Type /Page >>", "<< /Type /Page >>"}))
	for name, c := range map[string]struct {
		filename string
		content  []byte
		media    string
		pages    int
	}{
		"a PDF":                     {"Report.PDF", old, files.PDF, 3},
		"as many pages as may be":   {"r.pdf", makePDF(200, ""), files.PDF, 200},
		"packed objects":            {"r.pdf", packed, files.PDF, 2},
		"what a browser prints":     {"r.pdf", printed, files.PDF, 2},
		"a second edition":          {"r.pdf", append(bytes.Clone(old), "2 0 obj\n<< /Type /Pages /Kids [10 0 R] /Count 1 >>\nendobj\ntrailer << /Root 1 0 R /Prev 9 >>\nstartxref\n9\n%%EOF\n"...), files.PDF, 1},
		"links and form fields":     {"r.pdf", makePDF(1, "/OpenAction [10 0 R /Fit] /AcroForm << /Fields [] >>", "<< /S /URI /URI (https://lab.example/) >>"), files.PDF, 1},
		"the word in a text":        {"r.pdf", makePDF(1, "", "(a /JavaScript-like word and /JSON)"), files.PDF, 1},
		"a JPEG":                    {"scan.jpeg", makeJPEG(t, 60, 40), files.JPEG, 1},
		"a PNG without a name":      {"", makePNG(t, 60, 40), files.PNG, 1},
		"a name without an ending":  {"scan", makePNG(t, 60, 40), files.PNG, 1},
		"a PNG and its newline":     {"x.png", append(makePNG(t, 3, 3), '\n'), files.PNG, 1},
		"a JPEG and a preview":      {"x.jpg", append(makeJPEG(t, 60, 40), makeJPEG(t, 6, 4)...), files.JPEG, 1},
		"a JPEG and a page of HTML": {"x.jpg", append(makeJPEG(t, 60, 40), "<script>alert(1)</script>"...), files.JPEG, 1},
	} {
		got, err := files.Check(t.Context(), c.filename, c.content)
		if err != nil || got.Media != c.media || got.Pages != c.pages {
			t.Errorf("%s: %s of %d pages, %v", name, got.Media, got.Pages, errors.Unwrap(err))
			continue
		}
		if c.media == files.JPEG && !bytes.HasSuffix(got.Content, []byte{0xff, 0xd9}) || bytes.Contains(got.Content, []byte("<script>")) {
			t.Errorf("%s: what stood behind the picture was kept", name)
		}
		if again, err := files.Check(t.Context(), "", got.Content); err != nil || !bytes.Equal(again.Content, got.Content) {
			t.Errorf("%s: what was kept is not kept again: %v", name, err)
		}
	}
}

// resized says another size in a PNG's head than its data has.
func resized(b []byte, w, h uint32) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	page, shot, scan := makePDF(1, ""), makePNG(t, 60, 40), makeJPEG(t, 60, 40)
	flipped := bytes.Clone(shot)
	flipped[len(flipped)/2] ^= 0x55
	bomb := makePDF(1, "", objectStream([]int{70}, []string{strings.Repeat("[ ", 1) + strings.Repeat(" ", 70<<20) + "]"}))
	twice := bytes.Replace(scan, []byte{0xff, 0xc0, 0, 17, 8, 0, 40, 0, 60}, []byte{0xff, 0xc0, 0, 17, 8, 0xff, 0xff, 0xff, 0xff}, 1)
	for name, c := range map[string]struct {
		filename string
		content  []byte
		want     string
	}{
		"nothing":                        {"r.pdf", nil, "error.file.missing"},
		"a byte too many":                {"r.pdf", append(page, make([]byte, files.Largest+1-len(page))...), "error.file.large"},
		"HTML that says it is a PDF":     {"r.pdf", []byte("<!doctype html><script>alert(1)</script>"), "error.file.type"},
		"HTML before a PDF":              {"r.pdf", append([]byte("<html><!--"), page...), "error.file.type"},
		"an SVG":                         {"x.png", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "error.file.type"},
		"a GIF":                          {"x.png", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), "error.file.type"},
		"an archive":                     {"x.pdf", []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"), "error.file.type"},
		"a PNG called PDF":               {"x.pdf", shot, "error.file.name"},
		"a PDF called PNG":               {"x.png", page, "error.file.name"},
		"a PDF called a page":            {"x.pdf.html", page, "error.file.name"},
		"a PDF cut short":                {"r.pdf", page[:len(page)-20], "error.file.broken"},
		"a PDF and an archive":           {"r.pdf", append(bytes.Clone(page), "PK\x03\x04"...), "error.file.broken"},
		"a head alone":                   {"r.pdf", []byte("%PDF-1.7\n%%EOF"), "error.file.broken"},
		"no version":                     {"r.pdf", bytes.Replace(page, []byte("%PDF-1.7"), []byte("%PDF-x.7"), 1), "error.file.broken"},
		"no page":                        {"r.pdf", makePDF(0, ""), "error.file.broken"},
		"pages in a circle":              {"r.pdf", makePDF(0, "", "<< /Type /Pages /Kids [1000 0 R 2 0 R] >>"), "error.file.broken"},
		"too many pages":                 {"r.pdf", makePDF(201, ""), "error.file.pages"},
		"locked":                         {"r.pdf", bytes.Replace(page, []byte("/Size"), []byte("/Encrypt 9 0 R /Size"), 1), "error.file.encrypted"},
		"a script":                       {"r.pdf", makePDF(1, "/OpenAction 1000 0 R", "<< /S /JavaScript /JS (app.alert\\(1\\)) >>"), "error.file.active"},
		"a script by another spelling":   {"r.pdf", makePDF(1, "/OpenAction 1000 0 R", "<< /S /J#61vaScr#69pt /J#53 (1) >>"), "error.file.active"},
		"a script in the list of names":  {"r.pdf", makePDF(1, "/Names << /JavaScript 1000 0 R >>", "<< >>"), "error.file.active"},
		"a program":                      {"r.pdf", makePDF(1, "", "<< /S/Launch/F(calc.exe)>>"), "error.file.active"},
		"a file in the file":             {"r.pdf", makePDF(1, "", "<< /Type /EmbeddedFile /Length 0 >>\nstream\n\nendstream"), "error.file.active"},
		"a script that is packed":        {"r.pdf", makePDF(1, "/OpenAction 70 0 R", objectStream([]int{70}, []string{"<< /S /JavaScript /JS (1) >>"})), "error.file.active"},
		"a script within a stream":       {"r.pdf", makePDF(1, "", "<< /Length 60 >>\nstream\n70 0 obj << /S /JavaScript /JS (1) >> endobj\nendstream"), "error.file.active"},
		"an object told with a comment":  {"r.pdf", makePDF(1, "", "<< >>\nendobj\n70 % x\n0 obj << /S /JavaScript /JS (1) >>"), "error.file.active"},
		"packed in an unusual way":       {"r.pdf", makePDF(1, "", "<< /Type /ObjStm /N 1 /First 4 /Filter /LZWDecode >>\nstream\nxxxx\nendstream"), "error.file.broken"},
		"a packed part of no object":     {"r.pdf", makePDF(1, "", "<< >>\nendobj\n70 % x\n0 obj << /Type /ObjStm /N 1 /First 4 >>\nstream\n1 0 <<>>\nendstream"), "error.file.broken"},
		"a packed part that is a bomb":   {"r.pdf", bomb, "error.file.broken"},
		"objects within objects":         {"r.pdf", makePDF(1, "", strings.Repeat("1 0 obj(", 900_000)+"x"+strings.Repeat(")", 900_000)), "error.file.broken"},
		"unended strings in each other":  {"r.pdf", makePDF(1, "", strings.Repeat("1 0 obj[", 900_000)), "error.file.broken"},
		"nested without end":             {"r.pdf", makePDF(1, "", strings.Repeat("[", 5000)), "error.file.broken"},
		"a PNG of a size it has not":     {"x.png", resized(shot, 61, 41), "error.file.broken"},
		"a PNG smaller than its data":    {"x.png", resized(shot, 10, 10), "error.file.broken"},
		"a PNG cut short":                {"x.png", shot[:len(shot)/2], "error.file.broken"},
		"a PNG with a changed byte":      {"x.png", flipped, "error.file.broken"},
		"a PNG and an archive":           {"x.png", append(bytes.Clone(shot), "PK\x03\x04"...), "error.file.broken"},
		"a PNG and a page of HTML":       {"x.png", append(bytes.Clone(shot), "<script>"...), "error.file.broken"},
		"a picture that unfolds to 17 G": {"x.png", resized(shot, 65535, 65535), "error.file.pixels"},
		"a JPEG that unfolds to 17 G":    {"x.jpg", twice, "error.file.pixels"},
		"a JPEG cut short":               {"x.jpg", scan[:len(scan)/2], "error.file.broken"},
		"a JPEG without its end":         {"x.jpg", scan[:len(scan)-2], "error.file.broken"},
		"a JPEG's head alone":            {"x.jpg", []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00"), "error.file.broken"},
	} {
		if _, err := files.Check(t.Context(), c.filename, c.content); key(t, err) != c.want {
			t.Errorf("%s: %q, want %q (%v)", name, key(t, err), c.want, errors.Unwrap(err))
		}
	}
}

// TestExactlyTheLargest is kept: the limit is the file's, not the form's.
func TestExactlyTheLargest(t *testing.T) {
	t.Parallel()
	page := makePDF(1, "")
	b := append(page, bytes.Repeat([]byte{'\n'}, files.Largest-len(page))...)
	// The end mark must stand near the end, so the filling goes before it.
	at := bytes.LastIndex(page, []byte("startxref"))
	b = append(append(bytes.Clone(page[:at]), bytes.Repeat([]byte{'\n'}, len(b)-len(page))...), page[at:]...)
	if got, err := files.Check(t.Context(), "r.pdf", b); err != nil || len(got.Content) != files.Largest {
		t.Errorf("%d bytes: %v", len(got.Content), err)
	}
}

// FuzzCheck: whatever is sent, the answer is a file that is kept as it is again
// or a refusal that says why.
func FuzzCheck(f *testing.F) {
	f.Add("r.pdf", makePDF(2, "", objectStream([]int{70}, []string{"<< /A [1 2 0 R (x) <41> /N] >>"})))
	f.Add("r.pdf", makePDF(1, "/OpenAction 1000 0 R", "<< /S /JavaScript /JS (1) >>"))
	f.Add("x.png", makePNG(f, 5, 4))
	f.Add("x.jpg", makeJPEG(f, 9, 9))
	f.Add("", []byte("%PDF-1.4\n1 0 obj<</Kids[1 0 R]/Pages 1 0 R>>\ntrailer<</Root 1 0 R>>\n%%EOF"))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		got, err := files.Check(t.Context(), name, content)
		if err != nil {
			if key(t, err) == "" {
				t.Fatal("refused without a reason")
			}
			return
		}
		if got.Pages < 1 || got.Pages > 200 || len(got.Content) > len(content) || files.Extension(got.Media) == "" {
			t.Fatal(fmt.Sprint(got.Media, got.Pages, len(got.Content)))
		}
		if again, err := files.Check(t.Context(), "", got.Content); err != nil || again.Media != got.Media {
			t.Fatalf("what was kept is not kept again: %v", err)
		}
	})
}
