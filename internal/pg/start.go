//go:build unix

package pg

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// startRetrying starts the server. Two failures pass by themselves: the free
// port was taken in between, and processes of a server that was killed have
// not all noticed yet.
func (s *Server) startRetrying(ctx context.Context, c Config, who account) error {
	var err error
	for try := 0; try < 20; try++ {
		if s.Port, err = s.choosePort(c, try); err != nil {
			return err
		}
		var said []byte
		if said, err = s.start(ctx, c, who); err == nil {
			return os.WriteFile(filepath.Join(s.Home, "port"), []byte(strconv.Itoa(s.Port)), 0o600)
		}
		passing := bytes.Contains(said, []byte("shared memory block")) ||
			c.Port == 0 && bytes.Contains(said, []byte("could not bind"))
		if !passing || ctx.Err() != nil {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return err
}

// choosePort keeps the port of the run before while it is free, so that a
// connection string that somebody noted stays good.
func (s *Server) choosePort(c Config, try int) (int, error) {
	if c.Port != 0 {
		return c.Port, nil
	}
	if kept := readPID(filepath.Join(s.Home, "port")); kept != 0 && try == 0 {
		if p, err := listen(kept); err == nil {
			return p, nil
		}
	}
	return listen(0)
}

func listen(port int) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// start runs the server once and waits until it is ready. On failure it also
// returns what the server wrote to its log.
func (s *Server) start(ctx context.Context, c Config, who account) (said []byte, err error) {
	log, err := openLog(s.Log())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	from, err := log.Seek(0, 2)
	if err != nil {
		return nil, err
	}
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.Port)}
	for _, v := range settings(c) {
		args = append(args, "-c", v)
	}
	cmd := who.command(s.Home, filepath.Join(c.Binaries.Dir, "postgres"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	for {
		if p := readPostmaster(s.data()); p.pid == cmd.Process.Pid && p.ready {
			s.exited, s.process = exited, p.pid
			return nil, nil
		}
		select {
		case <-exited:
			said, _ := readFrom(s.Log(), from)
			return said, fmt.Errorf("Postgres did not start: %s (see %s)", complaint(said), s.Log())
		case <-ctx.Done():
			_ = halt(cmd.Process.Pid, 5*time.Second)
			<-exited
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// openLog begins a new file when the old one has grown, and keeps the old one.
func openLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > 16<<20 {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

func readFrom(path string, offset int64) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil || int64(len(raw)) < offset {
		return nil, err
	}
	return raw[offset:], nil
}

// complaint is the line of a server's log that says why it gave up.
func complaint(said []byte) string {
	for _, line := range strings.Split(string(said), "\n") {
		if _, what, ok := strings.Cut(line, "FATAL:"); ok {
			return strings.TrimSpace(what)
		}
	}
	if len(said) == 0 {
		return "it said nothing"
	}
	return lastLine(said)
}
