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

// BenchmarkImport reads, plans and writes whole files.
func BenchmarkImport(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := grown(b, n)
			w := newWorld(b)
			w.emptied(b, "clinic_alpha")
			w.Exec(b, "update platform.plans set max_patients = null")
			clinic := w.clinic(b, "alpha")
			for b.Loop() {
				file, err := legacy.Read(b.Context(), path, legacy.DefaultLimits())
				if err != nil {
					b.Fatal(err)
				}
				plan, err := legacy.PlanOf(b.Context(), file, "", importDay)
				if err != nil {
					b.Fatal(err)
				}
				read := b.Elapsed()
				if _, err := legacy.Import(b.Context(), w.db, clinic, plan, legacy.Options{DryRun: true}); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(read.Seconds(), "s/read")
				b.ReportMetric(float64(n)/(b.Elapsed()-read).Seconds(), "patients/s")
			}
		})
	}
}
