package consultation

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/phi"
)

// Measured are the fields of vitals as typed.
type Measured struct {
	Pressure    string `json:"bp"`
	Pulse       string `json:"pulse"`
	Temperature string `json:"temp"` // 98.4 is °F and 37 is °C: no value is both
	Respiration string `json:"resp"`
	SpO2        string `json:"spo2"`
	Sugar       string `json:"sugar"`
	SugarKind   string `json:"sugar_kind"`
	Weight      string `json:"weight"` // kg
	Height      string `json:"height"` // cm
}

// Vitals are measured values in fixed units; 0 is not measured.
type Vitals struct {
	Systolic, Diastolic int // mmHg
	Pulse               int // a minute
	Temperature         int // tenths of a degree
	Unit                string
	Respiration         int // a minute
	SpO2                int // %
	Sugar               int // mg/dL
	SugarKind           string
	WeightGrams         int
	HeightMM            int
	Note                phi.Text // readings of the older system that are no number
	TakenAt             time.Time
	visit               uuid.UUID
}

// BMI is in tenths of kg/m², 0 without both weight and height.
func (v Vitals) BMI() int {
	if v.WeightGrams == 0 || v.HeightMM == 0 {
		return 0
	}
	square := v.HeightMM * v.HeightMM
	return (v.WeightGrams*10000 + square/2) / square
}

// Any reports whether anything was measured.
func (v Vitals) Any() bool {
	return v.Systolic != 0 || v.Pulse != 0 || v.Temperature != 0 || v.Respiration != 0 || v.SpO2 != 0 || v.Sugar != 0 || v.WeightGrams != 0 || v.HeightMM != 0 || v.Note != ""
}

// sameAs leaves out who took them and when.
func (v Vitals) sameAs(o Vitals) bool {
	v.TakenAt, o.TakenAt, v.visit, o.visit = time.Time{}, time.Time{}, uuid.Nil, uuid.Nil
	return v == o
}

// over lays newer values over older ones.
func (v Vitals) over(old Vitals) Vitals {
	if v.Systolic == 0 {
		v.Systolic, v.Diastolic = old.Systolic, old.Diastolic
	}
	if v.Temperature == 0 {
		v.Temperature, v.Unit = old.Temperature, old.Unit
	}
	if v.Sugar == 0 {
		v.Sugar, v.SugarKind = old.Sugar, old.SugarKind
	}
	if v.Note == "" {
		v.Note = old.Note
	}
	for _, f := range []struct {
		to   *int
		from int
	}{{&v.Pulse, old.Pulse}, {&v.Respiration, old.Respiration}, {&v.SpO2, old.SpO2}, {&v.WeightGrams, old.WeightGrams}, {&v.HeightMM, old.HeightMM}} {
		if *f.to == 0 {
			*f.to = f.from
		}
	}
	return v
}

// Measured writes the values as they would be typed.
func (v Vitals) Measured() Measured {
	m := Measured{Pulse: whole(v.Pulse), Temperature: tenths(v.Temperature), Respiration: whole(v.Respiration), SpO2: whole(v.SpO2), Sugar: whole(v.Sugar),
		SugarKind: v.SugarKind, Weight: decimals(v.WeightGrams, 1000), Height: decimals(v.HeightMM, 10)}
	if v.Systolic != 0 {
		m.Pressure = whole(v.Systolic) + "/" + whole(v.Diastolic)
	}
	return m
}

