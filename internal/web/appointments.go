package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/appointment"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) appointmentRoutes() []httpx.Route {
	row := func(method, path string, c access.Capability, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: httpx.ClinicPath + path, Gate: httpx.Capable, Capability: c, Handler: h}
	}
	return []httpx.Route{
		row(http.MethodGet, "/appointments", access.AppointmentView, s.appointments),
		row(http.MethodGet, "/appointments/week", access.AppointmentView, s.appointmentWeek),
		row(http.MethodGet, "/appointments/times", access.AppointmentBook, s.appointmentTimes),
		row(http.MethodGet, "/appointments/new", access.AppointmentBook, s.newAppointment),
		row(http.MethodPost, "/appointments/new", access.AppointmentBook, s.newAppointmentPost),
		row(http.MethodGet, "/appointments/{id}", access.AppointmentView, s.appointment),
		row(http.MethodGet, "/appointments/{id}/move", access.AppointmentBook, s.moveAppointment),
		row(http.MethodPost, "/appointments/{id}/move", access.AppointmentBook, s.moveAppointmentPost),
		row(http.MethodPost, "/appointments/{id}/cancel", access.AppointmentBook, s.cancelAppointmentPost),
		row(http.MethodPost, "/appointments/{id}/no-show", access.AppointmentBook, s.missAppointmentPost),
		row(http.MethodPost, "/appointments/{id}/check-in", access.CheckIn, s.checkInAppointmentPost),
		row(http.MethodGet, "/follow-ups", access.AppointmentView, s.followUps),
		row(http.MethodGet, "/schedule/{id}", access.AppointmentView, s.schedule),
		row(http.MethodPost, "/schedule/{id}/hours", access.HoursKeep, s.officeHoursPost),
		row(http.MethodPost, "/schedule/{id}/leave", access.LeaveKeep, s.leavePost),
		row(http.MethodPost, "/leaves/{id}/end", access.LeaveKeep, s.endLeavePost),
	}
}

// askedDay reads the day of an address: the zero day, today, for what is none.
func askedDay(text string) time.Time {
	day, err := patient.ParseDay(text)
	if err != nil {
		return time.Time{}
	}
	return day
}

// askedID reads an id of an address; a wrong one is none.
func askedID(text string) uuid.UUID {
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil
	}
	return id
}

// appointmentViews are the ways to look at what is booked; doctor and day stay.
func appointmentViews(l *locale.Loc, at page.Base, current, day, doctor string) []ui.Tab {
	return []ui.Tab{
		{Label: l.T("visits.day"), Href: at.Query("/appointments", "day", day, "doctor", doctor), Current: current == "day", NoCount: true},
		{Label: l.T("appointment.week"), Href: at.Query("/appointments/week", "day", day, "doctor", doctor), Current: current == "week", NoCount: true},
		{Label: l.T("doctor.due"), Href: at.Query("/follow-ups", "doctor", doctor), Current: current == "due", NoCount: true},
	}
}

// doctorTabs are the doctors, and everybody where all is set.
func doctorTabs(l *locale.Loc, at page.Base, path, day string, doctors []appointment.Doctor, current uuid.UUID, all bool) []ui.Tab {
	var out []ui.Tab
	if all {
		out = append(out, ui.Tab{Label: l.T("filter.all"), Href: at.Query(path, "day", day), Current: current == uuid.Nil, NoCount: true})
	}
	for _, d := range doctors {
		out = append(out, ui.Tab{Label: d.Name, Href: at.Query(path, "day", day, "doctor", d.ID.String()), Current: d.ID == current, NoCount: true})
	}
	return out
}

func (s *Site) appointments(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	doctor := askedID(q.Get("doctor"))
	c, err := s.Appointments.Day(r.Context(), askedDay(q.Get("day")), doctor)
	if err != nil {
		return err
	}
	l := s.words(r)
	p := s.calendarPage(r, c, "/appointments", doctor, 1)
	p.When = l.WeekdayName(c.Day.Weekday()) + " " + l.Day(c.Day)
	p.Views = appointmentViews(l, p.Base, "day", p.Day, p.Doctor)
	p.Doctors = doctorTabs(l, p.Base, "/appointments", p.Day, c.Doctors, doctor, true)
	for i, col := range c.Columns {
		p.Columns[i].Title, p.Columns[i].Local = col.Doctor.Name, local(col.Doctor.Local)
		p.Columns[i].Href = p.Base.Query("/appointments/week", "day", p.Day, "doctor", col.Doctor.ID.String())
		s.remindColumn(r, c, col, p.Columns[i].Entries)
	}
	return s.show(w, r, http.StatusOK, page.AppointmentsPage(p))
}

