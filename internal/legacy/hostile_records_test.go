package legacy_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloister-health/cloister/internal/legacy"
)

// hostileRecords are values that no clinic wrote: each comes out as it must, or is
// refused by name, and none stops the import.
var hostileRecords = []string{
	// tables without the older system's uniqueness
	"CREATE TABLE n (id INTEGER PRIMARY KEY, observations, diagnosis, treatment_plan, notes, created_at, updated_at, prescription_id, clinic_id, checkin_purpose)",
	"INSERT INTO n SELECT id, observations, diagnosis, treatment_plan, notes, created_at, updated_at, prescription_id, clinic_id, checkin_purpose FROM hospital_doctornotes",
	"DROP TABLE hospital_doctornotes", "ALTER TABLE n RENAME TO hospital_doctornotes",
	"CREATE TABLE v (id INTEGER PRIMARY KEY, bp, pulse, temp, spo2, created_at, clinic_id, prescription_id, sugar)",
	"INSERT INTO v SELECT id, bp, pulse, temp, spo2, created_at, clinic_id, prescription_id, sugar FROM hospital_vitals",
	"DROP TABLE hospital_vitals", "ALTER TABLE v RENAME TO hospital_vitals",
	// doses, durations and quantities
	"UPDATE hospital_medicine SET schedule = '1-0-1' WHERE id = 1",
	"UPDATE hospital_medicine SET schedule = '=cmd|''/C calc''!A0', instructions = '@SUM(1)' WHERE id = 2",
	"UPDATE hospital_medicine SET schedule = ' ', frequency_per_day = 9223372036854775807, duration = '' WHERE id = 3",
	"UPDATE hospital_medicine SET qty = 0 WHERE id = 4",
	"UPDATE hospital_medicine SET qty = 9223372036854775807, duration = '99999999999999999999 days' WHERE id = 7",
	"UPDATE hospital_medicine SET duration = '१० days' WHERE id = 8",
	"UPDATE hospital_medicine SET medicine_type = 'laser', food_instruction = 'at midnight' WHERE id = 9",
	"UPDATE hospital_medicine SET medicine_name = ' ' WHERE id = 10",
	"UPDATE hospital_medicine SET medicine_name = printf('%.5000c', 'x'), dosage = printf('%.5000c', 'y'), instructions = printf('%.100000c', 'z') WHERE id = 11",
	"UPDATE hospital_medicine SET medicine_name = '<script>alert(1)</script>', instructions = '<img src=x onerror=alert(1)>' WHERE id = 12",
	"UPDATE hospital_medicine SET schedule = '½-0-½', duration = '2 wks.' WHERE id = 13",
	// notes
	"UPDATE hospital_doctornotes SET observations = printf('%.190000c', 'a'), diagnosis = printf('%.190000c', 'b'), treatment_plan = printf('%.190000c', 'c'), notes = printf('%.190000c', 'd'), checkin_purpose = printf('%.9000c', 'e'), created_at = 'soon' WHERE id = 1",
	"UPDATE hospital_doctornotes SET diagnosis = char(10) || ' ' || char(9) WHERE id = 2",
	"INSERT INTO hospital_doctornotes SELECT 901, 'second', diagnosis, treatment_plan, notes, created_at, updated_at, prescription_id + 0, clinic_id, checkin_purpose FROM hospital_doctornotes WHERE id = 3",
	// tests
	"UPDATE hospital_test SET test_type = 'séance', test_name = printf('%.5000c', 't'), description = printf('%.50000c', 'u'), test_date = 'tomorrow' WHERE id = 1",
	"UPDATE hospital_test SET test_name = '' WHERE id = 2",
	"UPDATE hospital_test SET result = 'came by phone', is_completed = 0 WHERE id = 3",
	"UPDATE hospital_test SET result = printf('%.190000c', 'r'), is_completed = 1 WHERE id = 4",
	"INSERT INTO hospital_test SELECT 901, test_type, 'cBC', '', NULL, '', 0, prescription_id, clinic_id FROM hospital_test WHERE id = 5",
	"INSERT INTO hospital_test SELECT 902, test_type, 'Cbc', '', NULL, '', 0, prescription_id, clinic_id FROM hospital_test WHERE id = 5",
	"INSERT INTO hospital_test SELECT 903, test_type, 'CBC', '', NULL, '', 0, prescription_id, 77 FROM hospital_test WHERE id = 5",
	// vitals
	"UPDATE hospital_vitals SET bp = printf('%.150000c', '9'), pulse = '99999999999999999999', temp = '98.64', spo2 = '９８', sugar = '-5', created_at = '' WHERE id = 1",
	"INSERT INTO hospital_vitals SELECT 901, '121/81', pulse, temp, spo2, created_at, clinic_id, prescription_id, '999' FROM hospital_vitals WHERE id = 4",
	// prescriptions
	"UPDATE hospital_prescription SET status = 'signed', admission_reason = printf('%.190000c', 'p'), admission_recommended = 1 WHERE id = 1",
	"UPDATE hospital_prescription SET prescription_date = '31/12/2025' WHERE id = 30",
	"UPDATE hospital_prescription SET admission_reason = 'none needed' WHERE id = 6",
	"UPDATE hospital_prescription SET clinic_id = 9 WHERE id = 35",
	// lists
	"UPDATE hospital_mastermedicine SET medicine_name = '+++', default_schedule = 'twice', default_duration = 'for ever', medicine_type = 'laser', common_dosages = printf('%.3000c', ',') || printf('%.300c', 'q') WHERE id = 1",
	"UPDATE hospital_mastermedicine SET medicine_name = '---', default_dosage = printf('%.300c', 'q') WHERE id = 2",
	"UPDATE hospital_mastertest SET test_name = '???', category = printf('%.3000c', 'k'), test_type = '' WHERE id = 5",
	"UPDATE hospital_mastertest SET test_name = '!!!' WHERE id = 6",
	// templates
	"UPDATE hospital_standardprescriptiontemplate SET name = 'COLD AND COUGH', keyword = '/Cold' || printf('%.300c', 'k'), description = printf('%.3000c', 'd') WHERE id = 2",
	"UPDATE hospital_standardprescriptiontemplate SET name = '', doctor_id = 77 WHERE id = 3",
	"UPDATE hospital_standardprescriptiontemplate SET clinic_id = 9 WHERE id = 4",
	"UPDATE hospital_standardtemplatemedicine SET template_id = 77 WHERE id = 1",
	"UPDATE hospital_standardtemplatemedicine SET instructions = printf('%.190000c', 'i') WHERE template_id = 5",
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO hospital_standardtemplatemedicine SELECT 1000 + i, medicine_name, dosage, 1, '5 days', 'tablet', 5, 'night', 'after', '', 7 FROM n, hospital_standardtemplatemedicine WHERE id = 2",
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) INSERT INTO hospital_medicine SELECT 10000 + i, medicine_name, dosage, duration, instructions, 76, clinic_id, food_instruction, schedule, medicine_type, qty, frequency_per_day FROM n, hospital_medicine WHERE id = 20",
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) INSERT INTO hospital_test SELECT 10000 + i, 'blood', 'Odd test ' || i, '', NULL, '', 0, 76, 3 FROM n",
	// files
	"UPDATE hospital_medicalreport SET report_type = 'Palm reading', description = printf('%.5000c', 'f') WHERE id = 1",
	"UPDATE hospital_medicalreport SET uploaded_at = 'then' WHERE id = 2",
	"UPDATE hospital_testreport SET test_type = '', test_date = 'once' WHERE id = 1",
	"UPDATE hospital_testreport SET uploaded_by_id = 12345678901 WHERE id = 2",
	"UPDATE hospital_testreport SET uploaded_by_id = (SELECT user_id FROM hospital_patient WHERE id = hospital_testreport.patient_id) WHERE id = 4",
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT INTO hospital_medicalreport SELECT 1000 + i, 'medical_reports/usg.pdf', 'Ultrasound', '', uploaded_at, patient_id, clinic_id FROM n, hospital_medicalreport WHERE id = 4",
}

func TestHostileRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	folder := t.TempDir()
	if err := os.CopyFS(filepath.Join(folder, "legacy_media"), os.DirFS(mediaFolder)); err != nil {
		t.Fatal(err)
	}
	path := changed(t, hostileRecords...)
	file, err := legacy.Read(t.Context(), path, legacy.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := legacy.PlanOf(t.Context(), file, legacy.PlanOptions{Media: filepath.Join(folder, "legacy_media"), Now: importDay})
	if err != nil {
		t.Fatal(err)
	}
	report := w.importedPlan(t, "alpha", plan, legacy.Options{})
	for table, got := range report.Tables {
		if got.Read != got.Imported+got.Merged+got.Skipped+got.Refused || got.Imported != got.ImportedAsIs+got.ImportedRepaired {
			t.Errorf("table %s doesn't add up: %+v", table, got)
		}
	}
	said := func(table string, k legacy.Kind) string {
		r := report.Tables[table]
		for _, group := range []map[legacy.Kind]legacy.Rows{r.Repairs, r.Notes, r.Merges, r.Skips, r.Refusals} {
			if rows, there := group[k]; there {
				return fmt.Sprint(rows.IDs.List)
			}
		}
		return "none"
	}
	for table, n := range map[string]int{"hospital_medicine": 100, "hospital_test": 100} {
		if got := report.Tables[table].Refusals[legacy.TooMany].Rows; got != n {
			t.Errorf("%d rows of %s are too many, want %d", got, table, n)
		}
	}
	if got := report.Tables["hospital_standardtemplatemedicine"].Refusals[legacy.ParentRefused].Rows; got != 4+2003 {
		t.Errorf("%d template lines went with their template", got)
	}
	for _, c := range []struct {
		table string
		kind  legacy.Kind
		want  string
	}{
		{"hospital_medicine", legacy.ScheduleRead, "[1 13]"},
		{"hospital_medicine", legacy.ScheduleUnreadable, "[2]"},
		{"hospital_medicine", legacy.QuantityUnusable, "[4 7]"},
		{"hospital_medicine", legacy.FormUnknown, "[9]"},
		{"hospital_medicine", legacy.FoodUnknown, "[9]"},
		{"hospital_medicine", legacy.NameMissing, "[10]"},
		{"hospital_medicine", legacy.OtherClinic, "none"},
		{"hospital_doctornotes", legacy.NotesTwice, "[901]"},
		{"hospital_doctornotes", legacy.TextCut, "[1]"},
		{"hospital_doctornotes", legacy.TimeUnreadable, "[1]"},
		{"hospital_test", legacy.TestTypeUnknown, "[1]"},
		{"hospital_test", legacy.DayUnreadable, "[1]"},
		{"hospital_test", legacy.TestTwice, "[901 902]"},
		{"hospital_test", legacy.OtherClinic, "[903]"},
		{"hospital_test", legacy.NameMissing, "[2]"},
		{"hospital_vitals", legacy.VitalRounded, "[1]"},
		{"hospital_vitals", legacy.VitalOutOfRange, "[1 17 18 901]"},
		{"hospital_prescription", legacy.StatusUnknown, "[1]"},
		{"hospital_prescription", legacy.DateUnreadable, "[30]"},
		{"hospital_prescription", legacy.OtherClinic, "[35]"},
		{"hospital_mastermedicine", legacy.ScheduleUnreadable, "[1]"},
		{"hospital_standardprescriptiontemplate", legacy.TemplateRenamed, "[2 3]"},
		{"hospital_standardprescriptiontemplate", legacy.AuthorUnknown, "[3]"},
		{"hospital_standardprescriptiontemplate", legacy.OtherClinic, "[4]"},
		{"hospital_standardtemplatemedicine", legacy.TemplateMissing, "[1]"},
		{"hospital_standardprescriptiontemplate", legacy.TemplateTooLarge, "[7]"},
		{"hospital_medicalreport", legacy.TestTypeUnknown, "[1]"},
		{"hospital_medicalreport", legacy.DateUnreadable, "[2]"},
		{"hospital_testreport", legacy.DayUnreadable, "[1]"},
	} {
		if got := said(c.table, c.kind); got != c.want {
			t.Errorf("%s of %s names rows %s, want %s", c.kind, c.table, got, c.want)
		}
	}
	for sql, want := range map[string]string{
		"select concat(morning, afternoon, evening, night)" + of("prescription_lines") + "where i.value = 'hospital_medicine:1'":                                                                                         "4004",
		"select concat(morning, afternoon, evening, night) || '|' || days" + of("prescription_lines") + "where i.value = 'hospital_medicine:13'":                                                                         "2002|14",
		"select instructions || '|' || (morning + night + evening + afternoon)" + of("prescription_lines") + "where i.value = 'hospital_medicine:2'":                                                                     "@SUM(1); =cmd|'/C calc'!A0|0",
		"select instructions" + of("prescription_lines") + "where i.value = 'hospital_medicine:3'":                                                                                                                       "9223372036854775807 times a day",
		"select instructions || '|' || coalesce(quantity, 0)" + of("prescription_lines") + "where i.value = 'hospital_medicine:4'":                                                                                       "quantity 0|0",
		"select days" + of("prescription_lines") + "where i.value = 'hospital_medicine:8'":                                                                                                                               "10",
		"select medicine || '|' || instructions" + of("prescription_lines") + "where i.value = 'hospital_medicine:12'":                                                                                                   "<script>alert(1)</script>|<img src=x onerror=alert(1)>",
		"select length(i.facts ->> 'observations') || ' ' || length(i.facts ->> 'diagnosis') || ' ' || length(x.complaint)" + of("consultations") + "where i.value = 'hospital_doctornotes:1'":                           "190000 190000 4000",
		"select note || '|' || state || result" + of("test_requests") + "where i.value = 'hospital_test:3'":                                                                                                              "came by phone|requested",
		"select string_agg(x.name, ', ' order by i.value)" + of("test_requests") + "where i.value in ('hospital_test:5', 'hospital_test:901', 'hospital_test:902')":                                                      "Complete Blood Count (CBC), cBC, Cbc (2)",
		"select x.note || '|' || temperature_tenths" + of("vitals") + "where i.value = 'hospital_vitals:1'":                                                                                                              "BP: " + strings.Repeat("9", 996) + "|986",
		"select state || ' ' || (number <> '')" + of("prescriptions") + "where i.value = 'hospital_prescription:1'":                                                                                                      "draft true",
		"select string_agg(x.name || ' ' || x.active, ', ' order by i.value)" + of("prescription_templates") + "where i.value in ('hospital_standardprescriptiontemplate:2', 'hospital_standardprescriptiontemplate:3')": "COLD AND COUGH (2) true, Template true",
		"select title || '|' || kind || '|' || length(note)" + of("documents") + "where i.value = 'hospital_medicalreport:1'":                                                                                            "Palm reading|other|1000",
		"select title || '|' || kind" + of("documents") + "where i.value = 'hospital_testreport:1'":                                                                                                                      "lipid.pdf|other",
		"select count(*) || ' ' || count(distinct lower(name)) from clinic_alpha.test_requests t join clinic_alpha.prescriptions p using (visit_id) where p.old_number = '76'":                                           "500 500",
		"select (uploaded_by is null)::text || '|' || (i.facts ->> 'report_file')" + of("documents") + "where i.value = 'hospital_testreport:4'":                                                                         "true|test_reports/xray_knee.jpg",
		"select count(*) from clinic_alpha.documents where title = 'Ultrasound'":                                                                                                                                         "51",
	} {
		if got := w.one(t, sql); got != want {
			t.Errorf("%s\n gives %s\n want  %s", sql, got, want)
		}
	}
	// No value of a row stands in the report, whatever the rows say.
	text := fmt.Sprint(asJSON(t, report))
	for _, value := range []string{"calc", "midnight", "laser", "séance", "Palm reading", "onerror", "none needed"} {
		if strings.Contains(text, value) {
			t.Errorf("the report says %q", value)
		}
	}
}

