package legacy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

const (
	longestComplaint = 4000
	longestFindings  = 8000
	longestPlan      = 8000
	longestAdvice    = 4000
	longestTitle     = 4000 // of a diagnosis
	longestResult    = 4000
	longestNote      = 500 // of a test request
)

// rxStates are the older system's words.
var rxStates = map[string]string{"pending": "draft", "completed": "completed", "cancelled": "cancelled"}

// Prescription is one of the older system, which is a consultation in the new
// one as well.
type Prescription struct {
	ID, Patient int64
	Doctor      int64 // staff; 0: unknown
	Visit       int64 // of the same patient and day; 0: one is made for it
	Written     time.Time
	Day         time.Time // the clinic's
	State       string
	Plan        phi.Text // that an admission was recommended
	Purpose     string   // as the notes copied it from the visit
	Facts       map[string]string

	parts   int             // lines, tests, notes and vitals
	changed time.Time       // the last change of its notes or vitals
	tests   map[string]bool // names asked for
	lines   int
}

const mostParts = 500 // medicines or tests of one prescription

// OldNumber is how the older system called it.
func (x *Prescription) OldNumber() string { return strconv.FormatInt(x.ID, 10) }

// Notes are what the doctor wrote down beside a prescription.
type Notes struct {
	ID, Prescription                       int64
	Complaint, Diagnosis, Findings, Advice phi.Text
	Written                                time.Time
	Facts                                  map[string]string
}

// Request is a test that was asked for.
type Request struct {
	ID, Prescription int64
	Test             int64 // row of the test list; 0: not in it
	Name             phi.Text
	Kind             string
	State            string
	Required         time.Time // zero: not said
	Note, Result     phi.Text
	Facts            map[string]string
}

// planPrescriptions imports what doctors wrote for imported patients, with all
// its parts.
func (p *Plan) planPrescriptions() {
	b := p.books["hospital_prescription"]
	for _, r := range p.File.rows["hospital_doctor"] {
		p.allDocs[r.ID] = true
	}
	for _, d := range p.Profiles {
		p.doctors[d.ID] = d.User
	}
	for _, r := range p.File.rows["hospital_prescription"] {
		whose, ok := p.whose(b, r, "hospital_prescription")
		if !ok {
			continue
		}
		at, ok := stampOf(r.text("prescription_date"))
		if !ok {
			b.say(DateUnreadable, r.ID)
			continue
		}
		x := &Prescription{ID: r.ID, Patient: whose, Written: at, Day: patient.DayIn(at, zone), Facts: map[string]string{}, tests: map[string]bool{}}
		if !x.Day.Equal(at.Truncate(24 * time.Hour)) {
			b.say(DayDiffers, r.ID)
		}
		x.Doctor = p.author(b, "hospital_prescription", r)
		x.state(b, r)
		x.admission(b, r)
		p.rx[r.ID] = x
		p.Prescriptions = append(p.Prescriptions, x)
	}
	p.planNotes()
	p.planVitals()
	p.planLines()
	p.planRequests()
	for _, x := range p.Prescriptions {
		if x.parts == 0 {
			b.say(Empty, x.ID)
		}
		if x.State == "completed" && x.changed.After(x.Day) {
			b.say(ChangedLater, x.ID)
		}
	}
	slices.SortStableFunc(p.Prescriptions, func(x, y *Prescription) int { return cmp.Or(x.Written.Compare(y.Written), cmp.Compare(x.ID, y.ID)) })
	p.joinVisits()
}

// whose gives the imported patient of a row, or says why it is refused.
func (p *Plan) whose(b *book, r Row, table string) (int64, bool) {
	if len(p.everybody) == 0 {
		for _, q := range p.File.rows["hospital_patient"] {
			p.everybody[q.ID] = true
		}
	}
	whose, named := r.whole("patient_id")
	switch {
	case !p.everybody[whose]:
		b.say(PatientMissing, r.ID)
		if named {
			p.dangle(table, r.ID, "patient_id", "hospital_patient", whose)
		}
	case !p.belongs(b, r):
	case !p.patients[whose]:
		b.say(PatientRefused, r.ID)
	default:
		return whose, true
	}
	return 0, false
}

// author gives the staff member whose profile wrote a row; 0 when it is gone.
func (p *Plan) author(b *book, table string, r Row) int64 {
	doctor, named := r.whole("doctor_id")
	if named && !p.allDocs[doctor] {
		p.dangle(table, r.ID, "doctor_id", "hospital_doctor", doctor)
	}
	user := p.doctors[doctor]
	if !named || user == 0 {
		b.say(AuthorUnknown, r.ID)
	}
	return user
}

// parent gives the imported prescription of a row, or says why it is refused.
func (p *Plan) parent(b *book, r Row, table string) *Prescription {
	id, named := r.whole("prescription_id")
	x := p.rx[id]
	switch {
	case x == nil && p.books["hospital_prescription"].gone[id]:
		b.say(ParentRefused, r.ID)
	case x == nil:
		b.say(RxMissing, r.ID)
		if named {
			p.dangle(table, r.ID, "prescription_id", "hospital_prescription", id)
		}
	case !p.belongs(b, r):
	default:
		return x
	}
	return nil
}

func (x *Prescription) state(b *book, r Row) {
	state, known := rxStates[r.text("status")]
	if !known {
		b.say(StatusUnknown, r.ID)
		x.Facts["status"] = r.text("status")
		state = "draft"
	}
	if r.text("status") == "pending" {
		b.say(Unfinished, r.ID)
	}
	x.State = state
}

