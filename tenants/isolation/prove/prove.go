// Package prove attacks the walls between clinics with the service's own login.
//
// It makes two throw-away clinics with canary rows in every table, tries every
// route of attack of every probe from each against the other, and looks whether
// a canary was seen, a row was changed, or a value that the other clinic has is
// told from one that nobody has. Then it tries the same in a copy whose walls
// are taken down: a route that finds nothing there proves nothing here, and is
// told as a failure of the proof.
//
// What belongs here: attacks, their controls and their judgement. What may not:
// static rules (package audit), formats (package isolation), and any attack that
// could harm a clinic at work when it succeeds; what destroys is rolled back.
package prove

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

// Config of a proof.
type Config struct {
	App        string // DSN of cloister_app: attacks
	Migrator   string // DSN of cloister_migrator: makes the throw-away clinics and looks at rows as their owner
	Admin      string // DSN of a superuser: makes the copy for the controls; empty for none
	Keys       *keys.Master
	Version    string       // of the program, for the report
	Deep       bool         // every role on every route
	Clinics    []string     // slugs of two clinics at work: read only, and nothing is made
	NoControls bool         // the report says so
	Keep       bool         // the throw-away clinics stay until the next run
	Sample     int          // attempts of a route and direction, for a quick look; 0 for all
	Only       []string     // ids of probes; all when empty
	Told       func(string) // progress; nil for none
}

// ReadOnly reports that the proof is made on clinics at work.
func (c Config) ReadOnly() bool { return len(c.Clinics) > 0 }

// proof is one run.
type proof struct {
	conf     Config
	tag      string
	database string
	super    bool // Admin may make the copy
	lock     *pgx.Conn
}

// lasting is a context for what must be done even when the run was stopped.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
}

// Run makes a proof. The error is for what kept it from being made; what was
// found is in the report. Throw-away clinics and the copy are gone when it
// returns, however it ends; a run that was killed leaves them to the next one.
//
// Errors: *pg.ConnectError, keys.ErrWrong, an unknown clinic or probe.
func Run(ctx context.Context, c Config) (r isolation.Report, err error) {
	if c.Told == nil {
		c.Told = func(string) {}
	}
	ps, err := chosen(c)
	if err != nil {
		return r, err
	}
	defer func() {
		if err != nil && ctx.Err() != nil { // whatever a cut connection said
			err = fmt.Errorf("the proof was stopped, and nothing is proven: %w", context.Cause(ctx))
		}
	}()
	r = isolation.Report{Kind: isolation.Prove, Version: c.Version, Started: time.Now(), Rules: Rules(), Clinics: 2, Findings: []isolation.Finding{}}
	defer func() { r.TookMS = time.Since(r.Started).Milliseconds() }()
	m, err := migrate.New(migrate.Config{Migrator: c.Migrator, Keys: c.Keys})
	if err != nil {
		return r, err
	}
	s, err := provision.Open(ctx, provision.Config{DSN: c.Migrator, Keys: c.Keys, Migrator: m})
	if err != nil {
		return r, err
	}
	defer s.Close()
	p := &proof{conf: c, tag: newTag()}
	if err := p.begin(ctx, s, &r); err != nil {
		return r, err
	}
	defer p.end(ctx, s)
	if err := p.attacks(ctx, s, &r, ps); err != nil {
		return r, err
	}
	switch {
	case c.NoControls:
		r.Notes = append(r.Notes, "The controls were left out: that nothing was seen is known, that it would have been seen is not.")
	case !p.super:
		r.Gaps = append(r.Gaps, isolation.Gap{Rule: ruleControl, Reason: "The controls need a superuser's DATABASE_URL, to make the copy whose walls are taken down."})
	default:
		if err := p.controls(ctx, &r, ps); err != nil {
			return r, err
		}
	}
	r.Sort()
	return r, nil
}

// chosen are the probes to run.
func chosen(c Config) ([]probe, error) {
	all := probes()
	if len(c.Clinics) != 0 && (len(c.Clinics) != 2 || c.Clinics[0] == c.Clinics[1]) {
		return nil, errors.New("name two clinics that differ, or none")
	}
	if len(c.Only) == 0 {
		return all, nil
	}
	var out []probe
	for _, id := range c.Only {
		i := slices.IndexFunc(all, func(p probe) bool { return strings.EqualFold(p.rule.ID, id) })
		if i < 0 {
			return nil, fmt.Errorf("there is no probe %s", id)
		}
		out = append(out, all[i])
	}
	return out, nil
}

