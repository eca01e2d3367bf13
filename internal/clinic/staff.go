package clinic

import (
	"context"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// Member is one of the staff in the list, with how much they do.
type Member struct {
	ID                               uuid.UUID
	Username, Email, Name, LocalName string
	Phone                            string
	Role                             access.Role
	Active                           bool
	Invited                          bool // has never signed in, and an invitation is open
	Fresh                            bool // has never signed in
	LastSeen                         time.Time
	Specialisation, Shift            string
	Availability                     string
	SeenToday, SeenMonth             int // consultations done, for doctors
	CheckedInToday, CheckedInMonth   int // check-ins made, for the desk
}

// Staff lists everyone who works or worked at the clinic. Codes: forbidden.
func (s *Service) Staff(ctx context.Context) ([]Member, error) {
	if err := s.allow(ctx, access.StaffManage); err != nil {
		return nil, err
	}
	var out []Member
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		today := patient.DayIn(tx.Now, tx.Clinic.Zone)
		rows, err := tx.Q().ListStaff(ctx, tenantdb.ListStaffParams{Today: today, Since: today.AddDate(0, 0, 1-today.Day())})
		out = make([]Member, 0, len(rows))
		for _, r := range rows {
			m := Member{ID: r.ID, Username: r.Username, Email: r.Email, Name: r.FullName, LocalName: r.LocalName, Phone: r.Phone,
				Role: access.Role(r.Role), Active: r.Active, Invited: r.Fresh && r.Invited, Fresh: r.Fresh,
				Specialisation: r.Specialisation, Shift: r.Shift, Availability: r.Availability,
				SeenToday: int(r.SeenToday), SeenMonth: int(r.SeenMonth), CheckedInToday: int(r.CheckedInToday), CheckedInMonth: int(r.CheckedInMonth)}
			if r.LastSeenAt != nil {
				m.LastSeen = *r.LastSeenAt
			}
			out = append(out, m)
		}
		return err
	})
	return out, tenants.Refused(err)
}

// StaffRecord is one of the staff as the form shows them.
type StaffRecord struct {
	ID      uuid.UUID
	Active  bool
	Resting bool // locked after wrong passwords
	Version int32
	StaffInput
}

// StaffMember reads one of the staff. Codes: forbidden, not_found.
func (s *Service) StaffMember(ctx context.Context, id uuid.UUID) (StaffRecord, error) {
	if err := s.allow(ctx, access.StaffManage); err != nil {
		return StaffRecord{}, err
	}
	var out StaffRecord
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		r, err := tx.Q().GetStaff(ctx, id)
		out = recordOf(r)
		return err
	})
	return out, tenants.Refused(err)
}

func recordOf(r tenantdb.GetStaffRow) StaffRecord {
	in := StaffInput{Username: r.Username, Email: r.Email, Name: r.FullName, LocalName: r.LocalName, Phone: r.Phone, Role: access.Role(r.Role),
		Language: r.Language, Specialisation: r.Specialisation, Licence: r.LicenceNumber, Qualification: r.Qualification,
		Availability: r.Availability, Room: r.Room, TokenPrefix: r.TokenPrefix, Department: r.DepartmentID.UUID, Shift: r.Shift}
	if r.Years != nil {
		in.Years = writeInt(int64(*r.Years))
	}
	if r.FeePaise != nil {
		in.Fee = writePaise(*r.FeePaise)
	}
	return StaffRecord{ID: r.ID, Active: r.Active, Resting: r.Resting, Version: r.Version, StaffInput: in}
}

// Invited is a new member of the staff.
type Invited struct {
	ID       uuid.UUID
	HandOver string // the link, for those without an address; empty when it was mailed or used
	Before   bool   // the same form was sent before; nothing was made now
}

