// Package consultation owns what a doctor finds and decides at a visit: vitals,
// notes, diagnoses by ICD-10, what is added after the end, when the patient is
// to come again, and the draft that keeps what is being typed.
//
// That a finished consultation changes no more, that it is its doctor's, and
// that finishing closes the visit the database says (platform.guard_…); what
// belongs here is what may be written, which values are out of range, and how
// two windows of one doctor don't overwrite each other. What is prescribed is
// another slice's, which finishing asks. No HTTP and no page.
package consultation

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/internal/prescription"
)

// States of a consultation, as the database has them.
const (
	Open     = "open"
	Finished = "finished"
)

// Urgencies, as the database has them, in rising order.
var urgencies = []string{"routine", "moderate", "urgent", "critical"}

// symptoms of the checklist, in the order of the form.
var symptoms = []string{
	"fever", "cough", "cold", "sore_throat", "breathless", "chest_pain", "palpitations", "headache", "dizziness", "body_ache", "weakness", "appetite",
	"weight_loss", "nausea", "vomiting", "diarrhoea", "constipation", "abdominal_pain", "burning_urine", "joint_pain", "back_pain", "swelling", "rash", "itching",
	"bleeding", "sleep", "anxiety",
}

// Symptoms lists the checklist's keys.
func Symptoms() []string { return append([]string(nil), symptoms...) }

// Urgencies lists the degrees, in rising order.
func Urgencies() []string { return append([]string(nil), urgencies...) }

// Diagnosis is one line: a code of the list with its title, or free text.
type Diagnosis struct {
	Code  string `json:"code"`
	Title string `json:"title"`
	Note  string `json:"note,omitempty"`
}

// Form is what the fields of a consultation hold, as typed: it is also what a
// draft keeps, so that nothing is lost that is not right yet.
type Form struct {
	Complaint string      `json:"complaint"`
	Symptoms  []string    `json:"symptoms"`
	Findings  string      `json:"findings"`
	Plan      string      `json:"plan"`
	Advice    string      `json:"advice"`
	Urgency   string      `json:"urgency"`
	FollowUp  string      `json:"follow_up"` // days
	Diagnoses []Diagnosis `json:"diagnoses"`
	Typed     string      `json:"typed"` // in the search for a diagnosis, not added yet
	// Rx is what shall be prescribed and asked for when the consultation is finished.
	Rx prescription.Sheet `json:"rx"`
	// Window names the browser's window that wrote: its own requests may overtake
	// one another and are no second window's.
	Window   string   `json:"window"`
	Measured Measured `json:"measured"`
}

// Format hides what a patient said from every log.
func (Form) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[hidden]")) }

// Consultation is one as it stands in the record.
type Consultation struct {
	ID           uuid.UUID
	VisitID      uuid.UUID
	PatientID    uuid.UUID
	DoctorID     uuid.UUID
	Doctor       string
	Complaint    phi.Text
	Symptoms     []string
	Findings     phi.Text
	Plan         phi.Text
	Advice       phi.Text
	Urgency      string
	FollowUpDays int // 0 if none
	State        string
	Started      time.Time
	FinishedAt   time.Time // zero while open
	Version      int32
	Diagnoses    []Noted
	Addenda      []Addendum
}

// Noted is a diagnosis of the record.
type Noted struct {
	Code        string
	Title, Note phi.Text
}

// Addendum is what was added after the end.
type Addendum struct {
	Body   phi.Text
	Doctor string
	At     time.Time
}

// Draft is what somebody was typing.
type Draft struct {
	Form    Form
	Version int32 // 0: none was kept yet
	At      time.Time
}

// Visit is the visit at hand.
type Visit struct {
	ID       uuid.UUID
	Patient  uuid.UUID
	Doctor   uuid.UUID // zero: a department's
	Token    string
	Day      time.Time
	Kind     string
	State    string
	Priority bool
	Purpose  phi.Text
	Note     phi.Text
	Version  int32
}

// Work is everything that a doctor has before them.
type Work struct {
	Now    time.Time
	Visit  Visit
	Record patient.Record
	Mine   *Consultation  // the actor's own, nil before it is begun
	Others []Consultation // of other doctors at this visit
	Form   Form           // what the fields hold: the draft, else what was measured already
	Draft  Draft          // its Version is what a save must name
	Vitals Vitals         // of the visit, by whoever took them
	Takers []string       // who took them
	Trend  []Vitals       // earlier and present readings, newest first
}

// Due is a follow-up to come.
type Due struct {
	ID      uuid.UUID
	Version int32
	On      time.Time
	Note    phi.Text
	Doctor  string // on a patient's page only
	Patient patient.Card
}

// Unfinished is a consultation that was begun.
type Unfinished struct {
	VisitID uuid.UUID
	Token   string
	Day     time.Time
	Started time.Time
	Inside  bool // the patient is in the room
	// Medicines are on its draft and not issued.
	Medicines int
	Patient   patient.Card
}

func someID(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
