package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/mail"
	"github.com/cloister-health/cloister/tenants"
)

// Kinds of one-time links.
const (
	KindInvite = "invite"
	KindReset  = "reset"
)

// resetFor is how long a link to a new password works; docs/configuration.md
// has it beside access.InviteFor.
const resetFor = time.Hour

// maxResets is how many links a person may ask for in an hour.
const maxResets = 3

// Invitee is who gets a one-time link.
type Invitee struct {
	User     uuid.UUID
	Username string // empty: the letter doesn't say it
	Name     string
	Email    string // empty: the link is handed over by whoever made it
	Role     access.Role
	Language string // empty for the clinic's
}

// Invitation is a link made and not yet delivered.
type Invitation struct {
	ID   uuid.UUID
	Kind string
	To   Invitee
}

// NewInvitation makes an invitation or reset link in a transaction of somebody
// who may manage staff; older open links of the person end.
func NewInvitation(ctx context.Context, tx *tenants.Tx, kind string, to Invitee) (Invitation, error) {
	if _, err := tx.Q().CloseInvitationsOfUser(ctx, to.User); err != nil {
		return Invitation{}, err
	}
	return newLink(ctx, tx, kind, to)
}

func newLink(ctx context.Context, tx *tenants.Tx, kind string, to Invitee) (Invitation, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Invitation{}, err
	}
	lasts := access.InviteFor
	if kind == KindReset {
		lasts = resetFor
	}
	by := string(tx.Actor.Kind) + ":" + tx.Actor.ID.String()
	err = tx.Q().InsertInvitation(ctx, tenantdb.InsertInvitationParams{ID: id, Kind: kind, UserID: to.User, Email: to.Email,
		CreatedBy: by, Minutes: int32(lasts / time.Minute)})
	return Invitation{ID: id, Kind: kind, To: to}, err
}

// OpenInvitation finds the newest link of a person that still works, for a form
// that was sent twice. False: there is none.
func OpenInvitation(ctx context.Context, tx *tenants.Tx, to Invitee) (Invitation, bool, error) {
	row, err := tx.Q().GetOpenInvitation(ctx, to.User)
	if errors.Is(err, pgx.ErrNoRows) {
		return Invitation{}, false, nil
	}
	return Invitation{ID: row.ID, Kind: row.Kind, To: to}, err == nil, err
}

// Deliver mails a link in the background, after the transaction that made it.
// For somebody without an address it gives the link back, to be handed over.
func (s *Service) Deliver(ctx context.Context, inv Invitation) (handOver string, err error) {
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Clinic == nil {
		return "", errors.New("identity: a link needs its clinic")
	}
	link, err := s.links.URL(sc.Clinic.ID, sc.Clinic.Slug, Token{Invitation: inv.ID, User: inv.To.User, Role: inv.To.Role})
	if err != nil {
		return "", err
	}
	if inv.To.Email == "" {
		return link, nil
	}
	s.background(ctx, func(ctx context.Context) error { return s.send(ctx, sc, inv, link) })
	return "", nil
}

// background runs work that outlives the request; Close waits for it.
func (s *Service) background(ctx context.Context, fn func(ctx context.Context) error) {
	ctx = context.WithoutCancel(ctx)
	s.work.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := fn(ctx); err != nil {
			sc, _ := tenants.ScopeFrom(ctx)
			s.note(sc, uuid.Nil).WithError(err).Error("A one-time link was not sent")
		}
	})
}

// mailer is the scope in which links are made and marked without a person.
func mailer(sc tenants.Scope) tenants.Scope {
	sc.Actor = tenants.Actor{Kind: access.System, ID: tenants.SystemID("links"), Role: access.Jobs}
	return sc
}

func (s *Service) send(ctx context.Context, sc tenants.Scope, inv Invitation, link string) error {
	if err := s.mail.Send(ctx, s.letter(sc.Clinic, inv, link)); err != nil {
		return err
	}
	return tenants.Write(tenants.WithScope(ctx, mailer(sc)), s.db, func(ctx context.Context, tx *tenants.Tx) error {
		_, err := tx.Q().MarkInvitationSent(ctx, inv.ID)
		return err
	})
}

