package identity

import (
	"context"
	"errors"
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// Credentials are what somebody signs in with.
type Credentials struct {
	Login    string // user name or email
	Password string
	Agent    string // the browser's name, for the list of sessions
}

// SignedIn is a session just begun.
type SignedIn struct {
	Session Session
	token   Secret
}

// AtDoor is the context of somebody at a clinic's door, not signed in: enough
// to sign in and to open a one-time link, and for nothing else.
func AtDoor(ctx context.Context, clinic *tenants.Clinic, requestID, address string) context.Context {
	sc, _ := tenants.ScopeFrom(ctx) // whoever is signed in already
	sc.Clinic, sc.RequestID, sc.Address = clinic, requestID, address
	return tenants.WithScope(ctx, sc)
}

// failFloor is the grain of a refusal's time: what differs between a wrong
// password and an unknown name drowns in it.
const failFloor = 100 * time.Millisecond

// refused is the one answer to every sign-in that fails.
func refused() error {
	return apperr.New(apperr.Unauthenticated, "error.signin",
		"The user name or password is not right, or there were too many tries. Check both, or wait a few minutes and try again.")
}

// SignIn checks the credentials in the clinic of the context's scope and begins
// a session. A session that the request already has is ended. Codes: invalid
// (username, password), unauthenticated, throttled, forbidden (the clinic is
// closed to all but its admin), unavailable.
func (s *Service) SignIn(ctx context.Context, c Credentials) (SignedIn, error) {
	if err := c.check(); err != nil {
		return SignedIn{}, err
	}
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Clinic == nil {
		return SignedIn{}, s.nobody(ctx, c)
	}
	if err := s.allow(ctx, sc.Clinic.ID.String()+"|"+Household(sc.Address)); err != nil {
		return SignedIn{}, err
	}
	began := time.Now()
	row, err := s.knock(ctx, sc, c.Login)
	if err != nil {
		return SignedIn{}, err
	}
	match, old, err := s.verify(ctx, row.PasswordHash, c.Password)
	if err != nil {
		return SignedIn{}, err
	}
	if !match || !row.Active || row.Resting {
		s.note(sc, row.UserID).Info("A sign-in was refused")
		return SignedIn{}, s.refuse(ctx, began)
	}
	if err := mayEnter(sc.Clinic, access.Role(row.Role)); err != nil {
		return SignedIn{}, err
	}
	_ = s.SignOut(ctx) // whoever was signed in here before
	sc.Actor = tenants.Actor{Kind: access.User, ID: row.UserID, Role: access.Role(row.Role)}
	return s.begin(tenants.WithScope(ctx, sc), c, old)
}

func (c Credentials) check() error {
	var p apperr.Problems
	if c.Login == "" {
		p.Add("username", "error.signin.username", "Enter your user name or email")
	}
	if c.Password == "" {
		p.Add("password", "error.signin.password", "Enter your password")
	}
	if len(c.Login) > 254 || len(c.Password) > maxPassword || !utf8.ValidString(c.Login) || !utf8.ValidString(c.Password) {
		p.Add("username", "error.signin", "The user name or password is not right")
	}
	return p.Err()
}

// nobody spends the time of a sign-in where there is no clinic.
func (s *Service) nobody(ctx context.Context, c Credentials) error {
	began := time.Now()
	if _, _, err := s.verify(ctx, "", c.Password); err != nil {
		return err
	}
	return s.refuse(ctx, began)
}

// knock asks for what verifies the password and counts the try. An unknown name
// gives an empty row.
func (s *Service) knock(ctx context.Context, sc tenants.Scope, login string) (tenantdb.GateSignInRow, error) {
	var row tenantdb.GateSignInRow
	err := tenants.Write(tenants.WithScope(ctx, gate(sc)), s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		row, err = tx.Q().GateSignIn(ctx, login)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return row, err
}

// refuse waits for the next grain of time and gives the refusal.
func (s *Service) refuse(ctx context.Context, began time.Time) error {
	spent := time.Since(began)
	t := time.NewTimer(failFloor - spent%failFloor)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return refused()
}

func (s *Service) note(sc tenants.Scope, user uuid.UUID) *logrus.Entry {
	f := logrus.Fields{"clinic": sc.Clinic.ID, "request": sc.RequestID, "address": sc.Address}
	if user != uuid.Nil {
		f["user"] = user
	}
	return s.log.WithFields(f)
}

// Household is what a limit counts by: an address, or of IPv6 the 64 bits that
// one customer is given, who could else come from a new address each time.
func Household(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4() {
		return address
	}
	p, _ := a.WithZone("").Prefix(64)
	return p.String()
}

// allow bounds how often an address tries at a clinic.
func (s *Service) allow(ctx context.Context, key string) error {
	_, _, _, ok, err := s.tries.Take(ctx, key)
	if err != nil {
		return err
	}
	if !ok {
		return apperr.New(apperr.Throttled, "error.signin.throttled", "Too many sign-ins were tried from here. Wait a few minutes and try again.")
	}
	return nil
}

// mayEnter keeps everyone but the admin out of a clinic that is closed.
func mayEnter(c *tenants.Clinic, role access.Role) error {
	if role == access.ClinicAdmin {
		return nil
	}
	switch c.Status {
	case tenants.StatusSuspended:
		return apperr.New(apperr.Forbidden, "error.clinic.suspended", "This clinic is suspended. Its administrator can sign in and see why.")
	case tenants.StatusExpired:
		return apperr.New(apperr.Forbidden, "error.clinic.expired", "This clinic's plan has expired. Its administrator can sign in and see what to do.")
	}
	return nil
}

// begin makes the session under the person's own role.
func (s *Service) begin(ctx context.Context, c Credentials, rehash bool) (SignedIn, error) {
	sc, _ := tenants.ScopeFrom(ctx)
	newHash := ""
	if rehash {
		h, err := s.hash(ctx, c.Password)
		if err != nil {
			return SignedIn{}, err
		}
		newHash = h
	}
	id, err := uuid.NewV7()
	if err != nil {
		return SignedIn{}, err
	}
	token, hash := newToken()
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		q := tx.Q()
		n, err := q.ClearFailures(ctx, sc.Actor.ID)
		if err != nil {
			return err
		}
		if n != 1 {
			return refused() // deactivated a moment ago
		}
		if newHash != "" {
			if _, err := q.RefreshHash(ctx, tenantdb.RefreshHashParams{PasswordHash: newHash, ID: sc.Actor.ID}); err != nil {
				return err
			}
		}
		if err := q.InsertSession(ctx, tenantdb.InsertSessionParams{ID: id, UserID: sc.Actor.ID, TokenHash: hash[:],
			Address: clip(sc.Address, 100), Agent: clip(c.Agent, 300)}); err != nil {
			return err
		}
		return q.NoteActivity(ctx)
	})
	if err != nil {
		return SignedIn{}, err
	}
	ses, ok, err := s.find(ctx, sc, hash)
	if err != nil {
		return SignedIn{}, err
	}
	if !ok {
		return SignedIn{}, refused()
	}
	return SignedIn{Session: ses, token: token}, nil
}

// clip cuts text to what its column holds, in characters.
func clip(s string, n int) string {
	if !utf8.ValidString(s) {
		return ""
	}
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
