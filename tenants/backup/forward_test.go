package backup_test

import (
	"slices"
	"testing"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/backup"
	"github.com/cloister-health/cloister/tenants/migrate"
)

func TestAnArchiveOfAnOlderVersionComesForward(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	m, err := migrate.New(migrate.Config{Admin: k.DB.Admin, Migrator: k.Migrator, Keys: testkit.Master(t)})
	if err != nil {
		t.Fatal(err)
	}
	const older = 9
	if err := m.DownTo(t.Context(), older, true); err != nil {
		t.Fatal(err)
	}
	file, out := k.export(t, "alpha", backup.ExportOptions{})
	if out.Header.Migration != older {
		t.Fatalf("the archive is of version %d", out.Header.Migration)
	}
	if _, err := m.Up(t.Context(), migrate.Options{}); err != nil {
		t.Fatal(err)
	}
	r, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{As: "forward"})
	if err != nil {
		t.Fatal(err)
	}
	if v := value[int64](t, k.admin, "select version from platform.schemas where clinic_id = $1", r.ID); v != m.Target() || r.Version != v {
		t.Errorf("it is at version %d", v)
	}
	if again, err := m.Up(t.Context(), migrate.Options{}); err != nil || again.Pending != 0 {
		t.Errorf("%d are behind after it, %v", again.Pending, err)
	}
	k.audited(t)
	d, err := k.Diff(t.Context(), open(file), "forward", backup.VerifyOptions{}, nil)
	if err != nil || !d.Equal() || len(d.Apart) == 0 {
		t.Errorf("%+v, %v", d, err)
	}
	k.change(t, "", "insert into "+value[string](t, k.admin, "select schema_name from platform.schemas where clinic_id = $1", r.ID)+
		".reminders (id, appointment_id, patient_id, doctor_id, starts_at, tried_at) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), now())")
	d, err = k.Diff(t.Context(), open(file), "forward", backup.VerifyOptions{}, nil)
	if i := slices.IndexFunc(d.Apart, func(a backup.Apart) bool { return a.Table == "reminders" }); err != nil || d.Equal() || i < 0 || d.Apart[i].Archive != nil || *d.Apart[i].Clinic != 1 {
		t.Errorf("with a row where the archive has no table: %+v, %v", d.Apart, err)
	}
	if _, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{Replace: true, Confirm: "alpha"}); err != nil || !k.routes(t, "alpha") {
		t.Errorf("in its own place: %v", err)
	}
}
