package legacy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/legacy"
	"github.com/cloister-health/cloister/internal/prescription"
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
			plan, err = legacy.PlanOf(t.Context(), file, legacy.PlanOptions{Now: importDay})
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
	f.Add("3-5 days", "Cbc (x", "2026-03-31 18:30:00", "1-0-1", int64(1), 0.0)
	f.Add("80/120", "P+P", "2026-03-31 18:30:00", "morning_night", int64(2), 0.0)
	f.Add("98.64 F", "0", "2026-03-31 18:30:00", "sos", int64(0), 0.0)
	f.Add("PP-160", "..", "2026-03-31 18:30:00", "½-0-½", int64(99999), 0.0)
	f.Add("1 month", "\u0915\u093e", "2026-03-31 18:30:00", "0-0-0", int64(365), 0.0)
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
		recordsInBounds(t, row)
		for _, v := range row.Visits {
			if v.Day.Year() < 1900 || v.State == "" || (v.State == "cancelled" && v.Reason == "") || len([]rune(v.Purpose)) > 500 || len([]rune(v.Reason)) > 500 {
				t.Errorf("visit out of bounds: %v %s", v.Day, v.State)
			}
		}
	})
}

// recordsInBounds: whatever a row says, what comes of it is what the tables take,
// and no text is lost: it stands in its place, in the instructions or the note,
// or in the facts.
func recordsInBounds(t *testing.T, p *legacy.Plan) {
	t.Helper()
	long := func(s string, most int) bool { return len([]rune(s)) > most }
	dosage := func(d legacy.Dosage) {
		t.Helper()
		if d.Name == "" || long(d.Name.Reveal(), 200) || long(d.Strength, 60) || long(d.Instructions.Reveal(), 500) || d.Days < 0 || d.Days > 365 || d.Quantity < 0 || d.Quantity > 5000 {
			t.Errorf("line out of bounds: %d days, quantity %d", d.Days, d.Quantity)
		}
		if again, err := prescription.ParseDose(d.Dose.String()); err != nil || again != d.Dose {
			t.Errorf("dose %#v doesn't read back: %v", d.Dose, err)
		}
	}
	for _, l := range p.Lines {
		dosage(l.Dosage)
	}
	for _, m := range p.Formulary {
		dosage(m.Dosage)
		if len(m.Strengths) > 30 {
			t.Errorf("%d strengths", len(m.Strengths))
		}
	}
	for _, x := range p.Templates {
		if x.Name == "" || long(x.Name, 100) || long(x.Keyword, 30) || long(x.Description, 500) || x.Keyword != strings.ToLower(x.Keyword) {
			t.Errorf("template out of bounds: %q", x.Name)
		}
	}
	for _, q := range p.Requests {
		if q.Name == "" || long(q.Name.Reveal(), 200) || long(q.Note.Reveal(), 500) || q.Result != "" && q.State != "reported" {
			t.Errorf("request out of bounds: %s", q.State)
		}
	}
	for _, v := range p.Vitals {
		if (v.Systolic == 0) != (v.Diastolic == 0) || v.Systolic < v.Diastolic || v.Pulse > 300 || v.SpO2 > 100 || v.Sugar > 900 || (v.Temperature == 0) != (v.Unit == "") ||
			v.Sugar == 0 && v.SugarKind != "" || v.Systolic+v.Pulse+v.Temperature+v.SpO2+v.Sugar == 0 && v.Note == "" {
			t.Errorf("vitals out of bounds: %+v", v)
		}
	}
	for _, n := range p.Notes {
		if long(n.Complaint.Reveal(), 4000) || long(n.Diagnosis.Reveal(), 4000) || long(n.Findings.Reveal(), 8000) || long(n.Advice.Reveal(), 4000) {
			t.Error("notes out of bounds")
		}
	}
	if len(p.Documents) != 0 {
		t.Error("a document without a media folder")
	}
}

// FuzzMedia puts any path and any content into the media folder: nothing outside
// of it is ever opened, and what passes is of a kind that is kept.
func FuzzMedia(f *testing.F) {
	pdf, err := os.ReadFile(filepath.Join(mediaFolder, "medical_reports", "cbc_jan.pdf"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range []string{"a.pdf", "../a.pdf", "/etc/hostname", "a/../../b", "a\x00b", "", ".", "a//b.png", "~/a", "a/./b.pdf"} {
		f.Add(path, pdf)
		f.Add(path, []byte("<html>"))
	}
	f.Fuzz(func(t *testing.T, path string, content []byte) {
		folder := t.TempDir()
		inside := filepath.Join(folder, "media")
		if err := os.MkdirAll(filepath.Join(inside, "a"), 0o700); err != nil {
			t.Fatal(err)
		}
		outside := filepath.Join(folder, "b")
		for _, name := range []string{outside, filepath.Join(inside, "a", "b.pdf"), filepath.Join(inside, "c")} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(outside, filepath.Join(inside, "link")); err != nil {
			t.Fatal(err)
		}
		kind, media := legacy.Look(t.Context(), inside, path)
		passed := kind == "" || kind == legacy.FileNameLies
		if passed != (media != "") {
			t.Errorf("%q: %q and %q", path, kind, media)
		}
		if clean := filepath.Clean(path); passed && clean != "a/b.pdf" && clean != "c" {
			t.Errorf("%q was opened", path)
		}
	})
}
