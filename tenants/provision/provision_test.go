package provision_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

type kit struct {
	*testkit.DB
	admin *pgx.Conn
	conf  provision.Config
}

func newKit(t *testing.T) kit {
	t.Helper()
	db := testkit.New(t)
	m, err := migrate.New(migrate.Config{Admin: db.Admin, Migrator: db.Migrator, Keys: testkit.Master(t)})
	if err != nil {
		t.Fatal(err)
	}
	return kit{db, testkit.Conn(t, db.Admin), provision.Config{DSN: db.Migrator, Keys: testkit.Master(t), Migrator: m}}
}

// service opens one of its own; two of them are two processes.
func (k kit) service(t *testing.T) *provision.Service {
	t.Helper()
	s, err := provision.Open(t.Context(), k.conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func value[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func asha() provision.Spec {
	return provision.Spec{Name: "Asha Kiran Clinic", Slug: "asha-kiran", AdminEmail: "Admin@Asha-Kiran.example", City: "Pune", Phone: "90000 12345"}
}

// routes tells whether the service finds the slug, by the function it asks.
func (k kit) routes(t *testing.T, slug string) bool {
	t.Helper()
	return value[int](t, k.admin, "select count(*)::int from platform.resolve_clinic($1)", slug) == 1
}

// whole checks everything a clinic has from its first moment.
func (k kit) whole(t *testing.T, c provision.Created) {
	t.Helper()
	if !k.routes(t, c.Slug) {
		t.Errorf("%s is not found", c.Slug)
	}
	for what, sql := range map[string]string{
		"settings": "settings", "departments": "departments", "admin": "users where role = 'clinic_admin' and active",
		"invitation": "invitations where used_at is null and expires_at > now()",
	} {
		if n := value[int](t, k.admin, "select count(*)::int from "+pgx.Identifier{c.Schema}.Sanitize()+"."+sql); n != 1 {
			t.Errorf("%s: %d", what, n)
		}
	}
	state := value[string](t, k.admin, `select s.state || ' ' || s.schema_name || ' ' || (k.wrapped is not null) || ' ' || (select count(*) from platform.provisionings p where p.clinic_id = s.clinic_id and p.action = 'create' and p.finished_at is not null and p.error is null)
		from platform.schemas s join platform.keysets k using (clinic_id) where clinic_id = $1`, c.ID)
	if state != "assigned "+c.Schema+" true 1" {
		t.Errorf("state is %s", state)
	}
	wrapped := value[[]byte](t, k.admin, "select wrapped from platform.keysets where clinic_id = $1", c.ID)
	if _, err := k.conf.Keys.OpenKeyset(c.ID, wrapped); err != nil {
		t.Errorf("keyset: %v", err)
	}
	tx := k.As(t, testkit.Clinic{ID: c.ID, Slug: c.Slug, Schema: c.Schema}, access.ClinicAdmin)
	var name string
	if err := tx.QueryRow(t.Context(), "select email from users").Scan(&name); err != nil || name != "admin@asha-kiran.example" {
		t.Errorf("the service sees the admin %q, %v", name, err)
	}
}

func TestCreateWithAndWithoutASpare(t *testing.T) {
	t.Parallel()
	for _, spares := range []int{0, 1} {
		t.Run(fmt.Sprint(spares, " spares"), func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			s := k.service(t)
			if _, err := s.EnsureSpares(t.Context(), spares, 0, nil); err != nil {
				t.Fatal(err)
			}
			c, err := s.Create(t.Context(), asha(), provision.By{})
			if err != nil {
				t.Fatal(err)
			}
			if c.Spare != (spares == 1) || c.Existed || c.Status != "trial" || c.TrialEndsAt == nil || c.Schema != "clinic_asha_kiran" {
				t.Errorf("%+v", c)
			}
			k.whole(t, c)
			again, err := s.Create(t.Context(), asha(), provision.By{})
			if err != nil || !again.Existed || again.ID != c.ID || again.Invitation != c.Invitation || again.Admin != c.Admin {
				t.Errorf("again: %+v, %v", again, err)
			}
			k.whole(t, c)
			if phone := value[string](t, k.admin, "select phone from platform.clinics where id = $1", c.ID); phone != "+919000012345" {
				t.Errorf("phone %s", phone)
			}
			other := asha()
			other.AdminEmail = "someone@else.example"
			if _, err := s.Create(t.Context(), other, provision.By{}); !field(err, "slug") {
				t.Errorf("another clinic of the same slug: %v", err)
			}
		})
	}
}

func field(err error, name string) bool {
	var e *apperr.Error
	if !errors.As(err, &e) || e.Code != apperr.Invalid {
		return false
	}
	for _, f := range e.Fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// TestCreateCutOffIsTakenUpAgain ends the first process at each step.
func TestCreateCutOffIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		step   string
		spares int
		left   string // what the registry shows after the cut
	}{
		{"reserved", 0, "pending building"}, {"built", 0, "pending building"}, {"filled", 0, "pending building"}, {"filled", 1, ""},
	} {
		t.Run(fmt.Sprint(c.step, c.spares), func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			first := k.service(t)
			if _, err := first.EnsureSpares(t.Context(), c.spares, 0, nil); err != nil {
				t.Fatal(err)
			}
			ctx, cut := context.WithCancel(t.Context())
			first.OnStep(func(step string) {
				if k.routes(t, "asha-kiran") {
					t.Errorf("found at step %s, before it was whole", step)
				}
				if step == c.step {
					cut()
				}
			})
			if out, err := first.Create(ctx, asha(), provision.By{}); err == nil {
				t.Fatalf("it was cut off and says %+v", out)
			}
			if k.routes(t, "asha-kiran") {
				t.Error("half a clinic is found")
			}
			left := value[string](t, k.admin, "select coalesce(max(c.status || ' ' || s.state), '') from platform.clinics c join platform.schemas s on s.clinic_id = c.id where slug = 'asha-kiran'")
			if left != c.left {
				t.Errorf("left %q, want %q", left, c.left)
			}
			done, err := k.service(t).Create(t.Context(), asha(), provision.By{})
			if err != nil || done.Existed {
				t.Fatalf("the second process: %+v, %v", done, err)
			}
			k.whole(t, done)
			other := asha()
			other.Name = "Another"
			if _, err := k.service(t).Create(t.Context(), other, provision.By{}); !field(err, "slug") {
				t.Errorf("another clinic took it over: %v", err)
			}
		})
	}
}

