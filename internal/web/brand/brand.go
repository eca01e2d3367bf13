// Package brand makes any colour a clinic chooses safe to read. It corrects
// the colour for the light and the dark theme until text on it and it on every
// ground reach a contrast of 4.5, and writes the clinic's stylesheet. It may
// set the brand's tokens and nothing else: status, danger and neutral colours
// are never a clinic's.
package brand

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
)

// Contrast is the least ratio of text to its ground, by WCAG 2.2 AA.
const Contrast = 4.5

// maxChroma caps how vivid a brand may be: more vivid tones tire and compete
// with the colours of clinical state.
const maxChroma = 0.17

// near is how close, in degrees of hue, a brand may come to danger's or
// warning's colour before it is told so.
const near = 18

// The grounds that a brand stands on, as the stylesheet has them.
var (
	white     = RGB{255, 255, 255}
	lightBg   = RGB{0xf4, 0xf6, 0xf8}
	darkText  = RGB{0x04, 0x18, 0x1c}
	darkBg    = RGB{0x0e, 0x15, 0x1d}
	darkPanel = RGB{0x16, 0x20, 0x2b}
	danger    = RGB{0xb3, 0x26, 0x1e}
	warning   = RGB{0xb7, 0x79, 0x1f}
)

// Tone is a brand in one theme.
type Tone struct {
	Brand RGB // buttons, marks
	On    RGB // text on Brand
	Soft  RGB // the ground of what is chosen
	Text  RGB // brand-coloured text, on Soft and on every ground
}

// Palette is a clinic's colour made safe.
type Palette struct {
	Asked   RGB
	Light   Tone
	Dark    Tone
	Changed bool // the light tone differs from what was asked
	Clash   bool // its hue is close to danger's or warning's
}

// Make corrects a colour. Every result passes Contrast; the grid test holds
// this for 4096 colours.
func Make(asked RGB) Palette {
	c := asked.lch()
	capped := c
	capped.c = math.Min(c.c, maxChroma)
	p := Palette{Asked: asked}
	p.Light.Brand = walk(capped, -0.01, func(x RGB) bool { return reads(x, white, lightBg) })
	if c.c <= maxChroma && reads(asked, white, lightBg) {
		p.Light.Brand = asked
	}
	p.Dark.Brand = walk(capped, 0.01, func(x RGB) bool { return reads(x, darkText, darkBg, darkPanel) })
	if c.c <= maxChroma && reads(asked, darkText, darkBg, darkPanel) {
		p.Dark.Brand = asked
	}
	p.Light.On, p.Dark.On = white, darkText
	p.Light.Soft = lch{0.945, math.Min(capped.c*0.2, 0.03), c.h}.rgb()
	p.Dark.Soft = lch{0.305, math.Min(capped.c*0.5, 0.045), c.h}.rgb()
	p.Light.Text = walk(p.Light.Brand.lch(), -0.01, func(x RGB) bool { return reads(x, p.Light.Soft, white, lightBg) })
	lifted := p.Dark.Brand.lch()
	lifted.l = math.Max(lifted.l, 0.82)
	lifted.c = math.Min(lifted.c, 0.1)
	p.Dark.Text = walk(lifted, 0.01, func(x RGB) bool { return reads(x, p.Dark.Soft, darkBg, darkPanel) })
	p.Changed = p.Light.Brand != asked
	p.Clash = c.c > 0.04 && (hueGap(c.h, danger.lch().h) <= near || hueGap(c.h, warning.lch().h) <= near)
	return p
}

// walk moves the lightness until the colour passes. Black on light grounds and
// white on dark ones always do, so it ends.
func walk(c lch, step float64, ok func(RGB) bool) RGB {
	for ; c.l >= 0 && c.l <= 1; c.l += step {
		if x := c.rgb(); ok(x) {
			return x
		}
	}
	if step < 0 {
		return RGB{}
	}
	return white
}

func reads(x RGB, grounds ...RGB) bool {
	for _, g := range grounds {
		if Ratio(x, g) < Contrast {
			return false
		}
	}
	return true
}

func hueGap(a, b float64) float64 {
	d := math.Abs(a - b)
	return math.Min(d, 360-d)
}

// CSS is the clinic's stylesheet: the four brand tokens, each for both themes.
// A brand whose hue clashes gives way to a neutral one beside destructive
// buttons.
func (p Palette) CSS() string {
	s := fmt.Sprintf(":root{--brand:light-dark(%s,%s);--on-brand:light-dark(%s,%s);--brand-soft:light-dark(%s,%s);--brand-text:light-dark(%s,%s)",
		p.Light.Brand, p.Dark.Brand, p.Light.On, p.Dark.On, p.Light.Soft, p.Dark.Soft, p.Light.Text, p.Dark.Text)
	if p.Clash {
		s += ";--brand-beside:light-dark(#16202b,#e6ebf0);--on-brand-beside:light-dark(#fff,#0e151d)"
	}
	return s + "}\n"
}

// Hash names the version of a stylesheet in its address.
func (p Palette) Hash() string {
	sum := sha256.Sum256([]byte(p.CSS()))
	return hex.EncodeToString(sum[:5])
}
