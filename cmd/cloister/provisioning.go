package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

// newMigrator builds the migrator; the administrator's connection is taken along
// when there is one, and only `migrate up` needs it.
func newMigrator(c config, edit ...func(*migrate.Config)) (*migrate.Migrator, *keys.Master, error) {
	m, err := c.master()
	if err != nil {
		return nil, nil, err
	}
	dsn, err := c.migratorURL(m)
	if err != nil {
		return nil, nil, err
	}
	app, err := c.appURL(m)
	if err != nil {
		return nil, nil, err
	}
	conf := migrate.Config{Admin: string(c.DatabaseURL), Migrator: dsn, App: app, Keys: m, Passwords: c.passwords(m)}
	for _, e := range edit {
		e(&conf)
	}
	mig, err := migrate.New(conf)
	return mig, m, err
}

// openProvision connects as the migrator.
func openProvision(ctx context.Context, c config) (*provision.Service, *keys.Master, error) {
	mig, m, err := newMigrator(c)
	if err != nil {
		return nil, nil, err
	}
	dsn, err := c.migratorURL(m)
	if err != nil {
		return nil, nil, err
	}
	s, err := provision.Open(ctx, provision.Config{DSN: dsn, Keys: m, Migrator: mig})
	return s, m, wrongKey(err)
}

// wrongKey makes a wrong master key what it is: a wrong environment.
func wrongKey(err error) error {
	if errors.Is(err, keys.ErrWrong) {
		return &configError{[]string{err.Error()}}
	}
	return err
}

// withProvision runs a command's work with the service open.
func withProvision(ctx context.Context, env []string, fn func(*provision.Service, *keys.Master, config) error) error {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	s, m, err := openProvision(ctx, c)
	if err != nil {
		return err
	}
	defer s.Close()
	return flagged(fn(s, m, c))
}

// flagged renames the fields of an invalid input to the flags they came from.
func flagged(err error) error {
	var e *apperr.Error
	if !errors.As(err, &e) || e.Code != apperr.Invalid || len(e.Fields) == 0 {
		return err
	}
	out := *e
	out.Text, out.Fields = "", make([]apperr.Field, len(e.Fields))
	for i, f := range e.Fields {
		f.Name = "--" + strings.ReplaceAll(f.Name, "_", "-")
		out.Fields[i] = f
	}
	return &out
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printTable writes rows in columns; the first row is the head.
func printTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		if _, err := fmt.Fprintln(t, strings.TrimRight(strings.Join(r, "\t"), "\t ")); err != nil {
			return err
		}
	}
	return t.Flush()
}

// day writes a date as the screens do; empty for none.
func day(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format("2 Jan 2006")
}
