package provision_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

func TestSuspendResumeArchiveRestore(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	s := k.service(t)
	ctx := t.Context()
	by := provision.By{Actor: "operator:" + testkit.Operator.String(), RequestID: "r9"}
	if _, err := s.Suspend(ctx, "alpha", " ", by); !field(err, "reason") {
		t.Errorf("without a reason: %v", err)
	}
	for _, step := range []struct {
		do      func() (provision.Changed, error)
		status  string
		changed bool
	}{
		{func() (provision.Changed, error) { return s.Suspend(ctx, "alpha", "unpaid", by) }, "suspended", true},
		{func() (provision.Changed, error) { return s.Suspend(ctx, "alpha", "unpaid", by) }, "suspended", false},
		{func() (provision.Changed, error) { return s.Suspend(ctx, "alpha", "still unpaid", by) }, "suspended", true},
		{func() (provision.Changed, error) { return s.Resume(ctx, "alpha", by) }, "active", true},
		{func() (provision.Changed, error) { return s.Resume(ctx, "alpha", by) }, "active", false},
		{func() (provision.Changed, error) { return s.Archive(ctx, "alpha", by) }, "archived", true},
		{func() (provision.Changed, error) { return s.Archive(ctx, "alpha", by) }, "archived", false},
		{func() (provision.Changed, error) { return s.Restore(ctx, "alpha", by) }, "active", true},
		{func() (provision.Changed, error) { return s.Restore(ctx, "alpha", by) }, "active", false},
	} {
		out, err := step.do()
		if err != nil || out.Status != step.status || out.Changed != step.changed {
			t.Errorf("%+v, %v, want %+v", out, err, step)
		}
		if served := k.routes(t, "alpha"); served != (step.status != "archived") {
			t.Errorf("%s: found is %t", step.status, served)
		}
	}
	for _, bad := range []func() (provision.Changed, error){
		func() (provision.Changed, error) { return s.Suspend(ctx, "nobody", "x", by) },
		func() (provision.Changed, error) { return s.Archive(ctx, "nobody", by) },
	} {
		if _, err := bad(); !apperr.Is(err, apperr.NotFound) {
			t.Errorf("no such clinic: %v", err)
		}
	}
	if n := value[int](t, k.admin, "select count(*)::int from platform.trail where entity = 'clinics' and action = 'update' and actor = $1 and request_id = 'r9'", by.Actor); n != 5 {
		t.Errorf("%d changes are on the registry's trail", n)
	}
	d, err := s.Show(ctx, "alpha")
	if err != nil || len(d.Ledger) != 5 || d.Ledger[0].Action != "suspend" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestDeleteWaitsAndThenErases(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	s := k.service(t)
	ctx := t.Context()
	if _, err := s.Delete(ctx, "alpha", "beta", provision.DefaultGrace, provision.By{}); !field(err, "confirm") {
		t.Errorf("unconfirmed: %v", err)
	}
	out, err := s.Delete(ctx, "alpha", "alpha", provision.DefaultGrace, provision.By{})
	if err != nil || out.Status != "deleted" || out.DeleteAfter == nil || time.Until(*out.DeleteAfter) < 29*24*time.Hour {
		t.Fatalf("%+v, %v", out, err)
	}
	if k.routes(t, "alpha") {
		t.Error("a deleted clinic is found")
	}
	if done, err := s.Purge(ctx, provision.By{}); err != nil || len(done) != 0 {
		t.Errorf("in the grace period: %v, %v", done, err)
	}
	if out, err = s.Restore(ctx, "alpha", provision.By{}); err != nil || out.Status != "active" || !k.routes(t, "alpha") {
		t.Errorf("restored: %+v, %v", out, err)
	}
	if _, err = s.Delete(ctx, "alpha", "alpha", 0, provision.By{}); err != nil {
		t.Fatal(err)
	}
	k.Exec(t, "update platform.clinics set name = name where slug = 'nobody'")
	done, err := s.Purge(ctx, provision.By{})
	if err != nil || len(done) != 1 || done[0].Slug != "alpha" {
		t.Fatalf("purge: %v, %v", done, err)
	}
	if n := value[int](t, k.admin, "select count(*)::int from pg_namespace where nspname = 'clinic_alpha'"); n != 0 {
		t.Error("the schema is there")
	}
	if s := value[string](t, k.admin, "select s.state || ' ' || (k.wrapped is null) || ' ' || (k.destroyed_at is not null) from platform.schemas s join platform.keysets k using (clinic_id) where clinic_id = $1", testkit.Alpha.ID); s != "dropped true true" {
		t.Errorf("state %s", s)
	}
	if n := value[int](t, k.admin, "select count(*)::int from clinic_beta.patients"); n == 0 {
		t.Error("the other clinic lost its patients")
	}
	if done, err := s.Purge(ctx, provision.By{}); err != nil || len(done) != 0 {
		t.Errorf("again: %v, %v", done, err)
	}
	if _, err := s.Restore(ctx, "alpha", provision.By{}); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("restore after the purge: %v", err)
	}
	again := asha()
	again.Slug = "alpha"
	if _, err := s.Create(ctx, again, provision.By{}); !field(err, "slug") {
		t.Errorf("the slug is given away: %v", err)
	}
	if r, err := k.conf.Migrator.Up(ctx, migrate.Options{}); err != nil || r.Total != 1 {
		t.Errorf("migrations still see it: %+v, %v", r, err)
	}
}

