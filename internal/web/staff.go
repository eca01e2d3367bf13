package web

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) staffRoutes() []httpx.Route {
	row := func(method, path string, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: httpx.ClinicPath + "/staff" + path, Gate: httpx.Capable, Capability: access.StaffManage, Handler: h}
	}
	return []httpx.Route{
		row(http.MethodGet, "", s.staff),
		row(http.MethodGet, "/invite", s.staffInvite),
		row(http.MethodPost, "/invite", s.staffInvitePost),
		row(http.MethodGet, "/{id}", s.staffMember),
		row(http.MethodPost, "/{id}", s.staffMemberPost),
		row(http.MethodPost, "/{id}/link", s.staffLink),
		row(http.MethodPost, "/{id}/end", s.staffEnd),
		row(http.MethodPost, "/{id}/restore", s.staffRestore),
	}
}

// inactive is the filter of those whose access ended.
const inactive = "inactive"

func (s *Site) staff(w http.ResponseWriter, r *http.Request) error {
	l, b := s.words(r), base(r)
	list, err := s.Clinic.Staff(r.Context())
	if err != nil {
		return err
	}
	want := r.URL.Query().Get("role")
	count := map[string]int{}
	p := page.Staff{Shell: s.shell(r, "/staff", l.T("nav.staff")), Base: b, Manage: true, Say: s.done(r)}
	for _, m := range list {
		kind := string(m.Role)
		if !m.Active {
			kind = inactive
		} else {
			count[""]++
		}
		count[kind]++
		if want == kind || (want == "" && m.Active) {
			p.Rows = append(p.Rows, staffRow(l, m))
		}
	}
	p.Tabs = []ui.Tab{{Label: l.T("filter.all"), Count: count[""], Href: b.At("/staff"), Current: want == ""}}
	for _, role := range access.StaffRoles() {
		p.Tabs = append(p.Tabs, ui.Tab{Label: page.RoleName(l, role), Count: count[string(role)], Href: b.Query("/staff", "role", string(role)), Current: want == string(role)})
	}
	p.Tabs = append(p.Tabs, ui.Tab{Label: l.T("status.inactive"), Count: count[inactive], Href: b.Query("/staff", "role", inactive), Current: want == inactive})
	return s.show(w, r, http.StatusOK, page.StaffPage(p))
}

func staffRow(l *locale.Loc, m clinic.Member) page.StaffRow {
	row := page.StaffRow{ID: m.ID.String(), Name: m.Name, Local: local(m.LocalName), Role: page.RoleName(l, m.Role), Email: m.Email,
		Status: staffStatus(m.Active, m.Invited), LastSeen: l.DateTime(m.LastSeen)}
	if m.LastSeen.IsZero() {
		row.LastSeen = l.T("staff.never")
	}
	switch today, month := m.CheckedInToday, m.CheckedInMonth; m.Role {
	case access.Doctor:
		row.Load = l.T("staff.load_of", "Today", l.Num(m.SeenToday), "Month", l.Num(m.SeenMonth))
	default:
		if month > 0 {
			row.Load = l.T("staff.load_of", "Today", l.Num(today), "Month", l.Num(month))
		}
	}
	return row
}

func staffStatus(active, invited bool) ui.Status {
	switch {
	case !active:
		return ui.Inactive
	case invited:
		return ui.Invited
	}
	return ui.Active
}

// staffInput reads the form.
func staffInput(r *http.Request) clinic.StaffInput {
	department, _ := uuid.Parse(r.PostFormValue("department")) // none when it is no id
	return clinic.StaffInput{Username: text(r, "username"), Email: text(r, "email"), Name: text(r, "name"), LocalName: text(r, "local_name"),
		Phone: text(r, "phone"), Role: access.Role(text(r, "role")), Specialisation: text(r, "specialisation"), Licence: text(r, "licence"),
		Qualification: text(r, "qualification"), Years: text(r, "years"), Fee: text(r, "fee"), Availability: text(r, "availability"),
		Room: text(r, "room"), TokenPrefix: text(r, "token_prefix"), Department: department, Shift: text(r, "shift")}
}

func staffValues(in clinic.StaffInput) page.StaffValues {
	v := page.StaffValues{Name: in.Name, LocalName: in.LocalName, Username: in.Username, Email: in.Email, Phone: in.Phone, Role: string(in.Role),
		Specialisation: in.Specialisation, Licence: in.Licence, Qualification: in.Qualification, Years: in.Years, Fee: in.Fee,
		Availability: in.Availability, Room: in.Room, TokenPrefix: in.TokenPrefix, Shift: in.Shift}
	if in.Department != uuid.Nil {
		v.Department = in.Department.String()
	}
	return v
}