// Invite makes a user and a one-time link to them. key is the form's own: the
// same form sent twice makes one. Codes: invalid, quota, forbidden, conflict.
func (s *Service) Invite(ctx context.Context, key uuid.UUID, in StaffInput) (Invited, error) {
	if err := s.allow(ctx, access.StaffManage); err != nil {
		return Invited{}, err
	}
	f, err := in.check()
	if err != nil {
		return Invited{}, err
	}
	var out Invited
	var inv identity.Invitation
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		id := uuid.Must(uuid.NewV7())
		first, made, err := tenants.Claim(ctx, tx, key, "staff.invite", id)
		if err != nil {
			return err
		}
		if out = (Invited{ID: made, Before: !first}); !first {
			inv, err = handedOver(ctx, tx, made)
			return err
		}
		if err := loginFree(ctx, tx, id, f); err != nil {
			return err
		}
		if err := tx.Q().InsertStaff(ctx, tenantdb.InsertStaffParams{ID: id, Username: f.username, Email: f.email, FullName: f.name,
			LocalName: f.localName, Phone: f.phone, Role: string(f.role), Language: f.language}); err != nil {
			return err
		}
		if err := tx.Q().SaveProfile(ctx, f.profile(id)); err != nil {
			return err
		}
		inv, err = identity.NewInvitation(ctx, tx, identity.KindInvite, f.invitee(id))
		return err
	})
	if err != nil || inv.ID == uuid.Nil {
		return out, refusedStaff(err)
	}
	out.HandOver, err = s.people.Deliver(ctx, inv)
	return out, err
}

// handedOver finds the link that a form made when it was sent the first time,
// if it is for somebody without an address: a page that was sent twice shows
// only its second answer, and the link is nowhere else. Empty for everyone else.
func handedOver(ctx context.Context, tx *tenants.Tx, user uuid.UUID) (identity.Invitation, error) {
	r, err := tx.Q().GetStaff(ctx, user)
	if err != nil || r.Email != "" {
		return identity.Invitation{}, err
	}
	inv, _, err := identity.OpenInvitation(ctx, tx, inviteeOf(r))
	return inv, err
}

func inviteeOf(r tenantdb.GetStaffRow) identity.Invitee {
	return identity.Invitee{User: r.ID, Username: r.Username, Name: r.FullName, Email: r.Email, Role: access.Role(r.Role), Language: r.Language}
}

// EditStaff changes one of the staff. A change of role ends their sessions. A
// form that asks for what is there already, such as one sent twice, changes
// nothing and is no error. Codes: invalid, quota, stale, conflict, forbidden, not_found.
func (s *Service) EditStaff(ctx context.Context, id uuid.UUID, version int32, in StaffInput) error {
	if err := s.allow(ctx, access.StaffManage); err != nil {
		return err
	}
	f, err := in.check()
	if err != nil {
		return err
	}
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		was, err := tx.Q().GetStaff(ctx, id)
		if err != nil {
			return err
		}
		if was.Version != version {
			return agreed(f, fieldsOf(was))
		}
		if access.Role(was.Role) != f.role && was.Active {
			if err := leaves(ctx, tx, id, access.Role(was.Role)); err != nil {
				return err
			}
		}
		if err := loginFree(ctx, tx, id, f); err != nil {
			return err
		}
		n, err := tx.Q().UpdateStaff(ctx, tenantdb.UpdateStaffParams{ID: id, Version: version, Username: f.username, Email: f.email,
			FullName: f.name, LocalName: f.localName, Phone: f.phone, Role: string(f.role), Language: f.language})
		if err != nil {
			return err
		}
		if n != 1 {
			return stale()
		}
		if err := tx.Q().SaveProfile(ctx, f.profile(id)); err != nil {
			return err
		}
		if access.Role(was.Role) != f.role {
			return endSessions(ctx, tx, id)
		}
		return identity.EndedSessions(ctx, tx, id) // remembered names are old now
	})
	return refusedStaff(err)
}

// fieldsOf are the fields that are kept, as a form would ask for them.
func fieldsOf(r tenantdb.GetStaffRow) staffFields {
	f, _ := recordOf(r).check() // what was kept before a rule may break it
	return f
}

// agreed is what becomes of a form that was opened on an older version: nothing
// when what it asks for is what there is, else stale.
func agreed(asked, there any) error {
	if reflect.DeepEqual(asked, there) {
		return nil
	}
	return stale()
}