func (x *Prescription) admission(b *book, r Row) {
	reason := strings.TrimSpace(r.text("admission_reason"))
	text := reason
	switch {
	case r.yes("admission_recommended"):
		text = strings.TrimSuffix("Admission recommended: "+reason, ": ")
	case reason != "":
		text = "Reason for an admission that was not recommended: " + reason
	}
	x.Plan = x.shorten(b, r.ID, "admission_reason", text, longestPlan)
}

// shorten cuts text to what its place holds; the whole stands in the facts.
func (x *Prescription) shorten(b *book, row int64, column, text string, most int) phi.Text {
	return shortened(b, row, x.Facts, column, text, most)
}

func shortened(b *book, row int64, facts map[string]string, column, text string, most int) phi.Text {
	out, shorter := cut(text, most)
	if shorter {
		b.say(TextCut, row)
		facts[column] = text
	}
	return phi.Text(out)
}

// planNotes maps the columns to where the older system printed them, which is
// not what they are called.
func (p *Plan) planNotes() {
	b := p.books["hospital_doctornotes"]
	has := map[int64]bool{}
	for _, r := range p.File.rows["hospital_doctornotes"] {
		x := p.parent(b, r, "hospital_doctornotes")
		switch {
		case x == nil:
			continue
		case has[x.ID]:
			b.say(NotesTwice, r.ID)
			continue
		}
		has[x.ID] = true
		n := Notes{ID: r.ID, Prescription: x.ID, Facts: map[string]string{}}
		n.Complaint = shortened(b, r.ID, n.Facts, "observations", r.text("observations"), longestComplaint)
		n.Diagnosis = shortened(b, r.ID, n.Facts, "diagnosis", r.text("diagnosis"), longestTitle)
		n.Findings = shortened(b, r.ID, n.Facts, "treatment_plan", r.text("treatment_plan"), longestFindings)
		n.Advice = shortened(b, r.ID, n.Facts, "notes", r.text("notes"), longestAdvice)
		n.Written = later(x.wrote(b, r, "created_at"), x.wrote(b, r, "updated_at"))
		x.changed = later(x.changed, patient.DayIn(x.wrote(b, r, "updated_at"), zone))
		x.parts++
		x.Purpose, _ = cut(r.text("checkin_purpose"), longestPurpose)
		p.Notes = append(p.Notes, n)
	}
}

// wrote gives when a part of the prescription was written.
func (x *Prescription) wrote(b *book, r Row, column string) time.Time {
	at, ok := stampOf(r.text(column))
	if !ok {
		b.say(TimeUnreadable, r.ID)
		return x.Written
	}
	return at
}

func later(x, y time.Time) time.Time {
	if y.After(x) {
		return y
	}
	return x
}

// planRequests imports the tests asked for.
func (p *Plan) planRequests() {
	b := p.books["hospital_test"]
	for _, r := range p.File.rows["hospital_test"] {
		x := p.parent(b, r, "hospital_test")
		if x == nil {
			continue
		}
		if len(x.tests) == mostParts {
			b.say(TooMany, r.ID)
			continue
		}
		x.parts++
		q := Request{ID: r.ID, Prescription: x.ID, State: "requested", Facts: map[string]string{}}
		q.Kind = testKind(b, r, q.Facts)
		notes := []string{}
		if text := strings.TrimSpace(r.text("description")); text != "" {
			notes = append(notes, text)
		}
		listed, name := p.listed(b, r)
		q.Test = listed
		q.name(b, r, x, name, &notes)
		result := strings.TrimSpace(r.text("result"))
		switch {
		case r.yes("is_completed"):
			q.State = "reported"
			q.Result = shortened(b, r.ID, q.Facts, "result", result, longestResult)
			if result == "" {
				b.say(CompletedNoResult, r.ID)
			}
		case result != "":
			notes = append(notes, result)
		}
		q.Note = shortened(b, r.ID, q.Facts, "description", strings.Join(notes, "; "), longestNote)
		if text := r.text("test_date"); text != "" {
			var ok bool
			if q.Required, ok = dayOf(text); !ok {
				b.say(DayUnreadable, r.ID)
				q.Facts["test_date"] = text
			}
		}
		p.Requests = append(p.Requests, q)
	}
}

// name is the catalogue's where it has the test, and what was written stays in
// the note. A visit can't ask for the same name twice.
func (q *Request) name(b *book, r Row, x *Prescription, listed string, notes *[]string) {
	written := testName(b, r, q.Facts)
	name, _ := cut(patient.CleanName(listed), longestTest)
	if name == "" {
		name = written
	}
	twice := func(n string) bool { return x.tests[strings.ToLower(n)] }
	if twice(name) {
		b.say(TestTwice, r.ID)
		if name = written; twice(name) {
			short, _ := cut(name, longestTest-20)
			for n := 2; twice(name); n++ {
				name = fmt.Sprintf("%s (%d)", short, n)
			}
		}
	}
	if name != written {
		*notes = append(*notes, written)
	}
	x.tests[strings.ToLower(name)] = true
	q.Name = phi.Text(name)
}

// joinVisits gives each prescription the patient's visit of its day, none to
// two of them: a visit of the new system has one consultation of a doctor.
func (p *Plan) joinVisits() {
	type stay struct {
		patient int64
		day     time.Time
	}
	free := map[stay][]*Visit{}
	for i := range p.Visits {
		if v := &p.Visits[i]; v.State != "cancelled" {
			k := stay{v.Patient, v.Day}
			free[k] = append(free[k], v)
		}
	}
	for _, x := range p.Prescriptions {
		k := stay{x.Patient, x.Day}
		if len(free[k]) > 0 {
			x.Visit, free[k] = free[k][0].ID, free[k][1:]
		}
	}
}
