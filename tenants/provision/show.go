package provision

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/internal/apperr"
)

// Summary is a clinic in the list. It holds counts and never a patient.
type Summary struct {
	ID            uuid.UUID  `json:"id"`
	Slug          string     `json:"slug"`
	Name          string     `json:"name"`
	City          string     `json:"city"`
	Status        string     `json:"status"`
	StatusReason  string     `json:"status_reason,omitempty"`
	Plan          string     `json:"plan"`
	TrialEndsAt   *time.Time `json:"trial_ends_at,omitempty"`
	DeleteAfter   *time.Time `json:"delete_after,omitempty"`
	CreatedAt     time.Time  `json:"created_at"`
	Schema        string     `json:"schema"`
	SchemaVersion int64      `json:"schema_version"`
	VersionBefore int64      `json:"-"` // the schema's before its last migration
	Staff         int64      `json:"staff"`
	Patients      int64      `json:"patients"`
	Erased        bool       `json:"erased"` // its data is gone and its keys are destroyed
}

// List gives every clinic, by slug.
func (s *Service) List(ctx context.Context) ([]Summary, error) {
	rows, err := platformdb.New(s.pool).SummariseClinics(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Summary, len(rows))
	for i, r := range rows {
		all[i] = Summary{ID: r.ID, Slug: r.Slug, Name: r.Name, City: r.City, Status: r.Status, StatusReason: r.StatusReason, Plan: r.Plan,
			TrialEndsAt: r.TrialEndsAt, DeleteAfter: r.DeleteAfter, CreatedAt: r.CreatedAt, Schema: r.SchemaName, SchemaVersion: r.SchemaVersion, VersionBefore: r.VersionBefore,
			Staff: r.Staff, Patients: r.Patients, Erased: r.DeletedAt != nil}
	}
	return all, nil
}

// Event is one line of a clinic's ledger.
type Event struct {
	Action   string     `json:"action"`
	Actor    string     `json:"actor"`
	Started  time.Time  `json:"started_at"`
	Finished *time.Time `json:"finished_at,omitempty"`
	Error    string     `json:"error,omitempty"`
}

// Details is all that the registry knows of a clinic.
type Details struct {
	ID            uuid.UUID        `json:"id"`
	Slug          string           `json:"slug"`
	OldSlugs      []string         `json:"old_slugs"`
	Name          string           `json:"name"`
	LocalName     string           `json:"local_name,omitempty"`
	Registration  string           `json:"registration,omitempty"`
	GSTIN         string           `json:"gstin,omitempty"`
	Address       string           `json:"address,omitempty"`
	City          string           `json:"city,omitempty"`
	State         string           `json:"state,omitempty"`
	PIN           string           `json:"pin,omitempty"`
	Phone         string           `json:"phone,omitempty"`
	Email         string           `json:"email,omitempty"`
	Website       string           `json:"website,omitempty"`
	Zone          string           `json:"zone"`
	Language      string           `json:"language"`
	Status        string           `json:"status"`
	StatusReason  string           `json:"status_reason,omitempty"`
	Plan          string           `json:"plan"`
	TrialEndsAt   *time.Time       `json:"trial_ends_at,omitempty"`
	CreatedAt     time.Time        `json:"created_at"`
	SuspendedAt   *time.Time       `json:"suspended_at,omitempty"`
	ArchivedAt    *time.Time       `json:"archived_at,omitempty"`
	DeleteAfter   *time.Time       `json:"delete_after,omitempty"`
	DeletedAt     *time.Time       `json:"deleted_at,omitempty"`
	Schema        string           `json:"schema"`
	SchemaState   string           `json:"schema_state"`
	SchemaVersion int64            `json:"schema_version"`
	Usage         map[string]int64 `json:"usage"`
	Ledger        []Event          `json:"ledger"`
}

// Show describes a clinic by its slug or an old one. Errors: NotFound.
func (s *Service) Show(ctx context.Context, slug string) (Details, error) {
	q := platformdb.New(s.pool)
	found, err := q.FindClinic(ctx, slug)
	if errors.Is(err, pgx.ErrNoRows) {
		return Details{}, noClinic(slug)
	}
	if err != nil {
		return Details{}, err
	}
	r, err := q.DescribeClinic(ctx, found.ID)
	if err != nil {
		return Details{}, err
	}
	d := Details{ID: r.ID, Slug: r.Slug, Name: r.Name, LocalName: r.LocalName, Registration: text(r.RegistrationNumber), GSTIN: text(r.Gstin),
		Address: r.Address, City: r.City, State: r.State, PIN: r.Pin, Phone: r.Phone, Email: r.Email, Website: r.Website, Zone: r.Zone,
		Language: r.Language, Status: r.Status, StatusReason: r.StatusReason, Plan: r.Plan, TrialEndsAt: r.TrialEndsAt, CreatedAt: r.CreatedAt,
		SuspendedAt: r.SuspendedAt, ArchivedAt: r.ArchivedAt, DeleteAfter: r.DeleteAfter, DeletedAt: r.DeletedAt, Schema: r.SchemaName,
		SchemaState: r.SchemaState, SchemaVersion: r.SchemaVersion, Usage: map[string]int64{}, Ledger: []Event{}}
	return d, s.more(ctx, q, &d)
}

// more adds what stands in tables of its own.
func (s *Service) more(ctx context.Context, q *platformdb.Queries, d *Details) error {
	var err error
	if d.OldSlugs, err = q.ListOldSlugs(ctx, d.ID); err != nil {
		return err
	}
	usage, err := q.ListUsage(ctx, d.ID)
	if err != nil {
		return err
	}
	for _, u := range usage {
		d.Usage[u.Kind] = u.Used
	}
	ledger, err := q.ListProvisionings(ctx, d.ID)
	for _, e := range ledger {
		d.Ledger = append(d.Ledger, Event{e.Action, e.Actor, e.StartedAt, e.FinishedAt, e.Error})
	}
	return err
}

func text(v *string) string {
	if v == nil {
		return ""
	}
	return *v
}

// SaveOperator makes an operator of the platform, or changes the name and, with
// a hash, the password of the one with this email. Errors: Invalid (email, name).
func (s *Service) SaveOperator(ctx context.Context, email, name, passwordHash string) (id uuid.UUID, created bool, err error) {
	var p apperr.Problems
	email = checkEmail(&p, "email", email, true)
	name = strings.Join(strings.Fields(name), " ")
	checkText(&p, "name", name, 200, true)
	if err := p.Err(); err != nil {
		return uuid.Nil, false, err
	}
	r, err := platformdb.New(s.pool).SaveOperator(ctx, platformdb.SaveOperatorParams{ID: newID(), Email: email, FullName: name, PasswordHash: optional(passwordHash)})
	return r.ID, r.Created, err
}

// HasOperator tells whether there is an operator with this email.
func (s *Service) HasOperator(ctx context.Context, email string) (bool, error) {
	n, err := platformdb.New(s.pool).CountOperatorsByEmail(ctx, strings.ToLower(email))
	return n > 0, err
}
