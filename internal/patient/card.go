package patient

import (
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/phi"
)

// Birth is what is known of a person's age: the day of birth, or an age with
// the day on which it was told, or nothing.
type Birth struct {
	Date   time.Time // zero if only an age is known
	Years  int16
	Months *int16    // besides the years
	Told   time.Time // zero if no age was told
}

// Known reports whether there is a date or an age.
func (b Birth) Known() bool { return !b.Date.IsZero() || !b.Told.IsZero() }

// Estimated reports an age without a date of birth.
func (b Birth) Estimated() bool { return b.Date.IsZero() && !b.Told.IsZero() }

// On is the day of birth, counted back from the day an age was told if it is
// not known itself; zero when neither is.
func (b Birth) On() time.Time {
	if !b.Estimated() {
		return b.Date
	}
	months := 0
	if b.Months != nil {
		months = int(*b.Months)
	}
	return b.Told.AddDate(-int(b.Years), -months, 0)
}

// BirthOf puts the columns of a row together.
func BirthOf(date *time.Time, years, months *int16, told *time.Time) Birth {
	var b Birth
	if date != nil {
		b.Date = *date
	}
	if years != nil && told != nil {
		b.Years, b.Months, b.Told = *years, months, *told
	}
	return b
}

// sameYear tells whether two births may be one: the same year, or the one next
// to it where an age was told, since an age tells the year only so far.
func (b Birth) sameYear(o Birth) bool {
	if !b.Known() || !o.Known() {
		return true
	}
	off := b.On().Year() - o.On().Year()
	if b.Estimated() || o.Estimated() {
		return off >= -1 && off <= 1
	}
	return off == 0
}

// Card is what tells one patient from another on a list.
type Card struct {
	ID         uuid.UUID
	Number     string
	Name       phi.Text
	Local      phi.Text
	Sex        string
	Birth      Birth
	Phone      phi.Text
	LastVisit  time.Time // zero if none
	Registered time.Time // only on lists of the newest
}

// MaskedPhone shows the last three digits, enough to ask "ending in 123?".
func (c Card) MaskedPhone() string { return MaskPhone(c.Phone) }

// MaskPhone hides all but the last three digits of a phone.
func MaskPhone(phone phi.Text) string {
	p := phone.Reveal()
	if len(p) < 4 {
		return ""
	}
	return "••••• ••" + p[len(p)-3:]
}

func dayOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
