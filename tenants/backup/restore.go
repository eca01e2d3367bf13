package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

// owner is the role that restores.
var owner = access.Owner.PG()

// RestoreOptions say where an archive shall come to. As or Replace.
type RestoreOptions struct {
	As           string // slug of a new clinic
	Replace      bool   // put it back into the place of the clinic that it is of
	Confirm      string // with Replace: the slug of that clinic, typed again
	Plan         string // of a new clinic; empty for the archive's
	Foreign      bool   // take an archive that this installation did not write
	AfterErasure bool   // take one of a clinic that was erased here
	Identities   []age.Identity
	MaxBytes     int64
	Pace         int // percent of the time that it works while others do, too; 0 for DefaultPace, 100 never rests
	Progress     func(Progress)
}

// Restored is a clinic that came out of an archive.
type Restored struct {
	ID         uuid.UUID     `json:"id"`
	Slug       string        `json:"slug"`
	Name       string        `json:"name"`
	Schema     string        `json:"schema"`
	Status     string        `json:"status"`
	Version    int64         `json:"version"`
	Rows       int64         `json:"rows"`
	Files      int64         `json:"files"`
	From       Header        `json:"archive"`
	Replaced   bool          `json:"replaced"`
	Took       time.Duration `json:"took"`
	Rested     time.Duration `json:"rested"` // of it, so that others were not held up
	Admin      uuid.UUID     `json:"-"`      // of a scrubbed copy, with the invitation
	Invitation uuid.UUID     `json:"-"`

	afterwards []uuid.UUID // files to put when the rows are there
	keyset     *keys.Keyset
}

// Restore brings an archive back. It is read twice: first offline from end to
// end, so that nothing of one that is not whole comes near the database, then
// into one transaction, so that there is the whole clinic or nothing.
// Errors: Invalid, NotFound, Conflict.
func (s *Service) Restore(ctx context.Context, open Opener, o RestoreOptions) (Restored, error) {
	begun := time.Now()
	if err := o.check(); err != nil {
		return Restored{}, err
	}
	pace, err := s.pacer(ctx, o.Pace)
	if err != nil {
		return Restored{}, err
	}
	defer pace.close(ctx)
	v, err := s.Verify(ctx, open, VerifyOptions{Identities: o.Identities, MaxBytes: o.MaxBytes, Progress: o.Progress, pace: pace})
	if err != nil {
		return Restored{}, err
	}
	if !v.Own && !o.Foreign {
		return Restored{}, broken("was not written by this installation, or was changed since; say --foreign if you know where it comes from, for whoever wrote it decided what is in it")
	}
	in, err := open()
	if err != nil {
		return Restored{}, err
	}
	defer in.Close()
	a, err := NewReader(stoppable{ctx: ctx, r: in}, s.own, s.identities(o.Identities), o.MaxBytes)
	if err != nil {
		return Restored{}, err
	}
	defer a.Close()
	out, err := s.restore(ctx, a, o, v.Manifest.Header, pace)
	if err == nil {
		err = s.putAfterwards(ctx, open, o, out)
	}
	out.Took, out.Rested = time.Since(begun), pace.doneResting()
	return out, err
}

func (o RestoreOptions) check() error {
	var p apperr.Problems
	switch {
	case (o.As == "") == !o.Replace:
		p.Add("as", "error.required", "give the slug of the new clinic, or --replace")
	case o.As != "":
		if key, text := provision.SlugProblem(o.As); text != "" {
			p.Add("as", key, text)
		}
	}
	return p.Err()
}

