package legacy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cloister-health/cloister/internal/legacy"
)

// FuzzRead changes bytes of a file and cuts it: the importer answers with a
// file's error or with a report that adds up, and touches nothing. The patch is
// a row of changes, three bytes of offset and the new byte.
func FuzzRead(f *testing.F) {
	// Small pages and few rows keep each try cheap.
	base, err := os.ReadFile(changed(f,
		"DELETE FROM hospital_patient WHERE id > 12", "DELETE FROM hospital_patientvisit WHERE id > 12", "DELETE FROM hospital_user WHERE id > 16",
		"DELETE FROM hospital_medicine", "DELETE FROM hospital_mastermedicine", "DELETE FROM hospital_prescription", "DELETE FROM hospital_test",
		"PRAGMA page_size = 512", "VACUUM"))
	if err != nil {
		f.Fatal(err)
	}
	at := func(needle string) []byte {
		i := bytes.Index(base, []byte(needle))
		if i < 0 {
			f.Fatalf("the file holds no %q", needle)
		}
		return []byte{byte(i >> 16), byte(i >> 8), byte(i)}
	}
	f.Add([]byte{}, uint32(0))
	f.Add([]byte{}, uint32(len(base)/2))
	f.Add([]byte{}, uint32(512))
	f.Add([]byte{0, 0, 16, 9, 0, 0, 18, 2, 0, 0, 19, 2}, uint32(0))
	f.Add([]byte{0, 0, 100, 0x0d}, uint32(0))
	f.Add([]byte{0, 0, 28, 0xff, 0, 0, 92, 1}, uint32(0))
	for _, needle := range []string{"CREATE TABLE", "hospital_patient", "Kavita", "registered", "2025-11-12", "pbkdf2", "Checkup", "PT3-2025"} {
		f.Add(append(at(needle), 0), uint32(0))
		f.Add(append(at(needle), 0xff), uint32(0))
	}
	f.Fuzz(func(t *testing.T, patch []byte, cut uint32) {
		content := bytes.Clone(base)
		for ; len(patch) >= 4; patch = patch[4:] {
			content[(int(patch[0])<<16|int(patch[1])<<8|int(patch[2]))%len(content)] = patch[3]
		}
		if cut > 0 {
			content = content[:int(cut)%len(content)]
		}
		folder := t.TempDir()
		path := filepath.Join(folder, "x.sqlite3")
		if err := os.WriteFile(path, content, 0o400); err != nil {
			t.Fatal(err)
		}
		before := looked(t, folder)
		file, err := legacy.Read(t.Context(), path, legacy.DefaultLimits())
		sameFolder(t, before, looked(t, folder))
		var plan *legacy.Plan
		if err == nil {
			plan, err = legacy.PlanOf(t.Context(), file, "", importDay)
		}
		if err != nil {
			if wrong := (*legacy.FileError)(nil); !errors.As(err, &wrong) {
				t.Fatalf("error %v (%T), want a file's error", err, err)
			}
			return
		}
		report := plan.Report()
		for table, got := range report.Tables {
			if got.Read != got.Imported+got.Merged+got.Skipped+got.Refused || got.Imported != got.ImportedAsIs+got.ImportedRepaired || got.Imported < 0 {
				t.Errorf("table %s doesn't add up: %+v", table, got)
			}
		}
		if _, err := json.Marshal(report); err != nil {
			t.Errorf("the report: %v", err)
		}
	})
}

// FuzzPlan puts any text into the columns that are parsed.
func FuzzPlan(f *testing.F) {
	f.Add("9000000001", "Asha Kiran", "2026-03-31 18:29:59.999999", "2026-03-31", int64(40), 61.5)
	f.Add("+91 90000 00026", "", "2026-03-31 18:30:00", "1879-12-31", int64(-5), -1.0)
	f.Add("abc", "=1+1 <b>", "2026-03-31T18:30:00Z", "", int64(140), 1e300)
	f.Add("\u0967", "\u200b", "2026-03-31 18:30:00,5", "2026-13-01", int64(1)<<62, 0.0)
	f.Fuzz(func(t *testing.T, phone, name, stamp, day string, age int64, weight float64) {
		row := legacy.OddPatient(phone, name, stamp, day, age, weight)
		report := row.Report()
		for table, got := range report.Tables {
			if got.Read != got.Imported+got.Merged+got.Skipped+got.Refused || got.Imported != got.ImportedAsIs+got.ImportedRepaired {
				t.Errorf("table %s doesn't add up: %+v", table, got)
			}
		}
		for _, p := range row.Patients {
			if p.First == "" || p.Age < 0 || p.Age > 120 || p.Grams < 0 || p.Grams > 500_000 || p.Registered.Year() < 1900 || (!p.Birth.IsZero() && p.Birth.Year() < 1880) {
				t.Errorf("patient out of bounds: age %d, weight %d, registered %v, born %v", p.Age, p.Grams, p.Registered, p.Birth)
			}
		}
		for _, v := range row.Visits {
			if v.Day.Year() < 1900 || v.State == "" || (v.State == "cancelled" && v.Reason == "") || len([]rune(v.Purpose)) > 500 || len([]rune(v.Reason)) > 500 {
				t.Errorf("visit out of bounds: %v %s", v.Day, v.State)
			}
		}
	})
}
