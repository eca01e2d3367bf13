package prove

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

// The controls run in a copy: a database of its own on the same server, made by
// the product's migrations, with two throw-away clinics and nobody's rows. There
// the walls can be taken down for good and no clinic at work is touched. It is
// no CREATE DATABASE … TEMPLATE of the one under attack: Postgres wants that
// one without any session, and the copy would hold every patient.

// controlName is the copy's name: the run's tag and the database it belongs to.
func controlName(tag, database string) string {
	return fmt.Sprintf("cloister_proof_%s_%.6x", tag, sha256.Sum256([]byte(database)))
}

// copied makes the copy and gives its world; drop removes it.
func (p *proof) copied(ctx context.Context) (w *world, admin *pgx.Conn, drop func(), err error) {
	name := controlName(p.tag, p.database)
	root, err := pg.Connect(ctx, p.conf.Admin)
	if err != nil {
		return nil, nil, nil, err
	}
	drop = func() {
		ctx, cancel := lasting(ctx)
		defer cancel()
		if w != nil {
			w.close(ctx)
		}
		if admin != nil {
			_ = admin.Close(ctx)
		}
		if _, err := root.Exec(ctx, "drop database if exists "+ident(name)+" with (force)"); err != nil {
			p.conf.Told("the copy " + name + " could not be dropped: " + err.Error())
		}
		_ = root.Close(ctx)
	}
	defer func() {
		if err != nil {
			drop()
		}
	}()
	if _, err = root.Exec(ctx, "create database "+ident(name)+" template template0"); err != nil {
		return nil, nil, drop, err
	}
	var dsns [3]string
	for i, dsn := range []string{p.conf.Admin, p.conf.Migrator, p.conf.App} {
		if dsns[i], err = pg.Database(dsn, name); err != nil {
			return nil, nil, drop, err
		}
	}
	m, err := migrate.New(migrate.Config{Admin: dsns[0], Migrator: dsns[1], Keys: p.conf.Keys})
	if err == nil {
		err = m.Furnish(ctx)
	}
	if err != nil {
		return nil, nil, drop, err
	}
	s, err := provision.Open(ctx, provision.Config{DSN: dsns[1], Keys: p.conf.Keys, Migrator: m})
	if err != nil {
		return nil, nil, drop, err
	}
	defer s.Close()
	w = &world{keys: p.conf.Keys, app: dsns[2], copy: true}
	if err = p.throwaways(ctx, s, w); err == nil {
		err = w.open(ctx, dsns[1])
	}
	if err == nil {
		admin, err = pg.Connect(ctx, dsns[0])
	}
	return w, admin, drop, err
}

// stage is one state of the copy: the walls that are down in it. Each begins
// with what the one before left.
type stage struct {
	down   []wall
	breaks func(b *breaker, ctx context.Context) error
	admin  bool // attack as the administrator
}

func stages() []stage {
	none := func(*breaker, context.Context) error { return nil }
	return []stage{
		{down: []wall{wallPool}, breaks: none},
		{down: []wall{wallLogin}, breaks: none, admin: true},
		{down: []wall{wallSignature}, breaks: (*breaker).unsigned},
		{down: []wall{wallSignature, wallSession}, breaks: (*breaker).session},
		{down: []wall{wallSession}, breaks: (*breaker).resigned},
		{down: []wall{wallClinic}, breaks: (*breaker).clinic},
		{down: []wall{wallClinic, wallSession}, breaks: none},
		{down: []wall{wallClinic, wallRole}, breaks: (*breaker).role},
		{down: []wall{wallClinic, wallSession, wallRole}, breaks: none},
		{down: []wall{wallPlace}, breaks: (*breaker).place},
	}
}

// controls runs every route where its walls are down; one that finds nothing is dead.
func (p *proof) controls(ctx context.Context, r *isolation.Report, ps []probe) error {
	w, admin, drop, err := p.copied(ctx)
	if err != nil {
		return fmt.Errorf("the copy for the controls: %w", err)
	}
	defer drop()
	b := &breaker{w: w, admin: admin}
	adminDSN, err := pg.Database(p.conf.Admin, controlName(p.tag, p.database))
	if err != nil {
		return err
	}
	for _, st := range stages() {
		p.conf.Told(fmt.Sprintf("controls with %v down", st.down))
		if err := st.breaks(b, ctx); err != nil {
			return fmt.Errorf("taking down %v: %w", st.down, err)
		}
		if err := w.reload(ctx); err != nil {
			return err
		}
		if w.admin = ""; st.admin {
			w.admin = adminDSN
		}
		for _, pr := range ps {
			for _, rt := range pr.routes {
				if !same(rt.down, st.down) || p.conf.ReadOnly() && !rt.quiet {
					continue
				}
				n, found, err := w.attackBy(ctx, rt)
				if err != nil {
					return fmt.Errorf("control of %s, %s: %w", pr.rule.ID, rt.name, err)
				}
				if len(found) == 0 {
					r.Add(isolation.Finding{Rule: ruleControl, Object: pr.rule.ID + " " + rt.name,
						Reason: fmt.Sprintf("with %v taken down none of %d attempts saw anything", st.down, n)})
					continue
				}
				r.Controls++
			}
		}
	}
	return nil
}