// staffForm is the page of a form; a record without id is an invitation.
func (s *Site) staffForm(r *http.Request, m clinic.StaffRecord, in clinic.StaffInput) (page.StaffForm, error) {
	l, b := s.words(r), base(r)
	departments, err := s.Clinic.Departments(r.Context())
	if err != nil {
		return page.StaffForm{}, err
	}
	title, version := l.T("staff.invite"), ""
	if m.ID != uuid.Nil {
		title, version = m.Name, strconv.Itoa(int(m.Version))
	}
	p := page.StaffForm{Shell: s.shell(r, "/staff", title, ui.Crumb{Label: l.T("nav.staff"), Href: b.At("/staff")}), Base: b, Once: once(),
		Version: version, V: staffValues(in), Say: s.done(r), Status: staffStatus(m.Active, false)}
	for _, d := range departments {
		if d.Active || d.ID == in.Department {
			p.Departments = append(p.Departments, ui.Option{Value: d.ID.String(), Label: d.Name})
		}
	}
	if m.ID == uuid.Nil {
		return p, nil
	}
	p.ID = m.ID.String()
	if m.Active {
		p.Actions = []ui.Post{
			{Action: b.At("/staff/" + p.ID + "/link"), Once: once(), Button: ui.Button{Label: l.T("staff.link"), Icon: "mail"}},
			{Action: b.At("/staff/" + p.ID + "/end"), Hidden: [][2]string{{"version", version}}, Button: ui.Button{Label: l.T("staff.end"), Kind: "danger"}},
		}
	} else {
		p.Actions = []ui.Post{{Action: b.At("/staff/" + p.ID + "/restore"), Hidden: [][2]string{{"version", version}}, Button: ui.Button{Label: l.T("staff.restore")}}}
	}
	return p, nil
}

func (s *Site) staffInvite(w http.ResponseWriter, r *http.Request) error {
	p, err := s.staffForm(r, clinic.StaffRecord{}, clinic.StaffInput{Role: access.Receptionist, Availability: "available"})
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page.StaffFormPage(p))
}

func (s *Site) staffInvitePost(w http.ResponseWriter, r *http.Request) error {
	in := staffInput(r)
	out, err := s.Clinic.Invite(r.Context(), formKey(r), in)
	if err != nil {
		return s.staffRefused(w, r, clinic.StaffRecord{}, in, err)
	}
	if out.HandOver != "" {
		return s.handOver(w, r, in.Name, out.HandOver)
	}
	return httpx.Redirect(w, r, base(r).Query("/staff", "done", "invited"))
}

// staffRefused shows the form again with what is wrong.
func (s *Site) staffRefused(w http.ResponseWriter, r *http.Request, m clinic.StaffRecord, in clinic.StaffInput, err error) error {
	bad, status, err := s.formError(r, err)
	if err != nil {
		return err
	}
	p, err := s.staffForm(r, m, in)
	if err != nil {
		return err
	}
	p.Errors, p.Shell.Failed = bad, true
	return s.show(w, r, status, page.StaffFormPage(p))
}

// handOver shows a one-time link once, for somebody without an address.
func (s *Site) handOver(w http.ResponseWriter, r *http.Request, name, link string) error {
	l, b := s.words(r), base(r)
	p := page.HandOver{Shell: s.shell(r, "/staff", l.T("staff.hand_title"), ui.Crumb{Label: l.T("nav.staff"), Href: b.At("/staff")}), Base: b, Name: name, Link: link}
	return s.show(w, r, http.StatusOK, page.HandOverPage(p))
}

func (s *Site) staffMember(w http.ResponseWriter, r *http.Request) error {
	m, err := s.staffOf(r)
	if err != nil {
		return err
	}
	p, err := s.staffForm(r, m, m.StaffInput)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page.StaffFormPage(p))
}

func (s *Site) staffOf(r *http.Request) (clinic.StaffRecord, error) {
	id, err := pathID(r, "id")
	if err != nil {
		return clinic.StaffRecord{}, err
	}
	return s.Clinic.StaffMember(r.Context(), id)
}

func (s *Site) staffMemberPost(w http.ResponseWriter, r *http.Request) error {
	m, err := s.staffOf(r)
	if err != nil {
		return err
	}
	in := staffInput(r)
	in.Language = m.Language // their own to choose
	err = s.Clinic.EditStaff(r.Context(), m.ID, version(r), in)
	if apperr.Is(err, apperr.Stale) {
		return s.staffStale(w, r, m.ID, in, err)
	}
	if err != nil {
		return s.staffRefused(w, r, m, in, err)
	}
	return httpx.Redirect(w, r, base(r).Query("/staff/"+m.ID.String(), "done", "saved"))
}

