package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// ShutReason stands in the registry while a clinic is being put back. After a
// crash the worker opens the clinic again, or the next restore does (Mend).
const ShutReason = "its data is being restored from a backup"

// living is the clinic that an archive is put into the place of.
type living struct {
	home
	status, reason string
	archived       *time.Time
	suspended      *time.Time
	version        int64
	keyset         *keys.Keyset
}

// replace puts an archive into the place of its clinic. The clinic is closed
// first, since whatever is written from here on would be lost, and no request
// may stand waiting for its tables with a connection in the hand. Its old schema
// is there until the new one is whole, and both change places at one moment.
func (s *Service) replace(ctx context.Context, conn *pgx.Conn, a *Reader, o RestoreOptions, pace *pacer) (Restored, error) {
	if err := s.lock(ctx, conn, a.Header().Clinic.ID); err != nil {
		return Restored{}, err
	}
	l, err := s.living(ctx, conn, a.Header(), o)
	if err != nil {
		return Restored{}, err
	}
	out := Restored{ID: l.clinic, Slug: l.slug, Name: a.Header().Clinic.Name, Schema: l.schema, Status: l.status, From: a.Header(), Version: s.target(), Replaced: true, keyset: l.keyset}
	shut := "update platform.clinics set status = 'archived', status_reason = $2, archived_at = coalesce(archived_at, now()), suspended_at = null, updated_at = now(), version = version + 1 where id = $1"
	if err := s.begin(ctx, conn, &l.home, "replace", "as of "+a.Header().MadeAt.Format(time.RFC3339)); err != nil {
		return out, err
	}
	if err := errors.Join(s.asClinic(ctx, conn, l.clinic, shut, l.clinic, ShutReason), s.at(clinicClosed)); err != nil {
		return out, err
	}
	const reopen = "update platform.clinics set status = $2, status_reason = $3, archived_at = $4, suspended_at = $5, updated_at = now(), version = version + 1 where id = $1"
	back := []any{l.clinic, l.status, l.reason, l.archived, l.suspended}
	return out, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		h := l.home
		h.tx, h.keyhole, h.pace = tx, &keyhole{keyset: l.keyset}, pace
		old, err := h.aside(ctx)
		if err != nil {
			return err
		}
		if err := s.fill(ctx, h, a, o, &out); err != nil {
			return err
		}
		if err := h.keepEnded(ctx, old); err != nil {
			return err
		}
		if err := h.drop(ctx, old); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, reopen, back...); err != nil {
			return err
		}
		return s.settle(ctx, h)
	})
}

// living finds the clinic by its id, which no other has.
func (s *Service) living(ctx context.Context, conn *pgx.Conn, from Header, o RestoreOptions) (living, error) {
	var l living
	var wrapped []byte
	l.clinic = from.Clinic.ID
	err := conn.QueryRow(ctx, `select c.slug, s.schema_name, s.version, c.status, c.status_reason, c.archived_at, c.suspended_at, k.wrapped
		from platform.clinics c join platform.schemas s on s.clinic_id = c.id join platform.keysets k on k.clinic_id = c.id
		where c.id = $1 and s.state = 'assigned'`, l.clinic).
		Scan(&l.slug, &l.schema, &l.version, &l.status, &l.reason, &l.archived, &l.suspended, &wrapped)
	if errors.Is(err, pgx.ErrNoRows) {
		return l, apperr.New(apperr.NotFound, "", fmt.Sprintf("the clinic of this archive (%s) is not here, so there is nothing to replace; --as makes a new one", from.Clinic.Slug))
	}
	if err != nil {
		return l, err
	}
	var p apperr.Problems
	if o.Confirm != l.slug {
		p.Add("confirm", "error.confirm.differs", fmt.Sprintf("must be the slug of the clinic that is replaced, %s", l.slug))
	}
	if from.Scrubbed {
		p.Add("replace", "", "is not for an archive of made-up people")
	}
	if err := p.Err(); err != nil {
		return l, err
	}
	if l.version != s.target() {
		return l, apperr.New(apperr.Conflict, "", fmt.Sprintf("the clinic is at version %d and this program at %d: run `cloister migrate up` first", l.version, s.target()))
	}
	l.keyset, err = s.conf.Keys.OpenKeyset(l.clinic, wrapped)
	return l, err
}

