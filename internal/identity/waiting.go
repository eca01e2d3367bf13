package identity

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/tenants"
)

// almostWhole is how much of its time a link must have left to be sent as it
// is; an older one gets a successor, so that its reader has the whole time.
const almostWhole = access.InviteFor - time.Hour

// SendWaiting mails the invitations that a maker, such as an import, made in
// the context's clinic without sending them, and waits for each. Whoever was
// written to by anybody is left alone. It gives how many letters went; asked
// again after an error it sends the rest. told may be nil.
func (s *Service) SendWaiting(ctx context.Context, maker string, told func(n, of int)) (sent int, err error) {
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Clinic == nil {
		return 0, errors.New("identity: letters need their clinic")
	}
	sc = mailer(sc)
	ctx = tenants.WithScope(ctx, sc)
	var rows []tenantdb.ListUnsentInvitationsRow
	err = tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		rows, err = tx.Q().ListUnsentInvitations(ctx, tenantdb.ListUnsentInvitationsParams{CreatedBy: maker, Minutes: int32(almostWhole / time.Minute)})
		return err
	})
	if err != nil {
		return 0, err
	}
	for n, r := range rows {
		if err := s.sendWaiting(ctx, sc, maker, r); err != nil {
			return n, err
		}
		if told != nil {
			told(n+1, len(rows))
		}
	}
	return len(rows), nil
}

func (s *Service) sendWaiting(ctx context.Context, sc tenants.Scope, maker string, r tenantdb.ListUnsentInvitationsRow) error {
	inv := Invitation{ID: r.Invitation, Kind: KindInvite, To: Invitee{User: r.ID, Username: r.Username, Name: r.FullName, Email: r.Email, Role: access.Role(r.Role)}}
	if inv.ID == uuid.Nil {
		err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
			inv.ID = uuid.Must(uuid.NewV7())
			return tx.Q().InsertInvitation(ctx, tenantdb.InsertInvitationParams{ID: inv.ID, Kind: inv.Kind, UserID: r.ID, Email: r.Email,
				CreatedBy: maker, Minutes: int32(access.InviteFor / time.Minute)})
		})
		if err != nil {
			return err
		}
	}
	link, err := s.links.URL(sc.Clinic.ID, sc.Clinic.Slug, Token{Invitation: inv.ID, User: inv.To.User, Role: inv.To.Role})
	if err != nil {
		return err
	}
	return s.send(ctx, sc, inv, link)
}
