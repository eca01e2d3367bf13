package identity_test

import (
	"context"
	"encoding/base64"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

var linkIn = regexp.MustCompile(`http://cloister\.test/clinic/alpha/password/([A-Za-z0-9_-]+)`)

// invite makes a link for the receptionist as the admin would.
func (w *world) invite(t *testing.T, kind string) (inv identity.Invitation, token string) {
	t.Helper()
	admin := w.enter(t, testkit.Alpha, w.signIn(t, testkit.Alpha, "admin"))
	err := tenants.Write(admin, w.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		inv, err = identity.NewInvitation(ctx, tx, kind, identity.Invitee{User: testkit.Receptionist, Name: "Rohan Shinde", Role: access.Receptionist})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	link, err := w.Deliver(admin, inv)
	if err != nil {
		t.Fatal(err)
	}
	return inv, linkIn.FindStringSubmatch(link)[1]
}

func TestInvitationIsUsedOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	old := w.signIn(t, testkit.Alpha, "receptionist")
	_, token := w.invite(t, identity.KindInvite)
	ctx := w.at(t, testkit.Alpha)
	l, err := w.Link(ctx, token)
	if err != nil || l.Name != "Rohan Shinde" || l.Role != access.Receptionist || l.Kind != "invite" {
		t.Fatal(l, err)
	}
	if err := w.UseLink(ctx, token, "receptionist1", "receptionist1"); !apperr.Is(err, apperr.Invalid) {
		t.Errorf("a bad password: %v", err)
	}
	if err := w.UseLink(ctx, token, other, other+"x"); !apperr.Is(err, apperr.Invalid) {
		t.Errorf("two passwords: %v", err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for range 4 {
		wg.Go(func() {
			err := w.UseLink(ctx, token, other, other)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				good++
			} else if !apperr.Is(err, apperr.NotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if good != 1 {
		t.Errorf("the link worked %d times", good)
	}
	w.signInWith(t, testkit.Alpha, "receptionist", other)
	if who(t, w.enter(t, testkit.Alpha, old)) != "" {
		t.Error("a session from before lives")
	}
}

func TestLinksThatDoNotOpen(t *testing.T) {
	t.Parallel()
	w := open(t)
	inv, token := w.invite(t, identity.KindInvite)
	ctx := w.at(t, testkit.Alpha)
	links := w.Links()
	make := func(clinic uuid.UUID, tk identity.Token) string {
		s, err := links.Token(clinic, tk)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	flip := func(i int) string {
		b := append([]byte(nil), raw...)
		b[i] ^= 1
		return base64.RawURLEncoding.EncodeToString(b)
	}
	bad := map[string]string{
		"empty": "", "noise": "hello", "short": token[:20], "long": token + "A",
		"another version": flip(0), "another role": flip(1), "another invitation": flip(10), "another user": flip(30), "another mac": flip(len(raw) - 1),
		"unknown invitation":   make(testkit.Alpha.ID, identity.Token{Invitation: uuid.New(), User: testkit.Receptionist, Role: access.Receptionist}),
		"another user, signed": make(testkit.Alpha.ID, identity.Token{Invitation: inv.ID, User: testkit.Doctor, Role: access.Doctor}),
		"the other clinic's":   make(testkit.Beta.ID, identity.Token{Invitation: inv.ID, User: testkit.Receptionist, Role: access.Receptionist}),
	}
	for name, tk := range bad {
		_, err := w.Link(ctx, tk)
		if !apperr.Is(err, apperr.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.UseLink(ctx, tk, other, other); !apperr.Is(err, apperr.NotFound) {
			t.Errorf("%s, used: %v", name, err)
		}
	}
	if _, err := w.Link(w.at(t, testkit.Beta), token); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("in the other clinic: %v", err)
	}
	// A signed link of a user whose role has changed still opens, in the new role.
	w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.users set role = 'nurse' where username = 'receptionist'")
	if l, err := w.Link(ctx, token); err != nil || l.Role != access.Nurse {
		t.Errorf("after a change of role: %+v %v", l, err)
	}
	_, newer := w.invite(t, identity.KindInvite)
	if _, err := w.Link(ctx, token); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("a link that a newer one replaced: %v", err)
	}
	for _, how := range []string{"expires_at = now() - interval '1 second'", "expires_at = now() + interval '1 day', revoked_at = now()", "revoked_at = null, used_at = now()"} {
		w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.invitations set "+how+" where user_id = '"+testkit.Receptionist.String()+"'")
		if _, err := w.Link(ctx, newer); !apperr.Is(err, apperr.NotFound) {
			t.Errorf("%s: %v", how, err)
		}
	}
	w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.invitations set used_at = null, revoked_at = null; update clinic_alpha.users set active = false where username = 'receptionist'")
	if _, err := w.Link(ctx, newer); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("of somebody deactivated: %v", err)
	}
}

func TestForgotMailsALinkToWhoHasAnAddress(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.at(t, testkit.Alpha)
	w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.users set email = null where username = 'lab'; update clinic_alpha.users set active = false where username = 'nurse'")
	for _, login := range []string{"nobody", "lab", "nurse", " Doctor "} {
		if err := w.Forgot(ctx, login); err != nil {
			t.Errorf("%s: %v", login, err)
		}
	}
	text := w.letters(t, 1)[0]
	m := linkIn.FindStringSubmatch(text)
	if m == nil || !strings.Contains(text, "doctor@clinic.example") || !strings.Contains(text, "Alpha Clinic") || !strings.Contains(text, "mail.reset.subject") {
		t.Fatalf("letter:\n%s", text)
	}
	l, err := w.Link(ctx, m[1])
	if err != nil || l.Kind != "reset" || l.User != testkit.Doctor {
		t.Fatal(l, err)
	}
	until(t, "the letter is marked as sent", func() bool {
		var sent *time.Time
		if err := testkit.Conn(t, w.kit.Admin).QueryRow(t.Context(), "select sent_at from clinic_alpha.invitations where id = $1", l.Invitation).Scan(&sent); err != nil {
			t.Fatal(err)
		}
		return sent != nil
	})
	if err := w.UseLink(ctx, m[1], other, other); err != nil {
		t.Fatal(err)
	}
	w.signInWith(t, testkit.Alpha, "doctor", other)
	for n := range 5 {
		for range 2 { // a double click is one
			if err := w.Forgot(w.from(t, testkit.Alpha, n), "doctor2"); err != nil {
				t.Fatal(err)
			}
		}
		if n < 3 {
			w.letters(t, 2+n)
		}
		w.kit.Exec(t, "set session_replication_role = replica; update clinic_alpha.invitations set created_at = created_at - interval '1 minute' where kind = 'reset'")
	}
	w.Close() // waits for the work under way
	if n := len(w.letters(t, 4)); n != 4 {
		t.Errorf("%d letters; a person gets at most three links an hour", n)
	}
	if err := w.Forgot(ctx, ""); !apperr.Is(err, apperr.Invalid) {
		t.Error(err)
	}
}

func TestForgotIsThrottled(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.at(t, testkit.Alpha)
	var err error
	for range 11 {
		err = w.Forgot(ctx, "nobody")
	}
	if !apperr.Is(err, apperr.Throttled) {
		t.Error(err)
	}
}

func FuzzToken(f *testing.F) {
	links, err := identity.NewLinks(linkKey, "http://cloister.test")
	if err != nil {
		f.Fatal(err)
	}
	good, _ := links.Token(testkit.Alpha.ID, identity.Token{Invitation: testkit.Visit, User: testkit.Doctor, Role: access.Doctor})
	f.Add(good)
	f.Add(good[:len(good)-1] + "_")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := links.Read(testkit.Alpha.ID, s); err == nil && s != good {
			t.Errorf("%q was believed", s)
		}
	})
}
