package prove

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

var update = flag.Bool("update", false, "write the table of docs/isolation anew")

// mutation is one way to break the database; $a and $b stand for the schemas of
// the two throw-away clinics, b the victim.
type mutation struct {
	what   string
	sql    string
	undo   string
	probes string // each of which must tell of it
}

const scopeFunction = `create or replace function platform.current_clinic() returns uuid language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $f$
begin return (select nullif(current_setting('app.clinic_id', true), '')::uuid from platform.scope_keys k where %s); end $f$`

func signed(role string) string {
	return "encode(sha256(k.outer_pad || sha256(k.inner_pad || convert_to(current_setting('app.clinic_id', true) || '|' || current_setting('app.actor', true) || '|' || " + role + ", 'UTF8'))), 'hex')"
}

func scopeThat(condition string) string { return fmt.Sprintf(scopeFunction, condition) }

var mutations = []mutation{
	{"the clinic is believed without a signature", unsignedScope[0], "", "CLO-P007 CLO-P008 CLO-P010"},
	{"any known key id is a signature", scopeThat("k.kid = split_part(current_setting('app.sig', true), ':', 1)"), "", "CLO-P007 CLO-P008"},
	{"a signature is compared as far as it goes", scopeThat("starts_with(" + signed("current_setting('role')") + ", split_part(current_setting('app.sig', true), ':', 2))"), "", "CLO-P007"},
	{"a signature for any role counts", scopeThat("exists (select from pg_roles r where " + signed("r.rolname") + " = split_part(current_setting('app.sig', true), ':', 2))"), "", "CLO-P007 CLO-P009"},
	{"a missing signature counts", scopeThat("coalesce(current_setting('app.sig', true), '') = ''"), "", "CLO-P007"},
	{"a policy of reading without the wall", "create policy open on $b.patients for select to public using (true)", "drop policy open on $b.patients", "CLO-P001 CLO-P002 CLO-P003 CLO-P005 CLO-P011 CLO-P016 CLO-P021 CLO-P022"},
	{"an own-row policy without the wall", "create policy open on $b.drafts for select to cloister_doctor using (user_id = (select platform.current_user_id()))", "drop policy open on $b.drafts", "CLO-P001"},
	{"row-level security off in one table", "alter table $b.visits disable row level security", "alter table $b.visits enable row level security", "CLO-P001 CLO-P003 CLO-P005"},
	{"a policy of changing without the wall", "create policy open on $b.departments for all to cloister_clinic_admin using (true); alter table $b.departments disable trigger user",
		"drop policy open on $b.departments; alter table $b.departments enable trigger user", "CLO-P004"},
	{"rows without a role", "alter table $b.patients disable row level security; grant usage on schema $b to cloister_app; grant select on $b.patients to cloister_app",
		"alter table $b.patients enable row level security; revoke usage on schema $b from cloister_app; revoke select on $b.patients from cloister_app", "CLO-P020"},
	{"a view with its owner's rights", "create view platform.every_patient as select * from $b.patients; grant select on platform.every_patient to cloister_doctor", "drop view platform.every_patient", "CLO-P002"},
	{"a function with its owner's rights that takes the record from its caller", `create function platform.peek(id uuid) returns setof text language plpgsql security definer set search_path = pg_catalog, pg_temp as
		$f$ begin return query select p::text from $b.patients p where p.id = peek.id; end $f$; grant execute on function platform.peek(uuid) to cloister_doctor`, "drop function platform.peek(uuid)", "CLO-P010"},
	{"a foreign key into another clinic's table", "alter table $a.visits disable trigger user, drop constraint visits_doctor_id_fkey, add constraint visits_doctor_id_fkey foreign key (doctor_id) references $b.users (id) not valid",
		"alter table $a.visits enable trigger user, drop constraint visits_doctor_id_fkey, add constraint visits_doctor_id_fkey foreign key (doctor_id) references $a.users (id)", "CLO-P015"},
	{"a policy of the registry without the wall", "create policy open on platform.clinics for select to cloister_doctor using (true)", "drop policy open on platform.clinics", "CLO-P018"},
	{"temporary tables for everybody", "do $f$ begin execute format('grant temporary on database %I to public', current_database()); end $f$",
		"do $f$ begin execute format('revoke temporary on database %I from public', current_database()); end $f$", "CLO-P012"},
	{"a language for everybody", "grant usage on language plpgsql to public", "revoke usage on language plpgsql from public", "CLO-P011"},
	{"large objects for everybody", "grant execute on function pg_catalog.lo_create(oid) to public", "revoke execute on function pg_catalog.lo_create(oid) from public", "CLO-P014"},
	{"advisory locks for everybody", "grant execute on function pg_catalog.pg_advisory_xact_lock(bigint) to public", "revoke execute on function pg_catalog.pg_advisory_xact_lock(bigint) from public", "CLO-P014"},
	{"events by function for everybody", "grant execute on function pg_catalog.pg_notify(text, text) to public", "revoke execute on function pg_catalog.pg_notify(text, text) from public", "CLO-P014"},
	{"sessions may be ended by everybody", "grant execute on function pg_catalog.pg_cancel_backend(integer) to public", "revoke execute on function pg_catalog.pg_cancel_backend(integer) from public", "CLO-P014"},
	{"a table that belongs to a staff role", "grant create on schema $b to cloister_clinic_admin; alter table $b.addenda owner to cloister_clinic_admin",
		"alter table $b.addenda owner to cloister_owner; revoke create on schema $b from cloister_clinic_admin", "CLO-P013"},
	{"a sequence for everybody in a clinic's schema", "create sequence $b.addenda_id_seq; grant all on sequence $b.addenda_id_seq to public", "drop sequence $b.addenda_id_seq", "CLO-P017"},
	{"statistics readable by everybody", "grant select on pg_catalog.pg_statistic to public", "revoke select on pg_catalog.pg_statistic from public", "CLO-P016"},
	{"the server's files readable by everybody", "grant execute on function pg_catalog.pg_read_file(text) to public", "revoke execute on function pg_catalog.pg_read_file(text) from public", "CLO-P011"},
}

