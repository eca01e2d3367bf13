package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
)

// free looks whether a slug is nobody's and was nobody's.
func (s *Service) free(ctx context.Context, conn *pgx.Conn, slug string) error {
	var n int
	err := conn.QueryRow(ctx, "select (select count(*) from platform.clinics where slug = $1) + (select count(*) from platform.old_slugs where slug = $1)", slug).Scan(&n)
	if err == nil && n > 0 {
		err = takenSlug()
	}
	return err
}

func takenSlug() error {
	var p apperr.Problems
	p.Add("as", "error.slug.taken", "is taken, or was once: take another")
	return p.Err()
}

// taken is what Postgres says when another was quicker.
func taken(err error) error {
	var pe *pgconn.PgError
	if errors.As(err, &pe) && (pe.Code == "42P06" || pe.Code == "23505" && slices.Contains([]string{"clinics_slug_key", "schemas_schema_name_key", "pg_namespace_nspname_index"}, pe.ConstraintName)) {
		return takenSlug()
	}
	return err
}

// statusOf is what a copy begins as: as the clinic was, unless it was on its way
// out.
func statusOf(c Clinic) string {
	switch c.Status {
	case "trial", "active", "past_due", "suspended", "expired":
		return c.Status
	}
	return "archived"
}

// addClinic gives the copy what the clinic was, but for what only one may have.
const addClinic = `insert into platform.clinics (id, slug, name, local_name, registration_number, gstin, logo, brand_color, address, city, state, pin, phone, email,
  website, store_name, store_address, store_phone, zone, language, status, status_reason, plan, trial_ends_at, suspended_at, archived_at)
select $1, $2, $3, $4, (select $5::text where not exists (select from platform.clinics c where c.registration_number = $5)), $6, $7, $8, $9, $10, $11, $12, $13, $14,
  $15, $16, $17, $18, $19, $20, $21::text, $22, $23, $24, case when $21 = 'suspended' then now() end, case when $21 = 'archived' then now() end`

func register(ctx context.Context, tx pgx.Tx, id uuid.UUID, slug, status string, c Clinic, o RestoreOptions) error {
	plan := c.Plan
	if o.Plan != "" {
		plan = o.Plan
	}
	_, err := tx.Exec(ctx, addClinic, id, slug, c.Name, c.LocalName, c.RegistrationNumber, c.GSTIN, c.Logo, c.BrandColor, c.Address, c.City, c.State, c.PIN,
		c.Phone, c.Email, c.Website, c.StoreName, c.StoreAddress, c.StorePhone, c.Zone, c.Language, status, c.StatusReason, plan, c.TrialEndsAt)
	var pe *pgconn.PgError
	switch {
	case errors.As(err, &pe) && pe.Code == "23503" && strings.Contains(pe.ConstraintName, "plan"):
		var p apperr.Problems
		p.Add("plan", "error.plan.unknown", fmt.Sprintf("is needed: there is no plan %.30q here", plan))
		return p.Err()
	case errors.As(err, &pe) && (pe.Code[:2] == "23" || pe.Code[:2] == "22") && pe.Code != "23505":
		return broken(fmt.Sprintf("describes its clinic as none can be (SQLSTATE %s, %s)", pe.Code, pe.ConstraintName))
	}
	return taken(err)
}

// invite lets somebody into a scrubbed copy, where nobody has a password: a
// one-time link for one of its admins.
func (h home) invite(ctx context.Context, out *Restored) error {
	if !out.From.Scrubbed {
		return nil
	}
	err := h.tx.QueryRow(ctx, "select id from users where role = 'clinic_admin' and active order by created_at, id limit 1").Scan(&out.Admin)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	out.Invitation = uuid.Must(uuid.NewV7())
	_, err = h.tx.Exec(ctx, `insert into invitations (id, kind, user_id, created_by, expires_at)
		select $1, 'invite', $2, platform.current_actor(), now() + make_interval(secs => $3)`, out.Invitation, out.Admin, access.InviteFor.Seconds())
	return err
}
