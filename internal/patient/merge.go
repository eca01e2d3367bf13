package patient

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

func notFound() error {
	return apperr.New(apperr.NotFound, "error.not_found", "This record was not found")
}

// Merge makes a record count as another: the survivor's page shows the rows of
// both, and the duplicate isn't found any more. Nothing is moved or deleted, so
// UndoMerge brings everything back as it was.
//
// Errors: Invalid, NotFound, Conflict (either was merged already), Forbidden.
func (s *Service) Merge(ctx context.Context, survivor, duplicate uuid.UUID, reason string) error {
	if err := s.allow(ctx, access.PatientMerge); err != nil {
		return err
	}
	if survivor == duplicate {
		var p apperr.Problems
		p.Add("other", "error.merge.same", "Choose another record, not this one")
		return p.Err()
	}
	if len(reason) > longestLine {
		var p apperr.Problems
		p.Add("reason", "error.text.long", "This is too long")
		return p.Err()
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		_, other, err := lockTwo(ctx, tx, survivor, duplicate)
		if err != nil {
			return err
		}
		if err := tx.Q().InsertPatientMerge(ctx, tenantdb.InsertPatientMergeParams{
			ID: uuid.Must(uuid.NewV7()), SurvivorID: survivor, DuplicateID: duplicate, Reason: CleanName(reason), MergedBy: tx.Actor.ID,
		}); err != nil {
			return err
		}
		return point(ctx, tx, duplicate, other.Version, uuid.NullUUID{UUID: survivor, Valid: true})
	}))
}

// lockTwo locks both records, always in the same order, so that two merges the
// other way round end one after the other; neither may be merged already.
func lockTwo(ctx context.Context, tx *tenants.Tx, survivor, duplicate uuid.UUID) (a, b tenantdb.LockPatientRow, err error) {
	first, second := survivor, duplicate
	if bytes.Compare(first[:], second[:]) > 0 {
		first, second = second, first
	}
	rows := map[uuid.UUID]tenantdb.LockPatientRow{}
	for _, id := range []uuid.UUID{first, second} {
		r, err := tx.Q().LockPatient(ctx, id)
		if err != nil {
			return a, b, err
		}
		if r.MergedInto.Valid {
			return a, b, apperr.New(apperr.Conflict, "error.merge.merged", "One of the two was merged already")
		}
		rows[id] = r
	}
	return rows[survivor], rows[duplicate], nil
}

func point(ctx context.Context, tx *tenants.Tx, id uuid.UUID, version int32, to uuid.NullUUID) error {
	n, err := tx.Q().UpdatePatientMergedInto(ctx, tenantdb.UpdatePatientMergedIntoParams{ID: id, Version: version, MergedInto: to})
	if err == nil && n == 0 {
		err = stale(false)
	}
	return err
}

// UndoMerge makes a merged record one of its own again.
//
// Errors: NotFound (also if it isn't merged), Conflict, Forbidden.
func (s *Service) UndoMerge(ctx context.Context, duplicate uuid.UUID) error {
	if err := s.allow(ctx, access.PatientMerge); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		r, err := tx.Q().LockPatient(ctx, duplicate)
		if err != nil {
			return err
		}
		m, err := tx.Q().GetOpenPatientMerge(ctx, duplicate)
		if err != nil {
			return err
		}
		n, err := tx.Q().UndoPatientMerge(ctx, tenantdb.UndoPatientMergeParams{ID: m.ID, UndoneBy: uuid.NullUUID{UUID: tx.Actor.ID, Valid: true}})
		if err != nil {
			return err
		}
		if n == 0 {
			return notFound()
		}
		return point(ctx, tx, duplicate, r.Version, uuid.NullUUID{})
	}))
}

// PastMerge is a record that was merged into another, and may be by itself again.
type PastMerge struct {
	Duplicate Merged
	Reason    phi.Text
	By        string
	At        time.Time
	UndoneAt  time.Time // zero while it is merged
}

// Merges lists what was merged into a record itself, the newest first.
//
// Errors: NotFound, Forbidden.
func (s *Service) Merges(ctx context.Context, survivor uuid.UUID) ([]PastMerge, error) {
	if err := s.allow(ctx, access.PatientMerge); err != nil {
		return nil, err
	}
	var out []PastMerge
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if _, err := tx.Q().GetPatientCard(ctx, survivor); err != nil {
			return err
		}
		rows, err := tx.Q().ListPatientMerges(ctx, survivor)
		out = nil
		for _, r := range rows {
			m := PastMerge{Duplicate: Merged{ID: r.DuplicateID, Number: r.DuplicateNumber, Name: r.DuplicateName, Into: survivor}, Reason: phi.Text(r.Reason), By: r.MergedByName, At: r.MergedAt}
			if r.UndoneAt != nil {
				m.UndoneAt = *r.UndoneAt
			}
			out = append(out, m)
		}
		return err
	})
	return out, tenants.Refused(err)
}
