package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/testkit"
)

// The pages of a clinic's administration, as its admin uses them: every form
// is sent twice, and changes things once.

// twice sends a form from two tabs, as a double click does, and wants the same
// good end for both.
func (v *visitor) twice(t *testing.T, path string, form url.Values, to string) {
	t.Helper()
	tab := v.clone()
	wantRedirect(t, v.do(path, form), to)
	wantRedirect(t, tab.do(path, form), to)
}

func TestStaffFromInvitationToTheEnd(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	admin := s.signedIn(t, "alpha", "admin", alphaPassword)
	form := admin.fill(t, "/clinic/alpha/staff/invite")
	want(t, admin.do("/clinic/alpha/staff/invite", but(form, "name", "", "email", "nobody@nowhere", "username", "x y")), 422,
		[]string{"There is a problem", "Fill this in", "Enter an email address", "nobody@nowhere"})
	form = but(form, "name", "Kavita More", "email", "Kavita@Clinic.Example", "username", "", "role", "nurse")
	admin.twice(t, "/clinic/alpha/staff/invite", form, "/clinic/alpha/staff?done=invited")
	want(t, admin.do("/clinic/alpha/staff?done=invited", nil), 200, []string{"Kavita More", "Invited", "The invitation is on its way"})
	want(t, admin.do("/clinic/alpha/staff/invite", but(form, "_once", uuid.NewString())), 422, []string{"already"})

	letter := s.letters(t, 1)[0]
	link := linkIn(t, letter)
	if !strings.Contains(letter, "Your username: kavita@clinic.example") || !strings.Contains(letter, "7 days") {
		t.Errorf("the letter:\n%s", letter)
	}
	kavita := s.visitor()
	page := kavita.do(link, nil)
	want(t, page, 200, []string{"Welcome, Kavita More", "Nurse", `value="kavita@clinic.example"`})
	kavita.twice(t, link, but(filled(t, page.Body.String(), "data-main"), "password", newPassword, "again", newPassword), "/clinic/alpha")
	want(t, kavita.do("/clinic/alpha/account", nil), 200, []string{"Kavita More"})
	want(t, admin.do("/clinic/alpha/staff", nil), 200, []string{"Kavita More"}, "Invited")
	if n := ask1[int](t, s, "select count(*)::int from clinic_alpha.users where full_name = 'Kavita More'"); n != 1 {
		t.Errorf("%d people were made", n)
	}

	id := ask1[uuid.UUID](t, s, "select id from clinic_alpha.users where email = 'kavita@clinic.example'").String()
	at := "/clinic/alpha/staff/" + id
	form = but(admin.fill(t, at), "name", "Kavita More-Patil", "phone", "98220 00001")
	admin.twice(t, at, form, at+"?done=saved")
	want(t, admin.do(at, nil), 200, []string{"Kavita More-Patil", "+919822000001"})
	// Another admin's tab that was open all along: both values, nothing lost.
	want(t, admin.do(at, but(form, "name", "K. More")), 409, []string{"K. More", "Kavita More-Patil", "Somebody else changed this"})

	question := admin.do(at+"/end", filled(t, admin.do(at, nil).Body.String(), "/end\""))
	want(t, question, 200, []string{"End the access of Kavita More-Patil?"})
	want(t, kavita.do("/clinic/alpha/account", nil), 200, []string{"Kavita"})
	admin.twice(t, at+"/end", filled(t, question.Body.String(), "/end\""), "/clinic/alpha/staff?done=ended")
	until(t, "the session outlives the access", func() bool { return kavita.do("/clinic/alpha/account", nil).Code == http.StatusSeeOther })
	want(t, kavita.do("/clinic/alpha/login", url.Values{"username": {"kavita@clinic.example"}, "password": {newPassword}}), 401, []string{"too many tries"})
	want(t, admin.do("/clinic/alpha/staff", nil), 200, nil, "Kavita More-Patil")
	want(t, admin.do("/clinic/alpha/staff?role=inactive", nil), 200, []string{"Kavita More-Patil", "Inactive"})
	want(t, admin.do(at+"/link", url.Values{"_once": {uuid.NewString()}}), 409, []string{"Restore it first"})
	admin.twice(t, at+"/restore", filled(t, admin.do(at, nil).Body.String(), "/restore\""), at+"?done=restored")
	// Back, she forgot her password: one link for the double click.
	admin.twice(t, at+"/link", filled(t, admin.do(at, nil).Body.String(), "/link\""), at+"?done=link")
	link = linkIn(t, s.letters(t, 2)[1])
	want(t, s.visitor().do(link, nil), 200, []string{"Choose a new password"})
	s.people.Close()
	if n := len(s.letters(t, 2)); n != 2 {
		t.Errorf("%d letters", n)
	}
}

