package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
)

func (s *Site) settingsRoutes() []httpx.Route {
	row := func(method, path string, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: httpx.ClinicPath + "/settings" + path, Gate: httpx.Capable, Capability: access.SettingsEdit, Handler: h}
	}
	look := row(http.MethodPost, "/branding", s.brandingPost)
	look.Body = clinic.MaxLogoUpload + httpx.DefaultBody
	return []httpx.Route{
		row(http.MethodGet, "", s.settings),
		row(http.MethodGet, "/profile", s.profile),
		row(http.MethodPost, "/profile", s.profilePost),
		row(http.MethodGet, "/work", s.work),
		row(http.MethodPost, "/work", s.workPost),
		row(http.MethodGet, "/hours", s.hours),
		row(http.MethodPost, "/hours", s.hoursPost),
		row(http.MethodGet, "/departments", s.departments),
		row(http.MethodPost, "/departments", s.departmentsPost),
		row(http.MethodGet, "/branding", s.branding),
		row(http.MethodGet, "/branding/preview", s.brandingPreview),
		row(http.MethodGet, "/branding/preview.css", s.previewCSS),
		look,
	}
}

// settings leads to the first part.
func (s *Site) settings(w http.ResponseWriter, r *http.Request) error {
	return httpx.Redirect(w, r, base(r).At("/settings/profile"))
}

// settingsPage is the frame of one part.
func (s *Site) settingsPage(r *http.Request, part string, version int32) page.Settings {
	l, b := s.words(r), base(r)
	return page.Settings{Shell: s.shell(r, "/settings", l.T("nav.settings")), Base: b, Tabs: page.SettingsTabs(l, b, part), Once: once(),
		Version: strconv.Itoa(int(version)), Say: s.done(r)}
}

// settingsRefused is what a refused part shows; the error comes back when no
// form can show it.
func (s *Site) settingsRefused(r *http.Request, p *page.Settings, cause error) (int, error) {
	bad, status, err := s.formError(r, cause, apperr.Stale)
	if err != nil {
		return 0, err
	}
	p.Errors, p.Shell.Failed = bad, true
	return status, nil
}

func profileValues(f clinic.Facts) *page.ProfileValues {
	return &page.ProfileValues{Name: f.Name, LocalName: f.LocalName, Registration: f.Registration, GSTIN: f.GSTIN, Address: f.Address, City: f.City,
		State: f.State, Pin: f.PIN, Phone: f.Phone, Email: f.Email, Site: f.Website, StoreName: f.StoreName, StoreAddress: f.StoreAddress,
		StorePhone: f.StorePhone, Language: f.Language, Zone: f.Zone}
}

func (s *Site) profile(w http.ResponseWriter, r *http.Request) error {
	f, err := s.Clinic.Facts(r.Context())
	if err != nil {
		return err
	}
	p := s.settingsPage(r, "profile", f.Version)
	p.Profile = profileValues(f)
	return s.show(w, r, http.StatusOK, page.SettingsPage(p))
}

func (s *Site) profilePost(w http.ResponseWriter, r *http.Request) error {
	in := clinic.Facts{Name: text(r, "name"), LocalName: text(r, "local_name"), Registration: text(r, "registration"), GSTIN: text(r, "gstin"),
		Address: text(r, "address"), City: text(r, "city"), State: text(r, "state"), PIN: text(r, "pin"), Phone: text(r, "phone"), Email: text(r, "email"),
		Website: text(r, "website"), StoreName: text(r, "store_name"), StoreAddress: text(r, "store_address"), StorePhone: text(r, "store_phone"),
		Language: text(r, "language"), Zone: text(r, "zone"), Version: version(r)}
	cause := s.Clinic.SaveFacts(r.Context(), in)
	if cause == nil {
		return httpx.Redirect(w, r, base(r).Query("/settings/profile", "done", "saved"))
	}
	p := s.settingsPage(r, "profile", in.Version)
	p.Profile = profileValues(in)
	status, err := s.settingsRefused(r, &p, cause)
	if err != nil {
		return err
	}
	if apperr.Is(cause, apperr.Stale) {
		now, err := s.Clinic.Facts(r.Context())
		if err != nil {
			return err
		}
		l := s.words(r)
		p.Version = strconv.Itoa(int(now.Version))
		p.Stale = differences([][3]string{
			{l.T("settings.name"), in.Name, now.Name}, {l.T("patient.local_name"), in.LocalName, now.LocalName},
			{l.T("settings.registration"), in.Registration, now.Registration}, {"GSTIN", in.GSTIN, now.GSTIN}, {l.T("patient.address"), in.Address, now.Address},
			{l.T("patient.city"), in.City, now.City}, {l.T("patient.state"), in.State, now.State}, {l.T("patient.pin"), in.PIN, now.PIN},
			{l.T("settings.phone"), in.Phone, now.Phone}, {l.T("patient.email"), in.Email, now.Email}, {l.T("settings.website"), in.Website, now.Website},
			{l.T("shell.language"), in.Language, now.Language}, {l.T("settings.zone"), in.Zone, now.Zone},
			{l.T("settings.store_name"), in.StoreName, now.StoreName},
		})
	}
	return s.show(w, r, status, page.SettingsPage(p))
}