// asClinic runs one statement of the registry, which needs an actor.
func (s *Service) asClinic(ctx context.Context, conn *pgx.Conn, clinic uuid.UUID, sql string, args ...any) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		scope := migrate.OwnerScope(s.conf.Keys, clinic, "pg_catalog", migrate.SystemActor("restore"), "", true)
		if _, err := tx.Exec(ctx, migrate.SetScope, scope...); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
}

// aside waits until nobody reads the clinic's tables, takes its schema out of
// the way and makes an empty one of its name.
func (h home) aside(ctx context.Context) (string, error) {
	is, err := shapeOf(ctx, h.tx, h.schema)
	if err != nil {
		return "", err
	}
	names := make([]string, len(is.all))
	for i, t := range is.all {
		names[i] = h.name(t)
	}
	_, err = h.tx.Exec(ctx, "lock table "+strings.Join(names, ", ")+" in access exclusive mode")
	if sqlState(err) == "55P03" {
		return "", apperr.New(apperr.Conflict, "", "the clinic's tables are in use, by an export perhaps; nothing was changed, try again")
	}
	if err != nil {
		return "", err
	}
	old := "clinic_old_" + strings.ReplaceAll(h.clinic.String(), "-", "")
	for _, do := range []struct {
		sql  string
		args []any
	}{
		{"alter schema " + pgx.Identifier{h.schema}.Sanitize() + " rename to " + pgx.Identifier{old}.Sanitize(), nil},
		{"select platform.remake_schema($1)", []any{h.schema}},
		{"delete from platform.migrations where clinic_id = $1", []any{h.clinic}},
	} {
		if _, err := h.tx.Exec(ctx, do.sql, do.args...); err != nil {
			return "", err
		}
	}
	return old, nil
}

// drop ends the old schema, table by table.
func (h home) drop(ctx context.Context, old string) error {
	is, err := shapeOf(ctx, h.tx, old)
	if err != nil {
		return err
	}
	for _, t := range is.all {
		if _, err := h.tx.Exec(ctx, "drop table "+pgx.Identifier{old, t}.Sanitize()+" cascade"); err != nil {
			return err
		}
		if err := h.pace.rest(ctx); err != nil {
			return err
		}
	}
	_, err = h.tx.Exec(ctx, "drop schema "+pgx.Identifier{old}.Sanitize())
	return err
}

// ended is what somebody has ended since the archive was made and must not come
// to life again with it: a link that was used or taken back, a display's link
// that was replaced. Links to prescriptions keep their secret, which is in no
// archive, if they still are there.
var ended = map[string]string{
	"invitations": `update invitations n set used_at = coalesce(n.used_at, o.used_at), revoked_at = coalesce(n.revoked_at, o.revoked_at)
		from %s o where o.id = n.id`,
	"displays": `update displays n set generation = greatest(n.generation, o.generation) from %s o where o.id = n.id`,
	"shares": `update shares n set token_hash = o.token_hash, revoked_at = coalesce(n.revoked_at, o.revoked_at),
		revoked_by = coalesce(n.revoked_by, (select u.id from users u where u.id = o.revoked_by)),
		wrong_tries = greatest(n.wrong_tries, o.wrong_tries), locked_at = coalesce(n.locked_at, o.locked_at)
		from %s o where o.id = n.id`,
}

func (h home) keepEnded(ctx context.Context, old string) error {
	var tables []string
	for t := range ended {
		tables = append(tables, t)
	}
	slices.Sort(tables)
	return h.quietly(ctx, tables, func() error {
		for _, t := range tables {
			if _, err := h.tx.Exec(ctx, fmt.Sprintf(ended[t], pgx.Identifier{old, t}.Sanitize())); err != nil {
				return err
			}
		}
		return nil
	})
}
