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
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/tenants"
)

// Prescribing times the suggestions of medicines while a doctor types, and all
// that the service does from a template's keyword to the issued prescription.
func Prescribing(ctx context.Context, e *Env) ([]Row, error) {
	rounds := 400
	if e.Quick {
		rounds = 60
	}
	in, err := e.install(ctx, "prescribing")
	if err != nil {
		return nil, err
	}
	defer in.close()
	if err := in.grow(ctx, 1); err != nil {
		return nil, err
	}
	clinics, err := in.settled(ctx, gather(500), openDesk)
	if err != nil {
		return nil, err
	}
	db, err := in.openApp(ctx, 2)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	doctor := tenants.WithScope(ctx, tenants.Scope{Clinic: clinics[0], RequestID: "bench", Actor: tenants.Actor{Kind: access.User, ID: doctorID, Role: access.Doctor}})
	rx := prescription.NewService(db)
	rows, err := in.medicines(doctor, clinics[0], rx, rounds)
	if err != nil {
		return nil, err
	}
	issued, err := in.fromTemplate(doctor, clinics[0], rx, consultation.NewService(db), rounds)
	return append(rows, issued), err
}

// medicines times the suggestions with beginnings and misspellings of what the
// clinic's list holds.
func (in *installation) medicines(doctor context.Context, n *tenants.Clinic, s *prescription.Service, rounds int) ([]Row, error) {
	c, err := pg.Connect(doctor, in.admin)
	if err != nil {
		return nil, err
	}
	defer c.Close(context.WithoutCancel(doctor))
	rs, err := c.Query(doctor, "select name from "+quoted(n.Schema)+".formulary order by name, form")
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rs, pgx.RowTo[string])
	if err != nil || len(all) == 0 {
		return nil, errors.Join(err, errors.New("the clinic's list of medicines is empty"))
	}
	rng := rand.New(rand.NewPCG(13, 13))
	name := func() string { return strings.ToLower(all[rng.IntN(len(all))]) }
	var rows []Row
	for _, kind := range []struct {
		what string
		text func() string
	}{
		{"beginning of a name, 3 to 5 letters", func() string { t := name(); return t[:min(len(t), 3+rng.IntN(3))] }},
		{"misspelt name", func() string { return misspell(rng, name()) }},
	} {
		found := 0
		took, err := lasted(rounds, func() error {
			hits, err := s.Suggest(doctor, patientOf(0), kind.text(), 8)
			if len(hits) > 0 {
				found++
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind.what, err)
		}
		rows = append(rows, Row{What: "medicines: " + kind.what + ", p95", Unit: "ms", Ours: quantile(took, .95), Goal: "<= 30",
			Comments: fmt.Sprintf("p50 %s ms, %d of %d found something", number(median(took)), found, len(took)+5)})
	}
	return rows, nil
}

// fromTemplate times finding a template by its keyword, putting it on the sheet
// and finishing the consultation, which issues the prescription.
func (in *installation) fromTemplate(doctor context.Context, n *tenants.Clinic, rx *prescription.Service, s *consultation.Service, rounds int) (Row, error) {
	begun, err := in.inTheRoom(doctor, n, rounds+5)
	if err != nil {
		return Row{}, err
	}
	keyword := fmt.Sprintf("urti%d", time.Now().UnixNano()) // the clinic may be an earlier run's
	sheet := prescription.Sheet{Tests: []prescription.TypedTest{{Name: "HbA1c"}}}
	for _, m := range []string{"Paracetamol", "Levocetirizine", "Pantoprazole", "Ambroxol", "Azithromycin"} {
		sheet.Lines = append(sheet.Lines, prescription.Typed{Medicine: m, Form: "tablet", Dose: "1-0-1", Days: "5", Food: "after"})
	}
	if _, err := rx.SaveTemplate(doctor, prescription.Template{Name: keyword, Keyword: keyword, Sheet: sheet}); err != nil {
		return Row{}, err
	}
	next := 0
	took, err := lasted(rounds, func() error {
		visit := begun[next]
		next++
		found, err := rx.Suggest(doctor, visit.patient, "/"+keyword, 1)
		if err != nil || len(found) != 1 || found[0].Template == nil {
			return errors.Join(err, fmt.Errorf("%d templates have the keyword", len(found)))
		}
		ready, err := rx.Apply(doctor, visit.patient, prescription.Sheet{}, "template:"+found[0].Template.ID.String())
		if err != nil {
			return err
		}
		if len(ready.Sheet.Lines) != len(sheet.Lines) {
			return fmt.Errorf("the sheet has %d lines", len(ready.Sheet.Lines))
		}
		_, err = s.Finish(doctor, uuid.Must(uuid.NewV7()), visit.id, 0, consultation.Form{Complaint: "Cough and cold", Urgency: "routine", Rx: ready.Sheet})
		return err
	})
	if err != nil {
		return Row{}, err
	}
	return Row{What: "template by keyword to issued prescription of 5 medicines and a test, p95", Unit: "ms", Ours: quantile(took, .95), Goal: "<= 40",
		Comments: "p50 " + number(median(took)) + " ms; three calls of the service, the consultation finished with it"}, nil
}

type inRoom struct{ id, patient uuid.UUID }

// inTheRoom begins consultations with as many patients.
func (in *installation) inTheRoom(ctx context.Context, n *tenants.Clinic, many int) ([]inRoom, error) {
	c, err := pg.Connect(ctx, in.admin)
	if err != nil {
		return nil, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	_, err = c.Exec(ctx, fmt.Sprintf(`set session_replication_role = replica; set search_path = %s, ext, pg_temp;
		update visits set state = 'done', ended_at = now() where state <> 'done';
		with v as (insert into visits (id, patient_id, doctor_id, day, kind, purpose, state, arrived_at, called_at, started_at)
			select gen_random_uuid(), id, '%s', (now() at time zone 'Asia/Kolkata')::date, 'routine', 'Cough', 'in_consultation', now(), now(), now() from (select id from patients order by id limit %d) p
			returning id, patient_id, doctor_id)
		insert into consultations (id, visit_id, patient_id, doctor_id) select gen_random_uuid(), id, patient_id, doctor_id from v;
		reset all; analyze`, quoted(n.Schema), doctorID, many))
	if err != nil {
		return nil, err
	}
	rows, err := c.Query(ctx, "select id, patient_id from "+quoted(n.Schema)+".visits where state = 'in_consultation'")
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (inRoom, error) {
		var v inRoom
		err := r.Scan(&v.id, &v.patient)
		return v, err
	})
	if err == nil && len(all) != many {
		err = fmt.Errorf("%d consultations have begun, want %d", len(all), many)
	}
	return all, err
}
