package db_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// These tests are what somebody would try who has a staff member's transaction
// and may write the statements in it.

// The operators' door opens to the gate's own signed scope for no clinic; the
// role alone, which every session of the service may take, is told nothing and
// shuts nobody out.
func TestTheOperatorsDoorWantsASignature(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	const login = "operator@cloister.example"
	w.Exec(t, "update platform.operators set password_hash = 'a hash'")
	w.Exec(t, "insert into platform.operator_sessions (id, operator_id, token_hash) values (gen_random_uuid(), $1, sha256('token'))", testkit.Operator)
	ask := func(tx pgx.Tx) (hashes, sessions int) {
		t.Helper()
		if err := tx.QueryRow(t.Context(), "select count(*) from platform.gate_operator_signin($1)", login).Scan(&hashes); err != nil {
			t.Fatal(err)
		}
		if err := tx.QueryRow(t.Context(), "select count(*) from platform.gate_operator_session(sha256('token'))").Scan(&sessions); err != nil {
			t.Fatal(err)
		}
		return hashes, sessions
	}
	right := testkit.ScopeOf(testkit.Clinic{}, access.Gate, testkit.ActorOf(access.Gate))
	right.Path, right.Clinic = "platform, pg_temp", ""
	right.Signature = testkit.SignText("", right.Actor, access.Gate)
	bare := testkit.Scope{Role: access.Gate.PG()}
	stolen := scope(testkit.Alpha, access.Receptionist)
	stolen.Role = access.Gate.PG()
	for name, c := range map[string]struct {
		s    testkit.Scope
		want int
	}{
		"signed for no clinic": {right, 1}, "the role alone": {bare, 0}, "a receptionist's signature": {stolen, 0}, "a clinic's gate": {scope(testkit.Alpha, access.Gate), 0},
	} {
		t.Run(name, func(t *testing.T) {
			tx := testkit.Begin(t, testkit.Conn(t, w.App))
			if err := c.s.Set(t.Context(), tx); err != nil {
				t.Fatal(err)
			}
			if hashes, sessions := ask(tx); hashes != c.want || sessions != c.want {
				t.Errorf("told %d hashes and %d sessions, want %d", hashes, sessions, c.want)
			}
		})
	}
}

// However often somebody tries a wrong password, the account rests for a
// quarter of an hour at most and opens again.
func TestTriesBeyondCountingShutNobodyOut(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	own := w.As(t, testkit.Alpha, access.Owner)
	var name string
	if err := own.QueryRow(t.Context(), "update users set failed_attempts = 5000 where id = $1 returning username", testkit.Doctor).Scan(&name); err != nil {
		t.Fatal(err)
	}
	if err := own.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, ask := range []string{"select count(*) from platform.gate_signin('" + name + "')", "select count(*) from platform.gate_reauth('" + testkit.Doctor.String() + "')"} {
		var n int
		gate := w.As(t, testkit.Alpha, access.Gate)
		if err := gate.QueryRow(t.Context(), ask).Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: %d, %v", ask, n, err)
		}
		if err := gate.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	gate := w.As(t, testkit.Alpha, access.Gate)
	if _, err := gate.Exec(t.Context(), "select platform.gate_signin($1)", name); err != nil {
		t.Fatal(err)
	}
	if err := gate.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rest time.Duration
	if err := testkit.Conn(t, w.Admin).QueryRow(t.Context(), "select locked_until - now() from clinic_alpha.users where id = $1", testkit.Doctor).Scan(&rest); err != nil || rest > 15*time.Minute || rest < 14*time.Minute {
		t.Errorf("the account rests for %v, %v", rest, err)
	}
}

// What a session may call holds up no other clinic and tells it nothing.
func TestNoFunctionReachesOutOfTheTransaction(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	for _, role := range append(access.StaffRoles(), access.Patient, access.Display, access.Gate, access.Share) {
		for _, sql := range []string{
			"select pg_advisory_lock(1)", "select pg_try_advisory_lock(1, 2)", "select pg_advisory_xact_lock_shared(1)", "select pg_notify('cloister_registry', '" + testkit.Beta.ID.String() + "')",
			"select pg_logical_emit_message(false, 'a', 'b')", "select query_to_xml('select 1', true, true, '')", "select database_to_xml(true, true, '')",
			"select ext.set_limit(1)", "select lo_creat(1)", "select pg_read_file('PG_VERSION')", "select pg_cancel_backend(pid) from pg_stat_activity where usename = 'cloister_migrator' or pid <> pg_backend_pid()",
			"select platform.next_number('clinic_beta', 'patient', '2026')", "select platform.take_quota('patients', 1)", "select platform.trail_row('clinic_beta', 'view', 'patients', null, null, null, null)",
			"select kid from platform.scope_keys", "select platform.at_platform_gate()",
		} {
			tx := w.As(t, testkit.Alpha, role)
			if _, err := tx.Exec(t.Context(), sql); err == nil {
				t.Errorf("%s: %s was let through", role, sql)
			}
			_ = tx.Rollback(t.Context())
		}
	}
}

