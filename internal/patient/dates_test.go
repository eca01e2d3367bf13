package patient_test

import (
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
)

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func TestParseDay(t *testing.T) {
	t.Parallel()
	want := day(1986, time.April, 3)
	for _, text := range []string{
		"1986-04-03", "03/04/1986", "3/4/1986", "03-04-1986", "3-4-1986", "3.4.1986", " 3 Apr  1986 ", "3 April 1986",
		"3-Apr-1986", "०३/०४/१९८६",
	} {
		if got, err := patient.ParseDay(text); err != nil || !got.Equal(want) {
			t.Errorf("ParseDay(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	if got, err := patient.ParseDay(" "); err != nil || !got.IsZero() {
		t.Errorf("ParseDay of blank = %v, %v", got, err)
	}
	for _, text := range []string{"31/02/1986", "2026-13-01", "1986", "03/04/86", "0099-01-01", "today", "1986-04-03T00:00:00Z", "-1986-04-03"} {
		if got, err := patient.ParseDay(text); !apperr.Is(err, apperr.Invalid) {
			t.Errorf("ParseDay(%q) = %v, %v; want an Invalid error", text, got, err)
		}
	}
}

func TestParseBirth(t *testing.T) {
	t.Parallel()
	today := day(2026, time.March, 10)
	for text, ok := range map[string]bool{
		"": true, "2026-03-10": true, "2026-03-11": false, "1906-03-10": true, "1905-03-11": true, "1905-03-10": false, "x": false,
	} {
		if _, err := patient.ParseBirth(text, today); (err == nil) != ok {
			t.Errorf("ParseBirth(%q): %v, want ok %v", text, err, ok)
		}
	}
}

func TestParseAge(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"0": 0, " 42 ": 42, "120": 120, "४२": 42} {
		if got, told, err := patient.ParseAge(text); err != nil || !told || got != want {
			t.Errorf("ParseAge(%q) = %d, %v, %v", text, got, told, err)
		}
	}
	if _, told, err := patient.ParseAge(""); told || err != nil {
		t.Errorf("ParseAge of blank: told %v, %v", told, err)
	}
	for _, text := range []string{"-5", "+5", "121", "140", "4.5", "x", "99999999999999999999", "-0"} {
		if _, _, err := patient.ParseAge(text); !apperr.Is(err, apperr.Invalid) {
			t.Errorf("ParseAge(%q): %v, want an Invalid error", text, err)
		}
	}
}

func TestAgeOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		birth, on time.Time
		want      int
	}{
		{day(2016, 5, 4), day(2026, 2, 2), 9},
		{day(2016, 5, 4), day(2026, 5, 4), 10},
		{day(2016, 5, 4), day(2026, 5, 3), 9},
		{day(2004, 2, 29), day(2026, 2, 28), 21},
		{day(2004, 2, 29), day(2026, 3, 1), 22},
		{day(2026, 1, 1), day(2025, 12, 31), -1},
	} {
		if got := patient.AgeOn(c.birth, c.on); got != c.want {
			t.Errorf("AgeOn(%v, %v) = %d, want %d", c.birth, c.on, got, c.want)
		}
	}
}

func TestDayIn(t *testing.T) {
	t.Parallel()
	india := time.FixedZone("IST", 5*3600+1800)
	for moment, want := range map[string]time.Time{
		"2026-03-31T18:29:59.999999Z": day(2026, 3, 31),
		"2026-03-31T18:30:00Z":        day(2026, 4, 1),
		"2025-12-31T18:50:05Z":        day(2026, 1, 1),
	} {
		at, err := time.Parse(time.RFC3339Nano, moment)
		if err != nil {
			t.Fatal(err)
		}
		if got := patient.DayIn(at, india); !got.Equal(want) {
			t.Errorf("DayIn(%s) = %v, want %v", moment, got, want)
		}
	}
}

// FuzzParseDay: what is read is a real day that reads back the same.
func FuzzParseDay(f *testing.F) {
	for _, seed := range []string{"", "1986-04-03", "3/4/1986", "3 Apr 1986", "31/02/1986", "०३/०४/१९८६", "9999-12-31", "\x00", "2026-03-31 18:30:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := patient.ParseDay(text)
		if err != nil || got.IsZero() {
			if err != nil && !apperr.Is(err, apperr.Invalid) {
				t.Fatalf("ParseDay(%q): %v", text, err)
			}
			return
		}
		if got.Hour() != 0 || got.Minute() != 0 || got.Nanosecond() != 0 || got.Location() != time.UTC || got.Year() > 9999 {
			t.Fatalf("ParseDay(%q) = %v, not a day", text, got)
		}
		again, err := patient.ParseDay(got.Format("2006-01-02"))
		if err != nil || !again.Equal(got) {
			t.Fatalf("ParseDay(%q) = %v, but read again %v, %v", text, got, again, err)
		}
	})
}
