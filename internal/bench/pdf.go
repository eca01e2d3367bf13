//go:build unix

package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/cloister-health/cloister/internal/print"
	"github.com/cloister-health/cloister/tenants"
)

// PDF times the file of a prescription over HTTP, asked for by two at a time, as
// many as the service draws at once: queries, page and Chromium together.
func PDF(ctx context.Context, e *Env) ([]Row, error) {
	if err := print.New(print.Config{}).Available(); err != nil {
		return nil, err
	}
	rounds := 200
	if e.Quick {
		rounds = 30
	}
	in, err := e.install(ctx, "pdf")
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
		return prescribe(ctx, c, n)
	})
	if err != nil {
		return nil, err
	}
	n := clinics[0]
	if err := inDatabase(ctx, in.admin, fmt.Sprintf("set session_replication_role = replica; update %s.sessions set last_seen_at = now()", quoted(n.Schema))); err != nil {
		return nil, err
	}
	base, stop, err := in.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	var rows []Row
	for _, k := range []struct {
		what, paper, goal string
		lines             int
	}{
		{"prescription of 4 medicines, A5", "lang=en", "<= 300", 4},
		{"the same in Hindi", "lang=hi", "<= 300", 4},
		{"prescription of 40 medicines, A4", "lang=en&paper=a4", "", 40},
	} {
		took, size, err := twoAtATime(ctx, fmt.Sprintf("%s/clinic/%s/prescriptions/%s/print.pdf?%s", base, n.Slug, prescriptionOf(k.lines), k.paper), rounds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.what, err)
		}
		rows = append(rows, Row{What: k.what + ", two at a time, p95", Unit: "ms", Ours: quantile(took, .95), Goal: k.goal,
			Comments: fmt.Sprintf("p50 %s ms, %s KB", number(median(took)), number(float64(size)/1e3))})
	}
	return rows, nil
}

// prescriptionOf is the id of the prescription with so many medicines.
func prescriptionOf(lines int) string {
	return fmt.Sprintf("01980000-0000-7000-8003-%012d", lines)
}

// prescribe gives the first patient a finished visit with two prescriptions.
func prescribe(ctx context.Context, c *pgx.Conn, n *tenants.Clinic) error {
	for _, lines := range []int{4, 40} {
		_, err := c.Exec(ctx, fmt.Sprintf(`set session_replication_role = replica; set search_path = %[1]s, ext, pg_temp;
			insert into visits (id, patient_id, doctor_id, day, kind, state, arrived_at, ended_at)
				values ('%[2]s', '%[3]s', '01980000-0000-7000-8000-000000000003', date '2026-11-01' + %[4]d, 'routine', 'done', now(), now());
			insert into consultations (id, visit_id, patient_id, doctor_id, complaint, findings, advice, state, finished_at)
				values ('%[2]s', '%[2]s', '%[3]s', '01980000-0000-7000-8000-000000000003', 'Fever since three days', 'Throat red', 'मीठ कमी खा.', 'finished', now());
			insert into prescriptions (id, number, visit_id, patient_id, doctor_id, state, issued_at)
				values ('%[2]s', 'RX-2026-' || lpad('%[4]d', 5, '0'), '%[2]s', '%[3]s', '01980000-0000-7000-8000-000000000003', 'issued', now());
			insert into prescription_lines (id, prescription_id, patient_id, doctor_id, position, medicine, generic, form, strength, morning, night, days, quantity, food, route, instructions)
				select gen_random_uuid(), '%[2]s', '%[3]s', '01980000-0000-7000-8000-000000000003', i, 'Amlodipine ' || i, 'Amlodipine besylate', 'tablet', '5 mg', 4, 4, 30, 60, 'after', 'oral', 'With a glass of water'
				from generate_series(1, %[4]d) i;
			reset all`, quoted(n.Schema), prescriptionOf(lines), patientOf(0), lines))
		if err != nil {
			return err
		}
	}
	return nil
}

// twoAtATime has two callers ask for a file, after a few that warm it, and gives
// the times in milliseconds.
func twoAtATime(ctx context.Context, url string, rounds int) (took []float64, size int64, err error) {
	parts := make([][]float64, 2)
	sizes := make([]int64, 2)
	g, ctx := errgroup.WithContext(ctx)
	for i := range parts {
		g.Go(func() (err error) {
			parts[i], err = lasted(rounds/2, func() (err error) {
				sizes[i], err = fetch(ctx, url)
				return err
			})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, 0, err
	}
	if sizes[0] == 0 {
		return nil, 0, errors.New("an empty file came")
	}
	return slices.Concat(parts...), sizes[0], nil
}
