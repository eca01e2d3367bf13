package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/keys"
)

func TestLogins(t *testing.T) {
	t.Parallel()
	text := keys.Generate()
	m, err := keys.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	derived := m.DatabasePassword(appLogin)
	for _, c := range []struct{ name, env, want string }{
		{"from the administrator's", "DATABASE_URL=postgres://root:secret@db:5433/c", "cloister_app " + derived + " db c"},
		{"with a set password", "DATABASE_URL=host=db dbname=c user=root CLOISTER_APP_PASSWORD=set", "cloister_app set db c"},
		{"its own, whole", "DATABASE_URL=postgres://root:secret@db/c CLOISTER_APP_URL=postgres://me:mine@other/d", "me mine other d"},
		{"its own, without a password", "CLOISTER_APP_URL=postgres://cloister_app@other/d", "cloister_app " + derived + " other d"},
	} {
		vars := strings.Fields(c.env)
		if strings.Contains(c.env, "host=db") {
			vars = []string{"DATABASE_URL=host=db dbname=c user=root", "CLOISTER_APP_PASSWORD=set"}
		}
		conf, err := loadConfig(vars)
		if err != nil {
			t.Fatal(err)
		}
		dsn, err := conf.appURL(m)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		p, err := pgx.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join([]string{p.User, p.Password, p.Host, p.Database}, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestMissingOrUnreadableLoginsAreConfigurationErrors(t *testing.T) {
	t.Parallel()
	m, err := keys.Parse(keys.Generate())
	if err != nil {
		t.Fatal(err)
	}
	for _, env := range [][]string{nil, {"DATABASE_URL=postgres://u:hunter2@[::/x"}} {
		c, err := loadConfig(env)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.migratorURL(m)
		var ce *configError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), "CLOISTER_MIGRATOR_URL") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: %v", env, err)
		}
	}
	bare, err := loadConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bare.master(); exitCode(err) != exitConfig {
		t.Errorf("no master key: %v", err)
	}
	if _, err := bare.adminURL(); exitCode(err) != exitConfig {
		t.Errorf("no DATABASE_URL: %v", err)
	}
}
