package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/testkit"
)

// The desk's pages through the real router: as a browser without script sends
// forms, and as htmx does.

// send is ask with a form, and with htmx's header when part is set.
func (s *site) send(method, path string, role access.Role, form url.Values, part bool) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/clinic/alpha"+path, strings.NewReader(form.Encode()))
	n := s.client.Add(1)
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d", n/256%256, n%256))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if part {
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Request-Type", "partial")
	}
	r.AddCookie(&http.Cookie{Name: "cloister", Value: base64.RawURLEncoding.EncodeToString(sessionToken(testkit.Alpha, role))})
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	return w
}

func (s *site) get(path string) *httptest.ResponseRecorder {
	return s.send("GET", path, access.Receptionist, nil, false)
}

// want checks an answer's status and that its body has, and lacks, some text.
func want(t *testing.T, w *httptest.ResponseRecorder, code int, has []string, lacks ...string) {
	t.Helper()
	if w.Code != code {
		t.Errorf("status %d, want %d: %.300s", w.Code, code, w.Body)
	}
	for _, x := range has {
		if !strings.Contains(w.Body.String(), x) {
			t.Errorf("the answer lacks %q: %.1500s", x, w.Body)
		}
	}
	for _, x := range lacks {
		if strings.Contains(w.Body.String(), x) {
			t.Errorf("the answer has %q", x)
		}
	}
}

func newcomer(name, phone string) url.Values {
	return url.Values{"_once": {uuid.NewString()}, "phone": {phone}, "name": {name}, "age": {"41"}, "sex": {"female"}, "doctor": {testkit.Doctor.String()},
		"kind": {"routine"}, "then": {"token"}}
}

// token registers somebody without script and gives the visit's address.
func (s *site) token(t *testing.T, name, phone string) string {
	t.Helper()
	w := s.send("POST", "/register", access.Receptionist, newcomer(name, phone), false)
	to := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || !strings.HasSuffix(to, "/slip") {
		t.Fatalf("%d to %q: %.500s", w.Code, to, w.Body)
	}
	return strings.TrimSuffix(strings.TrimPrefix(to, "/clinic/alpha"), "/slip")
}

func field(t *testing.T, page, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page has no field %s: %.2000s", name, page)
	}
	return m[1]
}

func TestDeskWithoutScript(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	want(t, s.get("/queue"), 200, []string{"Reception queue", "Register and issue token", `id="board"`})
	visit := s.token(t, "Sunita Deshmukh", "98220 11414")
	want(t, s.get(visit+"/slip"), 200, []string{"Sunita D.", "A-00", "/qr.png"}, "98220", "Deshmukh")
	want(t, s.get("/queue"), 200, []string{"Sunita Deshmukh", visit + "/call"})

	page := s.get(visit).Body.String()
	v := field(t, page, "version")
	for _, step := range []struct{ move, badge string }{{"call", "Called"}, {"start", "In consultation"}, {"finish", "Completed"}} {
		w := s.send("POST", visit+"/"+step.move+"?page=visit", access.Receptionist, url.Values{"version": {v}}, false)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/clinic/alpha"+visit {
			t.Fatalf("%s: %d %q %.300s", step.move, w.Code, w.Header().Get("Location"), w.Body)
		}
		now := s.get(visit)
		want(t, now, 200, []string{step.badge, "Rohan Shinde"})
		if step.move != "finish" {
			v = field(t, now.Body.String(), "version")
		}
	}
	// What is done can't be called; the second caller is told so.
	want(t, s.send("POST", visit+"/call", access.Receptionist, url.Values{"version": {"99"}}, false), 409, []string{"in between"})
	want(t, s.send("POST", visit+"/cancel", access.Receptionist, url.Values{"version": {v}, "reason": {" "}}, false), 422, []string{"Say why"})
}

func TestDeskRegisterForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := newcomer("", "98220 114")
	f.Del("age")
	f.Set("purpose", "<b>Cough</b>")
	w := s.send("POST", "/register", access.Receptionist, f, true)
	want(t, w, 422, []string{"There is a problem", "Enter a 10-digit mobile number", "Enter the patient&#39;s name", "Enter an age or a date of birth", "&lt;b&gt;Cough"}, "<b>Cough", "<html")
	// The same phone as Asha: shown once, never refused twice.
	f = newcomer("Meena Kulkarni", "9811111111")
	w = s.send("POST", "/register", access.Receptionist, f, true)
	want(t, w, 200, []string{"Asha Kulkarni", "Use this record", `name="seen"`}, "issued to")
	f.Set("seen", field(t, w.Body.String(), "seen"))
	w = s.send("POST", "/register", access.Receptionist, f, true)
	want(t, w, 200, []string{"issued to Meena Kulkarni", "data-slip"})
	again := s.send("POST", "/register", access.Receptionist, f, true)
	tokenOf := regexp.MustCompile(`[A-Z]-\d{3}`)
	if a, b := tokenOf.FindString(w.Body.String()), tokenOf.FindString(again.Body.String()); a == "" || a != b {
		t.Errorf("the same form gave %q and %q", a, b)
	}
	// Who had no answer, went on typing and sends it again is told what is kept.
	f.Set("name", "Meena Kulkarni Joshi")
	want(t, s.send("POST", "/register", access.Receptionist, f, true), 422, []string{"sent before with other entries", `value="Meena Kulkarni Joshi"`}, "issued to")
	f.Set("purpose", strings.Repeat("x", httpx.DefaultBody))
	want(t, s.send("POST", "/register", access.Receptionist, f, true), 413, []string{"too large"}, "Fill this in")
	want(t, s.send("GET", "/register/matches?phone=98111+11111", access.Receptionist, nil, true), 200, []string{"Asha Kulkarni", "Meena Kulkarni"}, "9811111111")
	want(t, s.send("GET", "/register/matches?name=Aasha+Kulkarnee&born=17/05/1980", access.Receptionist, nil, true), 200, []string{"Asha Kulkarni"})
}

func TestDeskBoardByHTMX(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	visit := s.token(t, "Ramesh Patil", "9822011415")
	v := field(t, s.get(visit).Body.String(), "version")
	w := s.send("POST", visit+"/call?doctor="+testkit.Doctor.String(), access.Receptionist, url.Values{"version": {v}}, true)
	want(t, w, 200, []string{`id="board"`, `id="figures"`, "hx-swap-oob", "Called"}, "<html")
	// Another person with the old version: a dialog over the page, nothing moved.
	w = s.send("POST", visit+"/call", access.Nurse, url.Values{"version": {v}}, true)
	want(t, w, 409, []string{"Rohan Shinde"})
	want(t, s.send("GET", "/queue?state=called", access.Receptionist, nil, true), 200, []string{"Ramesh Patil"})
	want(t, s.send("GET", "/queue?state=done", access.Receptionist, nil, true), 200, []string{"No token matches"}, "Ramesh Patil")
	want(t, s.send("GET", "/my-queue", access.Doctor, nil, false), 200, []string{"Ramesh Patil", "Start"})
	s.token(t, "Farhan Shaikh", "9822011416")
	next := s.send("POST", "/queue/next?mine=1", access.Doctor, url.Values{"line": {testkit.Doctor.String()}, "_once": {uuid.NewString()}}, true)
	want(t, next, 200, []string{"Called"}, "<html")
}

