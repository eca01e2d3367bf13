package prescription_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/testkit"
)

func TestIssuedAsTyped(t *testing.T) {
	t.Parallel()
	w := open(t)
	s := sheet("Metformin", "Azithromycin")
	s.Lines[0].Dose, s.Lines[0].Days, s.Lines[0].Instructions, s.Lines[0].Food = "½ bd", "2w", "Watch the sugar", "after"
	s.Tests = []prescription.TypedTest{{Name: "HbA1c", Urgency: "stat", By: "2"}, {Name: "hba1c"}}
	p := w.issue(t, s)
	if !regexp.MustCompile(`^RX-\d{4}-00001$`).MatchString(p.Number) || p.State != prescription.Issued || p.PatientID != testkit.Asha || p.Licence != "MMC-1001" {
		t.Errorf("%q %s of %s, licence %q", p.Number, p.State, p.PatientID, p.Licence)
	}
	a := p.Lines[0]
	if len(p.Lines) != 2 || a.Medicine.Reveal() != "Metformin" || a.Dose.String() != "½-0-½" || a.Days != 14 || a.Quantity != 14 || a.Food != "after" || !a.Listed || a.Generic != "Metformin" {
		t.Errorf("the first line is %s %q %d days, %d", a.Medicine.Reveal(), a.Dose, a.Days, a.Quantity)
	}
	_, tests, err := w.At(doctor(t), testkit.Visit)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(tests, func(r prescription.Request) bool { return r.Name == "HbA1c" })
	if len(tests) != 2 || at < 0 || tests[at].Urgency != "stat" || tests[at].Code != "4548-4" || tests[at].Kind != "blood" || tests[at].Required.IsZero() {
		t.Errorf("tests: %d, HbA1c at %d", len(tests), at)
	}
	for _, r := range []access.Role{access.ClinicAdmin, access.Nurse, access.Receptionist} {
		if _, err := w.Get(as(t, r), p.ID); err != nil {
			t.Errorf("%s reads it: %v", r, err)
		}
	}
	_, err = w.Get(as(t, access.LabTechnician), p.ID)
	code(t, "the lab reads it", err, apperr.Forbidden)
	_, err = w.Get(by(t, testkit.Beta, access.Doctor, testkit.Doctor), p.ID)
	code(t, "the other clinic reads it", err, apperr.NotFound)
	_, err = w.Issue(as(t, access.Nurse), uuid.New(), testkit.Visit, uuid.Nil, "", sheet("Metformin"))
	code(t, "a nurse prescribes", err, apperr.Forbidden)
}

