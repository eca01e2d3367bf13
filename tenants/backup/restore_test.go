package backup_test

import (
	"errors"
	"io"
	"testing"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/backup"
)

func TestARestoredExportIsTheSame(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	file, first := k.export(t, "alpha", backup.ExportOptions{})
	if first.Manifest.Files.Count != 3 || first.Unopened != 0 || first.Manifest.Rows() < 100 {
		t.Errorf("exported %+v", first.Manifest)
	}
	out, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{As: "alpha-again", Pace: 90})
	if err != nil {
		t.Fatal(err)
	}
	if out.Rested <= 0 || out.Rested > out.Took/2 {
		t.Errorf("it rested %s of %s", out.Rested, out.Took)
	}
	if !k.routes(t, "alpha-again") || out.Status != "active" || out.Schema != "clinic_alpha_again" {
		t.Errorf("restored %+v", out)
	}
	_, second := k.export(t, "alpha-again", backup.ExportOptions{})
	if d := first.Manifest.Differing(second.Manifest); len(d) > 0 {
		t.Errorf("the export of the restored export differs in %v", d)
	}
	k.audited(t)
	home := testkit.Clinic{ID: out.ID, Slug: out.Slug, Schema: out.Schema}
	// The service's own roles see it, through its walls.
	tx := k.As(t, home, access.Receptionist)
	var n int
	if err := tx.QueryRow(t.Context(), "select count(*) from patients").Scan(&n); err != nil || n != 3 {
		t.Errorf("reception sees %d patients, %v", n, err)
	}
	if err := tx.QueryRow(t.Context(), "select count(*) from platform.search_patients('asha', '', '', '', 5)").Scan(&n); err != nil || n < 1 {
		t.Errorf("the search finds %d, %v", n, err)
	}
	// What was encrypted opens under the copy's own keys and not under the others'.
	cipher := value[[]byte](t, k.admin, "select id_cipher from clinic_alpha_again.patients where id = $1", testkit.Bilal)
	at := keys.Place{Table: "patients", Row: testkit.Bilal, Column: "id_cipher"}
	if plain, err := k.keyset(t, out.ID).Decrypt(at, cipher); err != nil || string(plain) != secretNumber {
		t.Errorf("the number is %q, %v", plain, err)
	}
	if _, err := k.keyset(t, testkit.Alpha.ID).Decrypt(at, cipher); err == nil {
		t.Error("the copy's number opens under the original's keys")
	}
	blind, _ := k.keyset(t, out.ID).BlindIndex("patients.id_cipher.aadhaar", secretNumber)
	if n := value[int](t, k.admin, "select count(*)::int from clinic_alpha_again.patients where id_blind = $1", blind); n != 1 {
		t.Errorf("the blind index finds %d", n)
	}
	for _, id := range documents {
		r, err := k.store.Open(t.Context(), k.keyset(t, out.ID), out.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("file %s: %v", id, err)
		}
		_ = r.Close()
	}
	// No way in came along.
	for what, sql := range map[string]string{
		"sessions": "select count(*)::int from clinic_alpha_again.sessions",
		"links":    "select count(*)::int from clinic_alpha_again.shares c join clinic_alpha.shares a using (token_hash)",
		"openings": "select count(*)::int from clinic_alpha_again.share_events c join clinic_alpha.share_events a using (opening_hash)",
	} {
		if n := value[int](t, k.admin, sql); n != 0 {
			t.Errorf("%d %s of the original are good for the copy", n, what)
		}
	}
	same := "select string_agg(kind || used, ' ' order by kind) from platform.usage where clinic_id = $1"
	if a, b := value[string](t, k.admin, same, testkit.Alpha.ID), value[string](t, k.admin, same, out.ID); a != b {
		t.Errorf("the copy uses %s, the original %s", b, a)
	}
	// Who took it out and brought it back is on the registry's trail.
	if acts := value[string](t, k.admin, `select string_agg(concat_ws(' ', action, after ->> 'action', after ->> 'finished_at' is not null), ', ' order by xact, id)
		from platform.trail where entity = 'provisionings'`); acts != "insert export t, insert copy f, update copy t, insert export t" {
		t.Errorf("the registry's trail tells %s", acts)
	}
	// Numbering goes on where it was.
	if _, err := tx.Exec(t.Context(), "insert into patients (id, first_name, registered_on) values (gen_random_uuid(), 'Next', '2025-03-01')"); err != nil {
		t.Fatal(err)
	}
	var number string
	if err := tx.QueryRow(t.Context(), "select number from patients where first_name = 'Next'").Scan(&number); err != nil || number != "PT-2025-00004" {
		t.Errorf("the next patient is %s, %v", number, err)
	}
}

