package legacy

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

// Vitals are what was measured, in the units of the new system; 0 is not
// measured or could not be read, and then stands in the note as it was written.
type Vitals struct {
	ID, Prescription    int64
	Taken               time.Time
	Systolic, Diastolic int
	Pulse, SpO2         int
	Temperature         int // tenths
	Unit                string
	Sugar               int
	SugarKind           string
	Note                phi.Text
	Facts               map[string]string
}

const longestVitalsNote = 1000

var (
	pressureShape    = regexp.MustCompile(`(?i)^([0-9]{2,3})\s*[/-]\s*([0-9]{2,3})\s*(?:mm\s*hg)?$`)
	pressurePlain    = regexp.MustCompile(`^[0-9]{2,3}/[0-9]{2,3}$`)
	pulseShape       = regexp.MustCompile(`(?i)^()([0-9]+)\s*(?:bpm|/\s*min)?$`)
	temperatureShape = regexp.MustCompile(`(?i)^([0-9]+(?:\.[0-9]+)?)\s*°?\s*([FC])?$`)
	temperaturePlain = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	spo2Shape        = regexp.MustCompile(`^()([0-9]+)\s*%?$`)
	sugarShape       = regexp.MustCompile(`(?i)^(fbs|f|rbs|r|ppbs|pp)?\s*[:-]?\s*([0-9]+)\s*(?:mg\s*/\s*dl)?$`)
	digitsOnly       = regexp.MustCompile(`^[0-9]+$`)
)

var sugarKinds = map[byte]string{'f': "fasting", 'r': "random", 'p': "after_meal"}

// planVitals imports the vitals of imported prescriptions that hold any value.
func (p *Plan) planVitals() {
	b := p.books["hospital_vitals"]
	for _, r := range p.File.rows["hospital_vitals"] {
		x := p.parent(b, r, "hospital_vitals")
		if x == nil {
			continue
		}
		some := false
		for _, c := range []string{"bp", "pulse", "temp", "spo2", "sugar"} {
			some = some || strings.TrimSpace(r.text(c)) != ""
		}
		if !some {
			b.say(VitalsEmpty, r.ID)
			continue
		}
		x.parts++
		v := readVitals(b, r)
		v.Prescription, v.Taken = x.ID, x.wrote(b, r, "created_at")
		x.changed = later(x.changed, patient.DayIn(v.Taken, zone))
		p.Vitals = append(p.Vitals, v)
	}
}

// readVitals reads what is certain and keeps the rest as it was written.
func readVitals(b *book, r Row) Vitals {
	v := Vitals{ID: r.ID, Facts: map[string]string{}}
	var kept []string
	left := func(what, column string) {
		kept = append(kept, what+": "+strings.TrimSpace(r.text(column)))
	}
	if !v.pressure(b, r) {
		left("BP", "bp")
	}
	var ok bool
	if v.Pulse, _, ok = number(b, r, "pulse", pulseShape, 20, 300); !ok {
		left("Pulse", "pulse")
	}
	if !v.temperature(b, r) {
		left("Temperature", "temp")
	}
	if v.SpO2, _, ok = number(b, r, "spo2", spo2Shape, 40, 100); !ok {
		left("SpO2", "spo2")
	}
	var word string
	if v.Sugar, word, ok = number(b, r, "sugar", sugarShape, 10, 900); !ok {
		left("Sugar", "sugar")
	} else if word != "" {
		v.SugarKind = sugarKinds[word[0]]
	}
	v.Note = shortened(b, r.ID, v.Facts, "note", strings.Join(kept, "; "), longestVitalsNote)
	return v
}

// number reads a whole number after taking off what the shape allows around it;
// ok is false for text that has to be kept.
func number(b *book, r Row, column string, shape *regexp.Regexp, low, high int) (n int, word string, ok bool) {
	raw := r.text(column)
	text := strings.TrimSpace(raw)
	if text == "" {
		return 0, "", true
	}
	m := shape.FindStringSubmatch(text)
	if m == nil {
		b.say(VitalUnreadable, r.ID)
		return 0, "", false
	}
	n, err := strconv.Atoi(m[2])
	if err != nil || n < low || n > high {
		b.say(VitalOutOfRange, r.ID)
		return 0, "", false
	}
	if !digitsOnly.MatchString(raw) {
		b.say(VitalReformatted, r.ID)
	}
	return n, strings.ToLower(m[1]), true
}

func (v *Vitals) pressure(b *book, r Row) bool {
	raw := r.text("bp")
	text := strings.TrimSpace(raw)
	if text == "" {
		return true
	}
	m := pressureShape.FindStringSubmatch(text)
	if m == nil {
		b.say(VitalUnreadable, r.ID)
		return false
	}
	high, _ := strconv.Atoi(m[1]) // the shape lets digits through only
	low, _ := strconv.Atoi(m[2])
	if high < 50 || high > 300 || low < 20 || low > 200 || high <= low {
		b.say(VitalOutOfRange, r.ID)
		return false
	}
	if !pressurePlain.MatchString(raw) {
		b.say(VitalReformatted, r.ID)
	}
	v.Systolic, v.Diastolic = high, low
	return true
}

// temperature takes 80 and more without a unit for Fahrenheit.
func (v *Vitals) temperature(b *book, r Row) bool {
	raw := r.text("temp")
	text := strings.TrimSpace(raw)
	if text == "" {
		return true
	}
	m := temperatureShape.FindStringSubmatch(text)
	if m == nil {
		b.say(VitalUnreadable, r.ID)
		return false
	}
	degrees, err := strconv.ParseFloat(m[1], 64)
	unit := strings.ToUpper(m[2])
	if unit == "" {
		unit = "C"
		if degrees >= 80 {
			unit = "F"
		}
	}
	celsius := degrees
	if unit == "F" {
		celsius = (degrees - 32) / 1.8
	}
	if err != nil || celsius < 25 || celsius > 45 {
		b.say(VitalOutOfRange, r.ID)
		return false
	}
	if !temperaturePlain.MatchString(raw) {
		b.say(VitalReformatted, r.ID)
	}
	v.Temperature, v.Unit = int(math.Round(degrees*10)), unit
	if math.Abs(degrees*10-math.Round(degrees*10)) > 1e-6 {
		b.say(VitalRounded, r.ID)
		return false
	}
	return true
}
