package clinic

import (
	"context"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/tenants"
)

// Letterhead is what stands at the head of a paper, and who signs it.
type Letterhead struct {
	Facts    Facts
	Blank    bool // the paper has its own; room is left for it
	OffsetMM int  // of room
	Signer   Signer
}

// Signer is a doctor as papers name one.
type Signer struct{ Name, LocalName, Qualification, Licence string }

// Letterhead reads the head of a paper that a doctor signs. Codes: forbidden,
// not found (no such member of the staff).
func (s *Service) Letterhead(ctx context.Context, doctor uuid.UUID) (Letterhead, error) {
	if err := s.allow(ctx, access.SettingsView); err != nil {
		return Letterhead{}, err
	}
	var out Letterhead
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var err error
		if out.Facts, err = readFacts(ctx, tx); err != nil {
			return err
		}
		return tx.Together(ctx, func(q *tenantdb.Queries) error {
			set, err := q.GetLetterhead(ctx)
			out.Blank, out.OffsetMM = set.Letterhead == "none", int(set.LetterheadOffsetMm)
			return err
		}, func(q *tenantdb.Queries) error {
			d, err := q.GetSigner(ctx, doctor)
			out.Signer = Signer{Name: d.FullName, LocalName: d.LocalName, Qualification: d.Qualification, Licence: d.LicenceNumber}
			return err
		})
	})
	return out, tenants.Refused(err)
}