// restore puts what the reader gives into the database. header is the digest of
// the first entry when the archive was read before.
func (s *Service) restore(ctx context.Context, a *Reader, o RestoreOptions, header string, pace *pacer) (Restored, error) {
	h := a.Header()
	if header != "" && a.count.Header != header {
		return Restored{}, broken("changed while it was being read")
	}
	switch {
	case h.Migration > s.target():
		return Restored{}, broken(fmt.Sprintf("is of version %d of the clinics' schema and this program knows %d: take a newer program", h.Migration, s.target()))
	case !s.knows(h.Migration):
		return Restored{}, broken(fmt.Sprintf("is of version %d of the clinics' schema, which there is none of", h.Migration))
	}
	if _, err := s.Mend(ctx); err != nil {
		return Restored{}, err
	}
	conn, err := s.connect(ctx, s.conf.Migrator, owner, "restore")
	if err != nil {
		return Restored{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := s.erased(ctx, conn, h, o); err != nil {
		return Restored{}, err
	}
	bring := s.copyTo
	if o.Replace {
		bring = s.replace
	}
	out, err := bring(ctx, conn, a, o, pace)
	if err != nil {
		// By the registry's word, since a commit may have come through whose answer
		// didn't; and by another connection, since this one may be what failed.
		// Where it didn't fail it gives the clinic's lock back first: the server may
		// take longer to see that a connection is closed than to answer the next.
		lasting := context.WithoutCancel(ctx)
		soon, cancel := context.WithTimeout(lasting, 5*time.Second)
		_, _ = conn.Exec(soon, "select pg_advisory_unlock_all()")
		cancel()
		_ = conn.Close(lasting)
		if _, failed := s.Mend(lasting); failed != nil {
			err = errors.Join(err, fmt.Errorf("and what it left is not cleared away yet, the worker will: %w", failed))
		}
	}
	return out, err
}

// erased refuses to bring back what somebody had a right to see gone.
func (s *Service) erased(ctx context.Context, conn *pgx.Conn, h Header, o RestoreOptions) error {
	var when *time.Time
	err := conn.QueryRow(ctx, "select deleted_at from platform.clinics where id = $1", h.Clinic.ID).Scan(&when)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && (when == nil || o.AfterErasure && !o.Replace) {
		return nil
	}
	if err != nil {
		return err
	}
	return apperr.New(apperr.Conflict, "", fmt.Sprintf("the clinic %s was erased here on %s and its keys were destroyed; say --after-erasure with --as if its data shall come back all the same",
		h.Clinic.Slug, when.Format("2 January 2006")))
}

// copyTo makes another clinic of an archive. Nothing of it can be seen before
// the transaction's end.
func (s *Service) copyTo(ctx context.Context, conn *pgx.Conn, a *Reader, o RestoreOptions, pace *pacer) (out Restored, err error) {
	id := uuid.Must(uuid.NewV7())
	wrapped, keyset, err := s.conf.Keys.NewKeyset(id)
	if err != nil {
		return out, err
	}
	c := a.Header().Clinic
	out = Restored{ID: id, Slug: o.As, Name: c.Name, Schema: provision.SchemaFor(o.As), From: a.Header(), Version: s.target()}
	h := home{clinic: id, slug: o.As, schema: out.Schema, keyhole: &keyhole{keyset: keyset}, pace: pace}
	if err := s.free(ctx, conn, o.As); err != nil {
		return out, err
	}
	if err := s.lock(ctx, conn, id); err != nil {
		return out, err
	}
	if err := s.begin(ctx, conn, &h, "copy", fmt.Sprintf("of %s as of %s", c.Slug, a.Header().MadeAt.Format(time.RFC3339))); err != nil {
		return out, err
	}
	return out, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select platform.make_schema($1, $2)", id, out.Schema); err != nil {
			return taken(err)
		}
		h.tx = tx
		if err := s.fill(ctx, h, a, o, &out); err != nil {
			return err
		}
		out.Status = statusOf(c)
		if err := register(ctx, tx, id, out.Slug, out.Status, c, o); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "insert into platform.keysets (clinic_id, wrapped) values ($1, $2)", id, wrapped); err != nil {
			return err
		}
		if err := h.invite(ctx, &out); err != nil {
			return err
		}
		return s.settle(ctx, h)
	})
}

// fill builds the schema at the archive's version, loads it, and brings it to
// this program's.
func (s *Service) fill(ctx context.Context, h home, a *Reader, o RestoreOptions, out *Restored) error {
	if _, err := h.tx.Exec(ctx, "select pg_advisory_xact_lock($1)", migrate.LockKey(h.clinic)); err != nil {
		return err
	}
	scope := migrate.OwnerScope(s.conf.Keys, h.clinic, h.schema, migrate.SystemActor("restore"), "", true)
	if _, err := h.tx.Exec(ctx, migrate.SetScope, scope...); err != nil {
		return err
	}
	if h.pace != nil {
		if _, err := h.tx.Conn().PgConn().Exec(ctx, gently).ReadAll(); err != nil {
			return err
		}
	}
	version := a.Header().Migration
	if err := s.upgrade(ctx, h, 0, version); err != nil {
		return err
	}
	if err := errors.Join(s.load(ctx, h, a, o), s.at(rowsLoaded)); err != nil {
		return err
	}
	if err := errors.Join(s.loadFiles(ctx, h, a, o, out), s.at(filesPut)); err != nil {
		return err
	}
	m, err := a.finish()
	if err != nil {
		return err
	}
	if !a.Own() && !o.Foreign {
		return broken("changed while it was being read")
	}
	out.Rows, out.Files = m.Rows(), m.Files.Count
	all := make([]string, len(a.Header().Tables))
	for i, t := range a.Header().Tables {
		all[i] = t.Name
	}
	if err := h.whole(ctx, m, all); err != nil {
		return err
	}
	return s.upgrade(ctx, h, version, s.target())
}

// The turns of a restore, at which tests kill it.
const (
	clinicClosed = "the clinic was closed"
	rowsLoaded   = "rows were loaded"
	filesPut     = "files were put"
	beforeCommit = "everything but the commit"
)

