package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// A prescription is shared by the desk and opened by a stranger, through the
// whole service.

const sharedRx = "018f0000-0000-7000-8000-0000000000a4" // of Asha, born in 1980, phone …1111

var shareLink = regexp.MustCompile(`value="http://example\.com(/clinic/alpha/s/[A-Za-z0-9_-]{43})"`)

// shareBy makes a link as the desk does and gives the page and the link's path.
func shareBy(t *testing.T, desk *visitor, pairs ...string) (page, link string) {
	t.Helper()
	form := desk.fill(t, "/clinic/alpha/prescriptions/"+sharedRx+"/share")
	w := desk.do("/clinic/alpha/prescriptions/"+sharedRx+"/share", but(form, pairs...))
	m := shareLink.FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || m == nil {
		t.Fatalf("no link was made: %d %.3000s", w.Code, w.Body)
	}
	return w.Body.String(), m[1]
}

func TestSharing(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	desk := s.signedIn(t, "alpha", "receptionist", alphaPassword)
	page, link := shareBy(t, desk)
	for _, want := range []string{`href="https://wa.me/919811111111?text=Alpha%20Clinic`, "noreferrer"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}

	him := s.visitor()
	ask := him.do(link, nil)
	h := ask.Header()
	if ask.Code != http.StatusOK || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" || !strings.Contains(h.Get("X-Robots-Tag"), "noindex") {
		t.Errorf("the question: %d %v", ask.Code, h)
	}
	for _, secret := range []string{"Asha", "Kulkarni", "Paracetamol", "RX-", "rescription"} {
		if strings.Contains(ask.Body.String(), secret) {
			t.Errorf("the question tells %q", secret)
		}
	}
	// A slip counts for nothing; a wrong answer does.
	for answer, want := range map[string]string{"19": "Enter four digits", "1979": "4 tries are left"} {
		if w := him.do(link, url.Values{"answer": {answer}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: %d, want %q", answer, w.Code, want)
		}
	}
	// From a browser that tells of its form nothing but "null".
	w := him.do(link, url.Values{"answer": {"1980"}}, func(r *http.Request) {
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "null")
	})
	wantRedirect(t, w, link)
	for _, c := range w.Result().Cookies() {
		if c.Name == "cloister_share" && (c.Path != link || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge > 15*60 || c.MaxAge < 14*60) {
			t.Errorf("the pass: %v", c)
		}
	}
	shown := him.do(link, nil)
	if shown.Code != http.StatusOK || !strings.Contains(shown.Body.String(), "Paracetamol") || !strings.Contains(shown.Body.String(), "Asha Kulkarni") || shown.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the prescription: %d %.2000s", shown.Code, shown.Body)
	}
	// Another browser has to answer itself, and the file is not to be had either.
	other := s.visitor()
	if w := other.do(link, nil); strings.Contains(w.Body.String(), "Paracetamol") {
		t.Error("another browser sees the prescription")
	}
	wantRedirect(t, other.do(link+"/pdf", nil), link)
	list := desk.do("/clinic/alpha/prescriptions/"+sharedRx+"/share", nil).Body.String()
	if !strings.Contains(list, "Opened 1 time") || strings.Contains(list, link) {
		t.Error("the list lacks the opening, or keeps the link")
	}

	id := ask1[string](t, s, "select id::text from clinic_alpha.shares where opened_count = 1 and created_at > now() - interval '1 hour'")
	wantRedirect(t, desk.do("/clinic/alpha/shares/"+id+"/revoke", url.Values{}), "/clinic/alpha/prescriptions/"+sharedRx+"/share#links")
	for _, path := range []string{link, link + "/pdf"} {
		if w := him.do(path, nil); w.Code != http.StatusGone || strings.Contains(w.Body.String(), "Paracetamol") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s after it was revoked: %d", path, w.Code)
		}
	}
	if w := him.do(link, url.Values{"answer": {"1980"}}); w.Code != http.StatusGone {
		t.Errorf("an answer after it was revoked: %d", w.Code)
	}
}

func TestSharedLinksThatAreNone(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	_, link := shareBy(t, s.signedIn(t, "alpha", "receptionist", alphaPassword))
	v := s.visitor()
	unknown := told(v.do("/clinic/alpha/s/"+strings.Repeat("A", 43), nil))
	bent := link[:len(link)-1] + map[bool]string{true: "B", false: "A"}[link[len(link)-1] != 'B']
	for _, path := range []string{bent, strings.Replace(link, "alpha", "beta", 1), "/clinic/alpha/s/x", "/clinic/alpha/s/" + sharedRx} {
		got := v.do(path, nil)
		if got.Code != http.StatusNotFound || told(got) != unknown {
			t.Errorf("%s: %d", path, got.Code)
		}
		if got := v.do(path, url.Values{"answer": {"1980"}}); got.Code != http.StatusNotFound {
			t.Errorf("an answer at %s: %d", path, got.Code)
		}
	}
	// A clinic that is closed shows nothing by links either.
	v.do(link, url.Values{"answer": {"1980"}})
	tx := s.db.As(t, testkit.Alpha, access.Owner)
	if _, err := tx.Exec(t.Context(), "update platform.clinics set status = 'suspended', status_reason = 'unpaid' where id = $1", testkit.Alpha.ID); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The service hears of it within moments.
	for deadline := time.Now().Add(20 * time.Second); s.visitor().do(link, nil).Code == http.StatusOK && time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
	}
	before := s.state(t, testkit.Alpha)
	for _, path := range []string{link, link + "/pdf"} {
		if got := v.do(path, nil); got.Code != http.StatusForbidden {
			t.Errorf("%s of a suspended clinic: %d", path, got.Code)
		}
	}
	if got := v.do(link, url.Values{"answer": {"1979"}}); got.Code != http.StatusForbidden {
		t.Errorf("an answer at a suspended clinic: %d", got.Code)
	}
	if s.state(t, testkit.Alpha) != before {
		t.Error("something was changed in a suspended clinic")
	}
}

