// Package prescription is what a doctor prescribes: doses and their grammar,
// prescriptions with their lines and states, warnings, templates and the
// clinic's formulary. What a page or a paper looks like doesn't belong here.
package prescription

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
)

// Dose is how much of a medicine at which time of the day, in quarters of a
// tablet or measure: half a tablet at night is Dose{Night: 2}. SOS is a dose if
// needed, which has no times.
type Dose struct {
	Morning, Afternoon, Evening, Night int16
	SOS                                bool
}

// mostAtOnce is the largest dose at one time, in quarters.
const mostAtOnce = 20 * 4

var errDose = errors.New("not a dose")

// shorthands are what doctors write for the usual patterns: once, twice, three
// and four times a day, at bedtime, if needed.
var shorthands = map[string]Dose{
	"od": {Morning: 4}, "qd": {Morning: 4}, "om": {Morning: 4}, "on": {Night: 4}, "hs": {Night: 4},
	"bd": {Morning: 4, Night: 4}, "bid": {Morning: 4, Night: 4},
	"td": {Morning: 4, Afternoon: 4, Night: 4}, "tds": {Morning: 4, Afternoon: 4, Night: 4}, "tid": {Morning: 4, Afternoon: 4, Night: 4},
	"qid": {Morning: 4, Afternoon: 4, Evening: 4, Night: 4}, "qds": {Morning: 4, Afternoon: 4, Evening: 4, Night: 4},
	"sos": {SOS: true}, "prn": {SOS: true},
}

// ParseDose reads a dose as it is typed. Three amounts are morning, afternoon
// and night, four have the evening before the night: "1-0-1", "101", "1-1-1-1",
// "½-0-½", "0.5-0-1", "1/2-0-1 1/2". Or a shorthand, before which an amount may
// stand: "bd", "tds", "hs", "sos", "½ bd". Blanks and case don't matter, digits
// may be Devanagari. An empty text is no dose and no error.
func ParseDose(text string) (Dose, error) {
	t := plain(text)
	if t == "" {
		return Dose{}, nil
	}
	if i := strings.IndexFunc(t, unicode.IsLetter); i >= 0 {
		d, ok := shorthands[strings.ReplaceAll(t[i:], ".", "")]
		if !ok {
			return Dose{}, errDose
		}
		if before := strings.TrimSpace(t[:i]); before != "" {
			each, err := parseAmount(before)
			if err != nil || each == 0 || d.SOS {
				return Dose{}, errDose
			}
			d = Dose{Morning: d.Morning / 4 * each, Afternoon: d.Afternoon / 4 * each, Evening: d.Evening / 4 * each, Night: d.Night / 4 * each}
		}
		return d, nil
	}
	return parseTimes(t)
}

// parseTimes reads the amounts of the day's times.
func parseTimes(t string) (Dose, error) {
	parts := strings.Split(t, "-")
	if len(parts) == 1 {
		parts = strings.Split(t, "") // "101": one sign each
	}
	var q [4]int16
	for i, p := range parts {
		if len(parts) < 3 || len(parts) > 4 {
			return Dose{}, errDose
		}
		n, err := parseAmount(p)
		if err != nil {
			return Dose{}, err
		}
		q[i] = n
	}
	d := Dose{Morning: q[0], Afternoon: q[1], Evening: q[2], Night: q[3]}
	if len(parts) == 3 {
		d.Evening, d.Night = 0, q[2]
	}
	if d.quarters() == 0 {
		return Dose{}, errDose
	}
	return d, nil
}

var fractions = map[string]int16{"¼": 1, "½": 2, "¾": 3, "1/4": 1, "1/2": 2, "3/4": 3, ".25": 1, ".5": 2, ".50": 2, ".75": 3, ".0": 0}

