//go:build unix

package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ConnectError is a connection that didn't come about, told in one line that
// holds no password.
type ConnectError struct {
	Where  string // host:port/database as user
	Reason string
	Cause  error
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("cannot use the database at %s: %s", e.Where, e.Reason)
}

func (e *ConnectError) Unwrap() error { return e.Cause }

// Connect opens one connection and checks the server's version. Every failure
// is a *ConnectError.
func Connect(ctx context.Context, dsn string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, &ConnectError{Where: Describe(dsn), Reason: hidden(err).Error(), Cause: hidden(err)}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, &ConnectError{Where: Describe(dsn), Reason: reason(err), Cause: err}
	}
	v, err := strconv.Atoi(leadingDigits(conn.PgConn().ParameterStatus("server_version")))
	if err != nil || v < MinVersion {
		_ = conn.Close(ctx)
		return nil, &ConnectError{Where: Describe(dsn), Reason: fmt.Sprintf("it runs Postgres %s; version %d or newer is needed",
			conn.PgConn().ParameterStatus("server_version"), MinVersion)}
	}
	return conn, nil
}

// reason tells the usual failures in words that say what to mend.
func reason(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		switch pe.Code {
		case "28P01", "28000":
			return "it refuses this user or password"
		case "3D000":
			return "there is no database of that name"
		case "53300":
			return "it has no connection left"
		case "57P03":
			return "it is starting up or stopping"
		}
		return fmt.Sprintf("%s (SQLSTATE %s)", pe.Message, pe.Code)
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "given up"
	case errors.As(err, &dns):
		return "its host name is unknown"
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return "the connection failed"
}

func leadingDigits(s string) string {
	for i, r := range s {
		if r < '0' || r > '9' {
			return s[:i]
		}
	}
	return s
}
