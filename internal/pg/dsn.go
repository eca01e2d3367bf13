//go:build unix

package pg

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Login returns the connection string with another user and password. Both
// forms, postgres://… and keyword=value, are understood and keep their form.
func Login(dsn, user, password string) (string, error) {
	return rewrite(dsn, func(u *url.URL) {
		u.User = url.UserPassword(user, password)
	}, "user", user, "password", password)
}

// Database returns the connection string with another database.
func Database(dsn, name string) (string, error) {
	return rewrite(dsn, func(u *url.URL) {
		u.Path, u.RawPath = "/"+name, ""
	}, "dbname", name)
}

func rewrite(dsn string, edit func(*url.URL), pairs ...string) (string, error) {
	if _, err := pgx.ParseConfig(dsn); err != nil {
		return "", fmt.Errorf("connection string: %w", hidden(err))
	}
	if !isURL(dsn) {
		var b strings.Builder
		b.WriteString(dsn)
		for i := 0; i < len(pairs); i += 2 {
			fmt.Fprintf(&b, " %s=%s", pairs[i], quoted(pairs[i+1])) // the last of two wins
		}
		return strings.TrimSpace(b.String()), nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("connection string: %w", hidden(err))
	}
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		q.Del(pairs[i]) // a parameter would win over the part we set
		if pairs[i] == "dbname" {
			q.Del("database")
		}
	}
	u.RawQuery = q.Encode()
	edit(u)
	return u.String(), nil
}

// Describe names the place a connection string leads to, without secrets:
// host:port/database as user.
func Describe(dsn string) string {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "an unreadable connection string"
	}
	return fmt.Sprintf("%s/%s as %s", net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.Database, c.User)
}

// hidden drops a parse error's text, which quotes the string and with it the
// password.
func hidden(error) error { return fmt.Errorf("not a Postgres URL or keyword=value list") }

func isURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

func quoted(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}
