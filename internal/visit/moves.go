package visit

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

const longestReason = 500

// Move brings a visit into another state. version is the one that the mover
// saw: who comes second gets a Conflict that says what happened in between,
// unless it is the same person asking for the same again. Called again while
// called is a recall.
//
// Errors: Invalid (reason), NotFound, Conflict, Forbidden.
func (s *Service) Move(ctx context.Context, id uuid.UUID, version int32, to State, reason string) error {
	if err := s.allow(ctx, access.QueueMove); err != nil {
		return err
	}
	if err := checkReason(reason, to == Cancelled); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		return move(ctx, tx, id, version, to, reason)
	}))
}

func checkReason(reason string, required bool) error {
	var p apperr.Problems
	switch {
	case required && strings.TrimSpace(reason) == "":
		p.Add("reason", "error.reason.missing", "Say why")
	case utf8.RuneCountInString(reason) > longestReason:
		p.Add("reason", "error.text.long", "This is too long")
	}
	return p.Err()
}

func move(ctx context.Context, tx *tenants.Tx, id uuid.UUID, version int32, to State, reason string) error {
	_, err := tx.Q().MoveVisit(ctx, tenantdb.MoveVisitParams{ID: id, Version: version, State: string(to), Reason: strings.TrimSpace(reason)})
	if errors.Is(err, pgx.ErrNoRows) {
		return between(ctx, tx, id, version, func(m tenantdb.LastMoveRow) bool { return State(m.ToState) == to })
	}
	if err != nil {
		return opened(err)
	}
	return tx.Notify(ctx, topic, id)
}

// MoveIn is Move in a transaction of another slice, which has seen to who may.
func MoveIn(ctx context.Context, tx *tenants.Tx, id uuid.UUID, version int32, to State) error {
	return move(ctx, tx, id, version, to, "")
}

// Announce tells whoever watches the queue that the database moved a visit.
func Announce(ctx context.Context, tx *tenants.Tx, id uuid.UUID) error {
	return tx.Notify(ctx, topic, id)
}

// between says why a change of a visit found another version: nothing is wrong
// when the last move was this very one by this very actor.
func between(ctx context.Context, tx *tenants.Tx, id uuid.UUID, version int32, same func(tenantdb.LastMoveRow) bool) error {
	v, err := tx.Q().GetVisit(ctx, id)
	if err != nil {
		return err
	}
	moves, err := tx.Q().ListMoves(ctx, []uuid.UUID{id})
	if err != nil {
		return err
	}
	e := apperr.New(apperr.Conflict, "error.visit.moved", "Somebody moved this patient in between")
	if len(moves) == 0 {
		return e
	}
	last := moves[len(moves)-1]
	mine := last.MovedBy == string(tx.Actor.Kind)+":"+tx.Actor.ID.String()
	if mine && v.Version == version+1 && same(tenantdb.LastMoveRow{ID: last.ID, FromState: &last.FromState, ToState: last.ToState, FromLine: last.FromLine,
		ToLine: last.ToLine, Priority: last.Priority, MovedBy: last.MovedBy, MovedAt: last.MovedAt}) {
		return nil
	}
	if last.Mover != "" {
		e.Key, e.Text = "error.visit.moved_by", last.Mover+" moved "+v.Label+" in between"
		e.Args = map[string]any{"Name": last.Mover, "Token": v.Label, "State": last.ToState, "Time": last.MovedAt}
	}
	return e
}

