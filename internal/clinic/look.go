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

// Bounds of a logo: what is sent, what is decoded, what is kept.
const (
	MaxLogoUpload = 2 << 20
	maxLogoSide   = 4000
	maxLogoBytes  = 100 << 10
	logoHeight    = 128 // four times the height it is shown in
	logoWidth     = 512
)

// Look is what a clinic may choose of its looks.
type Look struct {
	Color   string // as asked, empty for the product's own; pages correct it for contrast
	Logo    []byte // a new logo, nil to keep the one there is
	NoLogo  bool   // take the logo away
	Version int32  // of the facts
}

// SaveLook changes the colour and the logo. Whatever was sent as a logo is
// decoded and written anew as PNG, so that nothing of the file but its picture
// is ever served. A form that asks for what is there already changes nothing
// and is no error. Codes: invalid (colour, logo), stale, forbidden.
func (s *Service) SaveLook(ctx context.Context, in Look) error {
	if err := s.allow(ctx, access.SettingsEdit); err != nil {
		return err
	}
	var p apperr.Problems
	brand := tenantdb.UpdateBrandParams{Version: in.Version}
	c, ok := ReadColor(in.Color)
	if !ok {
		p.Add("colour", "error.colour.invalid", "Write the colour like #0b5c6b")
	} else if c != "" {
		brand.BrandColor = &c
	}
	logo := tenantdb.SetLogoParams{Version: in.Version + 1}
	if in.Logo != nil && !in.NoLogo {
		logo.Logo = picture(&p, in.Logo)
	}
	if err := p.Err(); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		keep := in.Logo == nil && !in.NoLogo
		n, err := tx.Q().UpdateBrand(ctx, brand)
		if err == nil && n != 1 {
			return sameLook(ctx, tx, c, logo.Logo, keep)
		}
		if err != nil || keep {
			return err
		}
		return one(tx.Q().SetLogo(ctx, logo))
	}))
}

// sameLook is stale unless the colour and, where it isn't kept, the logo are
// what is there.
func sameLook(ctx context.Context, tx *tenants.Tx, color string, logo []byte, keep bool) error {
	f, err := readFacts(ctx, tx)
	if err != nil {
		return err
	}
	there, err := tx.Q().GetLogo(ctx)
	if err != nil {
		return err
	}
	if f.BrandColor != color || (!keep && !bytes.Equal(there, logo)) {
		return stale()
	}
	return nil
}

// picture makes a small PNG of a PNG, JPEG or GIF. The size is looked at before
// anything is decoded: a small file may claim a huge picture.
func picture(p *apperr.Problems, file []byte) []byte {
	conf, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil || len(file) > MaxLogoUpload {
		p.Add("logo", "error.logo.kind", "Use a PNG, JPEG or GIF of at most 2 MB")
		return nil
	}
	if conf.Width < 1 || conf.Height < 1 || conf.Width > maxLogoSide || conf.Height > maxLogoSide {
		p.Add("logo", "error.logo.size", "The picture is too large: use at most 4000 by 4000 points")
		return nil
	}
	src, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		p.Add("logo", "error.logo.kind", "Use a PNG, JPEG or GIF of at most 2 MB")
		return nil
	}
	for scale := 1.0; scale > 0.1; scale *= 0.7 {
		var out bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, fit(src, scale)); err == nil && out.Len() <= maxLogoBytes {
			return out.Bytes()
		}
	}
	p.Add("logo", "error.logo.size", "The picture is too large: use at most 4000 by 4000 points")
	return nil
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