func workValues(v clinic.Settings) *page.WorkValues {
	return &page.WorkValues{TokenPrefix: v.TokenPrefix, SlotMinutes: v.SlotMinutes, ConsultMinutes: v.ConsultationMinutes, FollowUpDays: v.FollowUpDays,
		IdleMinutes: v.IdleMinutes, TaxRate: v.TaxRate, Currency: v.Currency, Letterhead: v.Letterhead, LetterheadOffset: v.LetterheadOffset,
		SlipWidth: v.SlipWidth, DisplayNotice: v.DisplayNotice, PortalWelcome: v.PortalWelcome, Chime: v.DisplayChime, Remind: v.Reminders}
}

func (s *Site) work(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Clinic.Settings(r.Context())
	if err != nil {
		return err
	}
	p := s.settingsPage(r, "work", v.Version)
	p.Work = workValues(v)
	return s.show(w, r, http.StatusOK, page.SettingsPage(p))
}

func (s *Site) workPost(w http.ResponseWriter, r *http.Request) error {
	now, err := s.Clinic.Settings(r.Context())
	if err != nil {
		return err
	}
	in := clinic.Settings{Hours: now.Hours, TokenPrefix: text(r, "token_prefix"), SlotMinutes: text(r, "slot_minutes"), ConsultationMinutes: text(r, "consultation_minutes"),
		FollowUpDays: text(r, "follow_up_days"), IdleMinutes: text(r, "idle_minutes"), TaxRate: text(r, "tax_rate"), Currency: text(r, "currency"),
		Letterhead: text(r, "letterhead"), LetterheadOffset: fallback(text(r, "letterhead_offset"), "0"), SlipWidth: text(r, "slip_width"),
		DisplayNotice: text(r, "display_notice"), PortalWelcome: text(r, "portal_welcome"), DisplayChime: r.PostFormValue("chime") != "", Reminders: r.PostFormValue("remind") != "", Version: version(r)}
	cause := s.Clinic.SaveSettings(r.Context(), in)
	if cause == nil {
		return httpx.Redirect(w, r, base(r).Query("/settings/work", "done", "saved"))
	}
	p := s.settingsPage(r, "work", in.Version)
	p.Work = workValues(in)
	status, err := s.settingsRefused(r, &p, cause)
	if err != nil {
		return err
	}
	if apperr.Is(cause, apperr.Stale) {
		l := s.words(r)
		p.Version = strconv.Itoa(int(now.Version))
		p.Stale = differences([][3]string{
			{l.T("settings.prefix"), in.TokenPrefix, now.TokenPrefix}, {l.T("settings.consult"), in.ConsultationMinutes, now.ConsultationMinutes},
			{l.T("settings.slot"), in.SlotMinutes, now.SlotMinutes}, {l.T("settings.follow_up"), in.FollowUpDays, now.FollowUpDays},
			{l.T("settings.idle"), in.IdleMinutes, now.IdleMinutes}, {l.T("settings.tax"), in.TaxRate, now.TaxRate}, {l.T("settings.currency"), in.Currency, now.Currency},
			{l.T("settings.slip"), in.SlipWidth, now.SlipWidth}, {l.T("settings.letterhead"), in.Letterhead, now.Letterhead},
			{l.T("settings.offset"), in.LetterheadOffset, now.LetterheadOffset}, {l.T("settings.notice"), in.DisplayNotice, now.DisplayNotice},
			{l.T("settings.welcome"), in.PortalWelcome, now.PortalWelcome},
		})
	}
	return s.show(w, r, status, page.SettingsPage(p))
}

// weekdays are the days of the week in the language, by their short names.
func weekdays(l *locale.Loc) map[string]string {
	out := map[string]string{}
	for i, d := range clinic.Days() {
		out[d] = l.WeekdayName(weekday(i))
	}
	return out
}

func dayHours(l *locale.Loc, h clinic.Hours) []page.DayHours {
	names := weekdays(l)
	out := make([]page.DayHours, 0, 7)
	for _, d := range clinic.Days() {
		row := page.DayHours{Day: d, Label: names[d]}
		spans := strings.Split(h[d], ",")
		row.Open1, row.Close1, _ = strings.Cut(strings.TrimSpace(spans[0]), "-")
		if len(spans) > 1 {
			row.Open2, row.Close2, _ = strings.Cut(strings.TrimSpace(spans[1]), "-")
		}
		out = append(out, row)
	}
	return out
}

func (s *Site) hours(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Clinic.Settings(r.Context())
	if err != nil {
		return err
	}
	p := s.settingsPage(r, "hours", v.Version)
	p.Hours = dayHours(s.words(r), v.Hours)
	return s.show(w, r, http.StatusOK, page.SettingsPage(p))
}

