package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// Session is a signed-in person and how they like their pages.
type Session struct {
	ID         uuid.UUID
	UserID     uuid.UUID // all zero for a patient
	PatientID  uuid.UUID // all zero for staff
	Role       access.Role
	Name       string
	Language   string // empty for the clinic's
	Theme      string
	Density    string
	SingleKeys bool
	Idle       time.Duration // after which it ends
	CreatedAt  time.Time
	LastSeenAt time.Time
}

// Person is whose session it is.
func (s Session) Person() uuid.UUID {
	if s.UserID != uuid.Nil {
		return s.UserID
	}
	return s.PatientID
}

// EndsAt is when the session ends if nothing is done.
func (s Session) EndsAt() time.Time { return s.LastSeenAt.Add(s.Idle) }

func (s Session) actor() tenants.Actor {
	if s.UserID == uuid.Nil {
		return tenants.Actor{Kind: access.PatientActor, ID: s.PatientID, Role: access.Patient, Name: s.Name}
	}
	return tenants.Actor{Kind: access.User, ID: s.UserID, Role: s.Role, Name: s.Name}
}

// In gives the scope of the person at work.
func (s Session) In(sc tenants.Scope) tenants.Scope {
	sc.Actor, sc.Session = s.actor(), s.ID
	return sc
}

type sessionKey struct{}

// touchAfter is how old the last sign of life may be before it is noted again.
const touchAfter = time.Minute

// Enter finds the session of a request in the clinic of the scope, by the
// cookie. False means that nobody is signed in; an error that nobody knows.
func (s *Service) Enter(r *http.Request, sc tenants.Scope) (Session, bool, error) {
	if sc.Clinic == nil {
		return Session{}, false, nil
	}
	kept, err := s.store.New(r.WithContext(tenants.WithScope(r.Context(), sc)), CookieName)
	if err != nil {
		return Session{}, false, err
	}
	ses, ok := kept.Values[sessionKey{}].(Session)
	if ok && !passive(r) && mayEnter(sc.Clinic, ses.Role) == nil { // who is kept out leaves no trace
		ok, err = s.touch(tenants.WithScope(r.Context(), ses.In(sc)), &ses)
	}
	return ses, ok, err
}

// passive reports a request that no person made: a stream, or a page asking by
// itself. It must not keep a session alive.
func passive(r *http.Request) bool {
	return r.Header.Get("X-Cloister-Passive") != "" || strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream") ||
		strings.HasSuffix(r.URL.Path, "/events")
}

// find looks up the session of a token in the clinic of the scope.
func (s *Service) find(ctx context.Context, sc tenants.Scope, hash [sha256.Size]byte) (Session, bool, error) {
	now := time.Now()
	k := liveKey{clinic: sc.Clinic.ID, hash: hash}
	ses, epoch, ok := s.live.get(k, now)
	if ok {
		return ses, now.Before(ses.EndsAt()), nil
	}
	var row tenantdb.GateSessionRow
	err := tenants.Read(tenants.WithScope(ctx, gate(sc)), s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		row, err = tx.Q().GateSession(ctx, hash[:])
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Session{}, false, nil
	}
	if err != nil {
		return Session{}, false, err
	}
	ses = Session{ID: row.SessionID, UserID: row.UserID, PatientID: row.PatientID, Role: access.Role(row.Role), Name: row.FullName,
		Language: row.Language, Theme: row.Theme, Density: row.Density, SingleKeys: row.SingleKeys,
		Idle: time.Duration(row.IdleMinutes) * time.Minute, CreatedAt: row.CreatedAt, LastSeenAt: row.LastSeenAt}
	s.live.put(k, ses, epoch, now)
	return ses, true, nil
}

// touch notes that the person is at work, at most once a minute. It reports
// whether the session still lives.
func (s *Service) touch(ctx context.Context, ses *Session) (bool, error) {
	if time.Since(ses.LastSeenAt) < touchAfter {
		return true, nil
	}
	var n int64
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var err error
		if n, err = tx.Q().TouchSession(ctx, ses.ID); err != nil || n == 0 {
			return err
		}
		return tx.Q().NoteActivity(ctx)
	})
	if err != nil {
		return false, err
	}
	s.live.drop(clinicOf(ctx), ses.Person())
	ses.LastSeenAt = time.Now()
	return n == 1, nil
}

