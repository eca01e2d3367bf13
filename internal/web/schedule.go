package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/appointment"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// followUpsAhead is how many days before its day a follow-up is on the list.
const followUpsAhead = 7

// followUps is the list of who is to come again, to be called and booked.
func (s *Site) followUps(w http.ResponseWriter, r *http.Request) error {
	doctor := askedID(r.URL.Query().Get("doctor"))
	c, err := s.Appointments.Day(r.Context(), today(r), uuid.Nil)
	if err != nil {
		return err
	}
	all, more, err := s.Appointments.FollowUps(r.Context(), followUpsAhead, doctor)
	if err != nil {
		return err
	}
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	p := page.FollowUps{Shell: s.shell(r, "/appointments", l.T("doctor.due"), ui.Crumb{Label: l.T("nav.appointments"), Href: at.At("/appointments")}), Base: at,
		Shown: l.N("follow_up.shown", len(all)), Doctors: doctorTabs(l, at, "/follow-ups", "", c.Doctors, doctor, true)}
	if more {
		p.Shown = l.T("follow_up.first", "N", len(all))
	}
	p.Views = appointmentViews(l, at, "due", "", r.URL.Query().Get("doctor"))
	for _, f := range all {
		row := page.FollowUpRow{Person: person(l, f.Patient, c.Today), Doctor: f.Doctor.Name, Due: l.Day(f.On), Late: f.On.Before(c.Today) && f.Booked == uuid.Nil}
		if f.Booked != uuid.Nil {
			row.Booked, row.Href = l.DateTime(f.At), at.Appointment(f.Booked.String(), "")
		} else if info.Can(access.AppointmentBook) && (info.Who.Actor.Role != access.Doctor || info.Who.Actor.ID == f.Doctor.ID) {
			row.Links = append(row.Links, bookAgain(l.T("appointment.book_short"), at, f.ID, f.Patient, f.Doctor.ID, later(f.On, c.Today).Format(dayForm)))
		}
		if info.Can(access.FollowUpClose) {
			post := ui.Post{Action: at.At("/follow-ups/" + f.ID.String() + "/close"), Hidden: [][2]string{{"version", strconv.Itoa(int(f.Version))}, {"state", "done"}, {"list", "1"}},
				Button: ui.Button{Label: l.T("follow_up.done"), Spoken: f.Patient.Name.Reveal(), Small: true}}
			row.Posts = append(row.Posts, post)
		}
		p.Rows = append(p.Rows, row)
	}
	return s.show(w, r, http.StatusOK, page.FollowUpsPage(p))
}

// bookAgain leads to the booking form of a follow-up.
func bookAgain(label string, at page.Base, followUp uuid.UUID, who patient.Card, doctor uuid.UUID, day string) ui.Button {
	return ui.Button{Label: label, Spoken: who.Name.Reveal(), Small: true,
		Href: at.Query("/appointments/new", "patient_id", who.ID.String(), "doctor", doctor.String(), "day", day, "kind", "follow_up", "follow_up", followUp.String())}
}

func (s *Site) schedule(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	return s.showSchedule(w, r, id, http.StatusOK, nil)
}

// showSchedule draws a doctor's hours and leaves. change puts back what a
// refused form held.
func (s *Site) showSchedule(w http.ResponseWriter, r *http.Request, id uuid.UUID, status int, change func(*page.Schedule)) error {
	d, err := s.Appointments.Schedule(r.Context(), id)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	p := page.Schedule{Shell: s.shell(r, "/appointments", l.T("schedule.title", "Name", d.Doctor.Name), ui.Crumb{Label: l.T("nav.appointments"), Href: at.At("/appointments")}), Base: at,
		Doctor: id.String(), Week: at.Query("/appointments/week", "doctor", id.String()), Edit: d.MayEdit}
	for i, day := range clinic.Days() {
		p.Hours = append(p.Hours, page.ScheduleDay{Key: "hours_" + day, Label: l.WeekdayName(weekday(i)), Value: d.Hours[day]})
	}
	for _, x := range d.Leaves {
		row := page.LeaveRow{When: l.Day(x.From), Reason: x.Reason.Reveal()}
		if !x.Until.Equal(x.From) {
			row.When = l.T("appointment.span", "From", l.Day(x.From), "Until", l.Day(x.Until))
		}
		if d.MayRest {
			row.End = &ui.Post{Action: at.At("/leaves/" + x.ID.String() + "/end"), Button: ui.Button{Label: l.T("schedule.end"), Spoken: row.When, Small: true}}
		}
		p.Leaves = append(p.Leaves, row)
	}
	if d.MayRest {
		p.Leave = &page.LeaveForm{Once: once()}
	}
	switch done, booked := r.URL.Query().Get("done"), r.URL.Query().Get("booked"); {
	case done == "leave" && booked != "" && booked != "0":
		if n, err := strconv.Atoi(booked); err == nil {
			p.Notices = append(p.Notices, ui.Notice{Kind: "wait", Text: l.N("schedule.booked", n)})
		}
	case done != "":
		p.Notices = append(p.Notices, ui.Notice{Kind: "done", Text: l.T("done.saved")})
	}
	if change != nil {
		change(&p)
		p.Shell.Failed = true
	}
	return s.show(w, r, status, page.SchedulePage(p))
}