// CallNext calls who is next in a line: those with priority first, then by
// arrival. key is the form's own: the same form sent twice calls one patient.
//
// Errors: Conflict (no one waits), Forbidden.
func (s *Service) CallNext(ctx context.Context, key, line uuid.UUID) (uuid.UUID, error) {
	if err := s.allow(ctx, access.QueueMove); err != nil {
		return uuid.Nil, err
	}
	var called uuid.UUID
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		next, err := tx.Q().NextVisit(ctx, tenantdb.NextVisitParams{Day: patient.Today(tx), LineID: someID(line)})
		none := errors.Is(err, pgx.ErrNoRows)
		if err != nil && !none {
			return err
		}
		first, made, err := tenants.Claim(ctx, tx, key, "visit.call_next", orNew(next.ID))
		if err != nil {
			return err
		}
		if called = made; !first {
			return nil
		}
		if none {
			return apperr.New(apperr.Conflict, "error.queue.empty", "No one is waiting")
		}
		return move(ctx, tx, next.ID, next.Version, Called, "")
	})
	return called, tenants.Refused(err)
}

func orNew(id uuid.UUID) uuid.UUID {
	if id == uuid.Nil {
		return uuid.Must(uuid.NewV7())
	}
	return id
}

// Transfer puts a waiting patient into another line; the token stays.
//
// Errors: Invalid, NotFound, Conflict, Forbidden.
func (s *Service) Transfer(ctx context.Context, id uuid.UUID, version int32, to uuid.UUID, reason string) error {
	if err := s.allow(ctx, access.QueueArrange); err != nil {
		return err
	}
	if err := checkReason(reason, false); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		return transfer(ctx, tx, id, version, to, reason)
	}))
}

func transfer(ctx context.Context, tx *tenants.Tx, id uuid.UUID, version int32, to uuid.UUID, reason string) error {
	line, err := findLine(ctx, tx, to)
	if err != nil {
		return err
	}
	row := tenantdb.TransferVisitParams{ID: id, Version: version, Reason: strings.TrimSpace(reason)}
	row.DoctorID, row.DepartmentID = line.columns()
	n, err := tx.Q().TransferVisit(ctx, row)
	if err != nil {
		return opened(err)
	}
	if n == 0 {
		return between(ctx, tx, id, version, func(m tenantdb.LastMoveRow) bool { return m.ToLine.UUID == to })
	}
	return tx.Notify(ctx, topic, id)
}

// SetPriority puts a visit before those who came earlier, or back among them.
//
// Errors: NotFound, Conflict, Forbidden.
func (s *Service) SetPriority(ctx context.Context, id uuid.UUID, version int32, on bool) error {
	if err := s.allow(ctx, access.QueueArrange); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		return setPriority(ctx, tx, id, version, on)
	}))
}

func setPriority(ctx context.Context, tx *tenants.Tx, id uuid.UUID, version int32, on bool) error {
	n, err := tx.Q().SetVisitPriority(ctx, tenantdb.SetVisitPriorityParams{ID: id, Version: version, Priority: on})
	if err != nil {
		return err
	}
	if n == 0 {
		return between(ctx, tx, id, version, func(m tenantdb.LastMoveRow) bool { return m.Priority == on })
	}
	return tx.Notify(ctx, topic, id)
}

// Undo takes the last move of a visit back: into the state before it where the
// database lets it, else to waiting; back into the line, or out of the
// priority. What is done or cancelled stays so, and a check-in is cancelled,
// not undone.
//
// Errors: NotFound, Conflict, Forbidden.
func (s *Service) Undo(ctx context.Context, id uuid.UUID, version int32) error {
	if err := s.allow(ctx, access.QueueMove); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		v, err := tx.Q().GetVisit(ctx, id)
		if err != nil {
			return err
		}
		moves, err := tx.Q().ListMoves(ctx, []uuid.UUID{id})
		if err != nil {
			return err
		}
		if len(moves) < 2 {
			return noUndo()
		}
		last, before := moves[len(moves)-1], moves[len(moves)-2]
		switch {
		case last.FromState != last.ToState:
			back := State(last.FromState)
			// To call is a move of its own, told to the waiting room; who was
			// skipped or sent in by mistake waits again.
			if back == Called || !MayGo(State(v.State), back) {
				back = Waiting
			}
			if !MayGo(State(v.State), back) {
				return noUndo()
			}
			return move(ctx, tx, id, version, back, "")
		case last.FromLine != last.ToLine:
			if err := s.allow(ctx, access.QueueArrange); err != nil {
				return err
			}
			return transfer(ctx, tx, id, version, last.FromLine.UUID, "")
		case last.Priority != before.Priority:
			if err := s.allow(ctx, access.QueueArrange); err != nil {
				return err
			}
			return setPriority(ctx, tx, id, version, before.Priority)
		}
		return noUndo()
	}))
}

