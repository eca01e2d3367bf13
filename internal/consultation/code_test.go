package consultation_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/testkit"
)

// What is typed finds what is meant: by code, word, beginning, American or
// British or wrong spelling.
func TestSuggest(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, c := range []struct{ typed, code string }{
		{"I10", "I10"}, {"i10", "I10"}, {"j06.9", "J06.9"}, {"J069", "J06.9"}, {"E11", "E11.9"}, {"hyperten", "I10"}, {"essential hypertension", "I10"},
		{"hypertention", "I10"}, {"diabetis type 2", "E11.9"}, {"diabetes melitus", "E11.9"}, {"diarrhoea", "R19.7"}, {"anaemia", "D64.9"}, {"astma", "J45.909"},
		{"dengu", "A90"}, {"fever dengue", "A90"}, {"cough", "R05"}, {"low back pain", "M54.5"}, {"tumour of", "D3A.012"}, {"tiphoid", "A01.00"}, {"of", ""}, {"  ", ""},
		{"xqzzt", ""}, {"' ; drop table patients --", ""}, {"😷", ""}, {"बुखार", ""},
	} {
		got, err := w.Suggest(doctor(t), c.typed, 8)
		if err != nil {
			t.Fatalf("%q: %v", c.typed, err)
		}
		if c.code != "" && !slices.ContainsFunc(got, func(s consultation.Suggestion) bool { return s.Code == c.code }) {
			t.Errorf("%q finds %v, not %s", c.typed, got, c.code)
		}
		if len(got) > 8 {
			t.Errorf("%q finds %d", c.typed, len(got))
		}
	}
	if _, err := w.Suggest(as(t, access.Nurse), "fever", 8); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("a nurse: %v", err)
	}
}

// What a doctor recorded lately comes first, and only to that doctor.
func TestSuggestRecent(t *testing.T) {
	t.Parallel()
	w := open(t)
	first, err := w.Suggest(doctor(t), "pharyngitis", 8)
	if err != nil || !first[0].Recent || first[0].Code != "J02.9" {
		t.Errorf("%v, %v", first, err)
	}
	id := w.arrive(t, testkit.Bilal, testkit.SecondDoctor)
	if err := w.Begin(otherDoctor(t), id, 1); err != nil {
		t.Fatal(err)
	}
	other, err := w.Suggest(otherDoctor(t), "fracture", 8)
	if err != nil || len(other) != 8 || other[0].Recent {
		t.Errorf("%v, %v", other, err)
	}
}

func TestTheListIsLoadedOnce(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Admin)
	var codes, words, listed int
	var common []string
	err := conn.QueryRow(t.Context(), `select (select count(*) from platform.icd10), (select count(*) from platform.icd10_words),
		(select rows from platform.reference_lists where name = 'icd10'), (select array_agg(code order by common) from platform.icd10 where common is not null)`).
		Scan(&codes, &words, &listed, &common)
	if err != nil || codes != 44_470 || listed != codes || words < 6000 || common[0] != "I10" {
		t.Errorf("%d codes of %d, %d words, first %v, %v", codes, listed, words, common[:1], err)
	}
}

var plainWord = regexp.MustCompile(`^[a-z0-9]+$`)

func FuzzParseCode(f *testing.F) {
	for _, s := range []string{"I10", "e11.9", "hypertension", "ताप", "a'b", strings.Repeat("é", 100), "A00.\x00", "J0 6"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		q := consultation.ParseCode(typed)
		if len(q.Words) != len(q.Others) || len(q.Words) > 8 {
			t.Fatalf("%q: %d words, %d others", typed, len(q.Words), len(q.Others))
		}
		for _, w := range append(slices.Clone(q.Words), q.Others...) {
			if !plainWord.MatchString(w) {
				t.Fatalf("%q gives the word %q", typed, w)
			}
		}
		if q.Letters != "" && !regexp.MustCompile(`^[A-Z][0-9][0-9A-Z]{0,5}$`).MatchString(q.Letters) {
			t.Fatalf("%q gives the code %q", typed, q.Letters)
		}
		if again := consultation.ParseCode(strings.Join(q.Words, " ")); !slices.Equal(again.Words, q.Words) && utf8.ValidString(typed) {
			t.Fatalf("%q: %v reads as %v", typed, q.Words, again.Words)
		}
	})
}

// Whatever is typed is refused or reads back as it was.
func FuzzMeasured(f *testing.F) {
	f.Add("120/80", "98.6", "74,5")
	f.Add("80/120", "37°C", "0.5")
	f.Add("/", "1e2", "-1")
	f.Fuzz(func(t *testing.T, pressure, temperature, weight string) {
		v, err := consultation.Measured{Pressure: pressure, Temperature: temperature, Weight: weight}.Parse()
		if err != nil {
			return
		}
		again, err := v.Measured().Parse()
		if err != nil || again != v {
			t.Fatalf("%q %q %q: %+v reads back as %+v, %v", pressure, temperature, weight, v, again, err)
		}
		if v.Systolic != 0 && v.Systolic <= v.Diastolic || v.WeightGrams < 0 || v.WeightGrams > 500_000 {
			t.Fatalf("%+v", v)
		}
	})
}
