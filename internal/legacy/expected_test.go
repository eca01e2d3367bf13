package legacy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloister-health/cloister/internal/legacy"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/prescription"
)

// waitingTables have no home yet: they are read, and reported as waiting.
var waitingTables = map[string]bool{"hospital_patientadmission": true, "hospital_treatmentlog": true}

// importDay is after every row of the file.
var importDay = time.Date(2026, time.November, 24, 6, 0, 0, 0, time.UTC)

// dataFolders are where the older system's file and what it must come to may
// stand: always the copy in testdata, and the shared original where there is one.
func dataFolders(t *testing.T) []string {
	t.Helper()
	folders := []string{"testdata"}
	shared := os.Getenv("CLOISTER_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(shared, "data", "legacy.sqlite3")); err == nil {
		folders = append(folders, filepath.Join(shared, "data"))
	}
	return folders
}

// media is the media folder beside a file, if there is one.
func media(folder string) string {
	path := filepath.Join(folder, "legacy_media")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

type expectation struct {
	Tables   map[string]any            `json:"tables"`
	Rules    map[string]map[string]any `json:"rules"`
	Result   map[string]any            `json:"result"`
	Dangling []legacy.Dangling         `json:"dangling_references"`
	Files    map[string]any            `json:"files"`
	Merged   map[string]any            `json:"merged_into"`
	Days     struct {
		Clinic map[string]int `json:"visits_by_clinic_day"`
	} `json:"days"`
	Values struct {
		Name  map[string]string  `json:"patient_name"`
		Phone map[string]*string `json:"patient_phone"`
		Staff map[string]*string `json:"staff_phone"`
		Store map[string]*string `json:"store_phone"`
		Time  map[string]string  `json:"visit_clinic_time"`

		Formulary    map[string]dosage         `json:"formulary"`
		Line         map[string]dosage         `json:"line"`
		TemplateLine map[string]dosage         `json:"template_line"`
		TestRow      map[string]*int64         `json:"test_catalogue_row"`
		Vitals       map[string]map[string]any `json:"vitals"`
	} `json:"values"`
}

// dosage is what a line must be read as.
type dosage struct {
	Pattern *string `json:"pattern"`
	Days    *int    `json:"days"`
}

func expected(t *testing.T, folder string) expectation {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "legacy_expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var e expectation
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func planned(t *testing.T, path string) *legacy.Plan {
	t.Helper()
	file, err := legacy.Read(t.Context(), path, legacy.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := legacy.PlanOf(t.Context(), file, legacy.PlanOptions{Media: media(filepath.Dir(path)), Now: importDay})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// asJSON gives a value as a reader of its JSON sees it.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReportIsWhatIsExpected(t *testing.T) {
	t.Parallel()
	for _, folder := range dataFolders(t) {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			want := expected(t, folder)
			report := planned(t, filepath.Join(folder, "legacy.sqlite3")).Report()
			got := asJSON(t, report).(map[string]any)
			tables := got["tables"].(map[string]any)
			for table := range want.Tables {
				if waitingTables[table] {
					continue
				}
				if diff := cmp.Diff(want.Tables[table], tables[table]); diff != "" {
					t.Errorf("table %s (-want +got):\n%s", table, diff)
				}
			}
			result := got["result"].(map[string]any)
			for key, value := range result {
				if diff := cmp.Diff(want.Result[key], value); diff != "" {
					t.Errorf("result %s (-want +got):\n%s", key, diff)
				}
			}
			if diff := cmp.Diff(want.Files, got["files"]); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.Merged, got["merged_into"]); diff != "" {
				t.Errorf("merged (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.Dangling, report.Dangling); diff != "" {
				t.Errorf("dangling references (-want +got):\n%s", diff)
			}
			for kind, rule := range got["rules"].(map[string]any) {
				if known := want.Rules[kind]; known != nil && known["class"] != rule.(map[string]any)["class"] {
					t.Errorf("rule %s has class %v, want %v", kind, rule.(map[string]any)["class"], known["class"])
				}
			}
		})
	}
}

// TestEveryRowIsAccountedFor: tables without a home yet are named with their
// counts, and nothing is left over.
func TestEveryRowIsAccountedFor(t *testing.T) {
	t.Parallel()
	want := expected(t, "testdata")
	report := planned(t, filepath.Join("testdata", "legacy.sqlite3")).Report()
	for table, is := range want.Tables {
		read := int(is.(map[string]any)["read"].(float64))
		got, there := report.Tables[table]
		if !there || got.Read != read {
			t.Errorf("table %s: read %d (reported: %v), want %d", table, got.Read, there, read)
		}
		if got.Read != got.Imported+got.Merged+got.Skipped+got.Refused+got.AlreadyThere || got.Imported != got.ImportedAsIs+got.ImportedRepaired {
			t.Errorf("table %s doesn't add up: %+v", table, got)
		}
	}
	if len(report.Tables) != len(want.Tables) {
		t.Errorf("%d tables reported, want %d", len(report.Tables), len(want.Tables))
	}
	for table := range waitingTables {
		if later := report.Tables[table]; later.Skipped != later.Read || later.Skips[legacy.NotYet].Rows != later.Read || !later.Skips[legacy.NotYet].IDs.All {
			t.Errorf("%s is not reported as waiting: %+v", table, later)
		}
	}
	// What waits are the six admissions and ten entries of their treatment.
	if report.Totals.Read != 1089 || report.Totals.Imported != 1047-6-10 || report.Totals.Refused != 21 || report.Totals.Merged != 14 {
		t.Errorf("totals: %+v", report.Totals)
	}
}

// TestParsedValues compares names, phones and the clinic's times row by row.
func TestParsedValues(t *testing.T) {
	t.Parallel()
	want := expected(t, "testdata").Values
	plan := planned(t, filepath.Join("testdata", "legacy.sqlite3"))
	same := func(what string, id int64, want *string, got string) {
		t.Helper()
		if (want == nil) != (got == "") || (want != nil && *want != got) {
			t.Errorf("%s %d differs from what is expected", what, id)
		}
	}
	if len(plan.Patients) != len(want.Name) {
		t.Errorf("%d patients, want %d", len(plan.Patients), len(want.Name))
	}
	for _, p := range plan.Patients {
		key := strconv.FormatInt(p.ID, 10)
		if got := patient.CleanName(p.First.Reveal() + " " + p.Last.Reveal()); got != want.Name[key] {
			t.Errorf("name of patient %s: %q, want %q", key, got, want.Name[key])
		}
		same("phone of patient", p.ID, want.Phone[key], p.Phone.Reveal())
	}
	for _, s := range plan.Staff {
		same("phone of user", s.ID, want.Staff[strconv.FormatInt(s.ID, 10)], s.Phone.Reveal())
	}
	for _, s := range plan.Stores {
		same("phone of store", s.ID, want.Store[strconv.FormatInt(s.ID, 10)], s.Phone)
	}
	days := map[string]int{}
	india := time.FixedZone("IST", 5*3600+1800)
	for _, v := range plan.Visits {
		if got := v.Arrived.In(india).Format("2006-01-02 15:04:05"); got != want.Time[strconv.FormatInt(v.ID, 10)] {
			t.Errorf("visit %d: %s, want %s", v.ID, got, want.Time[strconv.FormatInt(v.ID, 10)])
		}
		days[v.Day.Format("2006-01-02")]++
	}
	if diff := cmp.Diff(expected(t, "testdata").Days.Clinic, days); diff != "" {
		t.Errorf("visits by the clinic's day (-want +got):\n%s", diff)
	}
}

// TestLastMicrosecond: the time 18:29:59.999999 stays on its day.
func TestLastMicrosecond(t *testing.T) {
	t.Parallel()
	for _, v := range planned(t, filepath.Join("testdata", "legacy.sqlite3")).Visits {
		switch v.ID {
		case 139:
			if got := v.Arrived.Format(time.RFC3339Nano); got != "2026-03-31T18:29:59.999999Z" || v.Day.Format("2006-01-02") != "2026-03-31" {
				t.Errorf("visit 139 arrived %s on %s", got, v.Day)
			}
		case 140:
			if v.Day.Format("2006-01-02") != "2026-04-01" {
				t.Errorf("visit 140 is on %s", v.Day)
			}
		}
	}
}

// TestDosesAreReadAsExpected compares every line, template line and list entry.
func TestDosesAreReadAsExpected(t *testing.T) {
	t.Parallel()
	want := expected(t, "testdata").Values
	plan := planned(t, filepath.Join("testdata", "legacy.sqlite3"))
	seen := 0
	same := func(what string, id int64, want map[string]dosage, d legacy.Dosage) {
		t.Helper()
		seen++
		w, known := want[strconv.FormatInt(id, 10)]
		pattern, days := "", 0
		if w.Pattern != nil {
			pattern = *w.Pattern
		}
		if w.Days != nil {
			days = *w.Days
		}
		wanted, err := prescription.ParseDose(pattern)
		if !known || err != nil || d.Dose != wanted || d.Days != days {
			t.Errorf("%s %d is %v for %d days, want %q for %d", what, id, d.Dose, d.Days, pattern, days)
		}
	}
	for _, l := range plan.Lines {
		same("line", l.ID, want.Line, l.Dosage)
	}
	for _, m := range plan.Formulary {
		same("medicine", m.ID, want.Formulary, m.Dosage)
	}
	for _, x := range plan.Templates {
		for _, l := range x.Lines {
			if l.Table == "hospital_standardtemplatemedicine" {
				same("template line", l.ID, want.TemplateLine, l.Dosage)
			}
		}
	}
	if seen != len(want.Line)+len(want.Formulary)+len(want.TemplateLine) {
		t.Errorf("%d lines were compared", seen)
	}
	for _, q := range plan.Requests {
		row, known := want.TestRow[strconv.FormatInt(q.ID, 10)]
		if !known || (row == nil) != (q.Test == 0) || row != nil && *row != q.Test {
			t.Errorf("test %d is linked to row %d", q.ID, q.Test)
		}
	}
	if len(plan.Requests) != len(want.TestRow) {
		t.Errorf("%d tests", len(plan.Requests))
	}
}

// TestVitalsAreReadAsExpected compares every reading.
func TestVitalsAreReadAsExpected(t *testing.T) {
	t.Parallel()
	want := expected(t, "testdata").Values.Vitals
	plan := planned(t, filepath.Join("testdata", "legacy.sqlite3"))
	if len(plan.Vitals) != len(want) || len(want) == 0 {
		t.Errorf("%d vitals, want %d", len(plan.Vitals), len(want))
	}
	for _, v := range plan.Vitals {
		got := map[string]any{}
		for name, n := range map[string]int{"systolic": v.Systolic, "diastolic": v.Diastolic, "pulse": v.Pulse, "spo2": v.SpO2, "sugar": v.Sugar} {
			if n != 0 {
				got[name] = float64(n)
			}
		}
		if v.Temperature != 0 {
			got["temperature"], got["temperature_unit"] = float64(v.Temperature)/10, v.Unit
		}
		if v.SugarKind != "" {
			got["sugar_kind"] = strings.ReplaceAll(v.SugarKind, "_", " ")
		}
		if diff := cmp.Diff(want[strconv.FormatInt(v.ID, 10)], got); diff != "" {
			t.Errorf("vitals %d (-want +got):\n%s", v.ID, diff)
		}
	}
}
