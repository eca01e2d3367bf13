package legacy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

// patientStatuses are the older system's words; admitted and deceased it kept
// only in the admissions.
var patientStatuses = map[string]string{
	"registered": "registered", "in_diagnosis": "in_diagnosis", "treatment_started": "in_treatment", "discharged": "discharged",
}

// openAdmissions are the states in which a patient holds a bed.
var openAdmissions = map[string]bool{"admitted": true, "in_treatment": true, "improving": true, "stable": true, "ready_for_discharge": true}

const (
	notRecorded   = "not recorded"
	nameDeclared  = 100 // characters, by the older system's own declaration
	longestNumber = 100
	lightest      = 0.2 // kg
	heaviest      = 500
	eldest        = 1880 // the first year of birth that is kept
)

// planPatients imports every patient whose day of registration can be read:
// equal phones and equal old numbers never stand in the way.
func (p *Plan) planPatients() {
	b := p.books["hospital_patient"]
	byAdmission := p.statusByAdmission()
	phones, numbers := map[phi.Text]int{}, map[string]int{}
	logins := map[int64]*Login{}
	for i := range p.Logins {
		logins[p.Logins[i].ID] = &p.Logins[i]
	}
	for _, r := range p.File.rows["hospital_patient"] {
		day, ok := dayOf(r.text("registration_date"))
		switch {
		case !p.belongs(b, r):
			continue
		case !ok:
			b.say(DateUnreadable, r.ID)
			continue
		}
		p.patients[r.ID] = true
		q := Patient{ID: r.ID, Registered: day, Address: phi.Text(r.text("address")), Facts: map[string]string{}}
		q.name(b, r)
		q.number(b, r)
		q.phone(b, r)
		q.age(b, r)
		q.sexAndWeight(b, r)
		q.status(b, r, byAdmission[r.ID])
		q.By = p.actor("hospital_patient", r, "registered_by_id")
		p.login(b, r, logins)
		if r.yes("default_password") {
			b.say(PasswordDropped, r.ID)
		}
		phones[q.Phone]++
		numbers[q.OldNumber]++
		p.Patients = append(p.Patients, q)
	}
	for i := range p.Patients {
		q := &p.Patients[i]
		if q.Phone != "" && phones[q.Phone] > 1 {
			b.say(PhoneShared, q.ID)
		}
		if numbers[q.OldNumber] > 1 {
			b.say(NumberDuplicate, q.ID)
		}
	}
	p.dropLoginsWithoutPatient()
	slices.SortStableFunc(p.Patients, func(x, y Patient) int { return x.Registered.Compare(y.Registered) })
}

// statusByAdmission gives the status that a patient's admissions imply; a death
// outweighs an open admission.
func (p *Plan) statusByAdmission() map[int64]string {
	out := map[int64]string{}
	for _, r := range p.File.rows["hospital_patientadmission"] {
		patient, ok := r.whole("patient_id")
		if !ok {
			continue
		}
		switch state := r.text("status"); {
		case state == "deceased":
			out[patient] = "deceased"
		case openAdmissions[state] && r.text("discharge_date") == "" && out[patient] == "":
			out[patient] = "admitted"
		}
	}
	return out
}

func (q *Patient) name(b *book, r Row) {
	raw := r.text("patient_name")
	clean := patient.CleanName(raw)
	if clean != raw {
		b.say(NameSpace, r.ID)
	}
	if utf8.RuneCountInString(raw) > nameDeclared {
		b.say(NameOver100, r.ID)
	}
	if clean == "" {
		b.say(NameMissing, r.ID)
		clean = notRecorded
		q.First = phi.Text(clean)
		return
	}
	first, last := patient.SplitName(clean)
	q.First, q.Last = phi.Text(first), phi.Text(last)
}

// number keeps the old number as it stood. Its year is the second part, as in
// PT3-2025-90319.
func (q *Patient) number(b *book, r Row) {
	q.OldNumber = r.text("patient_id")
	if parts := strings.Split(q.OldNumber, "-"); len(parts) == 3 && parts[1] != r.text("registration_date")[:4] {
		b.say(NumberYearDiffers, r.ID)
	}
	if utf8.RuneCountInString(q.OldNumber) > longestNumber {
		b.say(TextCut, r.ID)
		q.remark("Number in the older system", q.OldNumber)
		q.OldNumber, _ = cut(q.OldNumber, longestNumber)
	}
}