// A link for somebody without an address is shown, by the second answer, too:
// it is the only one that a double click leaves on the screen.
func TestLinkThatIsHandedOver(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	admin := s.signedIn(t, "alpha", "admin", alphaPassword)
	form := but(admin.fill(t, "/clinic/alpha/staff/invite"), "name", "Ila Bose", "username", "ila", "role", "receptionist")
	first, second := admin.do("/clinic/alpha/staff/invite", form), admin.do("/clinic/alpha/staff/invite", form)
	want(t, first, 200, []string{"One-time link", "Ila Bose"})
	if a, b := linkIn(t, first.Body.String()), linkIn(t, second.Body.String()); a != b {
		t.Errorf("two links:\n%s\n%s", a, b)
	}
	ila := s.visitor()
	link := linkIn(t, second.Body.String())
	form = but(filled(t, ila.do(link, nil).Body.String(), "data-main"), "password", newPassword, "again", newPassword)
	wantRedirect(t, ila.do(link, form), "/clinic/alpha")
	want(t, ila.do("/clinic/alpha/queue", nil), 200, []string{"Ila Bose"})
	at := "/clinic/alpha/staff/" + ask1[uuid.UUID](t, s, "select id from clinic_alpha.users where username = 'ila'").String()
	again := filled(t, admin.do(at, nil).Body.String(), "/link\"")
	a, b := linkIn(t, admin.do(at+"/link", again).Body.String()), linkIn(t, admin.do(at+"/link", again).Body.String())
	if a != b || a == link {
		t.Errorf("%s, then %s", a, b)
	}
}

func TestStaffThatCannotGo(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	admin := s.signedIn(t, "alpha", "admin", alphaPassword)
	me := "/clinic/alpha/staff/" + testkit.ClinicAdmin.String()
	form := but(filled(t, admin.do(me, nil).Body.String(), "/end\""), "sure", "1")
	want(t, admin.do(me+"/end", form), 409, []string{"end your own access"})
	want(t, admin.do(me, but(admin.fill(t, me), "role", "nurse")), 409, []string{"only administrator"})
	s.token(t, "Sunita Deshmukh", "98220 11414")
	doctor := "/clinic/alpha/staff/" + testkit.Doctor.String()
	form = but(filled(t, admin.do(doctor, nil).Body.String(), "/end\""), "sure", "1")
	want(t, admin.do(doctor+"/end", form), 409, []string{"Patients are waiting"})
	// Ids of the other clinic's people, of this person and of nobody.
	s.raw(t, "insert into clinic_beta.users (clinic_id, id, username, full_name, role) select clinic_id, clinic_id, 'onlybeta', 'Only Beta', 'nurse' from clinic_beta.users where username = 'nurse'")
	missing := told(admin.do("/clinic/alpha/staff/"+uuid.NewString(), nil))
	for _, path := range []string{"", "/link", "/end", "/restore"} {
		for _, id := range []string{testkit.Beta.ID.String(), uuid.NewString(), "x"} {
			if got := admin.do("/clinic/alpha/staff/"+id+path, url.Values{"sure": {"1"}, "version": {"1"}}); told(got) != missing {
				t.Errorf("POST %s of %s: %d", path, id, got.Code)
			}
		}
	}
	if got := admin.do("/clinic/alpha/staff/"+testkit.Beta.ID.String(), nil); told(got) != missing {
		t.Error("the other clinic's person shows")
	}
}

