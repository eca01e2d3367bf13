package keys_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/keys"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	l, other := keys.NewLinks([]byte("a key of thirty-two bytes, or so")), keys.NewLinks([]byte("another key"))
	clinic, id := uuid.New(), uuid.New()
	text := l.Key("prescription", clinic, id, 1)
	got, mac, ok := keys.ReadLink(text)
	if !ok || got != id || !l.Right("prescription", clinic, id, 1, mac) {
		t.Fatalf("%s gives %v %v", text, got, ok)
	}
	for name, right := range map[string]bool{
		"another kind":       l.Right("place", clinic, id, 1, mac),
		"another clinic":     l.Right("prescription", uuid.New(), id, 1, mac),
		"another record":     l.Right("prescription", clinic, uuid.New(), 1, mac),
		"another generation": l.Right("prescription", clinic, id, 2, mac),
		"another key":        other.Right("prescription", clinic, id, 1, mac),
		"no MAC":             l.Right("prescription", clinic, id, 1, nil),
	} {
		if right {
			t.Errorf("%s opens it", name)
		}
	}
}

// No text but the one that was made may be read as a key.
func FuzzReadLink(f *testing.F) {
	l := keys.NewLinks([]byte("a key of thirty-two bytes, or so"))
	clinic, id := uuid.MustParse("018f0000-0000-7000-8000-0000000000aa"), uuid.MustParse("018f0000-0000-7000-8000-0000000000bb")
	right := l.Key("prescription", clinic, id, 0)
	for _, seed := range []string{right, right + "=", right[1:], "", right + "A", " " + right, "é" + right} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, mac, ok := keys.ReadLink(text)
		if ok && l.Right("prescription", clinic, got, 0, mac) != (text == right) && got == id {
			t.Errorf("%q is read as %v", text, got)
		}
	})
}