// leaves refuses that the role loses somebody it can't do without: the last
// admin, or a doctor whose patients wait.
func leaves(ctx context.Context, tx *tenants.Tx, id uuid.UUID, role access.Role) error {
	switch role {
	case access.ClinicAdmin:
		admins, err := tx.Q().LockAdmins(ctx)
		if err != nil {
			return err
		}
		if len(admins) == 1 && admins[0] == id {
			return apperr.New(apperr.Conflict, "error.staff.last_admin", "This is the clinic's only administrator. Make somebody else one first.")
		}
	case access.Doctor:
		n, err := tx.Q().CountWaitingForDoctor(ctx, tenantdb.CountWaitingForDoctorParams{DoctorID: id, Today: patient.DayIn(tx.Now, tx.Clinic.Zone)})
		if err != nil {
			return err
		}
		if n > 0 {
			return &apperr.Error{Code: apperr.Conflict, Key: "error.staff.waiting", Args: map[string]any{"N": n},
				Text: "Patients are waiting for this doctor today. Transfer or finish their visits first."}
		}
	}
	return nil
}

func endSessions(ctx context.Context, tx *tenants.Tx, id uuid.UUID) error {
	if _, err := tx.Q().RevokeSessionsOfUser(ctx, tenantdb.RevokeSessionsOfUserParams{UserID: id}); err != nil {
		return err
	}
	return identity.EndedSessions(ctx, tx, id)
}

// SetActive ends or restores somebody's access. Their name stays on what they
// signed. What is so already stays so. Codes: conflict (the last admin, oneself, patients waiting), quota,
// stale, forbidden, not_found.
func (s *Service) SetActive(ctx context.Context, id uuid.UUID, version int32, active bool) error {
	if err := s.allow(ctx, access.StaffManage); err != nil {
		return err
	}
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		was, err := tx.Q().GetStaff(ctx, id)
		if err != nil {
			return err
		}
		if was.Active == active {
			return nil
		}
		if was.Version != version {
			return stale()
		}
		if !active {
			if id == tx.Actor.ID {
				return apperr.New(apperr.Conflict, "error.staff.self", "You can't end your own access. Ask another administrator.")
			}
			if err := leaves(ctx, tx, id, access.Role(was.Role)); err != nil {
				return err
			}
		}
		n, err := tx.Q().SetStaffActive(ctx, tenantdb.SetStaffActiveParams{ID: id, Version: version, Active: active})
		if err != nil {
			return err
		}
		if n != 1 {
			return stale()
		}
		if active {
			return nil
		}
		if _, err := tx.Q().CloseInvitationsOfUser(ctx, id); err != nil {
			return err
		}
		return endSessions(ctx, tx, id)
	})
	return refusedStaff(err)
}

// SendLink makes a new one-time link for somebody: an invitation if they never
// signed in, else one to set a new password. It gives the link for those
// without an address. key is the form's own: the same form sent twice makes
// one. Codes: conflict, forbidden, not_found.
func (s *Service) SendLink(ctx context.Context, key, id uuid.UUID) (handOver string, err error) {
	if err := s.allow(ctx, access.StaffManage); err != nil {
		return "", err
	}
	var inv identity.Invitation
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		r, err := tx.Q().GetStaff(ctx, id)
		if err != nil {
			return err
		}
		if !r.Active {
			return apperr.New(apperr.Conflict, "error.staff.inactive", "This person's access has ended. Restore it first.")
		}
		first, made, err := tenants.Claim(ctx, tx, key, "staff.link", id)
		if err != nil {
			return err
		}
		if !first {
			inv, err = handedOver(ctx, tx, made)
			return err
		}
		kind := identity.KindInvite
		if r.LastSeenAt != nil {
			kind = identity.KindReset
		}
		inv, err = identity.NewInvitation(ctx, tx, kind, inviteeOf(r))
		return err
	})
	if err != nil || inv.ID == uuid.Nil {
		return "", refusedStaff(err)
	}
	return s.people.Deliver(ctx, inv)
}
