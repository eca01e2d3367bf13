package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/testkit"
)

// The door of a clinic, as somebody meets it who may come in, and as everybody
// else does.

// bare is a page without what differs from request to request: the form's key
// and what was typed.
func bare(page, typed string) string {
	return strings.ReplaceAll(formKeys.ReplaceAllString(page, ""), typed, "TYPED")
}

func TestSignInRefusalsLookTheSame(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	s.raw(t, `insert into clinic_alpha.users (clinic_id, id, username, full_name, role, password_hash)
		select clinic_id, gen_random_uuid(), 'onlyalpha', 'Only Alpha', 'nurse', password_hash from clinic_alpha.users where username = 'nurse';
		update clinic_beta.users set active = false where username = 'lab';
		update clinic_beta.users set locked_until = now() + interval '1 minute' where username = 'doctor2'`)
	var first string
	for _, c := range []struct{ what, login, password string }{
		{"a wrong password", "receptionist", "not the password at all"},
		{"an unknown user", "nobody", betaPassword},
		{"the other clinic's password", "doctor", alphaPassword},
		{"the other clinic's user", "onlyalpha", alphaPassword},
		{"somebody deactivated", "lab", betaPassword},
		{"a resting account", "doctor2", betaPassword},
	} {
		v := s.visitor()
		began := time.Now()
		w := v.do("/clinic/beta/login", url.Values{"username": {c.login}, "password": {c.password}, "next": {"/clinic/beta/queue"}})
		if took := time.Since(began); took < 100*time.Millisecond {
			t.Errorf("%s is refused within %v, so time tells it from the others", c.what, took)
		}
		want(t, w, http.StatusUnauthorized, []string{"too many tries", `value="` + c.login + `"`}, c.password)
		if len(v.jar) > 0 {
			t.Errorf("%s gets a cookie", c.what)
		}
		h := w.Header().Clone()
		h.Del("X-Request-Id")
		h.Del("Content-Length") // of what was typed
		got := bare(fmt.Sprint(h, w.Body), `value="`+c.login+`"`)
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("%s looks different:\n%s\n%s", c.what, got, first)
		}
	}
	// A clinic that isn't there answers like every address that isn't.
	w := s.visitor().do("/clinic/nobodys/login", url.Values{"username": {"doctor"}, "password": {alphaPassword}})
	if other := s.visitor().do("/nothing/at/all", url.Values{"username": {"doctor"}}); w.Code != 404 || told(w) != told(other) {
		t.Errorf("an unknown clinic's door: %d %.300s", w.Code, w.Body)
	}
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	v := s.visitor()
	w := v.do("/clinic/alpha/queue", nil)
	wantRedirect(t, w, "/clinic/alpha/login?next="+url.QueryEscape("/clinic/alpha/queue"))
	form := v.fill(t, w.Header().Get("Location"))
	form.Set("username", " Receptionist@clinic.example ")
	form.Set("password", alphaPassword)
	tab := v.clone()
	wantRedirect(t, v.do("/clinic/alpha/login", form), "/clinic/alpha/queue")
	want(t, v.do("/clinic/alpha/queue", nil), 200, []string{"Reception queue", "Rohan Shinde"})
	// A double click signs in once more, and both answers let in.
	wantRedirect(t, tab.do("/clinic/alpha/login", form), "/clinic/alpha/queue")
	want(t, tab.do("/clinic/alpha/queue", nil), 200, []string{"Rohan Shinde"})
	// Nobody is led off the site.
	for _, next := range []string{"https://evil.example/", "//evil.example/", "/clinic/beta/queue", "/clinic/alpha/../beta"} {
		wantRedirect(t, s.visitor().do("/clinic/alpha/login", but(form, "next", next)), "/clinic/alpha")
	}
	stolen := v.clone()
	for range 2 { // the second time nobody is signed in
		wantRedirect(t, v.do("/clinic/alpha/logout", url.Values{}), "/clinic/alpha/login")
	}
	want(t, v.do("/clinic/alpha/login", nil), 200, []string{"Sign in"}, "session has ended")
	wantRedirect(t, stolen.do("/clinic/alpha/queue", nil), "/clinic/alpha/login?next="+url.QueryEscape("/clinic/alpha/queue"))
	want(t, tab.do("/clinic/alpha/queue", nil), 200, []string{"Rohan Shinde"}) // another session of the same person
	if w := s.signedIn(t, "alpha", "doctor", alphaPassword).do("/clinic/alpha/login", nil); w.Code != http.StatusSeeOther {
		t.Errorf("the door for somebody inside: %d", w.Code)
	}
}

