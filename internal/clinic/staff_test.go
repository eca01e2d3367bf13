package clinic_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

func nurse(name string) clinic.StaffInput {
	return clinic.StaffInput{Username: name, Name: "Kavita More", Email: name + "@clinic.example", Role: access.Nurse, Shift: "night"}
}

func doctor(name string) clinic.StaffInput {
	return clinic.StaffInput{Username: name, Name: "Dr. Ila Bose", Role: access.Doctor, Licence: "MMC-" + name, Years: "7", Fee: "₹ 1,250.50", Room: "4", TokenPrefix: "c"}
}

func TestOnlyTheAdminSeesAndManagesStaff(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, r := range access.StaffRoles() {
		ctx := w.as(t, testkit.Alpha, r)
		_, list := w.Staff(ctx)
		_, inv := w.Invite(ctx, key(), nurse("x"+string(r[0])))
		_, link := w.SendLink(ctx, key(), testkit.Nurse)
		for what, err := range map[string]error{"list": list, "invite": inv, "link": link, "end": w.SetActive(ctx, testkit.Nurse, 99, false)} {
			if refused := apperr.Is(err, apperr.Forbidden); refused == (r == access.ClinicAdmin) {
				t.Errorf("%s %s: %v", r, what, err)
			}
		}
	}
	if _, err := w.Staff(t.Context()); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("nobody: %v", err)
	}
}

func TestInviteEditAndList(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.admin(t)
	k := key()
	out, err := w.Invite(ctx, k, doctor("ila"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.HandOver, "http://cloister.test/clinic/alpha/password/") {
		t.Errorf("without an email the link is %q", out.HandOver)
	}
	again, err := w.Invite(ctx, k, doctor("ila"))
	if err != nil || !again.Before || again.ID != out.ID || again.HandOver != out.HandOver {
		t.Errorf("the same form again: %+v %v", again, err)
	}
	m, err := w.StaffMember(ctx, out.ID)
	if err != nil || m.Fee != "1250.50" || m.Years != "7" || m.TokenPrefix != "C" || m.Role != access.Doctor || m.Licence != "MMC-ila" {
		t.Fatalf("%+v %v", m, err)
	}
	in := m.StaffInput
	in.Name, in.Phone, in.Department = "Dr. Ila Bose-Rao", "98111 22233", testkit.Department
	if err := w.EditStaff(ctx, out.ID, m.Version, in); err != nil {
		t.Fatal(err)
	}
	if err := w.EditStaff(ctx, out.ID, m.Version, in); err != nil {
		t.Errorf("the same form again: %v", err)
	}
	in.Room = "9"
	if err := w.EditStaff(ctx, out.ID, m.Version, in); !apperr.Is(err, apperr.Stale) {
		t.Errorf("an old version: %v", err)
	}
	list, err := w.Staff(ctx)
	if err != nil || len(list) != 7 {
		t.Fatal(len(list), err)
	}
	found := false
	for _, x := range list {
		if x.ID == out.ID {
			found = x.Invited && x.Active && x.Name == "Dr. Ila Bose-Rao" && x.Phone == "+919811122233"
		}
	}
	if !found {
		t.Errorf("the list has %+v", list)
	}
	if _, err := w.StaffMember(ctx, uuid.New()); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("nobody's id: %v", err)
	}
	// The other clinic has its own people of the same ids, and not this one.
	if _, err := w.StaffMember(w.as(t, testkit.Beta, access.ClinicAdmin), out.ID); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("the other clinic's admin: %v", err)
	}
}

func TestStaffFormsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.admin(t)
	for name, c := range map[string]struct {
		in    clinic.StaffInput
		field string
	}{
		"nothing":            {clinic.StaffInput{}, "username"},
		"no name":            {clinic.StaffInput{Username: "abc", Role: access.Nurse}, "name"},
		"no role":            {clinic.StaffInput{Username: "abc", Name: "A B"}, "role"},
		"a patient":          {clinic.StaffInput{Username: "abc", Name: "A B", Role: access.Patient}, "role"},
		"an operator":        {clinic.StaffInput{Username: "abc", Name: "A B", Role: access.Platform}, "role"},
		"odd username":       {clinic.StaffInput{Username: "a b", Name: "A B", Role: access.Nurse}, "username"},
		"username an email":  {clinic.StaffInput{Username: "a@b.in", Name: "A B", Role: access.Nurse}, "username"},
		"odd email":          {clinic.StaffInput{Username: "abc", Email: "a@b", Name: "A B", Role: access.Nurse}, "email"},
		"email with a name":  {clinic.StaffInput{Username: "abc", Email: "A <a@b.in>", Name: "A B", Role: access.Nurse}, "email"},
		"odd phone":          {clinic.StaffInput{Username: "abc", Phone: "12", Name: "A B", Role: access.Nurse}, "phone"},
		"odd shift":          {clinic.StaffInput{Username: "abc", Shift: "noon", Name: "A B", Role: access.Nurse}, "shift"},
		"odd language":       {clinic.StaffInput{Username: "abc", Language: "fr", Name: "A B", Role: access.Nurse}, "language"},
		"no licence":         {clinic.StaffInput{Username: "abc", Name: "A B", Role: access.Doctor}, "licence"},
		"odd years":          {clinic.StaffInput{Username: "abc", Years: "-1", Name: "A B", Role: access.Doctor, Licence: "L"}, "years"},
		"odd fee":            {clinic.StaffInput{Username: "abc", Fee: "1.234", Name: "A B", Role: access.Doctor, Licence: "L"}, "fee"},
		"odd prefix":         {clinic.StaffInput{Username: "abc", TokenPrefix: "A1", Name: "A B", Role: access.Doctor, Licence: "L"}, "token_prefix"},
		"unknown department": {clinic.StaffInput{Username: "abc", Department: uuid.New(), Name: "A B", Role: access.Doctor, Licence: "L"}, "department"},
		"taken username":     {clinic.StaffInput{Username: "Nurse", Name: "A B", Role: access.Nurse}, "username"},
		"taken email":        {clinic.StaffInput{Username: "abc", Email: "Nurse@clinic.example", Name: "A B", Role: access.Nurse}, "email"},
		"taken licence":      {clinic.StaffInput{Username: "abc", Name: "A B", Role: access.Doctor, Licence: "MMC-1001"}, "licence"},
	} {
		_, err := w.Invite(ctx, key(), c.in)
		if got := fields(t, err); !got[c.field] {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTheLastAdminStays(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.admin(t)
	me, err := w.StaffMember(ctx, testkit.ClinicAdmin)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetActive(ctx, testkit.ClinicAdmin, me.Version, false); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("ending oneself: %v", err)
	}
	in := me.StaffInput
	in.Role = access.Nurse
	if err := w.EditStaff(ctx, testkit.ClinicAdmin, me.Version, in); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("the only admin becomes a nurse: %v", err)
	}
	second := clinic.StaffInput{Username: "second", Name: "Second Admin", Role: access.ClinicAdmin}
	out, err := w.Invite(ctx, key(), second)
	if err != nil {
		t.Fatal(err)
	}
	// Two admins end each other at the same moment: one must fail.
	other := w.person(t, testkit.Alpha, access.ClinicAdmin, out.ID)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { errs[0] = w.SetActive(ctx, out.ID, 1, false) })
	wg.Go(func() { errs[1] = w.SetActive(other, testkit.ClinicAdmin, me.Version, false) })
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("both: %v and %v", errs[0], errs[1])
	}
	var left int
	if err := testkit.Conn(t, w.kit.Admin).QueryRow(t.Context(), "select count(*) from clinic_alpha.users where role = 'clinic_admin' and active").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d admins are left, %v", left, err)
	}
}

