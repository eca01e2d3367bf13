//go:build unix

package pg

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// folder is a state folder that the server's account can enter: the ones of
// t.TempDir are closed to it when the tests run as root.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cloister-pg-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func found(t *testing.T) Binaries {
	t.Helper()
	b, err := Find(t.Context(), Lookup{Dir: os.Getenv("CLOISTER_PG_BIN"), NodeModules: []string{"../../tools/postgres/node_modules"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func begin(t *testing.T, c Config) *Server {
	t.Helper()
	if c.Binaries.Dir == "" {
		c.Binaries = found(t)
	}
	s, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Halt(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func ask(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var v string
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func write(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestServerKeepsItsDataAndPort(t *testing.T) {
	t.Parallel()
	c := Config{State: folder(t), Throwaway: true}
	s := begin(t, c)
	write(t, s.DSN(), "create table kept as select 7 as n")
	port, process := s.Port, s.process
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if alive(process) {
		t.Fatal("the server still runs after the last user left")
	}
	if exists(filepath.Join(s.Home, "guardian")) {
		t.Error("the guardian was left behind")
	}

	started := time.Now()
	s = begin(t, c)
	took := time.Since(started)
	t.Logf("second start: %v", took)
	if took > 3*time.Second {
		t.Errorf("the second start took %v", took)
	}
	if s.Port != port || s.Reused {
		t.Errorf("port %d, reused %v; before %d", s.Port, s.Reused, port)
	}
	if got := ask(t, s.DSN(), "select n::text from kept"); got != "7" {
		t.Errorf("n = %s", got)
	}
}

func TestServerIsPrivate(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{State: folder(t)})
	for setting, want := range map[string]string{
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "password_encryption": "scram-sha-256",
		"fsync": "on", "full_page_writes": "on", "log_min_error_statement": "panic", "server_encoding": "UTF8",
	} {
		if got := ask(t, s.DSN(), "show "+setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	if got := ask(t, s.DSN(), "select datcollate from pg_database where datname = current_database()"); got != "C" {
		t.Errorf("text is ordered by %s, not by its bytes", got)
	}
	if got := ask(t, s.DSN(), "select (regexp_match('मराठी','\\w'))[1]"); got != "म" {
		t.Errorf("a Devanagari letter is no letter: %q", got)
	}
	wrong, err := Login(s.DSN(), AdminUser, "wrong")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Connect(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "refuses this user or password") {
		t.Errorf("a wrong password: %v", err)
	}
	for _, f := range []string{"password", "postgres.log"} {
		info, err := os.Stat(filepath.Join(s.Home, f))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, info.Mode().Perm())
		}
	}
	if os.Geteuid() == 0 {
		info, err := os.Stat(filepath.Join(s.Home, "data"))
		if err != nil {
			t.Fatal(err)
		}
		if info.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Error("the data belongs to root")
		}
	}
}

func TestServerIsSharedAndStoppedByTheLast(t *testing.T) {
	t.Parallel()
	c := Config{State: folder(t), Throwaway: true}
	other := exec.Command("sleep", "600") // stands for another process that uses the server
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	first := begin(t, c)
	if err := os.WriteFile(filepath.Join(first.Home, "users", strconv.Itoa(other.Process.Pid)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second := begin(t, c)
	if !second.Reused || second.process != first.process {
		t.Errorf("the second start did not reuse the server")
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	if !alive(first.process) {
		t.Fatal("the server stopped under its other user")
	}
	// The other dies without a word: the guardian stops the server.
	_ = other.Process.Kill()
	_ = other.Wait()
	if !waitGone(first.process, 20*time.Second) {
		t.Error("the guardian did not stop an unused server")
	}
}

func TestServerRecoversFromACrash(t *testing.T) {
	t.Parallel()
	c := Config{State: folder(t)}
	s := begin(t, c)
	write(t, s.DSN(), "create table kept as select 7 as n")
	if err := syscall.Kill(s.process, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	if !exists(filepath.Join(s.data(), "postmaster.pid")) {
		t.Fatal("a killed server cleaned up after itself")
	}
	s = begin(t, c)
	if got := ask(t, s.DSN(), "select n::text from kept"); got != "7" {
		t.Errorf("n = %s", got)
	}
}

func TestServerIgnoresAStalePID(t *testing.T) {
	t.Parallel()
	c := Config{State: folder(t), Throwaway: true}
	s := begin(t, c)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	// After a crash of the machine the number belongs to somebody else, here to us.
	stale := fmt.Sprintf("%d\n%s\n1\n%d\n\n127.0.0.1\n\nready\n", os.Getpid(), s.data(), s.Port)
	if err := os.WriteFile(filepath.Join(s.data(), "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if s = begin(t, c); s.Reused {
		t.Error("took this test for a server")
	}
}

func TestServerTakesAnotherPortWhenItsOwnIsTaken(t *testing.T) {
	t.Parallel()
	c := Config{State: folder(t), Throwaway: true}
	s := begin(t, c)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if again := begin(t, c); again.Port == s.Port {
		t.Error("kept a port that is taken")
	}
	// A port that was asked for is another matter: nobody would look elsewhere.
	taken := Config{State: folder(t), Binaries: found(t), Throwaway: true, Port: l.Addr().(*net.TCPAddr).Port}
	if s, err := Start(t.Context(), taken); err == nil {
		_ = s.Halt()
		t.Error("started on a taken port")
	} else if !strings.Contains(err.Error(), "Postgres did not start") {
		t.Errorf("error: %v", err)
	}
}

func TestServerSurvivesTheTerminalsInterrupt(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{State: folder(t), Throwaway: true})
	group, err := syscall.Getpgid(s.process)
	if err != nil {
		t.Fatal(err)
	}
	if ours := syscall.Getpgrp(); group == ours {
		t.Error("the server shares our process group, and so the terminal's Ctrl-C")
	}
}

func TestServerOutOfReachOfItsAccount(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // only root's server runs as somebody else
	}
	closed := folder(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(closed, "state")
	home, err := outsideHome(state)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	s := begin(t, Config{State: state, Throwaway: true})
	if s.Home != home || !strings.HasPrefix(home, "/var/lib/cloister/") {
		t.Errorf("home is %s", s.Home)
	}
	if err := Remove(state); err == nil || !strings.Contains(err.Error(), "still running") {
		t.Errorf("removed under a running server: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := Remove(state); err != nil {
		t.Fatal(err)
	}
	if exists(s.Home) {
		t.Error("the files are still there")
	}
	if err := os.MkdirAll(filepath.Join(s.Home, "users"), 0o711); err != nil { // for the Halt of the test's end
		t.Fatal(err)
	}
}

// The other tests name whole paths; make run doesn't. Not parallel: the working
// directory is the process'.
func TestServerInARelativeFolder(t *testing.T) {
	dir := folder(t)
	b := found(t)
	t.Chdir(dir)
	s := begin(t, Config{State: ".state", Binaries: b, Throwaway: true})
	if want := filepath.Join(dir, ".state", "postgres"); s.Home != want {
		t.Errorf("home is %s, want %s", s.Home, want)
	}
}

func TestInterruptedInitdbStartsOver(t *testing.T) {
	t.Parallel()
	state := folder(t)
	part := filepath.Join(state, "postgres", "data.part")
	if err := os.MkdirAll(part, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(part, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := begin(t, Config{State: state, Throwaway: true})
	if got := ask(t, s.DSN(), "select 1::text"); got != "1" {
		t.Errorf("got %s", got)
	}
}

func TestDataOfAnotherVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := Config{State: folder(t), Binaries: found(t), Throwaway: true}
	s := begin(t, c)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	c.Binaries.Version++
	if _, err := Start(t.Context(), c); err == nil || !strings.Contains(err.Error(), "CLOISTER_PG_BIN") {
		t.Errorf("error: %v", err)
	}
}
