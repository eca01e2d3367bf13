package appointment

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cloister-health/cloister/internal/clinic"
)

func zoneOf(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// hours makes kept hours with some stretches each day.
func hours(t *rapid.T, label string) []byte {
	out := map[string][][2]string{}
	for _, d := range clinic.Days() {
		from := 0
		for range rapid.IntRange(0, 3).Draw(t, label+" stretches of "+d) {
			a := rapid.IntRange(from, 24*60-1).Draw(t, label+" from")
			b := rapid.IntRange(a+1, 24*60).Draw(t, label+" to")
			out[d] = append(out[d], [2]string{fmt.Sprintf("%02d:%02d", a/60, a%60), fmt.Sprintf("%02d:%02d", b/60, b%60)})
			if from = b; from >= 24*60-1 {
				break
			}
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func within(e Entry, day time.Time, zone *time.Location, all []clinic.Stretch) bool {
	for _, s := range all {
		if !e.Start.Before(at(day, s.From, zone)) && !e.End.After(at(day, s.To, zone)) {
			return true
		}
	}
	return false
}

// Whatever the hours and the bookings are, what is offered is whole, lies in
// the clinic's and the doctor's hours, is not over, and overlaps nothing.
func TestOfferedTimesAreFree(t *testing.T) {
	t.Parallel()
	zones := []*time.Location{zoneOf(t, "Asia/Kolkata"), zoneOf(t, "Europe/London"), time.UTC}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 364).Draw(t, "day"))
		minutes := rapid.IntRange(5, 240).Draw(t, "minutes")
		opening, office := clinic.ReadWeek(hours(t, "clinic")), clinic.ReadWeek(hours(t, "doctor"))
		p := plan{opening: opening, minutes: minutes, zone: zone, today: day, now: at(day, rapid.IntRange(-600, 1500).Draw(t, "now"), zone)}
		var taken []Appointment
		begin := at(day, 0, zone)
		for range rapid.IntRange(0, 6).Draw(t, "bookings") {
			begin = begin.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "gap")) * time.Minute)
			a := Appointment{Start: begin, End: begin.Add(time.Duration(rapid.IntRange(5, 240).Draw(t, "length")) * time.Minute),
				State: rapid.SampledFrom([]State{Booked, Arrived, NoShow}).Draw(t, "state")}
			taken, begin = append(taken, a), a.End
		}
		c := p.column(Doctor{Availability: "available"}, office, day, nil, taken)
		free, kept, last := 0, 0, time.Time{}
		for i, e := range c.Entries {
			if i > 0 && e.Start.Before(c.Entries[i-1].Start) {
				t.Fatalf("out of order at %v", e.Start)
			}
			if e.Taken != nil {
				kept++
				continue
			}
			free++
			switch {
			case e.End.Sub(e.Start) != time.Duration(minutes)*time.Minute:
				t.Fatalf("%v lasts %v", e.Start, e.End.Sub(e.Start))
			case !e.End.After(p.now):
				t.Fatalf("%v is over", e.Start)
			case e.Start.Before(last):
				t.Fatalf("%v overlaps the free time before", e.Start)
			case overlaps(e, taken):
				t.Fatalf("%v is taken", e.Start)
			case !within(e, day, zone, opening[day.Weekday()]):
				t.Fatalf("%v: the clinic is closed", e.Start)
			case len(office) > 0 && !within(e, day, zone, office[day.Weekday()]):
				t.Fatalf("%v: the doctor is not there", e.Start)
			case !c.offers(e.Start):
				t.Fatalf("%v is shown and not offered", e.Start)
			}
			last = e.End
		}
		if free != c.Free || kept != len(taken) {
			t.Fatalf("%d free and %d kept, told %d of %d", free, kept, c.Free, len(taken))
		}
	})
}

func TestTheClinicsDayBeginsAtItsMidnight(t *testing.T) {
	t.Parallel()
	india, london := zoneOf(t, "Asia/Kolkata"), zoneOf(t, "Europe/London")
	day := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	from, until := dayBounds(day, india)
	if want := time.Date(2026, 11, 26, 18, 30, 0, 0, time.UTC); !from.Equal(want) || until.Sub(from) != 24*time.Hour {
		t.Errorf("from %v until %v", from.UTC(), until.UTC())
	}
	// The night that the clock is put forward is an hour shorter, and offers no time twice.
	spring := time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)
	if from, until := dayBounds(spring, london); until.Sub(from) != 23*time.Hour {
		t.Errorf("the short day lasts %v", until.Sub(from))
	}
	all := grid(spring, london, []clinic.Stretch{{From: 0, To: 24 * 60}}, 30)
	for i := 1; i < len(all); i++ {
		if all[i].Start.Before(all[i-1].End) {
			t.Errorf("%v overlaps %v", all[i].Start, all[i-1].Start)
		}
	}
	if len(all) != 46 {
		t.Errorf("%d half hours in 23", len(all))
	}
}

func TestWhyADayHasNothing(t *testing.T) {
	t.Parallel()
	zone := zoneOf(t, "Asia/Kolkata")
	day := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC) // a Friday
	open := clinic.ReadWeek([]byte(`{"fri":[["09:00","10:00"]]}`))
	p := plan{opening: open, minutes: 15, zone: zone, today: day, now: at(day, 0, zone)}
	for _, c := range []struct {
		name         string
		plan         plan
		availability string
		office       string
		day          time.Time
		away         *Leave
		why          Why
		free         int
	}{
		{"open", p, "available", `{}`, day, nil, Open, 4},
		{"another weekday", p, "available", `{}`, day.AddDate(0, 0, 1), nil, Closed, 0},
		{"office hours elsewhere", p, "available", `{"mon":[["09:00","10:00"]]}`, day, nil, Closed, 0},
		{"half of it", p, "available", `{"fri":[["09:30","12:00"]]}`, day, nil, Open, 2},
		{"on leave", p, "available", `{}`, day, &Leave{Reason: "Conference"}, Away, 0},
		{"on leave without an end", p, "on_leave", `{}`, day.AddDate(0, 0, 7), nil, Off, 0},
		{"offline today", p, "offline", `{}`, day, nil, Off, 0},
		{"offline today, another day", p, "offline", `{}`, day.AddDate(0, 0, 7), nil, Open, 4},
		{"no hours yet", plan{minutes: 15, zone: zone}, "available", `{}`, day, nil, NoPlan, 0},
	} {
		got := c.plan.column(Doctor{Availability: c.availability}, clinic.ReadWeek([]byte(c.office)), c.day, c.away, nil)
		if got.Why != c.why || got.Free != c.free {
			t.Errorf("%s: %q with %d free, want %q with %d", c.name, got.Why, got.Free, c.why, c.free)
		}
	}
}
