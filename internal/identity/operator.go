package identity

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/sessions"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// OperatorCookie is the cookie of an operator's session, sent to PlatformPath only.
const (
	OperatorCookie = "cloister_operator"
	PlatformPath   = "/platform"
)

// operatorIdle is how long an operator's session lives without a sign of life
// (platform.gate_operator_session says the same).
const operatorIdle = 15 * time.Minute

// OperatorSession is a signed-in operator of the platform.
type OperatorSession struct {
	ID         uuid.UUID
	OperatorID uuid.UUID
	Name       string
	Language   string
	Theme      string
	LastSeenAt time.Time
	token      Secret
}

// EndsAt is when the session ends if nothing is done.
func (o OperatorSession) EndsAt() time.Time { return o.LastSeenAt.Add(operatorIdle) }

// In gives the scope of the operator at work.
func (o OperatorSession) In(sc tenants.Scope) tenants.Scope {
	sc.Clinic, sc.Session = nil, o.ID
	sc.Actor = tenants.Actor{Kind: access.Operator, ID: o.OperatorID, Role: access.Platform, Name: o.Name}
	return sc
}

// operator gives the scope of the operator who asks.
func operator(ctx context.Context) (tenants.Scope, error) {
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Actor.Kind != access.Operator || sc.Actor.ID == uuid.Nil {
		return tenants.Scope{}, apperr.New(apperr.Unauthenticated, "error.signed_out", "Sign in first")
	}
	return sc, nil
}

// EnterPlatform is Enter for operators. Their sessions are not remembered
// between requests: they are few.
func (s *Service) EnterPlatform(r *http.Request, sc tenants.Scope) (OperatorSession, bool, error) {
	ctx := r.Context()
	for _, hash := range tokensOf(r, OperatorCookie) {
		o, ok, err := s.findOperator(ctx, hash[:])
		if err != nil {
			return OperatorSession{}, false, err
		}
		if !ok {
			continue
		}
		if passive(r) || time.Since(o.LastSeenAt) < touchAfter {
			return o, true, nil
		}
		var n int64
		err = tenants.PlatformWrite(tenants.WithScope(ctx, o.In(sc)), s.db, func(ctx context.Context, tx *tenants.PlatformTx) (err error) {
			n, err = tx.Q().TouchOperatorSession(ctx, o.ID)
			return err
		})
		o.LastSeenAt = time.Now()
		return o, n == 1, err
	}
	return OperatorSession{}, false, nil
}

func (s *Service) findOperator(ctx context.Context, hash []byte) (OperatorSession, bool, error) {
	var row platformdb.GateOperatorSessionRow
	err := tenants.PlatformGate(ctx, s.db, func(ctx context.Context, tx *tenants.PlatformTx) (err error) {
		row, err = tx.Q().GateOperatorSession(ctx, hash)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return OperatorSession{}, false, nil
	}
	if err != nil {
		return OperatorSession{}, false, err
	}
	return OperatorSession{ID: row.SessionID, OperatorID: row.OperatorID, Name: row.FullName, Language: row.Language,
		Theme: row.Theme, LastSeenAt: row.LastSeenAt}, true, nil
}

// SignInOperator checks an operator's credentials and begins a session. Codes:
// invalid (username, password), unauthenticated, throttled, unavailable.
func (s *Service) SignInOperator(ctx context.Context, c Credentials) (OperatorSession, error) {
	if err := c.check(); err != nil {
		return OperatorSession{}, err
	}
	sc, _ := tenants.ScopeFrom(ctx)
	if err := s.allow(ctx, "platform|"+Household(sc.Address)); err != nil {
		return OperatorSession{}, err
	}
	began := time.Now()
	var row platformdb.GateOperatorSignInRow
	err := tenants.PlatformGate(ctx, s.db, func(ctx context.Context, tx *tenants.PlatformTx) (err error) {
		row, err = tx.Q().GateOperatorSignIn(ctx, c.Login)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return OperatorSession{}, err
	}
	match, _, err := s.verify(ctx, row.PasswordHash, c.Password)
	if err != nil {
		return OperatorSession{}, err
	}
	if !match || !row.Active || row.Resting {
		s.log.WithField("address", sc.Address).Info("An operator's sign-in was refused")
		return OperatorSession{}, s.refuse(ctx, began)
	}
	return s.beginOperator(ctx, sc, row.OperatorID, c.Agent)
}

func (s *Service) beginOperator(ctx context.Context, sc tenants.Scope, operator uuid.UUID, agent string) (OperatorSession, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return OperatorSession{}, err
	}
	token, hash := newToken()
	o := OperatorSession{ID: id, OperatorID: operator}
	err = tenants.PlatformWrite(tenants.WithScope(ctx, o.In(sc)), s.db, func(ctx context.Context, tx *tenants.PlatformTx) error {
		n, err := tx.Q().ClearOperatorFailures(ctx, operator)
		if err != nil {
			return err
		}
		if n != 1 {
			return refused()
		}
		return tx.Q().InsertOperatorSession(ctx, platformdb.InsertOperatorSessionParams{ID: id, OperatorID: operator, TokenHash: hash[:],
			Address: clip(sc.Address, 100), Agent: clip(agent, 300)})
	})
	if err != nil {
		return OperatorSession{}, err
	}
	o, ok, err := s.findOperator(ctx, hash[:])
	if err == nil && !ok {
		err = refused()
	}
	o.token = token
	return o, err
}

// BeginOperator puts the cookie of a session that SignInOperator began into the answer.
func (s *Service) BeginOperator(w http.ResponseWriter, o OperatorSession) {
	http.SetCookie(w, sessions.NewCookie(OperatorCookie, o.token.encoded(), s.store.options(PlatformPath)))
}

// SignOutOperator ends the request's operator session and takes its cookie away.
func (s *Service) SignOutOperator(w http.ResponseWriter, r *http.Request) error {
	opt := s.store.options(PlatformPath)
	opt.MaxAge = -1
	http.SetCookie(w, sessions.NewCookie(OperatorCookie, "", opt))
	sc, err := operator(r.Context())
	if err != nil {
		return nil //nolint:nilerr // signed out already
	}
	return tenants.PlatformWrite(r.Context(), s.db, func(ctx context.Context, tx *tenants.PlatformTx) error {
		_, err := tx.Q().RevokeOperatorSession(ctx, sc.Session)
		return err
	})
}

// SetOperatorPreferences keeps how an operator likes the pages. Codes: invalid
// (language, theme), unauthenticated.
func (s *Service) SetOperatorPreferences(ctx context.Context, language, theme string) error {
	sc, err := operator(ctx)
	if err != nil {
		return err
	}
	var p apperr.Problems
	oneOf(&p, "language", language, "en", "hi", "mr")
	oneOf(&p, "theme", theme, "auto", "light", "dark")
	if err := p.Err(); err != nil {
		return err
	}
	return tenants.PlatformWrite(ctx, s.db, func(ctx context.Context, tx *tenants.PlatformTx) error {
		_, err := tx.Q().SetOperatorPreferences(ctx, platformdb.SetOperatorPreferencesParams{ID: sc.Actor.ID, Language: language, Theme: theme})
		return err
	})
}

// normalLogin is a login as it is stored.
func normalLogin(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
