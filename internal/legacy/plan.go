package legacy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

// zone is the older system's: it knew no other. India has had this one offset
// since 1945.
var zone = time.FixedZone("Asia/Kolkata", 5*60*60+30*60)

// Plan is what a file comes to in the new system's words, and the account of
// every row. It is made without a database; Import writes it.
type Plan struct {
	File        *File
	Fingerprint string // tells one older clinic from another, by facts that don't change
	Clinic      Clinic
	Stores      []Store
	Staff       []Staff   // by id
	Profiles    []Profile // by id
	Patients    []Patient // in the order of their new numbers
	Logins      []Login   // by id
	Visits      []Visit   // by id

	Formulary     []Medicine      // by id
	Catalogue     []Test          // by id
	Prescriptions []*Prescription // in the order of their numbers
	Notes         []Notes         // by id
	Vitals        []Vitals        // by id
	Lines         []Line          // by id
	Requests      []Request       // by id
	Templates     []*Template     // by id
	Documents     []Document      // medical reports by id, then test reports
	Media         string          // the folder that was looked into; empty: none
	Files         Files
	Merged        map[string]map[int64]int64 // by table, a row and the one it was found in

	now       time.Time
	rx        map[int64]*Prescription // imported, by the older id
	doctors   map[int64]int64         // a profile's user, of imported profiles
	allDocs   map[int64]bool          // every profile of the file
	everybody map[int64]bool          // every patient of the file
	catalogue catalogue
	loginOf   map[int64]int64 // a patient's login
	books     map[string]*book
	dangling  []Dangling
	staff     map[int64]*Staff // imported staff by the older id
	known     map[int64]bool   // every user of the file
	patients  map[int64]bool   // every patient that is imported
}

// Clinic holds the facts that fill empty settings of the target clinic.
type Clinic struct {
	ID                                int64
	Name, Address, City, State, PIN   string
	Phone, Email, Website, Registered string
	Logo                              string // path under the media folder
	Facts                             map[string]string
}

// Store is the medical store beside the clinic.
type Store struct {
	ID                   int64
	Name, Address, Phone string
	Printed              bool // the one that stands at the foot of a prescription
	Facts                map[string]string
}

// Staff is a staff member, to be invited unless deactivated.
type Staff struct {
	ID       int64
	Username string
	Name     phi.Text
	Email    string // empty: the invitation waits for an address
	Phone    phi.Text
	OldPhone phi.Text // text of which no phone could be read
	OldRole  string
	Role     access.Role
	Active   bool
	Facts    map[string]string
}

// Profile is a doctor's profile.
type Profile struct {
	ID, User       int64
	Specialisation string
	Licence        string
}

// Patient is a patient as registered in the older system.
type Patient struct {
	ID         int64
	OldNumber  string
	First      phi.Text
	Last       phi.Text
	Sex        string
	Birth      time.Time // zero: not known
	Age        int       // with AgeTold, years on the day of registration
	AgeTold    bool
	Phone      phi.Text
	Address    phi.Text
	Grams      int // 0: not known
	Note       phi.Text
	Status     string
	Registered time.Time // the clinic's day
	By         int64     // staff, 0: nobody known
	Facts      map[string]string
}

// Login is a patient's account: an invitation that reception can send.
type Login struct {
	ID, Patient int64
	Facts       map[string]string
}

// Visit is a visit of the older system: no doctor, no token, no end.
type Visit struct {
	ID, Patient int64
	Day         time.Time // the clinic's day
	Arrived     time.Time
	Kind        string
	Purpose     string
	Note        phi.Text
	State       string
	Reason      string
	By          int64
}

// Dangling is a reference that points nowhere.
type Dangling struct {
	Table    string `json:"table"`
	ID       int64  `json:"id"`
	Column   string `json:"column"`
	PointsTo string `json:"points_to"`
}

// PlanOptions say by what a file is judged.
type PlanOptions struct {
	Media    string                       // folder of the older system's files; empty: they are left for a later run
	Now      time.Time                    // the moment as of which the rules are applied
	Progress func(what string, n, of int) // may be nil
}