func TestLockOutAtTheDoor(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	try := func(password string) int {
		return s.visitor().do("/clinic/alpha/login", url.Values{"username": {"receptionist"}, "password": {password}}).Code
	}
	for range 5 {
		if code := try("not the password at all"); code != http.StatusUnauthorized {
			t.Fatal(code)
		}
	}
	if code := try(alphaPassword); code != http.StatusUnauthorized {
		t.Errorf("the right password opens a resting account: %d", code)
	}
	s.signedIn(t, "beta", "receptionist", betaPassword) // another person
	rest := func() float64 {
		return ask1[float64](t, s, "select extract(epoch from locked_until - now())::float8 from clinic_alpha.users where username = 'receptionist'")
	}
	wake := "update clinic_alpha.users set locked_until = now() - interval '1 second' where username = 'receptionist'"
	before := rest()
	s.raw(t, wake)
	if code := try("not the password at all"); code != http.StatusUnauthorized {
		t.Fatal(code)
	}
	if after := rest(); before < 1 || after < 2*before {
		t.Errorf("the account rested %v s, then %v s", before, after)
	}
	s.raw(t, wake)
	s.signedIn(t, "alpha", "receptionist", alphaPassword)
	// One address that tries many names meets a limit of its own.
	v := s.visitor()
	codes := map[int]int{}
	for range 40 {
		w := v.do("/clinic/alpha/login", url.Values{"username": {"nobody"}, "password": {"x"}})
		if codes[w.Code]++; w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Error("no word of how long to wait")
		}
	}
	if codes[http.StatusTooManyRequests] == 0 {
		t.Errorf("an address may try for ever: %v", codes)
	}
}

func TestPasswordResetByMail(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	old := s.signedIn(t, "alpha", "doctor", alphaPassword)
	v := s.visitor()
	form := v.fill(t, "/clinic/alpha/forgot")
	known := v.do("/clinic/alpha/forgot", but(form, "username", "doctor"))
	again := v.do("/clinic/alpha/forgot", but(form, "username", "doctor")) // a double click
	unknown := v.do("/clinic/alpha/forgot", but(form, "username", "nobody"))
	want(t, known, 200, []string{"If the name is known here"})
	if told(known) != told(unknown) || told(known) != told(again) {
		t.Error("the answer tells who is known")
	}
	letter := s.letters(t, 1)[0]
	link := linkIn(t, letter)
	want(t, v.do("/clinic/alpha/forgot", url.Values{"username": {""}}), 422, []string{"Enter your username or email"})

	page := v.do(link, nil)
	want(t, page, 200, []string{"Choose a new password", `value="doctor"`})
	form = filled(t, page.Body.String(), "data-main")
	want(t, v.do(link, but(form, "password", "short", "again", "short")), 422, []string{"Use 12 or more characters"})
	want(t, v.do(link, but(form, "password", newPassword, "again", newPassword+"s")), 422, []string{"not the same"}, newPassword)
	tab := v.clone()
	form = but(form, "password", newPassword, "again", newPassword)
	wantRedirect(t, v.do(link, form), "/clinic/alpha")
	want(t, v.do("/clinic/alpha/account", nil), 200, []string{"Deepak Rao"})
	// The same form again finds the password that it set: success, not an error.
	changed := ask1[time.Time](t, s, "select password_changed_at from clinic_alpha.users where username = 'doctor'")
	wantRedirect(t, tab.do(link, form), "/clinic/alpha")
	want(t, tab.do("/clinic/alpha/account", nil), 200, []string{"Deepak Rao"})
	if !ask1[time.Time](t, s, "select password_changed_at from clinic_alpha.users where username = 'doctor'").Equal(changed) {
		t.Error("the password was changed twice")
	}
	// Whoever doesn't know it gets nothing by a used link.
	want(t, s.visitor().do(link, but(form, "password", betaPassword, "again", betaPassword)), http.StatusGone, []string{"This link does not open"})
	wantRedirect(t, old.do("/clinic/alpha/account", nil), "/clinic/alpha/login?next="+url.QueryEscape("/clinic/alpha/account"))
	s.signedIn(t, "alpha", "doctor", newPassword)
	s.signedIn(t, "beta", "doctor", betaPassword)
	s.people.Close() // waits for letters under way
	if n := len(s.letters(t, 1)); n != 1 {
		t.Errorf("%d letters, want one for the double click and none for nobody", n)
	}
}

