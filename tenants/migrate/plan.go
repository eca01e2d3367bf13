package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/pg"
)

// Plan is what a run would do. It is found out by doing it, in a database of its
// own beside the real one: clinics' schemas are empty there, so how long a
// migration takes and whether a clinic's data fits it is not known.
type Plan struct {
	Database string        `json:"database"`
	Platform SharedPlan    `json:"platform"`
	Target   int64         `json:"target"`  // of clinics
	Total    int           `json:"total"`   // schemas looked at
	Current  int           `json:"current"` // of them at the target
	Ahead    int           `json:"ahead"`   // of them ahead of it
	Groups   []Group       `json:"groups"`  // those behind, by what they lack
	Took     time.Duration `json:"took"`
}

// SharedPlan is the shared schema's part.
type SharedPlan struct {
	Version int64  `json:"version"` // now
	Steps   []Step `json:"steps"`
}

// Group is the clinics to which the same migrations were applied.
type Group struct {
	Version int64    `json:"version"`
	Clinics []string `json:"clinics"` // slugs
	Spares  int      `json:"spares"`  // schemas that are nobody's yet
	Steps   []Step   `json:"steps"`

	applied []int64
	ledger  int64 // the last version there, which should be Version
	schemas []string
}

// Schemas is how many schemas the group has.
func (g Group) Schemas() int { return len(g.schemas) }

// Step is one migration.
type Step struct {
	Version  int64     `json:"version"`
	File     string    `json:"file"`
	Locks    []Lock    `json:"locks"`    // strongest first, of tables that are there before
	Warnings []Warning `json:"warnings"` // dangers first
	Fault    *Fault    `json:"fault,omitempty"`
	Untried  bool      `json:"untried,omitempty"` // something before it failed
}

// Weight is how much a table holds, by the statistics of the real clinics.
type Weight struct {
	Rows  int64 `json:"rows"`       // in the largest clinic
	Bytes int64 `json:"bytes"`      // in the largest clinic
	Total int64 `json:"rows_total"` // in all clinics of the group
}

// Lock is the strongest lock that a migration takes on a table, and so what waits
// for it: it is kept until the migration ends.
type Lock struct {
	Table string `json:"table"`
	Mode  string `json:"mode"` // as in the Postgres manual, ACCESS EXCLUSIVE for one
	Weight
}

// Fault is a statement that failed.
type Fault struct {
	Statement string `json:"statement"` // how it begins
	State     string `json:"sqlstate,omitempty"`
	Reason    string `json:"reason"`
}

// Pending reports whether a run would do anything.
func (p Plan) Pending() bool { return len(p.Platform.Steps) > 0 || len(p.Groups) > 0 }

// Steps are all migrations of the plan, in the order of a run.
func (p Plan) Steps() []Step {
	all := slices.Clone(p.Platform.Steps)
	for _, g := range p.Groups {
		all = append(all, g.Steps...)
	}
	return all
}

// Fault is the first one, nil for none.
func (p Plan) Fault() *Fault {
	for _, s := range p.Steps() {
		if s.Fault != nil {
			return s.Fault
		}
	}
	return nil
}

// Worst is the highest level of a warning, 0 without one.
func (p Plan) Worst() Level {
	var worst Level
	for _, s := range p.Steps() {
		for _, w := range s.Warnings {
			worst = max(worst, w.Level)
		}
	}
	return worst
}

// PlanOptions narrow a plan.
type PlanOptions struct {
	Clinics []string // slugs; empty for all and the spares
}

// ErrMayNotPlan says that the administrator's login may not make a database.
var ErrMayNotPlan = errors.New("the plan tries the migrations in a database of its own, which this user may not make; give DATABASE_URL a user with CREATEDB (alter role … createdb), or a superuser's")

// ErrUnprepared says that roles or their rights are missing, which a plan can't try:
// they belong to the whole server.
var ErrUnprepared = errors.New("the server's roles are not in place; cloister migrate up makes them, before it locks anything, and then there can be a plan")

// Plan tells what Up and Bootstrap would run, which locks each migration takes
// and what is unsafe in it. It reads the registry and the catalogs' statistics of
// the real database and changes nothing there. Config.Admin must be allowed to
// make a database; what a plan that was killed left is dropped by the next, and
// by Bootstrap.
//
// Errors: ErrUnknownClinic, ErrMayNotPlan, ErrUnprepared, *pg.ConnectError, keys.ErrWrong.
func (m *Migrator) Plan(ctx context.Context, o PlanOptions) (Plan, error) {
	begun := time.Now()
	root, err := pg.Connect(ctx, m.conf.Admin)
	if err != nil {
		return Plan{}, err
	}
	defer root.Close(context.WithoutCancel(ctx))
	if err := m.verify(ctx, root); err != nil && !isRefused(err) {
		return Plan{}, err
	}
	missing, err := m.missing(ctx, root)
	if err != nil {
		return Plan{}, err
	}
	if len(missing) > 0 {
		return Plan{}, fmt.Errorf("%w: %s", ErrUnprepared, strings.Join(missing, "; "))
	}
	p := Plan{Database: root.Config().Database, Target: m.target, Platform: SharedPlan{Steps: []Step{}}, Groups: []Group{}}
	applied, err := m.found(ctx, root, &p, o)
	if err != nil {
		return Plan{}, err
	}
	if p.Platform.Steps, err = m.pendingShared(applied); err != nil {
		return Plan{}, err
	}
	if p.Pending() {
		if err := m.try(ctx, root, &p, applied); ctx.Err() != nil {
			return Plan{}, fmt.Errorf("stopped: %w", ctx.Err())
		} else if err != nil {
			return Plan{}, err
		}
		if err := m.weigh(ctx, root, &p); err != nil {
			return Plan{}, err
		}
	}
	p.Took = time.Since(begun)
	return p, nil
}

