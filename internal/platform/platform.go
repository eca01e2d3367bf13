// Package platform is the operators' view of the clinics: states, plans and
// counts. It can reach no clinic's schema, and shows no patient.
package platform

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// Service answers operators.
type Service struct{ db *tenants.DB }

// NewService makes the service.
func NewService(db *tenants.DB) *Service { return &Service{db: db} }

// Clinic is one row of the console.
type Clinic struct {
	ID                       uuid.UUID
	Slug, Name, City         string
	Status, Reason           string
	Plan                     string // its name
	Staff, Patients, Storage int64
	CreatedAt                time.Time
	TrialEnds                time.Time // zero for none
	LastActivity             time.Time // zero for never
}

// Query says which clinics of the console are asked for.
type Query struct {
	Status string // empty for all
	Text   string // part of a name, slug, city or status
	After  string // slug of the last one of the page before
}

// Page is one page of the console.
type Page struct {
	Clinics []Clinic
	More    bool
	Counts  map[string]int // clinics of each status that the text finds
	Total   int
}

const pageSize = 50

// Clinics lists clinics by slug. Codes: forbidden.
func (s *Service) Clinics(ctx context.Context, q Query) (Page, error) {
	if err := allow(ctx); err != nil {
		return Page{}, err
	}
	var out Page
	err := tenants.PlatformRead(ctx, s.db, func(ctx context.Context, tx *tenants.PlatformTx) error {
		out = Page{Counts: map[string]int{}}
		fragment := strings.TrimSpace(q.Text)
		rows, err := tx.Q().ListClinicsForConsole(ctx, platformdb.ListClinicsForConsoleParams{State: q.Status, Fragment: fragment,
			After: q.After, AtMost: pageSize + 1})
		if err != nil {
			return err
		}
		if len(rows) > pageSize {
			rows, out.More = rows[:pageSize], true
		}
		for _, r := range rows {
			out.Clinics = append(out.Clinics, clinicOf(r))
		}
		counts, err := tx.Q().CountClinicsPerStatus(ctx, fragment)
		for _, c := range counts {
			out.Counts[c.Status] = int(c.Clinics)
			out.Total += int(c.Clinics)
		}
		return err
	})
	return out, tenants.Refused(err)
}

func clinicOf(r platformdb.ListClinicsForConsoleRow) Clinic {
	c := Clinic{ID: r.ID, Slug: r.Slug, Name: r.Name, City: r.City, Status: r.Status, Reason: r.StatusReason, Plan: r.PlanName,
		Staff: r.Staff, Patients: r.Patients, Storage: r.Storage, CreatedAt: r.CreatedAt}
	if r.TrialEndsAt != nil {
		c.TrialEnds = *r.TrialEndsAt
	}
	if r.LastAt != nil {
		c.LastActivity = *r.LastAt
	}
	return c
}

// allow fails closed: only a signed-in operator asks.
func allow(ctx context.Context) error {
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Actor.Kind != access.Operator || sc.Actor.ID == uuid.Nil || sc.Clinic != nil {
		return apperr.New(apperr.Forbidden, "error.forbidden", "Your role may not do this")
	}
	return nil
}
