package legacy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/legacy"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	beta := w.content(t, "clinic_beta")
	report := w.imported(t, "alpha", legacy.Options{})

	want := expected(t, "testdata")
	tables := asJSON(t, report.Tables).(map[string]any)
	for table := range want.Tables {
		if waitingTables[table] {
			continue
		}
		if diff := cmp.Diff(want.Tables[table], tables[table]); diff != "" {
			t.Errorf("table %s (-want +got):\n%s", table, diff)
		}
	}
	if diff := cmp.Diff(beta, w.content(t, "clinic_beta")); diff != "" {
		t.Errorf("the other clinic changed:\n%s", diff)
	}
	for sql, want := range map[string]string{
		"select count(*) from clinic_alpha.patients": "120",
		"select string_agg(status || ' ' || n, ', ' order by status) from (select status, count(*) n from clinic_alpha.patients group by 1) s":                                                                 "admitted 2, deceased 1, discharged 1, in_diagnosis 2, registered 114",
		"select string_agg(y || ' ' || n || ' ' || lo || ' ' || hi, ', ' order by y) from (select substr(number, 4, 4) y, count(*) n, min(number) lo, max(number) hi from clinic_alpha.patients group by 1) s": "2025 44 PT-2025-00001 PT-2025-00044, 2026 76 PT-2026-00001 PT-2026-00076",
		"select string_agg(kind || ' ' || period || ' ' || value, ', ' order by kind, period) from clinic_alpha.counters where kind = 'patient'":                                                               "patient 2025 44, patient 2026 76",
		"select string_agg(kind || ' ' || used, ', ' order by kind) from platform.usage u join platform.schemas s using (clinic_id) where schema_name = 'clinic_alpha'":                                        "doctors 3, lab_technicians 1, patients 120, receptionists 2, staff 1, storage 12654",
		"select count(*) from clinic_alpha.users where password_hash is not null":                                                                                                                              "0",
		"select count(*) from clinic_alpha.invitations where user_id is not null and sent_at is null and email <> ''":                                                                                          "6",
		"select count(*) from clinic_alpha.invitations where patient_id is not null and sent_at is null":                                                                                                       "60",
		"select string_agg(state || ' ' || n, ', ' order by state) from (select state, count(*) n from clinic_alpha.visits where state_reason not like 'no visit in%' group by 1) s":                           "cancelled 2, done 135",
		"select count(*) from clinic_alpha.visits where state_reason = 'left open in the older system'":                                                                                                        "30",
		"select state_reason from clinic_alpha.visits v join clinic_alpha.identifiers i on i.record_id = v.id where i.value = 'hospital_patientvisit:23'":                                                      "not recorded",
		"select day || ' ' || (arrived_at at time zone 'utc') from clinic_alpha.visits v join clinic_alpha.identifiers i on i.record_id = v.id where i.value = 'hospital_patientvisit:139'":                    "2026-03-31 2026-03-31 18:29:59.999999",
		"select day from clinic_alpha.visits v join clinic_alpha.identifiers i on i.record_id = v.id where i.value = 'hospital_patientvisit:140'":                                                              "2026-04-01 00:00:00 +0000 UTC",
		"select count(*) from clinic_alpha.patients p join clinic_alpha.identifiers i on i.record_id = p.id where i.value = 'PT3-2026-65735'":                                                                  "2",
		"select note from clinic_alpha.patients p join clinic_alpha.identifiers i on i.record_id = p.id where i.value = 'hospital_patient:30'":                                                                 "Phone in the older system: abc",
		"select number || ' ' || full_name from clinic_alpha.patients p join clinic_alpha.identifiers i on i.record_id = p.id where i.value = 'hospital_patient:47'":                                           "PT-2026-00001 Aarti Bhandarkar",
		"select coalesce(age_years, -1) || ' ' || coalesce(birth_date, '1900-01-01') from clinic_alpha.patients p join clinic_alpha.identifiers i on i.record_id = p.id where i.value = 'hospital_patient:70'": "-1 2016-05-04",
		"select u.username from clinic_alpha.patients p join clinic_alpha.users u on u.id = p.registered_by join clinic_alpha.identifiers i on i.record_id = p.id where i.value = 'hospital_patient:1'":        "reception2",
		"select city || ' ' || pin || ' ' || phone || ' ' || registration_number || ' ' || store_phone || ' ' || octet_length(logo) from platform.clinics where slug = 'alpha'":                                "Nashik 422001 +919000000900 SYN-NSK-2025-0042 +919000000901 2420",
		"select name || ' ' || plan || ' ' || status from platform.clinics where slug = 'alpha'":                                                                                                               "Alpha Clinic professional active",
		"select count(*) from clinic_alpha.trail where actor not like 'system:%' or actor_role <> 'cloister_jobs' or actor <> $1":                                                                              "0",
		"select count(*) from clinic_alpha.trail where entity = 'patients' and action = 'insert'":                                                                                                              "120",
	} {
		var args []any
		if strings.Contains(sql, "$1") {
			args = []any{"system:" + tenants.SystemID("import").String()}
		}
		if got := w.one(t, sql, args...); got != want {
			t.Errorf("%s\n gives %s\n want  %s", sql, got, want)
		}
	}
	if report.Settings.Left["logo"] != "" || len(report.Settings.Filled) != 11 {
		t.Errorf("settings: %+v", report.Settings)
	}
}

