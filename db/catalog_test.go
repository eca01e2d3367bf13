package db_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/testkit"
)

// TestEveryColumnIsClassified compares docs/classification.md with the catalogs.
func TestEveryColumnIsClassified(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../docs/classification.md")
	if err != nil {
		t.Fatal(err)
	}
	clinic, platform, _ := strings.Cut(string(raw), "## Schema platform")
	conn := testkit.Conn(t, testkit.New(t).Admin)
	for schema, page := range map[string]string{testkit.Alpha.Schema: clinic, "platform": platform} {
		class := map[string]string{}
		for _, l := range tableAfter(page, "| table | class |") {
			c := cells(l)
			for _, col := range strings.Split(c[2], ", ") {
				if class[c[0]+"."+col] != "" {
					t.Errorf("%s.%s is classed twice", c[0], col)
				}
				class[c[0]+"."+col] = c[1]
			}
		}
		for table, columns := range columnsOf(t, conn, schema) {
			for _, col := range columns {
				key := table + "." + col
				switch class[key] {
				case "public", "internal", "personal", "clinical", "secret":
				default:
					t.Errorf("%s.%s has no class: it is secret until docs/classification.md says otherwise", schema, key)
				}
				if class[key] == "secret" && schema != "platform" && !digested(t, conn, schema, table, col) {
					t.Errorf("%s is secret, but the trail would keep it as it is", key)
				}
				delete(class, key)
			}
		}
		for gone := range class {
			t.Errorf("docs/classification.md names %s, which is not in %s", gone, schema)
		}
	}
}

// digested reports whether the table's trail trigger has the column among its secret ones.
func digested(t *testing.T, conn *pgx.Conn, schema, table, column string) bool {
	t.Helper()
	var args string
	err := conn.QueryRow(t.Context(), `select encode(tgargs, 'escape') from pg_trigger where tgname = 'trail' and tgrelid = $1::regclass`,
		pgx.Identifier{schema, table}.Sanitize()).Scan(&args)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(args, `\000`)
	return len(parts) > 1 && strings.Contains(","+parts[1]+",", ","+column+",")
}

// definers is the reviewed list: functions that run with their owner's rights.
// Each fixes its search_path with pg_temp last and reads the clinic from the
// signature, never from an argument. A new one is added here by a person who
// has read it.
var definers = []string{
	"clinic_today", "count_user", "current_actor", "current_clinic", "current_operator_id", "current_patient_id", "current_user_id",
	"find_clinics", "gate_operator_session", "gate_operator_signin", "gate_reauth", "gate_session", "gate_signin", "guard_appointment", "guard_consultation",
	"guard_document", "guard_follow_up", "guard_imported", "guard_leave", "guard_note", "guard_prescription", "guard_prescription_line", "guard_share", "guard_share_event", "guard_test_request", "guard_vitals", "learn_words", "move_visit",
	"next_number", "note_activity", "number_patient", "number_token", "own_login", "platform_version", "record_change", "record_ledger", "record_move", "record_registry_change",
	"record_view", "registered", "reserve_patients", "reserve_prescriptions", "resolve_clinic", "seal_registry", "seal_trail", "search_icd10", "search_patients", "share_look", "share_read", "share_try", "signing_keys", "take_quota", "tell", "tell_registry", "trail_row",
}

