package history_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/history"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/testkit"
)

func TestEveryKindIsTold(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.whole(t, testkit.Asha, "")
	seen := map[history.Kind]history.Entry{}
	for _, e := range p.Entries {
		if _, twice := seen[e.Kind]; !twice {
			seen[e.Kind] = e
		}
	}
	if len(seen) != len(history.Kinds()) || len(p.Entries) != 8 {
		t.Fatalf("%d entries of %d kinds", len(p.Entries), len(seen))
	}
	v := seen[history.Visit]
	if !v.Found || v.What[0].Reveal() != "Acute pharyngitis, unspecified" || v.Text.Reveal() != "Fever since three days" || v.Systolic != 152 || v.Diastolic != 96 {
		t.Errorf("the visit is %+v", v)
	}
	if rx := seen[history.Prescription]; rx.State != "issued" || rx.What[0].Reveal() != "Paracetamol 500 mg" {
		t.Errorf("the prescription is %+v", rx)
	}
	if d := seen[history.Document]; d.State != "" || d.What[0].Reveal() != "Blood count of the city laboratory" {
		t.Errorf("the document is %+v", d)
	}
	if a := seen[history.Appointment]; !a.At.Equal(time.Date(2025, 1, 17, 4, 30, 0, 0, time.UTC)) || a.State != "booked" {
		t.Errorf("the appointment is %+v", a)
	}
	withdrawn := p.Entries[len(p.Entries)-2] // before it came only the visit itself
	if withdrawn.Kind != history.Document || withdrawn.State != "withdrawn" || withdrawn.Reason.Reveal() != "Another person's" {
		t.Errorf("the oldest is %+v", withdrawn)
	}
	if len(p.Running) != 0 {
		t.Errorf("medicines of 2025 run: %v", len(p.Running))
	}
}

// Whatever the size of the pages and the kind, the pages one after the other
// are the whole list: none missing, none twice.
func TestPagesAreTheWhole(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.fill(t, testkit.Alpha, testkit.Bilal, 40)
	whole := map[history.Kind][]uuid.UUID{}
	for _, k := range append(history.Kinds(), "") {
		whole[k] = ids(w.whole(t, testkit.Bilal, k).Entries)
		if n := len(whole[k]); n < 40 {
			t.Fatalf("%d of %q", n, k)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		k := rapid.SampledFrom(append(history.Kinds(), "")).Draw(r, "kind")
		most := rapid.IntRange(1, 90).Draw(r, "most")
		got := []uuid.UUID{}
		for after := (patient.Page{}); ; {
			p, err := w.Of(doctor(t), testkit.Bilal, history.Wanted{Kind: k, Most: most, After: after})
			if err != nil || len(p.Entries) > most {
				r.Fatal(len(p.Entries), err)
			}
			got = append(got, ids(p.Entries)...)
			if !p.More {
				break
			}
			after = p.Next
		}
		if d := cmp.Diff(whole[k], got); d != "" {
			r.Fatal(d)
		}
	})
}

func TestTheVisitAtHandIsLeftOut(t *testing.T) {
	t.Parallel()
	w := open(t)
	p, err := w.Of(doctor(t), testkit.Asha, history.Wanted{Besides: testkit.Visit, Kind: history.Visit, Most: 10})
	if err != nil || len(p.Entries) != 0 {
		t.Errorf("%v, %v", ids(p.Entries), err)
	}
}