// kit is a world under attack in a test's database.
func kit(t *testing.T) (*world, *testkit.DB) {
	t.Helper()
	db := testkit.New(t)
	k, err := keys.Parse(base64.StdEncoding.EncodeToString(testkit.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	m, err := migrate.New(migrate.Config{Migrator: db.Migrator, Keys: k})
	if err != nil {
		t.Fatal(err)
	}
	s, err := provision.Open(t.Context(), provision.Config{DSN: db.Migrator, Keys: k, Migrator: m})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := &proof{conf: Config{App: db.App, Migrator: db.Migrator, Keys: k, Told: func(string) {}}, tag: newTag()}
	w := &world{keys: k, app: db.App, copy: true} // one direction, and the first leak is enough
	if err := p.throwaways(t.Context(), s, w); err != nil {
		t.Fatal(err)
	}
	if err := w.open(t.Context(), db.Migrator); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.close(context.Background()) })
	return w, db
}

// Every mutation is told by each of the probes that are named for it, with a
// script to see it again. They share one database and are undone after each: a
// copy for every one would take minutes.
func TestAttacksFindEveryMutation(t *testing.T) {
	t.Parallel()
	w, db := kit(t)
	admin := testkit.Conn(t, db.Admin)
	p := &prompt{t: t, victim: w.clinics[1], logins: map[string]string{login: db.App, "cloister_migrator": db.Migrator}, sessions: map[string]*session{}}
	b := &breaker{w: w, admin: admin}
	var whole string
	if err := admin.QueryRow(t.Context(), "select pg_get_functiondef('platform.current_clinic'::regproc)").Scan(&whole); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$a", ident(w.clinics[0].schema), "$b", ident(w.clinics[1].schema))
	for _, m := range mutations {
		t.Run(m.what, func(t *testing.T) {
			if m.undo == "" {
				m.undo = whole
			}
			if err := b.exec(t.Context(), fill.Replace(m.sql)); err != nil {
				t.Fatal(err)
			}
			if err := w.reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			scripts := map[string]string{}
			for _, id := range strings.Fields(m.probes) {
				all := found(t, w, id)
				if all.Verdict() != isolation.Found {
					t.Errorf("%s does not tell of it", id)
					continue
				}
				scripts[id] = all.Findings[0].Reproduce
				if got := p.leak(scripts[id]); got == "" {
					t.Errorf("the script of %s shows nothing:\n%s", id, scripts[id])
				}
			}
			if err := b.exec(t.Context(), fill.Replace(m.undo)); err != nil {
				t.Fatal(err)
			}
			for id, script := range scripts {
				if got := p.leak(script); got != "" {
					t.Errorf("with the wall up again the script of %s shows %s:\n%s", id, got, script)
				}
			}
		})
	}
	if err := w.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"CLO-P001", "CLO-P007"} { // or the mutations after the first would prove nothing
		if all := found(t, w, id); all.Verdict() != isolation.Clean {
			t.Errorf("with everything undone %s says %s", id, all.Findings[0].Reason)
		}
	}
}

