//go:build unix

package bench

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/history"
	"github.com/cloister-health/cloister/tenants"
)

// History times the page of a patient who has come a thousand times, each time
// with a consultation, a prescription and a test, and the parts of its timeline.
func History(ctx context.Context, e *Env) ([]Row, error) {
	rounds := 200
	if e.Quick {
		rounds = 40
	}
	in, err := e.install(ctx, "history")
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
		if err := longHistory(ctx, c, n); err != nil {
			return err
		}
		return longTreatment(ctx, c, n)
	})
	if err != nil {
		return nil, err
	}
	db, err := in.openApp(ctx, 2)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	n, s := clinics[0], history.NewService(db)
	desk := tenants.WithScope(ctx, tenants.Scope{Clinic: n, RequestID: "bench", Actor: tenants.Actor{Kind: access.User, ID: deskID, Role: access.Receptionist}})
	rows, err := timelines(desk, s, rounds)
	if err != nil {
		return nil, err
	}
	page, err := in.patientPage(ctx, n, rounds)
	return append(rows, page), err
}

// longTreatment puts what was prescribed, asked for and agreed on the visits of
// longHistory.
func longTreatment(ctx context.Context, c *pgx.Conn, n *tenants.Clinic) error {
	_, err := c.Exec(ctx, fmt.Sprintf(`set session_replication_role = replica; set search_path = %s, ext, pg_temp;
		insert into prescriptions (id, number, visit_id, patient_id, doctor_id, state, issued_at)
			select id, 'RX-2026-' || lpad((row_number() over (order by id))::text, 5, '0'), id, patient_id, doctor_id, 'issued', ended_at from visits;
		insert into prescription_lines (id, prescription_id, patient_id, doctor_id, position, medicine, form, strength, morning, night, days, created_at)
			select gen_random_uuid(), v.id, v.patient_id, v.doctor_id, m.n, m.name, 'tablet', m.strength, 4, 4, m.days, v.ended_at
			from visits v, (values (1, 'Metformin', '500 mg', 30), (2, 'Amlodipine', '5 mg', 30), (3, 'Paracetamol', '650 mg', 3)) m (n, name, strength, days);
		insert into test_requests (id, visit_id, patient_id, doctor_id, name, kind, requested_at)
			select gen_random_uuid(), id, patient_id, doctor_id, 'HbA1c', 'blood', ended_at from visits;
		insert into follow_ups (id, consultation_id, patient_id, doctor_id, due_on, state, created_at)
			select gen_random_uuid(), id, patient_id, doctor_id, day + 30, 'done', ended_at from visits;
		insert into appointments (id, patient_id, doctor_id, starts_at, ends_at, state, visit_id)
			select gen_random_uuid(), patient_id, doctor_id, arrived_at, arrived_at + interval '15 min', 'arrived', id from visits;
		reset all; analyze`, quoted(n.Schema)))
	return err
}

// timelines times what the service reads.
func timelines(desk context.Context, s *history.Service, rounds int) ([]Row, error) {
	first, err := s.Of(desk, patientOf(0), history.Wanted{Most: 25})
	if err != nil || len(first.Entries) != 25 || len(first.Running) == 0 {
		return nil, errors.Join(err, errors.New("the history is not whole"))
	}
	middle := first
	for range 40 { // a thousand entries back
		if middle, err = s.Of(desk, patientOf(0), history.Wanted{Most: 25, After: middle.Next}); err != nil {
			return nil, err
		}
	}
	var rows []Row
	for _, k := range []struct {
		what   string
		wanted history.Wanted
	}{
		{"beginning of the timeline", history.Wanted{Most: 25}},
		{"a page of it, a thousand entries back", history.Wanted{Most: 25, After: middle.Next}},
		{"one kind of it", history.Wanted{Most: 25, Kind: history.Prescription}},
	} {
		took, err := lasted(rounds, func() error {
			p, err := s.Of(desk, patientOf(0), k.wanted)
			if err == nil && len(p.Entries) != 25 {
				err = fmt.Errorf("%s has %d entries", k.what, len(p.Entries))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		rows = append(rows, Row{What: "patient with 1000 visits: " + k.what + ", p95", Unit: "ms", Ours: quantile(took, .95), Comments: "p50 " + number(median(took)) + " ms"})
	}
	return rows, nil
}

// lasted runs something so many times, after a few that warm it, and gives the
// times in milliseconds.
func lasted(rounds int, f func() error) ([]float64, error) {
	var took []float64
	for i := range rounds + 5 {
		begun := time.Now()
		if err := f(); err != nil {
			return nil, err
		}
		if i >= 5 {
			took = append(took, micros(time.Since(begun))/1e3)
		}
	}
	return took, nil
}

// patientPage times the whole page over HTTP.
func (in *installation) patientPage(ctx context.Context, n *tenants.Clinic, rounds int) (Row, error) {
	// The session may be from an earlier run.
	if err := inDatabase(ctx, in.admin, fmt.Sprintf("set session_replication_role = replica; update %s.sessions set last_seen_at = now()", quoted(n.Schema))); err != nil {
		return Row{}, err
	}
	base, stop, err := in.serve(ctx)
	if err != nil {
		return Row{}, err
	}
	defer stop()
	size := int64(0)
	took, err := lasted(rounds, func() (err error) {
		size, err = fetch(ctx, base+"/clinic/"+n.Slug+"/patients/"+patientOf(0).String())
		return err
	})
	return Row{What: "the patient's page over HTTP, p95", Unit: "ms", Ours: quantile(took, .95), Goal: "<= 100",
		Comments: fmt.Sprintf("p50 %s ms, %s KB", number(median(took)), number(float64(size)/1e3))}, err
}

// fetch reads a page of the desk's and gives its size.
func fetch(ctx context.Context, url string) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Cookie", "cloister="+base64.RawURLEncoding.EncodeToString(sessionToken[:]))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	size, err := io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		err = fmt.Errorf("the page answered %d", res.StatusCode)
	}
	return size, err
}