// TestImportTwice: the second run finds every source key and writes nothing.
func TestImportTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	first := w.imported(t, "alpha", legacy.Options{})
	before, registry := w.content(t, "clinic_alpha"), w.content(t, "platform")
	second := w.imported(t, "alpha", legacy.Options{})
	if diff := cmp.Diff(before, w.content(t, "clinic_alpha")); diff != "" {
		t.Errorf("the second run wrote:\n%s", diff)
	}
	if diff := cmp.Diff(registry, w.content(t, "platform")); diff != "" {
		t.Errorf("the second run wrote into the registry:\n%s", diff)
	}
	if second.Totals.Imported != 0 || second.Totals.ImportedRepaired != 0 || second.Totals.AlreadyThere != first.Totals.Imported {
		t.Errorf("second run: %+v after %+v", second.Totals, first.Totals)
	}
	if diff := cmp.Diff(first.Result, second.Result); diff != "" {
		t.Errorf("the results differ:\n%s", diff)
	}
}

// TestDryRun gives the same report and leaves nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	before, registry := w.content(t, "clinic_alpha"), w.content(t, "platform")
	dry := w.imported(t, "alpha", legacy.Options{DryRun: true})
	if diff := cmp.Diff(before, w.content(t, "clinic_alpha")); diff != "" {
		t.Errorf("the dry run wrote:\n%s", diff)
	}
	if diff := cmp.Diff(registry, w.content(t, "platform")); diff != "" {
		t.Errorf("the dry run wrote into the registry:\n%s", diff)
	}
	wet := w.imported(t, "alpha", legacy.Options{})
	if !dry.DryRun || wet.DryRun {
		t.Error("the reports don't say which run was dry")
	}
	dry.DryRun = false
	if diff := cmp.Diff(asJSON(t, wet), asJSON(t, dry)); diff != "" {
		t.Errorf("the reports differ:\n%s", diff)
	}
}

// TestNoPasswordComesAlong looks for every password value of the file in every
// table of the database, in the log and in the report.
func TestNoPasswordComesAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	report := w.imported(t, "alpha", legacy.Options{})
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	values := passwords(t)
	if len(values) != 72+120 {
		t.Fatalf("%d password values in the file", len(values))
	}
	var places []string
	places = append(places, string(text), w.log.String(), fmt.Sprintf("%+v %#v", testPlan(t).Patients, testPlan(t).Staff))
	for _, schema := range []string{"clinic_alpha", "clinic_beta", "platform"} {
		for _, table := range w.tables(t, schema) {
			places = append(places, w.rows(t, "select r::text from "+pgx.Identifier{schema, table}.Sanitize()+" r")...)
		}
	}
	if len(places) < 1000 {
		t.Fatalf("only %d places were looked at", len(places))
	}
	all := strings.Join(places, "\n")
	for _, v := range values {
		if strings.Contains(all, v) {
			t.Fatal("a password of the file came along")
		}
	}
}