// A link that doesn't open says what to do and never why it doesn't.
func TestLinksThatAreGone(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	admin := s.signedIn(t, "alpha", "admin", alphaPassword)
	link := func() string { // of somebody without an address: the page shows it
		form := filled(t, admin.do("/clinic/alpha/staff/"+testkit.Nurse.String(), nil).Body.String(), "/link\"")
		w := admin.do("/clinic/alpha/staff/"+testkit.Nurse.String()+"/link", form)
		want(t, w, 200, []string{"One-time link"})
		return linkIn(t, w.Body.String())
	}
	s.raw(t, "update clinic_alpha.users set email = null where username = 'nurse'")
	never := s.visitor().do("/clinic/alpha/password/"+strings.Repeat("A", 67), nil)
	want(t, never, http.StatusGone, []string{"This link does not open", `href="/clinic/alpha/login"`, `href="/clinic/alpha/forgot"`, "ask your clinic&#39;s administrator"})
	same := func(what, path string) {
		t.Helper()
		never := s.visitor().do("/clinic/"+strings.Split(path, "/")[2]+"/password/"+strings.Repeat("A", 67), nil)
		if got := s.visitor().do(path, nil); told(got) != told(never) {
			t.Errorf("%s differs from a link that never was: %d %.500s", what, got.Code, got.Body)
		}
		if got := s.visitor().do(path, url.Values{"password": {newPassword}, "again": {newPassword}}); told(got) != told(never) {
			t.Errorf("%s, used, differs from a link that never was: %d %.500s", what, got.Code, got.Body)
		}
	}
	replaced := link()
	open := link()
	same("a link that a newer one replaced", replaced)
	same("a link at the other clinic's address", strings.Replace(open, "/alpha/", "/beta/", 1))
	if ask1[int](t, s, "select count(*)::int from clinic_beta.invitations where used_at is not null") != 0 {
		t.Error("alpha's link did something at beta")
	}
	want(t, s.visitor().do(open, nil), 200, []string{"Nalini Jadhav", `value="nurse"`})
	for what, sql := range map[string]string{
		"an ended link":          "update clinic_alpha.invitations set expires_at = now() - interval '1 second'",
		"a revoked link":         "update clinic_alpha.invitations set expires_at = now() + interval '1 day', revoked_at = now()",
		"a link used long ago":   "update clinic_alpha.invitations set revoked_at = null, used_at = now() - interval '1 day'",
		"a link used just now":   "update clinic_alpha.invitations set used_at = now()",
		"of somebody who is out": "update clinic_alpha.invitations set used_at = null; update clinic_alpha.users set active = false where username = 'nurse'",
	} {
		s.raw(t, "update clinic_alpha.invitations set used_at = null, revoked_at = null, expires_at = now() + interval '1 day'; update clinic_alpha.users set active = true; "+sql)
		same(what, open)
	}
	for lang, says := range map[string]string{"hi": "यह लिंक नहीं खुलता", "mr": "ही लिंक उघडत नाही"} {
		v := s.visitor()
		v.do("/language", url.Values{"lang": {lang}, "back": {"/"}})
		want(t, v.do(replaced, nil), http.StatusGone, []string{says, `lang="` + lang + `"`})
	}
}
