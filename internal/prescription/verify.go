package prescription

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants"
)

// paperLink is what the code on a printed prescription is signed for.
const paperLink = "prescription"

// Verifier tells whoever holds a paper whether it is a prescription of the
// clinic's and in force. Nobody signs in for it.
type Verifier struct {
	db    *tenants.DB
	links keys.Links
}

// NewVerifier makes a Verifier. linkKey signs the codes.
func NewVerifier(db *tenants.DB, linkKey []byte) *Verifier {
	return &Verifier{db: db, links: keys.NewLinks(linkKey)}
}

// Standings of a prescription.
const (
	Valid    = "valid"
	Replaced = "replaced" // by a newer version
	// Cancelled is one, too.
)

// Standing is all that the code on a paper shows.
type Standing struct {
	Number string
	Issued time.Time
	State  string // Valid, Replaced or Cancelled
}

// Code is what the paper of a prescription carries.
func (v *Verifier) Code(clinic, id uuid.UUID) string { return v.links.Key(paperLink, clinic, id, 0) }

// Verify reads the standing of the prescription that a code names.
//
// Errors: NotFound, for an altered code, another clinic's and one of a
// prescription that isn't there alike.
func (v *Verifier) Verify(ctx context.Context, clinic *tenants.Clinic, code string) (Standing, error) {
	id, mac, ok := keys.ReadLink(code)
	if !ok || clinic == nil || !v.links.Right(paperLink, clinic.ID, id, 0, mac) {
		return Standing{}, apperr.New(apperr.NotFound, "error.not_found", "This record was not found")
	}
	sc, _ := tenants.ScopeFrom(ctx)
	sc.Clinic, sc.Actor = clinic, tenants.Actor{Kind: access.DisplayActor, ID: id, Role: access.Display}
	var r tenantdb.GetPrescriptionStandingRow
	err := tenants.Read(tenants.WithScope(ctx, sc), v.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		r, err = tx.Q().GetPrescriptionStanding(ctx, id)
		return err
	})
	if err != nil {
		return Standing{}, tenants.Refused(err)
	}
	out := Standing{Number: r.Number, State: Valid}
	if r.IssuedAt != nil {
		out.Issued = *r.IssuedAt
	}
	switch {
	case r.Replaced:
		out.State = Replaced
	case r.State == Cancelled:
		out.State = Cancelled
	}
	return out, nil
}
