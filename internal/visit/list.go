package visit

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// Period says which check-ins are wanted. Zero days are today; both days count.
type Period struct {
	From, To time.Time
	Line     uuid.UUID
	State    State
	Search   string // a patient: name, phone, number
	Changes  bool   // with every change of the queue
}

// longestPeriod bounds a list, in days.
const longestPeriod = 3660

func (p *Period) settle(today time.Time) error {
	if p.From.IsZero() && p.To.IsZero() {
		p.From, p.To = today, today
	}
	if p.From.IsZero() {
		p.From = p.To
	}
	if p.To.IsZero() {
		p.To = p.From
	}
	var e apperr.Problems
	switch {
	case p.To.Before(p.From):
		e.Add("to", "error.period.order", "The last day is before the first")
	case p.To.Sub(p.From) > longestPeriod*24*time.Hour:
		e.Add("to", "error.period.long", "Choose ten years at most")
	}
	return e.Err()
}

// Entry is a line of the check-in list.
type Entry struct {
	ID       uuid.UUID
	Day      time.Time
	Token    string
	Patient  patient.Card
	Line     Line
	Kind     string
	Purpose  phi.Text
	State    State
	Reason   string
	Priority bool
	Arrived  time.Time
	CalledAt time.Time
	Started  time.Time
	Ended    time.Time
	Steps    []Step // where the changes were asked for
}

// List is a page of check-ins.
type List struct {
	From, To time.Time // as they were settled
	Entries  []Entry
	More     bool
	Next     patient.Page // the place after the last entry
	Lines    []Line
}

// List gives the check-ins of a period, newest first, at most of them, after a
// place in the list (zero: the beginning).
//
// Errors: Invalid, Forbidden.
func (s *Service) List(ctx context.Context, p Period, after patient.Page, most int) (List, error) {
	if err := s.allow(ctx, access.QueueView); err != nil {
		return List{}, err
	}
	var out List
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var err error
		out, err = listIn(ctx, tx, p, after, most)
		return err
	})
	return out, tenants.Refused(err)
}

func listIn(ctx context.Context, tx *tenants.Tx, p Period, after patient.Page, most int) (List, error) {
	if err := p.settle(patient.Today(tx)); err != nil {
		return List{}, err
	}
	out := List{From: p.From, To: p.To}
	arg := tenantdb.ListVisitsByPeriodParams{
		FromDay: p.From, ToDay: p.To, BeforeDay: after.Day, BeforeAt: after.At, BeforeID: after.ID, LineID: someID(p.Line), State: string(p.State),
		AtMost: int32(most + 1),
	}
	if after.ID == uuid.Nil {
		end := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
		arg.BeforeDay, arg.BeforeAt, arg.BeforeID = end, end, uuid.Max
	}
	if p.Search != "" {
		found, err := patient.FamiliesIn(ctx, tx, p.Search)
		if err != nil {
			return out, err
		}
		arg.PatientIds = found
	}
	rows, err := tx.Q().ListVisitsByPeriod(ctx, arg)
	if err != nil {
		return out, err
	}
	lines, err := tx.Q().ListLines(ctx)
	if err != nil {
		return out, err
	}
	byID := linesByID(lines)
	for _, l := range lines {
		out.Lines = append(out.Lines, byID[l.ID])
	}
	out.More = len(rows) > most
	rows = rows[:min(most, len(rows))]
	for _, r := range rows {
		out.Entries = append(out.Entries, entryOf(r, byID))
	}
	if n := len(rows); n > 0 {
		out.Next = patient.Page{Day: rows[n-1].Day, At: rows[n-1].ArrivedAt, ID: rows[n-1].ID}
	}
	if p.Changes {
		err = addSteps(ctx, tx, out.Entries, byID)
	}
	return out, err
}

func entryOf(r tenantdb.ListVisitsByPeriodRow, lines map[uuid.UUID]Line) Entry {
	return Entry{
		ID: r.ID, Day: r.Day, Token: r.Label, Line: lines[r.LineID.UUID], Kind: r.Kind, Purpose: r.Purpose, State: State(r.State), Reason: r.StateReason,
		Priority: r.Priority, Arrived: r.ArrivedAt, CalledAt: at(r.CalledAt), Started: at(r.StartedAt), Ended: at(r.EndedAt),
		Patient: patient.Card{ID: r.PatientID, Number: r.PatientNumber, Name: r.FullName, Local: r.LocalName, Sex: r.Sex, Phone: r.Phone,
			Birth: patient.BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn)},
	}
}