// TestSparesCutOffAreTakenUpAgain leaves half a spare and ends it.
func TestSparesCutOffAreTakenUpAgain(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"spare begun", "spare built"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			first := k.service(t)
			ctx, cut := context.WithCancel(t.Context())
			first.OnStep(func(step string) {
				if step == at {
					cut()
				}
			})
			if _, err := first.EnsureSpares(ctx, 2, 0, nil); err == nil {
				t.Fatal("not cut off")
			}
			var told []int
			out, err := k.service(t).EnsureSpares(t.Context(), 2, 0, func(n int) { told = append(told, n) })
			if err != nil || out.Ready != 2 || out.Made != 2 || fmt.Sprint(told) != "[1 2]" {
				t.Errorf("%+v, told %v, %v", out, told, err)
			}
			if n := value[int](t, k.admin, "select count(*)::int from pg_namespace where nspname ^@ 'spare_'"); n != 2 {
				t.Errorf("%d spare schemas", n)
			}
			if out, err = k.service(t).EnsureSpares(t.Context(), 2, 0, nil); err != nil || out.Made != 0 {
				t.Errorf("again: %+v, %v", out, err)
			}
		})
	}
}

func TestOneProcessAtATimeMakesSpares(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	first := k.service(t)
	second := k.service(t)
	asked := false
	first.OnStep(func(step string) {
		if step == "spare begun" && !asked {
			asked = true
			if out, err := second.EnsureSpares(t.Context(), 1, 0, nil); err != nil || !out.Busy || out.Made != 0 {
				t.Errorf("beside the first: %+v, %v", out, err)
			}
		}
	})
	if out, err := first.EnsureSpares(t.Context(), 1, 0, nil); err != nil || out.Ready != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := first.EnsureSpares(t.Context(), provision.MaxSpares+1, 0, nil); !field(err, "target") {
		t.Errorf("too many: %v", err)
	}
}

// TestTheSameSlugAtOnce: of many equal requests one makes the clinic.
func TestTheSameSlugAtOnce(t *testing.T) {
	t.Parallel()
	for _, spares := range []int{0, 3} {
		t.Run(fmt.Sprint(spares, " spares"), func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			if _, err := k.service(t).EnsureSpares(t.Context(), spares, 0, nil); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			made := make(chan bool, 6)
			ids := make(chan uuid.UUID, 6)
			for range 6 {
				s := k.service(t)
				all.Go(func() {
					c, err := s.Create(t.Context(), asha(), provision.By{})
					if err != nil {
						t.Error(err)
						return
					}
					made <- !c.Existed
					ids <- c.ID
				})
			}
			all.Wait()
			close(made)
			close(ids)
			n := 0
			for m := range made {
				if m {
					n++
				}
			}
			one := map[uuid.UUID]bool{}
			for id := range ids {
				one[id] = true
			}
			if n != 1 || len(one) != 1 {
				t.Errorf("%d made it, %d ids", n, len(one))
			}
			if n := value[int](t, k.admin, "select count(*)::int from platform.schemas where state = 'spare'"); spares > 0 && n != spares-1 {
				t.Errorf("%d spares are left of %d", n, spares)
			}
		})
	}
}