func TestFunctionsWithTheirOwnersRights(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Admin)
	rows, err := conn.Query(t.Context(), `select proname::text from pg_proc where prosecdef and pronamespace <> 'pg_catalog'::regnamespace order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(definers, got); diff != "" {
		t.Errorf("SECURITY DEFINER functions against the reviewed list:\n%s", diff)
	}
	for what, sql := range map[string]string{
		"without a fixed path": `select proname::text from pg_proc where prosecdef and pronamespace <> 'pg_catalog'::regnamespace
			and not coalesce(proconfig @> '{"search_path=pg_catalog, pg_temp"}', false)`,
		"executable by everybody": `select p.proname::text from pg_proc p where p.pronamespace = 'platform'::regnamespace
			and (p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0))`,
		"owned by another than the owner": `select p.proname::text from pg_proc p where p.pronamespace = 'platform'::regnamespace
			and p.proowner <> case when p.proname = 'search_patients' then 'cloister_search' else 'cloister_owner' end::regrole`,
	} {
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		if bad, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(bad) > 0 {
			t.Errorf("functions %s: %v, %v", what, bad, err)
		}
	}
}

// TestCatalogRules are the rules of the design that the catalogs can answer:
// each query must return nothing.
func TestCatalogRules(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Admin)
	for rule, sql := range map[string]string{
		"no foreign key leaves its schema": `select conname::text from pg_constraint k join pg_class a on a.oid = k.conrelid join pg_class b on b.oid = k.confrelid
			where k.contype = 'f' and a.relnamespace <> b.relnamespace`,
		"no schema public":                        `select nspname::text from pg_namespace where nspname = 'public'`,
		"no identity column":                      `select attname::text from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relnamespace::regnamespace::text like 'clinic%' and attidentity <> ''`,
		"every wall is forced":                    `select relname::text from pg_class where relkind in ('r', 'p') and relnamespace::regnamespace::text ~ '^(platform|clinic_)' and not (relrowsecurity and relforcerowsecurity)`,
		"only reviewed roles bypass the policies": `select rolname::text from pg_roles where rolname like 'cloister%' and (rolsuper or rolbypassrls and rolname not in ('cloister_search', 'cloister_backup'))`,
		"no role inherits":                        `select rolname::text from pg_roles where rolname like 'cloister%' and rolinherit`,
		"staff roles own nothing":                 `select relname::text from pg_class where relowner in (select oid from pg_roles where rolname like 'cloister%' and rolname not in ('cloister_owner', 'cloister_search'))`,
		"the service is a member of staff roles only": `select roleid::regrole::text from pg_auth_members where member = 'cloister_app'::regrole
			and roleid::regrole::text in ('cloister_owner', 'cloister_migrator', 'cloister_search', 'cloister_backup', 'cloister_auditor')`,
		"the auditor reads no row":             `select table_name::text from information_schema.table_privileges where grantee = 'cloister_auditor' and table_schema ~ '^(platform|clinic_)'`,
		"PUBLIC may not make temporary tables": `select datname::text from pg_database, aclexplode(datacl) a where datname = current_database() and a.grantee = 0`,
		"PUBLIC may use no language":           `select lanname::text from pg_language, aclexplode(coalesce(lanacl, acldefault('l', lanowner))) a where lanpltrusted and a.grantee = 0`,
	} {
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		if bad, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(bad) > 0 {
			t.Errorf("%s: %v, %v", rule, bad, err)
		}
	}
}

// TestStatementsStaySpreadable holds what lets the same SQL run on Citus with
// schema-based sharding, and while clinics are at two versions.
func TestStatementsStaySpreadable(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../queries/tenant/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no queries: %v", err)
	}
	rules := map[string]*regexp.Regexp{
		"names its columns":             regexp.MustCompile(`(?i)select\s+(\w+\.)?\*|returning\s+\*`),
		"no INSERT … SELECT":            regexp.MustCompile(`(?is)insert\s+into\s+[\w.]+\s*(\([^)]*\))?\s*select`),
		"no MERGE":                      regexp.MustCompile(`(?i)\bmerge\s+into\b`),
		"no sub-select in VALUES":       regexp.MustCompile(`(?is)values\s*\([^;]*\(\s*select`),
		"names no other schema's table": regexp.MustCompile(`(?i)\b(clinic|spare)_[a-z0-9]+\.`),
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range strings.Split(string(raw), "-- name: ") {
			for rule, re := range rules {
				if re.MatchString(q) {
					t.Errorf("%s: %s: %s", filepath.Base(f), rule, strings.SplitN(q, "\n", 2)[0])
				}
			}
		}
	}
}
