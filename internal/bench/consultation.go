//go:build unix

package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
)

// doctorID is the doctor of openDesk.
var doctorID = uuid.MustParse("01980000-0000-7000-8000-000000000003")

// Consultation times what a doctor waits for: the suggestions of ICD-10 while
// typing, and the screen of a patient who has come a thousand times.
func Consultation(ctx context.Context, e *Env) ([]Row, error) {
	rounds := 400
	if e.Quick {
		rounds = 60
	}
	in, err := e.install(ctx, "consultation")
	if err != nil {
		return nil, err
	}
	defer in.close()
	if err := in.grow(ctx, 1); err != nil {
		return nil, err
	}
	clinics, err := in.settled(ctx, gather(100), func(ctx context.Context, c *pgx.Conn, n *tenants.Clinic) error {
		if err := openDesk(ctx, c, n); err != nil {
			return err
		}
		return longHistory(ctx, c, n)
	})
	if err != nil {
		return nil, err
	}
	db, err := in.openApp(ctx, 2)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	doctor := tenants.WithScope(ctx, tenants.Scope{Clinic: clinics[0], RequestID: "bench", Actor: tenants.Actor{Kind: access.User, ID: doctorID, Role: access.Doctor}})
	rows, err := suggestions(doctor, in, consultation.NewService(db), rounds)
	if err != nil {
		return nil, err
	}
	more, err := in.longScreen(ctx, doctor, clinics[0], consultation.NewService(db), rounds/4)
	return append(rows, more...), err
}

// longHistory gives the first patient a thousand visits with all that a
// consultation leaves, and the doctor what they recorded lately.
func longHistory(ctx context.Context, c *pgx.Conn, n *tenants.Clinic) error {
	_, err := c.Exec(ctx, fmt.Sprintf(`set session_replication_role = replica; set search_path = %s, ext, pg_temp;
		insert into visits (id, patient_id, doctor_id, day, kind, purpose, state, arrived_at, called_at, started_at, ended_at)
			select ('01980000-0000-7000-9000-00000000' || lpad(to_hex(n), 4, '0'))::uuid, '%[2]s', '%[3]s', current_date - n, 'routine', 'Cough', 'done',
				now() - n * interval '1 day', now() - n * interval '1 day', now() - n * interval '1 day', now() - n * interval '1 day' from generate_series(1, 1000) n;
		insert into tokens (id, visit_id, line_id, day, number, label) select id, id, line_id, day, 1, 'T-001' from visits;
		insert into consultations (id, visit_id, patient_id, doctor_id, complaint, findings, state, started_at, finished_at)
			select id, id, patient_id, doctor_id, 'Cough since some days', 'Chest clear', 'finished', started_at, ended_at from visits;
		insert into diagnoses (id, consultation_id, patient_id, doctor_id, code, title, position, created_at)
			select gen_random_uuid(), id, patient_id, doctor_id, 'J06.9', 'Acute upper respiratory infection, unspecified', 1, finished_at from consultations
			union all select gen_random_uuid(), id, patient_id, doctor_id, 'I10', 'Essential (primary) hypertension', 2, finished_at from consultations;
		insert into vitals (id, visit_id, patient_id, taken_by, taken_at, systolic, diastolic, pulse, weight_grams)
			select id, id, patient_id, doctor_id, started_at, 120 + extract(day from day)::integer, 80, 72, 62000 from visits;
		reset all`, quoted(n.Schema), patientOf(0), doctorID))
	return err
}

// suggestions times the search as the service runs it, with what is typed made
// from the list itself.
func suggestions(doctor context.Context, in *installation, s *consultation.Service, rounds int) ([]Row, error) {
	c, err := pg.Connect(doctor, in.admin)
	if err != nil {
		return nil, err
	}
	defer c.Close(context.WithoutCancel(doctor))
	rs, err := c.Query(doctor, "select code, title from platform.icd10 order by code")
	if err != nil {
		return nil, err
	}
	type listed struct{ Code, Title string }
	all, err := pgx.CollectRows(rs, pgx.RowToStructByPos[listed])
	if err != nil || len(all) == 0 {
		return nil, errors.Join(err, errors.New("no codes are loaded"))
	}
	rng := rand.New(rand.NewPCG(11, 11))
	words := func() []string {
		for {
			var long []string
			for _, w := range strings.FieldsFunc(all[rng.IntN(len(all))].Title, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) {
				if len(w) > 5 {
					long = append(long, w)
				}
			}
			if len(long) > 1 {
				return long
			}
		}
	}
	var rows []Row
	for _, kind := range []struct {
		what string
		text func() string
	}{
		{"beginning of a code", func() string { code := all[rng.IntN(len(all))].Code; return code[:min(len(code), 2+rng.IntN(3))] }},
		{"beginning of a word, 3 to 6 letters", func() string { return words()[0][:3+rng.IntN(3)] }},
		{"two words", func() string { w := words(); return w[0] + " " + w[1][:4] }},
		{"misspelt word", func() string { return misspell(rng, strings.ToLower(words()[0])) }},
	} {
		took, found := make([]float64, 0, rounds), 0
		for i := range rounds + rounds/10 {
			text := kind.text()
			begun := time.Now()
			hits, err := s.Suggest(doctor, text, 8)
			if err != nil {
				return nil, fmt.Errorf("%s %q: %w", kind.what, text, err)
			}
			if i < rounds/10 {
				continue
			}
			took = append(took, micros(time.Since(begun))/1e3)
			if len(hits) > 0 {
				found++
			}
		}
		rows = append(rows, Row{What: "ICD-10: " + kind.what + ", p95", Unit: "ms", Ours: quantile(took, .95), Goal: "<= 30",
			Comments: fmt.Sprintf("p50 %s ms, %d of %d found something", number(median(took)), found, rounds)})
	}
	return rows, nil
}

// longScreen times the screen of a patient with a thousand visits: what the
// service reads, and the whole page over HTTP.
func (in *installation) longScreen(ctx, doctor context.Context, n *tenants.Clinic, s *consultation.Service, rounds int) ([]Row, error) {
	visit := uuid.MustParse("01980000-0000-7000-9000-000000000001")
	work, err := lasted(rounds, func() error {
		w, err := s.Work(doctor, visit)
		if err == nil && len(w.Trend) == 0 {
			err = errors.New("the readings are missing")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	// The session may be from an earlier run.
	if err := inDatabase(ctx, in.admin, fmt.Sprintf("set session_replication_role = replica; update %s.sessions set last_seen_at = now()", quoted(n.Schema))); err != nil {
		return nil, err
	}
	base, stop, err := in.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	page, err := lasted(rounds, func() error {
		_, err := fetch(ctx, base+"/clinic/"+n.Slug+"/visits/"+visit.String()+"/consultation")
		return err
	})
	if err != nil {
		return nil, err
	}
	return []Row{
		{What: "screen of a patient with 1000 visits, read by the service, p95", Unit: "ms", Ours: quantile(work, .95), Goal: "<= 200", Comments: "p50 " + number(median(work)) + " ms"},
		{What: "the same, the whole page over HTTP, p95", Unit: "ms", Ours: quantile(page, .95), Goal: "<= 200", Comments: "p50 " + number(median(page)) + " ms"},
	}, nil
}