// formHours joins the four clock fields of each day; a half-filled pair stays
// half and is refused.
func formHours(r *http.Request) clinic.Hours {
	h := clinic.Hours{}
	for _, d := range clinic.Days() {
		var spans []string
		for _, n := range []string{"1", "2"} {
			open, end := text(r, d+"_open"+n), text(r, d+"_close"+n)
			if open != "" || end != "" {
				spans = append(spans, open+"-"+end)
			}
		}
		h[d] = strings.Join(spans, ", ")
	}
	return h
}

func (s *Site) hoursPost(w http.ResponseWriter, r *http.Request) error {
	in, err := s.Clinic.Settings(r.Context())
	if err != nil {
		return err
	}
	now := in
	in.Hours, in.Version = formHours(r), version(r)
	cause := s.Clinic.SaveSettings(r.Context(), in)
	if cause == nil {
		return httpx.Redirect(w, r, base(r).Query("/settings/hours", "done", "saved"))
	}
	l := s.words(r)
	p := s.settingsPage(r, "hours", in.Version)
	p.Hours = dayHours(l, in.Hours)
	status, err := s.settingsRefused(r, &p, cause)
	if err != nil {
		return err
	}
	for i, e := range p.Errors { // the summary leads to the day's first field
		if d, ok := strings.CutPrefix(e.Name, "hours_"); ok {
			p.Errors[i].Name, p.Errors[i].Text = d+"_open1", weekdays(l)[d]+": "+l.T("error.hours_pairs")
		}
	}
	if apperr.Is(cause, apperr.Stale) {
		p.Version = strconv.Itoa(int(now.Version))
		var fields [][3]string
		for _, d := range clinic.Days() {
			fields = append(fields, [3]string{weekdays(l)[d], in.Hours[d], now.Hours[d]})
		}
		p.Stale = differences(fields)
	}
	return s.show(w, r, status, page.SettingsPage(p))
}

func (s *Site) departmentsPage(r *http.Request) (page.Settings, error) {
	p := s.settingsPage(r, "departments", 0)
	list, err := s.Clinic.Departments(r.Context())
	if err != nil {
		return p, err
	}
	p.IsDepartments = true
	for _, d := range list {
		p.Departments = append(p.Departments, page.Department{ID: d.ID.String(), Name: d.Name, LocalName: d.LocalName, Room: d.Room, Prefix: d.TokenPrefix,
			Version: strconv.Itoa(int(d.Version)), Active: d.Active})
	}
	p.Departments = append(p.Departments, page.Department{})
	return p, nil
}

func (s *Site) departments(w http.ResponseWriter, r *http.Request) error {
	p, err := s.departmentsPage(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page.SettingsPage(p))
}

// departmentFields are the ids that the form gives to the service's fields.
var departmentFields = map[string]string{"name": "department", "local_name": "local", "room": "room", "token_prefix": "prefix"}

func (s *Site) departmentsPost(w http.ResponseWriter, r *http.Request) error {
	in := clinic.Department{Name: text(r, "name"), LocalName: text(r, "local_name"), Room: text(r, "room"), TokenPrefix: text(r, "prefix"),
		Active: r.PostFormValue("active") != "", Version: version(r)}
	id, err := uuid.Parse(r.PostFormValue("id"))
	var cause error
	if err != nil {
		id, cause = uuid.Nil, s.Clinic.AddDepartment(r.Context(), formKey(r), in)
	} else {
		in.ID = id
		cause = s.Clinic.SaveDepartment(r.Context(), in)
	}
	if cause == nil {
		return httpx.Redirect(w, r, base(r).Query("/settings/departments", "done", "saved"))
	}
	p, err := s.departmentsPage(r)
	if err != nil {
		return err
	}
	status, err := s.settingsRefused(r, &p, cause)
	if err != nil {
		return err
	}
	suffix := ""
	if id != uuid.Nil {
		suffix = id.String()
	}
	for i, e := range p.Errors {
		if f, ok := departmentFields[e.Name]; ok {
			p.Errors[i].Name = f + suffix
		}
	}
	l := s.words(r)
	for i, d := range p.Departments {
		if d.ID != suffix {
			continue
		}
		if apperr.Is(cause, apperr.Stale) {
			p.Stale = differences([][3]string{{l.T("settings.department"), in.Name, d.Name}, {l.T("patient.local_name"), in.LocalName, d.LocalName},
				{l.T("staff.room"), in.Room, d.Room}, {l.T("settings.prefix"), in.TokenPrefix, d.Prefix}})
		}
		d.Name, d.LocalName, d.Room, d.Prefix, d.Active = in.Name, in.LocalName, in.Room, in.TokenPrefix, in.Active
		p.Departments[i] = d
	}
	return s.show(w, r, status, page.SettingsPage(p))
}
