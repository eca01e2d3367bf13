// Package audit checks the walls between clinics without touching a row: it
// reads the catalogs as cloister_auditor and reports what is not as designed.
//
// Two sources say what is right. The static rules stand as SQL in the migration
// that makes schema isolation (db/platform); this package takes their text out of
// the program, not out of the database, so that nobody who altered a view there
// can hide something. And reference.txt says object by object what each
// migration version of a clinic's schema, and the shared schema, hold: it is
// generated from freshly built schemas, whose grants package db's tests compare
// cell by cell with docs/access.md.
//
// What attacks are for (a wall that stands and doesn't hold) is package prove's.
package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/tenants/isolation"
)

// Querier is a connection or a transaction whose role is cloister_auditor.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Options narrow a run.
type Options struct {
	Version string   // of the program, for the report
	Schemas []string // only these schemas' findings; empty for everything
	Clinics []string // the same by slug
}

// ErrTooOld is a database without schema isolation.
var ErrTooOld = errors.New("the database has no schema isolation that this login may read: run cloister migrate up first, and use the login cloister_auditor")

// ErrNoSchema is a narrowed run that names a schema or clinic which isn't there.
var ErrNoSchema = errors.New("is no clinic's schema")

// Run audits the database. What was found is in the report; an error means that
// nothing is known. Errors: ErrTooOld, ErrNoSchema, what the database says.
func Run(ctx context.Context, q Querier, o Options) (isolation.Report, error) {
	started := time.Now()
	a := &run{q: q, report: isolation.Report{Format: isolation.FormatNumber, Kind: isolation.Audit, Version: o.Version, Rules: Rules()}}
	for _, step := range []func(context.Context) error{a.open, a.homes} {
		if err := step(ctx); err != nil {
			return isolation.Report{}, tooOld(err)
		}
	}
	if err := a.narrow(o); err != nil {
		return isolation.Report{}, err
	}
	for _, step := range []func(context.Context) error{a.classes, a.everything, a.alike, a.entrances, a.drift} {
		if err := step(ctx); err != nil {
			return isolation.Report{}, err
		}
	}
	a.report.Sort()
	a.report.TookMS = time.Since(started).Milliseconds()
	return a.report, nil
}

func tooOld(err error) error {
	var pe *pgconn.PgError
	if errors.As(err, &pe) && (pe.Code == "42P01" || pe.Code == "3F000" || pe.Code == "42501" || pe.Code == "42883") {
		return fmt.Errorf("%w (%s)", ErrTooOld, pe.Message)
	}
	return err
}

// home is a schema that belongs to a clinic, a spare or the platform.
type home struct {
	oid     uint32
	name    string
	kind    string // clinic or shared
	slug    string
	clinic  string // its id, empty for none
	version int64
	// The clinic's id as stored expressions have it.
	signed, unsigned string
}

type run struct {
	q        Querier
	report   isolation.Report
	homesBy  map[uint32]home
	wanted   map[string]bool // schemas; nil for all
	platform int64           // version of the shared schema
	objects  []group
	// members are the schemas for which one is looked at, itself among them.
	members map[uint32][]uint32
}

// open notes who and where, and sets what makes the queries quick: no role
// of ours runs anything else on this connection.
func (a *run) open(ctx context.Context) error {
	for _, set := range []string{"search_path to pg_catalog, pg_temp", "jit to off", "work_mem to '128MB'", "max_parallel_workers_per_gather to 2", "parallel_setup_cost to 0", "parallel_tuple_cost to 0",
		// The planner can't know that a thousand clinics make few groups, and would sort
		// their millions of objects instead of counting them.
		"enable_sort to off", "enable_mergejoin to off"} {
		if _, err := a.q.Exec(ctx, "set "+set); err != nil {
			return err
		}
	}
	err := a.q.QueryRow(ctx, "select current_database(), current_setting('server_version'), now(), isolation.platform_version()").
		Scan(&a.report.Database, &a.report.Server, &a.report.Started, &a.platform)
	a.report.Started = a.report.Started.UTC().Truncate(time.Second)
	a.report.Server, _, _ = strings.Cut(a.report.Server, " ")
	return err
}

func (a *run) homes(ctx context.Context) error {
	rows, err := a.q.Query(ctx, with("homes")+"select oid, schema_name, kind, coalesce(slug, ''), coalesce(clinic_id::text, ''), coalesce(version, -1), coalesce(id_signed, '-'), coalesce(id_unsigned, '-') from isolation_homes")
	if err != nil {
		return err
	}
	a.homesBy = map[uint32]home{}
	var h home
	_, err = pgx.ForEachRow(rows, []any{&h.oid, &h.name, &h.kind, &h.slug, &h.clinic, &h.version, &h.signed, &h.unsigned}, func() error {
		a.homesBy[h.oid] = h
		if h.kind == "clinic" && h.slug != "" { // spares are looked at and are nobody's yet
			a.report.Clinics++
		}
		return nil
	})
	return err
}

