package platform

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Isolation is what the last check of the walls between clinics found.
type Isolation struct {
	Verdict                 string // clean, found or unknown
	Database, Server        string
	At                      time.Time
	Took                    time.Duration
	Clinics, Objects, Rules int
	Findings                []IsolationFinding // worst first
	Gaps                    []string           // what could not be checked, and why
	File                    []byte             // the whole as a page of one file, to keep and print
}

// IsolationFinding is one object at which a rule was broken. Its texts are those
// of the report, for who mends it.
type IsolationFinding struct {
	Rule, Severity, Title, Object, Clinic, Reason, Evidence, Mend string
}

// Auditor checks the walls with the auditor's own login: the operators' session
// can read no catalog rule, and should not.
type Auditor func(context.Context) (Isolation, error)

// ErrNoAuditor is a service that was not told the auditor's login.
var ErrNoAuditor = errors.New("no auditor's login is set")

// ErrUnchecked is an auditor that could not look; why is in the log.
var ErrUnchecked = errors.New("the walls could not be checked")

// Walls keeps the last check of the walls. One check runs at a time; who asks
// meanwhile gets its result.
type Walls struct {
	check Auditor
	turn  sync.Mutex
	mu    sync.Mutex
	last  *Isolation
}

// NewWalls makes it; check is nil where no auditor's login is set.
func NewWalls(check Auditor) *Walls { return &Walls{check: check} }

// Last is the last check of this process; nil for none yet. Codes: forbidden.
// Errors: ErrNoAuditor.
func (w *Walls) Last(ctx context.Context) (*Isolation, error) {
	if err := allow(ctx); err != nil {
		return nil, err
	}
	if w.check == nil {
		return nil, ErrNoAuditor
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last, nil
}

// Check checks the walls now. Codes: forbidden. Errors: ErrNoAuditor, ErrUnchecked.
func (w *Walls) Check(ctx context.Context) error {
	before, err := w.Last(ctx)
	if err != nil {
		return err
	}
	w.turn.Lock()
	defer w.turn.Unlock()
	if now, _ := w.Last(ctx); now != before {
		return nil // another's check was under way
	}
	got, err := w.check(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = &got
	return nil
}
