package provision

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
)

// openingHours are those of most clinics: mornings and evenings, not on Sunday.
const openingHours = `{"mon": [["09:00", "13:00"], ["17:00", "20:00"]], "tue": [["09:00", "13:00"], ["17:00", "20:00"]],
 "wed": [["09:00", "13:00"], ["17:00", "20:00"]], "thu": [["09:00", "13:00"], ["17:00", "20:00"]],
 "fri": [["09:00", "13:00"], ["17:00", "20:00"]], "sat": [["09:00", "13:00"]], "sun": []}`

// writes are the queries of a batch: each call is queued and gives no result.
type writes struct {
	platform *platformdb.Queries
	tenant   *tenantdb.Queries
	batch    *pgx.Batch
}

func (w writes) exec(_ context.Context, sql string) error {
	w.batch.Queue(sql)
	return nil
}

// queue takes statements instead of running them.
type queue struct{ batch *pgx.Batch }

var errNoResult = errors.New("provision: a queued statement has no result")

func (q queue) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	q.batch.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

func (q queue) Query(context.Context, string, ...any) (pgx.Rows, error) { return nil, errNoResult }

func (q queue) QueryRow(context.Context, string, ...any) pgx.Row { return noRow{} }

type noRow struct{}

func (noRow) Scan(...any) error { return errNoResult }

// together sends statements that need no answer in one round trip. The error is
// of the first that failed.
func together(ctx context.Context, tx pgx.Tx, fns ...func(writes) error) error {
	q := queue{&pgx.Batch{}}
	w := writes{platformdb.New(q), tenantdb.New(q), q.batch}
	for _, fn := range fns {
		if err := fn(w); err != nil {
			return err
		}
	}
	sent := tx.SendBatch(ctx, q.batch)
	for range q.batch.Len() {
		if _, err := sent.Exec(); err != nil {
			_ = sent.Close() // says the same again
			return err
		}
	}
	return sent.Close()
}

// furniture is what stands in every schema before it is anybody's; a spare has
// it from its making.
func furniture(ctx context.Context) []func(writes) error {
	return []func(writes) error{
		func(w writes) error {
			return w.tenant.AddSettings(ctx, tenantdb.AddSettingsParams{ID: newID(), OpeningHours: []byte(openingHours)})
		},
		func(w writes) error {
			return w.tenant.AddFirstDepartment(ctx, tenantdb.AddFirstDepartmentParams{ID: newID(), Name: "General OPD", LocalName: "सामान्य बाह्यरुग्ण विभाग"})
		},
	}
}

// first is what makes a schema this clinic's: the admin with a link, the keyset,
// the registry's word. It notes in out what it makes.
func (s *Service) first(ctx context.Context, id uuid.UUID, schema string, spec Spec, by By, out *Created) ([]func(writes) error, error) {
	wrapped, _, err := s.keys.NewKeyset(id)
	if err != nil {
		return nil, err
	}
	admin, invitation := newID(), newID()
	*out = Created{ID: id, Slug: spec.Slug, Name: spec.Name, Schema: schema, Plan: spec.Plan, Spare: out.Spare, Admin: admin, Invitation: invitation}
	return []func(writes) error{
		func(w writes) error {
			return w.tenant.AddFirstAdmin(ctx, tenantdb.AddFirstAdminParams{ID: admin, Username: spec.username(), Email: &spec.AdminEmail, FullName: spec.AdminName})
		},
		func(w writes) error {
			return w.tenant.AddFirstInvitation(ctx, tenantdb.AddFirstInvitationParams{ID: invitation, UserID: uuid.NullUUID{UUID: admin, Valid: true},
				Email: spec.AdminEmail, CreatedBy: by.actor(), ExpiresAt: time.Now().Add(access.InviteFor)})
		},
		func(w writes) error {
			return w.platform.AddKeyset(ctx, platformdb.AddKeysetParams{ClinicID: id, Wrapped: wrapped})
		},
		func(w writes) error {
			return w.platform.AssignSchema(ctx, platformdb.AssignSchemaParams{ClinicID: id, SchemaName: schema})
		},
	}, nil
}

// open lets the clinic be found.
func (s *Service) open(ctx context.Context, q *platformdb.Queries, out *Created) error {
	o, err := q.OpenClinic(ctx, out.ID)
	out.Status, out.TrialEndsAt = o.Status, o.TrialEndsAt
	return err
}