// An event names the signed clinic, whatever is told of it.
func TestEventsAreOfTheSignedClinic(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	ear := testkit.Conn(t, w.Admin)
	if _, err := ear.Exec(t.Context(), "listen cloister; listen cloister_registry"); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"queue:" + testkit.Beta.ID.String(), "", "a b", strings.Repeat("x", 31)} {
		tx := w.As(t, testkit.Alpha, access.Receptionist)
		if _, err := tx.Exec(t.Context(), "select platform.tell($1, $2)", topic, uuid.Nil); sqlstate(err) != "42501" {
			t.Errorf("topic %q: %v, want 42501", topic, err)
		}
	}
	unsigned := scope(testkit.Alpha, access.Receptionist)
	unsigned.Clinic = testkit.Beta.ID.String()
	forged := testkit.Begin(t, testkit.Conn(t, w.App))
	if err := unsigned.Set(t.Context(), forged); err != nil {
		t.Fatal(err)
	}
	if _, err := forged.Exec(t.Context(), "select platform.tell('queue', $1)", uuid.Nil); sqlstate(err) != "42501" {
		t.Errorf("a forged clinic: %v, want 42501", err)
	}
	tx := w.As(t, testkit.Alpha, access.Receptionist)
	if _, err := tx.Exec(t.Context(), "select platform.tell('queue', $1)", testkit.Visit); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	n, err := ear.WaitForNotification(t.Context())
	if want := fmt.Sprintf("%s:queue:%s", testkit.Alpha.ID, testkit.Visit); err != nil || n.Payload != want {
		t.Errorf("heard %v, %v; want %s", n, err, want)
	}
}