func TestMySessions(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	here, there := s.signedIn(t, "alpha", "doctor", alphaPassword), s.signedIn(t, "alpha", "doctor", alphaPassword)
	s.signedIn(t, "beta", "doctor", betaPassword)
	page := here.do("/clinic/alpha/account/sessions", nil)
	want(t, page, 200, []string{"Firefox, Linux", here.address, there.address, "End all others"})
	ends := regexp.MustCompile(`/clinic/alpha/account/sessions/[0-9a-f-]{36}/end`).FindAllString(page.Body.String(), -1)
	if len(ends) < 1 {
		t.Fatalf("nothing to end: %.3000s", page.Body)
	}
	end := "/clinic/alpha/account/sessions/" + ask1[uuid.UUID](t, s, "select id from clinic_alpha.sessions where address = $1", there.address).String() + "/end"
	here.twice(t, end, url.Values{}, "/clinic/alpha/account/sessions")
	wantRedirect(t, there.do("/clinic/alpha/account", nil), "/clinic/alpha/login?next="+url.QueryEscape("/clinic/alpha/account"))
	want(t, here.do("/clinic/alpha/account/sessions", nil), 200, nil, there.address)

	third := s.signedIn(t, "alpha", "doctor", alphaPassword)
	here.twice(t, "/clinic/alpha/account/sessions/end-others", url.Values{}, "/clinic/alpha/account/sessions")
	if w := third.do("/clinic/alpha/account", nil); w.Code != http.StatusSeeOther {
		t.Errorf("a session that was ended: %d", w.Code)
	}
	// Another person's, the other clinic's and nobody's session are not there.
	nurse := s.signedIn(t, "alpha", "nurse", alphaPassword)
	missing := here.do("/clinic/alpha/account/sessions/"+uuid.NewString()+"/end", url.Values{})
	for what, id := range map[string]uuid.UUID{
		"another person's":   ask1[uuid.UUID](t, s, "select id from clinic_alpha.sessions where address = $1", nurse.address),
		"the other clinic's": ask1[uuid.UUID](t, s, "select id from clinic_beta.sessions where user_id = $1 and address like '198.18%'", testkit.Doctor),
	} {
		if got := here.do("/clinic/alpha/account/sessions/"+id.String()+"/end", url.Values{}); got.Code != 404 || told(got) != told(missing) {
			t.Errorf("%s session: %d", what, got.Code)
		}
	}
	want(t, nurse.do("/clinic/alpha/account", nil), 200, nil)
	if n := ask1[int](t, s, "select count(*)::int from clinic_beta.sessions where revoked_at is not null"); n != 0 {
		t.Errorf("%d sessions of beta were ended from alpha", n)
	}
	// A cookie of alpha's is nothing at beta, even when it is sent there.
	for _, c := range here.jar {
		c.Path = "/"
	}
	if w := here.do("/clinic/beta/account", nil); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/clinic/beta/login") {
		t.Errorf("alpha's session at beta: %d", w.Code)
	}
}

