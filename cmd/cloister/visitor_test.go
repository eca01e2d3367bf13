package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/testkit"
)

// visitor is a browser without script: it keeps cookies by their path and
// sends forms as they are.
type visitor struct {
	s       *site
	address string
	jar     map[string]*http.Cookie
}

func (s *site) visitor() *visitor {
	n := s.client.Add(1) // an address of its own, so that no limit is met
	return &visitor{s: s, address: fmt.Sprintf("198.18.%d.%d", n/256%256, n%256), jar: map[string]*http.Cookie{}}
}

// do sends a request; a form makes it a POST.
func (v *visitor) do(path string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("X-Forwarded-For", v.address)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, c := range v.jar {
		if strings.HasPrefix(path, c.Path) {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	v.s.router.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if v.jar[c.Name+c.Path] = c; c.MaxAge < 0 {
			delete(v.jar, c.Name+c.Path)
		}
	}
	return w
}

// clone is another tab of the same browser.
func (v *visitor) clone() *visitor {
	c := &visitor{s: v.s, address: v.address, jar: map[string]*http.Cookie{}}
	for k, x := range v.jar {
		c.jar[k] = x
	}
	return c
}

// passwords of the people at the two clinics and of the operator.
const (
	alphaPassword    = "seven purple tractors sing"
	betaPassword     = "eleven quiet lanterns drift"
	operatorPassword = "nine brass kettles humming"
	newPassword      = "four green otters whistle"
)

var passwordHashes = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for _, pw := range []string{alphaPassword, betaPassword, operatorPassword} {
		h, err := identity.HashPassword(pw)
		if err != nil {
			panic(err)
		}
		out[pw] = h
	}
	return out
})

// newStaffedSite is a site whose people have passwords, others at each clinic.
func newStaffedSite(t *testing.T, env ...string) *site {
	t.Helper()
	s := newSite(t, env...)
	h := passwordHashes()
	s.raw(t, "update clinic_alpha.users set password_hash = '"+h[alphaPassword]+"', password_changed_at = now(); update clinic_beta.users set password_hash = '"+h[betaPassword]+
		"', password_changed_at = now(); update platform.operators set password_hash = '"+h[operatorPassword]+"'")
	return s
}

// raw arranges rows behind the walls and triggers.
func (s *site) raw(t *testing.T, sql string) {
	t.Helper()
	s.db.Exec(t, "set session_replication_role = replica; "+sql)
}

// ask1 reads one value as the superuser.
func ask1[T any](t *testing.T, s *site, sql string, args ...any) (v T) {
	t.Helper()
	if err := testkit.Conn(t, s.db.Admin).QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// signedIn is a visitor who went through the door.
func (s *site) signedIn(t *testing.T, slug, login, password string) *visitor {
	t.Helper()
	v := s.visitor()
	form := v.fill(t, "/clinic/"+slug+"/login")
	form.Set("username", login)
	form.Set("password", password)
	w := v.do("/clinic/"+slug+"/login", form)
	wantRedirect(t, w, "/clinic/"+slug)
	return v
}

var inputs = regexp.MustCompile(`(?s)<(?:input|option)[^>]*>`)

// fill gives the first main form of a page as it stands: every field with the
// value that it shows.
func (v *visitor) fill(t *testing.T, path string) url.Values {
	t.Helper()
	w := v.do(path, nil)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %.500s", path, w.Code, w.Body)
	}
	return filled(t, w.Body.String(), `data-main`)
}

// filled reads the form whose opening tag has the mark.
func filled(t *testing.T, body, mark string) url.Values {
	t.Helper()
	for _, part := range strings.Split(body, "<form")[1:] {
		tag, rest, _ := strings.Cut(part, ">")
		if !strings.Contains(tag, mark) {
			continue
		}
		form, _, _ := strings.Cut(rest, "</form>")
		return fields(form)
	}
	t.Fatalf("no form %q on the page: %.3000s", mark, body)
	return nil
}

var (
	attrs   = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
	selects = regexp.MustCompile(`(?s)<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>`)
	areas   = regexp.MustCompile(`(?s)<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>`)
)

func fields(form string) url.Values {
	out := url.Values{}
	for _, tag := range inputs.FindAllString(form, -1) {
		a := map[string]string{}
		for _, m := range attrs.FindAllStringSubmatch(tag, -1) {
			a[m[1]] = m[2]
		}
		checked := strings.Contains(tag, " checked")
		if a["name"] == "" || a["type"] == "file" || (a["type"] == "radio" || a["type"] == "checkbox") && !checked {
			continue
		}
		value := a["value"]
		if a["type"] == "checkbox" && value == "" {
			value = "on"
		}
		out.Set(a["name"], unescape(value))
	}
	for _, m := range selects.FindAllStringSubmatch(form, -1) {
		for _, tag := range inputs.FindAllString(m[2], -1) {
			value := attrs.FindStringSubmatch(tag)
			if strings.Contains(tag, " selected") && value != nil {
				out.Set(m[1], unescape(value[2]))
			}
		}
	}
	for _, m := range areas.FindAllStringSubmatch(form, -1) {
		out.Set(m[1], unescape(m[2]))
	}
	return out
}

func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&#39;", "'", "&#34;", `"`, "&lt;", "<", "&gt;", ">").Replace(s)
}

// but is a form with some fields changed.
func but(form url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for k, v := range form {
		out[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

func wantRedirect(t *testing.T, w *httptest.ResponseRecorder, to string) {
	t.Helper()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != to {
		t.Fatalf("%d to %q, want 303 to %q: %.1500s", w.Code, w.Header().Get("Location"), to, w.Body)
	}
}

// letters waits until n letters were written, and gives them in their order.
func (s *site) letters(t *testing.T, n int) []string {
	t.Helper()
	var out []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(s.folder, "mail", "*.eml"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) < n {
			continue
		}
		out = nil
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, strings.ReplaceAll(string(b), "=\r\n", ""))
		}
		return out
	}
	t.Fatalf("%d of %d letters came", len(out), n)
	return nil
}

var linkPath = regexp.MustCompile(`/clinic/[a-z-]+/password/[A-Za-z0-9_-]+`)

// linkIn is the path of the one-time link in a letter or on a page.
func linkIn(t *testing.T, text string) string {
	t.Helper()
	link := linkPath.FindString(text)
	if link == "" {
		t.Fatalf("no link in:\n%.3000s", text)
	}
	return link
}
