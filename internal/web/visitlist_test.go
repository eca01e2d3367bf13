package web

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// No cell that a spreadsheet would run leaves the service, whatever a patient's
// name or a reason begins with; and what it was can still be read.
func TestCellsAreNoFormulas(t *testing.T) {
	t.Parallel()
	for _, c := range []string{"=1+1", "+91 98220", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠A", "=cmd|' /C calc'!A0"} {
		var b strings.Builder
		w := csv.NewWriter(&b)
		if err := w.Write(neutral("first", c, c)); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		back, err := csv.NewReader(strings.NewReader(b.String())).Read()
		if err != nil {
			t.Fatal(err)
		}
		// The reader takes \r\n for \n, as spreadsheets do.
		want := strings.ReplaceAll("'"+c, "\r\n", "\n")
		if back[1] != want || back[2] != want {
			t.Errorf("%q came out as %q", c, back[1])
		}
	}
	plain := []string{"", "Asha", "a=b", "9822", "'", "अशा", "1-0-1", " ="}
	if d := cmp.Diff(plain, neutral(append([]string(nil), plain...)...)); d != "" {
		t.Error(d)
	}
}

func TestPeriodsBesideOneAnother(t *testing.T) {
	t.Parallel()
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range [][6]string{
		{"2026-03-01", "2026-03-01", "2026-02-28", "2026-02-28", "2026-03-02", "2026-03-02"},
		{"2026-03-01", "2026-03-31", "2026-02-01", "2026-02-28", "2026-04-01", "2026-04-30"},
		{"2024-02-01", "2024-02-29", "2024-01-01", "2024-01-31", "2024-03-01", "2024-03-31"},
		{"2026-01-01", "2026-12-31", "2025-01-01", "2025-12-31", "2027-01-01", "2027-12-31"},
		{"2026-11-23", "2026-11-29", "2026-11-16", "2026-11-22", "2026-11-30", "2026-12-06"},
		{"2026-11-01", "2026-11-26", "2026-10-06", "2026-10-31", "2026-11-27", "2026-12-22"},
	} {
		for i, steps := range []int{-1, 1} {
			from, to := shifted(day(c[0]), day(c[1]), steps)
			if got := from.Format(time.DateOnly) + " " + to.Format(time.DateOnly); got != c[2+2*i]+" "+c[3+2*i] {
				t.Errorf("%s to %s, %d: %s", c[0], c[1], steps, got)
			}
		}
	}
}