// found is the report of one probe.
func found(t *testing.T, w *world, id string) isolation.Report {
	t.Helper()
	ps, err := chosen(Config{Only: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	all, err := w.attack(t.Context(), ps, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	r := isolation.Report{Kind: isolation.Prove, Rules: Rules()}
	w.tell(&r, all)
	return r
}

// TestThePageNamesEveryMutation compares docs/isolation/mutations.md with the list.
func TestThePageNamesEveryMutation(t *testing.T) {
	t.Parallel()
	const from, to = "<!-- prove: begin -->\n", "<!-- prove: end -->"
	var b strings.Builder
	b.WriteString("| what was done | found by |\n|---|---|\n")
	for _, m := range mutations {
		var ids []string
		for _, id := range strings.Fields(m.probes) {
			ids = append(ids, "["+id+"](prove.md#"+strings.ToLower(id)+")")
		}
		b.WriteString("| " + m.what + " | " + strings.Join(ids, ", ") + " |\n")
	}
	compare(t, "../../../docs/isolation/mutations.md", from, b.String(), to)
}

// TestThePageExplainsEveryProbe does the same with docs/isolation/prove.md, whose
// headings are the help addresses of findings.
func TestThePageExplainsEveryProbe(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, p := range probes() {
		b.WriteString("\n### " + p.rule.ID + "\n\n**" + p.rule.Title + "** (" + string(p.rule.Severity) + "). " + p.rule.Why + "\n\n")
		for _, r := range p.routes {
			line := "- " + r.name
			if r.limit != "" {
				line += ": " + r.limit
			} else {
				var walls []string
				for _, d := range r.down {
					walls = append(walls, string(d))
				}
				line += " (control: " + strings.Join(walls, ", ") + ")"
			}
			if r.quiet {
				line += ", also on clinics at work"
			}
			b.WriteString(line + "\n")
		}
	}
	for _, r := range Rules()[len(probes()):] {
		b.WriteString("\n### " + r.ID + "\n\n**" + r.Title + "** (" + string(r.Severity) + "). " + r.Why + "\n")
	}
	compare(t, "../../../docs/isolation/prove.md", "<!-- probes: begin -->\n", b.String()+"\n", "<!-- probes: end -->")
}

func compare(t *testing.T, file, from, want, to string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(raw), from)
	got, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the list between %q and %q", file, from, to)
	}
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the code says; go test ./tenants/isolation/prove -update writes it", file)
	}
	if err := os.WriteFile(file, []byte(head+from+want+to+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
