package clinic

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/cloister-health/cloister/internal/apperr"
)

// Days are the days of the week as opening hours name them, Monday first.
func Days() []string { return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} }

// Hours are the opening hours of each day as a form shows them, such as
// "09:00-13:00, 17:00-20:30"; a day that is missing or empty is closed.
type Hours map[string]string

// span is one stretch of a day, in minutes from midnight.
type span struct{ from, to int }

// stored is how the database keeps hours: for each day pairs of clock times.
type stored map[string][][2]string

// maxSpans is how often a clinic may open in a day.
const maxSpans = 4

// checkHours reads the form's hours and gives what is kept. Problems are named
// hours_mon and so on.
func checkHours(p *apperr.Problems, h Hours) []byte {
	out := stored{}
	for _, d := range Days() {
		spans, ok := readSpans(h[d])
		if !ok {
			p.Add("hours_"+d, "error.hours", "Write hours as 09:00-13:00, 17:00-20:00, or leave the day empty")
			continue
		}
		for _, s := range spans {
			out[d] = append(out[d], [2]string{clock(s.from), clock(s.to)})
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return []byte("{}") // a map of texts always marshals
	}
	return b
}

// readSpans reads one day. Stretches must not overlap.
func readSpans(text string) ([]span, bool) {
	text = strings.NewReplacer("–", "-", "—", "-", ";", ",", ".", ":").Replace(strings.TrimSpace(text))
	if text == "" {
		return nil, true
	}
	var out []span
	for _, part := range strings.Split(text, ",") {
		a, b, ok := strings.Cut(part, "-")
		if !ok {
			return nil, false
		}
		from, ok1 := readClock(a)
		to, ok2 := readClock(b)
		if !ok1 || !ok2 || from >= to {
			return nil, false
		}
		out = append(out, span{from, to})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].from < out[j].from })
	for i := 1; i < len(out); i++ {
		if out[i].from < out[i-1].to {
			return nil, false
		}
	}
	return out, len(out) <= maxSpans
}

// readClock reads "9", "9:30" or "09:30"; 24:00 is the end of the day.
func readClock(text string) (int, bool) {
	h, m, colon := strings.Cut(strings.TrimSpace(text), ":")
	hour, ok1 := twoDigits(h)
	minute, ok2 := 0, true
	if colon {
		minute, ok2 = twoDigits(m)
		ok2 = ok2 && len(m) == 2
	}
	at := hour*60 + minute
	return at, ok1 && ok2 && minute < 60 && at <= 24*60
}

func twoDigits(s string) (int, bool) {
	if len(s) < 1 || len(s) > 2 {
		return 0, false
	}
	n := 0
	for _, r := range s {
		if r < '0' || r > '9' {
			return 0, false
		}
		n = n*10 + int(r-'0')
	}
	return n, true
}

func clock(m int) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }

// showHours writes what is kept as the form shows it.
func showHours(b []byte) Hours {
	var s stored
	h := Hours{}
	if json.Unmarshal(b, &s) != nil {
		return h // hours of another form are shown as none and replaced by the next save
	}
	for _, d := range Days() {
		var parts []string
		for _, x := range s[d] {
			parts = append(parts, x[0]+"-"+x[1])
		}
		h[d] = strings.Join(parts, ", ")
	}
	return h
}

// Stretch is a part of a day that is worked, in minutes from midnight.
type Stretch struct{ From, To int }

// Week is what kept hours say of each weekday. It is empty where nothing was
// told, which is not the same as a week of closed days.
type Week map[time.Weekday][]Stretch

// ReadWeek reads hours as the database keeps them; what is no hours is none.
func ReadWeek(kept []byte) Week {
	w := Week{}
	for i, d := range Days() {
		spans, ok := readSpans(showHours(kept)[d])
		for _, s := range spans {
			if ok {
				on := time.Weekday((i + 1) % 7)
				w[on] = append(w[on], Stretch{From: s.from, To: s.to})
			}
		}
	}
	return w
}

// ParseHours reads a form's hours into what the database keeps. Problems are
// named hours_mon and so on.
//
// Errors: Invalid.
func ParseHours(h Hours) ([]byte, error) {
	var p apperr.Problems
	kept := checkHours(&p, h)
	return kept, p.Err()
}

// ShowHours writes kept hours as a form shows them.
func ShowHours(kept []byte) Hours { return showHours(kept) }
