//go:build unix

package pg

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Config says what server to run.
type Config struct {
	State     string        // folder that the server's own folder is made in
	Binaries  Binaries      // from Find
	Port      int           // 0: the port of the run before if it is free, else a free one
	Throwaway bool          // no fsync: for tests, whose data may be lost
	Grace     time.Duration // how long the server outlives a user that left or died; whole seconds
	Settings  []string      // more settings, name=value; they win over ours
}

// Server is a running private server that this process has signed in to.
type Server struct {
	Home    string // the folder with its data, log, password and port
	Port    int
	Reused  bool // it was already running
	pass    string
	keep    bool // leave the stop to the guardian
	exited  chan struct{}
	process int
}

// Start makes the server's files when there are none, starts it unless it is
// running, and waits until it answers. A server whose last owner crashed is
// taken over; one that crashed itself recovers. Several processes may start
// the same one; it stops when the last of them calls Stop or dies.
func Start(ctx context.Context, c Config) (*Server, error) {
	who, err := serverAccount()
	if err != nil {
		return nil, err
	}
	home, err := who.home(c.State)
	if err != nil {
		return nil, fmt.Errorf("the server's folder: %w", err)
	}
	unlock, err := lock(home)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := signIn(home); err != nil {
		return nil, err
	}
	s := &Server{Home: home, keep: c.Grace > 0}
	if err := s.launch(ctx, c, who); err != nil {
		_, _ = signOut(home)
		return nil, err
	}
	return s, nil
}

func (s *Server) launch(ctx context.Context, c Config, who account) error {
	var err error
	if c.Binaries, err = who.reachable(c.Binaries, s.Home); err != nil {
		return err
	}
	if err := s.initialise(c, who); err != nil {
		return err
	}
	running, err := s.settled(ctx)
	if err != nil {
		return err
	}
	if running.ready {
		s.Reused, s.Port, s.process = true, running.port, running.pid
	} else if err := s.startRetrying(ctx, c, who); err != nil {
		return err
	}
	conn, err := Connect(ctx, s.DSN())
	if err != nil {
		return err
	}
	if err := conn.Close(ctx); err != nil {
		return err
	}
	return guard(s.Home, s.process, c.Grace)
}

// DSN is the superuser's connection string; make others with Login and Database.
func (s *Server) DSN() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(AdminUser, s.pass),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), Path: "/postgres", RawQuery: "sslmode=disable"}
	return u.String()
}

// Log is the file that the server writes to.
func (s *Server) Log() string { return filepath.Join(s.Home, "postgres.log") }

func (s *Server) data() string { return filepath.Join(s.Home, "data") }

// Stop signs this process out and, when it was the last and no grace was asked
// for, stops the server and waits until it is gone.
func (s *Server) Stop() error {
	unlock, err := lock(s.Home)
	if err != nil {
		return err
	}
	defer unlock()
	last, err := signOut(s.Home)
	if err != nil || !last || s.keep {
		return err
	}
	return s.halt()
}

// Halt stops the server whoever else uses it.
func (s *Server) Halt() error {
	unlock, err := lock(s.Home)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := signOut(s.Home); err != nil {
		return err
	}
	return s.halt()
}

func (s *Server) halt() error {
	p := readPostmaster(s.data())
	if p.alive() {
		if err := halt(p.pid, 15*time.Second); err != nil {
			return err
		}
	}
	if s.exited != nil {
		<-s.exited
	}
	dismiss(s.Home)
	return nil
}

