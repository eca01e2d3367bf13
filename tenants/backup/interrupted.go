package backup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// A restore is one transaction, but what it does besides is not in it: files are
// put into the store, and a clinic that is replaced is closed first. So it notes
// in the ledger that it begins, and holds a lock for as long as its connection
// lives. Whoever finds such a note and no lock has found a restore that was
// killed, and ends it.

// restoreKey is the advisory lock of a clinic that is being brought back.
func restoreKey(clinic uuid.UUID) int64 {
	sum := sha256.Sum256(append([]byte("cloister restore "), clinic[:]...))
	return int64(binary.BigEndian.Uint64(sum[:])) //nolint:gosec // the bits are what matters
}

// lock takes the clinic's lock, for as long as the connection lives.
func (s *Service) lock(ctx context.Context, conn *pgx.Conn, clinic uuid.UUID) error {
	var mine bool
	err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", restoreKey(clinic)).Scan(&mine)
	if err == nil && !mine {
		err = apperr.New(apperr.Conflict, "", "the clinic is being restored by somebody else")
	}
	return err
}

// begin notes what begins; the lock is held.
func (s *Service) begin(ctx context.Context, conn *pgx.Conn, h *home, action, reason string) error {
	h.entry = uuid.Must(uuid.NewV7())
	_, err := conn.Exec(ctx, "insert into platform.provisionings (id, clinic_id, slug, action, actor, reason) values ($1, $2, $3, $4, $5, $6)",
		h.entry, h.clinic, h.slug, action, migrate.SystemActor("command line"), reason)
	return err
}

// Mended is a restore that was killed and is cleared away now.
type Mended struct {
	Clinic uuid.UUID
	Slug   string
	Action string // copy or replace
}

const unfinished = `select id, clinic_id, slug, action from platform.provisionings where finished_at is null and action in ('copy', 'replace') order by started_at`

// Mend clears away what restores left that were killed: files of a clinic that
// never came to be, and a clinic that stayed closed. It touches none that is
// still at work. Errors: what kept it from one doesn't keep it from the others.
func (s *Service) Mend(ctx context.Context) ([]Mended, error) {
	conn, err := s.connect(ctx, s.conf.Migrator, owner, "restore")
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, unfinished)
	if err != nil {
		return nil, err
	}
	type entry struct {
		ID     uuid.UUID
		Mended Mended
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e entry, err error) {
		return e, row.Scan(&e.ID, &e.Mended.Clinic, &e.Mended.Slug, &e.Mended.Action)
	})
	var out []Mended
	for _, e := range all {
		done, failed := s.mend(ctx, conn, e.ID, e.Mended)
		if done {
			out = append(out, e.Mended)
		}
		err = errors.Join(err, failed)
	}
	return out, err
}

func (s *Service) mend(ctx context.Context, conn *pgx.Conn, entry uuid.UUID, m Mended) (done bool, err error) {
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", restoreKey(m.Clinic)).Scan(&done); err != nil || !done {
		return false, err
	}
	defer func() {
		_, unlock := conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", restoreKey(m.Clinic))
		err = errors.Join(err, unlock)
	}()
	var open, there bool // it may have ended between the list and the lock
	err = conn.QueryRow(ctx, `select p.finished_at is null, exists (select from platform.clinics c where c.id = p.clinic_id) from platform.provisionings p where p.id = $1`, entry).Scan(&open, &there)
	if err != nil || !open {
		return false, err
	}
	switch {
	case m.Action == "replace":
		err = s.reopen(ctx, conn, m.Clinic)
	case !there && s.conf.Files == nil:
		return false, nil
	case !there:
		_, err = s.conf.Files.RemoveClinic(ctx, m.Clinic)
	}
	if err != nil {
		return false, fmt.Errorf("clear away the broken restore of %s: %w", m.Slug, err)
	}
	_, err = conn.Exec(ctx, "update platform.provisionings set finished_at = clock_timestamp(), error = 'it was broken off, and nothing of it stayed' where id = $1", entry)
	return err == nil, err
}

// reopening undoes what a replacement did to the registry first, by the trail's
// word for how it was.
const reopening = `update platform.clinics c set status = coalesce(was.before ->> 'status', case when c.trial_ends_at is null then 'active' else 'trial' end),
  status_reason = coalesce(was.before ->> 'status_reason', ''), archived_at = (was.before ->> 'archived_at')::timestamptz, suspended_at = (was.before ->> 'suspended_at')::timestamptz,
  updated_at = now(), version = c.version + 1
from (select (select t.before from platform.trail t where t.clinic_id = $1 and t.entity = 'clinics' and t.action = 'update'
    and t.after ->> 'status_reason' = $2 and t.before ->> 'status_reason' <> $2 order by t.at desc, t.id desc limit 1) as before) was
where c.id = $1 and c.status = 'archived' and c.status_reason = $2`

// reopen gives a clinic back that a replacement closed and didn't replace.
func (s *Service) reopen(ctx context.Context, conn *pgx.Conn, clinic uuid.UUID) error {
	return s.asClinic(ctx, conn, clinic, reopening, clinic, ShutReason)
}