func (s *Site) appointmentWeek(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	c, err := s.Appointments.Week(r.Context(), askedDay(q.Get("day")), askedID(q.Get("doctor")))
	if err != nil {
		return err
	}
	l := s.words(r)
	doctor := uuid.Nil
	if len(c.Columns) > 0 {
		doctor = c.Columns[0].Doctor.ID
	}
	p := s.calendarPage(r, c, "/appointments/week", doctor, 7)
	p.Week = true
	p.Views = appointmentViews(l, p.Base, "week", p.Day, p.Doctor)
	p.Doctors = doctorTabs(l, p.Base, "/appointments/week", p.Day, c.Doctors, doctor, false)
	for i, col := range c.Columns {
		p.Columns[i].Title, p.Columns[i].Now = l.WeekdayName(col.Day.Weekday())+" "+l.Day(col.Day), col.Day.Equal(c.Today)
		p.Columns[i].Href = p.Base.Query("/appointments", "day", col.Day.Format(dayForm), "doctor", p.Doctor)
	}
	if n := len(c.Columns); n > 0 {
		p.When = dots(c.Columns[0].Doctor.Name, l.T("appointment.span", "From", l.Day(c.Columns[0].Day), "Until", l.Day(c.Columns[n-1].Day)))
		p.Schedule = p.Base.At("/schedule/" + p.Doctor)
	}
	return s.show(w, r, http.StatusOK, page.AppointmentsPage(p))
}

// calendarPage is what both views share; step is by how many days they turn.
func (s *Site) calendarPage(r *http.Request, c appointment.Calendar, path string, doctor uuid.UUID, step int) page.Appointments {
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	p := page.Appointments{Shell: s.shell(r, "/appointments", l.T("nav.appointments")), Base: at, Path: path, Day: c.Day.Format(dayForm)}
	if doctor != uuid.Nil {
		p.Doctor = doctor.String()
	}
	turn := func(days int) string {
		return at.Query(path, "day", c.Day.AddDate(0, 0, days).Format(dayForm), "doctor", p.Doctor)
	}
	p.Before, p.After, p.Today = turn(-step), turn(step), at.Query(path, "doctor", p.Doctor)
	if info.Can(access.AppointmentBook) {
		p.Book = at.Query("/appointments/new", "day", p.Day, "doctor", p.Doctor)
	}
	if len(c.Doctors) == 0 {
		p.Notices = append(p.Notices, ui.Notice{Kind: "wait", Text: l.T("appointment.no_doctor")})
	}
	for i, col := range c.Columns {
		p.Columns = append(p.Columns, s.slotColumn(r, c, col, strconv.Itoa(i)))
	}
	return p
}

func (s *Site) slotColumn(r *http.Request, c appointment.Calendar, col appointment.Column, id string) page.SlotColumn {
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	out := page.SlotColumn{ID: id}
	if !col.Day.Before(c.Today) { // what was free in the past helps nobody
		out.Sub, out.None = l.N("appointment.free", col.Free), whyNone(l, col)
	}
	mayBook := info.Can(access.AppointmentBook) && (info.Who.Actor.Role != access.Doctor || info.Who.Actor.ID == col.Doctor.ID)
	for _, e := range col.Entries {
		x := page.SlotEntry{Time: l.Time(e.Start), Free: e.Taken == nil}
		switch {
		case e.Taken != nil:
			x.Person, x.Status, x.Href = person(l, e.Taken.Patient, c.Today), ui.Status(e.Taken.State), at.Appointment(e.Taken.ID.String(), "")
			if e.Taken.State == appointment.Booked && col.Day.Equal(c.Today) && info.Can(access.CheckIn) {
				x.CheckIn = checkInPost(l, at, *e.Taken, true)
			}
		case mayBook:
			x.Spoken = l.T("appointment.free_with", "Name", col.Doctor.Name, "Day", l.Day(col.Day))
			x.Href = at.Query("/appointments/new", "doctor", col.Doctor.ID.String(), "time", e.Start.UTC().Format(time.RFC3339), "patient_id", r.URL.Query().Get("patient_id"))
		}
		out.Entries = append(out.Entries, x)
	}
	return out
}

// whyNone says in words why a day offers nothing.
func whyNone(l *locale.Loc, c appointment.Column) string {
	switch c.Why {
	case appointment.Closed:
		return l.T("appointment.closed")
	case appointment.Away:
		return dots(l.T("staff.on_leave"), c.Leave.Reveal())
	case appointment.Off:
		return l.T("appointment.off")
	case appointment.NoPlan:
		return l.T("appointment.no_plan")
	}
	if c.Free == 0 {
		return l.T("appointment.full")
	}
	return ""
}

func checkInPost(l *locale.Loc, at page.Base, a appointment.Appointment, small bool) *ui.Post {
	p := &ui.Post{Action: at.Appointment(a.ID.String(), "check-in"), Once: once(), Hidden: [][2]string{{"version", strconv.Itoa(int(a.Version))}},
		Button: ui.Button{Label: l.T("action.check_in"), Small: small}}
	if small {
		p.Button.Spoken = a.Patient.Name.Reveal()
	} else {
		p.Button.Kind, p.Button.Icon = "primary", "ticket"
	}
	return p
}

