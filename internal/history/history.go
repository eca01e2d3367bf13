// Package history tells what happened to a patient over time: visits with what
// was found, prescriptions, tests, documents, appointments and follow-ups in
// one order, and which medicines are being taken now.
//
// It reads what other slices wrote and changes nothing; the rules of each kind
// stay in its slice. No HTTP and no page.
package history

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/internal/prescription"
)

// Kind is what an entry is about.
type Kind string

// The kinds, as an address names them.
const (
	Visit        Kind = "visit"
	Prescription Kind = "prescription"
	Test         Kind = "test"
	Document     Kind = "document"
	Appointment  Kind = "appointment"
	FollowUp     Kind = "follow_up"
)

// Kinds lists them in the order of a filter.
func Kinds() []Kind {
	return []Kind{Visit, Prescription, Test, Document, Appointment, FollowUp}
}

// KindOf reads a kind; what is none is every kind.
func KindOf(text string) Kind {
	if k := Kind(text); slices.Contains(Kinds(), k) {
		return k
	}
	return ""
}

// Entry is one thing that happened.
type Entry struct {
	Kind    Kind
	ID      uuid.UUID
	At      time.Time
	VisitID uuid.UUID // where it belongs to one
	State   string    // as the kind's table has it; withdrawn, of a document
	Sort    string    // of visit, test, document or appointment: the kind within the kind
	Number  string    // token or number
	Doctor  string    // or the department, or who took a document in
	What    []phi.Text
	Text    phi.Text // purpose, complaint or note
	Result  phi.Text // of a test, where it is text
	Reason  phi.Text // why it was cancelled or withdrawn
	Day     time.Time
	Found   bool // of a visit: a finished consultation may be read
	Stat    bool // of a test
	Pages   int
	// Pressure of a visit, zero if none was taken.
	Systolic, Diastolic int
}

// Running is a medicine that was prescribed for days that are not over.
type Running struct {
	Medicine       phi.Text // with its strength
	Dose           prescription.Dose
	Until          time.Time
	PrescriptionID uuid.UUID
	Number         string
	Doctor         string
}

// once leaves of the same medicine the one that was prescribed last.
func once(all []Running) []Running {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(r Running) bool {
		key := strings.ToLower(r.Medicine.Reveal())
		was := seen[key]
		seen[key] = true
		return was
	})
}

// newer puts entries in the order of the list. Ids part what happened at the
// same moment, so that a page goes on where the one before ended.
func newer(a, b Entry) int {
	if c := b.At.Compare(a.At); c != 0 {
		return c
	}
	return slices.Compare(b.ID[:], a.ID[:])
}
