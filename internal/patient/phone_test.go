package patient_test

import (
	"regexp"
	"testing"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
)

func TestParsePhone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                "",
		" \t\u00a0":       "",
		"9000000001":      "+919000000001",
		"+919000000001":   "+919000000001",
		"919000000001":    "+919000000001",
		"09000000001":     "+919000000001",
		"+91 90000 00001": "+919000000001",
		"90000-00001":     "+919000000001",
		"(90000) 000.01":  "+919000000001",
		"९०००० ००००१":     "+919000000001",
		"𝟗𝟎𝟎𝟎𝟎𝟎𝟎𝟎𝟎𝟏": "+919000000001",
		"𝟿𝟶𝟶𝟶𝟶𝟶𝟶𝟶𝟶𝟷": "+919000000001",
		"6000000001":         "+916000000001",
		"0253-2345678":       "+912532345678",
		"1800 123 4567":      "+9118001234567",
		"+44 20 7946 0958":   "+442079460958",
		"+1 (650) 253-0000":  "+16502530000",
		"+91 (0) 9000000001": "+919000000001",
	} {
		got, err := patient.ParsePhone(text)
		if err != nil || got != want {
			t.Errorf("ParsePhone(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"abc", "N/A", "12345", "0000000000", "5000000001", "90000000012", "112", "9000000001 ext 3", "9000000001x3",
		"9000000001 / 9000000002", "9000000001, 9000000002", "1800FLOWERS", "tel:+919000000001", "+", "-", "++919000000001",
		"+999 123456789", "9000000001\x00",
	} {
		got, err := patient.ParsePhone(text)
		if !apperr.Is(err, apperr.Invalid) || got != "" {
			t.Errorf("ParsePhone(%q) = %q, %v; want an Invalid error", text, got, err)
		}
	}
}

func TestIndianMobileTakesNothingElse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "0253-2345678", "+442079460958", "1800 123 4567", "9000000001 9000000002", "+91 0 9000000001", "00919000000001"} {
		if got, ok := patient.IndianMobile(text); ok {
			t.Errorf("IndianMobile(%q) = %q; want none", text, got)
		}
	}
}

// FuzzParsePhone: whatever is sent, the answer is nothing or E.164, reading the
// answer again gives it back, and no answer comes with an error.
func FuzzParsePhone(f *testing.F) {
	for _, seed := range []string{
		"", "9000000001", "+91 90000 00026", "09000000035", "919000000049", "90000-00083", "abc", "0000000000", "12345", "N/A",
		"९०००० ००००१", "+44 20 7946 0958", "0253-2345678", "9000000001 ext 3", "+910", "\x00", "\xff\xfe", "+800 1234 5678", "(((((", "٠٩٠٠٠٠٠٠٠٠١",
	} {
		f.Add(seed)
	}
	e164 := regexp.MustCompile(`^\+[1-9][0-9]{3,14}$`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := patient.ParsePhone(text)
		if err != nil {
			if got != "" || !apperr.Is(err, apperr.Invalid) {
				t.Fatalf("ParsePhone(%q) = %q, %v", text, got, err)
			}
			return
		}
		if got == "" {
			return
		}
		if !e164.MatchString(got) {
			t.Fatalf("ParsePhone(%q) = %q, not E.164", text, got)
		}
		if again, err := patient.ParsePhone(got); err != nil || again != got {
			t.Fatalf("ParsePhone(%q) = %q, but read again %q, %v", text, got, again, err)
		}
		if mobile, ok := patient.IndianMobile(text); ok && mobile != got {
			t.Fatalf("IndianMobile(%q) = %q, ParsePhone says %q", text, mobile, got)
		}
	})
}

func TestSpacedPhone(t *testing.T) {
	t.Parallel()
	for kept, want := range map[string]string{"+912055501400": "+91 20 5550 1400", "+919000000001": "+91 90000 00001", "+442079460958": "+44 20 7946 0958", "": "", "by hand": "by hand"} {
		if got := patient.SpacedPhone(kept); got != want {
			t.Errorf("%q: %q, want %q", kept, got, want)
		}
	}
}
