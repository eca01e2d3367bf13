// Package appointment owns who comes when: the times that a doctor offers, what
// is booked of them, the days of leave, and the follow-ups that the desk calls.
//
// That nothing overlaps, that no one is booked with a doctor on leave, and which
// state follows which the database says (platform.guard_appointment and the
// exclusion constraints of the table); what belongs here is how hours become
// times, in the clinic's zone, and who may ask for what. A patient who comes
// becomes a visit, which is the queue's. No HTTP and no page.
package appointment

import (
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

// State is where an appointment stands.
type State string

// The states, as the database has them.
const (
	Booked    State = "booked"
	Arrived   State = "arrived"
	NoShow    State = "no_show"
	Cancelled State = "cancelled"
)

// legal says from where a state may go where. It is the table of
// platform.guard_appointment, which decides; screens offer by it what succeeds.
var legal = map[State][]State{
	Booked: {Arrived, NoShow, Cancelled},
	NoShow: {Arrived, Booked},
}

// Live reports whether the time is taken by an appointment in this state.
func (s State) Live() bool { return s == Booked || s == Arrived }

// Doctor is who can be booked.
type Doctor struct {
	ID           uuid.UUID
	Name         string
	Local        string
	Room         string
	Availability string // available, on_leave, offline
}

// Appointment is one as lists and the calendar show it.
type Appointment struct {
	ID      uuid.UUID
	Doctor  Doctor // its name on a patient's list only
	Patient patient.Card
	Start   time.Time
	End     time.Time
	Kind    string // routine, follow_up
	Purpose phi.Text
	State   State
	Visit   uuid.UUID // zero until the patient came
	Version int32

	Language string    // the patient's, empty for the clinic's
	Reminded time.Time // zero unless a mail went for this time
}

// Detail is an appointment on its own page.
type Detail struct {
	Appointment
	Reason phi.Text // of the cancellation
	Booker string   // empty when the patient booked
	Made   time.Time
	Record patient.Record
	Now    time.Time
	Today  bool // it is for the clinic's present day
}

// May reports whether the appointment can be brought into a state now: nobody
// has missed what is still to come, and one checks in on the day.
func (d Detail) May(to State) bool {
	for _, s := range legal[d.State] {
		if s != to {
			continue
		}
		switch to {
		case NoShow:
			return !d.Start.After(d.Now)
		case Arrived:
			return d.Today
		case Booked:
			return d.End.After(d.Now)
		}
		return true
	}
	return false
}

// MayMove reports whether it can have another time.
func (d Detail) MayMove() bool { return d.State == Booked }

// Why says why a doctor's day has no free time.
type Why string

// The reasons.
const (
	Open   Why = ""        // there may be some
	Closed Why = "closed"  // the clinic is, or the doctor doesn't work on this weekday
	Away   Why = "away"    // a leave of these days
	Off    Why = "off"     // the profile says so
	NoPlan Why = "no_plan" // the clinic has no opening hours yet
)

// Entry is a time of a doctor's day: free, or an appointment.
type Entry struct {
	Start time.Time
	End   time.Time
	Taken *Appointment // nil: it can be booked
}

// Column is a day of a doctor.
type Column struct {
	Doctor  Doctor
	Day     time.Time
	Entries []Entry
	Free    int
	Why     Why
	Leave   phi.Text // what the leave is for
}

// Calendar is some columns: the doctors of a day, or the days of a doctor.
type Calendar struct {
	Now     time.Time
	Today   time.Time
	Day     time.Time // that was asked for
	Doctors []Doctor  // everybody who can be booked
	Columns []Column
	Minutes int
}

// Leave is a stretch of days on which a doctor is away.
type Leave struct {
	ID      uuid.UUID
	From    time.Time
	Until   time.Time
	Reason  phi.Text
	Version int32
}

// FollowUp is a patient who is to come again.
type FollowUp struct {
	ID      uuid.UUID
	Version int32
	On      time.Time
	Note    phi.Text
	Doctor  Doctor
	Patient patient.Card
	Booked  uuid.UUID // the appointment made for it, else zero
	At      time.Time
}