// staffStale shows what somebody else changed beside what was typed.
func (s *Site) staffStale(w http.ResponseWriter, r *http.Request, id uuid.UUID, in clinic.StaffInput, cause error) error {
	m, err := s.Clinic.StaffMember(r.Context(), id)
	if err != nil {
		return err
	}
	p, err := s.staffForm(r, m, in)
	if err != nil {
		return err
	}
	l := s.words(r)
	mine, theirs := staffValues(in), staffValues(m.StaffInput)
	p.Stale = differences([][3]string{
		{l.T("patient.full_name"), mine.Name, theirs.Name}, {l.T("patient.local_name"), mine.LocalName, theirs.LocalName},
		{l.T("patient.email"), mine.Email, theirs.Email}, {l.T("staff.username"), mine.Username, theirs.Username}, {l.T("patient.mobile"), mine.Phone, theirs.Phone},
		{l.T("staff.role"), page.RoleName(l, in.Role), page.RoleName(l, m.Role)}, {l.T("staff.specialisation"), mine.Specialisation, theirs.Specialisation},
		{l.T("staff.licence"), mine.Licence, theirs.Licence}, {l.T("staff.qualification"), mine.Qualification, theirs.Qualification},
		{l.T("staff.years"), mine.Years, theirs.Years}, {l.T("staff.fee"), mine.Fee, theirs.Fee}, {l.T("staff.room"), mine.Room, theirs.Room},
		{l.T("settings.prefix"), mine.TokenPrefix, theirs.TokenPrefix},
	})
	p.Errors, p.Shell.Failed = ui.ErrorsOf(l, cause), true
	return s.show(w, r, httpx.Status(apperr.Stale), page.StaffFormPage(p))
}

// differences keeps the fields whose two values differ.
func differences(fields [][3]string) []page.StaleField {
	var out []page.StaleField
	for _, f := range fields {
		if f[1] != f[2] {
			out = append(out, page.StaleField{Label: f[0], Mine: f[1], Theirs: f[2]})
		}
	}
	return out
}

// version is the version of the record that the form was opened on.
func version(r *http.Request) int32 {
	n, err := strconv.ParseInt(r.PostFormValue("version"), 10, 32)
	if err != nil {
		return 0 // no record has it, so the form is stale
	}
	return int32(n)
}

func (s *Site) staffLink(w http.ResponseWriter, r *http.Request) error {
	m, err := s.staffOf(r)
	if err != nil {
		return err
	}
	link, err := s.Clinic.SendLink(r.Context(), formKey(r), m.ID)
	if err != nil {
		return s.staffRefused(w, r, m, m.StaffInput, err)
	}
	if link != "" {
		return s.handOver(w, r, m.Name, link)
	}
	return httpx.Redirect(w, r, base(r).Query("/staff/"+m.ID.String(), "done", "link"))
}

// staffEnd asks first, on a page of its own, and ends the access when the
// question was answered.
func (s *Site) staffEnd(w http.ResponseWriter, r *http.Request) error {
	m, err := s.staffOf(r)
	if err != nil {
		return err
	}
	l, b := s.words(r), base(r)
	p := page.StaffEnd{Shell: s.shell(r, "/staff", l.T("staff.end"), ui.Crumb{Label: l.T("nav.staff"), Href: b.At("/staff")}), Base: b, ID: m.ID.String(), Name: m.Name,
		Version: strconv.Itoa(int(m.Version))}
	if r.PostFormValue("sure") == "" {
		return s.show(w, r, http.StatusOK, page.StaffEndPage(p))
	}
	if err := s.Clinic.SetActive(r.Context(), m.ID, version(r), false); err != nil {
		bad, status, err := s.formError(r, err, apperr.Stale)
		if err != nil {
			return err
		}
		p.Errors, p.Shell.Failed = bad, true
		return s.show(w, r, status, page.StaffEndPage(p))
	}
	return httpx.Redirect(w, r, b.Query("/staff", "done", "ended"))
}

func (s *Site) staffRestore(w http.ResponseWriter, r *http.Request) error {
	m, err := s.staffOf(r)
	if err != nil {
		return err
	}
	if err := s.Clinic.SetActive(r.Context(), m.ID, version(r), true); err != nil {
		if apperr.Is(err, apperr.Stale) {
			return s.staffStale(w, r, m.ID, m.StaffInput, err)
		}
		return s.staffRefused(w, r, m, m.StaffInput, err)
	}
	return httpx.Redirect(w, r, base(r).Query("/staff/"+m.ID.String(), "done", "restored"))
}