func (s *Site) appointment(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	return s.showAppointment(w, r, id, http.StatusOK, nil)
}

func (s *Site) showAppointment(w http.ResponseWriter, r *http.Request, id uuid.UUID, status int, errs ui.Errors) error {
	d, err := s.Appointments.Get(r.Context(), id)
	if err != nil {
		return err
	}
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	day := patient.DayIn(d.Start, info.Clinic.Zone)
	p := page.Appointment{Shell: s.shell(r, "/appointments", l.T("appointment.of", "Name", d.Record.Name.Reveal()), ui.Crumb{Label: l.T("nav.appointments"),
		Href: at.Query("/appointments", "day", day.Format(dayForm))}), Base: at, ID: id.String(), Banner: s.banner(r, d.Record), Status: ui.Status(d.State), Doctor: d.Doctor.Name, Errors: errs,
		When: l.T("appointment.at", "Day", l.WeekdayName(day.Weekday())+" "+l.Day(day), "From", l.Time(d.Start), "Until", l.Time(d.End))}
	p.Shell.Failed = len(errs) > 0
	p.Facts = []ui.Fact{{Label: l.T("visit.kind"), Value: page.VisitKind(l, d.Kind)}, {Label: l.T("visit.purpose"), Value: d.Purpose.Reveal()}, {Label: l.T("appointment.made"), Value: dots(d.Booker, l.DateTime(d.Made))}}
	if reason := d.Reason.Reveal(); reason != "" {
		p.Facts = append(p.Facts, ui.Fact{Label: l.T("visit.reason"), Value: reason})
	}
	if !d.Reminded.IsZero() {
		p.Facts = append(p.Facts, ui.Fact{Label: l.T("reminder.mailed"), Value: l.DateTime(d.Reminded)})
	}
	s.appointmentMoves(r, &p, d)
	p.Links = append(p.Links, ui.Button{Label: l.T("patient.one"), Href: at.Patient(d.Record.ID.String()), Icon: "user"})
	return s.show(w, r, status, page.AppointmentPage(p))
}

// appointmentMoves are what the reader may do with it now.
func (s *Site) appointmentMoves(r *http.Request, p *page.Appointment, d appointment.Detail) {
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	version := strconv.Itoa(int(d.Version))
	if info.Can(access.CheckIn) && d.May(appointment.Arrived) {
		p.Posts = append(p.Posts, *checkInPost(l, at, d.Appointment, false))
	}
	if d.Visit != uuid.Nil {
		p.Links = append(p.Links, ui.Button{Label: l.T("visit.title"), Href: at.Visit(d.Visit.String(), ""), Icon: "ticket", Kind: "primary"})
	}
	if !info.Can(access.AppointmentBook) || info.Who.Actor.Role == access.Doctor && info.Who.Actor.ID != d.Doctor.ID {
		return
	}
	if d.May(appointment.NoShow) {
		p.Posts = append(p.Posts, ui.Post{Action: at.Appointment(p.ID, "no-show"), Hidden: [][2]string{{"version", version}}, Button: ui.Button{Label: l.T("appointment.miss"), Icon: "minus"}})
	}
	if d.MayMove() {
		p.Links = append(p.Links, ui.Button{Label: l.T("appointment.move"), Href: at.Appointment(p.ID, "move"), Icon: "calendar-clock"})
	}
	if phone := d.Record.Phone.Reveal(); d.MayRemind(d.Now) {
		for _, b := range []*ui.Button{s.remindLink(r, d.Appointment, phone, false), s.remindSMS(r, d.Appointment, phone)} {
			if b != nil {
				p.Links = append(p.Links, *b)
			}
		}
	}
	if d.May(appointment.Cancelled) {
		p.Cancel = &page.VisitCancel{Once: once(), Version: version, Reason: r.PostFormValue("reason")}
	}
}

// answered leads back to the appointment, or shows on its page what was wrong.
func (s *Site) answered(w http.ResponseWriter, r *http.Request, id uuid.UUID, err error) error {
	if err == nil {
		return httpx.Redirect(w, r, base(r).Appointment(id.String(), ""))
	}
	errs, err := FormErrors(s.words(r), err)
	if err != nil {
		return err
	}
	return s.showAppointment(w, r, id, http.StatusUnprocessableEntity, errs)
}

func (s *Site) cancelAppointmentPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	return s.answered(w, r, id, s.Appointments.Cancel(r.Context(), id, version(r), r.PostFormValue("reason")))
}

func (s *Site) missAppointmentPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	return s.answered(w, r, id, s.Appointments.Miss(r.Context(), id, version(r)))
}

// checkInAppointmentPost makes the visit and leads to its slip.
func (s *Site) checkInAppointmentPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	made, err := s.Appointments.CheckIn(r.Context(), formKey(r), id, version(r))
	if err != nil {
		return s.answered(w, r, id, err)
	}
	return httpx.Redirect(w, r, base(r).Visit(made.String(), "slip"))
}
