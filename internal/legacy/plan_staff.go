package legacy

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/text/cases"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

// staffRoles are the older system's words for the roles of a clinic's staff.
var staffRoles = map[string]access.Role{
	"admin": access.ClinicAdmin, "doctor": access.Doctor, "receptionist": access.Receptionist, "lab_tech": access.LabTechnician,
}

const (
	patientRole    = "patient"
	platformRole   = "super_admin"
	placeholder    = "@patient.local"
	longestName    = 200 // of a staff member
	longestLicence = 200
)

var (
	mailShape     = regexp.MustCompile(`^[!-?A-~]+@[!-?A-~]+$`)
	usernameShape = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{1,149}$`)
	notInUsername = regexp.MustCompile(`[^a-z0-9._@+-]+`)
)

// planUsers parts the older system's logins: staff to be invited, patients'
// logins, and those that are nobody of the clinic. No right on the platform
// comes from a file.
func (p *Plan) planUsers() {
	b := p.books["hospital_user"]
	linked := map[int64]bool{}
	for _, r := range p.File.rows["hospital_patient"] {
		if user, ok := r.whole("user_id"); ok {
			linked[user] = true
		}
	}
	mails, names := map[string]bool{}, map[string]bool{}
	for _, r := range p.File.rows["hospital_user"] {
		p.known[r.ID] = true
		role, isStaff := staffRoles[r.text("role")]
		_, hasClinic := r.whole("clinic_id")
		switch {
		case r.text("role") == platformRole || (r.yes("is_superuser") && !hasClinic):
			b.say(PlatformAccount, r.ID)
		case !p.belongs(b, r):
		case r.text("role") == patientRole:
			p.planLogin(b, r, linked[r.ID])
		case !isStaff:
			b.say(RoleUnknown, r.ID)
		default:
			s := Staff{
				ID: r.ID, OldRole: r.text("role"), Role: role, Active: r.yes("is_active"),
				Email: staffMail(b, r, mails), Username: username(b, r, names),
				Facts: facts(r, "username", "last_login", "date_joined", "created_at"),
			}
			staffName(b, r, &s)
			if r.text("mobile_number") != "" {
				phone, k := phoneOf(r.text("mobile_number"))
				s.Phone = phi.Text(phone)
				if k != "" {
					b.say(k, r.ID)
				}
				if k == PhoneUnusable {
					s.OldPhone = phi.Text(r.text("mobile_number"))
				}
			}
			if !s.Active {
				b.say(InactiveAccount, r.ID)
			}
			p.Staff = append(p.Staff, s)
		}
	}
	for i := range p.Staff {
		p.staff[p.Staff[i].ID] = &p.Staff[i]
	}
}

// planLogin notes a patient's login; planPatients joins it to its patient.
func (p *Plan) planLogin(b *book, r Row, linked bool) {
	if !linked {
		b.say(LoginNoPatient, r.ID)
		return
	}
	if r.yes("is_superuser") {
		b.say(SuperuserDropped, r.ID)
	}
	if strings.HasSuffix(r.text("email"), placeholder) {
		b.say(EmailPlaceholder, r.ID)
	}
	p.Logins = append(p.Logins, Login{ID: r.ID, Facts: facts(r, "last_login", "date_joined", "created_at")})
}

// staffMail gives the address to which an invitation can go, if there is one
// that no lower id has.
func staffMail(b *book, r Row, mails map[string]bool) string {
	mail := strings.TrimSpace(r.text("email"))
	folded := cases.Fold().String(mail)
	switch {
	case mail == "":
		b.say(EmailMissing, r.ID)
	case mails[folded]:
		b.say(EmailDuplicate, r.ID)
	case len(mail) > 254 || !mailShape.MatchString(mail):
		b.say(EmailUnusable, r.ID)
	default:
		mails[folded] = true
		return strings.ToLower(mail)
	}
	return ""
}

// username gives the name in lower case, as the new system compares it.
func username(b *book, r Row, taken map[string]bool) string {
	name := strings.ToLower(r.text("username"))
	if !usernameShape.MatchString(name) || taken[name] {
		b.say(UsernameChanged, r.ID)
		name = freeUsername(name, r.ID, func(n string) bool { return taken[n] })
	}
	taken[name] = true
	return name
}

// freeUsername makes an allowed name that is not taken.
func freeUsername(name string, id int64, taken func(string) bool) string {
	name = strings.TrimLeft(notInUsername.ReplaceAllString(name, "."), "._@+-")
	if len(name) > 120 {
		name = name[:120]
	}
	if !usernameShape.MatchString(name) {
		name = fmt.Sprintf("staff-%d", uint64(id))
	}
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

// staffName is the whole name; the older system let staff have none, so the
// username stands in.
func staffName(b *book, r Row, s *Staff) {
	whole := patient.CleanName(r.text("first_name") + " " + r.text("last_name"))
	if whole == "" {
		whole = s.Facts["username"]
	}
	if patient.CleanName(whole) == "" {
		whole = s.Username
	}
	whole, shorter := cut(whole, longestName)
	if shorter {
		b.say(TextCut, r.ID)
		s.Facts["name"] = r.text("first_name") + " " + r.text("last_name")
	}
	s.Name = phi.Text(whole)
}

// planProfiles gives doctors their profiles.
func (p *Plan) planProfiles() {
	b := p.books["hospital_doctor"]
	licences, users := map[string]bool{}, map[int64]bool{}
	for _, r := range p.File.rows["hospital_doctor"] {
		if !p.belongs(b, r) {
			continue
		}
		user, _ := r.whole("user_id")
		if p.staff[user] == nil || users[user] {
			b.say(UserMissing, r.ID)
			continue
		}
		users[user] = true
		d := Profile{ID: r.ID, User: user, Specialisation: r.text("specialization"), Licence: strings.TrimSpace(r.text("license_number"))}
		var shorter bool
		if d.Licence, shorter = cut(d.Licence, longestLicence); shorter {
			b.say(TextCut, r.ID)
		}
		if d.Licence != "" && licences[d.Licence] {
			b.say(LicenceTaken, r.ID)
			d.Licence = ""
		}
		licences[d.Licence] = true
		p.Profiles = append(p.Profiles, d)
	}
}
