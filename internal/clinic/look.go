package clinic

import (
	"bytes"
	"context"
	"image"
	"image/color"
	_ "image/gif"  // a logo may come as GIF
	_ "image/jpeg" // or JPEG
	"image/png"
	"regexp"
	"strings"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

var colorForm = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// ReadColor reads a colour as people type it: "#0b5c6b" or "0B5C6B"; empty
// stays empty, for the product's own. False for anything else.
func ReadColor(text string) (string, bool) {
	t := strings.ToLower(strings.TrimSpace(text))
	if t == "" {
		return "", true
	}
	if !strings.HasPrefix(t, "#") {
		t = "#" + t
	}
	if len(t) == 4 { // the short form
		t = string([]byte{'#', t[1], t[1], t[2], t[2], t[3], t[3]})
	}
	return t, colorForm.MatchString(t)
}

// SaveBrand changes the brand colour, as asked: the pages correct it for
// contrast. Codes: invalid (color), stale, forbidden.
func (s *Service) SaveBrand(ctx context.Context, color string, version int32) error {
	if err := s.allow(ctx, access.SettingsEdit); err != nil {
		return err
	}
	c, ok := ReadColor(color)
	if !ok {
		var p apperr.Problems
		p.Add("color", "error.colour.invalid", "Write the colour like #0b5c6b")
		return p.Err()
	}
	q := tenantdb.UpdateBrandParams{Version: version}
	if c != "" {
		q.BrandColor = &c
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		return one(tx.Q().UpdateBrand(ctx, q))
	}))
}

// Bounds of a logo: what is sent, what is decoded, what is kept.
const (
	MaxLogoUpload = 2 << 20
	maxLogoSide   = 4000
	maxLogoBytes  = 100 << 10
	logoHeight    = 128 // four times the height it is shown in
	logoWidth     = 512
)

// SaveLogo keeps a logo. Whatever was sent is decoded and written anew as PNG,
// so that nothing of the file but its picture is ever served. Nil takes the
// logo away. Codes: invalid (logo), stale, forbidden.
func (s *Service) SaveLogo(ctx context.Context, file []byte, version int32) error {
	if err := s.allow(ctx, access.SettingsEdit); err != nil {
		return err
	}
	var logo []byte
	if file != nil {
		var err error
		if logo, err = picture(file); err != nil {
			return err
		}
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		return one(tx.Q().SetLogo(ctx, tenantdb.SetLogoParams{Logo: logo, Version: version}))
	}))
}

// picture makes a small PNG of a PNG, JPEG or GIF. The size is looked at before
// anything is decoded: a small file may claim a huge picture.
func picture(file []byte) ([]byte, error) {
	bad := func(key, text string) error {
		var p apperr.Problems
		p.Add("logo", key, text)
		return p.Err()
	}
	conf, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil || len(file) > MaxLogoUpload {
		return nil, bad("error.logo.kind", "Use a PNG, JPEG or GIF of at most 2 MB")
	}
	if conf.Width < 1 || conf.Height < 1 || conf.Width > maxLogoSide || conf.Height > maxLogoSide {
		return nil, bad("error.logo.size", "The picture is too large: use at most 4000 by 4000 points")
	}
	src, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, bad("error.logo.kind", "Use a PNG, JPEG or GIF of at most 2 MB")
	}
	for scale := 1.0; scale > 0.1; scale *= 0.7 {
		var out bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, fit(src, scale)); err != nil {
			return nil, err
		}
		if out.Len() <= maxLogoBytes {
			return out.Bytes(), nil
		}
	}
	return nil, bad("error.logo.size", "The picture is too large: use at most 4000 by 4000 points")
}

// fit makes the picture as small as a page needs it, never larger than it was.
// Each point is the mean of those it stands for.
func fit(src image.Image, scale float64) image.Image {
	b := src.Bounds()
	f := min(1, logoHeight*scale/float64(b.Dy()), logoWidth*scale/float64(b.Dx()))
	w, h := max(1, int(float64(b.Dx())*f)), max(1, int(float64(b.Dy())*f))
	dst := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			dst.Set(x, y, mean(src, image.Rect(b.Min.X+x*b.Dx()/w, b.Min.Y+y*b.Dy()/h, b.Min.X+(x+1)*b.Dx()/w, b.Min.Y+(y+1)*b.Dy()/h)))
		}
	}
	return dst
}

// mean is the mean colour of an area, weighed by opacity.
func mean(src image.Image, area image.Rectangle) color.Color {
	var r, g, b, a, n uint64
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			pr, pg, pb, pa := src.At(x, y).RGBA()
			r, g, b, a, n = r+uint64(pr), g+uint64(pg), b+uint64(pb), a+uint64(pa), n+1
		}
	}
	n = max(n, 1)
	return color.RGBA64{R: uint16(r / n), G: uint16(g / n), B: uint16(b / n), A: uint16(a / n)}
}

// Logo gives the logo of a clinic to anybody, signed in or not: it stands on
// the door. Codes: not_found.
func (s *Service) Logo(ctx context.Context, c *tenants.Clinic) ([]byte, error) {
	sc := tenants.Scope{Clinic: c, Actor: tenants.Actor{Kind: access.Anonymous, Role: access.Display}}
	var logo []byte
	err := tenants.Read(tenants.WithScope(ctx, sc), s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		logo, err = tx.Q().GetLogo(ctx)
		return err
	})
	if err == nil && len(logo) == 0 {
		err = apperr.New(apperr.NotFound, "error.not_found", "This page does not exist")
	}
	return logo, tenants.Refused(err)
}
