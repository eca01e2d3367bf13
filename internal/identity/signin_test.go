package identity_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

func TestSignInByNameOrEmail(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, login := range []string{"receptionist", " Receptionist ", "receptionist@clinic.example"} {
		c := w.signIn(t, testkit.Alpha, login)
		if !c.HttpOnly || c.Path != "/clinic/alpha" || c.SameSite != http.SameSiteLaxMode || c.Secure || c.MaxAge != 0 {
			t.Errorf("cookie %+v", c)
		}
		ctx := w.enter(t, testkit.Alpha, c)
		if got := who(t, ctx); got != access.Receptionist {
			t.Errorf("%q signed in as %q", login, got)
		}
	}
	// The database holds the token's hash and nothing of the token.
	c := w.signIn(t, testkit.Alpha, "doctor")
	raw, _ := base64.RawURLEncoding.DecodeString(c.Value)
	var plain, hashed int
	conn := testkit.Conn(t, w.kit.Admin)
	if err := conn.QueryRow(t.Context(), "select count(*) filter (where token_hash = $1), count(*) filter (where token_hash = sha256($1)) from clinic_alpha.sessions", raw).Scan(&plain, &hashed); err != nil {
		t.Fatal(err)
	}
	if len(raw) != 32 || plain != 0 || hashed != 1 {
		t.Errorf("token of %d bytes, %d plain and %d hashed rows", len(raw), plain, hashed)
	}
}

func TestSecureCookieOverHTTPS(t *testing.T) {
	t.Parallel()
	w := open(t, func(c *identity.Config) { c.BaseURL = "https://cloister.test" })
	if c := w.signIn(t, testkit.Alpha, "doctor"); !c.Secure {
		t.Error("the cookie of a site behind TLS is not secure")
	}
}