func TestDeskPatients(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asha, bilal := "/patients/"+testkit.Asha.String(), "/patients/"+testkit.Bilal.String()
	want(t, s.get("/patients"), 200, []string{"Asha Kulkarni", "Bilal Ansari"}, "Aasha Kulkarni", "+919811111111")
	for _, q := range []string{"asha", "आशा", "kulkarnee", "9811111111", "PT-2025-00001", "kulkrani"} {
		want(t, s.send("GET", "/patients/search?q="+url.QueryEscape(q), access.Receptionist, nil, true), 200, []string{"Asha Kulkarni", `role="option"`})
	}
	want(t, s.send("GET", "/patients/search?q=asha", access.LabTechnician, nil, true), 200, []string{"Asha Kulkarni"})
	want(t, s.get(asha), 200, []string{"Asha Kulkarni", "Allergy: Penicillin", "Fever since three days", "was merged into this record"}, "Who opened")
	want(t, s.send("GET", asha, access.ClinicAdmin, nil, false), 200, []string{"Who opened", "Rohan Shinde"})
	want(t, s.get(bilal), 200, []string{"••••1234"})

	edit := s.get(asha + "/edit").Body.String()
	form := url.Values{"version": {field(t, edit, "version")}, "first_name": {"Asha"}, "last_name": {"Kulkarni"}, "local_name": {"आशा कुलकर्णी"}, "sex": {"female"},
		"born": {"17/05/1980"}, "phone": {"9811111111"}, "city": {"Pune"}, "status": {"registered"}, "allergies": {"Penicillin"}, "id_kind": {"pan"}, "id_number": {"abcde 1234 f"}}
	if w := s.send("POST", asha+"/edit", access.Receptionist, form, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.1500s", w.Code, w.Body)
	}
	want(t, s.get(asha), 200, []string{"Pune", "PAN ••••234F"}, "ABCDE1234F")
	want(t, s.send("POST", asha+"/identity", access.Receptionist, nil, false), 200, []string{"ABCDE1234F"})
	form.Set("city", "Nashik")
	want(t, s.send("POST", asha+"/edit", access.Receptionist, form, false), 409, []string{"Nashik", "Pune"})
	form.Set("pin", "12")
	want(t, s.send("POST", asha+"/edit", access.Receptionist, form, false), 422, []string{"patient-pin-error"})
	// Doctors change what is medical, and nothing else.
	edit = s.send("GET", asha+"/edit", access.Doctor, nil, false).Body.String()
	if strings.Contains(edit, `name="phone"`) {
		t.Error("a doctor is asked for the phone")
	}
	medical := url.Values{"version": {field(t, edit, "version")}, "allergies": {"Penicillin, dust"}, "status": {"in_treatment"}, "phone": {"9800000000"}}
	if w := s.send("POST", asha+"/edit", access.Doctor, medical, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.500s", w.Code, w.Body)
	}
	want(t, s.get(asha), 200, []string{"Penicillin, dust", "+919811111111"})
}

func TestDeskMerge(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asha, bilal := "/patients/"+testkit.Asha.String(), "/patients/"+testkit.Bilal.String()
	want(t, s.get(asha+"/merge?other_id="+testkit.Bilal.String()), 200, []string{"Ansari", "Merge the records"})
	want(t, s.get(asha+"/merge?other=bilal"), 200, []string{"Merge the records"})
	want(t, s.get(asha+"/merge?other=asha"), 422, []string{"Choose one other record"})
	if w := s.send("POST", asha+"/merge", access.Receptionist, url.Values{"other_id": {testkit.Bilal.String()}}, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.500s", w.Code, w.Body)
	}
	want(t, s.get(asha), 200, []string{"Bilal Ansari"})
	want(t, s.get(bilal), 200, []string{"merged into another"}, "Check in")
	want(t, s.send("POST", asha+"/merge", access.Receptionist, url.Values{"other_id": {testkit.Bilal.String()}}, false), 422, []string{"merged already"})
	if w := s.send("POST", bilal+"/unmerge", access.Receptionist, nil, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.500s", w.Code, w.Body)
	}
	want(t, s.get(bilal), 200, []string{"Check in"}, "merged into another")
}

