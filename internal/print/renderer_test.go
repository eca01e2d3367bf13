//go:build unix

package print_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/print"
	"github.com/cloister-health/cloister/internal/web/static"
)

const sheet = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sheet</title><style>
@page { size: A5; margin: 10mm 10mm 12mm; @bottom-right { content: counter(page) "/" counter(pages); font: 8.5pt sans-serif } }
@font-face { font-family: "Noto"; src: url("%s") format("woff2"); unicode-range: U+0000-02FF }
@font-face { font-family: "Noto"; src: url("%s") format("woff2"); unicode-range: U+0900-097F, U+200C-200D }
body { font: 10pt "Noto" } tr { break-inside: avoid }
</style></head><body>%s</body></html>`

func assets(t testing.TB) *static.Assets {
	t.Helper()
	a, err := static.Open()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func document(t testing.TB, body string) print.Document {
	t.Helper()
	a := assets(t)
	return print.Document{HTML: fmt.Appendf(nil, sheet, a.URL(static.FontLatin), a.URL(static.FontDevanagari), body), File: a.File}
}

func renderer(t testing.TB, c print.Config) *print.Renderer {
	t.Helper()
	c.Folder = t.TempDir()
	r := print.New(c)
	if err := r.Available(); err != nil {
		t.Fatalf("%v; make browser installs it", err)
	}
	t.Cleanup(r.Close)
	return r
}

// read runs one of poppler's programs over a PDF.
func read(t testing.TB, pdf []byte, program string, args ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.pdf")
	if err := os.WriteFile(name, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(slices.Clone(args), name)
	if program == "pdftotext" {
		args = append(args, "-")
	}
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

func TestPDF(t *testing.T) {
	t.Parallel()
	r := renderer(t, print.Config{})
	var rows strings.Builder
	for i := range 40 {
		fmt.Fprintf(&rows, `<tr><td>%d</td><td>Paracetamol 500 mg</td><td>सकाळी जेवणानंतर</td></tr>`, i+1)
	}
	pdf, err := r.PDF(t.Context(), document(t, `<h1>Prescription</h1><p lang="hi">प्रिस्क्रिप्शन</p><table><thead><tr><th>No.</th><th>Medicine</th><th>When</th></tr></thead><tbody>`+
		rows.String()+`</tbody></table>`))
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, pdf, "pdftotext", "-layout")
	pages := strings.Count(text, "\f")
	if pages < 2 {
		t.Errorf("%d pages", pages)
	}
	if n := strings.Count(text, "Medicine"); n != pages {
		t.Errorf("the head stands %d times on %d pages", n, pages)
	}
	last := 0
	for _, want := range []string{"Prescription", "प्रिस्क्रिप्शन", "Paracetamol 500 mg", "सकाळी जेवणानंतर", "1/" + fmt.Sprint(pages)} {
		i := strings.Index(text[last:], want)
		if i < 0 {
			t.Fatalf("%q is not there, or not in its place:\n%s", want, text)
		}
		last += i
	}
	info := read(t, pdf, "pdfinfo")
	for _, want := range []string{"(A5)", "Tagged:          yes", "JavaScript:      no"} {
		if !strings.Contains(info, want) {
			t.Errorf("no %q in\n%s", want, info)
		}
	}
	for _, l := range strings.Split(strings.TrimSpace(read(t, pdf, "pdffonts")), "\n")[2:] {
		if embedded := regexp.MustCompile(`(yes|no) +(yes|no) +(yes|no) +[0-9]+ +[0-9]+$`).FindStringSubmatch(l); embedded == nil || embedded[1] != "yes" {
			t.Errorf("a font is not embedded: %s", l)
		}
	}
}

func TestADocumentGetsNothingButItself(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer srv.Close()
	r := renderer(t, print.Config{})
	for name, body := range map[string]string{
		"image":  `<img src="` + srv.URL + `/a.png">`,
		"frame":  `<iframe src="` + srv.URL + `/"></iframe>`,
		"style":  `<style>@import url("` + srv.URL + `/a.css");</style>`,
		"file":   `<img src="file:///etc/passwd"><img src="/etc/passwd">`,
		"object": `<object data="` + srv.URL + `/o"></object>`,
	} {
		if _, err := r.PDF(t.Context(), document(t, body)); err == nil || apperr.CodeOf(err) != apperr.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	pdf, err := r.PDF(t.Context(), document(t, `<p id="a">still</p><script>document.body.textContent = "changed"; fetch("`+srv.URL+`/s")</script>`))
	if err != nil {
		t.Fatal(err)
	}
	if text := read(t, pdf, "pdftotext"); !strings.Contains(text, "still") || strings.Contains(text, "changed") {
		t.Errorf("a script ran: %q", text)
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d requests went out", n)
	}
}

func TestAHungBrowserIsReplaced(t *testing.T) {
	t.Parallel()
	r := renderer(t, print.Config{Timeout: 5 * time.Second})
	stuck := make(chan struct{})
	defer close(stuck)
	slow := print.Document{HTML: []byte(`<link rel="stylesheet" href="/slow.css">`), File: func(string) ([]byte, string, bool) { <-stuck; return nil, "", false }}
	if _, err := r.PDF(t.Context(), slow); apperr.CodeOf(err) != apperr.Unavailable {
		t.Fatalf("a document that never gets done: %v", err)
	}
	if _, err := r.PDF(t.Context(), document(t, "<p>after</p>")); err != nil {
		t.Errorf("the next: %v", err)
	}
}

func TestADeadBrowserIsReplaced(t *testing.T) {
	t.Parallel()
	r := renderer(t, print.Config{})
	once := sync.Once{}
	d := document(t, `<p>alive</p><img src="/kill.svg">`)
	file := d.File
	d.File = func(p string) ([]byte, string, bool) {
		if p == "/kill.svg" {
			once.Do(r.Kill)
			return []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "image/svg+xml", true
		}
		return file(p)
	}
	pdf, err := r.PDF(t.Context(), d)
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		t.Errorf("%v, %d bytes", err, len(pdf))
	}
}

// What was drawn stays no longer than it has to.
func TestAPageIsForgotten(t *testing.T) {
	t.Parallel()
	r := renderer(t, print.Config{Keep: 50 * time.Millisecond})
	for range 2 { // and the tab works on after it
		if _, err := r.PDF(t.Context(), document(t, "<p>secret</p>")); err != nil {
			t.Fatal(err)
		}
		held := []string{"secret"}
		for deadline := time.Now().Add(20 * time.Second); !slices.Equal(held, []string{""}) && time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
			held = r.Held(t.Context())
		}
		if !slices.Equal(held, []string{""}) {
			t.Fatalf("%q is still there", held)
		}
	}
	if n := r.Started(); n != 1 {
		t.Errorf("%d browsers", n)
	}
}

func TestManyAtOnceAndBrowsersReplaced(t *testing.T) {
	t.Parallel()
	r := renderer(t, print.Config{Documents: 5, Wait: time.Minute, Keep: time.Millisecond})
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			pdf, err := r.PDF(t.Context(), document(t, fmt.Sprintf("<p>sheet %d</p>", i)))
			if err != nil {
				t.Errorf("%d: %v", i, err)
				return
			}
			if text := read(t, pdf, "pdftotext"); !strings.Contains(text, fmt.Sprintf("sheet %d\n", i)) {
				t.Errorf("%d got %q", i, text)
			}
		})
	}
	all.Wait()
	if n := r.Started(); n < 3 {
		t.Errorf("%d browsers for 16 documents of 5", n)
	}
}

// Whoever asks for many documents keeps another waiting for one, not for all.
func TestNobodyWaitsForAllOfAnothers(t *testing.T) {
	t.Parallel()
	r := print.New(print.Config{Tabs: 1, Wait: time.Minute})
	leave, err := r.Queue(t.Context(), "greedy")
	if err != nil {
		t.Fatal(err)
	}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		order []string
	)
	ask := func(owner string) {
		all.Go(func() {
			leave, err := r.Queue(t.Context(), owner)
			if err != nil {
				t.Errorf("%s: %v", owner, err)
				return
			}
			mu.Lock()
			order = append(order, owner)
			mu.Unlock()
			leave()
		})
	}
	standing := func(owner string, n int) {
		for r.Standing(owner) < n {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond) // from joining the line to standing in it
	}
	for range 6 {
		ask("greedy")
	}
	standing("greedy", 7)
	ask("other")
	standing("other", 1)
	leave()
	all.Wait()
	if at := slices.Index(order, "other"); at > 1 {
		t.Errorf("the other was number %d of %v", at+1, order)
	}
}

func TestWithoutABrowser(t *testing.T) {
	t.Parallel()
	r := print.New(print.Config{Program: filepath.Join(t.TempDir(), "none")})
	defer r.Close()
	if _, err := r.PDF(t.Context(), print.Document{}); !errors.Is(err, print.ErrNoBrowser) {
		t.Errorf("%v", err)
	}
}

func TestACallerWhoLeaves(t *testing.T) {
	t.Parallel()
	r := renderer(t, print.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	d := document(t, `<img src="/wait.svg">`)
	d.File = func(string) ([]byte, string, bool) { cancel(); return nil, "", false }
	if _, err := r.PDF(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := r.PDF(t.Context(), document(t, "<p>next</p>")); err != nil {
		t.Error(err)
	}
}

func BenchmarkPDF(b *testing.B) {
	r := renderer(b, print.Config{})
	d := document(b, strings.Repeat("<p>Amlodipine 5 mg, one in the morning, रोज सकाळी</p>", 12))
	if _, err := r.PDF(b.Context(), d); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.PDF(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	}
}
