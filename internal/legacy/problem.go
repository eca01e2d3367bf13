package legacy

import (
	"fmt"
	"strings"

	"github.com/cloister-health/cloister/internal/apperr"
)

// Problem says why a whole file is refused. The set is closed: a caller can
// switch over it.
type Problem string

const (
	Unreadable Problem = "unreadable" // it can't be opened, or is no ordinary file
	TooBig     Problem = "too_big"    // more bytes, rows or text than an older clinic has
	NotSQLite  Problem = "not_sqlite" // no SQLite header
	Truncated  Problem = "truncated"  // shorter than its header says
	Damaged    Problem = "damaged"    // SQLite's own check finds it broken
	InUse      Problem = "in_use"     // locked, or a journal lies beside it
	Foreign    Problem = "foreign"    // SQLite, but not the older system's tables
	Version    Problem = "version"    // the older system's, of a version that isn't known
	Hostile    Problem = "hostile"    // something that the older system never writes
)

// FileError says what is wrong with a file, and where. It holds no value of the
// file.
type FileError struct {
	Problem Problem
	Table   string // empty when it is the whole file
	Row     int64  // the row's id, 0 when none
	Column  string
	Detail  string // a sentence without its full stop
	Cause   error  // for the log
}

// Error gives the place and the detail.
func (e *FileError) Error() string {
	var at []string
	if e.Table != "" {
		at = append(at, "table "+e.Table)
	}
	if e.Row != 0 {
		at = append(at, fmt.Sprintf("row %d", e.Row))
	}
	if e.Column != "" {
		at = append(at, "column "+e.Column)
	}
	if len(at) == 0 {
		return e.Detail
	}
	return strings.Join(at, ", ") + ": " + e.Detail
}

// Unwrap gives the same as one of the service's errors: Unavailable for a file
// in use, else Invalid.
func (e *FileError) Unwrap() error {
	code := apperr.Invalid
	if e.Problem == InUse {
		code = apperr.Unavailable
	}
	return apperr.Wrap(code, "error.import."+string(e.Problem), e.Error(), e.Cause)
}

// wrong makes the error of a whole file.
func wrong(p Problem, cause error, format string, args ...any) *FileError {
	return &FileError{Problem: p, Detail: fmt.Sprintf(format, args...), Cause: cause}
}
