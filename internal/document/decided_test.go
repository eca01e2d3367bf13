package document

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/internal/apperr"
)

// A file may be taken away at once only when no row can have been written.
func TestDecided(t *testing.T) {
	t.Parallel()
	pg := func(code string) error { return fmt.Errorf("write: %w", &pgconn.PgError{Code: code}) }
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false}, {io.ErrUnexpectedEOF, false}, {context.DeadlineExceeded, false}, {errors.New("lost"), false},
		{pg("57P01"), false}, {pg("08006"), false}, {pg("XX000"), false}, {pg(""), true},
		{pg("23514"), true}, {pg("42501"), true}, {pg("CL402"), true}, {pg("40001"), true}, {apperr.New(apperr.Conflict, "", "x"), true},
		{apperr.Wrap(apperr.Internal, "", "x", pg("57014")), false},
	} {
		if got := decided(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