func newTag() string {
	b := make([]byte, 5)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

const lockTag = "select pg_try_advisory_lock(hashtextextended('cloister proof ' || $1, 0))"

// begin takes the run's lock and removes what a killed run left behind.
func (p *proof) begin(ctx context.Context, s *provision.Service, r *isolation.Report) error {
	conn, err := pg.Connect(ctx, p.conf.Migrator)
	if err != nil {
		return err
	}
	p.lock = conn
	var locked bool
	if err := conn.QueryRow(ctx, lockTag, p.tag).Scan(&locked); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, "select current_database(), current_setting('server_version')").Scan(&p.database, &r.Database); err != nil {
		return err
	}
	r.Server, _, _ = strings.Cut(r.Database, " ")
	r.Database = p.database
	left, err := s.Throwaways(ctx)
	if err != nil {
		return err
	}
	tags := map[string]bool{}
	for _, slug := range left {
		tag := provision.ThrowawayTag(slug)
		if !tags[tag] {
			if err := conn.QueryRow(ctx, lockTag, tag).Scan(&locked); err != nil {
				return err
			}
			tags[tag] = locked
		}
		if tags[tag] { // nobody is at work with it
			p.conf.Told("removing what an earlier run left: " + slug)
			if err := s.Discard(ctx, slug, p.by()); err != nil {
				return err
			}
			r.Notes = append(r.Notes, "A throw-away clinic that an earlier run left was removed: "+slug)
		}
	}
	return p.sweepCopies(ctx, r)
}

// sweepCopies drops copies of this database that a killed run left. One that is
// in use is another run's and stays.
func (p *proof) sweepCopies(ctx context.Context, r *isolation.Report) error {
	if p.conf.Admin == "" || p.conf.NoControls {
		return nil
	}
	root, err := pg.Connect(ctx, p.conf.Admin)
	if err != nil {
		return err
	}
	defer root.Close(context.WithoutCancel(ctx))
	if err := root.QueryRow(ctx, "select rolsuper from pg_roles where rolname = current_user").Scan(&p.super); err != nil || !p.super {
		return err
	}
	suffix := controlName("", p.database)[len("cloister_proof_"):]
	rows, err := root.Query(ctx, "select datname::text from pg_database where datname ^@ 'cloister_proof_' and right(datname, $1) = $2", len(suffix), suffix)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		tag, _, _ := strings.Cut(strings.TrimPrefix(name, "cloister_proof_"), "_")
		var free bool
		if err := p.lock.QueryRow(ctx, lockTag, tag).Scan(&free); err != nil {
			return err
		}
		if !free || tag == p.tag {
			continue
		}
		if _, err := root.Exec(ctx, "drop database if exists "+ident(name)+" with (force)"); err != nil {
			return err
		}
		r.Notes = append(r.Notes, "A copy that an earlier run left was dropped: "+name)
	}
	return nil
}

// end gives up the run's lock, after its clinics are gone.
func (p *proof) end(ctx context.Context, s *provision.Service) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	if !p.conf.Keep && !p.conf.ReadOnly() {
		for _, letter := range []byte("ab") {
			slug := provision.ThrowawaySlug(p.tag, letter)
			if err := s.Discard(ctx, slug, p.by()); err != nil {
				p.conf.Told("the throw-away clinic " + slug + " could not be removed, the next run will: " + err.Error())
			}
		}
	}
	_ = p.lock.Close(ctx)
}

func (p *proof) by() provision.By {
	return provision.By{Actor: migrate.SystemActor("isolation proof"), Reason: "isolation proof " + p.tag}
}

// attacks attacks the database itself.
func (p *proof) attacks(ctx context.Context, s *provision.Service, r *isolation.Report, ps []probe) error {
	w := &world{keys: p.conf.Keys, app: p.conf.App, deep: p.conf.Deep, sample: p.conf.Sample, readOnly: p.conf.ReadOnly()}
	if w.readOnly {
		if err := p.named(ctx, s, w); err != nil {
			return err
		}
	} else if err := p.throwaways(ctx, s, w); err != nil {
		return err
	}
	defer w.close(context.WithoutCancel(ctx))
	if err := w.open(ctx, p.conf.Migrator); err != nil {
		return err
	}
	if !w.readOnly {
		db, err := tenants.Open(ctx, tenants.Config{DSN: p.conf.App, ScopeKey: p.conf.Keys.ScopeKey(), KeyID: keys.KeyID, Pool: tenants.PoolConfig{MaxConns: 1}, Log: silent()})
		if err != nil {
			return err
		}
		defer db.Close()
		w.pool = db
	}
	begun := time.Now()
	all, err := w.attack(ctx, ps, p.conf.Told)
	if err != nil {
		return err
	}
	r.Attempts = all.attempts
	w.tell(r, all)
	p.note(r, w, time.Since(begun))
	return nil
}

