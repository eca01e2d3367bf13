package tenants_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// next waits for an event; the channel's own deadline is the test's.
func next(t *testing.T, ch <-chan tenants.Event) tenants.Event {
	t.Helper()
	select {
	case e := <-ch:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event came")
		return tenants.Event{}
	}
}

func TestResolveTellsTheOutcomesApart(t *testing.T) {
	t.Parallel()
	w := open(t)
	all, stop := w.Subscribe(uuid.Nil)
	defer stop()
	look := func(slug string, want tenants.Outcome) *tenants.Clinic {
		t.Helper()
		c, got, err := w.Resolve(t.Context(), slug)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", slug, got, err, want)
		}
		return c
	}
	change := func(set string) {
		t.Helper()
		// As the superuser past the trail's trigger, which wants a signed actor,
		// but with the word to the services.
		w.exec(t, `alter table platform.clinics disable trigger user; alter table platform.clinics enable trigger tell;
			update platform.clinics set `+set+` where id = '`+testkit.Alpha.ID.String()+`'`)
		if e := next(t, all); e.Clinic != testkit.Alpha.ID || e.Topic != "clinic" {
			t.Errorf("heard %+v", e)
		}
	}
	c := look("alpha", tenants.Active)
	if c == nil || c.ID != testkit.Alpha.ID || c.Schema != testkit.Alpha.Schema || c.Zone.String() != "Asia/Kolkata" || c.Name != testkit.Alpha.Name {
		t.Errorf("%+v", c)
	}
	look("nowhere", tenants.Unknown)
	look("", tenants.Unknown)
	change("status = 'suspended', status_reason = 'unpaid'")
	if c := look("alpha", tenants.Suspended); c == nil || c.StatusReason != "unpaid" {
		t.Errorf("%+v", c)
	}
	change("status = 'expired'")
	look("alpha", tenants.Expired)
	change("status = 'trial', trial_ends_at = now() - interval '1 day'")
	look("alpha", tenants.Expired)
	for _, s := range []string{"archived", "pending", "deleted"} {
		change("status = '" + s + "'")
		if c := look("alpha", tenants.Unknown); c != nil {
			t.Errorf("%s: %+v", s, c)
		}
	}
	w.exec(t, `insert into platform.old_slugs values ('alpha', $1)`, testkit.Alpha.ID)
	change("status = 'active', slug = 'nowhere'")
	look("nowhere", tenants.Active)
	if c := look("alpha", tenants.Moved); c == nil || c.Slug != "nowhere" {
		t.Errorf("%+v", c)
	}
}

func TestASchemaIsServedOneVersionToEitherSide(t *testing.T) {
	t.Parallel()
	w := open(t, func(c *tenants.Config) { c.Versions = []int64{3, 5, 8} })
	all, stop := w.Subscribe(uuid.Nil)
	defer stop()
	w.exec(t, `alter table platform.schemas disable trigger user; alter table platform.schemas enable trigger tell; delete from platform.migrations`)
	for _, at := range []struct {
		applied []int64
		want    tenants.Outcome
	}{
		{[]int64{1, 3}, tenants.Migrating},
		{[]int64{1, 3, 5}, tenants.Active},
		{[]int64{1, 3, 5, 8}, tenants.Active},
		{[]int64{1, 3, 5, 8, 13}, tenants.Active},
		{[]int64{1, 3, 5, 8, 13, 21}, tenants.Migrating},
	} {
		w.exec(t, `delete from platform.migrations where clinic_id = $1`, testkit.Alpha.ID)
		w.exec(t, `insert into platform.migrations (clinic_id, version) select $1, v from unnest($2::bigint[]) v`, testkit.Alpha.ID, at.applied)
		w.exec(t, `update platform.schemas set version = $2 where clinic_id = $1`, testkit.Alpha.ID, at.applied[len(at.applied)-1])
		if e := next(t, all); e.Clinic != testkit.Alpha.ID || e.Topic != "clinic" {
			t.Errorf("heard %+v", e)
		}
		if c, got, err := w.Resolve(t.Context(), "alpha"); err != nil || got != at.want || c == nil {
			t.Errorf("%v: %v, %v", at.applied, got, err)
		}
	}
}

func TestEventsReachTheirClinicWhenTheTransactionIsDone(t *testing.T) {
	t.Parallel()
	w := open(t)
	here, stop := w.Subscribe(north.ID)
	there, stopThere := w.Subscribe(south.ID)
	defer stopThere()
	id := uuid.Must(uuid.NewV7())
	send := func(c *tenants.Clinic) {
		t.Helper()
		err := tenants.Write(as(t.Context(), c, access.Receptionist), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			return tx.Notify(ctx, "queue", id)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	send(north)
	want := tenants.Event{Clinic: north.ID, Topic: "queue", ID: id}
	if d := cmp.Diff(want, next(t, here)); d != "" {
		t.Error(d)
	}
	send(south)
	want.Clinic = south.ID
	if d := cmp.Diff(want, next(t, there)); d != "" {
		t.Error(d)
	}
	stop()
	if e, more := <-here; more {
		t.Errorf("the other clinic heard %+v", e)
	}
}

func TestASlowSubscriberIsToldThatItLost(t *testing.T) {
	t.Parallel()
	w := open(t)
	slow, stop := w.Subscribe(north.ID)
	defer stop()
	probe, stopProbe := w.Subscribe(south.ID)
	defer stopProbe()
	w.exec(t, `select pg_notify('cloister', $1::text || ':queue:' || gen_random_uuid()) from generate_series(1, 100)`, north.ID.String())
	w.exec(t, `select pg_notify('cloister', 'rubbish'), pg_notify('cloister', $1::text || ':queue:not an id'), pg_notify('cloister', $1::text || ':end:')`, south.ID.String())
	if e := next(t, probe); e.Topic != "end" {
		t.Errorf("heard %+v", e)
	}
	n, lost := 0, 0
	for len(slow) > 0 {
		n++
		if e := <-slow; e.Lost {
			lost++
		}
	}
	if n > 40 || lost != 1 {
		t.Errorf("%d events kept, %d times told of loss", n, lost)
	}
	w.exec(t, `select pg_notify('cloister', $1::text || ':after:')`, north.ID.String())
	if e := next(t, slow); e.Topic != "after" || e.Lost {
		t.Errorf("then %+v", e)
	}
}

func TestTheListenerComesBack(t *testing.T) {
	t.Parallel()
	w := open(t)
	events, stop := w.Subscribe(north.ID)
	defer stop()
	if _, o, err := w.Resolve(t.Context(), "alpha"); err != nil || o != tenants.Active {
		t.Fatal(o, err)
	}
	w.exec(t, `alter table platform.clinics disable trigger user; update platform.clinics set slug = 'renamed' where slug = 'alpha'`)
	w.exec(t, `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'cloister listen'`)
	if e := next(t, events); !e.Lost || e.Clinic != north.ID {
		t.Errorf("after the connection was lost: %+v", e)
	}
	if _, o, err := w.Resolve(t.Context(), "alpha"); err != nil || o != tenants.Unknown {
		t.Errorf("the old name still leads to %v, %v", o, err)
	}
	w.exec(t, `select pg_notify('cloister', $1::text || ':queue:')`, north.ID.String())
	if e := next(t, events); e.Topic != "queue" {
		t.Errorf("then %+v", e)
	}
}
