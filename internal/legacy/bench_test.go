package legacy_test

import (
	"fmt"
	"testing"

	"github.com/cloister-health/cloister/internal/legacy"
)

// grown gives a copy of the file with n patients and as many visits.
func grown(b *testing.B, n int) string {
	b.Helper()
	more := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", 1000+n-121)
	return changed(b, "PRAGMA synchronous = off",
		more+`INSERT INTO hospital_patient SELECT i, printf('PT3-2026-%06d', i), 'Name' || (i % 700) || ' Surname' || (i % 1900), i % 90, address,
			printf('9%09d', i), registration_date, status, 'abcdefgh', registered_by_id, NULL, clinic_id, NULL, weight, gender
			FROM n JOIN hospital_patient p ON p.id = 1 + i % 7`,
		more+`INSERT INTO hospital_patientvisit SELECT i, check_in_date, purpose, 'completed', notes, checked_in_by_id, i, clinic_id
			FROM n JOIN hospital_patientvisit v ON v.id = 1 + i % 11`)
}

// written gives a copy of the file with n patients, visits and prescriptions,
// each of these with two medicines, a test, vitals and notes.
func written(b *testing.B, n int) string {
	b.Helper()
	more := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", 1000+n-121)
	return changed(b, "PRAGMA synchronous = off",
		more+`INSERT INTO hospital_patient SELECT i, printf('PT3-2026-%06d', i), 'Name' || (i % 700) || ' Surname' || (i % 1900), i % 90, address,
			printf('9%09d', i), registration_date, status, 'abcdefgh', registered_by_id, NULL, clinic_id, NULL, weight, gender
			FROM n JOIN hospital_patient p ON p.id = 1 + i % 7`,
		more+`INSERT INTO hospital_patientvisit SELECT i, check_in_date, purpose, 'completed', notes, checked_in_by_id, i, clinic_id
			FROM n JOIN hospital_patientvisit v ON v.id = 1 + i % 11`,
		more+`INSERT INTO hospital_prescription SELECT i, v.check_in_date, 'completed', 2, i, v.clinic_id, '', 0 FROM n JOIN hospital_patientvisit v ON v.id = i`,
		more+`INSERT INTO hospital_medicine SELECT 2 * i + k.value, m.medicine_name, m.dosage, m.duration, m.instructions, i, m.clinic_id, m.food_instruction, m.schedule,
			m.medicine_type, m.qty, m.frequency_per_day FROM n, json_each('[0, 1]') k JOIN hospital_medicine m ON m.id = 7 + (2 * i + k.value) % 80`,
		more+`INSERT INTO hospital_test SELECT i, t.test_type, t.test_name, t.description, t.test_date, t.result, t.is_completed, i, t.clinic_id
			FROM n JOIN hospital_test t ON t.id = 10 + i % 60`,
		more+`INSERT INTO hospital_vitals SELECT i, v.bp, v.pulse, v.temp, v.spo2, v.created_at, v.clinic_id, i, v.sugar FROM n JOIN hospital_vitals v ON v.id = 4 + i % 6`,
		more+`INSERT INTO hospital_doctornotes SELECT i, observations, diagnosis, treatment_plan, notes, created_at, updated_at, i, clinic_id, checkin_purpose
			FROM n JOIN hospital_doctornotes d ON d.id = 8 + i % 10`)
}

// BenchmarkImportRecords imports what doctors wrote: nine rows a patient.
func BenchmarkImportRecords(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkImport(b, written(b, n), n) })
	}
}

// BenchmarkImport imports patients and their visits.
func BenchmarkImport(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkImport(b, grown(b, n), n) })
	}
}

// benchmarkImport reads, plans and writes a whole file.
func benchmarkImport(b *testing.B, path string, n int) {
	b.Helper()
	w := newWorld(b)
	w.emptied(b, "clinic_alpha")
	w.Exec(b, "update platform.plans set max_patients = null")
	clinic := w.clinic(b, "alpha")
	for b.Loop() {
		file, err := legacy.Read(b.Context(), path, legacy.DefaultLimits())
		if err != nil {
			b.Fatal(err)
		}
		plan, err := legacy.PlanOf(b.Context(), file, legacy.PlanOptions{Now: importDay})
		if err != nil {
			b.Fatal(err)
		}
		read := b.Elapsed()
		report, err := legacy.Import(b.Context(), w.db, clinic, plan, legacy.Options{DryRun: true})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(read.Seconds(), "s/read")
		b.ReportMetric(float64(n)/(b.Elapsed()-read).Seconds(), "patients/s")
		b.ReportMetric(float64(report.Totals.Imported)/(b.Elapsed()-read).Seconds(), "rows/s")
	}
}
