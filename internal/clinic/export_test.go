package clinic

import (
	"testing"

	"github.com/cloister-health/cloister/internal/apperr"
)

// ReadHours checks that hours which are taken come back as the same hours.
func ReadHours(t *testing.T, text string) {
	var p apperr.Problems
	b := checkHours(&p, Hours{"mon": text})
	if p.Err() != nil {
		return
	}
	shown := showHours(b)["mon"]
	if again := showHours(checkHours(&p, Hours{"mon": shown}))["mon"]; again != shown || p.Err() != nil {
		t.Errorf("%q is shown as %q and read back as %q", text, shown, again)
	}
}