func same(a, b []wall) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// breaker takes walls down in the copy, as its administrator.
type breaker struct {
	w      *world
	admin  *pgx.Conn
	signed []string // what the functions of the signature were
}

func (b *breaker) exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := b.admin.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%.120s: %w", sql, err)
		}
	}
	return nil
}

// unsigned has the scope believed as it is written.
func (b *breaker) unsigned(ctx context.Context) error {
	for _, f := range []string{"current_clinic", "current_actor"} {
		var def string
		if err := b.admin.QueryRow(ctx, "select pg_get_functiondef($1::regproc)", "platform."+f).Scan(&def); err != nil {
			return err
		}
		b.signed = append(b.signed, def)
	}
	return b.exec(ctx, unsignedScope...)
}

// unsignedScope replaces the functions that check the signature.
var unsignedScope = []string{
	`create or replace function platform.current_clinic() returns uuid language plpgsql stable security definer set search_path = pg_catalog, pg_temp as
	 'begin return nullif(current_setting(''app.clinic_id'', true), '''')::uuid; end'`,
	`create or replace function platform.current_actor() returns text language plpgsql stable security definer set search_path = pg_catalog, pg_temp as
	 'begin return nullif(current_setting(''app.actor'', true), ''''); end'`,
}

// resigned puts the signature back.
func (b *breaker) resigned(ctx context.Context) error { return b.exec(ctx, b.signed...) }

// session gives every session what it must not have.
func (b *breaker) session(ctx context.Context) error {
	return b.exec(ctx, "do $do$ begin execute format('grant temporary on database %I to public', current_database()); end $do$",
		"grant usage on language plpgsql, sql to public",
		`do $do$ declare f record; begin
			for f in select p.oid::regprocedure as s from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace
				and (p.proname ~ '^(lo_|pg_(try_)?advisory_|(query|cursor|table|schema|database)_to_xml)' or p.proname in ('set_config', 'pg_notify', 'lowrite', 'loread', 'pg_cancel_backend', 'pg_terminate_backend'))
			loop execute format('grant execute on function %s to public', f.s); end loop;
		end $do$`)
}

// clinic leaves no table with a policy, a check of the clinic or a trigger.
func (b *breaker) clinic(ctx context.Context) error {
	for _, c := range b.w.clinics {
		for _, t := range b.w.tables {
			name := t.in(c.schema)
			if err := b.exec(ctx, "alter table "+name+" disable row level security, no force row level security, disable trigger user, drop constraint if exists "+ident(t.name+"_clinic"),
				"analyze "+name, "create sequence if not exists "+ident(c.schema)+"."+ident(t.name+"_id_seq"), "grant all on sequence "+ident(c.schema)+"."+ident(t.name+"_id_seq")+" to public"); err != nil {
				return err
			}
		}
	}
	t := b.w.tables[0]
	if err := b.exec(ctx, "create view platform.proof_all as select * from "+t.in(b.w.clinics[1].schema), "grant select on platform.proof_all to public"); err != nil {
		return err
	}
	for _, t := range b.w.registry {
		if err := b.exec(ctx, "alter table platform."+ident(t.name)+" disable row level security, no force row level security"); err != nil {
			return err
		}
	}
	return nil
}

// role grants everything on every table to everybody.
func (b *breaker) role(ctx context.Context) error {
	for _, s := range []string{b.w.clinics[0].schema, b.w.clinics[1].schema, "platform"} {
		if err := b.exec(ctx, "grant all on schema "+ident(s)+" to public", "grant all on all tables in schema "+ident(s)+" to public"); err != nil {
			return err
		}
	}
	return nil
}

// place lets the attacker's tables be the victim's.
func (b *breaker) place(ctx context.Context) error {
	own, other := b.w.clinics[0].schema, b.w.clinics[1].schema
	for _, t := range b.w.tables {
		if err := b.exec(ctx, "alter table "+t.in(own)+" rename to "+ident("gone_"+t.name), "create view "+t.in(own)+" as select * from "+t.in(other), "grant all on "+t.in(own)+" to public"); err != nil {
			return err
		}
	}
	return nil
}

// reload reads the catalogs anew after a wall went down.
func (w *world) reload(ctx context.Context) error {
	w.roles, w.barred, w.calls = nil, nil, nil
	if err := w.load(ctx, w.owner[1]); err != nil {
		return err
	}
	_, err := w.owner[1].Exec(ctx, w.marked())
	return err
}

func (s wall) String() string { return strings.ReplaceAll(string(s), "_", " ") }
