package share_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/mail"
	"github.com/cloister-health/cloister/internal/share"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// rx is the seeded prescription of Asha, born in 1980, phone …1111.
var rx = uuid.MustParse("018f0000-0000-7000-8000-0000000000a4")

var linkKey = []byte("link key of the tests, 32 bytes!")

// world is one database with the slice on it, and the folder of its letters.
type world struct {
	kit    *testkit.DB
	db     *tenants.DB
	folder string
	*share.Service
}

func open(t testing.TB) *world {
	t.Helper()
	w := &world{kit: testkit.New(t), folder: t.TempDir()}
	log := logrus.New()
	log.SetOutput(io.Discard)
	var err error
	w.db, err = tenants.Open(t.Context(), tenants.Config{DSN: w.kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log,
		Pool: tenants.PoolConfig{MaxConns: 6, QueueLimit: 1024, StatementTimeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	post, err := mail.Open(mail.Config{Folder: w.folder, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w.Service = share.NewService(w.db, linkKey, post)
	return w
}

func clinic(c testkit.Clinic) *tenants.Clinic {
	return &tenants.Clinic{ID: c.ID, Slug: c.Slug, Name: c.Name, Schema: c.Schema, Status: tenants.StatusActive, Zone: time.FixedZone("IST", 5*3600+1800), Lang: "en"}
}

func as(t testing.TB, r access.Role) context.Context {
	t.Helper()
	return tenants.WithScope(t.Context(), tenants.Scope{RequestID: "test", Clinic: clinic(testkit.Alpha),
		Actor: tenants.Actor{Kind: access.User, ID: testkit.StaffID(r), Role: r}})
}

// stranger is somebody at a clinic's link.
func stranger(c testkit.Clinic) share.Visitor {
	return share.Visitor{Clinic: clinic(c), RequestID: "stranger", Address: "198.51.100.9"}
}

var alpha = stranger(testkit.Alpha)

// link makes one, for WhatsApp and a week.
func (w *world) link(t testing.TB) share.Made {
	t.Helper()
	m, err := w.Create(as(t, access.Receptionist), uuid.New(), rx, share.Wish{Channel: share.WhatsApp, Recipient: "98111 11111", Days: share.DefaultDays})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// answered opens a link and gives the pass.
func (w *world) answered(t testing.TB, token string) string {
	t.Helper()
	o, look, err := w.Try(t.Context(), alpha, token, "1980")
	if err != nil || look.State != share.Open {
		t.Fatalf("the right answer: %s, %v", look.State, err)
	}
	return o.Pass
}

func (w *world) only(t testing.TB) share.Link {
	t.Helper()
	_, links, err := w.List(as(t, access.Receptionist), rx)
	if err != nil || len(links) == 0 {
		t.Fatalf("%d links, %v", len(links), err)
	}
	return links[0]
}

// listed is a link as the list has it.
func (w *world) listed(t testing.TB, id uuid.UUID) share.Link {
	t.Helper()
	_, links, err := w.List(as(t, access.Receptionist), rx)
	for _, k := range links {
		if k.ID == id {
			return k
		}
	}
	t.Fatalf("the link is not listed, %v", err)
	return share.Link{}
}

func code(t testing.TB, what string, err error, want apperr.Code) {
	t.Helper()
	if !apperr.Is(err, want) {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// arrange changes rows behind the walls and triggers.
func (w *world) arrange(t testing.TB, sql string, args ...any) {
	t.Helper()
	conn := testkit.Conn(t, w.kit.Admin)
	for _, x := range []string{"set session_replication_role = replica", "set search_path = clinic_alpha"} {
		if _, err := conn.Exec(context.Background(), x); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// count reads a number as the superuser.
func (w *world) count(t testing.TB, sql string, args ...any) (n int) {
	t.Helper()
	if err := testkit.Conn(t, w.kit.Admin).QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