func TestQuotaNamesItsLimit(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.kit.Exec(t, "set session_replication_role = replica; update platform.clinics set plan = 'basic' where slug = 'alpha'")
	ctx := w.admin(t)
	if _, err := w.Invite(ctx, key(), doctor("third")); err != nil {
		t.Fatal(err)
	}
	_, err := w.Invite(ctx, key(), doctor("fourth"))
	var e *apperr.Error
	if !errors.As(err, &e) || e.Code != apperr.Quota || e.Key != "error.quota_doctors" || e.Args["Limit"] != "3" || !strings.Contains(e.Text, "3") {
		t.Fatalf("%v %+v", err, e)
	}
	// Somebody who left makes room; they can't come back while it is full.
	m, err := w.StaffMember(ctx, testkit.SecondDoctor)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetActive(ctx, testkit.SecondDoctor, m.Version, false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Invite(ctx, key(), doctor("fourth")); err != nil {
		t.Fatal(err)
	}
	if err := w.SetActive(ctx, testkit.SecondDoctor, m.Version+1, true); !apperr.Is(err, apperr.Quota) {
		t.Errorf("coming back into a full house: %v", err)
	}
}

func TestEndingAccess(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.admin(t)
	m, err := w.StaffMember(ctx, testkit.Receptionist)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetActive(ctx, testkit.Receptionist, m.Version, false); err != nil {
		t.Fatal(err)
	}
	var sessions, links int
	if err := testkit.Conn(t, w.kit.Admin).QueryRow(t.Context(), `select (select count(*) from clinic_alpha.sessions where user_id = $1 and revoked_at is null),
		(select count(*) from clinic_alpha.invitations where user_id = $1 and used_at is null and revoked_at is null)`, testkit.Receptionist).Scan(&sessions, &links); err != nil {
		t.Fatal(err)
	}
	if sessions != 0 || links != 0 {
		t.Errorf("%d sessions and %d links live on", sessions, links)
	}
	if _, err := w.SendLink(ctx, key(), testkit.Receptionist); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("a link for somebody whose access ended: %v", err)
	}
	if err := w.SetActive(ctx, testkit.Receptionist, m.Version, true); !apperr.Is(err, apperr.Stale) {
		t.Errorf("an old version: %v", err)
	}
	if err := w.SetActive(ctx, testkit.Receptionist, m.Version+1, true); err != nil {
		t.Error(err)
	}
	// A doctor whose patients wait stays.
	w.kit.Exec(t, `set session_replication_role = replica; insert into clinic_alpha.visits (id, patient_id, doctor_id, day, kind, arrived_at) values
		('018f0000-0000-7000-8000-0000000000aa', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000002', (now() at time zone 'Asia/Kolkata')::date, 'routine', now())`)
	d, err := w.StaffMember(ctx, testkit.Doctor)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetActive(ctx, testkit.Doctor, d.Version, false); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("a doctor whose patients wait: %v", err)
	}
}

// Signing in and being seen are no edits: a form opened before still saves.
func TestSigningInMakesNoFormStale(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.admin(t)
	m, err := w.StaffMember(ctx, testkit.Nurse)
	if err != nil {
		t.Fatal(err)
	}
	sc, _ := tenants.ScopeFrom(ctx)
	door := identity.AtDoor(context.Background(), sc.Clinic, "r", "192.0.2.1")
	_, _ = w.people.SignIn(door, identity.Credentials{Login: "nurse", Password: "not the password"})
	if err := w.EditStaff(ctx, testkit.Nurse, m.Version, m.StaffInput); err != nil {
		t.Error(err)
	}
}