// initialise makes password and data folder. It makes the data under another
// name and renames it when it is whole, so that a start that was interrupted
// leaves nothing that looks like a database.
func (s *Server) initialise(c Config, who account) error {
	passFile := filepath.Join(s.Home, "password")
	if raw, err := os.ReadFile(passFile); err == nil {
		s.pass = strings.TrimSpace(string(raw))
	}
	if exists(filepath.Join(s.data(), "PG_VERSION")) {
		if s.pass == "" {
			return fmt.Errorf("%s is missing: restore it, or drop the server's data with `make reset`", passFile)
		}
		return s.checkVersion(c)
	}
	random := make([]byte, 24)
	_, _ = rand.Read(random) // documented never to fail
	s.pass = hex.EncodeToString(random)
	part := s.data() + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.Mkdir(part, 0o700); err != nil {
		return err
	}
	if err := who.own(part); err != nil {
		return err
	}
	if err := s.initdb(c, who, part); err != nil {
		return err
	}
	if err := os.WriteFile(passFile, []byte(s.pass+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(part, s.data())
}

// initdb tries the character classes in order: names in Hindi are letters only
// to a Unicode-aware one, and each system spells it differently. The order of
// text is always that of its bytes, which indexes can use.
func (s *Server) initdb(c Config, who account, data string) error {
	// The account must be able to read the password, and initdb wants a file.
	pwfile := filepath.Join(s.Home, "initdb-password")
	if err := os.WriteFile(pwfile, []byte(s.pass+"\n"), 0o600); err != nil {
		return err
	}
	defer os.Remove(pwfile)
	if err := who.own(pwfile); err != nil {
		return err
	}
	var out []byte
	var err error
	for _, ctype := range []string{"C.UTF-8", "en_US.UTF-8", "UTF-8"} {
		args := []string{"--pgdata", data, "--username", AdminUser, "--pwfile", pwfile, "--auth", "scram-sha-256",
			"--encoding", "UTF8", "--locale", "C", "--lc-ctype", ctype, "--no-instructions"}
		if c.Throwaway {
			args = append(args, "--no-sync")
		}
		cmd := who.command(s.Home, filepath.Join(c.Binaries.Dir, "initdb"), args...)
		if out, err = cmd.CombinedOutput(); err == nil {
			return nil
		}
		if !bytes.Contains(out, []byte("locale")) {
			break
		}
	}
	return fmt.Errorf("initdb: %s (%w)", lastLine(out), err)
}

// checkVersion refuses data of another major version, which this server could
// not read.
func (s *Server) checkVersion(c Config) error {
	raw, err := os.ReadFile(filepath.Join(s.data(), "PG_VERSION"))
	if err != nil {
		return err
	}
	if v := strings.TrimSpace(string(raw)); v != strconv.Itoa(c.Binaries.Version) {
		return fmt.Errorf("the data in %s is of Postgres %s and the server found is %d: set CLOISTER_PG_BIN to a %s, or drop the data with `make reset`",
			s.data(), v, c.Binaries.Version, v)
	}
	return nil
}

// settled looks for a server that already runs on the data and waits until it
// has made up its mind: the answer is a ready one or none at all.
func (s *Server) settled(ctx context.Context) (postmaster, error) {
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		p := readPostmaster(s.data())
		if p.pid == 0 {
			return postmaster{}, nil
		}
		if !p.alive() {
			// Postgres itself refuses when the number now belongs to another
			// process of its user, so the file of a dead one goes.
			if err := os.Remove(filepath.Join(s.data(), "postmaster.pid")); err != nil && !os.IsNotExist(err) {
				return p, err
			}
			return postmaster{}, nil
		}
		if p.ready {
			return p, nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return p, err
		}
	}
	return postmaster{}, fmt.Errorf("Postgres in %s neither becomes ready nor stops; its log is %s", s.data(), s.Log())
}

// settings are the server's, in the form name=value.
func settings(c Config) []string {
	all := []string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "cluster_name=cloister",
		"password_encryption=scram-sha-256", "ssl=off", "max_connections=120",
		// A transaction that makes or drops clinics locks every table of theirs.
		"max_locks_per_transaction=1024",
		"shared_buffers=256MB", "jit=off", "timezone=UTC", "log_timezone=UTC",
	}
	if runtime.GOOS == "linux" {
		// After a crash one call syncs the disk; file by file thousands of
		// clinics take minutes.
		all = append(all, "recovery_init_sync_method=syncfs")
	}
	if c.Throwaway {
		all = append(all, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal",
			"max_wal_senders=0", "autovacuum=off", "max_wal_size=256MB", "checkpoint_timeout=1h", "max_connections=300")
	} else {
		// Statements and details of errors quote what people typed; the log
		// is no place for patients' values.
		all = append(all, "log_min_error_statement=panic", "log_parameter_max_length_on_error=0", "log_error_verbosity=terse")
	}
	return append(all, c.Settings...)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
