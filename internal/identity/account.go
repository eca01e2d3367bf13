package identity

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// NewPassword is a password change by its owner.
type NewPassword struct {
	Key      uuid.UUID // the form's own: the same form sent twice is done once
	Current  string
	Password string
	Again    string
	Agent    string
}

// ChangePassword sets a new password for the person who asks, ends all their
// sessions and begins a new one, whose cookie Begin writes. Codes: invalid
// (current, password, again), unauthenticated, throttled, unavailable.
func (s *Service) ChangePassword(ctx context.Context, n NewPassword) (SignedIn, error) {
	sc, err := me(ctx)
	if err != nil {
		return SignedIn{}, err
	}
	user := sc.Actor.ID
	if err := checkNew(n.Password, n.Again, sc.Actor.Name, sc.Clinic.Name); err != nil {
		return SignedIn{}, err
	}
	if err := s.allow(ctx, sc.Clinic.ID.String()+"|"+Household(sc.Address)); err != nil {
		return SignedIn{}, err
	}
	if err := s.prove(ctx, sc, n.Current); err != nil {
		return s.changedBefore(ctx, n, err)
	}
	hash, err := s.hash(ctx, n.Password)
	if err != nil {
		return SignedIn{}, err
	}
	err = s.end(ctx, user, func(ctx context.Context, tx *tenants.Tx) error {
		q := tx.Q()
		if first, _, err := tenants.Claim(ctx, tx, n.Key, passwordChange, user); err != nil || !first {
			return err
		}
		k, err := q.SetPassword(ctx, tenantdb.SetPasswordParams{PasswordHash: hash, ID: user})
		if err != nil {
			return err
		}
		if k != 1 {
			return apperr.New(apperr.Unauthenticated, "error.signed_out", "Sign in first")
		}
		_, err = q.RevokeSessionsOfUser(ctx, tenantdb.RevokeSessionsOfUserParams{UserID: user})
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	return s.begin(ctx, Credentials{Agent: n.Agent}, false)
}

// passwordChange is the action of a form that changes a password.
const passwordChange = "password.change"

// changedBefore lets the same form pass a second time: what it calls the
// present password was that before its first. Whoever sends it knows the new
// one. Any other form gets the refusal.
func (s *Service) changedBefore(ctx context.Context, n NewPassword, refusal error) (SignedIn, error) {
	if !apperr.Is(refusal, apperr.Invalid) {
		return SignedIn{}, refusal
	}
	done := false
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		before, err := tx.Q().GetSubmission(ctx, n.Key)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		done = before.Action == passwordChange
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	sc, _ := tenants.ScopeFrom(ctx)
	if !done || s.prove(ctx, sc, n.Password) != nil {
		return SignedIn{}, refusal
	}
	return s.begin(ctx, Credentials{Agent: n.Agent}, false)
}

// checkNew checks a new password typed twice.
func checkNew(pw, again string, context ...string) error {
	var p apperr.Problems
	CheckPassword(&p, "password", pw, context...)
	if p.Err() == nil && pw != again {
		p.Add("again", "error.password.again", "The two passwords are not the same")
	}
	return p.Err()
}

// prove asks the person who is signed in for their password again.
func (s *Service) prove(ctx context.Context, sc tenants.Scope, pw string) error {
	began := time.Now()
	var row tenantdb.GateReauthRow
	err := tenants.Write(tenants.WithScope(ctx, gate(sc)), s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		row, err = tx.Q().GateReauth(ctx, sc.Actor.ID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	match, _, err := s.verify(ctx, row.PasswordHash, clipBytes(pw, maxPassword))
	if err != nil {
		return err
	}
	if match && row.Active && !row.Resting {
		return nil
	}
	_ = s.refuse(ctx, began)
	var p apperr.Problems
	p.Add("current", "error.password.current", "This is not your present password, or there were too many tries")
	return p.Err()
}

// clipBytes bounds what is hashed.
func clipBytes(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// Login is what somebody signs in with.
type Login struct {
	Username string
	Email    string // empty for none
}

// Login tells the staff member who asks their own. Codes: unauthenticated.
func (s *Service) Login(ctx context.Context) (Login, error) {
	if _, err := me(ctx); err != nil {
		return Login{}, err
	}
	var out Login
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		r, err := tx.Q().GetOwnLogin(ctx)
		out = Login(r)
		return err
	})
	return out, err
}

// Preferences are how a person likes their pages.
type Preferences struct {
	Language   string // empty for the clinic's
	Theme      string // auto, light or dark
	Density    string // compact or comfortable
	SingleKeys bool
}

// SetPreferences keeps the preferences of the person who asks. Codes: invalid
// (language, theme, density), unauthenticated.
func (s *Service) SetPreferences(ctx context.Context, pr Preferences) error {
	sc, err := me(ctx)
	if err != nil {
		return err
	}
	var p apperr.Problems
	oneOf(&p, "language", pr.Language, "", "en", "hi", "mr")
	oneOf(&p, "theme", pr.Theme, "auto", "light", "dark")
	oneOf(&p, "density", pr.Density, "compact", "comfortable")
	if err := p.Err(); err != nil {
		return err
	}
	return s.end(ctx, sc.Actor.ID, func(ctx context.Context, tx *tenants.Tx) error {
		_, err := tx.Q().SetPreferences(ctx, tenantdb.SetPreferencesParams{ID: sc.Actor.ID, Language: pr.Language, Theme: pr.Theme,
			Density: pr.Density, SingleKeys: pr.SingleKeys})
		return err
	})
}

func oneOf(p *apperr.Problems, field, v string, allowed ...string) {
	for _, a := range allowed {
		if v == a {
			return
		}
	}
	p.Add(field, "error.choose", "Choose one from the list")
}
