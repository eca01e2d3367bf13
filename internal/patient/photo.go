package patient

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	_ "image/png" // a photo may be one

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

const (
	// LargestPhoto is the largest file that is read, in bytes.
	LargestPhoto = 10 << 20
	photoSide    = 480  // pixels of the longer side as it is kept
	photoPixels  = 50e6 // more is not decoded
	photoQuality = 85
)

// decoding bounds the pictures in memory at once: a file of some kilobytes may
// unfold into hundreds of megabytes, and a few sent together would else end the
// service.
var decoding = make(chan struct{}, 1)

// normalPhoto reads a JPEG or PNG and makes a JPEG of at most photoSide pixels.
// Drawing it anew leaves behind what cameras write into files, the place where
// it was taken among it.
func normalPhoto(file []byte) ([]byte, error) {
	bad := func(cause error) error {
		return &apperr.Error{Code: apperr.Invalid, Key: "error.problem", Text: "There is a problem", Cause: cause,
			Fields: []apperr.Field{{Name: "photo", Key: "error.photo.invalid", Text: "Choose a photo as JPG or PNG of at most 10 MB"}}}
	}
	if len(file) > LargestPhoto {
		return nil, bad(nil)
	}
	head, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil || head.Width < 1 || head.Height < 1 || float64(head.Width)*float64(head.Height) > photoPixels {
		return nil, bad(err)
	}
	decoding <- struct{}{}
	defer func() { <-decoding }()
	full, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, bad(err)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, shrink(full, photoSide), &jpeg.Options{Quality: photoQuality}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// shrink makes a picture whose longer side has at most side pixels, each the
// mean of those it stands for, on white.
func shrink(from image.Image, side int) image.Image {
	r := from.Bounds()
	w, h := r.Dx(), r.Dy()
	if longer := max(w, h); longer > side {
		w, h = max(1, w*side/longer), max(1, h*side/longer)
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			to.SetRGBA(x, y, mean(from, image.Rect(
				r.Min.X+x*r.Dx()/w, r.Min.Y+y*r.Dy()/h, r.Min.X+(x+1)*r.Dx()/w, r.Min.Y+(y+1)*r.Dy()/h)))
		}
	}
	return to
}

func mean(from image.Image, r image.Rectangle) color.RGBA {
	var red, green, blue, n uint64
	for y := r.Min.Y; y < max(r.Max.Y, r.Min.Y+1); y++ {
		for x := r.Min.X; x < max(r.Max.X, r.Min.X+1); x++ {
			cr, cg, cb, ca := from.At(x, y).RGBA()
			white := uint64(0xffff - ca)
			red, green, blue, n = red+uint64(cr)+white, green+uint64(cg)+white, blue+uint64(cb)+white, n+1
		}
	}
	return color.RGBA{R: uint8(red / n >> 8), G: uint8(green / n >> 8), B: uint8(blue / n >> 8), A: 255}
}

// SetPhoto keeps a photo, encrypted under the clinic's keyset; without a file
// it takes the present one away.
//
// Errors: Invalid, NotFound (also if merged), Forbidden.
func (s *Service) SetPhoto(ctx context.Context, id uuid.UUID, file []byte) error {
	if err := s.allow(ctx, access.PatientEdit); err != nil {
		return err
	}
	var picture []byte
	if len(file) > 0 {
		var err error
		if picture, err = normalPhoto(file); err != nil {
			return err
		}
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		set := tenantdb.UpdatePatientPhotoParams{ID: id}
		if picture != nil {
			k, err := s.keyset(ctx, tx)
			if err != nil {
				return err
			}
			if set.PhotoCipher, err = k.Encrypt(photoPlace(id), picture); err != nil {
				return err
			}
		}
		n, err := tx.Q().UpdatePatientPhoto(ctx, set)
		if err == nil && n == 0 {
			err = notFound()
		}
		return err
	}))
}

// Photo gives the photo, a JPEG.
//
// Errors: NotFound (also without a photo), Forbidden.
func (s *Service) Photo(ctx context.Context, id uuid.UUID) ([]byte, error) {
	if err := s.allow(ctx, access.PatientRecord); err != nil {
		return nil, err
	}
	var out []byte
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		sealed, err := tx.Q().GetPatientPhoto(ctx, id)
		if err != nil {
			return err
		}
		if len(sealed) == 0 {
			return notFound()
		}
		k, err := s.keyset(ctx, tx)
		if err != nil {
			return err
		}
		out, err = k.Decrypt(photoPlace(id), sealed)
		return err
	})
	return out, tenants.Refused(err)
}
