package patient_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cloister-health/cloister/internal/patient"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, clean, first, last string }{
		{"", "", "", ""},
		{" \u200b\ufeff", "", "", ""},
		{"Sukhdev", "Sukhdev", "Sukhdev", ""},
		{"  Kavita  Ghuge ", "Kavita Ghuge", "Kavita", "Ghuge"},
		{"Deepak\tSalve-Dhumal", "Deepak Salve-Dhumal", "Deepak", "Salve-Dhumal"},
		{"Meera\u200bBhavsar", "Meera Bhavsar", "Meera", "Bhavsar"},
		{"Me\u00adera \u202e\u2066Bhavsar\u0007", "Meera Bhavsar", "Meera", "Bhavsar"},
		{"Asha\u00a0Kiran", "Asha Kiran", "Asha", "Kiran"},
		{"ज्ञानेश्वर ऋषीकेश त्र्यंबके", "ज्ञानेश्वर ऋषीकेश त्र्यंबके", "ज्ञानेश्वर ऋषीकेश", "त्र्यंबके"},
		{"क्\u200dष", "क्\u200dष", "क्\u200dष", ""},
		{`Joseph "Joe" D'Mello`, `Joseph "Joe" D'Mello`, `Joseph "Joe"`, "D'Mello"},
		{"Pooja 🌸 Shirsat", "Pooja 🌸 Shirsat", "Pooja 🌸", "Shirsat"},
	} {
		if got := patient.CleanName(c.text); got != c.clean {
			t.Errorf("CleanName(%q) = %q, want %q", c.text, got, c.clean)
		}
		if first, last := patient.SplitName(c.text); first != c.first || last != c.last {
			t.Errorf("SplitName(%q) = %q, %q; want %q, %q", c.text, first, last, c.first, c.last)
		}
	}
}

// FuzzSplitName: parting loses no letter, and cleaning twice is cleaning once.
func FuzzSplitName(f *testing.F) {
	for _, seed := range []string{"", "Sukhdev", "  Kavita  Ghuge ", "Meera\u200bBhavsar", "सुनंदा वाघधरे", "\xff a", "a\x1cb\x85c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := patient.CleanName(text)
		if patient.CleanName(clean) != clean {
			t.Fatalf("CleanName(%q) is not stable: %q", text, clean)
		}
		first, last := patient.SplitName(text)
		if utf8.ValidString(text) && strings.TrimSpace(first+" "+last) != clean {
			t.Fatalf("SplitName(%q) = %q, %q loses part of %q", text, first, last, clean)
		}
	})
}
