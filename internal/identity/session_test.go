package identity_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// until tries again until a condition holds: events come in their own time.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestSessionEndsWhenIdle(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.signIn(t, testkit.Alpha, "doctor")
	w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.settings set session_idle_minutes = 30; update clinic_alpha.sessions set last_seen_at = now() - interval '29 minutes' where revoked_at is null and address = '192.0.2.7'")
	_, second := w.another(t)
	if got := who(t, with(t, second, w.at(t, testkit.Alpha), c)); got != access.Doctor {
		t.Errorf("after 29 of 30 minutes: %q", got)
	}
	w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.sessions set last_seen_at = now() - interval '31 minutes' where address = '192.0.2.7'")
	_, third := w.another(t)
	if got := who(t, with(t, third, w.at(t, testkit.Alpha), c)); got != "" {
		t.Errorf("after 31 of 30 minutes: %q", got)
	}
}

func TestRequestsKeepASessionAlive(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.signIn(t, testkit.Alpha, "doctor")
	conn := testkit.Conn(t, w.kit.Admin)
	age := func() (seconds float64) {
		if err := conn.QueryRow(t.Context(), "select extract(epoch from now() - last_seen_at) from clinic_alpha.sessions where address = '192.0.2.7'").Scan(&seconds); err != nil {
			t.Fatal(err)
		}
		return seconds
	}
	back := func(by string) *identity.Service {
		w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.sessions set last_seen_at = now() - interval '"+by+"' where address = '192.0.2.7'")
		_, fresh := w.another(t)
		return fresh
	}
	s := back("30 seconds")
	with(t, s, w.at(t, testkit.Alpha), c)
	if a := age(); a < 25 {
		t.Errorf("a second sign of life within a minute was written: %v s", a)
	}
	s = back("5 minutes")
	for _, mark := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("X-Cloister-Passive", "1") },
		func(r *http.Request) { r.Header.Set("Accept", "text/event-stream") },
		func(r *http.Request) { r.URL.Path = "/clinic/alpha/events" },
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(w.at(t, testkit.Alpha))
		r.AddCookie(c)
		mark(r)
		if who(t, entered(t, s, r)) != access.Doctor {
			t.Fatal("a passive request found no session")
		}
	}
	if a := age(); a < 250 {
		t.Errorf("a request that nobody made kept the session alive: %v s", a)
	}
	ctx := with(t, s, w.at(t, testkit.Alpha), c)
	if a := age(); a > 60 {
		t.Errorf("a page kept nothing alive: %v s", a)
	}
	ses := session(ctx)
	if left := time.Until(ses.EndsAt()); left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("the session ends in %v", left)
	}
	var at *time.Time
	if err := conn.QueryRow(t.Context(), "select max(last_at) from platform.activity where clinic_id = $1", testkit.Alpha.ID).Scan(&at); err != nil || at == nil {
		t.Errorf("no activity was noted: %v", err)
	}
}

func TestRevokedSessionEndsEverywhereAtOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	db2, second := w.another(t)
	_ = db2
	desk, phone := w.signIn(t, testkit.Alpha, "doctor"), w.signIn(t, testkit.Alpha, "doctor")
	for _, c := range []*http.Cookie{desk, phone} { // the other process remembers both
		if got := who(t, with(t, second, w.at(t, testkit.Alpha), c)); got != access.Doctor {
			t.Fatalf("%q", got)
		}
	}
	ctx := w.enter(t, testkit.Alpha, desk)
	list, err := w.Sessions(ctx)
	if err != nil || len(list) < 2 {
		t.Fatal(len(list), err)
	}
	ended := 0
	for _, l := range list {
		if l.Current {
			if l.Agent != "test browser" || l.Address != "192.0.2.7" {
				t.Errorf("listed %+v", l)
			}
			continue
		}
		if err := w.Revoke(ctx, l.ID); err != nil {
			t.Fatal(err)
		}
		ended++
	}
	if ended == 0 || who(t, w.enter(t, testkit.Alpha, phone)) != "" {
		t.Error("the revoked session lives in the process that ended it")
	}
	until(t, "the other process hears of it", func() bool { return who(t, with(t, second, w.at(t, testkit.Alpha), phone)) == "" })
	if got := who(t, with(t, second, w.at(t, testkit.Alpha), desk)); got != access.Doctor {
		t.Errorf("the session that stays is %q", got)
	}
}