func TestPasswordOfOnesOwn(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	v, other := s.signedIn(t, "alpha", "lab", alphaPassword), s.signedIn(t, "alpha", "lab", alphaPassword)
	form := filled(t, v.do("/clinic/alpha/account", nil).Body.String(), "/account/password")
	form = but(form, "current", alphaPassword, "password", newPassword, "again", newPassword)
	want(t, v.do("/clinic/alpha/account/password", but(form, "current", betaPassword)), 422, []string{"not your present password"}, newPassword)
	want(t, v.do("/clinic/alpha/account/password", but(form, "password", "password1234", "again", "password1234")), 422, []string{"easy to guess"})
	before := v.clone()
	wantRedirect(t, v.do("/clinic/alpha/account/password", form), "/clinic/alpha/account?done=password")
	want(t, v.do("/clinic/alpha/account?done=password", nil), 200, []string{"The password was changed"})
	for what, old := range map[string]*visitor{"another session": other, "the cookie from before": before} {
		if w := old.do("/clinic/alpha/account", nil); w.Code != http.StatusSeeOther {
			t.Errorf("%s lives: %d", what, w.Code)
		}
	}
	// Back, and the same form sent again: it was done, and stays done.
	changed := ask1[time.Time](t, s, "select password_changed_at from clinic_alpha.users where username = 'lab'")
	wantRedirect(t, v.do("/clinic/alpha/account/password", form), "/clinic/alpha/account?done=password")
	if !ask1[time.Time](t, s, "select password_changed_at from clinic_alpha.users where username = 'lab'").Equal(changed) {
		t.Error("the password was changed twice")
	}
	want(t, v.do("/clinic/alpha/account/password", but(form, "_once", uuid.NewString())), 422, []string{"not your present password"})
}

// until asks again while the service hears of a change.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// A session ends after the clinic's idle time; its owner is told, and what was
// typed is kept until it can be sent.
func TestIdleSessionEnds(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	admin, desk := s.signedIn(t, "alpha", "admin", alphaPassword), s.signedIn(t, "alpha", "receptionist", alphaPassword)
	typed := newcomer("Sunita <Deshmukh>", "98220 11414")
	s.raw(t, "update clinic_alpha.sessions set last_seen_at = now() - interval '6 minutes' where address = '"+desk.address+"'")
	form := admin.fill(t, "/clinic/alpha/settings/work")
	admin.twice(t, "/clinic/alpha/settings/work", but(form, "idle_minutes", "5"), "/clinic/alpha/settings/work?done=saved")
	until(t, "the session lives on", func() bool {
		passive := func(r *http.Request) { r.Header.Set("X-Cloister-Passive", "1") }
		return desk.do("/clinic/alpha/account", nil, passive).Code == http.StatusSeeOther
	})

	w := desk.do("/clinic/alpha/patients?q=asha", nil)
	wantRedirect(t, w, "/clinic/alpha/login?next="+url.QueryEscape("/clinic/alpha/patients?q=asha"))
	want(t, desk.do(w.Header().Get("Location"), nil), 200, []string{"Your session has ended"})
	lost := desk.do("/clinic/alpha/register", typed)
	want(t, lost, 401, []string{"Your session has ended", "what you typed is kept here", "Sunita &lt;Deshmukh&gt;", `target="_blank"`}, "<Deshmukh")
	kept := filled(t, lost.Body.String(), `action="/clinic/alpha/register"`)
	part := desk.do("/clinic/alpha/register", typed, func(r *http.Request) {
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Request-Type", "partial")
	})
	want(t, part, 401, []string{"<dialog", "Your session has ended", "what you typed is still here"}, "<html", "Deshmukh")
	// A form with a password is never written onto a page.
	want(t, desk.do("/clinic/alpha/account/password", url.Values{"current": {alphaPassword}, "password": {newPassword}}), 401, []string{"repeat the last step"}, alphaPassword, newPassword)

	wantRedirect(t, desk.do("/clinic/alpha/login", url.Values{"username": {"receptionist"}, "password": {alphaPassword}}), "/clinic/alpha")
	sent := desk.do("/clinic/alpha/register", kept)
	if to := sent.Header().Get("Location"); sent.Code != http.StatusSeeOther || !strings.HasSuffix(to, "/slip") {
		t.Fatalf("%d to %q: %.500s", sent.Code, to, sent.Body)
	}
	if again := desk.do("/clinic/alpha/register", kept); again.Header().Get("Location") != sent.Header().Get("Location") {
		t.Errorf("sent again: %d %q", again.Code, again.Header().Get("Location"))
	}
}