func TestDeskCheckInsAndExport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := newcomer("Kavita More", "9822011417")
	f.Set("purpose", "=cmd|' /C calc'!A0")
	if w := s.send("POST", "/register", access.Receptionist, f, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d", w.Code)
	}
	want(t, s.get("/visits"), 200, []string{"Kavita More"}, "Asha Kulkarni")
	want(t, s.get("/visits?from=01/01/2025&to=31/12/2025"), 200, []string{"Asha Kulkarni", "Bilal Ansari"}, "Kavita More")
	want(t, s.get("/visits?from=01/01/2025&to=31/12/2025&q=asha"), 200, []string{"Asha Kulkarni"}, "Bilal Ansari")
	want(t, s.get("/visits?from=01/01/2025&to=31/12/2025&state=no_show"), 200, []string{"Bilal Ansari"}, "Asha Kulkarni")
	want(t, s.get("/visits?from=31/31/2025"), 422, []string{"Write the date"})
	want(t, s.get("/visits?from=02/01/2025&to=01/01/2025"), 422, []string{"before the first"})
	// Every change of the queue with its time and person, where it is asked for.
	want(t, s.get("/visits"), 200, []string{"Earlier", "Later"}, "Rohan Shinde</li>", "Waiting · Rohan Shinde")
	want(t, s.get("/visits?changes=1"), 200, []string{"Waiting · Rohan Shinde", "changes=1"})
	w := s.get("/visits/export?from=01/01/2025&to=31/12/2030")
	want(t, w, 200, []string{"Asha Kulkarni", "'=cmd", "'+919822011417", "Rohan Shinde"}, ",=cmd", ",\"=cmd")
	if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/csv") {
		t.Error(kind)
	}
}

func TestDisplay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	server := httptest.NewServer(s.router)
	t.Cleanup(server.Close)
	list := s.get("/displays").Body.String()
	link := regexp.MustCompile(`/clinic/alpha/display/[A-Za-z0-9_-]+`).FindString(list)
	if link == "" {
		t.Fatalf("no link: %.2000s", list)
	}
	visit := s.token(t, "Lakshmi Iyer", "9822011418")
	label := regexp.MustCompile(`[A-Z]-\d{3}`).FindString(s.get(visit).Body.String())
	open := func(path string) *http.Response {
		t.Helper()
		r, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Body.Close() })
		return r
	}
	if r := open(strings.Replace(link, "alpha", "beta", 1)); r.StatusCode != 404 {
		t.Errorf("alpha's key at beta: %d", r.StatusCode)
	}
	stream := open(link + "/events")
	if kind := stream.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("%d %s", stream.StatusCode, kind)
	}
	lines := make(chan string, 1000)
	go func() {
		for sc := bufio.NewScanner(stream.Body); sc.Scan(); {
			lines <- sc.Text()
		}
		close(lines)
	}()
	// until gives everything up to a line with the text.
	until := func(text string, within time.Duration) string {
		t.Helper()
		var all strings.Builder
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		for {
			select {
			case l, ok := <-lines:
				all.WriteString(l + "\n")
				if strings.Contains(l, text) {
					return all.String()
				}
				if !ok {
					t.Fatalf("the stream ended before %q:\n%s", text, all.String())
				}
			case <-ctx.Done():
				t.Fatalf("%q did not come within %v:\n%s", text, within, all.String())
			}
		}
	}
	until(label, 5*time.Second) // the present state: it waits
	v := field(t, s.get(visit).Body.String(), "version")
	called := time.Now()
	if w := s.send("POST", visit+"/call", access.Receptionist, url.Values{"version": {v}}, false); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code)
	}
	seen := until(`data-called="`+label+`"`, time.Second)
	t.Logf("shown %v after the call", time.Since(called))
	if strings.Contains(seen, "Lakshmi") || strings.Contains(seen, "Iyer") {
		t.Errorf("the display tells a name:\n%s", seen)
	}
	// A new link makes the old one nothing.
	version := regexp.MustCompile(`/renew"[^>]*>\s*<input type="hidden" name="version" value="(\d+)"`).FindStringSubmatch(list)
	if version == nil {
		t.Fatalf("no form: %.3000s", list)
	}
	if w := s.send("POST", "/displays/"+testkit.Display.String()+"/renew", access.Receptionist, url.Values{"version": {version[1]}}, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	for range lines { // the stream ends by itself: its key opens nothing any more
	}
	if r := open(link); r.StatusCode != 404 {
		t.Errorf("a revoked link: %d", r.StatusCode)
	}
	// The patient's own link.
	place := regexp.MustCompile(`/clinic/alpha/place/[A-Za-z0-9_-]+`).FindString(s.get(visit + "/slip").Body.String())
	w := s.ask("GET", place, testkit.Alpha, "")
	want(t, w, 200, []string{label, "Please go in now"}, "Lakshmi")
	want(t, s.ask("GET", strings.Replace(place, "alpha", "beta", 1), testkit.Alpha, ""), 404, nil)
	want(t, s.ask("GET", place+"/qr.png", testkit.Alpha, ""), 200, []string{"PNG"})
}

