package clinic

import (
	"context"
	"net/mail"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// StaffInput is what a form says of somebody who works here, as typed.
type StaffInput struct {
	Username, Email, Name, LocalName, Phone string
	Role                                    access.Role
	Language                                string // empty for the clinic's
	// Doctors.
	Specialisation, Licence, Qualification string
	Years, Fee                             string // years of practice, rupees
	Availability, Room, TokenPrefix        string
	Department                             uuid.UUID // all zero for none
	// Everyone else.
	Shift string
}

// staffFields is a StaffInput that was checked.
type staffFields struct {
	username, name, localName, phone, language string
	email                                      *string
	role                                       access.Role
	specialisation, qualification              string
	licence                                    *string
	years                                      *int16
	fee                                        *int64
	availability, room, tokenPrefix, shift     string
	department                                 uuid.NullUUID
}

var (
	usernameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{1,149}$`)
	prefixForm   = regexp.MustCompile(`^[A-Z]{0,3}$`)
)

// check brings a form to what the database keeps. Fields of another role are
// dropped, not complained about.
func (in StaffInput) check() (staffFields, error) {
	var p apperr.Problems
	f := staffFields{
		username: strings.ToLower(strings.TrimSpace(in.Username)), name: patient.CleanName(in.Name), localName: patient.CleanName(in.LocalName),
		role: in.Role, language: in.Language, availability: "available",
	}
	f.email = checkEmail(&p, "email", in.Email)
	if f.username == "" && f.email != nil {
		f.username = *f.email
	}
	switch {
	case f.username == "":
		p.Add("username", "error.staff.login", "Enter a username or an email")
	case !usernameForm.MatchString(f.username):
		p.Add("username", "error.staff.username", "Use 2 or more small Latin letters, digits, dots, dashes or underscores")
	case strings.Contains(f.username, "@") && (f.email == nil || f.username != *f.email):
		p.Add("username", "error.staff.username_email", "A username with @ must be the person's own email")
	}
	required(&p, "name", f.name, 200)
	limit(&p, "local_name", f.localName, 200)
	f.phone = checkPhone(&p, "phone", in.Phone)
	if !in.Role.IsStaff() {
		p.Add("role", "error.choose", "Choose one from the list")
	}
	choose(&p, "language", f.language, "", "en", "hi", "mr")
	if in.Role == access.Doctor {
		in.checkDoctor(&p, &f)
	} else {
		f.shift = in.Shift
		choose(&p, "shift", f.shift, "", "morning", "afternoon", "evening", "night")
	}
	return f, p.Err()
}

func (in StaffInput) checkDoctor(p *apperr.Problems, f *staffFields) {
	f.specialisation, f.qualification, f.room = patient.CleanName(in.Specialisation), patient.CleanName(in.Qualification), patient.CleanName(in.Room)
	limit(p, "specialisation", f.specialisation, 200)
	limit(p, "qualification", f.qualification, 200)
	limit(p, "room", f.room, 40)
	licence := patient.CleanName(in.Licence)
	if licence == "" {
		p.Add("licence", "error.staff.licence", "Enter the doctor's registration number")
	} else {
		limit(p, "licence", licence, 60)
		f.licence = &licence
	}
	if t := strings.TrimSpace(in.Years); t != "" {
		n, err := strconv.ParseInt(t, 10, 16)
		if err != nil || n < 0 || n > 80 {
			p.Add("years", "error.staff.years", "Enter the years of practice, 0 to 80")
		}
		y := int16(n)
		f.years = &y
	}
	if t := strings.TrimSpace(in.Fee); t != "" {
		n, ok := readPaise(t)
		if !ok {
			p.Add("fee", "error.money", "Enter an amount in rupees, such as 500")
		}
		f.fee = &n
	}
	if in.Availability != "" {
		f.availability = in.Availability
	}
	choose(p, "availability", f.availability, "available", "on_leave", "offline")
	f.tokenPrefix = checkPrefix(p, "token_prefix", in.TokenPrefix, true)
	f.department = uuid.NullUUID{UUID: in.Department, Valid: in.Department != uuid.Nil}
}

func (f staffFields) profile(id uuid.UUID) tenantdb.SaveProfileParams {
	return tenantdb.SaveProfileParams{UserID: id, Specialisation: f.specialisation, LicenceNumber: f.licence, Qualification: f.qualification,
		Years: f.years, FeePaise: f.fee, Availability: f.availability, Room: f.room, TokenPrefix: f.tokenPrefix, DepartmentID: f.department, Shift: f.shift}
}

func (f staffFields) invitee(id uuid.UUID) identity.Invitee {
	to := identity.Invitee{User: id, Username: f.username, Name: f.name, Role: f.role, Language: f.language}
	if f.email != nil {
		to.Email = *f.email
	}
	return to
}

// loginFree refuses a username that is somebody's email and the other way
// round: the sign-in takes both in one field. What the two unique keys see,
// they refuse themselves.
func loginFree(ctx context.Context, tx *tenants.Tx, id uuid.UUID, f staffFields) error {
	var p apperr.Problems
	taken, err := tx.Q().LoginTaken(ctx, tenantdb.LoginTakenParams{ID: id, Login: f.username})
	if err != nil {
		return err
	}
	if taken {
		p.Add("username", "error.staff.username_taken", "Somebody here has this username already")
	}
	if f.email != nil && *f.email != f.username {
		if taken, err = tx.Q().LoginTaken(ctx, tenantdb.LoginTakenParams{ID: id, Login: *f.email}); err != nil {
			return err
		}
		if taken {
			p.Add("email", "error.staff.email_taken", "Somebody here has this email already")
		}
	}
	return p.Err()
}

// refusedStaff names the field behind a refusal of the database.
func refusedStaff(err error) error {
	var p apperr.Problems
	switch {
	case err == nil:
		return nil
	case tenants.Violates(err, "users_username"):
		p.Add("username", "error.staff.username_taken", "Somebody here has this username already")
	case tenants.Violates(err, "users_email"):
		p.Add("email", "error.staff.email_taken", "Somebody here has this email already")
	case tenants.Violates(err, "profiles_licence"):
		p.Add("licence", "error.staff.licence_taken", "Another doctor here has this registration number")
	case tenants.Violates(err, "profiles_department_id_fkey"):
		p.Add("department", "error.choose", "Choose one from the list")
	default:
		return tenants.Refused(err)
	}
	return p.Err()
}

// checkEmail gives an address in small letters, nil for none.
func checkEmail(p *apperr.Problems, field, text string) *string {
	t := strings.ToLower(strings.TrimSpace(text))
	if t == "" {
		return nil
	}
	a, err := mail.ParseAddress(t)
	if err != nil || a.Address != t || len(t) > 254 || !strings.Contains(t[strings.LastIndexByte(t, '@')+1:], ".") {
		p.Add(field, "error.email.invalid", "Enter an email address, such as name@clinic.in")
	}
	return &t
}

func checkPhone(p *apperr.Problems, field, text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	n, err := patient.ParsePhone(text)
	if err != nil {
		p.Add(field, "error.phone.invalid", "Enter a 10-digit mobile number")
	}
	return n
}

func checkPrefix(p *apperr.Problems, field, text string, empty bool) string {
	t := strings.ToUpper(strings.TrimSpace(text))
	if !prefixForm.MatchString(t) || (t == "" && !empty) {
		p.Add(field, "error.token_prefix", "Use one to three Latin letters")
	}
	return t
}

func required(p *apperr.Problems, field, v string, n int) {
	if v == "" {
		p.Add(field, "error.required", "Fill this in")
		return
	}
	limit(p, field, v, n)
}

func limit(p *apperr.Problems, field, v string, n int) {
	if len([]rune(v)) > n {
		p.AddArgs(field, "error.too_long", "Use fewer characters", map[string]any{"Max": n})
	}
}

func choose(p *apperr.Problems, field, v string, allowed ...string) {
	for _, a := range allowed {
		if v == a {
			return
		}
	}
	p.Add(field, "error.choose", "Choose one from the list")
}