func TestSettingsAreSavedOnce(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	admin := s.signedIn(t, "alpha", "admin", alphaPassword)
	wantRedirect(t, admin.do("/clinic/alpha/settings", nil), "/clinic/alpha/settings/profile")

	profile := admin.fill(t, "/clinic/alpha/settings/profile")
	want(t, admin.do("/clinic/alpha/settings/profile", but(profile, "gstin", "27", "pin", "1", "website", "javascript:alert(1)", "name", "")), 422,
		[]string{"A GSTIN has 15", "Enter a PIN code of 6 digits", "Enter a web address", "Fill this in"})
	admin.twice(t, "/clinic/alpha/settings/profile", but(profile, "name", "Alpha Hospital", "city", "Pune", "phone", "020 2553 1234"), "/clinic/alpha/settings/profile?done=saved")
	until(t, "the name is not heard of", func() bool {
		return strings.Contains(admin.do("/clinic/alpha/settings/profile?done=saved", nil).Body.String(), "Alpha Hospital</")
	})
	want(t, admin.do("/clinic/alpha/settings/profile", but(profile, "name", "Alpha Centre")), 409, []string{"Alpha Centre", "Alpha Hospital", "Somebody else changed this"})
	want(t, s.visitor().do("/?q=pune", nil), 200, []string{"Alpha Hospital", "Pune"}, "2553")

	work := admin.fill(t, "/clinic/alpha/settings/work")
	want(t, admin.do("/clinic/alpha/settings/work", but(work, "idle_minutes", "2", "token_prefix", "A1", "tax_rate", "101")), 422,
		[]string{"from 5 to 720", "one to three letters, A to Z", "percentage from 0 to 100"})
	admin.twice(t, "/clinic/alpha/settings/work", but(work, "consultation_minutes", "12", "token_prefix", "q"), "/clinic/alpha/settings/work?done=saved")

	hours := admin.fill(t, "/clinic/alpha/settings/hours")
	want(t, admin.do("/clinic/alpha/settings/hours", but(hours, "mon_open1", "17:00", "mon_close1", "09:00")), 422, []string{"Mon: ", "the earlier time first"})
	admin.twice(t, "/clinic/alpha/settings/hours", but(hours, "mon_open1", "09:00", "mon_close1", "13:00"), "/clinic/alpha/settings/hours?done=saved")

	page := admin.do("/clinic/alpha/settings/departments", nil).Body.String()
	added := but(filled(t, page[strings.LastIndex(page, `/settings/departments"`)-60:], "settings/departments"), "name", "Dental", "room", "7")
	admin.twice(t, "/clinic/alpha/settings/departments", added, "/clinic/alpha/settings/departments?done=saved")
	want(t, admin.do("/clinic/alpha/settings/departments", but(added, "_once", uuid.NewString())), 422, []string{"There is a department with this name already"})
	first := but(filled(t, page, "settings/departments"), "name", "Medicine")
	admin.twice(t, "/clinic/alpha/settings/departments", first, "/clinic/alpha/settings/departments?done=saved")
	want(t, admin.do("/clinic/alpha/settings/departments", nil), 200, []string{"Dental", "Medicine"})
	if n := ask1[int](t, s, "select count(*)::int from clinic_alpha.departments"); n != 2 {
		t.Errorf("%d departments", n)
	}
}

