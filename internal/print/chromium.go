//go:build unix

package print

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/go-rod/rod/lib/cdp"
	"github.com/go-rod/rod/lib/proto"
)

// programs are the names of Chromium, in the order in which they are tried. The
// shell, where a system has it, draws the same at half the cost.
var programs = []string{
	"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
	"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

// find gives the Chromium to start, the named one if any.
func find(named string) (string, error) {
	if named != "" {
		p, err := exec.LookPath(named)
		if err != nil {
			return "", errors.Join(ErrNoBrowser, err)
		}
		return p, nil
	}
	for _, n := range programs {
		if p, err := exec.LookPath(n); err == nil {
			return p, nil
		}
	}
	return "", ErrNoBrowser
}

// flags of a browser that draws documents and does nothing else. The resolver
// knows no host and the proxy is nobody: should a request ever get past the
// check of each (see tab.answer), it ends there.
var flags = []string{
	"--headless", "--remote-debugging-pipe", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
	"--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-default-apps", "--disable-breakpad", "--disable-dev-shm-usage",
	"--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--renderer-process-limit=2", "--disable-features=Translate,MediaRouter",
	"--font-render-hinting=none", "--hide-scrollbars", "--mute-audio",
	"--window-size=64,64", // nobody looks at it, and what is shown has to be painted
}

// chromium is one process of the browser with its tabs.
type chromium struct {
	cmd    *exec.Cmd
	client *cdp.Client
	folder string
	down   chan struct{} // closed when the process has ended
	mu     sync.Mutex
	tabs   map[proto.TargetSessionID]*tab
	drawn  int // documents
	users  int // tabs at work
	old    bool
}

// start starts a browser in a folder of its own. It talks through two pipes, so
// nobody else on the machine can.
func start(ctx context.Context, program, parent string) (_ *chromium, err error) {
	folder, err := os.MkdirTemp(parent, "cloister-print-")
	if err != nil {
		return nil, fmt.Errorf("print: a folder for the browser: %w", err)
	}
	toChild, ours, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	theirs, fromChild, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, toChild.Close(), ours.Close(), os.RemoveAll(folder))
	}
	args := append([]string{"--user-data-dir=" + folder}, flags...)
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // Chromium's own refuses root
	}
	cmd := exec.Command(program, args...) //nolint:gosec // the operator's own program
	cmd.ExtraFiles = []*os.File{toChild, fromChild}
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_CONFIG_HOME="+folder, "XDG_CACHE_HOME="+folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its helpers end with it
	err = cmd.Start()
	_ = toChild.Close()
	_ = fromChild.Close()
	if err != nil {
		return nil, errors.Join(err, ours.Close(), theirs.Close(), os.RemoveAll(folder))
	}
	b := &chromium{cmd: cmd, folder: folder, down: make(chan struct{}), tabs: map[proto.TargetSessionID]*tab{}}
	b.client = cdp.New().Start(&pipe{r: bufio.NewReaderSize(theirs, 1<<16), w: ours})
	go b.listen()
	go func() {
		_ = cmd.Wait()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind
		_ = ours.Close()
		_ = theirs.Close()
		_ = os.RemoveAll(folder)
		close(b.down)
	}()
	if _, err := (proto.BrowserGetVersion{}).Call(call{ctx, b.client, ""}); err != nil {
		b.kill()
		return nil, fmt.Errorf("print: the browser does not answer: %w", err)
	}
	return b, nil
}

// kill ends the browser with all its helpers and waits for it.
func (b *chromium) kill() {
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
	<-b.down
}

// ended tells whether the process is gone.
func (b *chromium) ended() bool {
	select {
	case <-b.down:
		return true
	default:
		return false
	}
}

// listen gives each tab its events. It must not wait for anything: answers come
// by the same pipe.
func (b *chromium) listen() {
	for e := range b.client.Event() {
		b.mu.Lock()
		t := b.tabs[proto.TargetSessionID(e.SessionID)]
		b.mu.Unlock()
		if t != nil {
			t.event(e)
		}
	}
}

// pipe carries the browser's protocol: messages that end in a zero byte.
type pipe struct {
	r  *bufio.Reader
	mu sync.Mutex
	w  io.Writer
}

// Send writes one message.
func (p *pipe) Send(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.w.Write(append(b, 0))
	return err
}

// Read gives the next message.
func (p *pipe) Read() ([]byte, error) {
	b, err := p.r.ReadBytes(0)
	if err != nil {
		return nil, err
	}
	return b[:len(b)-1], nil
}

// call is a place to which a command of the protocol goes.
type call struct {
	ctx     context.Context
	client  *cdp.Client
	session proto.TargetSessionID
}

// Call sends one command and waits for its result.
func (c call) Call(ctx context.Context, session, method string, params any) ([]byte, error) {
	return c.client.Call(ctx, session, method, params)
}

// GetSessionID is the tab's, empty for the browser itself.
func (c call) GetSessionID() proto.TargetSessionID { return c.session }

// GetContext bounds the command.
func (c call) GetContext() context.Context { return c.ctx }

// answerTime bounds what is asked of the browser beside a document.
const answerTime = 10 * time.Second
