// Package clinic is what a clinic says of itself and who works there: facts,
// look, settings, departments, staff, and the day's figures for its admin.
//
// Patients and visits are other slices': here they are counted, never named.
// No page and no HTTP belongs here, and no mail either: links are identity's.
package clinic

import (
	"context"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/tenants"
)

// Service keeps a clinic's settings and staff.
type Service struct {
	db     *tenants.DB
	people *identity.Service
}

// NewService makes the service.
func NewService(db *tenants.DB, people *identity.Service) *Service {
	return &Service{db: db, people: people}
}

func (s *Service) allow(ctx context.Context, c access.Capability) error { return s.db.Allow(ctx, c) }

// stale says that the record was changed since the form was opened.
func stale() error {
	return apperr.New(apperr.Stale, "error.stale", "Somebody else changed this while you were editing. Compare, then save again.")
}