// photo is the form of the clinic's looks with a picture.
func photo(t *testing.T, form url.Values, side int) (body []byte, kind string) {
	t.Helper()
	var out bytes.Buffer
	m := multipart.NewWriter(&out)
	for name := range form {
		if err := m.WriteField(name, form.Get(name)); err != nil {
			t.Fatal(err)
		}
	}
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	img.Set(1, 1, color.RGBA{R: 200, A: 255})
	f, err := m.CreateFormFile("logo", "logo.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), m.FormDataContentType()
}

func TestBrandingSaysWhatItChanged(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	admin := s.signedIn(t, "alpha", "admin", alphaPassword)
	const at = "/clinic/alpha/settings/branding"
	form := filled(t, admin.do(at, nil).Body.String(), at)
	preview := admin.do(at, but(form, "colour", "FFE600", "then", "preview"))
	want(t, preview, 200, []string{"#ffe600", "#7c6f00", "preview.css?colour=ffe600"})
	want(t, admin.do(at+"/preview?colour=%23ff6f00", nil), 200, []string{"#ba4f00"}, "<html")
	want(t, admin.do(at+"/preview.css?colour=ffe600", nil), 200, []string{"#7c6f00"})
	want(t, admin.do(at+"/preview.css?colour=%3B%7D", nil), 200, nil, "}")
	want(t, admin.do(at, but(form, "colour", "yellow")), 422, []string{"Write the colour like"})
	if n := ask1[int](t, s, "select count(*)::int from platform.clinics where brand_color is not null"); n != 0 {
		t.Error("a preview was kept")
	}
	admin.twice(t, at, but(form, "colour", "#FFE600"), at+"?done=saved")
	until(t, "the colour is not heard of", func() bool {
		return strings.Contains(admin.do(at, nil).Body.String(), "/clinic/alpha/brand.css?v=ffe600")
	})
	want(t, s.visitor().do("/clinic/alpha/brand.css?v=ffe600", nil), 200, []string{"#7c6f00"})
	want(t, admin.do(at, nil), 200, []string{"buttons use #7c6f00"})
	want(t, admin.do("/clinic/beta/brand.css", nil), 200, nil, "#7c6f00")

	form = filled(t, admin.do(at, nil).Body.String(), at)
	body, kind := photo(t, form, 300)
	for range 2 {
		w := admin.upload(at, body, kind)
		wantRedirect(t, w, at+"?done=saved")
	}
	logo := s.visitor().do("/clinic/alpha/logo", nil)
	if img, err := png.DecodeConfig(logo.Body); err != nil || img.Height > 128 || logo.Code != 200 {
		t.Errorf("the logo: %d %+v %v", logo.Code, img, err)
	}
	until(t, "the logo is not heard of", func() bool { return strings.Contains(admin.do(at, nil).Body.String(), "no-logo") })
	page := admin.do(at, nil).Body.String()
	admin.twice(t, at, filled(t, page[strings.Index(page, `value="no-logo"`)-600:], at), at+"?done=saved")
	if w := s.visitor().do("/clinic/alpha/logo", nil); w.Code != 404 {
		t.Errorf("the logo that was taken away: %d", w.Code)
	}
}

// upload sends a form with a file.
func (v *visitor) upload(path string, body []byte, kind string) *httptest.ResponseRecorder {
	return v.do(path, url.Values{}, func(r *http.Request) {
		r.Header.Set("Content-Type", kind)
		r.Body, r.ContentLength = http.NoBody, int64(len(body))
		r.Body = readCloser{bytes.NewReader(body)}
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func TestAccountSaysWhoOneIs(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	s.raw(t, "update clinic_alpha.users set username = 'dr.rao', email = 'rao@alpha.example' where username = 'doctor'")
	for login, says := range map[string][]string{
		"dr.rao": {"Deepak Rao", "dr.rao", "rao@alpha.example", "Doctor", "Alpha Clinic"},
		"nurse":  {"Nalini Jadhav", ">nurse<", "nurse@clinic.example", "Nurse"},
		"lab":    {"Lata Menon", ">lab<", "Lab technician"},
	} {
		v := s.signedIn(t, "alpha", login, alphaPassword)
		want(t, v.do("/clinic/alpha/account", nil), 200, says, "doctor@clinic.example")
	}
	v := s.signedIn(t, "beta", "doctor", betaPassword)
	want(t, v.do("/clinic/beta/account", nil), 200, []string{"doctor@clinic.example", "Beta Clinic"}, "dr.rao", "rao@alpha.example")
	form := v.fill(t, "/clinic/beta/account")
	want(t, v.do("/clinic/beta/account", but(form, "language", "fr")), 422, []string{"Choose one from the list", "doctor@clinic.example"})
	v.twice(t, "/clinic/beta/account", but(form, "language", "hi", "theme", "dark"), "/clinic/beta/account?done=saved")
	want(t, v.do("/clinic/beta/account", nil), 200, []string{`lang="hi"`, `data-theme="dark"`})
}
