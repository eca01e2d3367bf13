package share

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	post "github.com/cloister-health/cloister/internal/mail"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// Service makes links and opens them.
type Service struct {
	db      *tenants.DB
	linkKey []byte
	mail    *post.Sender
}

// NewService makes the service. linkKey signs tokens; mail takes letters.
func NewService(db *tenants.DB, linkKey []byte, mail *post.Sender) *Service {
	return &Service{db: db, linkKey: linkKey, mail: mail}
}

// allow fails closed: without a scope, or without the capability, nothing runs.
func (s *Service) allow(ctx context.Context, c access.Capability) error {
	can, err := s.db.Rights(ctx)
	if err != nil {
		return err
	}
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || !can.Can(sc.Actor.Role, c) {
		return apperr.New(apperr.Forbidden, "error.forbidden", "Your role may not do this")
	}
	return nil
}

// Subject is the prescription that links lead to, and its patient.
type Subject struct {
	ID       uuid.UUID
	Number   string
	Live     bool // issued and neither cancelled nor replaced
	Askable  bool // the patient's year of birth or phone is known
	Record   uuid.UUID
	Patient  string // number
	Name     phi.Text
	Phone    phi.Text
	Email    phi.Text
	Language string // the patient's, empty for the clinic's
}

func subjectOf(r tenantdb.GetSharedRow) Subject {
	return Subject{ID: r.ID, Number: r.Number, Live: r.State != "cancelled", Record: r.RecordID, Patient: r.PatientNumber, Name: r.FullName, Phone: r.Phone, Email: r.Email,
		Language: r.Language, Askable: len(r.Phone.Reveal()) >= 5 || r.BirthDate != nil || r.AgeYears != nil}
}

// mostLinks of one prescription are listed.
const mostLinks = 50

// List gives a prescription's links, newest first.
//
// Errors: NotFound, Forbidden.
func (s *Service) List(ctx context.Context, prescription uuid.UUID) (Subject, []Link, error) {
	if err := s.allow(ctx, access.ShareView); err != nil {
		return Subject{}, nil, err
	}
	var (
		about Subject
		links []Link
	)
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var rows []tenantdb.ListSharesRow
		if err := tx.Together(ctx, func(q *tenantdb.Queries) error {
			r, err := q.GetShared(ctx, prescription)
			about = subjectOf(r)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			rows, err = q.ListShares(ctx, tenantdb.ListSharesParams{PrescriptionID: prescription, AtMost: mostLinks})
			return err
		}); err != nil {
			return err
		}
		links = nil
		for _, r := range rows {
			links = append(links, linkOf(r, about.Live))
		}
		// Whom it was sent to is the patient's; that somebody looked is on the trail.
		return tx.RecordView(ctx, "shares", uuid.Nil, about.Record)
	})
	return about, links, tenants.Refused(err)
}

func linkOf(r tenantdb.ListSharesRow, live bool) Link {
	k := Link{ID: r.ID, Channel: r.Channel, Recipient: r.Recipient, By: r.CreatedBy, Created: r.CreatedAt, Expires: r.ExpiresAt, RevokedBy: r.RevokedBy, State: Open,
		Delivery: r.Delivery, Opened: int(r.OpenedCount), Downloads: int(r.Downloads), WrongTries: int(r.WrongTries),
		Revoked: at(r.RevokedAt), FirstOpened: at(r.FirstOpenedAt), LastOpened: at(r.LastOpenedAt)}
	switch { // as platform.share_state
	case r.RevokedAt != nil:
		k.State = Revoked
	case !live:
		k.State = Withdrawn
	case r.LockedAt != nil:
		k.State = Locked
	case r.Expired:
		k.State = Expired
	}
	return k
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// Wish is a link as its form asks for one.
type Wish struct {
	Channel   string
	Recipient string // phone or email; nothing for Copy
	Days      int    // one of Terms
}

// Made is a new link. Token is shown now and never again.
type Made struct {
	ID        uuid.UUID
	Token     string
	Channel   string
	Recipient phi.Text
	Days      int
	First     bool // false: the same form was sent before
	About     Subject
}

// Create makes a link. The same form sent twice makes one, and shows it again.
//
// Errors: Invalid (channel, phone, email, days), NotFound, Conflict, Forbidden.
func (s *Service) Create(ctx context.Context, key, prescription uuid.UUID, w Wish) (Made, error) {
	if err := s.allow(ctx, access.ShareCreate); err != nil {
		return Made{}, err
	}
	var out Made
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		r, err := tx.Q().GetShared(ctx, prescription)
		if err != nil {
			return err
		}
		about := subjectOf(r)
		to, err := w.check()
		if err != nil {
			return err
		}
		id := uuid.Must(uuid.NewV7())
		first, made, err := tenants.Claim(ctx, tx, key, "share.create", id)
		if err != nil {
			return err
		}
		out = Made{ID: made, Token: s.token(tx.Clinic.ID, key), Channel: w.Channel, Recipient: phi.Text(to), Days: w.Days, First: first, About: about}
		if !first {
			before, err := tx.Q().GetShare(ctx, made)
			if err == nil && before.PrescriptionID != prescription {
				err = apperr.New(apperr.Conflict, "error.form.key", "This form is out of date; open it again")
			}
			out.Channel, out.Recipient = before.Channel, before.Recipient
			return err
		}
		if !about.Live {
			return apperr.New(apperr.Conflict, "error.share.state", "This prescription no longer counts, so it can't be shared")
		}
		if !about.Askable {
			return apperr.New(apperr.Conflict, "error.share.question", "Record the patient's phone or year of birth first: the link asks for one of them")
		}
		hash, ok := s.hashOf(tx.Clinic.ID, out.Token)
		if !ok {
			return fmt.Errorf("share: the service does not know its own token")
		}
		if err := tx.Q().InsertShare(ctx, tenantdb.InsertShareParams{ID: id, PrescriptionID: prescription, TokenHash: hash, Channel: w.Channel, Recipient: phi.Text(to),
			Days: int32(w.Days)}); err != nil || w.Channel == Email {
			return err
		}
		return note(ctx, tx, id, "handed")
	})
	return out, tenants.Refused(err)
}

