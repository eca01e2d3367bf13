package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// Created is a clinic that is there now.
type Created struct {
	ID          uuid.UUID  `json:"id"`
	Slug        string     `json:"slug"`
	Name        string     `json:"name"`
	Schema      string     `json:"schema"`
	Status      string     `json:"status"`
	Plan        string     `json:"plan"`
	TrialEndsAt *time.Time `json:"trial_ends_at,omitempty"`
	Existed     bool       `json:"existed"` // nothing was changed
	Spare       bool       `json:"spare"`   // a schema made ahead was taken
	Admin       uuid.UUID  `json:"admin"`   // zero when Existed and the link is used up
	Invitation  uuid.UUID  `json:"-"`
}

// rounds is how often a creation that lost a race looks again at what won.
const rounds = 5

// errAgain says that the registry changed under us; look again.
var errAgain = errors.New("provision: look again")

// Create makes a clinic. Asked again with the same slug, name and admin's email
// it changes nothing; a creation that was cut off is taken up where it stopped.
//
// Errors: Invalid with fields named as in Spec (slug, name, admin_email, …).
func (s *Service) Create(ctx context.Context, spec Spec, by By) (Created, error) {
	spec, err := spec.clean()
	if err != nil {
		return Created{}, err
	}
	for range rounds {
		c, err := s.create(ctx, spec, by)
		if !errors.Is(err, errAgain) {
			return c, err
		}
	}
	return Created{}, apperr.New(apperr.Conflict, "", "the clinic was being changed by others at the same time; try again")
}

func (s *Service) create(ctx context.Context, spec Spec, by By) (Created, error) {
	q := platformdb.New(s.pool)
	found, err := q.FindClinic(ctx, spec.Slug)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s.createNew(ctx, spec, by)
	case err != nil:
		return Created{}, err
	case found.Slug != spec.Slug || found.Request != spec.request() || found.Status == "deleted":
		return Created{}, takenSlug()
	case found.Status == "pending" && found.SchemaState != "assigned":
		return s.finish(ctx, found.ID, found.SchemaName, spec, by)
	}
	return s.existing(ctx, found, spec, by)
}

func takenSlug() error {
	return invalid("slug", "error.slug.taken", "is taken, or was once: take another")
}

func (s *Service) createNew(ctx context.Context, spec Spec, by By) (Created, error) {
	c, err := s.createFromSpare(ctx, spec, by)
	if !errors.Is(err, errNoSpare) {
		return c, err
	}
	id, schema := newID(), SchemaFor(spec.Slug)
	if err := s.reserve(ctx, id, schema, spec, by); err != nil {
		return Created{}, err
	}
	return s.finish(ctx, id, schema, spec, by)
}

func (s *Service) badPlan(ctx context.Context) error {
	codes, err := platformdb.New(s.pool).ListPlanCodes(ctx)
	if err != nil {
		return err
	}
	return invalid("plan", "error.plan.unknown", fmt.Sprintf("is no plan; there are %v", codes))
}

var errNoSpare = errors.New("provision: no spare schema")

// createFromSpare does everything in one transaction. The schema is renamed
// last: a rename makes Postgres plan every statement of the connection anew.
func (s *Service) createFromSpare(ctx context.Context, spec Spec, by By) (Created, error) {
	begun := time.Now()
	out := Created{Spare: true}
	err := s.owner(ctx, func(tx pgx.Tx, q *platformdb.Queries) error {
		spare, err := q.TakeSpare(ctx, s.migrator.Target())
		if errors.Is(err, pgx.ErrNoRows) {
			return errNoSpare
		}
		if err != nil {
			return err
		}
		if err := s.enter(ctx, tx, spare.ClinicID, spare.SchemaName, by); err != nil {
			return err
		}
		home := SchemaFor(spec.Slug)
		first, err := s.first(ctx, spare.ClinicID, home, spec, by, &out)
		if err != nil {
			return err
		}
		all := []func(writes) error{func(w writes) error { return register(ctx, w.platform, spare.ClinicID, spec) }}
		all = append(append(all, first...), func(w writes) error {
			return w.exec(ctx, "alter schema "+pgx.Identifier{spare.SchemaName}.Sanitize()+" rename to "+pgx.Identifier{home}.Sanitize())
		})
		err = together(ctx, tx, all...)
		if err := s.taken(ctx, q, spare.ClinicID, spec, err); err != nil {
			return err
		}
		if err := s.open(ctx, q, &out); err != nil {
			return err
		}
		by.Reason = spec.request()
		if err := note(ctx, q, spare.ClinicID, spec.Slug, "create", by, begun); err != nil {
			return err
		}
		return s.step(ctx, "filled")
	})
	return out, err
}