func (q *Patient) phone(b *book, r Row) {
	phone, k := phoneOf(r.text("phone_number"))
	q.Phone = phi.Text(phone)
	if k != "" {
		b.say(k, r.ID)
	}
	if k == PhoneUnusable {
		q.remark("Phone in the older system", r.text("phone_number"))
	}
}

// age takes the date of birth where there is one; else the age, as told on the
// day of registration.
func (q *Patient) age(b *book, r Row) {
	years, _ := r.whole("age")
	if text := r.text("date_of_birth"); text != "" {
		birth, ok := dayOfBirth(text, q.Registered)
		if ok {
			q.Birth = birth
			if by := int64(patient.AgeOn(birth, q.Registered)); years > by+1 || years < by-1 {
				b.say(AgeDisagrees, r.ID)
				q.Facts["age"] = strconv.FormatInt(years, 10)
			}
			return
		}
		b.say(BirthUnusable, r.ID)
		q.Facts["date_of_birth"] = text
	}
	switch {
	case years < 0:
		b.say(AgeNegative, r.ID)
		q.Facts["age"] = strconv.FormatInt(years, 10)
	case years > patient.OldestAge:
		b.say(AgeOver120, r.ID)
		q.Facts["age"] = strconv.FormatInt(years, 10)
	default:
		b.say(AgeNoBirth, r.ID)
		q.Age, q.AgeTold = int(years), true
	}
}

// dayOfBirth reads a date of birth that can be one. A child may be registered
// some days before it is born.
func dayOfBirth(text string, registered time.Time) (time.Time, bool) {
	birth, err := time.Parse("2006-01-02", text)
	if err != nil || birth.Year() < eldest {
		return time.Time{}, false
	}
	age := patient.AgeOn(birth, registered)
	return birth, age >= -1 && age <= patient.OldestAge
}

func (q *Patient) sexAndWeight(b *book, r Row) {
	switch sex := r.text("gender"); sex {
	case "male", "female", "other":
		q.Sex = sex
	case "":
		b.say(SexMissing, r.ID)
	default:
		b.say(SexUnknown, r.ID)
		q.Facts["gender"] = sex
	}
	kg, ok := r.real("weight")
	if !ok {
		return
	}
	if math.IsNaN(kg) || kg < lightest || kg > heaviest {
		b.say(WeightUnusable, r.ID)
		q.Facts["weight"] = fmt.Sprint(kg)
		return
	}
	q.Grams = int(math.Round(kg * 1000))
}

func (q *Patient) status(b *book, r Row, byAdmission string) {
	status, known := patientStatuses[r.text("status")]
	switch {
	case byAdmission != "":
		b.say(StatusFromAdmitted, r.ID)
		q.Facts["status"] = r.text("status")
		status = byAdmission
	case !known:
		b.say(StatusUnknown, r.ID)
		q.Facts["status"] = r.text("status")
		status = "registered"
	}
	q.Status = status
}

// remark keeps text that has no other home in the record's note.
func (q *Patient) remark(what, text string) {
	if q.Note != "" {
		q.Note += "\n"
	}
	q.Note += phi.Text(what + ": " + text)
}

// actor gives the staff member who did something; 0 when none is imported. A
// user that doesn't exist is noted, and as dangling when it is named.
func (p *Plan) actor(table string, r Row, column string) int64 {
	user, named := r.whole(column)
	if !named || !p.known[user] {
		p.books[table].say(ActorUnknown, r.ID)
		if named {
			p.dangle(table, r.ID, column, "hospital_user", user)
		}
		return 0
	}
	if p.staff[user] == nil {
		return 0
	}
	return user
}

// login joins a patient to the login that names it; only the first patient of a
// login gets it.
func (p *Plan) login(b *book, r Row, logins map[int64]*Login) {
	user, _ := r.whole("user_id")
	l := logins[user]
	if l == nil || l.Patient != 0 {
		b.say(NoLogin, r.ID)
		return
	}
	l.Patient = r.ID
}

// dropLoginsWithoutPatient refuses the logins whose patient was refused.
func (p *Plan) dropLoginsWithoutPatient() {
	p.Logins = slices.DeleteFunc(p.Logins, func(l Login) bool {
		if l.Patient == 0 {
			p.books["hospital_user"].say(LoginNoPatient, l.ID)
		}
		return l.Patient == 0
	})
}

// dangle notes a reference that points nowhere.
func (p *Plan) dangle(table string, id int64, column, to string, missing int64) {
	p.dangling = append(p.dangling, Dangling{Table: table, ID: id, Column: column, PointsTo: fmt.Sprintf("%s %d", to, missing)})
}