// TestReportHoldsNoValue: neither names nor phones nor texts of rows.
func TestReportHoldsNoValue(t *testing.T) {
	t.Parallel()
	plan := testPlan(t)
	text, err := json.Marshal(plan.Report())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plan.Patients {
		for _, v := range []string{p.First.Reveal(), p.Last.Reveal(), p.Phone.Reveal(), p.Address.Reveal(), p.OldNumber} {
			if len(v) > 4 && strings.Contains(string(text), v) {
				t.Errorf("a value of patient %d stands in the report", p.ID)
			}
		}
	}
}

// TestStopInTheMiddle: whatever is done by then is undone.
func TestStopInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	before, registry := w.content(t, "clinic_alpha"), w.content(t, "platform")
	for _, at := range []string{"patients", "logins", "visits", "prescriptions", "lines", "files", "documents"} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := legacy.Import(ctx, w.db, w.clinic(t, "alpha"), testPlan(t), w.options(func(what string, _, _ int) {
			if what == at {
				cancel()
			}
		}))
		cancel()
		if err == nil {
			t.Errorf("stopped at %s, the import says nothing", at)
		}
	}
	if diff := cmp.Diff(before, w.content(t, "clinic_alpha")); diff != "" {
		t.Errorf("a stopped import left:\n%s", diff)
	}
	if diff := cmp.Diff(registry, w.content(t, "platform")); diff != "" {
		t.Errorf("a stopped import left in the registry:\n%s", diff)
	}
	w.imported(t, "alpha", legacy.Options{})
}

// TestBrokenConnection: the backend is ended while it writes.
func TestBrokenConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	before := w.content(t, "clinic_alpha")
	clinic := w.clinic(t, "alpha")
	tries := 0
	_, err := legacy.Import(t.Context(), w.db, clinic, testPlan(t), w.options(func(what string, _, _ int) {
		if what == "visits" {
			tries++
			w.Exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'cloister_app' and datname = current_database() and xact_start is not null and state <> 'idle'")
		}
	}))
	if err == nil {
		t.Fatal("the import says nothing of a broken connection")
	}
	if diff := cmp.Diff(before, w.content(t, "clinic_alpha")); diff != "" {
		t.Errorf("a broken import left:\n%s", diff)
	}
	if tries == 0 {
		t.Error("nothing was broken")
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	for limit, says := range map[string]string{
		"max_patients = 119":      "plan allows 119 patients",
		"max_doctors = 2":         "plan allows 2 doctors",
		"max_receptionists = 1":   "plan allows 1 receptionists",
		"max_lab_technicians = 0": "plan allows 0 lab technicians",
	} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.emptied(t, "clinic_alpha")
			w.Exec(t, "update platform.plans set "+limit)
			before, registry := w.content(t, "clinic_alpha"), w.content(t, "platform")
			_, err := legacy.Import(t.Context(), w.db, w.clinic(t, "alpha"), testPlan(t), w.options(nil))
			if !apperr.Is(err, apperr.Quota) || !strings.Contains(err.Error(), says) {
				t.Errorf("error %v, want %s", err, says)
			}
			if diff := cmp.Diff(before, w.content(t, "clinic_alpha")); diff != "" {
				t.Errorf("a refused import left:\n%s", diff)
			}
			if diff := cmp.Diff(registry, w.content(t, "platform")); diff != "" {
				t.Errorf("a refused import left in the registry:\n%s", diff)
			}
		})
	}
}

