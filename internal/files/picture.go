package files

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	_ "image/jpeg" // the pictures
	_ "image/png"  // that are kept
)

const (
	mostPixels = 50_000_000 // more than a page scanned at 600 dots an inch
	mostMemory = 192 << 20  // bytes that a picture may take while it is decoded
)

// decoding bounds the pictures in memory at once: a file of some kilobytes may
// unfold into hundreds of megabytes, and a few sent together would else end the
// service.
var decoding = make(chan struct{}, 1)

// checkPicture decodes the whole picture, so that what is kept can be shown, and
// gives it without what stands behind its end, where a second file might hide.
func checkPicture(ctx context.Context, media string, content []byte) ([]byte, error) {
	head, _, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return nil, broken(err)
	}
	end, progressive := 0, false
	if media == PNG {
		end, err = endOfPNG(content)
	} else {
		end, progressive, err = endOfJPEG(content)
	}
	if err != nil {
		return nil, broken(err)
	}
	if pixels := int64(head.Width) * int64(head.Height); head.Width < 1 || head.Height < 1 || pixels > mostPixels || pixels*perPixel(head.ColorModel, progressive) > mostMemory {
		return nil, refuse("error.file.pixels", "The picture has too many pixels; save it smaller", nil)
	}
	select {
	case decoding <- struct{}{}:
		defer func() { <-decoding }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if _, _, err := image.Decode(bytes.NewReader(content[:end])); err != nil {
		return nil, broken(err)
	}
	// A camera may put a preview behind a JPEG's end, which is cut off. No program
	// writes behind a PNG's.
	if media == PNG && !blank(content[end:]) {
		return nil, broken(errors.New("something stands behind the picture's end"))
	}
	return content[:end:end], nil
}

// perPixel is how many bytes of memory a pixel takes while it is decoded. A
// progressive JPEG keeps its coefficients, four bytes each, until it ends.
func perPixel(m color.Model, progressive bool) int64 {
	n := int64(4)
	switch m {
	case color.GrayModel:
		n = 1
	case color.Gray16Model:
		n = 2
	case color.YCbCrModel:
		n = 3
	case color.RGBA64Model, color.NRGBA64Model:
		n = 8
	default:
		if _, ok := m.(color.Palette); ok {
			n = 1
		}
	}
	if progressive {
		n *= 5
	}
	return n
}

const pngHead = 8

// endOfPNG is the offset behind the last chunk.
func endOfPNG(b []byte) (int, error) {
	for at := pngHead; at+12 <= len(b); {
		n := int64(binary.BigEndian.Uint32(b[at:]))
		if n > int64(len(b)-at-12) {
			break
		}
		kind := string(b[at+4 : at+8])
		at += 12 + int(n)
		if kind == "IEND" {
			return at, nil
		}
	}
	return 0, errors.New("the PNG has no end")
}

// endOfJPEG is the offset behind the end marker, and tells whether the picture
// is progressive.
func endOfJPEG(b []byte) (end int, progressive bool, err error) {
	at := 2 // behind the start marker
	for at+2 <= len(b) {
		if b[at] != 0xff {
			at++ // coded data, or filling that decoders skip
			continue
		}
		switch m := b[at+1]; {
		case m == 0xd9:
			return at + 2, progressive, nil
		case m == 0xff:
			at++
		case m == 0x00, m == 0x01, m >= 0xd0 && m <= 0xd8: // without a length
			at += 2
		default:
			if m == 0xc2 || m == 0xc6 || m == 0xca || m == 0xce {
				progressive = true
			}
			if at+4 > len(b) {
				return 0, false, errors.New("the JPEG ends within a segment")
			}
			at += 2 + int(binary.BigEndian.Uint16(b[at+2:]))
		}
	}
	return 0, false, errors.New("the JPEG has no end")
}
