package visit

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// Board is the queue of today.
type Board struct {
	Now   time.Time
	Day   time.Time // the clinic's day
	Rows  []Row     // those of the filter, in the order of the desk
	Lines []Load    // every line, with how many wait
	Total Counts    // of the whole day, or of the one line asked for
}

// Counts are figures of a day.
type Counts struct {
	Waiting, Called, Consulting, Done, Skipped, NoShow, Cancelled int
	All                                                           int
	AverageWait                                                   time.Duration // from arrival to the first call, of those called today
	Doctors, DoctorsBusy                                          int
	PerLine                                                       map[uuid.UUID]int
}

// Filter says what of the board is wanted; its zero value is everything.
type Filter struct {
	Line  uuid.UUID // one line only
	State State
}

// Board gives the queue of today.
//
// Errors: Forbidden.
func (s *Service) Board(ctx context.Context, f Filter) (Board, error) {
	if err := s.allow(ctx, access.QueueView); err != nil {
		return Board{}, err
	}
	var out Board
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var err error
		out, err = s.board(ctx, tx, f)
		return err
	})
	return out, tenants.Refused(err)
}

func (s *Service) board(ctx context.Context, tx *tenants.Tx, f Filter) (Board, error) {
	out := Board{Now: tx.Now, Day: patient.Today(tx)}
	var (
		rows  []tenantdb.ListVisitsByDayRow
		lines []tenantdb.ListLinesRow
		pace  clinicPaces
	)
	err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
		rows, err = q.ListVisitsByDay(ctx, tenantdb.ListVisitsByDayParams{Day: out.Day})
		return err
	}, func(q *tenantdb.Queries) (err error) {
		lines, err = q.ListLines(ctx)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		pace, err = s.pace(ctx, tx, q)
		return err
	})
	if err != nil {
		return out, err
	}
	byID := linesByID(lines)
	all := make([]Row, 0, len(rows))
	for _, r := range rows {
		all = append(all, rowOf(r, byID, tx.Now))
	}
	if f.Line != uuid.Nil && s.allow(ctx, access.PatientRecord) == nil {
		if err := warn(ctx, tx, all, f.Line); err != nil {
			return out, err
		}
	}
	slices.SortFunc(all, deskOrder)
	number(all)
	out.Total = count(all, lines, f.Line)
	for _, l := range lines {
		n := 0
		for _, r := range all {
			if r.Line.ID == l.ID && (r.State == Waiting || r.State == Called) {
				n++
			}
		}
		out.Lines = append(out.Lines, Load{Line: byID[l.ID], Waiting: n, Wait: time.Duration(n) * pace.of(l.ID)})
	}
	for _, r := range all {
		if (f.Line == uuid.Nil || r.Line.ID == f.Line) && (f.State == "" || r.State == f.State) {
			out.Rows = append(out.Rows, r)
		}
	}
	return out, nil
}

func rowOf(r tenantdb.ListVisitsByDayRow, lines map[uuid.UUID]Line, now time.Time) Row {
	out := Row{
		ID: r.ID, Version: r.Version, Token: r.Label, Line: lines[r.LineID.UUID], Kind: r.Kind, Purpose: r.Purpose, State: State(r.State),
		Priority: r.Priority, CallCount: int(r.CallCount), Arrived: r.ArrivedAt, CalledAt: at(r.CalledAt), Started: at(r.StartedAt), Ended: at(r.EndedAt),
		Patient: patient.Card{ID: r.PatientID, Number: r.PatientNumber, Name: r.FullName, Local: r.LocalName, Sex: r.Sex,
			Birth: patient.BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn)},
	}
	out.Line.ID = r.LineID.UUID // also of a doctor who is not active any more
	switch out.State {
	case Waiting, Called, Skipped:
		out.Wait = max(0, now.Sub(out.Arrived))
	case InConsultation:
		out.Wait = max(0, now.Sub(out.Started))
	}
	return out
}

// deskOrder puts first who is inside, then who was called, then who waits in
// the order in which they will be called, then the rest, the newest first.
func deskOrder(a, b Row) int {
	if c := cmp.Compare(rank(a.State), rank(b.State)); c != 0 {
		return c
	}
	switch a.State {
	case Waiting:
		if a.Priority != b.Priority {
			if a.Priority {
				return -1
			}
			return 1
		}
		if c := a.Arrived.Compare(b.Arrived); c != 0 {
			return c
		}
	case Done, NoShow, Cancelled:
		if c := b.Ended.Compare(a.Ended); c != 0 {
			return c
		}
	default:
		if c := b.CalledAt.Compare(a.CalledAt); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.ID.String(), b.ID.String())
}

func rank(s State) int {
	switch s {
	case InConsultation:
		return 0
	case Called:
		return 1
	case Waiting:
		return 2
	case Skipped:
		return 3
	}
	return 4
}

// number counts for each who waits how many of the line are before.
func number(rows []Row) {
	before := map[uuid.UUID]int{}
	for i := range rows {
		switch r := &rows[i]; r.State {
		case InConsultation, Called:
			before[r.Line.ID]++
		case Waiting:
			r.Ahead = before[r.Line.ID]
			before[r.Line.ID]++
		}
	}
}

func count(rows []Row, lines []tenantdb.ListLinesRow, line uuid.UUID) Counts {
	c := Counts{PerLine: map[uuid.UUID]int{}}
	busy := map[uuid.UUID]bool{}
	var waited time.Duration
	called := 0
	for _, r := range rows {
		c.PerLine[r.Line.ID]++
		if r.State == InConsultation && !r.Line.Department {
			busy[r.Line.ID] = true
		}
		if line != uuid.Nil && r.Line.ID != line {
			continue
		}
		c.All++
		switch r.State {
		case Waiting:
			c.Waiting++
		case Called:
			c.Called++
		case InConsultation:
			c.Consulting++
		case Done:
			c.Done++
		case Skipped:
			c.Skipped++
		case NoShow:
			c.NoShow++
		case Cancelled:
			c.Cancelled++
		}
		if in := firstOf(r.Started, r.CalledAt); !in.IsZero() {
			waited += max(0, in.Sub(r.Arrived))
			called++
		}
	}
	if called > 0 {
		c.AverageWait = waited / time.Duration(called)
	}
	for _, l := range lines {
		if l.Kind == "doctor" && l.Availability == "available" {
			c.Doctors++
		}
	}
	c.DoctorsBusy = len(busy)
	c.Doctors = max(c.Doctors, c.DoctorsBusy)
	return c
}

func firstOf(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// warn puts on the visits of a line that are open what must be known before the
// patient comes in.
func warn(ctx context.Context, tx *tenants.Tx, all []Row, line uuid.UUID) error {
	ids := []uuid.UUID{}
	for _, r := range all {
		if r.Line.ID == line && r.State.Open() {
			ids = append(ids, r.Patient.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	told, err := tx.Q().ListAllergies(ctx, ids)
	for _, t := range told {
		for i := range all {
			if all[i].Patient.ID == t.ID && all[i].Line.ID == line {
				all[i].Allergies, all[i].NoneKnown = phi.Text(t.Allergies), t.NoKnownAllergies
			}
		}
	}
	return err
}
