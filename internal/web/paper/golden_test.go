package paper_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/web/paper"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// Golden pictures: what a paper looks like, its shaping of Devanagari included,
// which no text can prove. They are compared by blocks, so that another version
// of Chromium or poppler may smooth an edge otherwise, but no letter may be
// another or stand elsewhere.

var update = flag.Bool("update", false, "rewrite the golden pictures")

const (
	goldenDPI = 80
	blockSize = 4    // pixels: 1.3 mm
	blockMost = 40   // by which one block's grey may differ
	meanMost  = 0.75 // by which all may on average
)

// picture draws one page of a paper in grey.
func (p press) picture(t *testing.T, lang string, c templ.Component, page int) *image.Gray {
	t.Helper()
	_, file := p.print(t, lang, c)
	out := filepath.Join(t.TempDir(), "page")
	p.run(t, "pdftoppm", "-r", fmt.Sprint(goldenDPI), "-gray", "-png", "-f", fmt.Sprint(page), "-l", fmt.Sprint(page), "-singlefile", file, out)
	return readPicture(t, out+".png")
}

func readPicture(t *testing.T, name string) *image.Gray {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v; -update makes it", err)
	}
	m, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	g, ok := m.(*image.Gray)
	if !ok {
		g = image.NewGray(m.Bounds())
		for y := range m.Bounds().Dy() {
			for x := range m.Bounds().Dx() {
				g.Set(x, y, color.GrayModel.Convert(m.At(x, y)))
			}
		}
	}
	return g
}

// differ says how two pictures differ, empty when they are as good as one.
func differ(a, b *image.Gray) string {
	if a.Bounds() != b.Bounds() {
		return fmt.Sprintf("the sizes are %v and %v", a.Bounds(), b.Bounds())
	}
	most, sum, n, where := 0.0, 0.0, 0, image.Point{}
	for y := 0; y < a.Bounds().Dy(); y += blockSize {
		for x := 0; x < a.Bounds().Dx(); x += blockSize {
			d := math.Abs(grey(a, x, y) - grey(b, x, y))
			sum += d
			n++
			if d > most {
				most, where = d, image.Pt(x, y)
			}
		}
	}
	if most > blockMost || sum/float64(n) > meanMost {
		return fmt.Sprintf("the blocks differ by %.2f on average, and by %.0f at %v", sum/float64(n), most, where)
	}
	return ""
}

func grey(m *image.Gray, x0, y0 int) float64 {
	sum, n := 0, 0
	for y := y0; y < min(y0+blockSize, m.Bounds().Dy()); y++ {
		for x := x0; x < min(x0+blockSize, m.Bounds().Dx()); x++ {
			sum += int(m.GrayAt(x, y).Y)
			n++
		}
	}
	return float64(sum) / float64(n)
}

const conjuncts = "प्रिस्क्रिप्शन, स्वच्छ, क्षत्रिय, ज्ञान, श्रृंखला, र्\u200dयांचे, विद्यार्थी, द्वितीय, हृदय, ट्रक, कर्क, गुरू"

func TestPapersLookAsTheyDid(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	blank, void := prescription("a5", 2), prescription("a5", 1)
	blank.Head.Blank, blank.Head.OffsetMM = true, 35
	void.Mark, void.Void = "NOT VALID", "Not valid: replaced by RX-2026-00872"
	request := paper.Request{Sheet: sheet("a5"), Diagnosis: "Essential (primary) hypertension (I10)", Tests: []paper.Test{
		{Name: "ECG 12 lead", Kind: "ECG", Stat: true, By: "by 24 Nov 2026"}, {Name: "Lipid profile", Code: "24331-1", Kind: "Blood", Note: "12 hours without food"}}}
	shaped := prescription("a5", 3)
	shaped.Advice = ui.Words{Text: conjuncts, Lang: "mr"}
	for name, x := range map[string]struct {
		lang  string
		paper templ.Component
		page  int
	}{
		"rx-en":      {"en", paper.PrescriptionPage(prescription("a5", 4)), 1},
		"rx-hi":      {"hi", paper.PrescriptionPage(shaped), 1},
		"rx-mr":      {"mr", paper.PrescriptionPage(shaped), 1},
		"rx-second":  {"en", paper.PrescriptionPage(prescription("a5", 12)), 2},
		"rx-a4":      {"en", paper.PrescriptionPage(prescription("a4", 4)), 1},
		"rx-blank":   {"mr", paper.PrescriptionPage(blank), 1},
		"rx-void":    {"en", paper.PrescriptionPage(void), 1},
		"request-hi": {"hi", paper.RequestPage(request), 1},
	} {
		got := p.picture(t, x.lang, x.paper, x.page)
		golden := filepath.Join("testdata", name+".png")
		if *update {
			writePicture(t, golden, got)
			continue
		}
		if how := differ(readPicture(t, golden), got); how != "" {
			seen := filepath.Join(t.ArtifactDir(), name+".png")
			writePicture(t, seen, got)
			t.Errorf("%s: %s; what was drawn is in %s (go test -artifacts keeps it), -update takes it", name, how, seen)
		}
	}
}

func writePicture(t *testing.T, name string, m *image.Gray) {
	t.Helper()
	var out bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The comparison notices what it is there for: conjuncts that fall apart, a
// letter that is another one, a line that moved.
func TestGoldenPicturesNotice(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	draw := func(change func(*paper.Prescription)) *image.Gray {
		rx := prescription("a5", 3)
		rx.Advice = ui.Words{Text: conjuncts, Lang: "mr"}
		if change != nil {
			change(&rx)
		}
		return p.picture(t, "mr", paper.PrescriptionPage(rx), 1)
	}
	same := draw(nil)
	if how := differ(same, draw(nil)); how != "" {
		t.Errorf("the same paper differs from itself: %s", how)
	}
	for name, change := range map[string]func(*paper.Prescription){
		"conjuncts that fall apart": func(rx *paper.Prescription) { rx.Advice.Text = strings.ReplaceAll(conjuncts, "\u094d", "\u094d\u200c") },
		"another medicine":          func(rx *paper.Prescription) { rx.Lines[1].Name = "Amlodipine 8 mg" },
		"another dose":              func(rx *paper.Prescription) { rx.Lines[1].Dose = "1-1-½" },
		"a line that moved":         func(rx *paper.Prescription) { rx.Lines[0].Special = "" },
		"no allergy":                func(rx *paper.Prescription) { rx.Patient.Allergies = "" },
	} {
		if differ(same, draw(change)) == "" {
			t.Errorf("%s is not noticed", name)
		}
	}
}
