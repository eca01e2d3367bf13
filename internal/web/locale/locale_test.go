package locale

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/cloister-health/cloister/internal/apperr"
)

// rawMessages gives each message's text, plural forms joined.
func rawMessages(t *testing.T, lang string) map[string]string {
	t.Helper()
	b, err := catalogues.ReadFile(lang + ".toml")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := toml.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for k, v := range raw {
		switch v := v.(type) {
		case string:
			out[k] = v
		case map[string]any:
			out[k] = fmt.Sprint(v["one"], " ", v["other"])
		}
	}
	return out
}

func TestFormats(t *testing.T) {
	t.Parallel()
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 4, 22, 20, 45, 0, 0, time.UTC) // 02:15 the next day in India
	for _, c := range []struct{ lang, date, stamp string }{
		{"en", "23 Apr 2026", "23 Apr 2026, 02:15 AM"},
		{"hi", "23 अप्रैल 2026", "23 अप्रैल 2026, 02:15 AM"},
		{"mr", "23 एप्रिल 2026", "23 एप्रिल 2026, 02:15 AM"},
	} {
		l := b.For(c.lang, nil)
		if got := l.Date(at); got != c.date {
			t.Errorf("%s date %q, want %q", c.lang, got, c.date)
		}
		if got := l.DateTime(at); got != c.stamp {
			t.Errorf("%s time %q, want %q", c.lang, got, c.stamp)
		}
	}
	l := b.For("en", nil)
	for want, got := range map[string]string{
		"0": l.Num(0), "999": l.Num(999), "1,000": l.Num(1000), "1,25,000": l.Num(125000), "-12,34,567": l.Num(-1234567), "1,00,00,000": l.Num(10000000),
		"₹1,25,000": l.Rupees(12500000), "₹99.50": l.Rupees(9950), "-₹5.05": l.Rupees(-505),
		"18 min": l.Minutes(18*time.Minute + 50*time.Second), "1 h 05 min": l.Minutes(65 * time.Minute),
		"212 KB": l.Size(212 << 10), "4.5 MB": l.Size(9 << 19),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if l.Date(time.Time{}) != "" || l.Time(time.Time{}) != "" || l.DateTime(time.Time{}) != "" || l.Day(time.Time{}) != "" {
		t.Error("a missing time is not empty")
	}
}

func TestPlurals(t *testing.T) {
	t.Parallel()
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	l := b.For("en", nil)
	for n, want := range map[int]string{0: "0 results", 1: "1 result", 2: "2 results"} {
		if got := l.N("search.results", n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestFallsBackToEnglishText(t *testing.T) {
	t.Parallel()
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	l := b.For("mr", nil)
	if got := l.Field(apperr.Field{Name: "x", Key: "no.such.key", Text: "Mend it"}); got != "Mend it" {
		t.Errorf("got %q", got)
	}
	if got := b.For("xx", nil).Lang(); got != "en" {
		t.Errorf("unknown language speaks %q", got)
	}
}

func TestPseudoIsLonger(t *testing.T) {
	t.Parallel()
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	en, long := b.For("en", nil).T("queue.title"), b.Pseudo().T("queue.title")
	if len(long) < len(en)*14/10 || !strings.HasPrefix(long, en) {
		t.Errorf("%q is not 40 percent longer than %q", long, en)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, c := range [][4]string{{"mr", "hi", "en", "mr"}, {"", "hi", "en", "hi"}, {"", "", "mr", "mr"}, {"", "", "", "en"}, {"xx", "<", "hi", "hi"}} {
		if got := Choose(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%v: %q", c, got)
		}
	}
}
