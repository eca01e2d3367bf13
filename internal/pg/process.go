//go:build unix

package pg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postmaster is what a data folder's postmaster.pid says.
type postmaster struct {
	pid   int
	port  int
	ready bool
}

// readPostmaster returns the zero value when there is no such file.
func readPostmaster(data string) postmaster {
	raw, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return postmaster{}
	}
	// One fact a line: 1 process, 4 port, 8 state.
	lines := strings.Split(string(raw), "\n")
	at := func(i int) string {
		if i < len(lines) {
			return strings.TrimSpace(lines[i])
		}
		return ""
	}
	pid, _ := strconv.Atoi(at(0)) // 0 when it is only half written
	port, _ := strconv.Atoi(at(3))
	return postmaster{pid: pid, port: port, ready: at(7) == "ready"}
}

// alive reports whether the process exists and is a Postgres: after a crash of
// the machine its number may belong to anyone.
func (p postmaster) alive() bool {
	if !alive(p.pid) {
		return false
	}
	name := command(p.pid)
	return name == "postgres" || name == "postmaster"
}

func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// command is the name of the program that a process runs, "" for a process
// that has ended and waits to be collected.
func command(pid int) string {
	out, err := exec.Command("ps", "-o", "stat=,comm=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	f := strings.Fields(string(out))
	if len(f) < 2 || strings.HasPrefix(f[0], "Z") {
		return ""
	}
	return filepath.Base(f[1])
}

func readPID(file string) int {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
	return pid
}

// halt stops a postmaster: SIGINT ends its sessions in order; if that takes
// too long SIGQUIT ends them at once, and the next start recovers.
func halt(pid int, patience time.Duration) error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, patience}, {syscall.SIGQUIT, 10 * time.Second}} {
		if err := syscall.Kill(pid, step.signal); errors.Is(err, syscall.ESRCH) {
			return nil
		} else if err != nil {
			return fmt.Errorf("stop Postgres (process %d): %w", pid, err)
		}
		if waitGone(pid, step.wait) {
			return nil
		}
	}
	return fmt.Errorf("Postgres (process %d) does not stop", pid)
}

func waitGone(pid int, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if !alive(pid) {
			return true
		}
	}
	// One of our own children that nobody has collected counts as gone.
	return command(pid) == ""
}

// lock holds the home folder for the moments of starting and stopping. The
// kernel drops it when the process dies.
func lock(home string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(home, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", home, err)
	}
	return func() { _ = f.Close() }, nil
}
