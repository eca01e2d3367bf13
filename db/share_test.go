package db_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// Whoever opens a link has the role cloister_share. These tests hold what that
// role can reach, without the product's code.

var (
	sharedLink  = uuid.MustParse("018f0000-0000-7000-8000-0000000000c0") // of seed.sql
	anothers    = uuid.MustParse("018f0000-0000-7000-8000-0000000000ca")
	anonymous   = testkit.Actor(access.Anonymous, uuid.Nil)
	sharedToken = []byte("a link")
)

// TestTheSharersRoleReachesNothing looks through the catalogs: no right on any
// table or column of any schema, and three functions of ours.
func TestTheSharersRoleReachesNothing(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Admin)
	rows, err := conn.Query(t.Context(), `select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'v', 'S') and n.nspname !~ '^(pg_|information_schema)' and (has_any_column_privilege('cloister_share', c.oid, 'select,insert,update,references')
		or has_table_privilege('cloister_share', c.oid, 'delete,truncate,trigger'))`)
	if err != nil {
		t.Fatal(err)
	}
	if may, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(may) > 0 {
		t.Errorf("it has rights on %v, %v", may, err)
	}
	rows, err = conn.Query(t.Context(), `select p.proname::text from pg_proc p where p.pronamespace = 'platform'::regnamespace and has_function_privilege('cloister_share', p.oid, 'execute') order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	may, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if diff := cmp.Diff([]string{"share_look", "share_read", "share_try"}, may); err != nil || diff != "" {
		t.Errorf("it may call others: %v\n%s", err, diff)
	}
	rows, err = conn.Query(t.Context(), `select r.rolname::text from pg_roles r where r.rolname like 'cloister%'
		and exists (select from pg_proc p where p.pronamespace = 'platform'::regnamespace and p.proname in ('share_look', 'share_read', 'share_try') and has_function_privilege(r.oid, p.oid, 'execute')) order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || !slices.Equal(who, []string{"cloister_owner", "cloister_share"}) {
		t.Errorf("these may open links: %v, %v", who, err)
	}
}