func TestNobodyEndsAnothersSession(t *testing.T) {
	t.Parallel()
	w := open(t)
	doctor, nurse := w.signIn(t, testkit.Alpha, "doctor"), w.signIn(t, testkit.Alpha, "nurse")
	ses := session(w.enter(t, testkit.Alpha, doctor))
	err := w.Revoke(w.enter(t, testkit.Alpha, nurse), ses.ID)
	never := w.Revoke(w.enter(t, testkit.Alpha, nurse), uuid.New())
	if !apperr.Is(err, apperr.NotFound) || err.Error() != never.Error() {
		t.Errorf("another's %v, nobody's %v", err, never)
	}
	if who(t, w.enter(t, testkit.Alpha, doctor)) != access.Doctor {
		t.Error("the doctor was signed out")
	}
	if _, err := w.Sessions(w.at(t, testkit.Alpha)); !apperr.Is(err, apperr.Unauthenticated) {
		t.Errorf("anonymous list: %v", err)
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.signIn(t, testkit.Alpha, "doctor")
	ctx := w.enter(t, testkit.Alpha, c)
	if err := w.SignOut(ctx); err != nil {
		t.Fatal(err)
	}
	if got := who(t, w.enter(t, testkit.Alpha, c)); got != "" {
		t.Errorf("signed out and still %q", got)
	}
	if err := w.SignOut(ctx); err != nil {
		t.Errorf("signing out twice: %v", err)
	}
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/", nil).WithContext(w.at(t, testkit.Alpha))
	sc, _ := tenants.ScopeFrom(r.Context())
	if err := w.Forget(rec, r, sc.Clinic); err != nil {
		t.Fatal(err)
	}
	if got := rec.Result().Cookies(); len(got) != 1 || got[0].MaxAge >= 0 || got[0].Path != "/clinic/alpha" {
		t.Errorf("cookies %+v", got)
	}
}

func TestPasswordChangeEndsTheOthersAndGoesOn(t *testing.T) {
	t.Parallel()
	w := open(t)
	desk, phone := w.signIn(t, testkit.Alpha, "doctor"), w.signIn(t, testkit.Alpha, "doctor")
	ctx := w.enter(t, testkit.Alpha, desk)
	for field, n := range map[string]identity.NewPassword{
		"current":  {Current: other, Password: other, Again: other},
		"password": {Current: password, Password: "short", Again: "short"},
		"again":    {Current: password, Password: other, Again: other + "x"},
	} {
		_, err := w.ChangePassword(ctx, n)
		var e *apperr.Error
		if !errors.As(err, &e) || e.Code != apperr.Invalid || e.Fields[0].Name != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil).WithContext(ctx)
	in, err := w.ChangePassword(ctx, identity.NewPassword{Key: uuid.New(), Current: password, Password: other, Again: other})
	if err != nil {
		t.Fatal(err)
	}
	fresh := w.cookie(t, r, in)
	if who(t, w.enter(t, testkit.Alpha, desk)) != "" || who(t, w.enter(t, testkit.Alpha, phone)) != "" {
		t.Error("an old session lives")
	}
	if who(t, w.enter(t, testkit.Alpha, fresh)) != access.Doctor {
		t.Error("the new session doesn't live")
	}
	w.signInWith(t, testkit.Alpha, "doctor", other)
	if _, err := w.SignIn(w.at(t, testkit.Alpha), identity.Credentials{Login: "doctor", Password: password}); err == nil {
		t.Error("the old password still opens")
	}
	w.signIn(t, testkit.Beta, "doctor") // the same name in the other clinic keeps its own
}

func TestDeactivationEndsSessions(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.signIn(t, testkit.Alpha, "nurse")
	_, second := w.another(t)
	with(t, second, w.at(t, testkit.Alpha), c)
	admin := w.enter(t, testkit.Alpha, w.signIn(t, testkit.Alpha, "admin"))
	err := tenants.Write(admin, w.db, func(ctx context.Context, tx *tenants.Tx) error {
		if _, err := tx.Exec(ctx, "update users set active = false where username = 'nurse'"); err != nil {
			return err
		}
		return identity.EndedSessions(ctx, tx, testkit.Nurse)
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "this process hears", func() bool { return who(t, w.enter(t, testkit.Alpha, c)) == "" })
	until(t, "the other process hears", func() bool { return who(t, with(t, second, w.at(t, testkit.Alpha), c)) == "" })
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.signIn(t, testkit.Alpha, "nurse")
	ctx := w.enter(t, testkit.Alpha, c)
	if err := w.SetPreferences(ctx, identity.Preferences{Language: "fr", Theme: "loud", Density: "tight"}); !apperr.Is(err, apperr.Invalid) {
		t.Error(err)
	}
	if err := w.SetPreferences(ctx, identity.Preferences{Language: "mr", Theme: "dark", Density: "comfortable"}); err != nil {
		t.Fatal(err)
	}
	ses := session(w.enter(t, testkit.Alpha, c))
	if ses.Language != "mr" || ses.Theme != "dark" || ses.Density != "comfortable" || ses.SingleKeys {
		t.Errorf("%+v", ses)
	}
}

func TestOperators(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := tenants.WithScope(t.Context(), tenants.Scope{Address: "192.0.2.9"})
	for _, c := range []identity.Credentials{{Login: "operator@cloister.example", Password: other}, {Login: "nobody@cloister.example", Password: password}, {Login: "admin", Password: password}} {
		if _, err := w.SignInOperator(ctx, c); !apperr.Is(err, apperr.Unauthenticated) {
			t.Errorf("%s: %v", c.Login, err)
		}
	}
	o, err := w.SignInOperator(ctx, identity.Credentials{Login: " Operator@cloister.example", Password: password})
	if err != nil || o.Name != "Omana Pillai" {
		t.Fatal(o, err)
	}
	rec := httptest.NewRecorder()
	w.BeginOperator(rec, o)
	cookie := rec.Result().Cookies()[0]
	if cookie.Path != "/platform" || !cookie.HttpOnly {
		t.Errorf("cookie %+v", cookie)
	}
	r := httptest.NewRequest(http.MethodGet, "/platform/", nil).WithContext(ctx)
	r.AddCookie(cookie)
	found, ok, err := w.EnterPlatform(r, tenants.Scope{})
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	in := tenants.WithScope(ctx, found.In(tenants.Scope{}))
	if sc, _ := tenants.ScopeFrom(in); sc.Actor.ID != testkit.Operator || sc.Actor.Role != access.Platform || sc.Clinic != nil {
		t.Errorf("scope %+v", sc)
	}
	// A clinic's session is none of an operator's, nor the other way round.
	doctor := w.signIn(t, testkit.Alpha, "doctor")
	r2 := httptest.NewRequest(http.MethodGet, "/platform/", nil).WithContext(ctx)
	r2.AddCookie(&http.Cookie{Name: identity.OperatorCookie, Value: doctor.Value})
	if _, ok, err := w.EnterPlatform(r2, tenants.Scope{}); ok || err != nil {
		t.Error("a doctor became an operator", err)
	}
	if got := who(t, w.enter(t, testkit.Alpha, &http.Cookie{Name: identity.CookieName, Value: cookie.Value})); got != "" {
		t.Errorf("an operator became %q", got)
	}
	if err := w.SetOperatorPreferences(in, "hi", "dark"); err != nil {
		t.Error(err)
	}
	if err := w.SignOutOperator(httptest.NewRecorder(), r.WithContext(in)); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := w.EnterPlatform(r, tenants.Scope{}); ok || err != nil {
		t.Error("signed out and still there", err)
	}
	for range 5 {
		_, _ = w.SignInOperator(ctx, identity.Credentials{Login: "operator@cloister.example", Password: other})
	}
	if _, err := w.SignInOperator(ctx, identity.Credentials{Login: "operator@cloister.example", Password: password}); !apperr.Is(err, apperr.Unauthenticated) {
		t.Errorf("after five wrong tries: %v", err)
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	w := open(t)
	m, err := w.db.Rights(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for c, roles := range map[access.Capability][]access.Role{
		access.StaffManage:     {access.ClinicAdmin, access.Jobs},
		access.SettingsEdit:    {access.ClinicAdmin},
		access.PatientRegister: {access.ClinicAdmin, access.Receptionist, access.Jobs},
		access.CheckIn:         {access.Receptionist, access.Jobs},
		access.TrailView:       {access.ClinicAdmin},
		access.SettingsView:    {access.ClinicAdmin, access.Doctor, access.Nurse, access.Receptionist, access.LabTechnician, access.Jobs},
	} {
		want := map[access.Role]bool{}
		for _, r := range roles {
			want[r] = true
		}
		for _, r := range append(access.StaffRoles(), access.Patient, access.Display, access.Jobs) {
			if m.Can(r, c) != want[r] {
				t.Errorf("%s %s: %v", r, c, m.Can(r, c))
			}
		}
	}
}
