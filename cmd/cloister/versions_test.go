package main

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// TestConsoleShowsTheVersions: what somebody must see to comes first, each state
// can be picked, and a schema whose turn somebody holds is one that is at work.
func TestConsoleShowsTheVersions(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	op := s.operator(t)
	const at = "/platform/versions"
	want(t, op.do("/platform/clinics", nil), 200, []string{`href="/platform/versions"`})
	want(t, op.do(at, nil), 200, []string{"All clinics are at version", "Alpha Clinic", "Beta Clinic", "Up to date"}, "hx-trigger", "Answers 503")
	wantRedirect(t, s.visitor().do(at, nil), "/platform/login?next="+url.QueryEscape(at))
	if w := s.signedIn(t, "alpha", "admin", alphaPassword).do(at, nil); w.Code != 303 {
		t.Errorf("a clinic's admin gets %d", w.Code)
	}

	// A hundred clinics more: some failed, one far behind, one that lacks a version below its last, one ahead by one, one at work.
	s.raw(t, "set session_replication_role = replica; insert into platform.clinics (id, slug, name, city, status, plan) "+
		"select ('019f0000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'made-' || lpad(n::text, 3, '0'), 'Made ' || n, 'Thane', 'active', plan from generate_series(1, 100) n, platform.clinics where slug = 'alpha'; "+
		"insert into platform.schemas (clinic_id, schema_name, state, version) select c.id, 'clinic_' || replace(c.slug, '-', '_'), 'assigned', a.version from platform.clinics c, platform.schemas a "+
		"where c.slug ^@ 'made-' and a.schema_name = 'clinic_alpha'; "+
		"update platform.schemas set version = version - 1 where schema_name in ('clinic_made_010', 'clinic_made_020', 'clinic_made_040'); update platform.schemas set version = 2 where schema_name = 'clinic_made_030'; "+
		"update platform.schemas set version = version + 1 where schema_name = 'clinic_made_050'; "+
		"insert into platform.migrations (clinic_id, version, duration_ms) select s.clinic_id, v.version, 41 from platform.schemas s, platform.migrations v, platform.schemas a "+
		"where s.schema_name ^@ 'clinic_made_' and a.schema_name = 'clinic_alpha' and v.clinic_id = a.clinic_id and v.version <= s.version; "+
		"insert into platform.migrations (clinic_id, version) select clinic_id, version from platform.schemas where schema_name = 'clinic_made_050'; "+
		"delete from platform.migrations m using platform.schemas s where s.clinic_id = m.clinic_id and s.schema_name = 'clinic_made_035' and m.version = 4; "+
		"insert into platform.migration_outcomes (clinic_id, state, version, error, finished_at) select clinic_id, 'failed', version, 'version 99: <it> broke', '2026-03-02 08:30+00' from platform.schemas where schema_name in ('clinic_made_010', 'clinic_made_020')")
	holder := testkit.Conn(t, s.db.Admin)
	made := ask1[[16]byte](t, s, "select clinic_id from platform.schemas where schema_name = 'clinic_made_040'")
	if _, err := holder.Exec(t.Context(), "select pg_advisory_lock($1)", migrate.LockKey(made)); err != nil {
		t.Fatal(err)
	}
	page := op.do(at, nil)
	want(t, page, 200, []string{"The migrations of 2 clinics failed", "version 99: &lt;it&gt; broke", "41 ms", "Answers 503", `hx-trigger="every 15s"`, "X-Cloister-Passive"})
	rows := regexp.MustCompile(`(alpha|beta|made-\d{3})</span>`).FindAllStringSubmatch(regexp.MustCompile(`(?s)<tbody.*</tbody>`).FindString(page.Body.String()), -1)
	var order []string
	for _, r := range rows {
		order = append(order, r[1])
	}
	if got := strings.Join(order[:min(len(order), 7)], " "); got != "made-010 made-020 made-030 made-035 made-040 made-050 alpha" || len(order) != 50 {
		t.Errorf("%d rows, the first %s", len(order), got)
	}
	for query, c := range map[string]struct{ has, lacks []string }{
		"?state=failed":                {[]string{"Made 10 ", "Made 20 "}, []string{"Made 30 ", "Alpha Clinic"}},
		"?state=behind":                {[]string{"Made 30 ", "Made 35 ", "Answers 503"}, []string{"Made 10 ", "Made 40 "}},
		"?state=running":               {[]string{"Made 40 "}, []string{"Made 30 "}},
		"?state=ahead":                 {[]string{"Made 50 "}, []string{"Made 30 "}},
		"?state=current&q=beta":        {[]string{"Beta Clinic", `value="beta"`, `name="state" value="current"`}, []string{"Alpha Clinic"}},
		"?state=failed&q=beta":         {[]string{"No clinic matches", "Show all"}, []string{"<table"}},
		"?state=%27nothing":            {[]string{"No clinic matches"}, []string{"<table"}},
		"?q=%ff%00":                    {[]string{"Made 10 "}, nil},
		"?after=current%3Amade-095":    {[]string{"Made 96 ", "Back to the first page"}, []string{"Made 95 ", "Made 10 "}},
		"?after=ahead%3Azzz&state=all": {[]string{"No clinic matches"}, nil},
	} {
		want(t, op.do(at+query, nil), 200, c.has, c.lacks...)
	}
	seen, pages := map[string]bool{}, 0
	link := regexp.MustCompile(`href="(/platform/versions\?[^"]*after=[^"]*)"`)
	for here := at; here != "" && pages < 5; pages++ {
		w := op.do(here, nil)
		for _, slug := range regexp.MustCompile(`made-\d{3}</span>`).FindAllString(w.Body.String(), -1) {
			if seen[slug] {
				t.Errorf("%s stands twice", slug)
			}
			seen[slug] = true
		}
		was := here
		here = ""
		for _, to := range link.FindAllStringSubmatch(w.Body.String(), -1) {
			if to := unescape(to[1]); to != was { // one leads here, to refresh it
				here = to
			}
		}
	}
	if pages != 3 || len(seen) != 100 {
		t.Errorf("%d clinics on %d pages", len(seen), pages)
	}
	s.raw(t, "delete from platform.clinics")
	want(t, op.do(at, nil), 200, []string{"There is no clinic yet"}, "<table")
}
