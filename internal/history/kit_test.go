package history_test

import (
	"context"
	"encoding/base64"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/history"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// world is one database with the slice and the records on it.
type world struct {
	kit      *testkit.DB
	patients *patient.Service
	*history.Service
}

func open(t testing.TB) *world {
	t.Helper()
	w := &world{kit: testkit.New(t)}
	log := logrus.New()
	log.SetOutput(io.Discard)
	db, err := tenants.Open(t.Context(), tenants.Config{DSN: w.kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log,
		Pool: tenants.PoolConfig{MaxConns: 4, QueueLimit: 1024, StatementTimeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	master, err := keys.Parse(base64.StdEncoding.EncodeToString(testkit.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	w.patients, w.Service = patient.NewService(db, keys.NewRing(master, nil)), history.NewService(db)
	return w
}

func as(t testing.TB, r access.Role) context.Context {
	t.Helper()
	return at(t, testkit.Alpha, r)
}

func at(t testing.TB, c testkit.Clinic, r access.Role) context.Context {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	return tenants.WithScope(t.Context(), tenants.Scope{RequestID: "test", Actor: tenants.Actor{Kind: access.User, ID: testkit.StaffID(r), Role: r},
		Clinic: &tenants.Clinic{ID: c.ID, Slug: c.Slug, Name: c.Name, Schema: c.Schema, Status: tenants.StatusActive, Zone: zone, Lang: "en"}})
}

func doctor(t testing.TB) context.Context { t.Helper(); return as(t, access.Doctor) }

// ids of a page, to compare pages by.
func ids(all []history.Entry) []uuid.UUID {
	out := []uuid.UUID{}
	for _, e := range all {
		out = append(out, e.ID)
	}
	return out
}

// whole is the whole history, which must fit.
func (w *world) whole(t testing.TB, id uuid.UUID, k history.Kind) history.Past {
	t.Helper()
	p, err := w.Of(doctor(t), id, history.Wanted{Kind: k, Most: 10000})
	if err != nil || p.More {
		t.Fatal(p.More, err)
	}
	return p
}

// fill gives a patient n of everything, at moments that often coincide.
func (w *world) fill(t testing.TB, c testkit.Clinic, id uuid.UUID, n int) {
	t.Helper()
	conn := testkit.Conn(t, w.kit.Admin)
	for _, sql := range []string{
		`set session_replication_role = replica`, `set search_path = ` + c.Schema + `, ext, pg_temp`,
		`create temp table made as select gen_random_uuid() as id, ('2026-01-01 04:00+00'::timestamptz + (n / 3) * interval '1 day') as at, n from generate_series(1, ` + strconv.Itoa(n) + `) n`,
		`insert into visits (clinic_id, id, patient_id, doctor_id, day, kind, state, arrived_at, ended_at) select $1, id, $2, $3, at::date, 'routine', 'done', at, at from made`,
		`insert into consultations (clinic_id, id, visit_id, patient_id, doctor_id, complaint, state, started_at, finished_at) select $1, id, id, $2, $3, 'Cough', 'finished', at, at from made`,
		`insert into follow_ups (clinic_id, id, consultation_id, patient_id, doctor_id, due_on, created_at) select $1, gen_random_uuid(), id, $2, $3, at::date + 7, at from made`,
		`insert into prescriptions (clinic_id, id, number, visit_id, patient_id, doctor_id, state, issued_at) select $1, gen_random_uuid(), 'RX-2026-' || lpad(((select count(*) from prescriptions) + 10000 + n)::text, 9, '0'), id, $2, $3, 'issued', at from made`,
		`insert into prescription_lines (clinic_id, id, prescription_id, patient_id, doctor_id, position, medicine, strength, days) select $1, gen_random_uuid(), id, $2, $3, 1, 'Metformin', '500 mg', 5 from prescriptions where patient_id = $2 and issued_at >= '2026-01-01'`,
		`insert into test_requests (clinic_id, id, visit_id, patient_id, doctor_id, name, requested_at) select $1, gen_random_uuid(), id, $2, $3, 'HbA1c', at from made`,
		`insert into documents (clinic_id, id, patient_id, kind, title, media_type, bytes, pages, uploaded_at) select $1, gen_random_uuid(), $2, 'lab', 'Report', 'application/pdf', 10, 1, at from made where $3::uuid is not null`,
		`insert into appointments (clinic_id, id, patient_id, doctor_id, starts_at, ends_at, state, state_reason) select $1, gen_random_uuid(), $2, $3, at, at + interval '15 min', 'cancelled', 'away' from made`,
	} {
		args := []any{c.ID, id, testkit.Doctor}
		if sql[:6] != "insert" {
			args = nil
		}
		if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
			t.Fatalf("%.70s: %v", sql, err)
		}
	}
}