func whole(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func tenths(n int) string { return decimals(n, 10) }

// decimals writes n of so many parts without needless zeros.
func decimals(n, parts int) string {
	if n == 0 {
		return ""
	}
	s := whole(n / parts)
	if s == "" {
		s = "0"
	}
	rest := n % parts
	if rest == 0 {
		return s
	}
	digits := len(strconv.Itoa(parts)) - 1
	frac := strconv.Itoa(rest)
	frac = strings.Repeat("0", digits-len(frac)) + frac
	return s + "." + strings.TrimRight(frac, "0")
}

// number reads a decimal as a count of parts: "74.5" of 1000 is 74500. Empty is
// 0. Signs, exponents and more digits than the parts have are refused.
func number(s string, parts int) (int, bool) {
	s = strings.Replace(strings.TrimSpace(s), ",", ".", 1)
	if s == "" {
		return 0, true
	}
	head, frac, _ := strings.Cut(s, ".")
	digits := len(strconv.Itoa(parts)) - 1
	if head == "" || len(head) > 5 || len(frac) > digits {
		return 0, false
	}
	n := 0
	for _, r := range head + frac + strings.Repeat("0", digits-len(frac)) {
		if r < '0' || r > '9' {
			return 0, false
		}
		n = n*10 + int(r-'0')
	}
	return n, n > 0
}

// bounds are what the database takes: outside of them it is a slip of the pen,
// not a reading.
var bounds = map[string]struct{ low, high, parts int }{
	"pulse": {20, 300, 1}, "resp": {3, 120, 1}, "spo2": {30, 100, 1}, "sugar": {10, 1000, 1}, "weight": {200, 500_000, 1000}, "height": {200, 2700, 10},
}

// Parse reads the fields. Names of problems are bp, pulse, temp, resp, spo2,
// sugar, weight and height.
func (m Measured) Parse() (Vitals, error) {
	var v Vitals
	var p apperr.Problems
	if !v.pressure(m.Pressure) {
		p.Add("bp", "error.vitals.bp", "Write the blood pressure as 120/80")
	}
	for _, f := range []struct {
		name, text string
		to         *int
	}{{"pulse", m.Pulse, &v.Pulse}, {"resp", m.Respiration, &v.Respiration}, {"spo2", m.SpO2, &v.SpO2}, {"sugar", m.Sugar, &v.Sugar},
		{"weight", m.Weight, &v.WeightGrams}, {"height", m.Height, &v.HeightMM}} {
		b := bounds[f.name]
		n, ok := number(f.text, b.parts)
		if !ok || n != 0 && (n < b.low || n > b.high) {
			p.AddArgs(f.name, "error.vitals.range", "This can't be right", map[string]any{"Low": decimals(b.low, b.parts), "High": decimals(b.high, b.parts)})
			continue
		}
		*f.to = n
	}
	if !v.temperature(m.Temperature) {
		p.Add("temp", "error.vitals.temp", "Enter the temperature, such as 98.4 °F or 37.0 °C")
	}
	if v.Sugar != 0 {
		if v.SugarKind = m.SugarKind; v.SugarKind != "fasting" {
			v.SugarKind = "random"
		}
	}
	return v, p.Err()
}

func (v *Vitals) pressure(s string) bool {
	s = strings.TrimSpace(s)
	if s == "" {
		return true
	}
	high, low, two := strings.Cut(strings.ReplaceAll(s, " ", ""), "/")
	sys, ok := number(high, 1)
	dia, also := number(low, 1)
	if !two || !ok || !also || sys < 30 || sys > 300 || dia < 10 || dia > 200 || dia >= sys {
		return false
	}
	v.Systolic, v.Diastolic = sys, dia
	return true
}

func (v *Vitals) temperature(s string) bool {
	s = strings.TrimSpace(s)
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimRight(s, "CFcf"), "°"))
	n, ok := number(s, 10)
	switch {
	case !ok:
		return false
	case n == 0:
		return true
	case n >= 250 && n <= 450:
		v.Temperature, v.Unit = n, "C"
	case n >= 770 && n <= 1130:
		v.Temperature, v.Unit = n, "F"
	default:
		return false
	}
	return true
}

// Range is what is usual for somebody; a value outside is marked, never refused.
type Range struct{ Low, High int }

// Ranges are the usual values at an age, in the units of Vitals.
type Ranges struct {
	Systolic, Diastolic, Pulse, Respiration, SpO2 Range
	Fahrenheit, Celsius                           Range // tenths
	Fasting, Random                               Range
	BMI                                           Range // tenths; zero for children, whose charts go by age and sex
}

// ages are the usual values of children by the years below which they hold
// (American Heart Association, Pediatric Advanced Life Support, normal vital
// signs by age), then those of adults.
var ages = []struct {
	below                                   int
	systolic, diastolic, pulse, respiration Range
}{
	{1, Range{72, 104}, Range{37, 56}, Range{100, 180}, Range{30, 53}},
	{3, Range{86, 106}, Range{42, 63}, Range{98, 140}, Range{22, 37}},
	{6, Range{89, 112}, Range{46, 72}, Range{80, 120}, Range{20, 28}},
	{10, Range{97, 115}, Range{57, 76}, Range{75, 118}, Range{18, 25}},
	{12, Range{102, 120}, Range{61, 80}, Range{75, 118}, Range{18, 25}},
	{18, Range{110, 131}, Range{64, 83}, Range{60, 100}, Range{12, 20}},
}

// RangesAt gives the usual values for somebody born on a day; a zero day is an
// adult's.
func RangesAt(born, today time.Time) Ranges {
	r := Ranges{Systolic: Range{90, 139}, Diastolic: Range{60, 89}, Pulse: Range{60, 100}, Respiration: Range{12, 20}, SpO2: Range{95, 100},
		Fahrenheit: Range{970, 995}, Celsius: Range{361, 375}, Fasting: Range{70, 99}, Random: Range{70, 139}, BMI: Range{185, 249}}
	if born.IsZero() {
		return r
	}
	for _, a := range ages {
		if born.AddDate(a.below, 0, 0).After(today) {
			r.Systolic, r.Diastolic, r.Pulse, r.Respiration, r.BMI = a.systolic, a.diastolic, a.pulse, a.respiration, Range{}
			break
		}
	}
	return r
}

// Flag is "low", "high" or empty.
func (r Range) Flag(n int) string {
	switch {
	case n == 0 || r == Range{}:
		return ""
	case n < r.Low:
		return "low"
	case n > r.High:
		return "high"
	}
	return ""
}

// Pressure flags both numbers as one: high counts before low.
func (r Ranges) Pressure(v Vitals) string {
	a, b := r.Systolic.Flag(v.Systolic), r.Diastolic.Flag(v.Diastolic)
	if a == "high" || b == "high" {
		return "high"
	}
	if a == "" {
		return b
	}
	return a
}

// Warmth is the range of a temperature's unit.
func (r Ranges) Warmth(v Vitals) Range {
	if v.Unit == "C" {
		return r.Celsius
	}
	return r.Fahrenheit
}

// Sweet is the range of a sugar's kind.
func (r Ranges) Sweet(v Vitals) Range {
	if v.SugarKind == "fasting" {
		return r.Fasting
	}
	return r.Random
}

// Of reports whether the values were taken at a visit.
func (v Vitals) Of(visit uuid.UUID) bool { return v.visit == visit }
