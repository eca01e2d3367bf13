package audit_test

import (
	"testing"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// far is how far the numbers of the server that wrote the rows were ahead.
const far = "1000000000000"

// elsewhere has rows of the trail be those of a server whose transactions have
// far higher numbers: two under a seal, and one that is not.
func (w *world) elsewhere(t *testing.T) {
	t.Helper()
	w.sealed(t)
	w.force(t, "update platform.chains set base = "+far)
	w.write(t, "there")
	w.sealed(t)
	w.write(t, "there, and not sealed")
}

// goesOn writes, seals and verifies.
func (w *world) goesOn(t *testing.T) {
	t.Helper()
	for _, note := range []string{"here", "here again"} {
		w.write(t, note)
		w.sealed(t)
	}
	r := w.whole(t)
	if left := 1; !w.registry && r.Unsealed != left || w.registry && r.Unsealed != 0 {
		t.Errorf("%d rows are left", r.Unsealed)
	}
}

// A whole database that was loaded into a new server, whose numbers begin anew:
// the chain goes on, whoever comes first.
func TestAChainGoesOnOnANewServer(t *testing.T) {
	t.Parallel()
	for name, registry := range map[string]bool{"a clinic's": false, "the registry's": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			w.registry = registry
			w.elsewhere(t)
			w.force(t, "update platform.chains set base = 0")
			w.goesOn(t) // a writer comes first
			w.force(t, "update platform.chains set base = 0")
			w.sealed(t) // the sealer does
			w.goesOn(t)
			w.force(t, "delete from platform.chains") // what a dump of an older program has
			w.sealed(t)
			w.goesOn(t)
		})
	}
}

// Who writes beside the one that lifts the base waits, and stands behind it.
func TestWritersMeetOnANewServer(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.elsewhere(t)
	w.force(t, "update platform.chains set base = 0")
	// One that began before the base was lifted, and writes later.
	late := w.kit.As(t, testkit.Alpha, access.ClinicAdmin)
	if _, err := late.Exec(t.Context(), "select 1"); err != nil {
		t.Fatal(err)
	}
	first := w.kit.As(t, testkit.Alpha, access.ClinicAdmin)
	w.note(t, first, "first")
	wrote := make(chan error, 1)
	go func() {
		_, err := late.Exec(t.Context(), "select platform.record_view('patients', $1, $1)", testkit.Asha)
		wrote <- err
	}()
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if n := w.seal(t); n > 4 {
		t.Errorf("%d rows were sealed before an older transaction ended", n)
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.sealed(t)
	w.goesOn(t)
}