func (p *proof) note(r *isolation.Report, w *world, took time.Duration) {
	rate := float64(r.Attempts) / max(took.Seconds(), 0.001)
	load := fmt.Sprintf("Load: %d connections for %.1f s, %.0f attempts a second, each with a statement timeout of 5 s.", connections, took.Seconds(), rate)
	if w.readOnly {
		r.Scope = []string{w.clinics[0].schema, w.clinics[1].schema}
		r.Notes = append(r.Notes, load+" Nothing was written and nothing read but constants; every transaction was rolled back.",
			"Only the routes that write nothing were tried. What was looked for are the clinics' own rows, by their being there.")
		if len(w.blind) > 0 {
			r.Notes = append(r.Notes, "Tables without a row in one of the two, where nothing could be seen: "+strings.Join(slices.Sorted(maps.Keys(w.blind)), ", "))
		}
		return
	}
	if w.sample > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("A sample: at most %d attempts of each route.", w.sample))
	}
	r.Notes = append(r.Notes, load+" Two throw-away clinics were made and removed.")
	for t, why := range w.blind {
		r.Gaps = append(r.Gaps, isolation.Gap{Rule: ruleControl, Reason: "No canary could be planted in the table " + t + ": nothing is proven of it. " + why})
	}
}

// throwaways makes the world's two clinics.
func (p *proof) throwaways(ctx context.Context, s *provision.Service, w *world) error {
	for i, letter := range []byte("ab") {
		c := &clinic{slug: provision.ThrowawaySlug(p.tag, letter), mark: "cnry" + newTag() + "xy", only: uuid.New()}
		p.conf.Told("making " + c.slug)
		made, err := s.CreateThrowaway(ctx, c.slug, c.mark, p.by())
		if err != nil {
			return err
		}
		c.id, c.schema = made.ID, made.Schema
		w.clinics[i] = c
	}
	return nil
}

// named finds the two clinics that the caller named.
func (p *proof) named(ctx context.Context, s *provision.Service, w *world) error {
	for i, slug := range p.conf.Clinics {
		d, err := s.Show(ctx, slug)
		if err != nil {
			return err
		}
		w.clinics[i] = &clinic{id: d.ID, slug: d.Slug, schema: d.Schema, mark: "cnry" + newTag() + "xy", only: uuid.New()}
	}
	return nil
}

// open reads the catalogs and plants the canaries, or looks which rows there are.
func (w *world) open(ctx context.Context, migrator string) error {
	w.blind = map[string]string{}
	w.canary = map[string]map[string]map[string]string{}
	for i := range w.clinics {
		if err := w.enter(ctx, migrator, i); err != nil {
			return err
		}
	}
	w.pid = w.owner[1].PgConn().PID()
	var err error
	if w.mate, err = dial(ctx, w.app, w.copy); err != nil {
		return err
	}
	if _, err := w.mate.send(ctx, "select 1"); err != nil {
		return err
	}
	if err := w.owner[1].QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&w.version); err != nil {
		return err
	}
	if err := w.load(ctx, w.owner[1]); err != nil {
		return err
	}
	for i, c := range w.clinics {
		for _, t := range w.tables {
			if !w.readOnly {
				continue
			}
			var there bool
			if err := w.owner[i].QueryRow(ctx, "select exists (select from "+t.in(c.schema)+")").Scan(&there); err != nil {
				return err
			}
			if !there {
				w.blind[t.name] = "no row"
			}
		}
		if w.readOnly {
			continue
		}
		if err := w.plant(ctx, i); err != nil {
			return err
		}
		for _, t := range w.tables {
			if _, err := w.owner[i].Exec(ctx, "analyze "+t.in(c.schema)); err != nil {
				return err
			}
		}
	}
	_, err = w.owner[1].Exec(ctx, w.marked())
	return err
}
