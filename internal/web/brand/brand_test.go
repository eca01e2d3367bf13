package brand

import (
	"strings"
	"testing"
)

func must(t *testing.T, s string) RGB {
	t.Helper()
	c, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every colour of a 16×16×16 grid must come out readable in both themes.
func TestGrid(t *testing.T) {
	t.Parallel()
	failures := 0
	for i := range 4096 {
		asked := RGB{uint8(i >> 8 * 17), uint8(i >> 4 & 15 * 17), uint8(i & 15 * 17)}
		p := Make(asked)
		for _, c := range []struct {
			what   string
			fg, bg RGB
		}{
			{"text on light brand", p.Light.On, p.Light.Brand}, {"light brand on ground", p.Light.Brand, lightBg}, {"light brand on panel", p.Light.Brand, white},
			{"light text on soft", p.Light.Text, p.Light.Soft}, {"light text on panel", p.Light.Text, white}, {"light text on ground", p.Light.Text, lightBg},
			{"text on dark brand", p.Dark.On, p.Dark.Brand}, {"dark brand on ground", p.Dark.Brand, darkBg}, {"dark brand on panel", p.Dark.Brand, darkPanel},
			{"dark text on soft", p.Dark.Text, p.Dark.Soft}, {"dark text on panel", p.Dark.Text, darkPanel}, {"dark text on ground", p.Dark.Text, darkBg},
		} {
			if r := Ratio(c.fg, c.bg); r < Contrast {
				failures++
				t.Errorf("%s: %s is %.2f (%s on %s)", asked, c.what, r, c.fg, c.bg)
			}
		}
		if failures > 20 {
			t.FailNow()
		}
	}
}

func TestKnownColours(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ asked, light, dark string }{
		{"#ff6f00", "#ba5006", "#f47935"},
		{"#ffe600", "#7c7009", "#fce648"},
		{"#ffffff", "#717171", "#ffffff"},
		{"#0b5c6b", "#0b5c6b", ""},
	} {
		p := Make(must(t, c.asked))
		if got, want := p.Light.Brand, must(t, c.light); apart(got, want) > 9 {
			t.Errorf("%s light is %s, want about %s", c.asked, got, c.light)
		}
		if got := p.Dark.Brand.String(); c.dark != "" && got != c.dark {
			t.Errorf("%s dark is %s, want %s", c.asked, got, c.dark)
		}
		if p.Changed != (c.asked != c.light) {
			t.Errorf("%s: changed %v", c.asked, p.Changed)
		}
	}
}

// apart is the greatest difference of a channel. The tones of the design were
// made with another way of cutting to what screens show, which differs in a
// channel that is nearly dark.
func apart(a, b RGB) int {
	d := func(x, y uint8) int { return max(int(x)-int(y), int(y)-int(x)) }
	return max(d(a.R, b.R), d(a.G, b.G), d(a.B, b.B))
}

func TestClash(t *testing.T) {
	t.Parallel()
	for colour, want := range map[string]bool{"#b3261e": true, "#d32f2f": true, "#b7791f": true, "#0b5c6b": false, "#2e7d32": false, "#5b2a91": false, "#777777": false} {
		p := Make(must(t, colour))
		if p.Clash != want {
			t.Errorf("%s clashes: %v", colour, p.Clash)
		}
		if strings.Contains(p.CSS(), "beside") != want {
			t.Errorf("%s: %s", colour, p.CSS())
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	if must(t, " #0B5c6b ").String() != "#0b5c6b" || must(t, "fff").String() != "#ffffff" {
		t.Error("valid colours are read wrongly")
	}
	for _, bad := range []string{"", "#", "#12345", "#1234567", "red", "#gggggg", "#0b5c6b;}", "+12345"} {
		if c, err := Parse(bad); err == nil {
			t.Errorf("%q is read as %s", bad, c)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("#0b5c6b")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse(s)
		if err != nil {
			return
		}
		if css := Make(c).CSS(); strings.Count(css, "}") != 1 || strings.ContainsAny(css, "<\"'\\/") {
			t.Errorf("%q writes %s", s, css)
		}
	})
}