func TestWarningsWantAReason(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, c := range []struct {
		what, field string
		lines       []prescription.Typed
	}{
		{"allergy by class", "rx-0-reason", []prescription.Typed{{Medicine: "Amoxicillin", Form: "capsule", Dose: "111", Days: "5"}}},
		{"allergy of what is not listed", "rx-0-reason", []prescription.Typed{{Medicine: "Augmentin Duo", Form: "tablet", Dose: "101", Days: "5"}}},
		{"the same twice", "rx-1-reason", sheet("Metformin", "metformin").Lines},
		{"an ingredient twice", "rx-1-reason", sheet("Amlodipine", "Telmisartan + Amlodipine").Lines},
		{"no dose", "rx-0-reason", []prescription.Typed{{Medicine: "Metformin", Days: "5"}}},
		{"no days", "rx-0-reason", []prescription.Typed{{Medicine: "Metformin", Dose: "od"}}},
	} {
		_, err := w.Issue(doctor(t), uuid.New(), testkit.Visit, uuid.Nil, "", prescription.Sheet{Lines: c.lines})
		var e *apperr.Error
		if !errors.As(err, &e) || e.Code != apperr.Invalid || len(e.Fields) != 1 || e.Fields[0].Name != c.field {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		for i := range c.lines {
			c.lines[i].Reason = "Discussed with the patient"
		}
		p := w.issue(t, prescription.Sheet{Lines: c.lines})
		last := p.Lines[len(p.Lines)-1]
		if len(last.Warnings) != 1 || last.Reason.Reveal() != "Discussed with the patient" {
			t.Errorf("%s: kept with %d warnings and the reason %q", c.what, len(last.Warnings), last.Reason.Reveal())
		}
		for _, l := range p.Lines[:len(p.Lines)-1] {
			if l.Reason != "" {
				t.Errorf("%s: a line without a warning has a reason", c.what)
			}
		}
	}
	sos := prescription.Sheet{Lines: []prescription.Typed{{Medicine: "Paracetamol", Form: "tablet", Dose: "sos"}}}
	if p := w.issue(t, sos); len(p.Lines[0].Warnings) != 0 || p.Lines[0].Quantity != 0 {
		t.Errorf("if needed wants no duration: %d warnings", len(p.Lines[0].Warnings))
	}
	_, err := w.Issue(doctor(t), uuid.New(), testkit.Visit, uuid.Nil, "", prescription.Sheet{Lines: sheet("Metformin").Lines, Medicine: "half typed"})
	code(t, "a name left in the search field", err, apperr.Invalid)
	_, err = w.Issue(doctor(t), uuid.New(), testkit.Visit, uuid.Nil, "", prescription.Sheet{})
	code(t, "nothing", err, apperr.Invalid)
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	w := open(t)
	first := func(typed string) prescription.Suggestion {
		t.Helper()
		found, err := w.Suggest(doctor(t), testkit.Asha, typed, 8)
		if err != nil || len(found) == 0 || len(found) > 8 {
			t.Fatalf("%q: %d, %v", typed, len(found), err)
		}
		return found[0]
	}
	for typed, want := range map[string]string{"amlo": "Amlodipine", "clav": "Amoxicillin + Clavulanic acid", "paracetmol": "Paracetamol", "METF": "Metformin", "azithromicin": "Azithromycin"} {
		if got := first(typed); got.Name != want {
			t.Errorf("%q gives %q", typed, got.Name)
		}
	}
	if got := first("paracetamol 650"); got.Wanted != "650 mg" || got.Form != "tablet" {
		t.Errorf("with a strength: %q %q", got.Form, got.Wanted)
	}
	if got := first("amoxi"); got.Clash != "penicillin" {
		t.Errorf("the clash is %q", got.Clash.Reveal())
	}
	if got := first("amlo"); got.Clash != "" || got.Recent {
		t.Errorf("clash %q, recent %t", got.Clash.Reveal(), got.Recent)
	}
	// What the doctor prescribes comes before what merely begins so.
	if got := first("met"); got.Name == "Metronidazole" {
		t.Fatal("the test's name is first anyway")
	}
	s := sheet("Metronidazole")
	w.issue(t, s)
	if got := first("met"); got.Name != "Metronidazole" || !got.Recent {
		t.Errorf("after it was prescribed: %q, recent %t", got.Name, got.Recent)
	}
	if got := first("/co"); got.Template == nil || got.Template.Name != "Cold" {
		t.Errorf("a template: %+v", got.Template)
	}
	if got := first("/fever"); got.Template == nil || got.Template.Name != "Child fever" || got.Template.Mine {
		t.Errorf("a colleague's template: %+v", got.Template)
	}
	tests, err := w.SuggestTests(doctor(t), "cbc", 8)
	if err != nil || len(tests) == 0 || tests[0].Name.Reveal() != "Complete blood count (CBC)" {
		t.Errorf("tests: %d, %v", len(tests), err)
	}
	_, err = w.Suggest(doctor(t), uuid.New(), "amlo", 8)
	code(t, "nobody's allergies", err, apperr.NotFound)
}

func TestCorrectedByANewVersion(t *testing.T) {
	t.Parallel()
	w := open(t)
	old := w.issue(t, sheet("Metformin"))
	_, err := w.Issue(doctor(t), uuid.New(), testkit.Visit, old.ID, " ", sheet("Glimepiride"))
	code(t, "without a reason", err, apperr.Invalid)
	_, err = w.Issue(otherDoctor(t), uuid.New(), testkit.Visit, old.ID, "Wrong drug", sheet("Glimepiride"))
	code(t, "by another doctor", err, apperr.Conflict)
	key := uuid.New()
	id, err := w.Issue(doctor(t), key, testkit.Visit, old.ID, "Wrong drug", sheet("Glimepiride"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.Issue(doctor(t), key, testkit.Visit, old.ID, "Wrong drug", sheet("Glimepiride")); err != nil || again != id {
		t.Errorf("sent twice: %s, %v", again, err)
	}
	fresh, was := w.see(t, id), w.see(t, old.ID)
	if fresh.VersionOf != old.ID || fresh.OldNumber != old.Number || fresh.State != prescription.Issued || fresh.VersionReason != "Wrong drug" {
		t.Errorf("the new one: %s of %q", fresh.State, fresh.OldNumber)
	}
	if was.State != prescription.Cancelled || was.NewID != id || was.CancelReason != "Wrong drug" || len(was.Lines) != 1 || was.Lines[0].Medicine != "Metformin" {
		t.Errorf("the old one: %s, replaced by %q", was.State, was.NewNumber)
	}
	_, err = w.Issue(doctor(t), uuid.New(), testkit.Visit, old.ID, "Again", sheet("Glimepiride"))
	code(t, "corrected twice", err, apperr.Conflict)
	code(t, "cancelled without a reason", w.Cancel(doctor(t), id, fresh.Version, ""), apperr.Invalid)
	code(t, "cancelled by another doctor", w.Cancel(otherDoctor(t), id, fresh.Version, "x"), apperr.Forbidden)
	code(t, "another version", w.Cancel(doctor(t), id, fresh.Version+1, "Patient left"), apperr.Conflict)
	if err := w.Cancel(doctor(t), id, fresh.Version, "Patient left"); err != nil {
		t.Fatal(err)
	}
	if got := w.see(t, id); got.State != prescription.Cancelled || got.CancelReason != "Patient left" {
		t.Errorf("cancelled: %s", got.State)
	}
}

// refusal is what Postgres says to a statement under a role.
func (w *world) refusal(t *testing.T, r access.Role, sql string, args ...any) string {
	t.Helper()
	tx := w.kit.As(t, testkit.Alpha, r)
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err := tx.Exec(t.Context(), sql, args...)
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return fmt.Sprint(err)
}

func TestWhatIsIssuedStays(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.issue(t, sheet("Metformin"))
	for sql, want := range map[string]string{
		"update prescriptions set number = 'RX-2020-00009' where id = $1":                                                                                   "CL409",
		"update prescriptions set doctor_id = gen_random_uuid() where id = $1":                                                                              "CL409",
		"update prescriptions set state = 'draft' where id = $1":                                                                                            "CL409",
		"update prescriptions set cancel_reason = 'x' where id = $1":                                                                                        "CL409",
		"delete from prescriptions where id = $1":                                                                                                           "CL409",
		"update prescription_lines set medicine = 'Other' where prescription_id=$1":                                                                         "42501",
		"delete from prescription_lines where prescription_id = $1":                                                                                         "42501",
		"insert into prescription_lines (id, prescription_id, patient_id, doctor_id, position, medicine) values (gen_random_uuid(), $1, $1, $1, 9, 'More')": "CL409",
	} {
		if got := w.refusal(t, access.Owner, sql, p.ID); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	if got := w.refusal(t, access.Doctor, "update prescriptions set state = 'cancelled' where id = $1", p.ID); got != "23514" {
		t.Errorf("cancelled without a reason: %s", got)
	}
	if got := w.refusal(t, access.Doctor, "insert into prescriptions (id, visit_id, patient_id, doctor_id, state) values (gen_random_uuid(), $1, $1, $2, 'issued')", testkit.Visit, testkit.Doctor); got != "CL409" {
		t.Errorf("issued at once: %s", got)
	}
	if got := w.refusal(t, access.LabTechnician, "update test_requests set state = 'reported'"); got != "CL409" {
		t.Errorf("reported without work: %s", got)
	}
}

// A prescription moves as the table of states says, and in no other way.
func TestStatesOfAPrescription(t *testing.T) {
	t.Parallel()
	w := open(t)
	legal := map[string][]string{"issued": {"dispensed", "completed", "cancelled"}, "dispensed": {"completed"}, "completed": nil, "cancelled": nil}
	rapid.Check(t, func(r *rapid.T) {
		p := w.issue(t, sheet("Metformin"))
		state := "issued"
		tx := w.kit.As(t, testkit.Alpha, access.Doctor)
		defer func() { _ = tx.Rollback(t.Context()) }()
		for range rapid.IntRange(1, 4).Draw(r, "moves") {
			to := rapid.SampledFrom([]string{"draft", "issued", "dispensed", "completed", "cancelled"}).Draw(r, "to")
			if _, err := tx.Exec(t.Context(), "savepoint move"); err != nil {
				r.Fatal(err)
			}
			reason := ""
			if to == "cancelled" && state != "cancelled" {
				reason = ", cancel_reason = 'changed'"
			}
			_, err := tx.Exec(t.Context(), "update prescriptions set state = $2"+reason+" where id = $1", p.ID, to)
			if want := to == state || slices.Contains(legal[state], to); want != (err == nil) {
				r.Fatalf("%s to %s: %v", state, to, err)
			}
			if err != nil {
				if _, err := tx.Exec(t.Context(), "rollback to move"); err != nil {
					r.Fatal(err)
				}
				continue
			}
			state = to
		}
	})
}

func TestNumbersHaveNoGap(t *testing.T) {
	t.Parallel()
	w := open(t)
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			s := sheet("Metformin")
			if i%3 == 0 {
				s.Lines[0].Dose = "" // refused after the transaction began
			}
			_, _ = w.Issue(doctor(t), uuid.New(), testkit.Visit, uuid.Nil, "", s)
		})
	}
	wg.Wait()
	all, _, err := w.At(doctor(t), testkit.Visit)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range all {
		if !strings.HasPrefix(p.Number, "RX-2025-") { // the seed's
			seen[p.Number[len(p.Number)-5:]] = true
		}
	}
	for i := 1; i <= 8; i++ {
		if !seen[fmt.Sprintf("%05d", i)] {
			t.Errorf("no number %d among %v", i, seen)
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d numbers: %v", len(seen), seen)
	}
}

func TestTemplatesAndRepetition(t *testing.T) {
	t.Parallel()
	w := open(t)
	s := sheet("Amlodipine", "Telmisartan")
	s.Lines[0].Reason, s.Tests = "of one patient", []prescription.TypedTest{{Name: "Creatinine"}}
	id, err := w.SaveTemplate(doctor(t), prescription.Template{Name: "HTN standard", Keyword: "/HTN", Sheet: s})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Template(doctor(t), id)
	if err != nil || got.Keyword != "htn" || got.Sheet.Lines[0].Reason != "" || len(got.Sheet.Tests) != 1 {
		t.Errorf("kept as %q %+v, %v", got.Keyword, got.Sheet.Lines, err)
	}
	_, err = w.SaveTemplate(doctor(t), prescription.Template{Name: "htn STANDARD", Sheet: s})
	code(t, "a second of the name", err, apperr.Invalid)
	_, err = w.SaveTemplate(doctor(t), prescription.Template{Name: "Empty"})
	code(t, "an empty one", err, apperr.Invalid)
	_, err = w.Template(otherDoctor(t), id)
	code(t, "a colleague's that is not shared", err, apperr.NotFound)
	got.Shared = true
	if _, err := w.SaveTemplate(doctor(t), got); err != nil {
		t.Fatal(err)
	}
	code(t, "deleted by a colleague", w.DeleteTemplate(otherDoctor(t), id), apperr.Forbidden)
	rev, err := w.Apply(otherDoctor(t), testkit.Asha, prescription.Sheet{}, "template:"+id.String())
	if err != nil || len(rev.Sheet.Lines) != 2 || len(rev.Sheet.Tests) != 1 {
		t.Errorf("applied: %d lines, %v", len(rev.Sheet.Lines), err)
	}
	_, err = w.SaveTemplate(doctor(t), got)
	code(t, "an older version", err, apperr.Conflict)

	long := sheet("Metformin")
	long.Lines[0].Quantity = "7"
	w.issue(t, long)
	rev, err = w.Apply(doctor(t), testkit.Asha, prescription.Sheet{}, "repeat")
	if err != nil || len(rev.Sheet.Lines) != 1 || rev.Sheet.Lines[0].Medicine != "Metformin" || rev.Sheet.Lines[0].Quantity != "7" || rev.Sheet.Lines[0].Dose != "1-0-1" {
		t.Errorf("repeated: %+v, %v", rev.Sheet.Lines, err)
	}
	if err := w.DeleteTemplate(doctor(t), id); err != nil {
		t.Fatal(err)
	}
	code(t, "deleted twice", w.DeleteTemplate(doctor(t), id), apperr.NotFound)
}

// TestRetiredTemplate: what was out of use in an older system is shown as that,
// not suggested, and in use again when its doctor changes it.
func TestRetiredTemplate(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.prescription_templates set active = false, description = 'Adults' where name = 'Cold'")
	found := func(typed string) (out []prescription.Template) {
		t.Helper()
		all, err := w.Templates(doctor(t), typed, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range all {
			if x.Name == "Cold" {
				out = append(out, x)
			}
		}
		return out
	}
	if got := found("cold"); len(got) != 0 {
		t.Errorf("suggested: %q", got[0].Name)
	}
	all := found("")
	if len(all) != 1 || !all[0].Retired || all[0].Description != "Adults" {
		t.Fatalf("%d of the name in the list", len(all))
	}
	if _, err := w.SaveTemplate(doctor(t), all[0]); err != nil {
		t.Fatal(err)
	}
	if got := found("cold"); len(got) != 1 || got[0].Retired {
		t.Errorf("after it was changed %d are suggested", len(got))
	}
}

func TestRowsMoveAndGo(t *testing.T) {
	t.Parallel()
	w := open(t)
	do := func(s prescription.Sheet, what string) prescription.Reviewed {
		t.Helper()
		rev, err := w.Apply(doctor(t), testkit.Asha, s, what)
		if err != nil {
			t.Fatal(err)
		}
		return rev
	}
	names := func(s prescription.Sheet) string {
		var all []string
		for _, l := range s.Lines {
			all = append(all, l.Medicine)
		}
		return strings.Join(all, " ")
	}
	s := sheet("A", "B", "C")
	for what, want := range map[string]string{"up:0": "A B C", "up:1": "B A C", "down:1": "A C B", "down:2": "A B C", "remove:1": "A C", "remove:9": "A B C", "remove:-1": "A B C", "up:x": "A B C",
		"template:x": "A B C", "medicine:" + uuid.NewString(): "A B C", "": "A B C"} {
		if got := names(do(s, what).Sheet); got != want {
			t.Errorf("%s gives %s", what, got)
		}
	}
	s.Medicine, s.Test = "paracetamol 650", "ecg 12 lead"
	rev := do(s, "add")
	last := rev.Sheet.Lines[3]
	if last.Medicine != "Paracetamol" || last.Strength != "650 mg" || last.Dose != "1-1-1" || rev.Sheet.Medicine != "" || rev.Sheet.Test != "" || len(rev.Sheet.Tests) != 1 {
		t.Errorf("typed in full: %+v", last)
	}
	if rev.Lines[3].Quantity != 9 {
		t.Errorf("the quantity is %d", rev.Lines[3].Quantity)
	}
	s.Medicine = "Dr. Rao's mixture"
	if got := do(s, "add"); got.Sheet.Lines[3].Medicine != "Dr. Rao's mixture" || got.Lines[3].Listed {
		t.Errorf("free text: %+v", got.Sheet.Lines[3])
	}
	bad := prescription.Sheet{Lines: []prescription.Typed{{Medicine: "Metformin", Dose: "often", Days: "long", Quantity: "many"}}}
	if got := do(bad, ""); len(got.Problems) != 3 {
		t.Errorf("%d problems", len(got.Problems))
	}
}

// A new name goes into the clinic's list when the doctor wants it there.
func TestANewMedicineIsKept(t *testing.T) {
	t.Parallel()
	w := open(t)
	s := sheet("Clinic special")
	w.issue(t, s)
	if found, err := w.Suggest(doctor(t), testkit.Asha, "clinic sp", 8); err != nil || slices.ContainsFunc(found, func(f prescription.Suggestion) bool { return f.Name == "Clinic special" }) {
		t.Errorf("kept unasked: %v", err)
	}
	s.Lines[0].Keep = true
	w.issue(t, s)
	found, err := w.Suggest(doctor(t), testkit.Asha, "clinic sp", 8)
	if err != nil || len(found) == 0 || found[0].Name != "Clinic special" || found[0].Dose.String() != "1-0-1" || found[0].Days != 5 {
		t.Errorf("kept: %d, %v", len(found), err)
	}
}