// Nobody but its writer reads a draft, the clinic's admin not in the trail.
func TestTheTrailKeepsNoDraft(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	doctor := w.As(t, testkit.Alpha, access.Doctor)
	id := uuid.New()
	for _, sql := range []string{"insert into drafts (id, user_id, kind, body) values ($1, '" + testkit.Doctor.String() + `', 'consultation', '{"text": "unfinished thought"}')`, "delete from drafts where id = $1"} {
		if _, err := doctor.Exec(t.Context(), sql, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := doctor.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows, told int
	err := w.As(t, testkit.Alpha, access.ClinicAdmin).QueryRow(t.Context(),
		"select count(*), count(*) filter (where t::text like '%unfinished%') from (select before, after from trail where record_id = $1) t", id).Scan(&rows, &told)
	if err != nil || rows != 2 || told != 0 {
		t.Errorf("%d rows of the trail, %d of them with the draft's words, %v", rows, told, err)
	}
}

// A session can't be given a last sign of life that never grows old.
func TestASessionOfTheFutureIsNone(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	doctor := w.As(t, testkit.Alpha, access.Doctor)
	if _, err := doctor.Exec(t.Context(), "insert into sessions (id, user_id, token_hash, last_seen_at) values ($1, $2, sha256('now'), now()), ($3, $2, sha256('ever'), 'infinity')",
		uuid.New(), testkit.Doctor, uuid.New()); err != nil {
		t.Fatal(err)
	}
	if err := doctor.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{"now": 1, "ever": 0} {
		var n int
		if err := w.As(t, testkit.Alpha, access.Gate).QueryRow(t.Context(), "select count(*) from platform.gate_session(sha256($1::text::bytea))", token).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d sessions, %v, want %d", token, n, err, want)
		}
	}
}

// A name that one clinic left and another has by a race leads to the one that has it.
func TestASlugLeadsToWhoHasIt(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	w.Exec(t, "insert into platform.old_slugs (slug, clinic_id) values ('beta', $1)", testkit.Alpha.ID)
	rows, err := testkit.Conn(t, w.App).Query(t.Context(), "select id from platform.resolve_clinic('beta')")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(ids) != 1 || ids[0] != testkit.Beta.ID {
		t.Errorf("the slug leads to %v, %v", ids, err)
	}
}

// Hostile words to the search stay words, and find nobody of another clinic.
func TestHostileWordsFindNobodyElse(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	only := w.As(t, testkit.Beta, access.Receptionist)
	secret := uuid.New()
	if _, err := only.Exec(t.Context(), "insert into patients (id, first_name, search_key, phone, registered_on) values ($1, 'Xenia', 'xenia zxsnia', '+919812312312', now())", secret); err != nil {
		t.Fatal(err)
	}
	if err := only.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	hostile := []string{"xenia", "' | 'xenia", "xenia:* & !", "\\", "E'\\''", "a:b", ") or true --", "%I %s %1$I", "$1", "!!", "<->", "''''", "\u202exenia", "clinic_beta.patients", "%", "__", "%%%%", "9812312312"}
	for _, x := range hostile {
		for _, args := range [][]any{{x, x, "", "", 50}, {x, "", "", "", 0}, {"", "", x, "", 50}, {"", "", "", x, 50}, {x, x, x, x, -1}, {x, nil, nil, nil, nil}} {
			rows, err := w.As(t, testkit.Alpha, access.Receptionist).Query(t.Context(), "select id from platform.search_patients($1, $2, $3, $4, $5)", args...)
			if err != nil {
				t.Fatal(err)
			}
			ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			if err != nil {
				t.Errorf("%q: %v", args, err)
			}
			for _, id := range ids {
				if id == secret {
					t.Errorf("%q found the other clinic's patient", args)
				}
			}
		}
	}
}

// A row can't be moved to somebody else, into another clinic or out of sight.
func TestOwnRowsStayOwn(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin, beta := testkit.ClinicAdmin.String(), testkit.Beta.ID.String()
	for role, tries := range map[access.Role][]string{
		access.Doctor: {
			"update users set id = '" + admin + "'", "update users set role = 'clinic_admin'", "update users set username = 'x'", "update users set phone = '' returning email", "select u from users u",
			"select to_jsonb(u) from users u", "update profiles set user_id = '" + admin + "'", "update drafts set user_id = '" + admin + "'", "update sessions set user_id = '" + admin + "'",
			"insert into sessions (id, user_id, token_hash) values (gen_random_uuid(), '" + admin + "', sha256('x'))", "select token_hash from sessions",
			"insert into drafts (id, user_id, kind, body) values (gen_random_uuid(), '" + admin + "', 'patient', '{}')", "update patients set clinic_id = '" + beta + "'",
			"insert into submissions (id, user_id, action, result_id) values (gen_random_uuid(), '" + admin + "', 'x', gen_random_uuid())",
		},
		access.Receptionist: {
			"update patients set clinic_id = '" + beta + "'", "update visits set patient_id = '" + testkit.Bilal.String() + "'", "insert into clinic_beta.patients (id, first_name, registered_on, clinic_id) values (gen_random_uuid(), 'x', now(), '" + beta + "')",
			"insert into clinic_beta.patients (id, first_name, registered_on, clinic_id) values (gen_random_uuid(), 'x', now(), '" + testkit.Alpha.ID.String() + "')",
			"insert into clinic_beta.visits (id, patient_id, doctor_id, day, kind, arrived_at) values (gen_random_uuid(), '" + testkit.Asha.String() + "', '" + testkit.Doctor.String() + "', now(), 'routine', now())",
		},
		access.Patient: {
			"select before from trail", "update patients set id = gen_random_uuid()", "update patients set note = 'x'", "insert into sessions (id, user_id, token_hash) values (gen_random_uuid(), '" + admin + "', sha256('x'))",
			"update invitations set patient_id = null, user_id = '" + admin + "'",
		},
		access.Display: {"update visits set state = 'called'", "select patient_id from visits", "select full_name from patients"},
		access.ClinicAdmin: {
			"update platform.clinics set slug = 'beta'", "update platform.clinics set plan = 'enterprise'", "update platform.clinics set status = 'active'", "update trail set reason = 'x'",
			"insert into sessions (id, user_id, token_hash) values (gen_random_uuid(), '" + testkit.Doctor.String() + "', sha256('x'))", "select password_hash from users",
		},
	} {
		for _, sql := range tries {
			tx := w.As(t, testkit.Alpha, role)
			if tag, err := tx.Exec(t.Context(), sql); err == nil {
				t.Errorf("%s: %s was let through: %s", role, sql, tag)
			}
			_ = tx.Rollback(t.Context())
		}
	}
}

// A follow-up is of its consultation's patient and doctor, whatever the row says.
func TestAFollowUpIsOfItsConsultation(t *testing.T) {
	t.Parallel()
	tx := testkit.New(t).As(t, testkit.Alpha, access.Doctor)
	var patient, doctor uuid.UUID
	err := tx.QueryRow(t.Context(), `insert into follow_ups (id, consultation_id, patient_id, doctor_id, due_on, note)
		select $1, c.id, $2, $3, '2030-01-01', 'of Asha' from consultations c where c.patient_id = $4 and c.doctor_id = $5 returning patient_id, doctor_id`,
		uuid.New(), testkit.Bilal, testkit.SecondDoctor, testkit.Asha, testkit.Doctor).Scan(&patient, &doctor)
	if err != nil || patient != testkit.Asha || doctor != testkit.Doctor {
		t.Errorf("of patient %v and doctor %v, %v", patient, doctor, err)
	}
}