func (s *Service) letter(c *tenants.Clinic, inv Invitation, link string) mail.Letter {
	lang := inv.To.Language
	if lang == "" {
		lang = c.Lang
	}
	w := func(key string, pairs ...any) string { return s.words(lang, key, pairs...) }
	subject, why, lasts := w("mail.reset.subject", "Clinic", c.Name), w("mail.reset.text", "Clinic", c.Name), w("mail.reset.lasts")
	if inv.Kind == KindInvite {
		subject, lasts = w("mail.invite.subject", "Clinic", c.Name), w("mail.invite.lasts", "N", int(access.InviteFor/(24*time.Hour)))
		why = w("mail.invite.text", "Clinic", c.Name, "Role", w("role."+string(inv.To.Role)))
	}
	if inv.To.Username != "" {
		lasts = w("mail.username", "Username", inv.To.Username) + "\n\n" + lasts
	}
	text := w("mail.greeting", "Name", inv.To.Name) + "\n\n" + why + "\n\n" + link + "\n\n" + lasts + "\n\n" + w("mail.not_you") + "\n\n" + c.Name + "\n"
	return mail.Letter{To: inv.To.Email, ToName: inv.To.Name, FromName: c.Name, Subject: subject, Text: text, Link: link}
}

// Forgot sends a reset link to whoever the login belongs to. Its answer and the
// time it takes are the same whoever asks: all work is done afterwards. Codes:
// invalid (username), throttled.
func (s *Service) Forgot(ctx context.Context, login string) error {
	if login == "" || len(login) > 254 {
		var p apperr.Problems
		p.Add("username", "error.signin.username", "Enter your user name or email")
		return p.Err()
	}
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Clinic == nil {
		return nil
	}
	if _, _, _, ok, err := s.resets.Take(ctx, sc.Clinic.ID.String()+"|"+Household(sc.Address)); err != nil || !ok {
		return errors.Join(err, apperr.New(apperr.Throttled, "error.forgot.throttled", "Too many links were asked for from here. Wait an hour and try again."))
	}
	s.background(ctx, func(ctx context.Context) error { return s.forgot(ctx, mailer(sc), normalLogin(login)) })
	return nil
}

func (s *Service) forgot(ctx context.Context, sc tenants.Scope, login string) error {
	var inv Invitation
	err := tenants.Write(tenants.WithScope(ctx, sc), s.db, func(ctx context.Context, tx *tenants.Tx) error {
		u, err := tx.Q().FindUserForReset(ctx, login)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil || u.Email == "" {
			return err
		}
		n, err := tx.Q().CountRecentResets(ctx, u.ID)
		if err != nil || n.Hour >= maxResets || n.Moment > 0 {
			return err
		}
		inv, err = newLink(ctx, tx, KindReset, Invitee{User: u.ID, Username: u.Username, Name: u.FullName, Email: u.Email, Role: access.Role(u.Role)})
		return err
	})
	if err != nil || inv.ID == uuid.Nil {
		return err
	}
	link, err := s.links.URL(sc.Clinic.ID, sc.Clinic.Slug, Token{Invitation: inv.ID, User: inv.To.User, Role: inv.To.Role})
	if err != nil {
		return err
	}
	return s.send(ctx, sc, inv, link)
}

// OpenLink is a one-time link that still works.
type OpenLink struct {
	Invitation uuid.UUID
	User       uuid.UUID
	Kind       string
	Name       string
	Username   string
	Email      string
	Role       access.Role
}

// gone is the one answer to a link that doesn't open: forged, used, ended, of
// another clinic, or of somebody who was deactivated.
func gone() error {
	return apperr.New(apperr.NotFound, "error.link.gone", "This link was used or has ended. Ask for a new one.")
}

// Link reads a one-time link without using it. Codes: not_found.
func (s *Service) Link(ctx context.Context, token string) (OpenLink, error) {
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Clinic == nil {
		return OpenLink{}, gone()
	}
	t, err := s.links.Read(sc.Clinic.ID, token)
	if err != nil {
		return OpenLink{}, gone()
	}
	l, state, err := s.invitation(ctx, sc, t)
	if err == nil && state.Active && l.Role != t.Role { // moved to another role since
		t.Role = l.Role
		l, state, err = s.invitation(ctx, sc, t)
	}
	if err != nil {
		return OpenLink{}, err
	}
	if !state.Open {
		return OpenLink{}, gone()
	}
	return l, nil
}

