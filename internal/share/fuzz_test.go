package share_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/share"
	"github.com/cloister-health/cloister/internal/testkit"
)

// FuzzShareToken asks for links by any token, answer and pass: nothing is a
// fault of ours, no token but the one that was made is found, and nothing but a
// right answer and its own pass shows a prescription.
func FuzzShareToken(f *testing.F) {
	w := open(f)
	m, err := w.Create(as(f, access.Receptionist), uuid.New(), rx, share.Wish{Channel: share.Copy, Days: 30})
	if err != nil {
		f.Fatal(err)
	}
	pass := w.answered(f, m.Token)
	for _, token := range []string{"", m.Token, m.Token + "A", m.Token[1:], strings.ToUpper(m.Token), m.Token + "=", strings.Repeat("A", 43), strings.Repeat("_", 5000), "\xff\x00", "../" + m.Token, m.Token + "\n"} {
		f.Add(token, "1980", pass)
		f.Add(token, "1900", "")
		f.Add(token, "\x00\xff", strings.Repeat("A", len(pass)))
	}
	f.Fuzz(func(t *testing.T, token, answer, key string) {
		for _, v := range []share.Visitor{alpha, stranger(testkit.Beta), {}} {
			mine := token == m.Token && v.Clinic != nil && v.Clinic.ID == testkit.Alpha.ID
			look, err := w.Look(t.Context(), v, token)
			if mine != (err == nil) || err != nil && !apperr.Is(err, apperr.NotFound) {
				t.Fatalf("look: %s, %v", look.State, err)
			}
			opening, look, err := w.Try(t.Context(), v, token, answer)
			if mine != (err == nil) || err != nil && !apperr.Is(err, apperr.NotFound) {
				t.Fatalf("try: %s, %v", look.State, err)
			}
			right := share.Answer(answer) == "1980" || share.Answer(answer) == "1111"
			if opening.Pass != "" && (!mine || !right) {
				t.Fatalf("the answer %q opened it", answer)
			}
			p, err := w.Read(t.Context(), v, token, key, false)
			if err == nil && (!mine || key != pass || len(p.Lines) == 0) {
				t.Fatal("read without a right to it, or nothing")
			}
			if err != nil && !share.NotOpen(err) && !apperr.Is(err, apperr.NotFound) {
				t.Fatalf("read: %v", err)
			}
		}
		if a := share.Answer(answer); a != "" && (len(a) != 4 || !utf8.ValidString(a)) {
			t.Fatalf("%q is read as %q", answer, a)
		}
	})
}