// Every failure looks the same: same code, same words.
func TestRefusalsLookTheSame(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.users set active = false where username = 'nurse';"+
		"update clinic_alpha.users set password_hash = null where username = 'lab';"+
		"update clinic_alpha.users set locked_until = now() + interval '1 minute' where username = 'doctor2';"+
		"update clinic_alpha.users set password_hash = 'not-a-hash' where username = 'doctor'")
	ctx := w.at(t, testkit.Alpha)
	for name, c := range map[string]identity.Credentials{
		"wrong password":   {Login: "receptionist", Password: other},
		"unknown user":     {Login: "nobody", Password: password},
		"deactivated":      {Login: "nurse", Password: password},
		"no password yet":  {Login: "lab", Password: password},
		"locked":           {Login: "doctor2", Password: password},
		"damaged hash":     {Login: "doctor", Password: password},
		"injection":        {Login: "' or true --", Password: password},
		"percent and star": {Login: "%", Password: password},
	} {
		_, err := w.SignIn(ctx, c)
		if !apperr.Is(err, apperr.Unauthenticated) || !strings.HasPrefix(err.Error(), "The user name or password is not right") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// And where there is no clinic at all.
	_, err := w.SignIn(tenants.WithScope(t.Context(), tenants.Scope{}), identity.Credentials{Login: "doctor", Password: password})
	if !apperr.Is(err, apperr.Unauthenticated) {
		t.Errorf("no clinic: %v", err)
	}
	for _, c := range []identity.Credentials{{}, {Login: "x"}, {Password: "x"}, {Login: strings.Repeat("x", 300), Password: "x"}, {Login: "x\xff", Password: "x"}} {
		if _, err := w.SignIn(ctx, c); !apperr.Is(err, apperr.Invalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestLockOutBacksOffAndEnds(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.at(t, testkit.Alpha)
	for range 5 {
		if _, err := w.SignIn(ctx, identity.Credentials{Login: "receptionist", Password: other}); !apperr.Is(err, apperr.Unauthenticated) {
			t.Fatal(err)
		}
	}
	if _, err := w.SignIn(ctx, identity.Credentials{Login: "receptionist", Password: password}); !apperr.Is(err, apperr.Unauthenticated) {
		t.Errorf("the right password opened a resting account: %v", err)
	}
	// The same name in the other clinic is another person.
	w.signIn(t, testkit.Beta, "receptionist")
	conn := testkit.Conn(t, w.kit.Admin)
	rest := func() (seconds float64) {
		if err := conn.QueryRow(t.Context(), "select extract(epoch from locked_until - now()) from clinic_alpha.users where username = 'receptionist'").Scan(&seconds); err != nil {
			t.Fatal(err)
		}
		return seconds
	}
	if s := rest(); s < 20 || s > 31 {
		t.Errorf("after five tries the account rests for %v s", s)
	}
	wake := "set session_replication_role = replica; update clinic_alpha.users set locked_until = now() - interval '1 second' where username = 'receptionist'"
	w.kit.Exec(t, wake)
	if _, err := w.SignIn(ctx, identity.Credentials{Login: "receptionist", Password: other}); err == nil {
		t.Fatal("the wrong password opened it")
	}
	if s := rest(); s < 100 {
		t.Errorf("the next rest is %v s, no longer than the first", s)
	}
	w.kit.Exec(t, wake)
	w.signIn(t, testkit.Alpha, "receptionist")
	var failed int
	if err := conn.QueryRow(t.Context(), "select failed_attempts from clinic_alpha.users where username = 'receptionist'").Scan(&failed); err != nil || failed != 0 {
		t.Errorf("%d tries still count, %v", failed, err)
	}
}

func TestAddressIsThrottled(t *testing.T) {
	t.Parallel()
	w := open(t, func(c *identity.Config) { c.Tries = 3 })
	ctx := w.at(t, testkit.Alpha)
	for range 3 {
		_, _ = w.SignIn(ctx, identity.Credentials{Login: "nobody", Password: password})
	}
	if _, err := w.SignIn(ctx, identity.Credentials{Login: "doctor", Password: password}); !apperr.Is(err, apperr.Throttled) {
		t.Errorf("fourth try: %v", err)
	}
	w.signIn(t, testkit.Beta, "doctor")
}

func TestClosedClinicLetsOnlyItsAdminIn(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.kit.Exec(t, "set session_replication_role = replica; update platform.clinics set status = 'suspended', status_reason = 'unpaid' where slug = 'alpha'")
	clinic, outcome, err := w.db.Resolve(t.Context(), "alpha")
	if err != nil || outcome != tenants.Suspended {
		t.Fatal(outcome, err)
	}
	ctx := tenants.WithScope(t.Context(), tenants.Scope{Clinic: clinic})
	if _, err := w.SignIn(ctx, identity.Credentials{Login: "doctor", Password: password}); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("doctor: %v", err)
	}
	if _, err := w.SignIn(ctx, identity.Credentials{Login: "doctor", Password: other}); !apperr.Is(err, apperr.Unauthenticated) {
		t.Errorf("doctor with a wrong password is told about the clinic: %v", err)
	}
	if _, err := w.SignIn(ctx, identity.Credentials{Login: "admin", Password: password}); err != nil {
		t.Errorf("admin: %v", err)
	}
}

func TestCookieOfOneClinicMeansNothingInAnother(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.signIn(t, testkit.Alpha, "doctor")
	if got := who(t, w.enter(t, testkit.Beta, c)); got != "" {
		t.Errorf("alpha's cookie is %q in beta", got)
	}
	if got := who(t, w.enter(t, testkit.Alpha, c)); got != access.Doctor {
		t.Errorf("alpha's cookie is %q in alpha", got)
	}
}

func TestSignInAgainEndsTheSessionBefore(t *testing.T) {
	t.Parallel()
	w := open(t)
	first := w.signIn(t, testkit.Alpha, "doctor")
	if _, err := w.SignIn(w.enter(t, testkit.Alpha, first), identity.Credentials{Login: "nurse", Password: password}); err != nil {
		t.Fatal(err)
	}
	if got := who(t, w.enter(t, testkit.Alpha, first)); got != "" {
		t.Errorf("the doctor's session still lives as %q", got)
	}
}

func TestOldHashIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := open(t)
	// The same password under half the memory.
	const cheap = "$argon2id$v=19$m=8192,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
	hash := cheap + cheapSum(password)
	w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.users set password_hash = '"+hash+"', version = 7 where username = 'doctor'")
	w.signIn(t, testkit.Alpha, "doctor")
	var got string
	if err := testkit.Conn(t, w.kit.Admin).QueryRow(t.Context(), "select password_hash from clinic_alpha.users where username = 'doctor'").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got == hash || !strings.HasPrefix(got, "$argon2id$v=19$m=19456,") {
		t.Errorf("hash is %q", got)
	}
	w.signIn(t, testkit.Alpha, "doctor")
}

func FuzzCookie(f *testing.F) {
	for _, s := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 44), "%00", "a;b", "\x00", strings.Repeat("z", 5000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		for _, name := range []string{identity.CookieName, identity.OperatorCookie} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Cookie", strings.Repeat(name+"="+v+"; ", 5))
			hashes := identity.TokensOf(r, name)
			if len(hashes) > 3 {
				t.Errorf("%d tokens are looked at", len(hashes))
			}
			for _, h := range hashes {
				// Only one spelling of a token counts.
				raw, err := base64.RawURLEncoding.DecodeString(strings.Trim(r.CookiesNamed(name)[0].Value, `"`))
				if err != nil || len(raw) != 32 || h != sha256.Sum256(raw) || base64.RawURLEncoding.EncodeToString(raw) != r.CookiesNamed(name)[0].Value {
					t.Errorf("%q is believed", v)
				}
			}
		}
	})
}