func addSteps(ctx context.Context, tx *tenants.Tx, entries []Entry, lines map[uuid.UUID]Line) error {
	ids := make([]uuid.UUID, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	moves, err := tx.Q().ListMoves(ctx, ids)
	if err != nil {
		return err
	}
	byVisit := map[uuid.UUID][]tenantdb.ListMovesRow{}
	for _, m := range moves {
		byVisit[m.VisitID] = append(byVisit[m.VisitID], m)
	}
	for i := range entries {
		entries[i].Steps = stepsOf(byVisit[entries[i].ID], lines)
	}
	return nil
}

// exportChunk is how many entries are read and handed on at a time.
const exportChunk = 500

// Export hands every check-in of a period with all its changes to each, newest
// first, and notes on the trail that it was taken out.
//
// Errors: Invalid, Forbidden, and each's own.
func (s *Service) Export(ctx context.Context, p Period, each func(Entry) error) error {
	if err := s.allow(ctx, access.QueueView); err != nil {
		return err
	}
	p.Changes = true
	var after patient.Page
	for {
		var page List
		err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
			if after.ID == uuid.Nil {
				if err := tx.RecordView(ctx, "visits.export", uuid.Nil, uuid.Nil); err != nil {
					return err
				}
			}
			var err error
			page, err = listIn(ctx, tx, p, after, exportChunk)
			return err
		})
		if err != nil {
			return tenants.Refused(err)
		}
		// Handed on outside of the transaction: a slow reader holds no connection.
		for _, e := range page.Entries {
			if err := each(e); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
		after = page.Next
	}
}

// OfPatient lists the visits of a patient and of those merged into it, newest
// first.
//
// Errors: NotFound, Forbidden.
func (s *Service) OfPatient(ctx context.Context, family []uuid.UUID, after patient.Page, most int) (List, error) {
	if err := s.allow(ctx, access.QueueView); err != nil {
		return List{}, err
	}
	var out List
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var err error
		out, err = ofPatient(ctx, tx, family, after, most)
		return err
	})
	return out, tenants.Refused(err)
}

func ofPatient(ctx context.Context, tx *tenants.Tx, family []uuid.UUID, after patient.Page, most int) (List, error) {
	arg := tenantdb.ListVisitsByPatientsParams{PatientIds: family, BeforeAt: after.At, BeforeID: after.ID, AtMost: int32(most + 1)}
	if after.ID == uuid.Nil {
		arg.BeforeAt, arg.BeforeID = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), uuid.Max
	}
	var (
		out   List
		rows  []tenantdb.ListVisitsByPatientsRow
		lines []tenantdb.ListLinesRow
	)
	err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
		rows, err = q.ListVisitsByPatients(ctx, arg)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		lines, err = q.ListLines(ctx)
		return err
	})
	if err != nil {
		return out, err
	}
	byID := linesByID(lines)
	out.More = len(rows) > most
	rows = rows[:min(most, len(rows))]
	for _, r := range rows {
		out.Entries = append(out.Entries, Entry{ID: r.ID, Day: r.Day, Token: r.Label, Line: byID[r.LineID.UUID], Kind: r.Kind, Purpose: r.Purpose,
			State: State(r.State), Reason: r.StateReason, Arrived: r.ArrivedAt, Started: at(r.StartedAt), Ended: at(r.EndedAt), Patient: patient.Card{ID: r.PatientID}})
	}
	if n := len(rows); n > 0 {
		out.Next = patient.Page{Day: rows[n-1].Day, At: rows[n-1].ArrivedAt, ID: rows[n-1].ID}
	}
	return out, nil
}

// Chart is a patient's page: the record and the newest visits.
type Chart struct {
	Record patient.Record
	Visits List
}

// Chart gives a patient's record with the newest visits in one transaction, and
// notes on the trail that the actor saw it.
//
// Errors: NotFound, Forbidden.
func (s *Service) Chart(ctx context.Context, id uuid.UUID, most int) (Chart, error) {
	if err := s.allow(ctx, access.PatientRecord); err != nil {
		return Chart{}, err
	}
	var out Chart
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		if out.Record, err = patient.GetIn(ctx, tx, id); err != nil {
			return err
		}
		out.Visits, err = ofPatient(ctx, tx, out.Record.Family(), patient.Page{}, most)
		return err
	})
	return out, tenants.Refused(err)
}
