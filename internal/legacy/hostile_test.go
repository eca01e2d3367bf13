package legacy_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/legacy"
)

// copyOf gives a writable copy of the older system's file.
func copyOf(t testing.TB) string {
	t.Helper()
	whole, err := os.ReadFile(filepath.Join("testdata", "legacy.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.sqlite3")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// changed gives a copy on which statements were run.
func changed(t testing.TB, statements ...string) string {
	t.Helper()
	path := copyOf(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// looked is what lies in a folder, so that a test can tell that nothing changed.
func looked(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range entries {
		if e.Type().IsRegular() {
			if out[e.Name()], err = os.ReadFile(filepath.Join(folder, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

func sameFolder(t testing.TB, before, after map[string][]byte) {
	t.Helper()
	if len(before) != len(after) {
		t.Errorf("the folder had %d files and has %d", len(before), len(after))
	}
	for name := range before {
		if !bytes.Equal(before[name], after[name]) {
			t.Errorf("%s changed", name)
		}
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	t.Parallel()
	rename := func(table string) string {
		return "ALTER TABLE " + table + " RENAME TO hidden_rows"
	}
	for name, c := range map[string]struct {
		run     []string
		problem legacy.Problem
		says    string
	}{
		"table missing":        {[]string{"DROP TABLE hospital_patient"}, legacy.Foreign, "no table hospital_patient"},
		"column missing":       {[]string{"ALTER TABLE hospital_patientvisit DROP COLUMN purpose"}, legacy.Foreign, "column purpose"},
		"column renamed":       {[]string{"ALTER TABLE hospital_user RENAME COLUMN role TO rank"}, legacy.Foreign, "column role"},
		"no migrations":        {[]string{"DELETE FROM django_migrations"}, legacy.Foreign, "not a file of the older clinic system"},
		"newer version":        {[]string{"INSERT INTO django_migrations VALUES (9, 'hospital', '0055_later', '2026-01-01')"}, legacy.Version, "0055_later"},
		"odd version":          {[]string{"INSERT INTO django_migrations VALUES (9, 'hospital', 'x''; DROP', '2026-01-01')"}, legacy.Version, "django_migrations"},
		"view for a table":     {[]string{rename("hospital_patient"), "CREATE VIEW hospital_patient AS SELECT * FROM hidden_rows"}, legacy.Hostile, "hospital_patient: a view"},
		"trigger":              {[]string{"CREATE TRIGGER boo AFTER DELETE ON hospital_user BEGIN SELECT 1; END"}, legacy.Hostile, "trigger (boo)"},
		"virtual table":        {[]string{rename("hospital_patient"), "CREATE VIRTUAL TABLE hospital_patient USING fts5(id, patient_id)"}, legacy.Hostile, "not an ordinary table"},
		"computed column":      {[]string{"ALTER TABLE hospital_patient ADD COLUMN extra AS (upper(patient_name))"}, legacy.Hostile, "a computed column"},
		"bytes for a name":     {[]string{"UPDATE hospital_patient SET patient_name = x'00ff' WHERE id = 7"}, legacy.Hostile, "hospital_patient, row 7, column patient_name: expected text, found bytes"},
		"text for an age":      {[]string{"UPDATE hospital_patient SET age = 'Vaibhav' WHERE id = 2"}, legacy.Hostile, "row 2, column age: expected a whole number, found text"},
		"fraction for an id":   {[]string{"UPDATE hospital_patientvisit SET patient_id = 1.5 WHERE id = 2"}, legacy.Hostile, "a number with a fraction"},
		"three for a flag":     {[]string{"UPDATE hospital_user SET is_active = 3 WHERE id = 2"}, legacy.Hostile, "expected 0 or 1"},
		"NUL in a name":        {[]string{"UPDATE hospital_patient SET patient_name = 'Asha' || char(0) || 'x' WHERE id = 3"}, legacy.Hostile, "row 3, column patient_name: text with a NUL"},
		"not UTF-8":            {[]string{"UPDATE hospital_patient SET address = CAST(x'41ff42' AS TEXT) WHERE id = 3"}, legacy.Hostile, "not UTF-8"},
		"huge note":            {[]string{"UPDATE hospital_patientvisit SET notes = printf('%.300000c', 'x') WHERE id = 4"}, legacy.TooBig, "row 4, column notes"},
		"hugest note":          {[]string{"UPDATE hospital_patientvisit SET notes = printf('%.9000000c', 'x') WHERE id = 4"}, legacy.TooBig, "more text than the limit"},
		"two clinics":          {[]string{"INSERT INTO hospital_clinic SELECT 4, name, 'b', logo, address, city, state, zip_code, phone_number, email, website, 'B', subscription_status, max_doctors, max_patients, max_receptionists, created_at, updated_at, is_active FROM hospital_clinic"}, legacy.Foreign, "2 clinics"},
		"no clinic":            {[]string{"DELETE FROM hospital_clinic"}, legacy.Foreign, "0 clinics"},
		"index out of step":    {[]string{"PRAGMA writable_schema = 1", "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'hospital_user') WHERE name = 'hospital_doctor'"}, legacy.Damaged, "damaged"},
		"schema that is a lie": {[]string{"PRAGMA writable_schema = 1", "UPDATE sqlite_schema SET sql = 'CREATE TABLE nonsense(' WHERE name = 'hospital_vitals'"}, legacy.Damaged, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := changed(t, c.run...)
			before := looked(t, filepath.Dir(path))
			file, err := legacy.Read(t.Context(), path, legacy.DefaultLimits())
			if err == nil {
				_, err = legacy.PlanOf(t.Context(), file, legacy.PlanOptions{Now: importDay})
			}
			refusedAs(t, err, c.problem, c.says)
			sameFolder(t, before, looked(t, filepath.Dir(path)))
		})
	}
}

// refusedAs checks the problem, what the error says, and that it is one of the
// service's errors.
func refusedAs(t *testing.T, err error, problem legacy.Problem, says string) {
	t.Helper()
	var wrong *legacy.FileError
	if !errors.As(err, &wrong) {
		t.Fatalf("error %v, want a file's error", err)
	}
	if wrong.Problem != problem || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %q; want %s: %q", wrong.Problem, err, problem, says)
	}
	code := apperr.Invalid
	if problem == legacy.InUse {
		code = apperr.Unavailable
	}
	if !apperr.Is(err, code) {
		t.Errorf("code %s, want %s", apperr.CodeOf(err), code)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(filepath.Join("testdata", "legacy.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	torn := bytes.Clone(whole)
	for i := 4096 * 20; i < 4096*60; i++ {
		torn[i] = byte(i)
	}
	page := bytes.Clone(whole)
	page[16], page[17] = 0x03, 0x01
	link := filepath.Join(folder, "gone")
	if err := os.Symlink(filepath.Join(folder, "nowhere"), link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		problem legacy.Problem
		says    string
	}{
		filepath.Join(folder, "missing"):         {legacy.Unreadable, "no such file"},
		link:                                     {legacy.Unreadable, "no such file"},
		folder:                                   {legacy.Unreadable, "not an ordinary file"},
		write("empty", nil):                      {legacy.NotSQLite, "empty"},
		write("text", []byte("id,name\n1,Asha")): {legacy.NotSQLite, "not an SQLite file"},
		write("zeros", make([]byte, 8192)):       {legacy.NotSQLite, "not an SQLite file"},
		write("header", whole[:60]):              {legacy.Truncated, "within its header"},
		write("half", whole[:len(whole)/2]):      {legacy.Truncated, "not copied whole"},
		write("odd", whole[:len(whole)-100]):     {legacy.Truncated, "not copied whole"},
		write("page", page):                      {legacy.Damaged, "header makes no sense"},
		write("torn", torn):                      {legacy.Damaged, "damaged"},
	} {
		_, err := legacy.Read(t.Context(), path, legacy.DefaultLimits())
		t.Run(filepath.Base(path), func(t *testing.T) { refusedAs(t, err, want.problem, want.says) })
	}
}

func TestForeignSQLiteFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.sqlite3")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE orders (id integer primary key, sum integer)"); err != nil {
		t.Fatal(err)
	}
	_, err = legacy.Read(t.Context(), path, legacy.DefaultLimits())
	refusedAs(t, err, legacy.Foreign, "has no table django_migrations, hospital_associatedmedical")
}

func TestFileInUse(t *testing.T) {
	t.Parallel()
	path := copyOf(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	_, err = legacy.Read(t.Context(), path, legacy.DefaultLimits())
	refusedAs(t, err, legacy.InUse, "another program holds the file")
	if _, err := db.Exec("UPDATE hospital_user SET first_name = 'x'"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if _, err := legacy.Read(t.Context(), path, legacy.DefaultLimits()); err != nil {
		t.Errorf("after the lock is gone: %v", err)
	}
}

func TestJournalBesideTheFile(t *testing.T) {
	t.Parallel()
	path := changed(t, "PRAGMA journal_mode = wal")
	before := looked(t, filepath.Dir(path))
	if _, err := legacy.Read(t.Context(), path, legacy.DefaultLimits()); err != nil {
		t.Errorf("a closed file in write-ahead mode: %v", err)
	}
	sameFolder(t, before, looked(t, filepath.Dir(path)))

	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE hospital_patient SET age = 3 WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	_, err = legacy.Read(t.Context(), path, legacy.DefaultLimits())
	refusedAs(t, err, legacy.InUse, "copy.sqlite3-wal")

	hot := copyOf(t)
	if err := os.WriteFile(hot+"-journal", []byte{0xd9, 0xd5, 0x05}, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = legacy.Read(t.Context(), hot, legacy.DefaultLimits())
	refusedAs(t, err, legacy.InUse, "copy.sqlite3-journal")
}

func TestLimits(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "legacy.sqlite3")
	few := legacy.DefaultLimits()
	few.Rows = 100
	_, err := legacy.Read(t.Context(), path, few)
	refusedAs(t, err, legacy.TooBig, "more than the limit of 100")
	small := legacy.DefaultLimits()
	small.Bytes = 1000
	_, err = legacy.Read(t.Context(), path, small)
	refusedAs(t, err, legacy.TooBig, "more than the limit of 1000")
}

func TestReadStopsWhenItIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := legacy.Read(ctx, filepath.Join("testdata", "legacy.sqlite3"), legacy.DefaultLimits()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

// TestOddRows: rows that the older system can't write are imported as far as
// they make sense, and each is accounted for by a rule.
func TestOddRows(t *testing.T) {
	t.Parallel()
	path := changed(t,
		"UPDATE hospital_patient SET registration_date = '2026-02-31' WHERE id = 7",
		"UPDATE hospital_patient SET date_of_birth = '2099-01-01' WHERE id = 6",
		"UPDATE hospital_patient SET date_of_birth = 'soon', age = -1 WHERE id = 27",
		"UPDATE hospital_patient SET weight = 1e9, gender = 'M', status = 'lost', patient_name = char(8203) WHERE id = 2",
		"UPDATE hospital_patient SET patient_id = 'none', clinic_id = 8 WHERE id = 3",
		"UPDATE hospital_patient SET patient_id = printf('%.400c', 'P') WHERE id = 5",
		"UPDATE hospital_patientvisit SET check_in_date = 'yesterday' WHERE id = 1",
		"UPDATE hospital_patientvisit SET status = 'lost' WHERE id = 2",
		"UPDATE hospital_patientvisit SET status = 'checked_in', check_in_date = '2026-11-24 05:00:00' WHERE id = 4",
		"UPDATE hospital_patientvisit SET purpose = printf('%.600c', 'p'), status = 'cancelled', notes = printf('%.700c', 'n') WHERE id = 5",
		"UPDATE hospital_user SET role = 'nurse' WHERE id = 10",
		"UPDATE hospital_user SET username = 'RECEPTION1' WHERE id = 8",
		"UPDATE hospital_user SET username = '..', email = 'nobody' WHERE id = 9",
		"UPDATE hospital_user SET first_name = printf('%.300c', 'a'), mobile_number = 'home' WHERE id = 2",
		"UPDATE hospital_doctor SET user_id = 10 WHERE id = 2",
		"UPDATE hospital_doctor SET license_number = 'SYN-MMC-10023' WHERE id = 5",
		"UPDATE hospital_doctor SET license_number = 'SYN-MMC-10023' WHERE id = 3",
	)
	plan := planned(t, path)
	r := plan.Report()
	for _, want := range []struct {
		table string
		kind  legacy.Kind
		id    int64
	}{
		{"hospital_patient", legacy.DateUnreadable, 7}, {"hospital_patient", legacy.BirthUnusable, 6}, {"hospital_patient", legacy.BirthUnusable, 27},
		{"hospital_patient", legacy.AgeNegative, 27}, {"hospital_patient", legacy.WeightUnusable, 2}, {"hospital_patient", legacy.SexUnknown, 2},
		{"hospital_patient", legacy.StatusUnknown, 2}, {"hospital_patient", legacy.NameMissing, 2}, {"hospital_patient", legacy.OtherClinic, 3},
		{"hospital_patient", legacy.TextCut, 5}, {"hospital_patientvisit", legacy.DateUnreadable, 1}, {"hospital_patientvisit", legacy.StatusUnknown, 2},
		{"hospital_patientvisit", legacy.VisitOpenToday, 4}, {"hospital_patientvisit", legacy.TextCut, 5}, {"hospital_user", legacy.RoleUnknown, 10},
		{"hospital_user", legacy.UsernameChanged, 8}, {"hospital_user", legacy.UsernameChanged, 9}, {"hospital_user", legacy.EmailUnusable, 9},
		{"hospital_user", legacy.TextCut, 2}, {"hospital_user", legacy.PhoneUnusable, 2}, {"hospital_user", legacy.LoginNoPatient, 12},
		{"hospital_doctor", legacy.UserMissing, 2}, {"hospital_doctor", legacy.LicenceTaken, 5},
	} {
		table := r.Tables[want.table]
		found := false
		for _, group := range []map[legacy.Kind]legacy.Rows{table.Repairs, table.Notes, table.Merges, table.Skips, table.Refusals} {
			for _, id := range group[want.kind].IDs.List {
				found = found || id == want.id
			}
		}
		if !found {
			t.Errorf("%s: %s doesn't name row %d", want.table, want.kind, want.id)
		}
	}
	for table, got := range r.Tables {
		if got.Read != got.Imported+got.Merged+got.Skipped+got.Refused || got.Imported != got.ImportedAsIs+got.ImportedRepaired {
			t.Errorf("table %s doesn't add up: %+v", table, got)
		}
	}
	for _, v := range plan.Visits {
		if v.ID == 5 && (len(v.Purpose) != 500 || len(v.Reason) != 500 || len(v.Note) < 1300) {
			t.Errorf("visit 5: purpose %d, reason %d, note %d bytes", len(v.Purpose), len(v.Reason), len(v.Note))
		}
	}
}
