package identity_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/mail"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

const (
	password = "seven purple tractors sing"
	other    = "eleven quiet lanterns drift"
)

var passwordHash = sync.OnceValue(func() string {
	h, err := identity.HashPassword(password)
	if err != nil {
		panic(err)
	}
	return h
})

var linkKey = []byte("link key of the tests, 32 bytes!")

// world is one database with the service on it.
type world struct {
	*identity.Service
	kit   *testkit.DB
	db    *tenants.DB
	mails string
}

func open(t *testing.T, change ...func(*identity.Config)) *world {
	t.Helper()
	w := &world{kit: testkit.New(t), mails: t.TempDir()}
	for _, s := range []string{"clinic_alpha", "clinic_beta"} {
		w.kit.Exec(t, "set session_replication_role = replica; update "+s+".users set password_hash = '"+passwordHash()+"'")
	}
	w.kit.Exec(t, "update platform.operators set password_hash = $1", passwordHash())
	w.db, w.Service = w.another(t, change...)
	return w
}

// another is a second process on the same database.
func (w *world) another(t *testing.T, change ...func(*identity.Config)) (*tenants.DB, *identity.Service) {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	db, err := tenants.Open(t.Context(), tenants.Config{DSN: w.kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log, Pool: tenants.PoolConfig{MaxConns: 3}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	post, err := mail.Open(mail.Config{Folder: w.mails, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	c := identity.Config{DB: db, LinkKey: linkKey, BaseURL: "http://cloister.test", Mail: post, Log: log,
		Words: func(lang, key string, pairs ...any) string { return lang + " " + key }}
	for _, f := range change {
		f(&c)
	}
	s, err := identity.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return db, s
}

// at is a context in a clinic with nobody signed in.
func (w *world) at(t *testing.T, c testkit.Clinic) context.Context {
	t.Helper()
	clinic, _, err := w.db.Resolve(t.Context(), c.Slug)
	if err != nil || clinic == nil {
		t.Fatalf("resolve %s: %v", c.Slug, err)
	}
	return tenants.WithScope(t.Context(), tenants.Scope{Clinic: clinic, RequestID: "test", Address: "192.0.2.7"})
}

// from is at, from another address.
func (w *world) from(t *testing.T, c testkit.Clinic, n int) context.Context {
	t.Helper()
	ctx := w.at(t, c)
	sc, _ := tenants.ScopeFrom(ctx)
	sc.Address = "198.51.100." + strconv.Itoa(n)
	return tenants.WithScope(ctx, sc)
}

// signIn signs somebody in and gives the cookie.
func (w *world) signIn(t *testing.T, c testkit.Clinic, login string) *http.Cookie {
	t.Helper()
	return w.signInWith(t, c, login, password)
}

func (w *world) signInWith(t *testing.T, c testkit.Clinic, login, pw string) *http.Cookie {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/clinic/"+c.Slug+"/login", nil).WithContext(w.at(t, c))
	in, err := w.SignIn(r.Context(), identity.Credentials{Login: login, Password: pw, Agent: "test browser"})
	if err != nil {
		t.Fatalf("sign in as %s: %v", login, err)
	}
	return w.cookie(t, r, in)
}

func (w *world) cookie(t *testing.T, r *http.Request, in identity.SignedIn) *http.Cookie {
	t.Helper()
	rec := httptest.NewRecorder()
	sc, _ := tenants.ScopeFrom(r.Context())
	if err := w.Begin(rec, r, sc.Clinic, in); err != nil {
		t.Fatal(err)
	}
	cookies := rec.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	return cookies[0]
}

type sessionKey struct{}

// with enters a request that brings a cookie, as the frame does: the context
// has the person's scope, or the visitor's.
func with(t *testing.T, s *identity.Service, ctx context.Context, cookies ...*http.Cookie) context.Context {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return entered(t, s, r)
}

func entered(t *testing.T, s *identity.Service, r *http.Request) context.Context {
	t.Helper()
	sc, _ := tenants.ScopeFrom(r.Context())
	ses, ok, err := s.Enter(r, sc)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return r.Context()
	}
	return context.WithValue(tenants.WithScope(r.Context(), ses.In(sc)), sessionKey{}, ses)
}

func session(ctx context.Context) identity.Session {
	ses, _ := ctx.Value(sessionKey{}).(identity.Session)
	return ses
}

// enter is with at a clinic of the world's own service.
func (w *world) enter(t *testing.T, c testkit.Clinic, cookies ...*http.Cookie) context.Context {
	t.Helper()
	return with(t, w.Service, w.at(t, c), cookies...)
}

// who is the role of a context's actor, empty for none.
func who(t *testing.T, ctx context.Context) access.Role {
	t.Helper()
	sc, _ := tenants.ScopeFrom(ctx)
	if sc.Session != session(ctx).ID || sc.Actor.ID != session(ctx).Person() {
		t.Fatalf("session %+v, actor %+v", session(ctx), sc.Actor)
	}
	return sc.Actor.Role
}

// letters waits for n mails and gives their texts.
func (w *world) letters(t *testing.T, n int) []string {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		files, err := filepath.Glob(filepath.Join(w.mails, "*.eml"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) >= n {
			var out []string
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, strings.ReplaceAll(string(b), "=\r\n", ""))
			}
			return out
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d letters came", len(files), n)
		}
		<-time.After(10 * time.Millisecond)
	}
}
