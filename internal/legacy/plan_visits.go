package legacy

import (
	"strings"
	"time"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

// visitKinds are the older system's purposes that are kinds of visit; any other
// text is a routine visit's purpose.
var visitKinds = map[string]string{"Checkup": "routine", "Follow-up": "follow_up", "Emergency": "emergency", "Admission": "admission"}

const (
	leftOpen       = "left open in the older system"
	longestPurpose = 500
)

// planVisits imports every visit of an imported patient. None stays open: the
// older system closed few, and its queue ends with it.
func (p *Plan) planVisits() {
	b := p.books["hospital_patientvisit"]
	all := map[int64]bool{}
	for _, r := range p.File.rows["hospital_patient"] {
		all[r.ID] = true
	}
	today := patient.DayIn(p.now, zone)
	for _, r := range p.File.rows["hospital_patientvisit"] {
		whose, named := r.whole("patient_id")
		at, ok := stampOf(r.text("check_in_date"))
		switch {
		case !all[whose]:
			b.say(PatientMissing, r.ID)
			if named {
				p.dangle("hospital_patientvisit", r.ID, "patient_id", "hospital_patient", whose)
			}
			continue
		case !p.belongs(b, r):
			continue
		case !p.patients[whose]:
			b.say(PatientRefused, r.ID)
			continue
		case !ok:
			b.say(DateUnreadable, r.ID)
			continue
		}
		v := Visit{ID: r.ID, Patient: whose, Arrived: at, Day: patient.DayIn(at, zone), Note: phi.Text(r.text("notes"))}
		if !v.Day.Equal(at.Truncate(24 * time.Hour)) {
			b.say(DayDiffers, r.ID)
		}
		v.purpose(b, r)
		v.state(b, r, today)
		v.By = p.actor("hospital_patientvisit", r, "checked_in_by_id")
		p.Visits = append(p.Visits, v)
	}
}

func (v *Visit) purpose(b *book, r Row) {
	text := r.text("purpose")
	kind, known := visitKinds[text]
	if known {
		v.Kind = kind
		return
	}
	b.say(PurposeFreeText, r.ID)
	v.Kind = "routine"
	var shorter bool
	if v.Purpose, shorter = cut(text, longestPurpose); shorter {
		b.say(TextCut, r.ID)
		v.Note = phi.Text(text) + "\n" + v.Note
	}
}

func (v *Visit) state(b *book, r Row, today time.Time) {
	v.State = "done"
	switch r.text("status") {
	case "completed":
	case "cancelled":
		v.State = "cancelled"
		v.cancelled(b, r)
	case "checked_in", "in_consultation":
		v.Reason = leftOpen
		if v.Day.Before(today) {
			b.say(VisitLeftOpen, r.ID)
		} else {
			b.say(VisitOpenToday, r.ID)
		}
	default:
		b.say(StatusUnknown, r.ID)
		v.Reason = leftOpen
	}
}

// cancelled takes the note as the reason; one that is too long stays in the
// note as well.
func (v *Visit) cancelled(b *book, r Row) {
	reason, shorter := cut(strings.TrimSpace(r.text("notes")), longestPurpose)
	v.Reason = reason
	switch {
	case reason == "":
		b.say(CancelledNoReason, r.ID)
		v.Reason = notRecorded
	case shorter:
		b.say(TextCut, r.ID)
		return
	}
	v.Note = phi.Text(strings.TrimSpace(strings.TrimSuffix(v.Note.Reveal(), r.text("notes"))))
}
