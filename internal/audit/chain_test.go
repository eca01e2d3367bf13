package audit_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/audit"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// Each way to falsify a trail is tried on the database and, by an export, offline.
func TestFalsifiedTrailsAreFoundAndLocated(t *testing.T) {
	t.Parallel()
	falsify(t, open(t))
}

// The registry's own trail, of what was done to clinics, stands under the same.
func TestFalsifiedRegistryTrailsAreFoundAndLocated(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.registry = true
	falsify(t, w)
}

func falsify(t *testing.T, w *world) {
	w.sealed(t) // what is seeded
	var rows [3]uuid.UUID
	for i := range rows {
		if w.registry { // in a clinic the row that tells of the seal before stands here
			w.write(t, fmt.Sprint("before ", i))
		}
		rows[i] = w.write(t, fmt.Sprintf("of seal %d, naïve \"quotes\"", i+2))
		if n := w.sealed(t); n != 2 {
			t.Fatalf("seal %d covers %d rows", i+2, n)
		}
	}
	if r := w.whole(t); r.Seals != 4 || !w.registry && r.Unsealed != 1 {
		t.Fatalf("%+v", r)
	}
	own := func(sql string) string { return sql }
	if w.registry {
		own = strings.NewReplacer("clinic_alpha", "platform", "outcome, ", "", "record_id, patient_id,", "record_id,", "patient_id", "clinic_id",
			"select clinic_id, '018f0000-0000-7000-8000-00000000ffff'", "select '018f0000-0000-7000-8000-00000000ffff', clinic_id").Replace
	}
	r := audit.NewReader(w.admin)
	heads, err := r.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const copied = "insert into clinic_alpha.trail select clinic_id, '018f0000-0000-7000-8000-00000000ffff', at, xact, actor, actor_role, request_id, address, reason, action, outcome, entity, record_id, patient_id, before, after from clinic_alpha.trail where id = '%s'"
	put := uuid.MustParse("018f0000-0000-7000-8000-00000000ffff")
	rehash := ` set hash = sha256('cloister seal 1'::bytea || int8send(number) || int8send((extract(epoch from sealed_at) * 1000000)::bigint) || previous || rows) where number = `
	for _, c := range []struct {
		name, sql string
		want      []string
	}{
		{"a value changed", fmt.Sprintf(`update clinic_alpha.trail set after = '{"display_notice": "x"}' where id = '%s'`, rows[0]), []string{at(audit.RowChanged, 2, rows[0])}},
		{"an actor changed", fmt.Sprintf(`update clinic_alpha.trail set actor = 'user:x' where id = '%s'`, rows[1]), []string{at(audit.RowChanged, 3, rows[1])}},
		{"a null made empty", fmt.Sprintf(`update clinic_alpha.trail set patient_id = id where id = '%s'`, rows[1]), []string{at(audit.RowChanged, 3, rows[1])}},
		{"a text moved to the next field", fmt.Sprintf(`update clinic_alpha.trail set address = request_id, request_id = address where id = '%s'`, rows[1]), []string{at(audit.RowChanged, 3, rows[1])}},
		{"a row removed", fmt.Sprintf(`delete from clinic_alpha.trail where id = '%s'`, rows[0]), []string{at(audit.RowRemoved, 2, rows[0])}},
		{"a row put in", fmt.Sprintf(copied, rows[0]), []string{at(audit.RowInserted, 2, put)}},
		{"a row exchanged", fmt.Sprintf(copied+"; delete from clinic_alpha.trail where id = '%[1]s'", rows[0]), []string{at(audit.RowInserted, 2, put), at(audit.RowRemoved, 2, rows[0])}},
		{"rows reordered", fmt.Sprintf(`update clinic_alpha.trail t set xact = o.xact from clinic_alpha.trail o where t.id in ('%[1]s', '%[2]s') and o.id in ('%[1]s', '%[2]s') and o.id <> t.id`, rows[0], rows[1]),
			[]string{at(audit.RowChanged, 2, rows[0]), at(audit.RowChanged, 3, rows[1])}},
		{"a seal's rows changed", "update clinic_alpha.seals set rows = set_byte(rows, 20, get_byte(rows, 20) # 1) where number = 3", []string{"seal changed, seal 3"}},
		{"a seal's rows changed and its hash made anew", "update clinic_alpha.seals set rows = set_byte(rows, 20, get_byte(rows, 20) # 1) where number = 3; update clinic_alpha.seals" + rehash + "3", []string{"seal does not follow the one before, seal 4"}},
		{"a seal's time changed", "update clinic_alpha.seals set sealed_at = sealed_at - interval '1 day' where number = 2", []string{"seal changed, seal 2"}},
		{"a seal's end changed", "update clinic_alpha.seals set last_id = id where number = 2", []string{"seal changed, seal 2"}},
		{"a seal removed", "delete from clinic_alpha.seals where number = 2", []string{"seal removed, seal 2", at(audit.RowInserted, 3, rows[0])}},
		{"seals exchanged", "update clinic_alpha.seals set number = -number where number in (2, 3)", nil},
		{"the tail cut off", fmt.Sprintf("delete from clinic_alpha.seals where number = 4; delete from clinic_alpha.trail where id >= '%s'", rows[2]), []string{"chain cut off, seal 4"}},
		{"the whole chain cut off", "delete from clinic_alpha.seals; delete from clinic_alpha.trail", []string{"chain cut off, seal 1"}},
		{"the last seal made anew", fmt.Sprintf(`delete from clinic_alpha.trail where id = '%s'; update clinic_alpha.seals set rows = substr(rows, 1, 48), last_id = encode(substr(rows, 1, 16), 'hex')::uuid where number = 4; update clinic_alpha.seals`, rows[2]) + rehash + "4",
			[]string{"chain is not the one of the exported head, seal 4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.force(t, own("create temp table was as table clinic_alpha.trail; create temp table sealed as table clinic_alpha.seals"))
			if c.want == nil {
				w.force(t, own("alter table clinic_alpha.seals drop constraint seals_number_check; "+c.sql+"; update clinic_alpha.seals set number = 5 + number where number < 0"))
				c.want = []string{"seal does not follow the one before, seal 2", "seal changed, seal 2", "seal does not follow the one before, seal 3", "seal changed, seal 3", "seal does not follow the one before, seal 4"}
			} else {
				w.force(t, own(c.sql))
			}
			found := w.verify(t, heads)
			for _, want := range c.want {
				if !slices.ContainsFunc(found.Findings, func(f audit.Finding) bool { return f.String() == want }) {
					t.Errorf("%q is not among %v", want, found.Findings)
				}
			}
			b := &bytes.Buffer{}
			if err := r.Export(t.Context(), w.slug(), b); err != nil {
				t.Fatal(err)
			}
			if offline, err := audit.VerifyExport(b, heads); err != nil || fmt.Sprint(offline) != fmt.Sprint(found) {
				t.Errorf("offline: %v, %v", offline, err)
			}
			w.force(t, own("delete from clinic_alpha.trail; insert into clinic_alpha.trail table was; delete from clinic_alpha.seals; insert into clinic_alpha.seals table sealed; drop table was, sealed"))
		})
	}
	w.whole(t)
}