// TestTheSharersTransaction tries what somebody would who has a transaction of
// this role: the tables, the links of the other clinic, openings of others.
func TestTheSharersTransaction(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	signed := func(c testkit.Clinic, actor string) pgx.Tx { return w.AsActor(t, c, access.Share, actor) }
	for _, sql := range []string{"select full_name from patients", "select number from prescriptions", "select medicine from prescription_lines", "select id from shares",
		"select kind from share_events", "update shares set wrong_tries = 0", "select * from platform.clinics", "select platform.record_view('patients', null, null)",
		"select full_name from clinic_beta.patients", "select * from platform.gate_signin('admin')", "select * from platform.search_patients('a', 'zxa', '', '', 20)"} {
		if _, err := signed(testkit.Alpha, testkit.Actor(access.ShareActor, sharedLink)).Exec(t.Context(), sql); sqlstate(err) != "42501" && sqlstate(err) != "42P01" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	// Alpha's link is alpha's: beta, which has the same ids, has its own.
	w.Exec(t, "set session_replication_role = replica; update clinic_alpha.shares set expires_at = now() + interval '1 day', created_at = now() where id = '"+sharedLink.String()+
		"'; insert into clinic_alpha.shares (id, clinic_id, prescription_id, patient_id, token_hash, channel) select '"+anothers.String()+"', clinic_id, prescription_id, patient_id, sha256('another link'), 'copy' from clinic_alpha.shares where id = '"+sharedLink.String()+
		"'; update clinic_beta.shares set token_hash = sha256('beta''s link')")
	look := func(tx pgx.Tx) (n int) {
		if err := tx.QueryRow(t.Context(), "select count(*) from platform.share_look(sha256($1))", sharedToken).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if own, other := look(signed(testkit.Alpha, anonymous)), look(signed(testkit.Beta, anonymous)); own != 1 || other != 0 {
		t.Errorf("the link is known %d times in its clinic and %d in the other", own, other)
	}
	forged := testkit.ScopeOf(testkit.Beta, access.Share, anonymous)
	forged.Clinic = testkit.Alpha.ID.String() // signed for the other
	tx := testkit.Begin(t, testkit.Conn(t, w.App))
	if err := forged.Set(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if look(tx) != 0 {
		t.Error("a forged scope knows the link")
	}

	open := signed(testkit.Alpha, anonymous)
	var state string
	if err := open.QueryRow(t.Context(), "select state from platform.share_try(sha256($1), '1980', sha256('my opening'))", sharedToken).Scan(&state); err != nil || state != "open" {
		t.Fatalf("the right answer: %q, %v", state, err)
	}
	if err := open.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		clinic  testkit.Clinic
		actor   string
		opening string
		reads   bool
	}{
		"the opener":             {testkit.Alpha, testkit.Actor(access.ShareActor, sharedLink), "my opening", true},
		"without the key":        {testkit.Alpha, testkit.Actor(access.ShareActor, sharedLink), "", false},
		"an opening that is old": {testkit.Alpha, testkit.Actor(access.ShareActor, sharedLink), "an opening", false},
		"another link":           {testkit.Alpha, testkit.Actor(access.ShareActor, anothers), "my opening", false},
		"nobody":                 {testkit.Alpha, anonymous, "my opening", false},
		"another kind of actor":  {testkit.Alpha, testkit.Actor(access.User, sharedLink), "my opening", false},
		"the other clinic":       {testkit.Beta, testkit.Actor(access.ShareActor, sharedLink), "my opening", false},
	} {
		var doc *string
		err := signed(c.clinic, c.actor).QueryRow(t.Context(), "select platform.share_read(sha256($1), false)::text", []byte(c.opening)).Scan(&doc)
		if err != nil || (doc != nil) != c.reads {
			t.Errorf("%s reads: %v, %v", name, doc != nil, err)
		}
	}
}

// TestWhatALinkKeeps tries to bend a link's row as staff who may make and end one.
func TestWhatALinkKeeps(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	for sql, want := range map[string]string{
		"update shares set expires_at = now() + interval '20 days'": "42501",
		"update shares set wrong_tries = 0":                         "42501",
		"select token_hash from shares":                             "42501",
		"select opening_hash from share_events":                     "42501",
		"delete from shares":                                        "42501",
		"insert into share_events (id, share_id, patient_id, kind) values (gen_random_uuid(), '" + sharedLink.String() + "', '" + testkit.Asha.String() + "', 'refused')": "42501",
		"insert into shares (id, prescription_id, patient_id, token_hash, channel, expires_at) values (gen_random_uuid(), '018f0000-0000-7000-8000-0000000000a4', '" +
			testkit.Asha.String() + "', sha256('x'), 'copy', now() + interval '40 days')": "23514",
		"insert into shares (id, prescription_id, patient_id, token_hash, channel) values (gen_random_uuid(), gen_random_uuid(), '" + testkit.Asha.String() + "', sha256('x'), 'copy')": "23503",
		"insert into shares (id, prescription_id, patient_id, token_hash, channel, created_by) values (gen_random_uuid(), '018f0000-0000-7000-8000-0000000000a4', '" +
			testkit.Asha.String() + "', sha256('x'), 'copy', '" + testkit.Nurse.String() + "')": "42501",
	} {
		if _, err := w.As(t, testkit.Alpha, access.Receptionist).Exec(t.Context(), sql); sqlstate(err) != want {
			t.Errorf("%s: %v, want %s", sql, err, want)
		}
	}
	// What is revoked stays so, by whom and when the database says.
	tx := w.As(t, testkit.Alpha, access.Doctor)
	for _, sql := range []string{"update shares set revoked_at = '2000-01-01'", "update shares set revoked_at = null"} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	var right bool
	if err := tx.QueryRow(t.Context(), "select revoked_at = now() and revoked_by = $1 from shares", testkit.Doctor).Scan(&right); err != nil || !right {
		t.Errorf("revoked: %v, %v", right, err)
	}
	// The patient of a row is the prescription's, whatever is sent.
	desk := w.As(t, testkit.Alpha, access.Receptionist)
	if err := desk.QueryRow(t.Context(), "insert into shares (id, prescription_id, patient_id, token_hash, channel) values (gen_random_uuid(), '018f0000-0000-7000-8000-0000000000a4', $1, sha256('x'), 'copy') returning patient_id = $2",
		testkit.Bilal, testkit.Asha).Scan(&right); err != nil || !right {
		t.Errorf("the row's patient: %v, %v", right, err)
	}
}