// TestNULInAnyColumn: a NUL, and bytes that are no text, in any text column of any
// table that is read end the import before it begins.
func TestNULInAnyColumn(t *testing.T) {
	t.Parallel()
	tables := legacy.TextColumns()
	if len(tables) < 15 {
		t.Fatalf("%d tables are read", len(tables))
	}
	values := []string{"'a' || char(0) || 'b'", "CAST(x'41ff' AS TEXT)", "x'00'"}
	for i, table := range slices.Sorted(maps.Keys(tables)) {
		column, value := tables[table][i%len(tables[table])], values[i%len(values)]
		path := changed(t, fmt.Sprintf("UPDATE %s SET %s = %s WHERE id = (SELECT min(id) FROM %s)", table, column, value, table))
		_, err := legacy.Read(t.Context(), path, legacy.DefaultLimits())
		refusedAs(t, err, legacy.Hostile, table+", row")
	}
}

// TestFilesThatLie: what a file is counts, not what it is called; and a path is
// followed inside of the media folder only.
func TestFilesThatLie(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	inside := filepath.Join(folder, "media")
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(mediaFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	pdf, picture := read("medical_reports/cbc_jan.pdf"), read("medical_reports/untitled.png")
	for name, content := range map[string][]byte{
		"good.pdf": pdf, "png_called.pdf": picture, "pdf_called.png": pdf, "no_ending": pdf, "cut.pdf": pdf[:len(pdf)/2], "cut.png": picture[:len(picture)/2],
		"page.pdf": []byte("<!DOCTYPE html><title>x</title>"), "program.pdf": []byte("MZ\x90\x00"), "script.pdf": slices.Concat([]byte("#!/bin/sh\n"), pdf),
		"huge.pdf": append(slices.Clone(pdf), make([]byte, 10<<20)...), "empty.pdf": nil, "zip.png": []byte("PK\x03\x04"),
		"runs.pdf": []byte(strings.Replace(string(pdf), "/Type /Catalog", "/Type /Catalog /OpenAction << /S /JavaScript /JS (app.alert(1)) >>", 1)),
	} {
		if err := os.MkdirAll(filepath.Join(inside, "d"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(inside, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "outside.pdf"), pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"link.pdf": "good.pdf", "out.pdf": "../outside.pdf", "e": "d"} {
		if err := os.Symlink(to, filepath.Join(inside, link)); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]legacy.Kind{}
	want := map[string]legacy.Kind{
		"good.pdf": "", "png_called.pdf": legacy.FileNameLies, "pdf_called.png": legacy.FileNameLies, "no_ending": legacy.FileNameLies,
		"cut.pdf": legacy.FileBroken, "cut.png": legacy.FileBroken, "page.pdf": legacy.FileTypeRefused, "program.pdf": legacy.FileTypeRefused,
		"script.pdf": legacy.FileTypeRefused, "huge.pdf": legacy.FileTooLarge, "empty.pdf": legacy.FileEmpty, "zip.png": legacy.FileTypeRefused, "runs.pdf": legacy.FileBroken,
		"link.pdf": legacy.PathOutside, "out.pdf": legacy.PathOutside, "../outside.pdf": legacy.PathOutside, "/etc/hostname": legacy.PathOutside,
		"d/../../outside.pdf": legacy.PathOutside, "": legacy.PathOutside, "d": legacy.FileMissing, "gone.pdf": legacy.FileMissing, "good.pdf/x": legacy.FileMissing,
	}
	for name := range want {
		got[name], _ = legacy.Look(t.Context(), inside, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestFileThatChanges between the look at it and the taking over ends the import.
func TestFileThatChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emptied(t, "clinic_alpha")
	before := w.content(t, "clinic_alpha")
	folder := filepath.Join(t.TempDir(), "media")
	if err := os.CopyFS(folder, os.DirFS(mediaFolder)); err != nil {
		t.Fatal(err)
	}
	file, err := legacy.Read(t.Context(), filepath.Join("testdata", "legacy.sqlite3"), legacy.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := legacy.PlanOf(t.Context(), file, legacy.PlanOptions{Media: folder, Now: importDay})
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(folder, "medical_reports", "usg.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "medical_reports", "cbc_jan.pdf"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = legacy.Import(t.Context(), w.db, w.clinic(t, "alpha"), plan, w.options(nil))
	if err == nil || !strings.Contains(err.Error(), "row 1 of hospital_medicalreport") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(before, w.content(t, "clinic_alpha")); diff != "" {
		t.Errorf("it left:\n%s", diff)
	}
}
