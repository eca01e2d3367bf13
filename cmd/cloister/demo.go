package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/cloister-health/cloister/internal/demo"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

// demoDatabase is the database of the private server.
const demoDatabase = "cloister"

func newDemo(env []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run it all on this machine: a private Postgres, two made-up clinics, the service and its worker",
		Long: `Runs everything that a first look needs and keeps its data in the state folder
(CLOISTER_STATE_DIR). With DATABASE_URL the clinics are made there instead of in
a private Postgres. Everybody in the demo has the same known password, so it is
never for real patients.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			log, closeLog := newLog(c, cmd.ErrOrStderr())
			defer closeLog() //nolint:errcheck // nothing is left to tell it to
			return runDemo(cmd.Context(), c, cmd.OutOrStdout(), log)
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "reset",
		Short: "Drop the private Postgres with all its data, the demo's master key and its mails",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			return resetDemo(c, cmd.OutOrStdout())
		},
	})
	return cmd
}

// runDemo takes the port first, so that a second demo, or anything else on the
// port, is told before any work; then the database, the clinics and the
// service. Whatever it started has ended when it returns.
func runDemo(ctx context.Context, c config, out io.Writer, log *logrus.Logger) (err error) {
	l, err := listener(c)
	if err != nil {
		return err
	}
	defer l.Close() // the server closes it too, once it has it
	c.Port = l.Addr().(*net.TCPAddr).Port
	c.Development = true
	if c.MasterKey == "" && c.MasterKeyFile == "" {
		if c.MasterKeyFile, err = demoKey(c.State); err != nil {
			return err
		}
	}
	if c.DatabaseURL == "" {
		server, err := privateServer(ctx, &c, out)
		if err != nil {
			return interrupted(ctx, err)
		}
		defer func() {
			if stopped := server.Stop(); stopped != nil {
				log.WithError(stopped).Error("stop the private Postgres")
			}
		}()
	}
	return interrupted(ctx, demoOn(ctx, c, l, out, log))
}

// demoOn runs the demo on a database that is there.
func demoOn(ctx context.Context, c config, l net.Listener, out io.Writer, log *logrus.Logger) error {
	mig, m, err := newMigrator(c)
	if err != nil {
		return err
	}
	if err := demoMigrate(ctx, mig, out); err != nil {
		return err
	}
	s, _, err := openProvision(ctx, c)
	if err != nil {
		return err
	}
	defer s.Close()
	filled, err := fillDemo(ctx, c, m, s, log)
	if err != nil {
		return err
	}
	w, err := newWork(ctx, c, s, m, log) // whole before anybody is told that all is ready
	if err != nil {
		return err
	}
	defer w.files.close()
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error {
		return serve(ctx, c, l, log, func() { welcome(out, c.baseURL(), filled) })
	})
	both.Go(func() error { return w.work(ctx, demoSpares, workerRound) })
	return both.Wait()
}

// demoSpares is enough to see a clinic made at once.
const demoSpares = 1

// interrupted says in plain words that a start was given up.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return errors.New("stopped before it was ready")
	}
	return err
}

// demoKey is the file of the demo's master key, made once. It is the owner's
// alone to read.
func demoKey(state string) (string, error) {
	if err := os.MkdirAll(state, 0o755); err != nil {
		return "", err
	}
	file := filepath.Join(state, "master.key")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return file, nil
	}
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(f, keys.Generate()+"\n")
	return file, errors.Join(err, f.Close())
}

// privateServer starts the state folder's Postgres and points the
// configuration at its database.
func privateServer(ctx context.Context, c *config, out io.Writer) (*pg.Server, error) {
	b, err := findPostgres(ctx, *c)
	if err != nil {
		return nil, err
	}
	server, err := pg.Start(ctx, pg.Config{State: c.State, Binaries: b})
	if err != nil {
		return nil, err
	}
	dsn, err := ensureDatabase(ctx, server.DSN())
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	fmt.Fprintf(out, "Private Postgres %d on 127.0.0.1:%d\n", b.Version, server.Port)
	c.DatabaseURL, c.AppURL, c.MigratorURL = secret(dsn), "", ""
	return server, nil
}

// ensureDatabase makes the demo's database when it is missing.
func ensureDatabase(ctx context.Context, admin string) (string, error) {
	conn, err := pg.Connect(ctx, admin)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", demoDatabase).Scan(&there); err != nil {
		return "", err
	}
	if !there {
		if _, err := conn.Exec(ctx, "create database "+pgx.Identifier{demoDatabase}.Sanitize()+" template template0"); err != nil {
			return "", err
		}
	}
	return pg.Database(admin, demoDatabase)
}

func demoMigrate(ctx context.Context, mig *migrate.Migrator, out io.Writer) error {
	if _, err := mig.Bootstrap(ctx); err != nil {
		return wrongKey(err)
	}
	r, err := mig.Up(ctx, migrate.Options{Workers: 2})
	if err != nil {
		return err
	}
	if r.Migrated > 0 {
		fmt.Fprintf(out, "%d clinics migrated\n", r.Migrated)
	}
	return migrationError(r)
}

// fillDemo makes what is missing of the clinics, with a few connections of its
// own that are gone before the service opens its pool.
func fillDemo(ctx context.Context, c config, m *keys.Master, s *provision.Service, log *logrus.Logger) (demo.Result, error) {
	dsn, err := c.appURL(m)
	if err != nil {
		return demo.Result{}, err
	}
	db, err := tenants.Open(ctx, tenants.Config{DSN: dsn, ScopeKey: m.ScopeKey(), KeyID: keys.KeyID, Log: log, Pool: tenants.PoolConfig{MaxConns: 2}})
	if err != nil {
		return demo.Result{}, reachable(ctx, dsn, err)
	}
	defer db.Close()
	return demo.Fill(ctx, demo.Config{Provision: s, DB: db, Keys: m})
}

// welcome tells where it is and who can sign in.
func welcome(out io.Writer, base string, r demo.Result) {
	var text bytes.Buffer // one write, so that nothing of the log gets between
	fmt.Fprintf(&text, "\nCloister is ready: %s\n\n", base)
	rows := [][]string{{"SIGN IN AT", "AS", "USER", "NAME"}}
	for _, s := range r.SignIns {
		at := base + "/platform/login"
		if s.Clinic != "" {
			at = base + "/clinic/" + s.Clinic + "/login"
		}
		rows = append(rows, []string{at, strings.ReplaceAll(string(s.Role), "_", " "), s.User, s.Name})
	}
	_ = printTable(&text, rows) // memory takes all
	fmt.Fprintf(&text, "\nEverybody's password: %s\nCtrl-C stops everything; make reset drops the data.\n\n", demo.Password)
	_, _ = text.WriteTo(out) // a terminal that is gone
}

func resetDemo(c config, out io.Writer) error {
	if c.DatabaseURL != "" {
		return usageError{errors.New("DATABASE_URL is set: only a private server's data is dropped, never somebody's database")}
	}
	if c.FilesURL == "" {
		if err := os.RemoveAll(filepath.Join(c.State, filesFolder)); err != nil {
			return err
		}
	}
	if err := pg.Remove(c.State); err != nil {
		return err
	}
	for _, name := range []string{"master.key", "mail"} {
		if err := os.RemoveAll(filepath.Join(c.State, name)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "the demo's data in %s is gone\n", c.State)
	return err
}
