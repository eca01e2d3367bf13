package legacy

import (
	"context"
	"maps"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
)

// staff makes the users that the clinic doesn't have yet and their invitations,
// which nobody mails here.
func (w *writer) staff(ctx context.Context) error {
	has, err := w.q.ListUsersForImport(ctx)
	if err != nil {
		return err
	}
	names, mails := map[string]bool{}, map[string]uuid.UUID{}
	for _, u := range has {
		names[u.Username] = true
		if u.Email != nil {
			mails[*u.Email] = u.ID
		}
	}
	b := w.books["hospital_user"]
	for i := range w.plan.Staff {
		s := w.plan.Staff[i]
		if id, done := w.found("hospital_user", s.ID); done {
			w.users[s.ID] = id
			continue
		}
		if id, same := mails[s.Email]; same && s.Email != "" {
			b.say(StaffThere, s.ID)
			w.users[s.ID] = id
			if err := remember(ctx, w.q, "users", id, "hospital_user", s.ID, s.Facts); err != nil {
				return err
			}
			continue
		}
		if names[s.Username] {
			b.say(UsernameChanged, s.ID)
			s.Username = freeUsername(s.Username, s.ID, func(n string) bool { return names[n] })
		}
		names[s.Username] = true
		if err := w.user(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// user writes one staff member.
func (w *writer) user(ctx context.Context, s Staff) error {
	id := newID()
	w.users[s.ID] = id
	user := tenantdb.InsertImportedUserParams{
		ID: id, Username: s.Username, FullName: s.Name.Reveal(), Phone: s.Phone.Reveal(), Role: string(s.Role), Active: s.Active,
	}
	if s.Email != "" {
		user.Email = &s.Email
	}
	if err := w.q.InsertImportedUser(ctx, user); err != nil {
		return err
	}
	facts := maps.Clone(s.Facts)
	if s.OldPhone != "" {
		facts["mobile_number"] = s.OldPhone.Reveal()
	}
	if err := remember(ctx, w.q, "users", id, "hospital_user", s.ID, facts); err != nil {
		return err
	}
	if !s.Active || s.Email == "" {
		return nil
	}
	return w.q.InsertImportedInvitation(ctx, tenantdb.InsertImportedInvitationParams{
		ID: newID(), UserID: orNull(id), Email: s.Email, CreatedBy: w.by, ExpiresAt: w.tx.Now.Add(access.InviteFor),
	})
}

// profiles gives doctors their profiles. A user that the clinic had before
// keeps its own.
func (w *writer) profiles(ctx context.Context) error {
	has, err := w.q.ListLicencesForImport(ctx)
	if err != nil {
		return err
	}
	licences, users := map[string]bool{}, map[uuid.UUID]bool{}
	for _, p := range has {
		users[p.UserID] = true
		if p.LicenceNumber != nil {
			licences[*p.LicenceNumber] = true
		}
	}
	b := w.books["hospital_doctor"]
	for _, d := range w.plan.Profiles {
		if _, done := w.found("hospital_doctor", d.ID); done {
			continue
		}
		user := w.users[d.User]
		if users[user] {
			b.say(StaffThere, d.ID)
			if err := remember(ctx, w.q, "profiles", user, "hospital_doctor", d.ID, map[string]string{"license_number": d.Licence, "specialization": d.Specialisation}); err != nil {
				return err
			}
			continue
		}
		profile := tenantdb.InsertImportedProfileParams{UserID: user, Specialisation: d.Specialisation}
		var facts map[string]string
		switch {
		case strings.TrimSpace(d.Licence) == "":
		case licences[d.Licence]:
			b.say(LicenceTaken, d.ID)
			facts = map[string]string{"license_number": d.Licence}
		default:
			profile.LicenceNumber = &d.Licence
		}
		licences[d.Licence] = true
		if err := w.q.InsertImportedProfile(ctx, profile); err != nil {
			return err
		}
		if err := remember(ctx, w.q, "profiles", user, "hospital_doctor", d.ID, facts); err != nil {
			return err
		}
	}
	return nil
}
