package browser_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
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
	args := []string{"build", "-o", path, "-ldflags=-s -w"}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" || s.Key == "-trimpath" {
				args = append(args, s.Key+"="+s.Value)
			}
		}
	}
	if out, err := exec.Command("go", append(args, "../../cmd/cloister")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return path, nil
}

// watch opens what the program is built from. The tests import none of it, and go
// test keeps their result for as long as the files that they opened stay as they are.
func watch(t *testing.T) {
	t.Helper()
	for _, folder := range []string{"cmd", "db", "internal", "tenants"} {
		err := filepath.WalkDir(filepath.Join("..", "..", folder), func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case e.Name() == "node_modules":
				return fs.SkipDir
			case !e.Type().IsRegular():
				return nil
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			return f.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// service is a demo in a process of its own, at one address in all its lives.
type service struct {
	env     []string
	base    string // its address, known after the first start
	said    string // the file that it writes to
	process *os.Process
	ended   chan struct{} // closed when the process has
	err     error         // how it ended
}

// newService is one on the database of an administrator, not yet started. Each
// visitor comes from an address of their own, which is why the test's address is
// trusted to say so.
func newService(t *testing.T, admin string) *service {
	t.Helper()
	watch(t)
	return &service{
		env: append(os.Environ(), "DATABASE_URL="+admin, "CLOISTER_MASTER_KEY="+base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_STATE_DIR="+t.TempDir(),
			"PORT=0", "CLOISTER_POOL_CONNECTIONS=8", "CLOISTER_TRUSTED_PROXIES=127.0.0.0/8"),
		said: filepath.Join(t.TempDir(), "said"),
	}
}

var isReady = regexp.MustCompile(`Cloister is ready: (http://\S+:(\d+))`)

// start returns when the service answers.
func (s *service) start() error {
	said, err := os.OpenFile(s.said, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer said.Close()
	cmd := exec.Command(program, "demo")
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, said, said
	if err := cmd.Start(); err != nil {
		return err
	}
	s.process, s.ended = cmd.Process, make(chan struct{})
	go func() {
		defer close(s.ended)
		s.err = cmd.Wait()
	}()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		select {
		case <-s.ended:
			return fmt.Errorf("the service ended (%w) before it was ready: %s", s.err, s.output())
		case <-time.After(20 * time.Millisecond):
		}
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
	if err := s.process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	select {
	case <-s.ended:
		return s.err
	case <-time.After(time.Minute):
		return errors.Join(errors.New("the service does not stop"), s.kill())
	}
}

// kill ends it as a lost machine does.
func (s *service) kill() error {
	if err := s.process.Kill(); err != nil {
		return err
	}
	<-s.ended
	return nil
}

func (s *service) output() string {
	raw, _ := os.ReadFile(s.said) // there is none before the first start
	return string(raw)
}
