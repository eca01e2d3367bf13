package consultation

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// draftIn gives what somebody was typing at a visit, nil if nothing.
func draftIn(ctx context.Context, q *tenantdb.Queries, user, visitID uuid.UUID) (*Draft, error) {
	row, err := q.GetDraft(ctx, tenantdb.GetDraftParams{UserID: user, Kind: draftKind, SubjectID: someID(visitID)})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d := Draft{Version: row.Version, At: row.UpdatedAt}
	return &d, json.Unmarshal(row.Body, &d.Form)
}

// Keep keeps what is being typed at a visit, by its author. version is that of
// the draft which the window last read or wrote, 0 for none. When another window
// has written since, nothing is overwritten: the error is Stale and the draft
// that stands is given.
//
// Errors: NotFound, Conflict (finished, or not begun), Stale, Forbidden.
func (s *Service) Keep(ctx context.Context, visitID uuid.UUID, version int32, f Form) (Draft, error) {
	if err := s.allow(ctx, access.ConsultationOwn); err != nil {
		return Draft{}, err
	}
	var out Draft
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		c, err := mineIn(ctx, tx, visitID)
		if err != nil {
			return err
		}
		state, err := tx.Q().HoldConsultation(ctx, c.ID)
		if err != nil {
			return err
		}
		if state == Finished {
			return finishedAlready()
		}
		f := f.clean()
		body, err := json.Marshal(f)
		if err != nil {
			return err
		}
		out, err = keep(ctx, tx, visitID, version, f, body)
		return err
	})
	if tenants.Violates(err, "drafts_body_check") {
		err = apperr.Wrap(apperr.Invalid, "error.text.long", "This is too long", err)
	}
	return out, tenants.Refused(err)
}

func keep(ctx context.Context, tx *tenants.Tx, visitID uuid.UUID, version int32, f Form, body []byte) (Draft, error) {
	var n int64
	var err error
	if version == 0 {
		n, err = tx.Q().InsertDraft(ctx, tenantdb.InsertDraftParams{ID: uuid.Must(uuid.NewV7()), UserID: tx.Actor.ID, Kind: draftKind,
			SubjectID: someID(visitID), Body: body})
	}
	if err == nil && n == 0 && (version > 0 || f.Window != "") {
		n, err = tx.Q().UpdateDraft(ctx, tenantdb.UpdateDraftParams{UserID: tx.Actor.ID, Kind: draftKind, SubjectID: someID(visitID), Version: version,
			WindowID: orNone(f.Window), Body: body})
	}
	if err != nil {
		return Draft{}, err
	}
	there, err := draftIn(ctx, tx.Q(), tx.Actor.ID, visitID)
	if err != nil {
		return Draft{}, err
	}
	if there == nil { // it was thrown away in another window: what is typed here is kept
		if version == 0 {
			return Draft{}, stale()
		}
		return keep(ctx, tx, visitID, 0, f, body)
	}
	if n == 1 || there.Form.equal(f) { // the same sent again after a lost answer
		return *there, nil
	}
	return *there, stale()
}

// orNone is a window's name; without one none is the same.
func orNone(window string) string {
	if window == "" {
		return "none"
	}
	return window
}

func stale() error {
	return apperr.New(apperr.Stale, "error.consultation.stale", "Another window has written in this consultation; look at both")
}

// Throw throws a draft away.
//
// Errors: NotFound, Forbidden.
func (s *Service) Throw(ctx context.Context, visitID uuid.UUID) error {
	if err := s.allow(ctx, access.ConsultationOwn); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if _, err := mineIn(ctx, tx, visitID); err != nil {
			return err
		}
		return tx.Q().DeleteDraft(ctx, tenantdb.DeleteDraftParams{UserID: tx.Actor.ID, Kind: draftKind, SubjectID: someID(visitID)})
	}))
}
