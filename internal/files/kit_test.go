package files_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/keys"
)

// makePDF is a whole PDF of so many pages; catalog goes into its catalog, and
// more are further objects, numbered from 1000.
func makePDF(pages int, catalog string, more ...string) []byte {
	var b bytes.Buffer
	at := map[int]int{}
	object := func(n int, body string) {
		at[n] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n, body)
	}
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	object(1, "<< /Type /Catalog /Pages 2 0 R "+catalog+" >>")
	var kids strings.Builder
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 10+i)
	}
	object(2, fmt.Sprintf("<< /Type /Pages /Kids [ %s] /Count %d >>", &kids, pages))
	for i := range pages {
		object(10+i, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595.2 842] /Contents 3 0 R >>")
	}
	text := "BT (Report \\(of\\) the laboratory) Tj ET"
	object(3, fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(text), text))
	for i, body := range more {
		object(1000+i, body)
	}
	foot := b.Len()
	fmt.Fprintf(&b, "xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Root 1 0 R /Size %d >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, foot)
	return b.Bytes()
}

// objectStream packs objects as PDF 1.5 does.
func objectStream(numbers []int, bodies []string) string {
	var head, body bytes.Buffer
	for i, x := range bodies {
		fmt.Fprintf(&head, "%d %d ", numbers[i], body.Len())
		body.WriteString(x + " ")
	}
	packed := deflate(append(head.Bytes(), body.Bytes()...))
	return fmt.Sprintf("<< /Type /ObjStm /N %d /First %d /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", len(bodies), head.Len(), len(packed), packed)
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = z.Write(b) // a buffer takes all
	_ = z.Close()
	return out.Bytes()
}

func picture(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x * 7), uint8(y * 5), uint8(x ^ y), 255})
		}
	}
	return m
}

func makePNG(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture(w, h)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeJPEG(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(w, h), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func keyset(t testing.TB, clinic uuid.UUID) *keys.Keyset {
	t.Helper()
	m, err := keys.Parse(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, keys.Size)))
	if err != nil {
		t.Fatal(err)
	}
	_, k, err := m.NewKeyset(clinic)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