func (s *Service) at(turn string) error {
	if s.turn == nil {
		return nil
	}
	return s.turn(turn)
}

// usage counts what the plan counts, from the rows: an archive's own word for it
// would be a way round a plan.
const usage = `insert into platform.usage (clinic_id, kind, used)
select $1, n.kind, n.used from (
  select 'patients' as kind, count(*) as used from patients
  union all select platform.quota_kind(role, true), count(*) from users where active group by 1
  union all select 'storage', coalesce(sum(bytes), 0)::bigint from documents) n
where n.used > 0`

// settle ends every restore: counts, statistics for the planner, the ledger, and
// the walls last.
func (s *Service) settle(ctx context.Context, h home) error {
	for _, do := range []struct {
		sql  string
		args []any
	}{
		{"delete from platform.usage where clinic_id = $1", []any{h.clinic}},
		{usage, []any{h.clinic}},
		{"update platform.schemas set state = 'assigned', assigned_at = coalesce(assigned_at, now()) where clinic_id = $1", []any{h.clinic}},
	} {
		if _, err := h.tx.Exec(ctx, do.sql, do.args...); err != nil {
			return err
		}
	}
	if err := h.resumeChain(ctx); err != nil {
		return err
	}
	is, err := shapeOf(ctx, h.tx, h.schema)
	if err != nil {
		return err
	}
	if err := h.analyze(ctx, is.all); err != nil {
		return err
	}
	if _, err := h.tx.Exec(ctx, "update platform.provisionings set finished_at = clock_timestamp() where id = $1", h.entry); err != nil {
		return err
	}
	if _, err = h.tx.Exec(ctx, "select platform.check_walls($1)", h.schema); err != nil {
		return err
	}
	return s.at(beforeCommit)
}

// resumeChain has the chain go on behind the rows that came along, whose numbers
// are of the server that wrote them. One of a number that no server comes to
// would leave no room for the next.
func (h home) resumeChain(ctx context.Context) error {
	var beyond bool
	err := h.tx.QueryRow(ctx, `select exists (select from trail where xact >= (1::bigint << 61)::text::xid8)
		or exists (select from seals where last_xact >= (1::bigint << 61)::text::xid8)`).Scan(&beyond)
	if err == nil && beyond {
		err = broken("has a trail of numbers that no server comes to")
	}
	if err == nil {
		_, err = h.tx.Exec(ctx, "select platform.resume_chain($1, $2)", h.clinic, h.schema)
	}
	return err
}

// gently has the server cut what it can't be asked for in pieces: it sleeps
// between the pages that it looks at for statistics, and sorts new words into an
// index before they are many.
const gently = "set local vacuum_cost_delay = '2ms'; set local gin_pending_list_limit = '256kB'"

// analyze makes the planner's statistics.
func (h home) analyze(ctx context.Context, all []string) error {
	for _, t := range all {
		if _, err := h.tx.Exec(ctx, "analyze "+h.name(t)); err != nil {
			return err
		}
		if err := h.pace.rest(ctx); err != nil {
			return err
		}
	}
	return nil
}

// pipe is a clone's archive, from the one transaction to the other.
func (s *Service) Clone(ctx context.Context, slug string, o RestoreOptions, scrub bool) (Restored, error) {
	begun := time.Now()
	if err := o.check(); err != nil || o.Replace {
		return Restored{}, errors.Join(err, ctx.Err())
	}
	if err := s.noteExport(ctx, slug, ExportOptions{Scrub: scrub}, begun); err != nil {
		return Restored{}, err
	}
	from, to := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := make(chan error, 1)
	go func() {
		_, err := s.export(ctx, slug, to, nil, ExportOptions{Scrub: scrub, Progress: o.Progress})
		_ = to.CloseWithError(err) // never fails
		sent <- err
	}()
	out, err := s.receive(ctx, from, o)
	_ = from.CloseWithError(errStopped)
	if other := <-sent; other != nil && !errors.Is(other, errStopped) {
		err = other // the reader only saw it end
	}
	out.Took = time.Since(begun)
	return out, err
}

var errStopped = errors.New("the copy was given up")

func (s *Service) receive(ctx context.Context, r io.Reader, o RestoreOptions) (Restored, error) {
	pace, err := s.pacer(ctx, o.Pace)
	if err != nil {
		return Restored{}, err
	}
	defer pace.close(ctx)
	a, err := NewReader(stoppable{ctx: ctx, r: r}, s.own, nil, o.MaxBytes)
	if err != nil {
		return Restored{}, err
	}
	defer a.Close()
	o.Progress = nil // the sending side tells
	out, err := s.restore(ctx, a, o, "", pace)
	out.Rested = pace.doneResting()
	return out, err
}