func (s *Site) officeHoursPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	h := clinic.Hours{}
	for _, d := range clinic.Days() {
		h[d] = strings.TrimSpace(r.PostFormValue("hours_" + d))
	}
	err = s.Appointments.SetHours(r.Context(), id, h)
	if err == nil {
		return httpx.Redirect(w, r, base(r).Query("/schedule/"+id.String(), "done", "hours"))
	}
	if !apperr.Is(err, apperr.Invalid) {
		return err
	}
	l := s.words(r)
	errs := ui.ErrorsOf(l, err)
	return s.showSchedule(w, r, id, http.StatusUnprocessableEntity, func(p *page.Schedule) {
		for i, d := range clinic.Days() {
			p.Hours[i].Value = h[d]
		}
		p.Errors = errs
	})
}

func (s *Site) leavePost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	from, until, reason := r.PostFormValue("from"), r.PostFormValue("until"), r.PostFormValue("reason")
	n, err := s.Appointments.TakeLeave(r.Context(), formKey(r), id, from, until, reason)
	if err == nil {
		return httpx.Redirect(w, r, base(r).Query("/schedule/"+id.String(), "done", "leave", "booked", strconv.Itoa(n)))
	}
	if !apperr.Is(err, apperr.Invalid) {
		return err
	}
	errs := ui.ErrorsOf(s.words(r), err)
	return s.showSchedule(w, r, id, http.StatusUnprocessableEntity, func(p *page.Schedule) {
		p.Leave = &page.LeaveForm{Once: formKey(r).String(), From: from, Until: until, Reason: reason, Errors: errs}
	})
}

func (s *Site) endLeavePost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	doctor, err := s.Appointments.EndLeave(r.Context(), id)
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Query("/schedule/"+doctor.String(), "done", "leave"))
}

// bookedVisits puts what is booked on a patient's page.
func (s *Site) bookedVisits(r *http.Request, p *page.PatientPage, rec patient.Record) error {
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	if !info.Can(access.AppointmentView) {
		return nil
	}
	all, err := s.Appointments.ToCome(r.Context(), rec.Family())
	if err != nil {
		return err
	}
	for _, a := range all {
		p.Booked = append(p.Booked, page.DayRow{Text: a.Doctor.Name, When: l.DateTime(a.Start), Links: []ui.Button{{Label: l.T("action.open"), Spoken: l.DateTime(a.Start), Href: at.Appointment(a.ID.String(), ""), Small: true}}})
	}
	if info.Can(access.AppointmentBook) && rec.MergedInto == uuid.Nil {
		p.Book = at.Query("/appointments/new", "patient_id", p.ID)
	}
	return nil
}

// bookedToday are a patient's appointments of today that can be checked in.
func (s *Site) bookedToday(r *http.Request, rec patient.Record) ([]page.DayRow, error) {
	all, err := s.Appointments.ToCome(r.Context(), rec.Family())
	if err != nil {
		return nil, err
	}
	l, at, zone := s.words(r), base(r), httpx.From(r.Context()).Clinic.Zone
	var out []page.DayRow
	for _, a := range all {
		if a.State == appointment.Booked && patient.DayIn(a.Start, zone).Equal(today(r)) {
			a.Patient = rec.Card
			post := checkInPost(l, at, a, true)
			post.Button.Kind, post.Button.Spoken = "primary", l.Time(a.Start)
			out = append(out, page.DayRow{Text: a.Doctor.Name, When: l.Time(a.Start), Posts: []ui.Post{*post}})
		}
	}
	return out, nil
}
