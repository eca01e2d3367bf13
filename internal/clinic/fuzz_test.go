package clinic

import (
	"net/mail"
	"regexp"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/apperr"
)

// FuzzEmail: an address that passes stands in a letter's head as it is and in
// the database's column.
func FuzzEmail(f *testing.F) {
	for _, s := range []string{"", "a@b.in", " A@B.IN ", "a@b", "A <a@b.in>", "a@b.in\r\nBcc: x@y.in", "\"a b\"@c.in", "a@[192.0.2.1]", "a@b.in,c@d.in", "é@b.in", "\xff@b.in", "a@b.in\x00", strings.Repeat("a", 300) + "@b.in"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		var p apperr.Problems
		got := checkEmail(&p, "email", typed)
		if p.Err() != nil || got == nil {
			return
		}
		if a, err := mail.ParseAddress(*got); err != nil || a.Address != *got || strings.ContainsAny(*got, "\r\n\x00 ") || *got != strings.ToLower(*got) || len(*got) > 254 {
			t.Errorf("%q passes as %q", typed, *got)
		}
	})
}

// FuzzColor: a colour is six digits or none, and is read in one way only.
func FuzzColor(f *testing.F) {
	for _, s := range []string{"", "#0b5c6b", "0B5C6B", "#abc", "abc", " #ABC ", "#é", "éa", "#12345", "red", "#1234567", "\x00\x00\x00"} {
		f.Add(s)
	}
	form := regexp.MustCompile(`\A(#[0-9a-f]{6})?\z`)
	f.Fuzz(func(t *testing.T, typed string) {
		got, ok := ReadColor(typed)
		if !ok {
			return
		}
		if again, ok := ReadColor(got); !form.MatchString(got) || !ok || again != got {
			t.Errorf("%q is read as %q, then %q", typed, got, again)
		}
	})
}