func TestDeskStreamTellsOnlyItsClinic(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	server := httptest.NewServer(s.router)
	t.Cleanup(server.Close)
	stream := func(c testkit.Clinic) <-chan string {
		r, err := http.NewRequest("GET", server.URL+"/clinic/"+c.Slug+"/queue/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: "cloister", Value: base64.RawURLEncoding.EncodeToString(sessionToken(c, access.Receptionist))})
		w, err := http.DefaultClient.Do(r)
		if err != nil || w.StatusCode != 200 {
			t.Fatal(w, err)
		}
		t.Cleanup(func() { _ = w.Body.Close() })
		out := make(chan string, 100)
		go func() {
			for sc := bufio.NewScanner(w.Body); sc.Scan(); {
				if strings.HasPrefix(sc.Text(), "event: queue") {
					out <- sc.Text()
				}
			}
		}()
		return out
	}
	alpha, beta := stream(testkit.Alpha), stream(testkit.Beta)
	<-alpha // the first word of each stream
	<-beta
	s.token(t, "Joseph D'Souza", "9822011419")
	select {
	case <-alpha:
	case <-time.After(time.Second):
		t.Error("a check-in was not told within a second")
	}
	select {
	case e := <-beta:
		t.Errorf("the other clinic heard %q", e)
	case <-time.After(200 * time.Millisecond):
	}
}

// A long day's board keeps everybody who is not done and the last of those who
// are; the others come when they are asked for, and stay through a refresh.
func TestDeskBoardOfALongDay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	jobs := s.db.As(t, testkit.Alpha, access.Jobs)
	for i := range 20 {
		id := uuid.New()
		if _, err := jobs.Exec(t.Context(), `insert into visits (id, patient_id, doctor_id, day, kind, state, arrived_at, ended_at)
			values ($1, $2, $3, platform.clinic_today(), 'routine', 'done', now(), now() - $4 * interval '1 min')`, id, testkit.Bilal, testkit.Doctor, i); err != nil {
			t.Fatal(err)
		}
		if _, err := jobs.Exec(t.Context(), "insert into tokens (id, visit_id) values ($1, $1)", id); err != nil {
			t.Fatal(err)
		}
	}
	if err := jobs.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	const done = `class="badge badge-done"`
	short := s.get("/queue")
	want(t, short, 200, []string{"8 more are done", "/clinic/alpha/queue?all=1"})
	if n := strings.Count(short.Body.String(), done); n != 12 {
		t.Errorf("%d of 12 who are done are on the board", n)
	}
	long := s.get("/queue?all=1")
	want(t, long, 200, []string{`hx-get="/clinic/alpha/queue?all=1"`}, "more are done")
	if n := strings.Count(long.Body.String(), done); n != 20 {
		t.Errorf("%d of 20 who are done are on the whole board", n)
	}
	want(t, s.get("/queue?state=done"), 200, nil, "more are done")
}