// TestClinicAtWork imports into a clinic that has staff, patients and settings
// of its own: what stands is kept, equal names get out of the way, numbers go on.
func TestClinicAtWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Exec(t, `set session_replication_role = replica;
		update clinic_alpha.users set email = 'desk@asha-kiran.example' where username = 'admin';
		update clinic_alpha.users set username = 'dr.mahale' where username = 'doctor';
		update clinic_alpha.profiles set licence_number = 'SYN-MMC-10022' where licence_number = 'MMC-1002';
		update platform.clinics set city = 'Pune', registration_number = 'SYN-NSK-2025-0042' where slug = 'beta';
		update platform.clinics set city = 'Pune' where slug = 'alpha'`)
	patients := w.rows(t, "select id, number from clinic_alpha.patients order by 1")
	file, err := legacy.Read(t.Context(), filepath.Join("testdata", "legacy.sqlite3"), legacy.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	bare, err := legacy.PlanOf(t.Context(), file, legacy.PlanOptions{Now: importDay})
	if err != nil {
		t.Fatal(err)
	}
	report := w.importedPlan(t, "alpha", bare, legacy.Options{})
	if waits := report.Tables["hospital_medicalreport"]; waits.Skips[legacy.MediaNotGiven].Rows != 13 || waits.Imported != 0 {
		t.Errorf("reports without a media folder: %+v", waits)
	}

	users, doctors := report.Tables["hospital_user"], report.Tables["hospital_doctor"]
	if diff := cmp.Diff(legacy.Rows{Rows: 1, IDs: legacy.IDs{List: []int64{2}}}, users.Merges[legacy.StaffThere]); diff != "" {
		t.Errorf("staff already there:\n%s", diff)
	}
	if diff := cmp.Diff(legacy.Rows{Rows: 1, IDs: legacy.IDs{List: []int64{3}}}, users.Repairs[legacy.UsernameChanged]); diff != "" {
		t.Errorf("usernames changed:\n%s", diff)
	}
	if diff := cmp.Diff(legacy.Rows{Rows: 1, IDs: legacy.IDs{List: []int64{3}}}, doctors.Repairs[legacy.LicenceTaken]); diff != "" {
		t.Errorf("licences taken:\n%s", diff)
	}
	if got := report.Settings.Left; got["registration_number"] == "" || got["logo"] == "" {
		t.Errorf("settings left: %v", got)
	}
	if got := w.one(t, "select city || ' ' || state || ' ' || coalesce(registration_number, 'none') from platform.clinics where slug = 'alpha'"); got != "Pune Maharashtra none" {
		t.Errorf("the clinic is %s", got)
	}
	if diff := cmp.Diff(patients, w.rows(t, "select id, number from clinic_alpha.patients where id::text like '018f0000-0000-7000-8000-%' order by 1")); diff != "" {
		t.Errorf("patients of before changed:\n%s", diff)
	}
	gap := "select count(*) from (select number, row_number() over (partition by substr(number, 4, 4) order by number) n from clinic_alpha.patients) s where right(number, 5)::int <> n"
	if got := w.one(t, gap); got != "0" {
		t.Errorf("%s numbers are out of step", got)
	}
	if got := w.one(t, "select username || ' ' || full_name from clinic_alpha.users u join clinic_alpha.identifiers i on i.record_id = u.id where i.value = 'hospital_user:3'"); got != "dr.mahale-2 Sudhir Mahale" {
		t.Errorf("user 3 is %s", got)
	}
}

// TestOtherFileIsRefused: another clinic's rows would have the same keys.
func TestOtherFileIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	w.imported(t, "alpha", legacy.Options{})
	before := w.content(t, "clinic_alpha")
	other := planned(t, changed(t, "UPDATE hospital_clinic SET slug = 'another', registration_number = 'SYN-2'"))
	_, err := legacy.Import(t.Context(), w.db, w.clinic(t, "alpha"), other, w.options(nil))
	if !apperr.Is(err, apperr.Conflict) {
		t.Errorf("error %v, want a conflict", err)
	}
	if diff := cmp.Diff(before, w.content(t, "clinic_alpha")); diff != "" {
		t.Errorf("a refused import left:\n%s", diff)
	}
}