func TestRenameLeavesTheOldSlugBehind(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	s := k.service(t)
	ctx := t.Context()
	if _, err := s.RenameSlug(ctx, "alpha", "beta", provision.By{}); !field(err, "slug") {
		t.Errorf("to a taken one: %v", err)
	}
	if _, err := s.RenameSlug(ctx, "alpha", "admin", provision.By{}); !field(err, "slug") {
		t.Errorf("to a reserved one: %v", err)
	}
	out, err := s.RenameSlug(ctx, "alpha", "omega", provision.By{})
	if err != nil || !out.Changed || out.Slug != "omega" {
		t.Fatalf("%+v, %v", out, err)
	}
	if again, err := s.RenameSlug(ctx, "alpha", "omega", provision.By{}); err != nil || again.Changed {
		t.Errorf("again: %+v, %v", again, err)
	}
	for slug, moved := range map[string]bool{"alpha": true, "omega": false} {
		if got := value[string](t, k.admin, "select slug || ' ' || moved from platform.resolve_clinic($1)", slug); got != fmt.Sprint("omega ", moved) {
			t.Errorf("%s leads to %s", slug, got)
		}
	}
	if _, err := s.RenameSlug(ctx, "beta", "alpha", provision.By{}); !field(err, "slug") {
		t.Errorf("another clinic takes the old one: %v", err)
	}
	one := asha()
	one.Slug = "alpha"
	if _, err := s.Create(ctx, one, provision.By{}); !field(err, "slug") {
		t.Errorf("a new clinic takes the old one: %v", err)
	}
	if _, err := s.Suspend(ctx, "alpha", "x", provision.By{}); !apperr.Is(err, apperr.NotFound) || !strings.Contains(err.Error(), "omega") {
		t.Errorf("a change by the old one: %v", err)
	}
	if back, err := s.RenameSlug(ctx, "omega", "alpha", provision.By{}); err != nil || !back.Changed {
		t.Errorf("and back: %+v, %v", back, err)
	}
	d, err := s.Show(ctx, "omega")
	if err != nil || d.Slug != "alpha" || fmt.Sprint(d.OldSlugs) != "[omega]" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestListCounts(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	all, err := k.service(t).List(t.Context())
	if err != nil || len(all) != 2 || all[0].Slug != "alpha" || all[0].Staff != 6 || all[0].Patients != 3 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestOperators(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	s := k.service(t)
	if _, _, err := s.SaveOperator(t.Context(), "x", "", ""); !field(err, "email") || !field(err, "name") {
		t.Error(err)
	}
	id, created, err := s.SaveOperator(t.Context(), "Op@cloister.example", "Omana Pillai", "hash one")
	if err != nil || !created {
		t.Fatal(created, err)
	}
	again, created, err := s.SaveOperator(t.Context(), "op@cloister.example", "O. Pillai", "")
	if err != nil || created || again != id {
		t.Error(again, created, err)
	}
	if got := value[string](t, k.admin, "select full_name || ', ' || password_hash from platform.operators where id = $1", id); got != "O. Pillai, hash one" {
		t.Error(got)
	}
}
