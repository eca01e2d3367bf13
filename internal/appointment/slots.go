package appointment

import (
	"sort"
	"time"

	"github.com/cloister-health/cloister/internal/clinic"
)

// worked are the stretches of a weekday in which both the clinic is open and
// the doctor works. A doctor who told no hours works as long as it is open.
func worked(opening, office clinic.Week, on time.Weekday) []clinic.Stretch {
	if len(office) == 0 {
		return opening[on]
	}
	var out []clinic.Stretch
	for _, o := range opening[on] {
		for _, d := range office[on] {
			if both := (clinic.Stretch{From: max(o.From, d.From), To: min(o.To, d.To)}); both.From < both.To {
				out = append(out, both)
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].From < out[j].From })
	return out
}

// at is a clock time of a day in a zone. Where the clock is put forward a time
// that does not exist is the hour after it.
func at(day time.Time, minutes int, zone *time.Location) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d, 0, minutes, 0, 0, zone)
}

// dayBounds are the first moment of a clinic's day and that of the next.
func dayBounds(day time.Time, zone *time.Location) (from, until time.Time) {
	return at(day, 0, zone), at(day.AddDate(0, 0, 1), 0, zone)
}

// grid is every time of a day, free or not, in order: whole slots only, each
// stretch from its own beginning.
func grid(day time.Time, zone *time.Location, stretches []clinic.Stretch, minutes int) []Entry {
	length := time.Duration(minutes) * time.Minute
	var out []Entry
	for _, s := range stretches {
		for from := s.From; from+minutes <= s.To; from += minutes {
			e := Entry{Start: at(day, from, zone)}
			e.End = e.Start.Add(length)
			if n := len(out); n > 0 && e.Start.Before(out[n-1].End) {
				continue // the clock was put forward in between
			}
			out = append(out, e)
		}
	}
	return out
}

// merge puts the appointments of a day and what is free beside them in order of
// time. taken is sorted. A time that has begun can still be given to who stands
// at the desk; one that is over can't.
func merge(all []Entry, taken []Appointment, now time.Time) (entries []Entry, free int) {
	for i := range taken {
		entries = append(entries, Entry{Start: taken[i].Start, End: taken[i].End, Taken: &taken[i]})
	}
	for _, e := range all {
		if !e.End.After(now) || overlaps(e, taken) {
			continue
		}
		entries = append(entries, e)
		free++
	}
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].Start.Before(entries[j].Start) })
	return entries, free
}

func overlaps(e Entry, taken []Appointment) bool {
	for _, a := range taken {
		if a.State.Live() && a.Start.Before(e.End) && e.Start.Before(a.End) {
			return true
		}
	}
	return false
}

// plan is what the times of a clinic are made from.
type plan struct {
	opening clinic.Week
	minutes int
	zone    *time.Location
	now     time.Time
	today   time.Time
}

// column makes a doctor's day. away tells of a leave on that day.
func (p plan) column(d Doctor, office clinic.Week, day time.Time, away *Leave, taken []Appointment) Column {
	c := Column{Doctor: d, Day: day}
	stretches := worked(p.opening, office, day.Weekday())
	switch {
	case len(p.opening) == 0:
		c.Why = NoPlan
	case away != nil:
		c.Why, c.Leave = Away, away.Reason
	case len(stretches) == 0:
		c.Why = Closed
	case d.Availability == "on_leave", d.Availability == "offline" && day.Equal(p.today):
		c.Why = Off
	}
	var all []Entry
	if c.Why == Open {
		all = grid(day, p.zone, stretches, p.minutes)
	}
	c.Entries, c.Free = merge(all, taken, p.now)
	return c
}

// offers reports whether a free entry begins at a moment.
func (c Column) offers(start time.Time) bool {
	for _, e := range c.Entries {
		if e.Taken == nil && e.Start.Equal(start) {
			return true
		}
	}
	return false
}