// TestLaterCopy: a newer copy of the same older system brings its new rows only.
func TestLaterCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	w.imported(t, "alpha", legacy.Options{})
	later := planned(t, changed(t,
		"INSERT INTO hospital_patient SELECT 900, 'PT3-2026-00900', 'Nayan Sathe', age, address, '9000000990', '2026-04-02', status, default_password, registered_by_id, NULL, clinic_id, date_of_birth, weight, gender FROM hospital_patient WHERE id = 1",
		"INSERT INTO hospital_patientvisit SELECT 900, '2026-04-02 05:00:00', purpose, status, notes, checked_in_by_id, 1, clinic_id FROM hospital_patientvisit WHERE id = 1"))
	report, err := legacy.Import(t.Context(), w.db, w.clinic(t, "alpha"), later, w.options(nil))
	if err != nil {
		t.Fatal(err)
	}
	if report.Totals.Imported != 2 || report.Totals.AlreadyThere != 1031 {
		t.Errorf("totals %+v", report.Totals)
	}
	if got := w.one(t, "select number from clinic_alpha.patients where last_name = 'Sathe'"); got != "PT-2026-00077" {
		t.Errorf("the new patient has number %s", got)
	}
}

// TestTwoAtOnce: the second waits for the first and then finds everything there.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	clinic, plan := w.clinic(t, "alpha"), testPlan(t)
	type answer struct {
		report legacy.Report
		err    error
	}
	answers := make(chan answer, 2)
	for range 2 {
		go func() {
			report, err := legacy.Import(t.Context(), w.db, clinic, plan, w.options(nil))
			answers <- answer{report, err}
		}()
	}
	imported, there := 0, 0
	for range 2 {
		a := <-answers
		if a.err != nil {
			t.Error(a.err)
		}
		imported += a.report.Totals.Imported
		there += a.report.Totals.AlreadyThere
	}
	if imported != 1031 || there != 1031 {
		t.Errorf("imported %d, already there %d", imported, there)
	}
}

// TestDeskGoesOn: after an import reception finds patients by the old number and
// the next registration takes the next number.
func TestDeskGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	w.imported(t, "alpha", legacy.Options{})
	tx := w.As(t, testkit.Alpha, access.Receptionist)
	var names []string
	for _, typed := range []string{"PT3-2026-62932", "devki", "00000087", "सुनंदा"} {
		q := patient.ParseSearch(typed)
		rows, err := tx.Query(t.Context(), "select p.full_name from platform.search_patients($1, $2, $3, $4, 5) r join patients p on p.id = r.id order by r.rank desc",
			q.Words, q.Folds, q.Digits, q.Code)
		if err != nil {
			t.Fatal(err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	if diff := cmp.Diff([]string{"Devki Pingale", "Devki Pingale", "Devki Pingale", "सुनंदा वाघधरे"}, names); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	var number string
	if err := tx.QueryRow(t.Context(), "insert into patients (id, number, first_name, registered_on) values ($1, 'PT-2026-00007', 'Asha', '2026-05-01') returning number",
		uuid.New()).Scan(&number); err != nil {
		t.Fatal(err)
	}
	if number != "PT-2026-00077" {
		t.Errorf("the desk's next patient has number %s", number)
	}
}

// TestNumbersOutsideTheBlock: scheduled work may give only numbers that it reserved.
func TestNumbersOutsideTheBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for number, want := range map[string]bool{"PT-2031-00001": true, "PT-2031-00002": true, "PT-2031-00003": false, "PT-2030-00001": false, "X": false} {
		tx := w.As(t, testkit.Alpha, access.Jobs)
		var first int64
		if err := tx.QueryRow(t.Context(), "select platform.reserve_patients('2031', 2)").Scan(&first); err != nil || first != 1 {
			t.Fatalf("first number %d, %v", first, err)
		}
		_, err := tx.Exec(t.Context(), "insert into patients (id, number, first_name, registered_on) values ($1, $2, 'Asha', '2031-01-01')", uuid.New(), number)
		if (err == nil) != want {
			t.Errorf("%s: %v, want it taken: %v", number, err, want)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