func at(k audit.Kind, seal int64, row uuid.UUID) string {
	return audit.Finding{Kind: k, Seal: seal, Row: &row}.String()
}

// A transaction that began before others and commits after a seal is sealed later.
func TestLateCommitsAreNotLost(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.sealed(t)
	late := w.kit.AsActor(t, testkit.Alpha, access.Doctor, testkit.ActorOf(access.Doctor))
	if _, err := late.Exec(t.Context(), "select platform.record_view('patients', $1, $1)", testkit.Asha); err != nil {
		t.Fatal(err)
	}
	w.write(t, "early")
	if n := w.seal(t); n > 1 {
		t.Fatalf("%d rows were sealed before an older transaction ended", n)
	}
	w.whole(t)
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.sealed(t); n < 2 {
		t.Fatalf("%d rows were sealed", n)
	}
	if r := w.whole(t); r.Unsealed != 1 {
		t.Errorf("%d rows were left", r.Unsealed)
	}
	if n := w.sealed(t); n != 0 {
		t.Errorf("%d rows of nothing but seals were sealed", n)
	}
}

// Several sealers and writers at once make one chain without gap or fork.
func TestSealersAtOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.force(t, `insert into clinic_alpha.trail (clinic_id, id, at, xact, actor, actor_role, action, entity)
		select '`+testkit.Alpha.ID.String()+`', gen_random_uuid(), now(), pg_current_xact_id(), 'system:x', 'x', 'view', 'patients' from generate_series(1, 2500)`)
	ctx := scope(t.Context(), access.System, tenants.SystemID("seal"), access.Jobs)
	var work sync.WaitGroup
	for range 3 {
		work.Go(func() {
			for range 8 {
				if _, err := audit.SealAll(ctx, w.db); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 10 {
		w.write(t, fmt.Sprintf("%d", i))
	}
	work.Wait()
	w.sealed(t)
	if r := w.whole(t); r.Sealed < 2510 || r.Unsealed > r.Seals { // the rows that tell of seals
		t.Errorf("%+v", r)
	}
}

func TestOnlyTheWorkerSeals(t *testing.T) {
	t.Parallel()
	w := open(t)
	if _, err := audit.SealAll(scope(t.Context(), access.User, testkit.ClinicAdmin, access.ClinicAdmin), w.db); apperr.CodeOf(err) != apperr.Forbidden {
		t.Error(err)
	}
	for _, r := range []access.Role{access.ClinicAdmin, access.Doctor, access.Patient} {
		for _, f := range []string{"seal_trail()", "seal_registry()", "seal_rows('platform', gen_random_uuid())", "lift_chain('platform', gen_random_uuid())", "trail_number('platform', gen_random_uuid())"} {
			if _, err := w.kit.As(t, testkit.Alpha, r).Exec(t.Context(), "select platform."+f); err == nil {
				t.Errorf("%s calls %s", r, f)
			}
		}
	}
}

func TestDamagedExportsAreRefused(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.sealed(t)
	b := &bytes.Buffer{}
	if err := audit.NewReader(w.admin).Export(t.Context(), testkit.Alpha.Slug, b); err != nil {
		t.Fatal(err)
	}
	whole := b.String()
	lines := strings.SplitAfter(whole, "\n")
	for name, text := range map[string]string{"nothing": "", "no JSON": "hello", "cut in a line": whole[:len(whole)-20], "without its end": strings.Join(lines[:len(lines)-2], ""),
		"a line less": lines[0] + strings.Join(lines[2:], ""), "another format": `{"format":"x"}`, "a seal behind rows": strings.Join(lines[:len(lines)-2], "") + lines[1]} {
		if _, err := audit.VerifyExport(strings.NewReader(text), audit.Heads{}); apperr.CodeOf(err) != apperr.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