func TestWrongAnswersLockALink(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	desk := s.signedIn(t, "alpha", "doctor", alphaPassword)
	_, link := shareBy(t, desk, "channel", "copy")
	for i := range 5 {
		w := s.visitor().do(link, url.Values{"answer": {"1900"}}) // each from an address of its own
		if want := map[bool]int{true: http.StatusUnprocessableEntity, false: http.StatusGone}[i < 4]; w.Code != want {
			t.Errorf("wrong answer %d: %d, want %d", i+1, w.Code, want)
		}
	}
	if w := s.visitor().do(link, url.Values{"answer": {"1980"}}); w.Code != http.StatusGone || !strings.Contains(w.Body.String(), "locked") || !strings.Contains(w.Body.String(), "new one") {
		t.Errorf("the right answer at a locked link: %d %.1500s", w.Code, w.Body)
	}
	if list := desk.do("/clinic/alpha/prescriptions/"+sharedRx+"/share", nil).Body.String(); !strings.Contains(list, "Five wrong answers") {
		t.Error("the list does not say that the link is locked")
	}
}

// One address tries only so often, whatever link it tries at.
func TestTriesOfOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	v := s.visitor()
	for range 40 {
		if w := v.do("/clinic/alpha/s/"+strings.Repeat("A", 43), url.Values{"answer": {"1980"}}); w.Code == http.StatusTooManyRequests {
			return
		} else if w.Code != http.StatusNotFound {
			t.Fatalf("an unknown link: %d", w.Code)
		}
	}
	t.Error("forty tries in a moment were all let through")
}

func TestSharingByMail(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	s.raw(t, "update clinic_alpha.patients set language = 'mr' where first_name = 'Asha'")
	page, link := shareBy(t, s.signedIn(t, "alpha", "receptionist", alphaPassword), "channel", "email", "email", "asha@patient.example")
	letter := s.letters(t, 1)[0]
	if !strings.Contains(page, "mailed to asha@patient.example") || !strings.Contains(letter, "To: <asha@patient.example>") || !strings.Contains(strings.ReplaceAll(letter, "=3D", "="), link) {
		t.Errorf("page or letter: %s", letter)
	}
	if w := s.visitor().do(link, nil); !strings.Contains(w.Body.String(), `lang="mr"`) || !strings.Contains(w.Body.String(), "जन्मवर्ष") {
		t.Error("the patient's page is not in the patient's language")
	}
	desk := s.signedIn(t, "alpha", "receptionist", alphaPassword)
	form := desk.fill(t, "/clinic/alpha/prescriptions/"+sharedRx+"/share")
	if w := desk.do("/clinic/alpha/prescriptions/"+sharedRx+"/share", but(form, "channel", "email", "email", "nobody")); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("no address: %d", w.Code)
	}
}

// A link and the codes on papers lead to the service's own address, whatever the
// request that asked for them says of itself.
func TestLinksBeginWithTheSitesAddress(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t, "CLOISTER_BASE_URL=https://clinics.example/")
	desk := s.signedIn(t, "alpha", "receptionist", alphaPassword)
	elsewhere := func(r *http.Request) { r.Host = "elsewhere.example" }
	at := "/clinic/alpha/prescriptions/" + sharedRx + "/share"
	page := desk.do(at, but(desk.fill(t, at), "channel", "email", "email", "asha@patient.example"), elsewhere).Body.String()
	m := regexp.MustCompile(`value="https://clinics\.example(/clinic/alpha/s/[A-Za-z0-9_-]{43})"`).FindStringSubmatch(page)
	if m == nil || strings.Contains(page, "elsewhere.example") {
		t.Fatalf("the link begins otherwise: %.3000s", page)
	}
	him := s.visitor()
	w := him.do(m[1], url.Values{"answer": {"1980"}}, elsewhere)
	wantRedirect(t, w, m[1])
	for _, c := range w.Result().Cookies() {
		if c.Name == "cloister_share" && !c.Secure {
			t.Errorf("the pass goes over plain HTTP: %v", c)
		}
	}
	code := "/clinic/alpha/verify/" + strings.Repeat("A", 43) + "/qr.png"
	if here, there := him.do(code, nil), him.do(code, nil, elsewhere); here.Code != http.StatusOK || here.Body.String() != there.Body.String() {
		t.Error("the code on a paper says what the request says")
	}
}
