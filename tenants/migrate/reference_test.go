package migrate_test

import (
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// The public lists are loaded when they differ from the program's, and left
// alone when they don't.
func TestReferenceListsFollowTheProgram(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	m, err := migrate.New(migrate.Config{Admin: w.Admin, Migrator: w.Migrator, Keys: testkit.Master(t)})
	if err != nil {
		t.Fatal(err)
	}
	conn := testkit.Conn(t, w.Admin)
	state := func() (loaded time.Time, codes, made int) {
		t.Helper()
		err := conn.QueryRow(t.Context(), `select loaded_at, (select count(*) from platform.icd10), (select count(*) from platform.icd10 where title = 'Made up')
			from platform.reference_lists where name = 'icd10'`).Scan(&loaded, &codes, &made)
		if err != nil {
			t.Fatal(err)
		}
		return loaded, codes, made
	}
	before, codes, _ := state()
	if _, err := m.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, _, _ := state(); !after.Equal(before) || codes < 40_000 {
		t.Errorf("loaded again at %v after %v, %d codes", after, before, codes)
	}
	// An older program's list: one code that is gone, one that is missing.
	w.Exec(t, "update platform.reference_lists set digest = 'older'; delete from platform.icd10 where code = 'I10'; insert into platform.icd10 values ('Z99.9X', 'Made up', null)")
	if _, err := m.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, now, made := state(); !after.After(before) || now != codes || made != 0 {
		t.Errorf("after another list: loaded at %v, %d codes of %d, %d made up", after, now, codes, made)
	}
}
