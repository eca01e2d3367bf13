package brand

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cloister-health/cloister/internal/apperr"
)

// RGB is an sRGB colour with eight bits a channel.
type RGB struct{ R, G, B uint8 }

// Parse reads "#rrggbb" or "#rgb".
//
// Errors: Invalid.
func Parse(s string) (RGB, error) {
	hex := strings.TrimPrefix(strings.TrimSpace(s), "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 6 {
		return RGB{}, apperr.New(apperr.Invalid, "error.colour.invalid", "Write the colour like #0b5c6b")
	}
	return RGB{uint8(n >> 16), uint8(n >> 8), uint8(n)}, nil
}

// String is "#rrggbb".
func (c RGB) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func linear(v uint8) float64 {
	x := float64(v) / 255
	if x <= 0.04045 {
		return x / 12.92
	}
	return math.Pow((x+0.055)/1.055, 2.4)
}

func gamma(x float64) uint8 {
	x = math.Max(0, math.Min(1, x))
	if x <= 0.0031308 {
		x *= 12.92
	} else {
		x = 1.055*math.Pow(x, 1/2.4) - 0.055
	}
	return uint8(math.Round(x * 255))
}

// luminance is the relative luminance of WCAG 2.2.
func (c RGB) luminance() float64 {
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// Ratio is the contrast of two colours, 1 to 21, by WCAG 2.2.
func Ratio(a, b RGB) float64 {
	x, y := a.luminance(), b.luminance()
	if x < y {
		x, y = y, x
	}
	return (x + 0.05) / (y + 0.05)
}

// lch is OKLCH: lightness 0 to 1, chroma, hue in degrees. The matrices are
// those of Björn Ottosson's "A perceptual color space for image processing".
type lch struct{ l, c, h float64 }

func (c RGB) lch() lch {
	r, g, b := linear(c.R), linear(c.G), linear(c.B)
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	x := 1.9779984951*l - 2.4285922050*m + 0.4505937099*s
	y := 0.0259040371*l + 0.7827717662*m - 0.8086757660*s
	h := math.Atan2(y, x) * 180 / math.Pi
	if h < 0 {
		h += 360
	}
	return lch{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, math.Hypot(x, y), h}
}

// rgb gives the colour with as much chroma as a screen can show at its
// lightness and hue.
func (c lch) rgb() RGB {
	for ; c.c > 0; c.c -= 0.001 {
		if r, g, b := c.linear(); inside(r) && inside(g) && inside(b) {
			break
		}
	}
	r, g, b := c.linear()
	return RGB{gamma(r), gamma(g), gamma(b)}
}

// inside allows for half a step of eight bits beyond the gamut's edge.
func inside(x float64) bool { return x >= -0.0005 && x <= 1.0005 }

func (c lch) linear() (r, g, b float64) {
	x, y := c.c*math.Cos(c.h*math.Pi/180), c.c*math.Sin(c.h*math.Pi/180)
	l := c.l + 0.3963377774*x + 0.2158037573*y
	m := c.l - 0.1055613458*x - 0.0638541728*y
	s := c.l - 0.0894841775*x - 1.2914855480*y
	l, m, s = l*l*l, m*m*m, s*s*s
	return 4.0767416621*l - 3.3077115913*m + 0.2309699292*s,
		-1.2684380046*l + 2.6097574011*m - 0.3413193965*s,
		-0.0041960863*l - 0.7034186147*m + 1.7076147010*s
}