func TestBadInputNamesTheField(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	s := k.service(t)
	for name, c := range map[string]struct {
		field string
		edit  func(*provision.Spec)
	}{
		"no name":          {"name", func(sp *provision.Spec) { sp.Name = " " }},
		"long name":        {"name", func(sp *provision.Spec) { sp.Name = strings.Repeat("n", 201) }},
		"control":          {"name", func(sp *provision.Spec) { sp.Name = "a\x00b" }},
		"no slug":          {"slug", func(sp *provision.Spec) { sp.Slug = "" }},
		"capitals":         {"slug", func(sp *provision.Spec) { sp.Slug = "Asha" }},
		"double hyphen":    {"slug", func(sp *provision.Spec) { sp.Slug = "asha--kiran" }},
		"end hyphen":       {"slug", func(sp *provision.Spec) { sp.Slug = "asha-" }},
		"long slug":        {"slug", func(sp *provision.Spec) { sp.Slug = strings.Repeat("a", 41) }},
		"SQL":              {"slug", func(sp *provision.Spec) { sp.Slug = `a"; drop schema platform; --` }},
		"no email":         {"admin_email", func(sp *provision.Spec) { sp.AdminEmail = "" }},
		"bad email":        {"admin_email", func(sp *provision.Spec) { sp.AdminEmail = "admin" }},
		"named email":      {"admin_email", func(sp *provision.Spec) { sp.AdminEmail = "Asha <a@b.example>" }},
		"plan":             {"plan", func(sp *provision.Spec) { sp.Plan = "gold" }},
		"city":             {"city", func(sp *provision.Spec) { sp.City = strings.Repeat("c", 101) }},
		"phone":            {"phone", func(sp *provision.Spec) { sp.Phone = "12" }},
		"pin":              {"pin", func(sp *provision.Spec) { sp.PIN = "012345" }},
		"gstin":            {"gstin", func(sp *provision.Spec) { sp.GSTIN = "27AAAAA" }},
		"website":          {"website", func(sp *provision.Spec) { sp.Website = "javascript:alert(1)" }},
		"zone":             {"zone", func(sp *provision.Spec) { sp.Zone = "India" }},
		"language":         {"language", func(sp *provision.Spec) { sp.Language = "fr" }},
		"taken by a world": {"slug", func(sp *provision.Spec) { sp.Slug = "alpha" }},
	} {
		sp := asha()
		c.edit(&sp)
		if _, err := s.Create(t.Context(), sp, provision.By{}); !field(err, c.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, slug := range provision.Reserved() {
		sp := asha()
		sp.Slug = slug
		if _, err := s.Create(t.Context(), sp, provision.By{}); !field(err, "slug") {
			t.Errorf("reserved %s: %v", slug, err)
		}
	}
	if n := value[int](t, k.admin, "select count(*)::int from platform.schemas"); n != 2 {
		t.Errorf("%d schemas", n)
	}
}

func TestTwoClinicsCannotHaveOneRegistration(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	s := k.service(t)
	one := asha()
	one.Registration = "MH/2020/77"
	if _, err := s.Create(t.Context(), one, provision.By{}); err != nil {
		t.Fatal(err)
	}
	two := one
	two.Slug = "other"
	if _, err := s.Create(t.Context(), two, provision.By{}); !field(err, "registration") {
		t.Error(err)
	}
	if k.routes(t, "other") {
		t.Error("the second is there")
	}
}

func TestWrongMasterKeyOpensNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	other, err := keys.Parse(keys.Generate())
	if err != nil {
		t.Fatal(err)
	}
	k.conf.Keys = other
	if _, err := provision.Open(t.Context(), k.conf); !errors.Is(err, keys.ErrWrong) {
		t.Error(err)
	}
}

// TestTheTrialsQuotaHoldsForAClinicMadeNow lets eight doctors in at once where
// the plan allows three.
func TestTheTrialsQuotaHoldsForAClinicMadeNow(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	c, err := k.service(t).Create(t.Context(), asha(), provision.By{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	outcomes := make(chan string, 8)
	for i := range 8 {
		tx := k.As(t, testkit.Clinic{ID: c.ID, Schema: c.Schema}, access.Jobs)
		all.Go(func() {
			_, err := tx.Exec(t.Context(), "insert into users (id, username, full_name, role) values ($1, $2, 'D', 'doctor')", uuid.New(), fmt.Sprint("doctor", i))
			if err == nil {
				err = tx.Commit(t.Context())
			} else {
				_ = tx.Rollback(t.Context())
			}
			var pe *pgconn.PgError
			switch {
			case err == nil:
				outcomes <- "in"
			case errors.As(err, &pe) && pe.Code == "CL402" && pe.ConstraintName == "quota_doctors" && pe.Detail == "3":
				outcomes <- "full"
			default:
				outcomes <- err.Error()
			}
		})
	}
	all.Wait()
	close(outcomes)
	got := map[string]int{}
	for o := range outcomes {
		got[o]++
	}
	if got["in"] != 3 || got["full"] != 5 {
		t.Errorf("%v", got)
	}
}