// parseAmount reads an amount in quarters: "1", "½", "1½", "1 1/2", "0.5".
func parseAmount(s string) (int16, error) {
	s = strings.TrimSpace(s)
	if q, ok := fractions[s]; ok {
		return q, nil
	}
	digits := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(s)
	}
	whole, err := strconv.ParseUint(s[:digits], 10, 8)
	if err != nil {
		return 0, errDose
	}
	q, ok := int16(0), true
	if rest := s[digits:]; rest != "" {
		if q, ok = fractions[strings.TrimSpace(rest)]; ok && strings.HasPrefix(rest, "/") {
			ok = false
		}
	}
	q += int16(whole) * 4
	if !ok || q > mostAtOnce {
		return 0, errDose
	}
	return q, nil
}

// plain is text in small letters with ASCII digits, hyphens and single blanks.
func plain(text string) string {
	t := strings.Map(func(r rune) rune {
		switch {
		case r >= '०' && r <= '९':
			return r - '०' + '0'
		case r == '–' || r == '—' || r == '−' || r == '‐' || r == '‑':
			return '-'
		}
		return unicode.ToLower(r)
	}, text)
	t = strings.Join(strings.Fields(t), " ")
	return strings.NewReplacer(" -", "-", "- ", "-", " - ", "-").Replace(t)
}

// String is the dose as it is printed: "1-0-1", with four amounts where there is
// one in the evening, "SOS", or nothing.
func (d Dose) String() string {
	switch {
	case d.SOS:
		return "SOS"
	case d.quarters() == 0:
		return ""
	case d.Evening == 0:
		return amount(d.Morning) + "-" + amount(d.Afternoon) + "-" + amount(d.Night)
	}
	return amount(d.Morning) + "-" + amount(d.Afternoon) + "-" + amount(d.Evening) + "-" + amount(d.Night)
}

// amount prints quarters: "0", "½", "1½".
func amount(q int16) string {
	part := [4]string{"", "¼", "½", "¾"}[q%4]
	if q < 4 && part != "" {
		return part
	}
	return strconv.Itoa(int(q/4)) + part
}

// IsZero tells that nothing is said of the dose.
func (d Dose) IsZero() bool { return !d.SOS && d.quarters() == 0 }

// TimesADay is how often a day the medicine is taken, 0 for SOS.
func (d Dose) TimesADay() int {
	n := 0
	for _, q := range [...]int16{d.Morning, d.Afternoon, d.Evening, d.Night} {
		if q > 0 {
			n++
		}
	}
	return n
}

func (d Dose) quarters() int {
	return int(d.Morning) + int(d.Afternoon) + int(d.Evening) + int(d.Night)
}

// mostDays is the longest course that is written at once.
const mostDays = 365

var errDays = errors.New("not a number of days")

var units = map[string]int{
	"": 1, "d": 1, "day": 1, "days": 1, "w": 7, "wk": 7, "wks": 7, "week": 7, "weeks": 7, "m": 30, "mo": 30, "month": 30, "months": 30,
}

// ParseDays reads how long a medicine is taken: "5", "5d", "5 days", "2w", "1m"
// (30 days), 1 to 365 days in all. An empty text is 0 and no error.
func ParseDays(text string) (int, error) {
	t := plain(text)
	if t == "" {
		return 0, nil
	}
	i := strings.IndexFunc(t, func(r rune) bool { return r < '0' || r > '9' })
	if i < 0 {
		i = len(t)
	}
	n, err := strconv.ParseUint(t[:i], 10, 16)
	unit, ok := units[strings.TrimSuffix(strings.TrimSpace(t[i:]), ".")]
	if err != nil || !ok || n == 0 || int(n)*unit > mostDays {
		return 0, errDays
	}
	return int(n) * unit, nil
}

// Quantity is how many tablets or capsules the course needs, rounded up to whole
// ones. ok is false where that can't be known: other forms come in packs, and a
// dose if needed has no end.
func Quantity(form string, d Dose, days int) (n int, ok bool) {
	if (form != "tablet" && form != "capsule") || d.SOS || days <= 0 || d.quarters() == 0 {
		return 0, false
	}
	return (d.quarters()*days + 3) / 4, true
}
