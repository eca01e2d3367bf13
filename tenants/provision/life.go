package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/internal/apperr"
)

// Changed is a clinic after a change of its life.
type Changed struct {
	ID          uuid.UUID  `json:"id"`
	Slug        string     `json:"slug"`
	Name        string     `json:"name"`
	Status      string     `json:"status"`
	Changed     bool       `json:"changed"` // false: it was so already
	DeleteAfter *time.Time `json:"delete_after,omitempty"`
}

// DefaultGrace is how long a deleted clinic can be brought back.
const DefaultGrace = 30 * 24 * time.Hour

// the states in which a clinic is at work
var working = []string{"trial", "active", "past_due"}

// Suspend lets nobody but the clinic's admin in, who sees the reason. Errors:
// NotFound, Invalid (reason), Conflict.
func (s *Service) Suspend(ctx context.Context, slug, reason string, by By) (Changed, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	var p apperr.Problems
	checkText(&p, "reason", reason, 500, true)
	if err := p.Err(); err != nil {
		return Changed{}, err
	}
	by.Reason = reason
	return s.change(ctx, slug, "suspend", by, func(c platformdb.LockClinicRow) (*move, error) {
		switch {
		case c.Status == "suspended" && c.StatusReason == reason:
			return nil, nil
		case c.Status == "suspended", c.Status == "expired", slices.Contains(working, c.Status):
			return &move{to: "suspended", reason: reason}, nil
		}
		return nil, cannot("suspended", c.Status)
	})
}

// Resume lets a suspended clinic work again. Errors: NotFound, Conflict.
func (s *Service) Resume(ctx context.Context, slug string, by By) (Changed, error) {
	return s.change(ctx, slug, "resume", by, func(c platformdb.LockClinicRow) (*move, error) {
		switch {
		case slices.Contains(working, c.Status):
			return nil, nil
		case c.Status == "suspended":
			return &move{to: atWork(c)}, nil
		}
		return nil, cannot("resumed", c.Status)
	})
}

// Archive closes a clinic to everybody and keeps its data. Errors: NotFound,
// Conflict.
func (s *Service) Archive(ctx context.Context, slug string, by By) (Changed, error) {
	return s.change(ctx, slug, "archive", by, func(c platformdb.LockClinicRow) (*move, error) {
		switch c.Status {
		case "archived":
			return nil, nil
		case "pending", "deleted":
			return nil, cannot("archived", c.Status)
		}
		return &move{to: "archived", reason: by.Reason}, nil
	})
}

// Restore opens an archived clinic again, or a deleted one in its grace period.
// Errors: NotFound, Conflict.
func (s *Service) Restore(ctx context.Context, slug string, by By) (Changed, error) {
	return s.change(ctx, slug, "restore", by, func(c platformdb.LockClinicRow) (*move, error) {
		switch {
		case slices.Contains(working, c.Status):
			return nil, nil
		case c.Status == "deleted" && c.DeletedAt != nil:
			return nil, apperr.New(apperr.Conflict, "error.clinic.erased", "the clinic was erased and its keys destroyed; it cannot be brought back")
		case c.Status == "archived", c.Status == "deleted":
			return &move{to: atWork(c)}, nil
		}
		return nil, cannot("restored", c.Status)
	})
}

// Delete closes a clinic at once and lets its data be erased after the grace
// period. confirm must be the slug, typed again. Errors: NotFound, Invalid
// (confirm), Conflict.
func (s *Service) Delete(ctx context.Context, slug, confirm string, grace time.Duration, by By) (Changed, error) {
	if confirm != slug {
		return Changed{}, invalid("confirm", "error.confirm.differs", fmt.Sprintf("must be the clinic's slug, %s", slug))
	}
	if grace < 0 {
		return Changed{}, invalid("grace", "error.grace.negative", "must not be negative")
	}
	return s.change(ctx, slug, "delete", by, func(c platformdb.LockClinicRow) (*move, error) {
		switch c.Status {
		case "deleted":
			return nil, nil
		case "pending":
			return nil, cannot("deleted", c.Status)
		}
		after := time.Now().Add(grace)
		return &move{to: "deleted", reason: by.Reason, deleteAfter: &after}, nil
	})
}

// atWork is the status a clinic goes back to; whether its trial has ended is
// for whoever reads it.
func atWork(c platformdb.LockClinicRow) string {
	if c.TrialEndsAt != nil {
		return "trial"
	}
	return "active"
}

func cannot(what, status string) error {
	return apperr.New(apperr.Conflict, "error.clinic.status", fmt.Sprintf("a clinic that is %s cannot be %s", status, what))
}

// move is what a change does to the registry's row.
type move struct {
	to, reason  string
	deleteAfter *time.Time
}

// change locks the clinic, asks decide, and does what it says; nil is nothing.
func (s *Service) change(ctx context.Context, slug, action string, by By, decide func(platformdb.LockClinicRow) (*move, error)) (Changed, error) {
	var out Changed
	begun := time.Now()
	err := s.owner(ctx, func(tx pgx.Tx, q *platformdb.Queries) error {
		c, err := s.lock(ctx, tx, q, slug, by)
		if err != nil {
			return err
		}
		out = Changed{ID: c.ID, Slug: c.Slug, Name: c.Name, Status: c.Status, DeleteAfter: c.DeleteAfter}
		m, err := decide(c)
		if err != nil || m == nil {
			return err
		}
		out.Status, out.Changed, out.DeleteAfter = m.to, true, m.deleteAfter
		if err := q.SetClinicStatus(ctx, platformdb.SetClinicStatusParams{ID: c.ID, Status: m.to, StatusReason: m.reason, DeleteAfter: m.deleteAfter}); err != nil {
			return err
		}
		return note(ctx, q, c.ID, c.Slug, action, by, begun)
	})
	return out, err
}