// linkState is what has become of a link.
type linkState struct{ Active, Open, JustUsed bool }

// invitation reads a link as its owner, in the role that the token says; a
// link whose owner has another role by now gives that role and is not open.
// Codes: not_found.
func (s *Service) invitation(ctx context.Context, sc tenants.Scope, t Token) (OpenLink, linkState, error) {
	sc.Actor = tenants.Actor{Kind: access.User, ID: t.User, Role: t.Role}
	var row tenantdb.GetInvitationRow
	var login tenantdb.GetOwnLoginRow
	err := tenants.Read(tenants.WithScope(ctx, sc), s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		if row, err = tx.Q().GetInvitation(ctx, t.Invitation); err != nil {
			return err
		}
		login, err = tx.Q().GetOwnLogin(ctx)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return OpenLink{}, linkState{}, gone()
	}
	if err != nil {
		return OpenLink{}, linkState{}, err
	}
	role := access.Role(row.Role)
	own := row.Active && row.UserID == t.User
	return OpenLink{Invitation: row.ID, User: row.UserID, Kind: row.Kind, Name: row.FullName, Username: login.Username, Email: login.Email, Role: role},
		linkState{Active: own, Open: own && row.Open && role == t.Role, JustUsed: own && row.JustUsed && role == t.Role}, nil
}

// UseLink sets the password of a one-time link's owner, ends the link, the
// owner's other links and every session. Codes: invalid (password, again),
// not_found, unavailable.
func (s *Service) UseLink(ctx context.Context, token, pw, again string) error {
	l, err := s.Link(ctx, token)
	if err != nil {
		return err
	}
	sc, _ := tenants.ScopeFrom(ctx)
	if err := checkNew(pw, again, l.Name, l.Username, l.Email, sc.Clinic.Name, sc.Clinic.Slug); err != nil {
		return err
	}
	hash, err := s.hash(ctx, pw)
	if err != nil {
		return err
	}
	sc.Actor = tenants.Actor{Kind: access.User, ID: l.User, Role: l.Role}
	return s.end(tenants.WithScope(ctx, sc), l.User, func(ctx context.Context, tx *tenants.Tx) error {
		q := tx.Q()
		n, err := q.UseInvitation(ctx, tenantdb.UseInvitationParams{ID: l.Invitation, UserID: l.User})
		if err != nil {
			return err
		}
		if n != 1 {
			return gone() // somebody else was faster
		}
		if n, err = q.SetPassword(ctx, tenantdb.SetPasswordParams{PasswordHash: hash, ID: l.User}); err != nil {
			return err
		}
		if n != 1 {
			return gone()
		}
		if _, err = q.UseInvitationsOfUser(ctx, l.User); err != nil {
			return err
		}
		_, err = q.RevokeSessionsOfUser(ctx, tenantdb.RevokeSessionsOfUserParams{UserID: l.User})
		return err
	})
}

// SignInByLink lets somebody in who has just set a password by a link, so that
// nobody types it twice: right after UseLink, and when the same form comes a
// second time and finds the link used. The password is asked for as at any
// sign-in. Codes: not_found, and those of SignIn.
func (s *Service) SignInByLink(ctx context.Context, token string, c Credentials) (SignedIn, error) {
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Clinic == nil {
		return SignedIn{}, gone()
	}
	t, err := s.links.Read(sc.Clinic.ID, token)
	if err != nil {
		return SignedIn{}, gone()
	}
	l, state, err := s.invitation(ctx, sc, t)
	if err != nil {
		return SignedIn{}, err
	}
	if !state.JustUsed {
		return SignedIn{}, gone()
	}
	c.Login = l.Username
	return s.SignIn(ctx, c)
}

// String keeps a link out of a log that prints an invitation.
func (i Invitation) String() string { return fmt.Sprintf("%s %s", i.Kind, i.ID) }
