package browser_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/testkit"
)

// program is the product, built for these tests.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cloister-program-")
	if err == nil {
		program, err = build(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build uses the flags that the tests were built with themselves: under the race
// detector the service runs under it too.
func build(dir string) (string, error) {
	path := filepath.Join(dir, "cloister")
	args := []string{"build", "-o", path}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "-race", "-trimpath", "-ldflags":
				args = append(args, s.Key+"="+s.Value)
			}
		}
	}
	if out, err := exec.Command("go", append(args, "../../cmd/cloister")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return path, nil
}

// service is a demo in a process of its own, at one address in all its lives.
type service struct {
	env  []string
	base string // its address, known after the first start
	said string // the file that it writes to
	cmd  *exec.Cmd
}

// newService is one on the database of an administrator, not yet started. Each
// visitor comes from an address of their own, which is why the test's address is
// trusted to say so.
func newService(t testing.TB, admin string) *service {
	t.Helper()
	return &service{
		env: append(os.Environ(), "DATABASE_URL="+admin, "CLOISTER_MASTER_KEY="+base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_STATE_DIR="+t.TempDir(),
			"PORT=0", "CLOISTER_POOL_CONNECTIONS=8", "CLOISTER_TRUSTED_PROXIES=127.0.0.0/8"),
		said: filepath.Join(t.TempDir(), "said"),
	}
}

var isReady = regexp.MustCompile(`Cloister is ready: (http://\S+:(\d+))`)

func (s *service) start() error {
	said, err := os.OpenFile(s.said, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer said.Close()
	s.cmd = exec.Command(program, "demo")
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, said, said
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if s.base == "" {
			m := isReady.FindStringSubmatch(s.output())
			if m == nil {
				continue
			}
			s.base, s.env = m[1], append(s.env, "PORT="+m[2])
		}
		if res, err := http.Get(s.base + "/readyz"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return errors.Join(errors.New("the service is not ready in a minute: "+s.output()), s.kill())
}

// stop ends it as Ctrl-C does.
func (s *service) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	late := time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("a stop ended with %w: %s", err, s.output())
	}
	return nil
}

// kill ends it as a lost machine does.
func (s *service) kill() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = s.cmd.Wait() // a killed process tells no more
	return nil
}

func (s *service) output() string {
	raw, _ := os.ReadFile(s.said) // there is none before the first start
	return string(raw)
}
