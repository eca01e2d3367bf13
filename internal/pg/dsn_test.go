//go:build unix

package pg

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestRewrittenConnectionStrings(t *testing.T) {
	t.Parallel()
	const password = `p@ss/w:o?r d'\%`
	for _, dsn := range []string{
		"postgres://root:secret@db.example:5433/one?sslmode=disable&application_name=x",
		"postgresql://db.example:5433/one?user=root&password=secret&sslmode=disable&application_name=x",
		"postgres://db.example:5433/?dbname=one&sslmode=disable&application_name=x",
		"host=db.example port=5433 user=root password=secret dbname=one sslmode=disable application_name=x",
	} {
		got, err := Login(dsn, "cloister_app", password)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if got, err = Database(got, "two words"); err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		c, err := pgx.ParseConfig(got)
		if err != nil {
			t.Errorf("%s: %v", got, err)
			continue
		}
		if c.User != "cloister_app" || c.Password != password || c.Database != "two words" ||
			c.Host != "db.example" || c.Port != 5433 || c.RuntimeParams["application_name"] != "x" {
			t.Errorf("%s became %s", dsn, got)
		}
		if d := Describe(got); d != "db.example:5433/two words as cloister_app" {
			t.Errorf("described as %s", d)
		}
	}
}

func TestNoErrorTellsThePassword(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"postgres://root:hunter2@[::1/x", "postgres://root:hunter2@127.0.0.1:1/x?connect_timeout=5", "host=127.0.0.1 port=x password=hunter2"} {
		_, err := Connect(t.Context(), dsn)
		var ce *ConnectError
		if !errors.As(err, &ce) {
			t.Errorf("%v is no ConnectError", err)
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), "hunter2") {
				t.Errorf("told the password: %v", e)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("more than a line: %v", err)
		}
	}
}

func TestConnectErrorsSayWhatToMend(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{State: folder(t), Throwaway: true})
	absent, err := Database(s.DSN(), "absent")
	if err != nil {
		t.Fatal(err)
	}
	for dsn, want := range map[string]string{
		absent: "there is no database of that name",
		"postgres://x:y@127.0.0.1:1/z?sslmode=disable":     "connection refused",
		"postgres://x:y@no.invalid:5432/z?sslmode=disable": "host name is unknown",
	} {
		if _, err := Connect(t.Context(), dsn); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", Describe(dsn), err)
		}
	}
}
