package backup

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"strconv"
)

// standIn is a file of a kind that shows nothing.
func standIn(kind string) []byte {
	var b bytes.Buffer
	blank := image.NewGray(image.Rect(0, 0, 16, 16))
	switch kind {
	case "image/png":
		_ = png.Encode(&b, blank) // into memory
	case "image/jpeg":
		_ = jpeg.Encode(&b, blank, nil) // into memory
	default:
		blankPDF(&b)
	}
	return b.Bytes()
}

func sizeOf(kind string) string { return strconv.Itoa(len(standIn(kind))) }

// blankPDF is one empty page.
func blankPDF(b *bytes.Buffer) {
	var at []int
	b.WriteString("%PDF-1.4\n")
	for i, o := range []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>"} {
		at = append(at, b.Len())
		fmt.Fprintf(b, "%d 0 obj%sendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, o := range at {
		fmt.Fprintf(b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, xref)
}
