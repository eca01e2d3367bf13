package legacy

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/cases"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/internal/prescription"
)

// schedules are the older system's times of the day; what they mean is read as
// if a doctor had typed it.
var schedules = map[string]string{
	"morning": "1-0-0-0", "afternoon": "0-1-0-0", "evening": "0-0-1-0", "night": "0-0-0-1", "morning_evening": "1-0-1-0",
	"morning_night": "1-0-0-1", "afternoon_night": "0-1-0-1", "morning_afternoon_night": "1-1-0-1", "sos": "SOS",
}

var (
	forms = map[string]bool{
		"tablet": true, "capsule": true, "syrup": true, "injection": true, "ointment": true, "drops": true, "soap": true, "lotion": true, "powder": true,
		"cream": true, "suspension": true, "inhaler": true,
	}
	foods     = map[string]string{"before": "before", "after": "after", "anytime": "any", "": ""}
	plainDays = regexp.MustCompile(`^(1 day|[0-9]{1,3} days)$`)
)

const (
	longestMedicine     = 200
	longestStrength     = 60
	longestInstructions = 500
	mostQuantity        = 5000
)

// Dosage is what a line says of a medicine: what could be read for certain, and
// in the instructions, as it was written, what could not.
type Dosage struct {
	Name         phi.Text
	Form         string
	Strength     string
	Dose         prescription.Dose
	Days         int // 0: not said
	Food         string
	Quantity     int // 0: not said
	Instructions phi.Text
	Facts        map[string]string
}

// Line is a medicine of a prescription.
type Line struct {
	ID, Prescription int64
	Dosage
}

// columns are what the three tables of medicines call the same things.
type columns struct{ dosage, schedule, duration string }

var (
	lineColumns = columns{"dosage", "schedule", "duration"}
	listColumns = columns{"default_dosage", "default_schedule", "default_duration"}
)

// planLines imports the medicines of imported prescriptions.
func (p *Plan) planLines() {
	b := p.books["hospital_medicine"]
	seen := map[string]bool{}
	for _, r := range p.File.rows["hospital_medicine"] {
		rx := p.parent(b, r, "hospital_medicine")
		if rx == nil {
			continue
		}
		if rx.lines == mostParts {
			b.say(TooMany, r.ID)
			continue
		}
		rx.lines++
		l := Line{ID: r.ID, Prescription: rx.ID, Dosage: dosageOf(b, r)}
		k := fmt.Sprintf("%d %s", rx.ID, squash(r.text("medicine_name")))
		if seen[k] {
			b.say(MedicineTwice, r.ID)
		}
		seen[k] = true
		rx.parts++
		p.Lines = append(p.Lines, l)
	}
}

// dosageOf reads a line of a prescription or a template.
func dosageOf(b *book, r Row) Dosage {
	d := Dosage{Facts: map[string]string{}}
	d.name(b, r)
	var asWritten []string
	keep := func(text string) {
		if text = strings.TrimSpace(text); text != "" {
			asWritten = append(asWritten, text)
		}
	}
	keep(r.text("instructions"))
	keep(d.strength(b, r, lineColumns))
	keep(d.dose(b, r, lineColumns))
	keep(d.days(b, r, lineColumns))
	keep(d.formAndFood(b, r))
	keep(d.quantity(b, r))
	text, shorter := cut(strings.Join(asWritten, "; "), longestInstructions)
	if shorter {
		b.say(TextCut, r.ID)
		d.Facts["instructions"] = strings.Join(asWritten, "; ")
	}
	d.Instructions = phi.Text(text)
	return d
}

func (d *Dosage) name(b *book, r Row) {
	raw := r.text("medicine_name")
	name := patient.CleanName(raw)
	if name != raw {
		b.say(NameSpace, r.ID)
	}
	if strings.TrimSpace(name) == "" {
		b.say(NameMissing, r.ID)
		name = notRecorded
	}
	name, shorter := cut(name, longestMedicine)
	if shorter {
		b.say(TextCut, r.ID)
		d.Facts["medicine_name"] = raw
	}
	d.Name = phi.Text(name)
}

// strength gives the text that doesn't fit.
func (d *Dosage) strength(b *book, r Row, c columns) (left string) {
	text := strings.TrimSpace(r.text(c.dosage))
	switch {
	case text == "0":
		b.say(DosageZero, r.ID)
	case len([]rune(text)) > longestStrength:
		b.say(TextCut, r.ID)
		return text
	default:
		d.Strength = text
	}
	return ""
}

// dose reads the schedule; without one how often a day is all that is known.
func (d *Dosage) dose(b *book, r Row, c columns) (left string) {
	text := r.text(c.schedule)
	often, _ := r.whole("frequency_per_day")
	pattern, known := schedules[text]
	if !known {
		pattern = text
	}
	dose, err := prescription.ParseDose(pattern)
	switch {
	case strings.TrimSpace(text) == "":
		if c == listColumns {
			return "" // a list's entry needs none
		}
		b.say(ScheduleMissing, r.ID)
		return times(often)
	case err != nil:
		b.say(ScheduleUnreadable, r.ID)
		return text
	case !known:
		b.say(ScheduleRead, r.ID)
	case !dose.SOS && int64(dose.TimesADay()) != often:
		b.say(ScheduleDisagrees, r.ID)
	}
	d.Dose = dose
	return ""
}

// times says how often a day in words.
func times(n int64) string {
	if n == 1 {
		return "1 time a day"
	}
	return fmt.Sprintf("%d times a day", n)
}

// days reads a duration as the prescription form does, and only what is certain.
func (d *Dosage) days(b *book, r Row, c columns) (left string) {
	text := r.text(c.duration)
	if text == "" && c == listColumns {
		return ""
	}
	n, err := prescription.ParseDays(text)
	switch {
	case err != nil || n == 0:
		b.say(DurationUnreadable, r.ID)
		return text
	case !plainDays.MatchString(text):
		b.say(DurationNormalised, r.ID)
	}
	d.Days = n
	return ""
}

func (d *Dosage) formAndFood(b *book, r Row) (left string) {
	var rest []string
	if form := r.text("medicine_type"); forms[form] {
		d.Form = form
	} else {
		b.say(FormUnknown, r.ID)
		rest = append(rest, form)
	}
	food, known := foods[r.text("food_instruction")]
	if !known {
		b.say(FoodUnknown, r.ID)
		rest = append(rest, r.text("food_instruction"))
	}
	d.Food = food
	return strings.TrimSpace(strings.Join(rest, " "))
}

// quantity keeps what was printed, the older system's default of one among it.
func (d *Dosage) quantity(b *book, r Row) (left string) {
	n, _ := r.whole("qty")
	if n < 1 || n > mostQuantity {
		b.say(QuantityUnusable, r.ID)
		return fmt.Sprintf("quantity %d", n)
	}
	d.Quantity = int(n)
	often, _ := r.whole("frequency_per_day")
	if !d.Dose.IsZero() {
		often = int64(d.Dose.TimesADay())
	}
	counted := d.Form == "tablet" || d.Form == "capsule"
	if counted && n == 1 && d.Days > 0 && !d.Dose.SOS && (often > 1 || often == 1 && d.Days > 1) {
		b.say(QuantitySuspect, r.ID)
	}
	return ""
}

// squash is a name without case, spaces and signs; one of signs alone stays.
func squash(text string) string {
	folded := cases.Fold().String(text)
	bare := strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsNumber(c) {
			return c
		}
		return -1
	}, folded)
	if bare == "" {
		return strings.TrimSpace(folded)
	}
	return bare
}
