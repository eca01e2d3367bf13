package history_test

import (
	"context"
	"crypto/md5"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/history"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/testkit"
)

// people registers patients with two of everything each.
func (w *world) people(t *testing.T, n int) []uuid.UUID {
	t.Helper()
	var out []uuid.UUID
	for i := range n {
		p, err := w.patients.Register(as(t, access.Receptionist), uuid.New(), patient.Input{Name: fmt.Sprintf("Person %c", 'A'+i), Sex: "female", Age: "40", Phone: "98220 11514"})
		if err != nil {
			t.Fatal(err)
		}
		w.fill(t, testkit.Alpha, p.ID, 2)
		out = append(out, p.ID)
	}
	return out
}

// rest is a digest of every clinical row there is, so that a merge that moved
// one would show.
func (w *world) rest(t *testing.T) string {
	t.Helper()
	conn := testkit.Conn(t, w.kit.Admin)
	sum := md5.New()
	for _, table := range []string{"visits", "tokens", "queue_moves", "vitals", "consultations", "diagnoses", "addenda", "follow_ups", "prescriptions", "prescription_lines", "test_requests",
		"documents", "document_withdrawals", "appointments", "shares", "share_events", "identifiers"} {
		var all *string
		if err := conn.QueryRow(context.Background(), "select string_agg(x::text, '|' order by x::text) from clinic_alpha."+table+" x").Scan(&all); err != nil {
			t.Fatal(err)
		}
		if all != nil {
			fmt.Fprintln(sum, table, *all)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// Merges and their undoing in any order: what stays shows everything of all that
// count as it, of every kind, and an undone merge leaves both as they were.
func TestMergeAndUnmerge(t *testing.T) {
	t.Parallel()
	w := open(t)
	people := w.people(t, 5)
	desk := as(t, access.Receptionist)
	own := map[uuid.UUID][]uuid.UUID{}
	for _, p := range people {
		own[p] = ids(w.whole(t, p, "").Entries)
		if len(own[p]) != 12 { // two of six kinds
			t.Fatalf("%d entries", len(own[p]))
		}
	}
	before := w.rest(t)
	into := map[uuid.UUID]uuid.UUID{}
	var of func(p uuid.UUID) []uuid.UUID
	of = func(p uuid.UUID) []uuid.UUID {
		all := slices.Clone(own[p])
		for d, s := range into {
			if s == p {
				all = append(all, of(d)...)
			}
		}
		return all
	}
	check := func(r *rapid.T) {
		for _, p := range people {
			got, want := ids(w.whole(t, p, "").Entries), of(p)
			sorted := func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }
			slices.SortFunc(got, sorted)
			slices.SortFunc(want, sorted)
			if d := cmp.Diff(want, got); d != "" {
				r.Fatal(d)
			}
			rec, err := w.patients.Get(desk, p)
			if err != nil || rec.MergedInto != into[p] {
				r.Fatalf("%v is in %v, %v", p, rec.MergedInto, err)
			}
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(1, 6).Draw(r, "steps") {
			a, b := rapid.SampledFrom(people).Draw(r, "a"), rapid.SampledFrom(people).Draw(r, "b")
			_, merged := into[b]
			if rapid.Bool().Draw(r, "undo") {
				err := w.patients.UndoMerge(desk, b)
				if merged != (err == nil) || !merged && !apperr.Is(err, apperr.NotFound) {
					r.Fatalf("undone: %v, merged %v", err, merged)
				}
				delete(into, b)
			} else {
				_, gone := into[a]
				err := w.patients.Merge(desk, a, b, "the same person")
				switch {
				case a == b:
					if !apperr.Is(err, apperr.Invalid) {
						r.Fatalf("into itself: %v", err)
					}
				case merged || gone:
					if !apperr.Is(err, apperr.Conflict) {
						r.Fatalf("merged already: %v", err)
					}
				case err != nil:
					r.Fatal(err)
				default:
					into[b] = a
				}
			}
		}
		check(r)
		for len(into) > 0 { // all of them taken back, in whatever order
			for d := range into {
				if err := w.patients.UndoMerge(desk, d); err != nil {
					r.Fatal(err)
				}
				delete(into, d)
			}
		}
		check(r)
		if w.rest(t) != before {
			r.Fatal("a merge has changed a clinical row")
		}
	})
}

// What one of the records tells of allergies is known of the person, whichever
// record somebody works with.
func TestAllergiesOfAMergedPatient(t *testing.T) {
	t.Parallel()
	w := open(t)
	people := w.people(t, 3)
	desk := as(t, access.Receptionist)
	set := func(p uuid.UUID, allergies string, none bool) {
		t.Helper()
		rec, err := w.patients.Get(desk, p)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.patients.EditClinical(doctor(t), p, rec.Version, patient.Clinical{Allergies: allergies, NoKnownAllergies: none}); err != nil {
			t.Fatal(err)
		}
	}
	set(people[0], "", true)
	set(people[2], "Penicillin", false)
	for i := range 2 { // the third into the second into the first
		if err := w.patients.Merge(desk, people[1-i], people[2-i], ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range people {
		rec, err := w.patients.Get(desk, p)
		if err != nil {
			t.Fatal(err)
		}
		if known, none := rec.KnownAllergies(); known.Reveal() != "Penicillin" || none {
			t.Errorf("%s: %q, none known %v", rec.Number, known.Reveal(), none)
		}
		whole, err := w.Of(doctor(t), p, history.Wanted{Most: 100, Whole: true})
		if err != nil || len(whole.Entries) != 36 || whole.Patient.ID != people[0] {
			t.Errorf("%s: %d entries of the person, %v", rec.Number, len(whole.Entries), err)
		}
	}
	if err := w.patients.UndoMerge(desk, people[1]); err != nil {
		t.Fatal(err)
	}
	rec, err := w.patients.Get(desk, people[0])
	if err != nil {
		t.Fatal(err)
	}
	if known, none := rec.KnownAllergies(); known != "" || !none {
		t.Errorf("alone again: %q, %v", known.Reveal(), none)
	}
	past, err := w.patients.Merges(desk, people[0])
	if err != nil || len(past) != 1 || past[0].UndoneAt.IsZero() || past[0].By == "" {
		t.Errorf("%+v, %v", past, err)
	}
	_, err = w.patients.Merges(doctor(t), people[0])
	code(t, "a doctor", err, apperr.Forbidden)
}