const living = `select s.schema_name, s.state, s.version, coalesce(c.slug, ''), coalesce(a.applied, '{}')
from platform.schemas s
left join platform.clinics c on c.id = s.clinic_id
left join (select clinic_id, array_agg(version order by version) as applied from platform.migrations group by clinic_id) a on a.clinic_id = s.clinic_id
where s.state <> 'dropped' order by s.version, s.schema_name`

// found reads where the shared schema and the clinics stand.
func (m *Migrator) found(ctx context.Context, root *pgx.Conn, p *Plan, o PlanOptions) (shared []int64, err error) {
	var there bool
	if err := root.QueryRow(ctx, "select exists (select from pg_tables where schemaname = 'platform' and tablename = 'versions')").Scan(&there); err != nil || !there {
		return nil, err
	}
	conn, err := m.connect(ctx)
	if err != nil {
		return nil, m.hinted(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := m.known(ctx, o.Clinics); err != nil {
		return nil, err
	}
	err = conn.QueryRow(ctx, "select coalesce(array_agg(version_id order by version_id) filter (where version_id > 0), '{}') from platform.versions where is_applied").Scan(&shared)
	if err != nil || len(shared) == 0 {
		return nil, err
	}
	p.Platform.Version = shared[len(shared)-1]
	rows, err := conn.Query(ctx, living)
	if err != nil {
		return nil, err
	}
	var s Schema
	var state string
	var applied []int64
	groups := map[string]*Group{}
	_, err = pgx.ForEachRow(rows, []any{&s.Name, &state, &s.Version, &s.Slug, &applied}, func() error {
		if len(o.Clinics) == 0 || slices.Contains(o.Clinics, s.Slug) {
			m.put(p, groups, s, state, applied)
		}
		applied = nil
		return nil
	})
	for _, g := range groups {
		p.Groups = append(p.Groups, *g)
	}
	slices.SortFunc(p.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), slices.Compare(a.applied, b.applied))
	})
	return shared, err
}

// put counts a schema, in the group of those that lack the same.
func (m *Migrator) put(p *Plan, groups map[string]*Group, s Schema, state string, applied []int64) {
	p.Total++
	last := slices.Max(append(applied, 0))
	applied = slices.DeleteFunc(applied, func(v int64) bool { return !slices.Contains(m.versions, v) })
	if len(applied) == len(m.versions) {
		if s.Version > m.target {
			p.Ahead++
		} else {
			p.Current++
		}
		return
	}
	key := fmt.Sprint(s.Version, last, applied)
	g := groups[key]
	if g == nil {
		g = &Group{Version: s.Version, Clinics: []string{}, applied: applied, ledger: last}
		groups[key] = g
	}
	g.schemas = append(g.schemas, s.Name)
	if state == "assigned" {
		g.Clinics = append(g.Clinics, s.Slug)
	} else {
		g.Spares++
	}
}

const weights = `select case when n.nspname = any ($1) then '' else n.nspname || '.' end || c.relname,
  max(greatest(c.reltuples, 0))::bigint, sum(greatest(c.reltuples, 0))::bigint, max(pg_relation_size(c.oid))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where (n.nspname = any ($1) or n.nspname = any ($2)) and c.relkind in ('r', 'p', 'm') group by 1`

// sharedSchemas hold tables that are not one clinic's.
var sharedSchemas = []string{"platform", "isolation", "jobs"}

// weigh looks up how much the real tables hold, and judges by it.
func (m *Migrator) weigh(ctx context.Context, root *pgx.Conn, p *Plan) error {
	part := func(schemas []string, steps []Step) error {
		rows, err := root.Query(ctx, weights, schemas, sharedSchemas)
		if err != nil {
			return err
		}
		all := map[string]Weight{}
		var table string
		var w Weight
		if _, err := pgx.ForEachRow(rows, []any{&table, &w.Rows, &w.Total, &w.Bytes}, func() error { all[table] = w; return nil }); err != nil {
			return err
		}
		for i := range steps {
			steps[i].weigh(all)
		}
		return nil
	}
	if err := part([]string{}, p.Platform.Steps); err != nil {
		return err
	}
	for _, g := range p.Groups {
		if err := part(g.schemas, g.Steps); err != nil {
			return err
		}
	}
	return nil
}

func (s *Step) weigh(all map[string]Weight) {
	for i := range s.Locks {
		s.Locks[i].Weight = all[s.Locks[i].Table]
	}
	for i := range s.Warnings {
		w := &s.Warnings[i]
		w.Weight = all[w.Table]
		w.Level = w.kind().level(w.Weight)
	}
	slices.SortStableFunc(s.Locks, func(a, b Lock) int {
		return cmp.Or(cmp.Compare(strength(b.Mode), strength(a.Mode)), cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Table, b.Table))
	})
	slices.SortStableFunc(s.Warnings, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(b.Rows, a.Rows))
	})
}

// modes are Postgres's lock modes of a table, weakest first.
var modes = []string{"ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"}

const (
	rowExclusive    = "ROW EXCLUSIVE"
	accessExclusive = "ACCESS EXCLUSIVE"
)

func strength(mode string) int { return slices.Index(modes, mode) }

// modeOf turns AccessExclusiveLock into ACCESS EXCLUSIVE.
func modeOf(pgLocks string) string {
	var b strings.Builder
	for i, r := range strings.TrimSuffix(pgLocks, "Lock") {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}
