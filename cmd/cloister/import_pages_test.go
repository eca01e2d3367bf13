package main

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// TestImportedPages: what the import brought is seen where people look for it,
// as it was written, and nothing of it is taken for more than it is.
func TestImportedPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	env := []string{"CLOISTER_APP_URL=" + s.db.App, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_STATE_DIR=" + s.folder}
	var stdout, stderr strings.Builder
	if code := run(t.Context(), []string{"import", "legacy", "--clinic", "alpha", "--media", legacyFile("legacy_media"), legacyFile("legacy.sqlite3")}, env, &stdout, &stderr); code != exitOK {
		t.Fatalf("code %d, %s", code, stderr.String())
	}
	id := func(what, old string) string {
		return ask1[uuid.UUID](t, s, "select "+what+" from clinic_alpha.prescriptions where old_number = $1", old).String()
	}
	see := func(path string, has []string, lacks ...string) {
		t.Helper()
		want(t, s.send("GET", path, access.Doctor, nil, false), 200, has, lacks...)
	}
	rx := func(old string) string { return "/prescriptions/" + id("id", old) + "/print" }

	see(rx("7"), []string{"Older system: no. 7", "as needed", "1-0-1-0", "unknown (older system)", "RX-2025-"}, "Not valid")
	see(rx("119"), []string{"Not valid: left unfinished in the older system", "Older system: no. 119"}, "/share", "qr.png")
	see(rx("58"), []string{"Not valid: not recorded"})
	see(rx("1"), []string{"&lt;script&gt;fetch("}, "<script>fetch(")
	see(rx("3"), []string{"BP:\u00a0banana"})
	see("/patients/"+id("patient_id", "119"), []string{"Older system&#39;s ID", "PT3-2026-", "Draft", "Allergies not recorded"})
	see("/patients/"+id("patient_id", "107"), []string{"&lt;b&gt;Normal&lt;/b&gt; study"}, "<b>Normal</b>")
	// Nobody was asked about allergies, and nothing says that there are none.
	visit := "/visits/" + id("visit_id", "14")
	see(visit, []string{"Allergies not recorded"}, "No known allergies")
	see(visit+"/consultation", []string{"Anagha Walimbe"}, "consultation/begin")

	// Requests that were left open years ago don't hide those of today.
	s.raw(t, `update clinic_alpha.test_requests set doctor_id = '`+testkit.Doctor.String()+`' where result = ''; update clinic_alpha.prescriptions set doctor_id = '`+testkit.Doctor.String()+`'`)
	see("/my-queue", []string{"Malaria parasite smear"}, "Kidney Function Test (KFT)", "Urine Routine")

	document := ask1[uuid.UUID](t, s, "select record_id from clinic_alpha.identifiers where value = 'hospital_medicalreport:1'").String()
	old, err := os.ReadFile(legacyFile("legacy_media/medical_reports/cbc_jan.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	if w := s.send("GET", "/documents/"+document+"/file", access.Doctor, nil, false); w.Code != 200 || w.Body.String() != string(old) {
		t.Errorf("the file: status %d, %d bytes of %d", w.Code, w.Body.Len(), len(old))
	}
	see("/documents/"+document, []string{"Blood Test", "unknown (older system)"}, "Sent by the patient")
}