func note(ctx context.Context, tx *tenants.Tx, share uuid.UUID, kind string) error {
	return tx.Q().InsertShareEvent(ctx, tenantdb.InsertShareEventParams{ID: uuid.Must(uuid.NewV7()), ShareID: share, Kind: kind})
}

// check reads whom the link goes to.
func (w Wish) check() (recipient string, err error) {
	var p apperr.Problems
	if !slices.Contains(Terms(), w.Days) {
		p.Add("days", "error.choose", "Choose one of these")
	}
	text := strings.TrimSpace(w.Recipient)
	switch w.Channel {
	case Copy:
	case Email:
		a, err := mail.ParseAddress(text)
		if err != nil || a.Address != text || len(text) > 254 || strings.ContainsAny(text, "\r\n") {
			p.Add("email", "error.email.invalid", "Enter an email address, such as name@example.com")
		}
		recipient = text
	case WhatsApp, SMS:
		phone, err := patient.ParsePhone(text)
		if err != nil || phone == "" {
			p.Add("phone", "error.phone.invalid", "Enter a phone number, such as 90000 00001 or +44 20 7946 0958")
		}
		recipient = phone
	default:
		p.Add("channel", "error.choose", "Choose one of these")
	}
	return recipient, p.Err()
}

// Letter is what the mail with a link says. It holds nothing clinical.
type Letter struct{ Subject, Text, Link string }

// Mail sends a new link and notes on its log whether the mail server took it.
// sent is false when it did not; the link works all the same.
//
// Errors: Forbidden.
func (s *Service) Mail(ctx context.Context, m Made, l Letter) (sent bool, err error) {
	if err := s.allow(ctx, access.ShareCreate); err != nil {
		return false, err
	}
	sc, _ := tenants.ScopeFrom(ctx) // allow has seen it
	kind := "sent"
	failed := s.mail.Send(ctx, post.Letter{To: m.Recipient.Reveal(), FromName: sc.Clinic.Name, Subject: l.Subject, Text: l.Text, Link: l.Link})
	if failed != nil {
		kind = "failed"
	}
	// Who asked may be gone by now; what became of the letter is noted all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	err = tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error { return note(ctx, tx, m.ID, kind) }))
	return failed == nil, err
}

const noteWithin = 5 * time.Second

// Revoke ends a link at once, also for who has it open. Ended again it stays as
// it was. It gives the prescription that the link led to.
//
// Errors: NotFound, Forbidden.
func (s *Service) Revoke(ctx context.Context, id uuid.UUID) (prescription uuid.UUID, err error) {
	if err := s.allow(ctx, access.ShareRevoke); err != nil {
		return uuid.Nil, err
	}
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		r, err := tx.Q().GetShare(ctx, id)
		if err != nil {
			return err
		}
		prescription = r.PrescriptionID
		_, err = tx.Q().RevokeShare(ctx, id)
		return err
	})
	return prescription, tenants.Refused(err)
}
