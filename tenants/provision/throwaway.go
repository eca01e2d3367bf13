package provision

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// A throw-away clinic is a real one in all that the walls are made of (schema,
// migrations, settings, admin, keyset) and is never opened: its status stays
// pending, so nobody can find it, sign in or be charged. The proof of the walls
// attacks such clinics and no others.
const throwawayName = "Cloister proof"

var throwawaySlug = regexp.MustCompile(`^proof-([0-9a-f]{10})-[a-z]$`)

// ThrowawaySlug names a throw-away clinic of a run. tag is ten hexadecimal digits.
func ThrowawaySlug(tag string, letter byte) string { return "proof-" + tag + "-" + string(letter) }

// ThrowawayTag is the run that a slug belongs to, empty for another clinic's slug.
func ThrowawayTag(slug string) string {
	if m := throwawaySlug.FindStringSubmatch(slug); m != nil {
		return m[1]
	}
	return ""
}

// CreateThrowaway makes a throw-away clinic. mark stands where only its own
// people may read in the registry.
func (s *Service) CreateThrowaway(ctx context.Context, slug, mark string, by By) (Created, error) {
	if ThrowawayTag(slug) == "" {
		return Created{}, fmt.Errorf("%q is no throw-away clinic's slug", slug)
	}
	spec, err := Spec{Name: throwawayName, Slug: slug, AdminEmail: "admin@" + mark + ".invalid", Address: mark, Registration: mark}.clean()
	if err != nil {
		return Created{}, err
	}
	id, schema := newID(), SchemaFor(slug)
	if err := s.reserve(ctx, id, schema, spec, by); err != nil {
		return Created{}, err
	}
	if err := s.migrator.Schema(ctx, migrate.Schema{Clinic: id, Name: schema}); err != nil {
		return Created{}, fmt.Errorf("the clinic's schema: %w", err)
	}
	var out Created
	err = s.owner(ctx, func(tx pgx.Tx, q *platformdb.Queries) error {
		if err := s.enter(ctx, tx, id, schema, by); err != nil {
			return err
		}
		first, err := s.first(ctx, id, schema, spec, by, &out)
		if err != nil {
			return err
		}
		if err := together(ctx, tx, append(furniture(ctx), first...)...); err != nil {
			return err
		}
		return q.FinishProvisioning(ctx, platformdb.FinishProvisioningParams{ClinicID: id, Action: "create"})
	})
	out.Status = "pending"
	return out, err
}

// Throwaways lists the slugs of throw-away clinics, whole or not.
func (s *Service) Throwaways(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, "select slug from platform.clinics where name = $1 and status = 'pending' and slug ^@ 'proof-' order by slug", throwawayName)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	out := all[:0]
	for _, slug := range all {
		if ThrowawayTag(slug) != "" {
			out = append(out, slug)
		}
	}
	return out, err
}

// forget is what removes a throw-away clinic from the registry. Nobody ever
// knew its slug, so nothing is kept of it but the ledger and the trail.
var forget = []string{
	"delete from platform.usage where clinic_id = $1",
	"delete from platform.keysets where clinic_id = $1",
	"delete from platform.clinics where id = $1",
	"delete from platform.schemas where clinic_id = $1",
}

// Discard removes a throw-away clinic, schema and registry rows; it refuses any
// other. One that is gone already is no error.
func (s *Service) Discard(ctx context.Context, slug string, by By) error {
	begun := time.Now()
	return s.owner(ctx, func(tx pgx.Tx, q *platformdb.Queries) error {
		found, err := q.FindClinic(ctx, slug)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		c, err := q.LockClinic(ctx, found.ID)
		if err != nil {
			return err
		}
		if ThrowawayTag(c.Slug) == "" || c.Name != throwawayName || c.Status != "pending" {
			return apperr.New(apperr.Conflict, "", fmt.Sprintf("%s is a clinic and no throw-away one; it was left alone", slug))
		}
		if err := s.enter(ctx, tx, c.ID, c.SchemaName, by); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "drop schema if exists "+pgx.Identifier{c.SchemaName}.Sanitize()+" cascade"); err != nil {
			return err
		}
		for _, sql := range forget {
			if _, err := tx.Exec(ctx, sql, c.ID); err != nil {
				return err
			}
		}
		return note(ctx, q, c.ID, c.Slug, "purge", by, begun)
	})
}