func clinicOf(ctx context.Context) uuid.UUID {
	if sc, ok := tenants.ScopeFrom(ctx); ok && sc.Clinic != nil {
		return sc.Clinic.ID
	}
	return uuid.Nil
}

// me gives the scope of the staff member who asks.
func me(ctx context.Context) (tenants.Scope, error) {
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Clinic == nil || sc.Actor.Kind != access.User || sc.Actor.ID == uuid.Nil || sc.Session == uuid.Nil {
		return tenants.Scope{}, apperr.New(apperr.Unauthenticated, "error.signed_out", "Sign in first")
	}
	return sc, nil
}

// Listed is one of a person's living sessions.
type Listed struct {
	ID                    uuid.UUID
	CreatedAt, LastSeenAt time.Time
	Address, Agent        string
	Current               bool
}

// Sessions lists the living sessions of the person who asks. Codes:
// unauthenticated.
func (s *Service) Sessions(ctx context.Context) ([]Listed, error) {
	sc, err := me(ctx)
	if err != nil {
		return nil, err
	}
	var out []Listed
	err = tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().ListSessionsOfUser(ctx, sc.Actor.ID)
		out = make([]Listed, 0, len(rows))
		for _, r := range rows {
			out = append(out, Listed{ID: r.ID, CreatedAt: r.CreatedAt, LastSeenAt: r.LastSeenAt, Address: r.Address, Agent: r.Agent, Current: r.ID == sc.Session})
		}
		return err
	})
	return out, err
}

// Revoke ends one of the sessions of the person who asks; one that has ended
// already stays so. Codes: unauthenticated, not_found.
func (s *Service) Revoke(ctx context.Context, id uuid.UUID) error {
	sc, err := me(ctx)
	if err != nil {
		return err
	}
	return s.end(ctx, sc.Actor.ID, func(ctx context.Context, tx *tenants.Tx) error {
		n, err := tx.Q().RevokeSession(ctx, tenantdb.RevokeSessionParams{ID: id, UserID: sc.Actor.ID})
		if err != nil || n == 1 {
			return err
		}
		own, err := tx.Q().IsOwnSession(ctx, tenantdb.IsOwnSessionParams{ID: id, UserID: sc.Actor.ID})
		if err == nil && !own {
			return apperr.New(apperr.NotFound, "error.not_found", "This page does not exist")
		}
		return err
	})
}

// RevokeOthers ends every session of the person who asks but the one that asks.
// Codes: unauthenticated.
func (s *Service) RevokeOthers(ctx context.Context) error {
	sc, err := me(ctx)
	if err != nil {
		return err
	}
	return s.end(ctx, sc.Actor.ID, func(ctx context.Context, tx *tenants.Tx) error {
		_, err := tx.Q().RevokeSessionsOfUser(ctx, tenantdb.RevokeSessionsOfUserParams{UserID: sc.Actor.ID, Keep: sc.Session})
		return err
	})
}

// SignOut ends the session of the request. Without one it does nothing.
func (s *Service) SignOut(ctx context.Context) error {
	sc, err := me(ctx)
	if err != nil {
		return nil //nolint:nilerr // signed out already
	}
	return s.end(ctx, sc.Actor.ID, func(ctx context.Context, tx *tenants.Tx) error {
		_, err := tx.Q().RevokeSession(ctx, tenantdb.RevokeSessionParams{ID: sc.Session, UserID: sc.Actor.ID})
		return err
	})
}

// end runs what ends sessions of a person and tells every service of it.
func (s *Service) end(ctx context.Context, user uuid.UUID, fn func(ctx context.Context, tx *tenants.Tx) error) error {
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return EndedSessions(ctx, tx, user)
	})
	s.live.drop(clinicOf(ctx), user)
	return err
}

// EndedSessions tells every service, when the transaction commits, that what
// it remembers of a person's sessions is no longer so.
func EndedSessions(ctx context.Context, tx *tenants.Tx, person uuid.UUID) error {
	return tx.Notify(ctx, topicSession, person)
}
