package page

import (
	"strconv"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// RoleName is a role in the reader's language.
func RoleName(l *locale.Loc, r access.Role) string {
	switch r {
	case access.ClinicAdmin:
		return l.T("role.clinic_admin")
	case access.Doctor:
		return l.T("role.doctor")
	case access.Nurse:
		return l.T("role.nurse")
	case access.Receptionist:
		return l.T("role.receptionist")
	case access.LabTechnician:
		return l.T("role.lab_technician")
	case access.Patient:
		return l.T("role.patient")
	case access.Platform:
		return l.T("role.platform")
	}
	return ""
}

// RoleOptions are the roles that staff can have, for a form.
func RoleOptions(l *locale.Loc) []ui.Option {
	out := make([]ui.Option, 0, len(access.StaffRoles()))
	for _, r := range access.StaffRoles() {
		out = append(out, ui.Option{Value: string(r), Label: RoleName(l, r)})
	}
	return out
}

// VisitKinds are the kinds of visit, for a form.
func VisitKinds(l *locale.Loc) []ui.Option {
	return []ui.Option{
		{Value: "routine", Label: l.T("visit.routine")}, {Value: "follow_up", Label: l.T("visit.follow_up")},
		{Value: "emergency", Label: l.T("visit.emergency")}, {Value: "admission", Label: l.T("visit.admission")},
	}
}

// VisitKind is one kind of visit in words.
func VisitKind(l *locale.Loc, kind string) string { return labelOf(VisitKinds(l), kind) }

// Statuses of a patient, for a form.
func PatientStatuses(l *locale.Loc) []ui.Option {
	return []ui.Option{
		{Value: "registered", Label: l.T("status.registered")}, {Value: "in_diagnosis", Label: l.T("status.in_diagnosis")},
		{Value: "in_treatment", Label: l.T("status.in_treatment")}, {Value: "admitted", Label: l.T("status.admitted")},
		{Value: "discharged", Label: l.T("status.discharged")}, {Value: "deceased", Label: l.T("status.deceased")},
	}
}

// IdentityKinds are the identity documents a patient may show.
func IdentityKinds(l *locale.Loc) []ui.Option {
	return []ui.Option{
		{Value: "aadhaar", Label: l.T("identity.aadhaar")}, {Value: "pan", Label: l.T("identity.pan")},
		{Value: "licence", Label: l.T("identity.licence")}, {Value: "abha", Label: l.T("identity.abha")},
	}
}

// BloodGroups are the ABO and Rh groups; they have no translation.
func BloodGroups() []ui.Option {
	out := []ui.Option{}
	for _, g := range []string{"A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-"} {
		out = append(out, ui.Option{Value: g, Label: g})
	}
	return out
}

func labelOf(options []ui.Option, value string) string {
	for _, o := range options {
		if o.Value == value {
			return o.Label
		}
	}
	return ""
}

// SexLetter is the short form that tables show: F, M or O.
func SexLetter(l *locale.Loc, sex string) string {
	switch sex {
	case "female":
		return l.T("sex.female_short")
	case "male":
		return l.T("sex.male_short")
	case "other":
		return l.T("sex.other_short")
	}
	return ""
}

// Age is "34 y", or months below two years and days below one month.
func Age(l *locale.Loc, born, today time.Time) string {
	if born.IsZero() || born.After(today) {
		return ""
	}
	months := (today.Year()-born.Year())*12 + int(today.Month()) - int(born.Month())
	if today.Day() < born.Day() {
		months--
	}
	switch {
	case months >= 24:
		return l.T("age.years", "N", months/12)
	case months >= 1:
		return l.T("age.months", "N", months)
	}
	return l.T("age.days", "N", int(today.Sub(born)/(24*time.Hour)))
}

// SexAge is "F · 34 y"; what is not known is left out.
func SexAge(l *locale.Loc, sex string, born, today time.Time) string {
	s, a := SexLetter(l, sex), Age(l, born, today)
	if s != "" && a != "" {
		return s + " · " + a
	}
	return s + a
}

// Area names a part of the clinic for the navigation.
type Area struct {
	Path, Icon, Key string
	Needs           []access.Capability // any of them
	label           func(*locale.Loc) string
	short           func(*locale.Loc) string // for the bottom bar of a phone; nil where the label fits
}

// Areas are the navigation of staff, in order. Two areas of one role never
// share a key.
func Areas() []Area {
	return []Area{
		{"/my-queue", "stethoscope", "g m", []access.Capability{access.ConsultationOwn}, func(l *locale.Loc) string { return l.T("nav.my_queue") }, nil},
		{"/templates", "file-text", "g t", []access.Capability{access.TemplateOwn}, func(l *locale.Loc) string { return l.T("nav.templates") }, nil},
		{"/dashboard", "layout-dashboard", "g h", []access.Capability{access.StaffManage}, func(l *locale.Loc) string { return l.T("nav.dashboard") }, nil},
		{"/queue", "list-ordered", "g q", []access.Capability{access.QueueView}, func(l *locale.Loc) string { return l.T("nav.queue") }, nil},
		{"/appointments", "calendar-clock", "g a", []access.Capability{access.AppointmentView}, func(l *locale.Loc) string { return l.T("nav.appointments") }, func(l *locale.Loc) string { return l.T("nav.appointments_short") }},
		{"/patients", "users", "g p", []access.Capability{access.PatientView}, func(l *locale.Loc) string { return l.T("nav.patients") }, nil},
		{"/visits", "calendar-days", "g v", []access.Capability{access.QueueView}, func(l *locale.Loc) string { return l.T("nav.visits") }, nil},
		{"/displays", "monitor", "g d", []access.Capability{access.DisplayManage}, func(l *locale.Loc) string { return l.T("nav.displays") }, nil},
		{"/staff", "stethoscope", "g s", []access.Capability{access.StaffManage}, func(l *locale.Loc) string { return l.T("nav.staff") }, nil},
		{"/formulary", "pill", "g f", []access.Capability{access.FormularyKeep}, func(l *locale.Loc) string { return l.T("nav.formulary") }, nil},
		{"/settings", "settings", "g e", []access.Capability{access.SettingsEdit}, func(l *locale.Loc) string { return l.T("nav.settings") }, nil},
	}
}

// Nav is the navigation of someone with these capabilities; current is the path
// of the area that the page belongs to.
func Nav(l *locale.Loc, b Base, can func(access.Capability) bool, current string) []ui.NavItem {
	var out []ui.NavItem
	for _, a := range Areas() {
		for _, c := range a.Needs {
			if can(c) {
				item := ui.NavItem{Label: a.label(l), Href: b.At(a.Path), Icon: a.Icon, Key: a.Key, Current: a.Path == current}
				if a.short != nil {
					item.Short = a.short(l)
				}
				out = append(out, item)
				break
			}
		}
	}
	return out
}

// AccountLinks are the entries of the account menu.
func AccountLinks(l *locale.Loc, b Base) []ui.Link {
	return []ui.Link{
		{Label: l.T("account.title"), Href: b.At("/account"), Icon: "user"},
		{Label: l.T("sessions.title"), Href: b.At("/account/sessions"), Icon: "shield"},
	}
}

// Counts are today's figures of the queue.
type Counts struct {
	Waiting, Consulting, Done, Total int
	AverageWait                      time.Duration
	Doctors, DoctorsBusy             int
	Called                           int
}

// QueueStats are the figures above the queue; each opens its filter.
func QueueStats(l *locale.Loc, b Base, c Counts, state string) []ui.Stat {
	return []ui.Stat{
		{Value: l.Num(c.Waiting), Label: l.T("status.waiting"), Context: l.T("queue.average", "Wait", l.Minutes(c.AverageWait)), Href: b.Query("/queue", "state", "waiting"), Current: state == "waiting"},
		{Value: l.Num(c.Called), Label: l.T("status.called"), Href: b.Query("/queue", "state", "called"), Current: state == "called"},
		{Value: l.Num(c.Consulting), Label: l.T("status.in_consultation"), Context: l.T("queue.doctors_busy", "Busy", c.DoctorsBusy, "All", c.Doctors), Href: b.Query("/queue", "state", "in_consultation"), Current: state == "in_consultation"},
		{Value: l.Num(c.Done), Label: l.T("status.done"), Context: l.T("queue.of_today", "N", l.Num(c.Total)), Href: b.Query("/queue", "state", "done"), Current: state == "done"},
	}
}

// Ahead is "3 ahead · about 25 min" for slips and the patient's own link.
func Ahead(l *locale.Loc, ahead int, wait time.Duration) string {
	if ahead == 0 {
		return l.T("slip.next")
	}
	return l.N("slip.ahead", ahead, "Wait", l.Minutes(wait))
}

// DoctorOption is a doctor in the register form with how many wait.
func DoctorOption(l *locale.Loc, id, name string, waiting int) ui.Option {
	return ui.Option{Value: id, Label: l.T("queue.doctor_waiting", "Name", name, "N", strconv.Itoa(waiting))}
}

// LanguageOptions are the languages, each named in its own script.
func LanguageOptions() []ui.Option {
	out := []ui.Option{}
	for _, code := range locale.Languages() {
		out = append(out, ui.Option{Value: code, Label: locale.LanguageName(code), Lang: code})
	}
	return out
}

// Urgencies are the degrees of a consultation, for a form.
func Urgencies(l *locale.Loc) []ui.Option {
	return []ui.Option{
		{Value: "routine", Label: l.T("urgency.routine")}, {Value: "moderate", Label: l.T("urgency.moderate")},
		{Value: "urgent", Label: l.T("urgency.urgent")}, {Value: "critical", Label: l.T("urgency.critical")},
	}
}

// Urgency is one degree in words.
func Urgency(l *locale.Loc, degree string) string { return labelOf(Urgencies(l), degree) }
