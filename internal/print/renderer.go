//go:build unix

package print

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/apperr"
)

// Config of a Renderer; its zero value is ready for use.
type Config struct {
	Program   string        // Chromium; one that can be found if empty
	Folder    string        // for the browser's files, the system's if empty
	Tabs      int           // documents drawn at once, 2
	Wait      time.Duration // for a place when all are at work, 10 s
	Timeout   time.Duration // of one document, 15 s; then the browser counts as hung
	Documents int           // after which a browser is replaced, 500: what it holds only grows
	Keep      time.Duration // of a drawn page that no other follows, 3 s; to let go of it at once costs the next a third of its time
	Log       *logrus.Logger
}

// Renderer makes PDF files. The browser is started by the first document and
// kept; one that hangs or dies is replaced.
type Renderer struct {
	conf   Config
	places chan struct{}

	queues sync.Mutex
	lines  map[string]*line

	mu      sync.Mutex
	now     *chromium
	idle    []*tab // of now
	closed  bool
	started int
	all     sync.WaitGroup
}

// startTime bounds the start of a browser, which a busy machine makes long.
const startTime = 30 * time.Second

var (
	errEnded  = errors.New("print: the browser has ended")
	errHung   = errors.New("print: the browser did not finish in time")
	errClosed = errors.New("print: the renderer is closed")
)

// New makes a Renderer; it starts nothing.
func New(c Config) *Renderer {
	if c.Tabs == 0 {
		c.Tabs = 2
	}
	if c.Wait == 0 {
		c.Wait = 10 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if c.Documents == 0 {
		c.Documents = 500
	}
	if c.Keep == 0 {
		c.Keep = 3 * time.Second
	}
	if c.Log == nil {
		c.Log = logrus.StandardLogger()
	}
	return &Renderer{conf: c, places: make(chan struct{}, c.Tabs), lines: map[string]*line{}}
}

// Available tells whether there is a browser to use; the error says what to install.
func (r *Renderer) Available() error {
	_, err := find(r.conf.Program)
	return err
}

// PDF draws the document and gives the file.
//
// Errors: Unavailable, when there is no browser, when all places stay taken, or
// when the document did not get done in time.
func (r *Renderer) PDF(ctx context.Context, d Document) ([]byte, error) {
	program, err := find(r.conf.Program)
	if err != nil {
		return nil, err
	}
	leave, err := r.queue(ctx, d.For)
	if err != nil {
		return nil, err
	}
	defer leave()
	for try := 1; ; try++ {
		out, err := r.once(ctx, program, d)
		switch {
		case err == nil:
			return out, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, errRefused) || errors.Is(err, errClosed):
			return nil, err
		case errors.Is(err, errHung) || try == 2:
			return nil, apperr.Wrap(apperr.Unavailable, "error.pdf.failed", "The PDF could not be made; try again, or print the page", err)
		}
		r.conf.Log.WithError(err).Warn("The browser that draws documents failed; another is started")
	}
}

// once draws the document in one browser.
func (r *Renderer) once(ctx context.Context, program string, d Document) ([]byte, error) {
	t, err := r.take(ctx, program)
	if err != nil {
		return nil, err
	}
	limit, cancel := context.WithTimeoutCause(ctx, r.conf.Timeout, errHung)
	defer cancel()
	out, err := t.pdf(limit, &d)
	if err != nil && context.Cause(limit) != nil {
		err = context.Cause(limit)
	}
	r.give(t, err == nil || errors.Is(err, errRefused))
	return out, err
}

// take gives a tab of the browser, which it starts if there is none.
func (r *Renderer) take(ctx context.Context, program string) (*tab, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, errHung)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	if b := r.now; b != nil && (b.ended() || b.drawn >= r.conf.Documents) {
		b.old, r.now, r.idle = true, nil, nil
		if b.users == 0 {
			r.end(b)
		}
	}
	if r.now == nil {
		b, err := start(ctx, program, r.conf.Folder)
		if err != nil {
			return nil, err
		}
		r.now = b
		r.started++
		r.all.Add(1)
	}
	b := r.now
	b.drawn++
	b.users++
	if n := len(r.idle); n > 0 {
		t := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return t, nil
	}
	t, err := b.open(ctx)
	if err != nil {
		b.users--
		b.old, r.now, r.idle = true, nil, nil
		r.end(b)
		return nil, fmt.Errorf("print: open a tab: %w", err)
	}
	return t, nil
}

// give takes a tab back. A browser in which one failed is ended at once: who
// else draws there gets another try in the next.
func (r *Renderer) give(t *tab, well bool) {
	t.forget()
	r.mu.Lock()
	defer r.mu.Unlock()
	b := t.browser
	b.users--
	switch {
	case !well:
		if r.now == b {
			r.now, r.idle = nil, nil
		}
		if !b.old || b.users == 0 {
			b.old = true
			r.end(b)
		}
	case b.old:
		if b.users == 0 {
			r.end(b)
		}
	default:
		r.idle = append(r.idle, t)
		t.turn++
		turn := t.turn
		time.AfterFunc(r.conf.Keep, func() { r.rest(t, turn) })
	}
}

// rest lets a tab go of the page that it drew, when none came after. It takes a
// place meanwhile, so that no document finds it half gone.
func (r *Renderer) rest(t *tab, turn int) {
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	default: // all are at work, and one may take this tab next
		time.AfterFunc(r.conf.Keep, func() { r.rest(t, turn) })
		return
	}
	r.mu.Lock()
	i := slices.Index(r.idle, t)
	if i < 0 || t.turn != turn {
		r.mu.Unlock()
		return
	}
	r.idle = slices.Delete(r.idle, i, i+1)
	r.mu.Unlock()
	t.clear()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == t.browser && !t.browser.old {
		r.idle = append(r.idle, t)
	}
}

// end ends a browser, once.
func (r *Renderer) end(b *chromium) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tabs == nil {
		return
	}
	b.tabs = nil
	go func() {
		defer r.all.Done()
		b.kill()
	}()
}

// Close ends the browser and refuses further documents.
func (r *Renderer) Close() {
	r.mu.Lock()
	r.closed = true
	if b := r.now; b != nil {
		b.old, r.now, r.idle = true, nil, nil
		r.end(b)
	}
	r.mu.Unlock()
	r.all.Wait()
}
