package prescription

import (
	"testing"

	"pgregory.net/rapid"
)

func TestParseDose(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "  ": "", "101": "1-0-1", "1-0-1": "1-0-1", " 1 - 0 - 1 ": "1-0-1", "1–0–1": "1-0-1", "1-1-1-1": "1-1-1-1", "1111": "1-1-1-1",
		"½0½": "½-0-½", "½-0-½": "½-0-½", "1/2-0-1/2": "½-0-½", "0.5-0-1": "½-0-1", ".5-0-1.5": "½-0-1½", "1 1/2-0-0": "1½-0-0", "1½-0-¼": "1½-0-¼",
		"0-0-1-0": "0-0-1-0", "1-0-0-1": "1-0-1", "१-०-१": "1-0-1", "2-2-2": "2-2-2", "10-0-10": "10-0-10",
		"od": "1-0-0", "BD": "1-0-1", "b.d.": "1-0-1", "bid": "1-0-1", "tds": "1-1-1", "TID": "1-1-1", "qid": "1-1-1-1", "hs": "0-0-1", "sos": "SOS", "S.O.S.": "SOS", "prn": "SOS",
		"½ bd": "½-0-½", "2 od": "2-0-0", "1/2tds": "½-½-½", "1½ hs": "0-0-1½",
	} {
		d, err := ParseDose(text)
		if err != nil || d.String() != want {
			t.Errorf("%q is %q, %v; want %q", text, d, err, want)
		}
	}
	for _, text := range []string{"0-0-0", "000", "1", "10", "1-0", "1-0-1-0-1", "11111", "1--1", "-1-0", "1-0-", "x", "1-0-x", "bdx", "0 bd", "2 sos", "1/3-0-1", "1/0-0-1", "99-0-0",
		"300-0-0", "1-0-1 after food", "½½", "1 2/-0-1", "1 /2-0-0"} {
		if d, err := ParseDose(text); err == nil {
			t.Errorf("%q was taken for %q", text, d)
		}
	}
}

func someDose(t *rapid.T) Dose {
	if rapid.IntRange(0, 9).Draw(t, "sos") == 0 {
		return Dose{SOS: true}
	}
	each := rapid.Int16Range(0, mostAtOnce)
	return Dose{Morning: each.Draw(t, "m"), Afternoon: each.Draw(t, "a"), Evening: each.Draw(t, "e"), Night: each.Draw(t, "n")}
}

func TestADoseReadsBackAsItPrints(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := someDose(t)
		if got, err := ParseDose(d.String()); err != nil || got != d {
			t.Fatalf("%#v prints as %q and reads as %#v, %v", d, d, got, err)
		}
	})
}

func TestQuantityCoversTheCourse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, days := someDose(t), rapid.IntRange(0, mostDays).Draw(t, "days")
		n, ok := Quantity("tablet", d, days)
		if ok != (!d.SOS && !d.IsZero() && days > 0) {
			t.Fatalf("%q for %d days: ok is %t", d, days, ok)
		}
		if need := d.quarters() * days; ok && (n*4 < need || (n-1)*4 >= need) {
			t.Fatalf("%d tablets for %d quarters", n, need)
		}
	})
	if _, ok := Quantity("syrup", Dose{Morning: 4}, 5); ok {
		t.Error("a syrup was counted")
	}
}

func TestParseDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "5": 5, "5d": 5, "5 D": 5, "5days": 5, "1 day": 1, "2w": 14, "1 week": 7, "2 wk.": 14, "1m": 30, "3 months": 90, "365": 365, "१०": 10} {
		if got, err := ParseDays(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "0 days", "366", "13m", "x", "3-5 days", "SOS", "5 years", "-5", "1.5w", "99999999999"} {
		if got, err := ParseDays(text); err == nil {
			t.Errorf("%q was taken for %d", text, got)
		}
	}
}

func FuzzParseDose(f *testing.F) {
	for _, s := range []string{"101", "½-0-½", "1 1/2-0-1", "tds", "½ bd", "१-०-१", "1---1", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDose(s)
		if err != nil {
			if d != (Dose{}) {
				t.Errorf("%q: an error and %v", s, d)
			}
			return
		}
		if again, err := ParseDose(d.String()); err != nil || again != d {
			t.Errorf("%q is %#v, which reads back as %#v, %v", s, d, again, err)
		}
	})
}

func FuzzParseDays(f *testing.F) {
	for _, s := range []string{"5d", "2 w", "1m", "365", "٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseDays(s); n < 0 || n > mostDays || (err != nil && n != 0) {
			t.Errorf("%q is %d, %v", s, n, err)
		}
	})
}
