//go:build unix

package pg

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Who uses a server is written down as one file a process, named by its id.
// The last to leave stops the server, and a guardian, a few lines of shell in a
// session of its own, does so for those who died without leaving. It needs
// nothing but a shell, so that a test binary, which `go test` deletes while it
// runs, can start it too.
//
// The guardian raises the flag "stopping" before it looks a last time, and a
// newcomer signs in before it looks at the flag: one of the two always sees
// the other.
const guardian = `
home=$1 post=$2 grace=$3 idle=0
used() {
  for f in "$home"/users/*; do
    [ -e "$f" ] || continue
    if kill -0 "${f##*/}" 2>/dev/null; then return 0; fi
    rm -f "$f"
  done
  return 1
}
trap '' HUP INT
while kill -0 "$post" 2>/dev/null; do
  sleep 1
  if used; then idle=0; continue; fi
  idle=$((idle + 1))
  [ "$idle" -gt "$grace" ] || continue
  : >"$home/stopping"
  if used; then rm -f "$home/stopping"; idle=0; continue; fi
  kill -INT "$post"
  while kill -0 "$post" 2>/dev/null; do sleep 0.1; done
done
rm -f "$home/stopping" "$home/guardian"
`

// signIn writes this process down as a user and waits out a stop under way.
func signIn(home string) error {
	dir := filepath.Join(home, "users")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(userFile(home), nil, 0o600); err != nil {
		return err
	}
	flag := filepath.Join(home, "stopping")
	for deadline := time.Now().Add(30 * time.Second); exists(flag); time.Sleep(20 * time.Millisecond) {
		if !alive(readPID(filepath.Join(home, "guardian"))) {
			return os.Remove(flag) // its raiser was killed
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("a server in %s takes more than 30 s to stop", home)
		}
	}
	return nil
}

// signOut reports whether nobody else is left.
func signOut(home string) (last bool, err error) {
	if err := os.Remove(userFile(home)); err != nil && !os.IsNotExist(err) {
		return false, err
	}
	entries, err := os.ReadDir(filepath.Join(home, "users"))
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && alive(pid) {
			return false, nil
		}
	}
	return true, nil
}

// guard starts the guardian of a running server, unless it has one.
func guard(home string, postmaster int, grace time.Duration) error {
	file := filepath.Join(home, "guardian")
	if alive(readPID(file)) {
		return nil
	}
	c := exec.Command("/bin/sh", "-c", guardian, "cloister-guardian", home,
		strconv.Itoa(postmaster), strconv.Itoa(int(grace/time.Second)))
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start the guardian: %w", err)
	}
	go func() { _ = c.Wait() }() // reaps it; if we go first, init does
	return os.WriteFile(file, []byte(strconv.Itoa(c.Process.Pid)), 0o600)
}

// dismiss ends the guardian of a server that was stopped in the regular way.
func dismiss(home string) {
	file := filepath.Join(home, "guardian")
	if pid := readPID(file); alive(pid) && command(pid) == "sh" {
		_ = syscall.Kill(pid, syscall.SIGTERM) // it may have gone by itself just now
	}
	_ = os.Remove(file)
}

func userFile(home string) string {
	return filepath.Join(home, "users", strconv.Itoa(os.Getpid()))
}