func TestMedicinesRunForTheirDays(t *testing.T) {
	t.Parallel()
	w := open(t)
	conn := testkit.Conn(t, w.kit.Admin)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec("set session_replication_role = replica")
	exec("set search_path = clinic_alpha, ext, pg_temp")
	given := func(ago int, state, medicine string, days any, refills int) {
		t.Helper()
		id := uuid.Must(uuid.NewV7())
		ended, reason := "null", ""
		if state == "completed" || state == "cancelled" {
			ended = "now()"
		}
		if state == "cancelled" {
			reason = "wrong"
		}
		exec(`insert into prescriptions (clinic_id, id, number, visit_id, patient_id, doctor_id, state, cancel_reason, issued_at, ended_at)
			values ($1, $2, 'RX-2026-' || (500000 + (random() * 400000)::int), $3, $4, $5, $6, $8, now() - make_interval(days => $7), `+ended+`)`,
			testkit.Alpha.ID, id, testkit.Visit, testkit.Bilal, testkit.Doctor, state, ago, reason)
		exec(`insert into prescription_lines (clinic_id, id, prescription_id, patient_id, doctor_id, position, medicine, strength, morning, night, days, refills)
			values ($1, gen_random_uuid(), $2, $3, $4, 1, $5, '5 mg', 4, 4, $6, $7)`, testkit.Alpha.ID, id, testkit.Bilal, testkit.Doctor, medicine, days, refills)
	}
	given(0, "issued", "One day", 1, 0)
	given(1, "issued", "Yesterday only", 1, 0)
	given(29, "dispensed", "Last day", 30, 0)
	given(30, "dispensed", "Over", 30, 0)
	given(40, "issued", "Refilled", 30, 1)
	given(2, "completed", "Ended", 30, 0)
	given(2, "cancelled", "Taken back", 30, 0)
	given(2, "issued", "Without days", nil, 0)
	given(3, "issued", "Last day", 60, 0) // the same again, later
	p := w.whole(t, testkit.Bilal, "")
	got := map[string]string{}
	today := patient.DayIn(time.Now(), mustZone(t))
	for _, m := range p.Running {
		got[m.Medicine.Reveal()] = m.Dose.String() + " " + m.Until.Sub(today).String()
	}
	want := map[string]string{"One day 5 mg": "1-0-1 0s", "Last day 5 mg": "1-0-1 1344h0m0s", "Refilled 5 mg": "1-0-1 456h0m0s"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func mustZone(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestWhoMayRead(t *testing.T) {
	t.Parallel()
	w := open(t)
	one := history.Wanted{Most: 1}
	for _, r := range []access.Role{access.ClinicAdmin, access.Doctor, access.Nurse, access.Receptionist} {
		if p, err := w.Of(as(t, r), testkit.Asha, one); err != nil || len(p.Entries) != 1 || !p.More {
			t.Errorf("%s: %d, %v", r, len(p.Entries), err)
		}
	}
	_, err := w.Of(as(t, access.LabTechnician), testkit.Asha, one)
	code(t, "a lab technician", err, apperr.Forbidden)
	_, err = w.Of(t.Context(), testkit.Asha, one)
	code(t, "nobody", err, apperr.Forbidden)
	_, err = w.Of(doctor(t), uuid.New(), one)
	code(t, "no such patient", err, apperr.NotFound)
	// The other clinic's rows of the same ids don't show: it has 40 of each more.
	w.fill(t, testkit.Beta, testkit.Asha, 40)
	if n := len(w.whole(t, testkit.Asha, "").Entries); n != 8 {
		t.Errorf("%d entries in alpha", n)
	}
	p, err := w.Of(at(t, testkit.Beta, access.Doctor), testkit.Asha, history.Wanted{Most: 1000})
	if err != nil || len(p.Entries) != 8+6*40 {
		t.Errorf("%d entries in beta, %v", len(p.Entries), err)
	}
}

func TestReadingIsOnTheTrail(t *testing.T) {
	t.Parallel()
	w := open(t)
	before := w.looks(t)
	if _, err := w.Of(as(t, access.Nurse), testkit.Asha, history.Wanted{Most: 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Of(as(t, access.Nurse), uuid.New(), history.Wanted{Most: 5}); err == nil {
		t.Fatal("nobody's history was told")
	}
	after := w.looks(t)
	if len(after) != len(before)+1 || after[0].Entity != "history" || after[0].Action != "view" || after[0].Role != "cloister_nurse" {
		t.Errorf("%d then %d: %+v", len(before), len(after), after[0])
	}
}

func (w *world) looks(t *testing.T) []patient.Look {
	t.Helper()
	all, _, err := w.patients.Looks(as(t, access.ClinicAdmin), testkit.Asha, patient.Page{}, 500)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func code(t *testing.T, what string, err error, want apperr.Code) {
	t.Helper()
	if !apperr.Is(err, want) {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}