// lock finds a clinic by its slug, locks its row and takes its scope.
func (s *Service) lock(ctx context.Context, tx pgx.Tx, q *platformdb.Queries, slug string, by By) (platformdb.LockClinicRow, error) {
	found, err := q.FindClinic(ctx, slug)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && found.Slug != slug {
		if err == nil {
			return platformdb.LockClinicRow{}, apperr.New(apperr.NotFound, "error.clinic.moved",
				fmt.Sprintf("there is no clinic with the slug %q any more; it is %q now", slug, found.Slug))
		}
		return platformdb.LockClinicRow{}, noClinic(slug)
	}
	if err != nil {
		return platformdb.LockClinicRow{}, err
	}
	c, err := q.LockClinic(ctx, found.ID)
	if err != nil {
		return c, err
	}
	if c.Slug != slug { // renamed while we waited for the row
		return c, noClinic(slug)
	}
	return c, s.enter(ctx, tx, c.ID, c.SchemaName, by)
}

// RenameSlug gives a clinic another slug. The old one leads to it for ever and
// is given to no other. Errors: NotFound, Invalid (slug), Conflict.
func (s *Service) RenameSlug(ctx context.Context, slug, to string, by By) (Changed, error) {
	if key, text := SlugProblem(to); text != "" {
		return Changed{}, invalid("slug", key, text)
	}
	var out Changed
	begun := time.Now()
	err := s.owner(ctx, func(tx pgx.Tx, q *platformdb.Queries) error {
		found, err := q.FindClinic(ctx, slug)
		if err == nil && found.Slug == to { // renamed before
			out = Changed{ID: found.ID, Slug: to, Name: found.Name, Status: found.Status}
			return nil
		}
		c, err := s.lock(ctx, tx, q, slug, by)
		if err != nil {
			return err
		}
		if c.Status == "pending" || c.Status == "deleted" {
			return cannot("renamed", c.Status)
		}
		out = Changed{ID: c.ID, Slug: to, Name: c.Name, Status: c.Status, Changed: true}
		for _, do := range []func() error{
			func() error {
				return q.RetireSlug(ctx, platformdb.RetireSlugParams{Slug: c.Slug, ClinicID: c.ID})
			},
			func() error { return q.ReviveSlug(ctx, platformdb.ReviveSlugParams{Slug: to, ClinicID: c.ID}) },
			func() error { return q.SetSlug(ctx, platformdb.SetSlugParams{Slug: to, ID: c.ID}) },
		} {
			if err := do(); violates(err, "clinics_slug_key") {
				return takenSlug()
			} else if err != nil {
				return err
			}
		}
		if n, err := q.CountOldSlugsOfOthers(ctx, platformdb.CountOldSlugsOfOthersParams{Slug: to, ClinicID: c.ID}); err != nil {
			return err
		} else if n > 0 {
			return takenSlug()
		}
		by.Reason = c.Slug + " to " + to
		return note(ctx, q, c.ID, to, "rename", by, begun)
	})
	return out, err
}

// Purged is a clinic whose data was erased.
type Purged struct {
	ID   uuid.UUID `json:"id"`
	Slug string    `json:"slug"`
}

// Purge erases the deleted clinics whose grace period is over: the schema is
// dropped and the keyset destroyed, so that no backup can bring its secrets
// back. What is left is the registry's row, so that the slug leads nowhere else.
// It goes on when one fails, and gives what was done with the errors joined.
func (s *Service) Purge(ctx context.Context, by By) ([]Purged, error) {
	due, err := platformdb.New(s.pool).ListClinicsToPurge(ctx)
	if err != nil {
		return nil, err
	}
	var done []Purged
	var failed error
	for _, c := range due {
		if ctx.Err() != nil {
			break
		}
		gone, err := s.purge(ctx, c.ID, by)
		switch {
		case err != nil:
			failed = errors.Join(failed, fmt.Errorf("purge of %s: %w", c.Slug, err))
		case gone:
			done = append(done, Purged{ID: c.ID, Slug: c.Slug})
		}
	}
	return done, failed
}

func (s *Service) purge(ctx context.Context, id uuid.UUID, by By) (gone bool, err error) {
	begun := time.Now()
	err = s.owner(ctx, func(tx pgx.Tx, q *platformdb.Queries) error {
		c, err := q.LockClinic(ctx, id)
		if err != nil {
			return err
		}
		if c.Status != "deleted" || c.DeletedAt != nil || c.DeleteAfter == nil || c.DeleteAfter.After(time.Now()) {
			return nil // restored, or purged by another
		}
		if err := s.enter(ctx, tx, c.ID, c.SchemaName, by); err != nil {
			return err
		}
		// One clinic a transaction: a drop locks every table and index of it.
		if _, err := tx.Exec(ctx, "drop schema if exists "+pgx.Identifier{c.SchemaName}.Sanitize()+" cascade"); err != nil {
			return err
		}
		for _, do := range []func(context.Context, uuid.UUID) error{q.DestroyKeyset, q.DropSchemaRow, q.ForgetUsage, q.MarkPurged} {
			if err := do(ctx, c.ID); err != nil {
				return err
			}
		}
		gone = true
		return note(ctx, q, c.ID, c.Slug, "purge", by, begun)
	})
	return gone && err == nil, err
}
