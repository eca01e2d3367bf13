// Package visit owns the queue: how a patient who arrives becomes a visit with
// a token, how it moves until it is over, what the waiting room and the patient
// see of it, and the list of what came in.
//
// The database says which moves are legal, gives the numbers and times every
// move (platform.move_visit, number_token, record_move); what belongs here is
// who may ask for one, in which order patients are called, and how long they
// will wait. No HTTP and no page; of a patient only what tells one from another.
package visit

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

// State is where a visit stands.
type State string

// The states, as the database has them.
const (
	Waiting        State = "waiting"
	Called         State = "called"
	InConsultation State = "in_consultation"
	Done           State = "done"
	Skipped        State = "skipped"
	NoShow         State = "no_show"
	Cancelled      State = "cancelled"
)

// States lists every state in the order of a visit's life.
func States() []State {
	return []State{Waiting, Called, InConsultation, Done, Skipped, NoShow, Cancelled}
}

// legal says from where a move may go where. It is the table of
// platform.move_visit, which decides; screens offer by it what will succeed.
var legal = map[State][]State{
	Waiting:        {Called, InConsultation, Skipped, NoShow, Cancelled},
	Called:         {Called, Waiting, InConsultation, Skipped, NoShow, Cancelled},
	Skipped:        {Waiting, Called, NoShow, Cancelled},
	InConsultation: {Done, Waiting},
	NoShow:         {Waiting},
}

// MayGo reports whether a visit may go from one state to another.
func MayGo(from, to State) bool { return slices.Contains(legal[from], to) }

// Open reports whether the visit is not over.
func (s State) Open() bool { return s == Waiting || s == Called || s == InConsultation || s == Skipped }

// MayTransfer reports whether a visit in this state may change its line.
func (s State) MayTransfer() bool { return s == Waiting || s == Called || s == Skipped }

// Kinds of visit, as the database has them.
var kinds = []string{"routine", "follow_up", "emergency", "admission"}

// Line is where patients queue: a doctor, or a department.
type Line struct {
	ID           uuid.UUID
	Department   bool
	Name         string
	Local        string
	Room         string
	Availability string // of a doctor: available, on_leave, offline
}

// Load is a line with what stands before a newcomer.
type Load struct {
	Line
	Waiting int
	Wait    time.Duration // estimated for the next who comes
}

// Row is a visit of the board.
type Row struct {
	ID        uuid.UUID
	Version   int32
	Token     string
	Patient   patient.Card
	Line      Line
	Kind      string
	Purpose   phi.Text
	State     State
	Priority  bool
	CallCount int
	Arrived   time.Time
	CalledAt  time.Time // zero until called
	Started   time.Time
	Ended     time.Time
	Wait      time.Duration // since arrival or, inside, since the start; 0 when over
	Ahead     int           // how many will be called before, for who waits
	Allergies phi.Text      // on a board of one line only
	NoneKnown bool          // no known allergies
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func someID(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
