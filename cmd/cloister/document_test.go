package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

func pngFile(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 80, 60))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pdfFile() []byte {
	return []byte("%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>\nendobj\n" +
		"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] >>\nendobj\n4 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] >>\nendobj\n" +
		"trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n")
}

// bring sends the form with a file as a browser without script does.
func (s *site) bring(t *testing.T, patient uuid.UUID, role access.Role, fields map[string]string, name string, content []byte) *httptest.ResponseRecorder {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for k, v := range fields {
		if err := m.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	if name != "" {
		f, err := m.CreateFormFile("file", name)
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/clinic/alpha/patients/"+patient.String()+"/documents", &b)
	n := s.client.Add(1)
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d", n/256%256, n%256))
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.AddCookie(&http.Cookie{Name: "cloister", Value: base64.RawURLEncoding.EncodeToString(sessionToken(testkit.Alpha, role))})
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	return w
}

var documentLink = regexp.MustCompile(`href="/clinic/alpha(/documents/[0-9a-f-]{36})"><b>([^<]*)`)

// newest is the address of the newest document of a patient with a title.
func (s *site) newest(t *testing.T, list, title string) string {
	t.Helper()
	for _, m := range documentLink.FindAllStringSubmatch(s.get(list).Body.String(), -1) {
		if m[2] == title {
			return m[1]
		}
	}
	t.Fatalf("no %q in the list", title)
	return ""
}

func TestDocumentsWithoutScript(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := "/patients/" + testkit.Asha.String() + "/documents"
	page := s.get(list)
	want(t, page, 200, []string{"Files from elsewhere", "Blood count of the city laboratory", "Withdrawn", `type="file"`, "Penicillin", `enctype="multipart/form-data"`})
	once := field(t, page.Body.String(), "_once")
	fields := map[string]string{"_once": once, "kind": "xray", "title": "<b>Chest", "dated": "08/01/2025", "note": "On film"}
	for range 2 { // the same form again is done already
		w := s.bring(t, testkit.Asha, access.Receptionist, fields, "IMG 1.PNG", pngFile(t))
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/clinic/alpha"+list+"?kept=1" {
			t.Fatalf("%d to %q: %.500s", w.Code, w.Header().Get("Location"), w.Body)
		}
	}
	want(t, s.get(list+"?kept=1"), 200, []string{"The file is kept.", "&lt;b&gt;Chest", "X-ray · 8 Jan 2025 · Picture"}, "<b>Chest</b></b>")
	if n := strings.Count(s.get(list).Body.String(), "&lt;b&gt;Chest"); n != 1 {
		t.Errorf("%d documents of a form sent twice", n)
	}
	at := s.newest(t, list, "&lt;b&gt;Chest")
	want(t, s.get(at), 200, []string{`<img class="document" src="/clinic/alpha` + at + `/file"`, "On film", "Rohan Shinde", "Withdraw"})
	file := s.get(at + "/file")
	want(t, file, 200, nil)
	if !bytes.Equal(file.Body.Bytes(), pngFile(t)) {
		t.Errorf("%d bytes came back", file.Body.Len())
	}
	for name, value := range map[string]string{"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Disposition": "inline; filename=xray-2025-01-08.png",
		"Content-Length": fmt.Sprint(len(pngFile(t))), "Content-Security-Policy": fileHeader} {
		if got := file.Header().Get(name); got != value {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := s.get(at + "/file?download=1").Header().Get("Content-Disposition"); got != "attachment; filename=xray-2025-01-08.png" {
		t.Errorf("to keep: %q", got)
	}
	// The lab is led to the files from wherever a patient is named.
	if w := s.send("GET", "/patients/"+testkit.Asha.String(), access.LabTechnician, nil, false); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/clinic/alpha"+list {
		t.Errorf("the lab: %d to %q", w.Code, w.Header().Get("Location"))
	}
	want(t, s.send("GET", "/patients", access.LabTechnician, nil, false), 200, []string{"Find a patient by name"})
	want(t, s.send("GET", "/patients?q=asha", access.LabTechnician, nil, false), 200, []string{`href="/clinic/alpha/patients/` + testkit.Asha.String() + `"`})
	// The lab sees and sends files, and nothing of the allergies.
	want(t, s.send("GET", list, access.LabTechnician, nil, false), 200, []string{"&lt;b&gt;Chest", `type="file"`}, "Penicillin", "allergies")
	want(t, s.send("GET", at, access.LabTechnician, nil, false), 200, []string{"On film"}, "Penicillin", "allergies")
	// The patient's page has the newest.
	want(t, s.get("/patients/"+testkit.Asha.String()), 200, []string{"&lt;b&gt;Chest", "Add a file", `href="/clinic/alpha` + list + `#add"`})
	want(t, s.send("POST", at+"/withdraw", access.Nurse, nil, false), 422, []string{"There is a problem", "withdraw-reason"})
	if w := s.send("POST", at+"/withdraw", access.Nurse, map[string][]string{"reason": {"Another person's"}}, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	want(t, s.get(at), 200, []string{"Withdrawn", "Another person&#39;s", "Nalini Jadhav"}, `name="reason"`)
	want(t, s.get(at+"/file"), 200, nil) // it stays to be seen
}

const fileHeader = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; object-src 'self'; frame-ancestors 'none'; sandbox"

func TestDocumentsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	fields := map[string]string{"kind": "blood", "title": "Count <i>", "dated": "x"}
	bring := func(name string, content []byte) *httptest.ResponseRecorder {
		t.Helper()
		return s.bring(t, testkit.Asha, access.Doctor, fields, name, content)
	}
	want(t, bring("", nil), 422, []string{"There is a problem", "Choose a file", "document-dated-error", "Count &lt;i&gt;", `value="blood" selected`}, "Count <i>")
	fields["dated"] = ""
	want(t, bring("r.pdf", []byte("<!doctype html><script>alert(1)</script>")), 422, []string{"The file is no PDF"}, "<script>alert")
	want(t, bring("r.png", pdfFile()), 422, []string{"does not say what it is"})
	want(t, bring("r.pdf", bytes.Replace(pdfFile(), []byte("/Pages 2 0 R"), []byte("/Pages 2 0 R /OpenAction << /S /JavaScript >>"), 1)), 422, []string{"The PDF holds scripts"})
	want(t, bring("r.pdf", append(pdfFile(), make([]byte, 10<<20)...)), 422, []string{"more than 10 MB"})
	want(t, bring("r.pdf", make([]byte, 14<<20)), 422, []string{"more than 10 MB"})
	want(t, s.send("POST", "/patients/"+testkit.Asha.String()+"/documents", access.Doctor, nil, false), 422, []string{"Choose a file"})
	entries, err := os.ReadDir(filepath.Join(s.folder, "files"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 0 {
		t.Errorf("%d files are left of what was refused", len(entries))
	}
	want(t, s.bring(t, uuid.New(), access.Doctor, map[string]string{"kind": "lab", "title": "x"}, "r.pdf", pdfFile()), 404, nil)
	want(t, bring("r.pdf", pdfFile()), 303, nil)
	// A file that was changed on the disk, and one that is gone, are no page of ours.
	at := s.newest(t, "/patients/"+testkit.Asha.String()+"/documents", "Count &lt;i&gt;")
	path := filepath.Join(s.folder, "files", testkit.Alpha.ID.String(), strings.TrimPrefix(at, "/documents/"))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("%PDF")) {
		t.Error("the file can be read on the disk")
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	w := s.get(at + "/file")
	want(t, w, 500, nil, "%PDF")
	if w.Header().Get("Content-Type") == "application/pdf" {
		t.Error("it says that it is a PDF")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	want(t, s.get(at+"/file"), 500, nil)
}

// TestWorkerClearsFiles: what an upload left that broke off goes, what has a row
// stays, and an erased clinic's files go with it.
func TestWorkerClearsFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if w := s.bring(t, testkit.Asha, access.Nurse, map[string]string{"kind": "lab", "title": "Stays"}, "r.pdf", pdfFile()); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	store := filepath.Join(s.folder, "files")
	alpha, beta, foreign := filepath.Join(store, testkit.Alpha.ID.String()), filepath.Join(store, testkit.Beta.ID.String()), filepath.Join(store, uuid.NewString())
	orphan, long := uuid.NewString(), time.Now().Add(-2*time.Hour)
	for _, dir := range []string{alpha, beta, foreign} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, orphan), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if err := os.Chtimes(filepath.Join(dir, e.Name()), long, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	tx := testkit.Conn(t, s.db.Admin)
	if _, err := tx.Exec(t.Context(), "set session_replication_role = replica; update platform.clinics set status = 'deleted', delete_after = now() - interval '1 day' where id = '"+testkit.Beta.ID.String()+"'"); err != nil {
		t.Fatal(err)
	}
	env := []string{"DATABASE_URL=" + s.db.Admin, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_STATE_DIR=" + s.folder}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"worker", "--once", "--spares", "0"}, env, &out, &errs); code != exitOK {
		t.Fatalf("ended with %d: %s", code, &errs)
	}
	for _, said := range []string{"the files of an erased clinic were removed", "files without a record were removed"} {
		if !strings.Contains(errs.String(), said) {
			t.Errorf("the log lacks %q: %s", said, &errs)
		}
	}
	if left, err := os.ReadDir(alpha); err != nil || len(left) != 1 || left[0].Name() == orphan {
		t.Errorf("of the living clinic are left %v, %v", left, err)
	}
	if _, err := os.Stat(beta); !os.IsNotExist(err) {
		t.Errorf("the erased clinic's folder: %v", err)
	}
	if left, err := os.ReadDir(foreign); err != nil || len(left) != 1 {
		t.Errorf("of a clinic that is not ours are left %v, %v", left, err)
	}
}
