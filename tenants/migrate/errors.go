package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"github.com/cloister-health/cloister/internal/pg"
)

// ByHandError says that the connecting user may not do what must be done once;
// SQL is what someone who may has to run.
type ByHandError struct {
	User     string
	Database string
	Missing  []string // what isn't in place, in words
	SQL      string
}

func (e *ByHandError) Error() string {
	return fmt.Sprintf("the database user %s may not set up this server (%s). Let an administrator run the SQL below in database %s, then start again",
		e.User, strings.Join(e.Missing, "; "), e.Database)
}

// told turns a failed connection into one line without a password.
func told(ctx context.Context, dsn string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var ce *pg.ConnectError
	if errors.As(err, &ce) {
		return ce
	}
	conn, again := pg.Connect(ctx, dsn)
	if again != nil {
		return again
	}
	_ = conn.Close(ctx)
	return err // it can connect, and not as the owner
}

// reasonOf is why a migration failed, in words that may be kept and shown: what
// Postgres says of data itself (class 22) could quote a patient's value.
func reasonOf(err error) string {
	var where string
	var part *goose.PartialError
	if errors.As(err, &part) && part.Failed != nil && part.Failed.Source != nil {
		where = fmt.Sprintf("version %d: ", part.Failed.Source.Version)
	}
	var pe *pgconn.PgError
	switch {
	case errors.As(err, &pe) && strings.HasPrefix(pe.Code, "22"):
		return where + "the clinic's data does not fit (SQLSTATE " + pe.Code + ")"
	case errors.As(err, &pe) && pe.Code == lockNotAvailable:
		return where + "a table or the clinic was in use for too long (SQLSTATE " + pe.Code + ")"
	case errors.As(err, &pe):
		return where + pe.Message + " (SQLSTATE " + pe.Code + ")"
	case errors.Is(err, context.Canceled):
		return where + "stopped"
	}
	return where + err.Error()
}

const (
	lockNotAvailable  = "55P03"
	deadlockDetected  = "40P01"
	insufficientRight = "42501"
	idleInTransaction = "25P03"
	internalError     = "XX000"
)

func sqlState(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}