func noUndo() error {
	return apperr.New(apperr.Conflict, "error.visit.no_undo", "This can't be taken back")
}

// Step is one change of a visit, timed.
type Step struct {
	At       time.Time
	From, To State // From is empty for the check-in
	FromLine Line
	ToLine   Line
	Priority bool
	Reason   string
	Name     string // of the member of staff, empty for others
	Actor    string // kind:uuid
}

// Detail is a visit with everything that happened to it.
type Detail struct {
	Row
	Day    time.Time
	Note   string
	Reason string // of the last move
	Steps  []Step
	Lines  []Line // where it may be transferred to
}

// Visit gives a visit and notes on the trail that the actor saw it.
//
// Errors: NotFound, Forbidden.
func (s *Service) Visit(ctx context.Context, id uuid.UUID) (Detail, error) {
	if err := s.allow(ctx, access.QueueView); err != nil {
		return Detail{}, err
	}
	var out Detail
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		v, err := tx.Q().GetVisit(ctx, id)
		if err != nil {
			return err
		}
		if err := tx.RecordView(ctx, "visits", id, v.PatientID); err != nil {
			return err
		}
		var (
			lines []tenantdb.ListLinesRow
			moves []tenantdb.ListMovesRow
		)
		if err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
			lines, err = q.ListLines(ctx)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			moves, err = q.ListMoves(ctx, []uuid.UUID{id})
			return err
		}); err != nil {
			return err
		}
		out = detailOf(v, lines, moves, tx.Now)
		return nil
	})
	return out, tenants.Refused(err)
}

func detailOf(v tenantdb.GetVisitRow, lines []tenantdb.ListLinesRow, moves []tenantdb.ListMovesRow, now time.Time) Detail {
	byID := linesByID(lines)
	out := Detail{
		Row: rowOf(tenantdb.ListVisitsByDayRow{
			ID: v.ID, PatientID: v.PatientID, DoctorID: v.DoctorID, DepartmentID: v.DepartmentID, LineID: v.LineID, Kind: v.Kind, Purpose: v.Purpose,
			State: v.State, Priority: v.Priority, CallCount: v.CallCount, ArrivedAt: v.ArrivedAt, CalledAt: v.CalledAt, StartedAt: v.StartedAt,
			EndedAt: v.EndedAt, Version: v.Version, Label: v.Label, TokenNumber: v.TokenNumber, PatientNumber: v.PatientNumber, FullName: v.FullName,
			LocalName: v.LocalName, Sex: v.Sex, BirthDate: v.BirthDate, AgeYears: v.AgeYears, AgeMonths: v.AgeMonths, AgeToldOn: v.AgeToldOn,
		}, byID, now),
		Day: v.Day, Note: v.Note.Reveal(), Reason: v.StateReason,
	}
	out.Patient.Phone = v.Phone
	out.Steps = stepsOf(moves, byID)
	for _, l := range lines {
		out.Lines = append(out.Lines, byID[l.ID])
	}
	return out
}

func stepsOf(moves []tenantdb.ListMovesRow, lines map[uuid.UUID]Line) []Step {
	out := make([]Step, 0, len(moves))
	for _, m := range moves {
		out = append(out, Step{At: m.MovedAt, From: State(m.FromState), To: State(m.ToState), FromLine: lines[m.FromLine.UUID], ToLine: lines[m.ToLine.UUID],
			Priority: m.Priority, Reason: m.Reason, Name: m.Mover, Actor: m.MovedBy})
	}
	return out
}