// PlanOf applies the rules to a file and its media folder. It fails only when
// the file as a whole can't be one clinic's.
//
// Errors: *FileError, the context's.
func PlanOf(ctx context.Context, f *File, o PlanOptions) (*Plan, error) {
	clinics := f.rows["hospital_clinic"]
	if len(clinics) != 1 {
		return nil, &FileError{Problem: Foreign, Table: "hospital_clinic", Detail: fmt.Sprintf("the file holds %d clinics; the older system's has exactly one", len(clinics))}
	}
	p := &Plan{File: f, now: o.Now, books: map[string]*book{}, staff: map[int64]*Staff{}, known: map[int64]bool{}, patients: map[int64]bool{},
		Media: o.Media, Merged: map[string]map[int64]int64{}, rx: map[int64]*Prescription{}, doctors: map[int64]int64{}, allDocs: map[int64]bool{}, everybody: map[int64]bool{}}
	p.openBooks()
	p.planClinic(clinics[0])
	p.planStores()
	p.planUsers()
	p.planProfiles()
	p.planPatients()
	p.planVisits()
	p.planFormulary()
	p.planCatalogue()
	p.planPrescriptions()
	p.planTemplates()
	if err := p.planDocuments(ctx, o.Progress); err != nil {
		return nil, err
	}
	p.scan()
	return p, nil
}

// openBooks gives every table of the file an account, so that none is left out
// of the report.
func (p *Plan) openBooks() {
	whole := map[string]Kind{}
	for _, t := range frameworkTables {
		whole[t] = FrameworkTable
	}
	for _, t := range laterTables {
		whole[t] = NotYet
	}
	for table, n := range p.File.counts {
		kind, counted := whole[table]
		rows, read := p.File.rows[table]
		switch {
		case counted:
			p.books[table] = &book{read: n, whole: kind}
		case read:
			p.books[table] = newBook(rows)
		default:
			p.books[table] = &book{read: n, whole: UnknownTable}
		}
	}
}

// belongs judges a row's clinic: NULL goes to the file's clinic, another one is
// refused.
func (p *Plan) belongs(b *book, r Row) bool {
	clinic, there := r.whole("clinic_id")
	if there && clinic != p.Clinic.ID {
		b.say(OtherClinic, r.ID)
		return false
	}
	return true
}

// scan looks at the text of every imported row for what screens must escape and
// exports neutralise, and notes the rows whose clinic was missing.
func (p *Plan) scan() {
	for table, columns := range readTables {
		b := p.books[table]
		if b.whole != "" {
			continue
		}
		for _, r := range p.File.rows[table] {
			if !b.live(r.ID) {
				continue
			}
			for i, c := range columns {
				if c.name == "clinic_id" && r.cells[i] == nil {
					b.say(ClinicMissing, r.ID)
				}
				s, ok := r.cells[i].(string)
				if !ok || unscanned[c.name] {
					continue
				}
				if hasMarkup(s) {
					b.say(TextMarkup, r.ID)
				}
				if likeFormula(s) {
					b.say(TextFormula, r.ID)
				}
			}
		}
	}
}

// hasMarkup finds a < with a letter, / or ! behind it.
func hasMarkup(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if c := s[i+1] | 0x20; s[i] == '<' && (c >= 'a' && c <= 'z' || s[i+1] == '/' || s[i+1] == '!') {
			return true
		}
	}
	return false
}

// likeFormula tells text that a spreadsheet would run.
func likeFormula(s string) bool {
	s = strings.TrimLeftFunc(s, func(r rune) bool { return patient.CleanName(string(r)) == "" && r != 0x200b && r != 0xfeff })
	return s != "" && strings.ContainsRune("=+-@", rune(s[0]))
}

// stampOf reads the older system's time, "YYYY-MM-DD HH:MM:SS" with up to six
// digits of a second, in UTC.
func stampOf(text string) (time.Time, bool) {
	if len(text) < len("2006-01-02 15:04:05") || len(text) > len("2006-01-02 15:04:05.000000") || strings.Contains(text, ",") {
		return time.Time{}, false
	}
	at, err := time.Parse("2006-01-02 15:04:05", text)
	return at, err == nil && plausible(at)
}

// dayOf reads the older system's day, "YYYY-MM-DD".
func dayOf(text string) (time.Time, bool) {
	day, err := time.Parse("2006-01-02", text)
	return day, err == nil && plausible(day)
}

// plausible keeps to years that fit a number of four digits.
func plausible(at time.Time) bool { return at.Year() >= 1900 && at.Year() <= 2200 }

// phoneOf reads a phone and says what had to be done to it.
func phoneOf(text string) (e164 string, k Kind) {
	if patient.CleanName(text) == "" {
		return "", PhoneMissing
	}
	e164, ok := patient.IndianMobile(text)
	switch {
	case !ok:
		return "", PhoneUnusable
	case text == e164:
		return e164, ""
	case "+91"+text == e164:
		return e164, PhoneCodeAdded
	}
	return e164, PhoneReformatted
}

// cut shortens text to at most n characters.
func cut(s string, n int) (string, bool) {
	runes := 0
	for i := range s {
		if runes == n {
			return s[:i], true
		}
		runes++
	}
	return s, false
}