func TestReplacePutsAClinicBackAndKeepsWhatWasEnded(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	file, first := k.export(t, "alpha", backup.ExportOptions{})
	before := k.print(t)
	if _, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{Replace: true, Confirm: "beta"}); err == nil {
		t.Error("it was replaced without the right word")
	}
	if k.print(t) != before {
		t.Error("a refused replacement changed something")
	}
	k.change(t, "", "delete from clinic_alpha.prescription_lines")
	k.change(t, "", "update clinic_alpha.patients set first_name = 'Wrong'")
	k.change(t, "", "update clinic_alpha.invitations set revoked_at = now()")
	k.change(t, "", "update clinic_alpha.displays set generation = 7")
	k.change(t, "", "update clinic_alpha.shares set revoked_at = '2025-01-11'")
	// A file that the store has otherwise is only written over when the rows are
	// there; one that it lost comes back.
	ks := k.keyset(t, testkit.Alpha.ID)
	if err := k.store.Put(t.Context(), ks, testkit.Alpha.ID, documents[0], []byte("another")); err != nil {
		t.Fatal(err)
	}
	if err := k.store.Remove(t.Context(), testkit.Alpha.ID, documents[1]); err != nil {
		t.Fatal(err)
	}
	k.OnTurn(func(at string) error {
		if at == backup.BeforeCommit {
			return errors.New("no")
		}
		return nil
	})
	if _, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{Replace: true, Confirm: "alpha"}); err == nil {
		t.Error("it came to its end")
	}
	k.OnTurn(nil)
	r, err := k.store.Open(t.Context(), ks, testkit.Alpha.ID, documents[0])
	if err != nil {
		t.Fatal(err)
	}
	if there, err := io.ReadAll(r); err != nil || string(there) != "another" {
		t.Errorf("a replacement that failed wrote over a file: %d bytes, %v", len(there), err)
	}
	_ = r.Close()
	out, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{Replace: true, Confirm: "alpha"})
	if err != nil {
		t.Fatal(err)
	}
	k.audited(t)
	if !k.routes(t, "alpha") || out.Status != "active" || out.ID != testkit.Alpha.ID {
		t.Errorf("replaced %+v", out)
	}
	_, second := k.export(t, "alpha", backup.ExportOptions{})
	if d := first.Manifest.Differing(second.Manifest); len(d) != 3 || d[0] != "displays" || d[1] != "invitations" || d[2] != "shares" {
		t.Errorf("differs in %v", d)
	}
	for what, sql := range map[string]string{
		"open invitations":    "select count(*)::int from clinic_alpha.invitations where revoked_at is null",
		"open links":          "select count(*)::int from clinic_alpha.shares where revoked_at is null",
		"links of a secret":   "select count(*)::int from clinic_alpha.shares where token_hash <> sha256('a link')",
		"displays' old links": "select count(*)::int from clinic_alpha.displays where generation < 7",
		"sessions":            "select count(*)::int from clinic_alpha.sessions",
		"old schemas":         "select count(*)::int from pg_namespace where nspname ~ '^clinic_old'",
	} {
		if n := value[int](t, k.admin, sql); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
}

// Rows that point at rows of their table which come later, here in a ring, are loaded all the
// same, however few rows a statement takes.
func TestRowsThatPointForwardsAreLoaded(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.change(t, "", "update clinic_alpha.patients set merged_into = $1 where id = $2", testkit.Bilal, testkit.Asha)
	k.change(t, "", "update clinic_alpha.patients set merged_into = $1 where id = $2", testkit.Duplicate, testkit.Bilal)
	k.LoadRowByRow()
	_, first := k.export(t, "alpha", backup.ExportOptions{})
	if _, err := k.Clone(t.Context(), "alpha", backup.RestoreOptions{As: "chained"}, false); err != nil {
		t.Fatal(err)
	}
	_, second := k.export(t, "chained", backup.ExportOptions{})
	if d := first.Manifest.Differing(second.Manifest); len(d) > 0 {
		t.Errorf("differs in %v", d)
	}
}