// register puts the clinic into the registry, pending.
func register(ctx context.Context, q *platformdb.Queries, id uuid.UUID, spec Spec) error {
	return q.AddClinic(ctx, platformdb.AddClinicParams{ID: id, Slug: spec.Slug, Name: spec.Name, LocalName: spec.LocalName,
		RegistrationNumber: optional(spec.Registration), Gstin: optional(spec.GSTIN), Address: spec.Address, City: spec.City, State: spec.State,
		Pin: spec.PIN, Phone: spec.Phone, Email: spec.Email, Website: spec.Website, Zone: spec.Zone, Language: spec.Language, Plan: spec.Plan})
}

// taken turns what the registry refused into words, and looks whether the slug
// is another clinic's old one. That comes after the insert: a clinic that
// retired the slug while we waited for it has committed by then.
func (s *Service) taken(ctx context.Context, q *platformdb.Queries, id uuid.UUID, spec Spec, err error) error {
	switch code := stateOf(err); {
	case violates(err, "clinics_slug_key"), code == "42P06", code == "40P01", violates(err, "schemas_schema_name_key"), violates(err, "pg_namespace_nspname_index"): // somebody makes the same clinic now
		return errAgain
	case violates(err, "clinics_registration_number_key"):
		return invalid("registration", "error.registration.taken", "belongs to another clinic")
	case code == "23503" && strings.Contains(err.Error(), "clinics_plan_fkey"):
		return s.badPlan(ctx)
	case err != nil:
		return err
	}
	n, err := q.CountOldSlugsOfOthers(ctx, platformdb.CountOldSlugsOfOthersParams{Slug: spec.Slug, ClinicID: id})
	if err == nil && n > 0 {
		err = takenSlug()
	}
	return err
}

func optional(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}

// reserve takes the slug and makes an empty schema, which finish fills.
func (s *Service) reserve(ctx context.Context, id uuid.UUID, schema string, spec Spec, by By) error {
	err := s.owner(ctx, func(tx pgx.Tx, q *platformdb.Queries) error {
		if err := s.enter(ctx, tx, id, schema, by); err != nil {
			return err
		}
		err := q.MakeSchema(ctx, platformdb.MakeSchemaParams{Clinic: id, Home: schema})
		if err == nil {
			err = register(ctx, q, id, spec)
		}
		if err := s.taken(ctx, q, id, spec, err); err != nil {
			return err
		}
		return q.BeginProvisioning(ctx, platformdb.BeginProvisioningParams{ID: newID(), ClinicID: id, Slug: spec.Slug, Action: "create",
			Actor: by.actor(), Reason: spec.request()})
	})
	if err != nil {
		return err
	}
	return s.step(ctx, "reserved")
}

// finish brings a reserved clinic to its end, from wherever it is.
func (s *Service) finish(ctx context.Context, id uuid.UUID, schema string, spec Spec, by By) (Created, error) {
	out, err := s.finishSteps(ctx, id, schema, spec, by)
	if err != nil && !errors.Is(err, errAgain) && ctx.Err() == nil {
		err = errors.Join(err, platformdb.New(s.pool).FailProvisioning(ctx,
			platformdb.FailProvisioningParams{ClinicID: id, Action: "create", Error: optional(err.Error())}))
	}
	return out, err
}

func (s *Service) finishSteps(ctx context.Context, id uuid.UUID, schema string, spec Spec, by By) (Created, error) {
	var out Created
	if err := s.migrator.Schema(ctx, migrate.Schema{Clinic: id, Name: schema}); err != nil {
		return out, fmt.Errorf("the clinic's schema: %w", err)
	}
	if err := s.step(ctx, "built"); err != nil {
		return out, err
	}
	err := s.owner(ctx, func(tx pgx.Tx, q *platformdb.Queries) error {
		c, err := q.LockClinic(ctx, id)
		if err != nil {
			return err
		}
		if c.Status != "pending" || c.SchemaState != "building" { // another was quicker
			return errAgain
		}
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
		if err := s.open(ctx, q, &out); err != nil {
			return err
		}
		if err := q.FinishProvisioning(ctx, platformdb.FinishProvisioningParams{ClinicID: id, Action: "create"}); err != nil {
			return err
		}
		return s.step(ctx, "filled")
	})
	return out, err
}

// existing describes a clinic that was created before by the same request.
func (s *Service) existing(ctx context.Context, found platformdb.FindClinicRow, spec Spec, by By) (Created, error) {
	out := Created{ID: found.ID, Slug: found.Slug, Name: found.Name, Schema: found.SchemaName, Status: found.Status, Plan: found.Plan,
		TrialEndsAt: found.TrialEndsAt, Existed: true}
	err := s.owner(ctx, func(tx pgx.Tx, _ *platformdb.Queries) error {
		if err := s.enter(ctx, tx, found.ID, found.SchemaName, by); err != nil {
			return err
		}
		i, err := tenantdb.New(tx).GetFirstInvitation(ctx, spec.AdminEmail)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		out.Admin, out.Invitation = i.UserID, i.ID
		return err
	})
	return out, err
}