func (a *run) narrow(o Options) error {
	if len(o.Schemas) == 0 && len(o.Clinics) == 0 {
		return nil
	}
	a.wanted = map[string]bool{}
	for _, h := range a.homesBy {
		if slices.Contains(o.Schemas, h.name) || h.slug != "" && slices.Contains(o.Clinics, h.slug) {
			a.wanted[h.name] = true
			a.report.Scope = append(a.report.Scope, h.name)
		}
	}
	sort.Strings(a.report.Scope)
	for _, asked := range append(slices.Clone(o.Schemas), o.Clinics...) {
		if !slices.ContainsFunc(a.report.Scope, func(name string) bool {
			return name == asked || slices.ContainsFunc(o.Clinics, func(slug string) bool { return slug == asked && a.schemaOf(slug) == name })
		}) {
			return fmt.Errorf("%q %w", asked, ErrNoSchema)
		}
	}
	a.report.Clinics = len(a.report.Scope)
	return nil
}

func (a *run) schemaOf(slug string) string {
	for _, h := range a.homesBy {
		if h.slug == slug {
			return h.name
		}
	}
	return ""
}

// covers tells whether a finding belongs to a narrowed run. Findings of no
// schema, of roles and the server, belong to the run over everything only.
func (a *run) covers(schema string) bool { return a.wanted == nil || a.wanted[schema] }

// The columns of findings, and of objects beside them.
const (
	findingColumns = "false, rule, coalesce(schema_name, ''), coalesce(slug, ''), object, reason, coalesce(evidence, ''), coalesce(mend, ''), null::oid[] from isolation_findings"
	objectColumns  = "home_kind = 'shared', '', kind, name, coalesce(definition, ''), '', '', '', homes from isolation_objects"
)

// everything looks at one schema of each class and at the shared ones: the
// findings of the rules, and the fingerprint with what is equal put together.
func (a *run) everything(ctx context.Context) error {
	return a.look(ctx, narrowed("findings", "objects")+"select "+findingColumns+" union all select "+objectColumns, slices.Collect(maps.Keys(a.members)))
}

func (a *run) look(ctx context.Context, sql string, schemas []uint32) error {
	rows, err := a.q.Query(ctx, sql, schemas)
	if err != nil {
		return err
	}
	var shared bool
	var text [7]string
	var homes []uint32
	_, err = pgx.ForEachRow(rows, []any{&shared, &text[0], &text[1], &text[2], &text[3], &text[4], &text[5], &text[6], &homes}, func() error {
		if text[0] == "" {
			a.objects = append(a.objects, group{object{text[1], text[2]}, shared, text[3], homes})
			homes = nil
		} else if a.covers(text[1]) {
			a.report.Add(isolation.Finding{Rule: text[0], Schema: text[1], Clinic: text[2], Object: text[3], Reason: text[4], Evidence: text[5], Mend: text[6]})
		}
		return nil
	})
	return err
}

// alike asks the rules again over whole classes, where one of a class was found
// at fault: each of its clinics has a finding of its own.
func (a *run) alike(ctx context.Context) error {
	class := map[string]uint32{} // by the schema's name, for classes of several
	for one, all := range a.members {
		for _, oid := range all {
			if len(all) > 1 {
				class[a.homesBy[oid].name] = one
			}
		}
	}
	schemas := slices.Collect(maps.Keys(a.members))
	for _, f := range a.report.Findings {
		if one, ok := class[f.Schema]; ok {
			schemas = append(schemas, a.members[one]...)
			for _, oid := range a.members[one] {
				delete(class, a.homesBy[oid].name)
			}
		}
	}
	if len(schemas) == len(a.members) {
		return nil
	}
	a.report.Findings = nil
	return a.look(ctx, narrowed("findings")+"select "+findingColumns, schemas)
}

// entrances needs a right that some servers keep to themselves; then it is not known.
func (a *run) entrances(ctx context.Context) error {
	if a.wanted != nil {
		return nil
	}
	var may bool
	err := a.q.QueryRow(ctx, "select has_table_privilege('pg_catalog.pg_hba_file_rules', 'select') and has_function_privilege('pg_catalog.pg_hba_file_rules()', 'execute')").Scan(&may)
	if err != nil {
		return err
	}
	if !may {
		a.report.Gaps = append(a.report.Gaps, isolation.Gap{Rule: "CLO-A904",
			Reason: "cloister_auditor may not read pg_hba_file_rules, so nobody can tell whether unencrypted connections are let in; an administrator can grant it: grant select on pg_catalog.pg_hba_file_rules to cloister_auditor; grant execute on function pg_catalog.pg_hba_file_rules() to cloister_auditor;"})
		return nil
	}
	rows, err := a.q.Query(ctx, with("entrances")+"select rule, coalesce(schema_name, ''), coalesce(slug, ''), object, reason, coalesce(evidence, ''), coalesce(mend, '') from isolation_entrances")
	if err != nil {
		return err
	}
	return a.take(rows)
}

func (a *run) take(rows pgx.Rows) error {
	var f isolation.Finding
	_, err := pgx.ForEachRow(rows, []any{&f.Rule, &f.Schema, &f.Clinic, &f.Object, &f.Reason, &f.Evidence, &f.Mend}, func() error {
		if a.covers(f.Schema) {
			a.report.Add(f)
		}
		return nil
	})
	return err
}
