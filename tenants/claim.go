package tenants

import (
	"bytes"
	"context"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
)

// Claim notes that the form of this key is being carried out in tx and will
// make the record of this id. first is false when the form was carried out
// before, in which case made is what it made then: the caller shows that and
// does nothing. A second request with the key waits for the first to end.
//
// Errors: Conflict, when the key belongs to another form, or when something else
// was entered in it by now: who got no answer, went on typing and sends again
// must not hear that all of it is kept.
func Claim(ctx context.Context, tx *Tx, key uuid.UUID, action string, id uuid.UUID) (first bool, made uuid.UUID, err error) {
	if key == uuid.Nil || tx.Actor.Kind != access.User {
		return false, uuid.Nil, apperr.New(apperr.Conflict, "error.form.key", "This form is out of date; open it again")
	}
	var entered []byte
	if tx.entered != (Digest{}) {
		entered = tx.entered[:]
	}
	n, err := tx.Q().ClaimSubmission(ctx, tenantdb.ClaimSubmissionParams{ID: key, UserID: tx.Actor.ID, Action: action, ResultID: id, Entered: entered})
	if err != nil {
		return false, uuid.Nil, err
	}
	if n == 1 {
		return true, id, nil
	}
	before, err := tx.Q().GetSubmission(ctx, key)
	if err != nil || before.Action != action {
		return false, uuid.Nil, apperr.Wrap(apperr.Conflict, "error.form.key", "This form is out of date; open it again", err)
	}
	if before.Entered != nil && entered != nil && !bytes.Equal(before.Entered, entered) {
		return false, uuid.Nil, apperr.New(apperr.Conflict, "error.form.sent", "This form was sent before with other entries, and those are saved. What you changed since is not: open what was saved and change it there")
	}
	return false, before.ResultID, nil
}
