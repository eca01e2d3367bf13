package legacy

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Report is the reconciliation of a file: every row, by table, with what became
// of it. It names tables, rules and row ids, and never a value of a row.
type Report struct {
	File struct {
		SHA256  string `json:"sha256"`
		Bytes   int64  `json:"bytes"`
		Version string `json:"version"`
	} `json:"file"`
	Clinic   string                     `json:"clinic,omitempty"` // the target's slug
	DryRun   bool                       `json:"dry_run"`
	At       time.Time                  `json:"at"`
	Totals   Totals                     `json:"totals"`
	Tables   map[string]TableReport     `json:"tables"`
	Result   Result                     `json:"result"`
	Settings Settings                   `json:"settings"`
	Letters  Letters                    `json:"letters"`
	Made     Made                       `json:"made"`
	Files    Files                      `json:"files"`
	Merged   map[string]map[int64]int64 `json:"merged_into,omitempty"`
	Dangling []Dangling                 `json:"dangling_references,omitempty"`
	Rules    map[Kind]Rule              `json:"rules"` // those that applied
}

// Totals adds up all tables.
type Totals struct {
	Read             int `json:"read"`
	Imported         int `json:"imported"`
	ImportedAsIs     int `json:"imported_as_is"`
	ImportedRepaired int `json:"imported_repaired"`
	Merged           int `json:"merged"`
	Skipped          int `json:"skipped"`
	Refused          int `json:"refused"`
	AlreadyThere     int `json:"already_there,omitempty"`
}

// Result says what the whole file comes to in the new system's words, earlier
// runs included.
type Result struct {
	Patients         int            `json:"patients"`
	PatientsByStatus map[string]int `json:"patients_by_status"`
	NumbersByYear    map[string]int `json:"patient_numbers_by_year"`
	StaffByRole      map[string]int `json:"staff_by_role"`
	InvitesReady     int            `json:"staff_invitations_ready"`
	InvitesWaiting   int            `json:"staff_invitations_waiting_for_mail"`
	StaffDeactivated int            `json:"staff_deactivated"`
	LoginsToInvite   int            `json:"patient_logins_to_invite"`
	VisitsByState    map[string]int `json:"visits_by_state"`
	RxByState        map[string]int `json:"prescriptions_by_state"`
	RxNumbersByYear  map[string]int `json:"prescription_numbers_by_year"`
	Lines            int            `json:"medicine_lines"`
	TestsByState     map[string]int `json:"test_requests_by_state"`
	Vitals           int            `json:"vitals"`
	Notes            int            `json:"consultation_notes"`
	Documents        int            `json:"documents"`
	Templates        int            `json:"templates"`
	Formulary        int            `json:"formulary_entries"`
	Catalogue        int            `json:"catalogue_tests"`
	Passwords        int            `json:"passwords_imported"` // always 0: there is no code that could
}

// Made says what this run made or changed that no row stands for.
type Made struct {
	Visits          int  `json:"visits"`                  // for prescriptions of days without a visit
	UnknownUser     bool `json:"unknown_user,omitempty"`  // who stands for those that the file doesn't name
	MedicinesListed int  `json:"medicines_listed_before"` // entries that the clinic's list had, and keeps
	TestsListed     int  `json:"tests_listed_before"`
	StartersRetired int  `json:"starter_medicines_retired"` // entries of the starter list for which the clinic's own stand
}

// Settings says which facts of the clinic were taken.
type Settings struct {
	Filled []string          `json:"filled,omitempty"` // settings that were empty
	Kept   []string          `json:"kept,omitempty"`   // settings that had a value already
	Left   map[string]string `json:"left,omitempty"`   // settings that couldn't be taken, with the reason
}

// Letters says what became of the imported staff's invitations.
type Letters struct {
	Waiting int `json:"waiting"` // made and not mailed
	Sent    int `json:"sent"`    // mailed by this run
}

// Report adds the plan up.
func (p *Plan) Report() Report {
	r := Report{At: p.now.UTC(), Tables: map[string]TableReport{}, Rules: map[Kind]Rule{}, Result: p.result(), Dangling: slices.Clone(p.dangling), Files: p.Files, Merged: p.Merged}
	r.File.SHA256, r.File.Bytes, r.File.Version = p.File.SHA256, p.File.Bytes, p.File.Version
	for table, b := range p.books {
		t := b.report(p.File.single[table])
		r.Tables[table] = t
		r.Totals.Read += t.Read
		r.Totals.Imported += t.Imported
		r.Totals.ImportedAsIs += t.ImportedAsIs
		r.Totals.ImportedRepaired += t.ImportedRepaired
		r.Totals.Merged += t.Merged
		r.Totals.Skipped += t.Skipped
		r.Totals.Refused += t.Refused
		r.Totals.AlreadyThere += t.AlreadyThere
		for _, group := range []map[Kind]Rows{t.Repairs, t.Notes, t.Merges, t.Skips, t.Refusals} {
			for k := range group {
				r.Rules[k] = rules[k]
			}
		}
	}
	slices.SortFunc(r.Dangling, func(a, b Dangling) int { return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.ID, b.ID)) })
	return r
}

// words says a state as people do.
func words(state string) string { return strings.ReplaceAll(state, "_", " ") }

func (p *Plan) result() Result {
	r := Result{
		Patients: len(p.Patients), PatientsByStatus: map[string]int{}, NumbersByYear: map[string]int{}, StaffByRole: map[string]int{},
		LoginsToInvite: len(p.Logins), VisitsByState: map[string]int{}, RxByState: map[string]int{}, RxNumbersByYear: map[string]int{},
		TestsByState: map[string]int{}, Lines: len(p.Lines), Vitals: len(p.Vitals), Notes: len(p.Notes), Documents: len(p.Documents),
		Templates: len(p.Templates), Formulary: len(p.Formulary), Catalogue: len(p.Catalogue),
	}
	for _, x := range p.Prescriptions {
		r.RxByState[x.State]++
		r.RxNumbersByYear[x.Day.Format("2006")]++
	}
	for i := range p.Requests {
		r.TestsByState[p.Requests[i].State]++
	}
	for i := range p.Patients {
		r.PatientsByStatus[words(p.Patients[i].Status)]++
		r.NumbersByYear[p.Patients[i].Registered.Format("2006")]++
	}
	for i := range p.Staff {
		s := &p.Staff[i]
		r.StaffByRole[s.OldRole]++
		switch {
		case !s.Active:
			r.StaffDeactivated++
		case s.Email == "":
			r.InvitesWaiting++
		default:
			r.InvitesReady++
		}
	}
	for i := range p.Visits {
		r.VisitsByState[words(p.Visits[i].State)]++
	}
	return r
}
