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

// wanted is what the fields of the booking form hold.
type wanted struct {
	doctor uuid.UUID
	day    time.Time
	start  time.Time
	wrong  bool // the day is none
}

// wantedTime reads the doctor, the day and the time. A time without a day is on
// its own day; one of another day than the form's was chosen before the day was
// changed and counts no more.
func wantedTime(r *http.Request) wanted {
	w := wanted{doctor: askedID(r.FormValue("doctor"))}
	zone := httpx.From(r.Context()).Clinic.Zone
	day, err := patient.ParseDay(r.FormValue("day"))
	w.day, w.wrong = day, err != nil
	if start, err := time.Parse(time.RFC3339, r.FormValue("time")); err == nil {
		on := patient.DayIn(start, zone)
		if w.day.IsZero() && !w.wrong {
			w.day = on
		}
		if on.Equal(w.day) {
			w.start = start
		}
	}
	return w
}

// freeTimes are the times of the wanted doctor and day for the form. Without a
// doctor it is the actor, where they see patients, else the first; the day of
// who has nothing free stays, and the form says why.
func (s *Site) freeTimes(r *http.Request, want wanted) (page.BookingTimes, appointment.Calendar, error) {
	l, info := s.words(r), httpx.From(r.Context())
	if want.doctor == uuid.Nil && info.Who.Actor.Role == access.Doctor {
		want.doctor = info.Who.Actor.ID
	}
	c, err := s.Appointments.Day(r.Context(), want.day, want.doctor)
	if err != nil || len(c.Columns) == 0 {
		return page.BookingTimes{None: l.T("appointment.no_doctor")}, c, err
	}
	col := c.Columns[0]
	t := page.BookingTimes{Title: l.T("appointment.free_on", "Day", l.WeekdayName(c.Day.Weekday())+" "+l.Day(c.Day)), Doctor: col.Doctor.ID.String(), None: whyNone(l, col)}
	for _, e := range col.Entries {
		if e.Taken == nil {
			t.Free = append(t.Free, ui.Option{Value: e.Start.UTC().Format(time.RFC3339), Label: l.Time(e.Start)})
		}
	}
	if !want.start.IsZero() {
		t.Chosen = want.start.UTC().Format(time.RFC3339)
	}
	return t, c, nil
}

// appointmentTimes answers the form with the times of another doctor or day.
func (s *Site) appointmentTimes(w http.ResponseWriter, r *http.Request) error {
	if !httpx.Fragment(r) {
		return httpx.Redirect(w, r, base(r).Query("/appointments/new", "doctor", r.FormValue("doctor"), "day", r.FormValue("day")))
	}
	want := wantedTime(r)
	t, _, err := s.freeTimes(r, want)
	if err != nil {
		return err
	}
	if want.wrong {
		t.Free, t.None = nil, s.words(r).T("error.date.invalid")
	}
	return s.show(w, r, http.StatusOK, page.BookingTimesPart(t))
}

// bookingForm is the part that booking and moving share.
func (s *Site) bookingForm(r *http.Request, title string, want wanted, errs ui.Errors) (page.Booking, error) {
	l, at := s.words(r), base(r)
	t, c, err := s.freeTimes(r, want)
	if err != nil {
		return page.Booking{}, err
	}
	b := page.Booking{Shell: s.shell(r, "/appointments", title, ui.Crumb{Label: l.T("nav.appointments"), Href: at.At("/appointments")}), Base: at, Once: once(), Times: t,
		Day: c.Day.Format(dayForm), Errors: errs}
	b.Shell.Failed = len(errs) > 0
	b.Times.Error = errs.For("time")
	if want.wrong {
		b.Day = r.FormValue("day")
	}
	info := httpx.From(r.Context())
	for _, d := range c.Doctors {
		if info.Who.Actor.Role != access.Doctor || d.ID == info.Who.Actor.ID {
			b.Doctors = append(b.Doctors, ui.Option{Value: d.ID.String(), Label: d.Name})
		}
	}
	if r.PostFormValue("_once") != "" {
		b.Once = formKey(r).String()
	}
	return b, nil
}

func (s *Site) newAppointment(w http.ResponseWriter, r *http.Request) error {
	return s.showBooking(w, r, http.StatusOK, nil)
}

func (s *Site) showBooking(w http.ResponseWriter, r *http.Request, status int, errs ui.Errors) error {
	l, at := s.words(r), base(r)
	b, err := s.bookingForm(r, l.T("appointment.book"), wantedTime(r), errs)
	if err != nil {
		return err
	}
	b.Action, b.Back = at.At("/appointments/new"), at.Query("/appointments", "day", b.Day)
	b.Kinds, b.Kind = appointmentKinds(l), "routine"
	if k := r.FormValue("kind"); k != "" {
		b.Kind = k
	}
	b.Purpose, b.Typed, b.FollowUp = r.FormValue("purpose"), r.FormValue("patient"), r.FormValue("follow_up")
	if id := askedID(r.FormValue("patient_id")); id != uuid.Nil {
		b.Patient = id.String()
		// Who was picked in the form stays in its field, who came with the address
		// has a banner.
		if b.Typed == "" {
			rec, err := s.Patients.Get(r.Context(), id)
			if err != nil {
				return err
			}
			banner := s.banner(r, rec)
			b.Banner, b.Back = &banner, at.Patient(b.Patient)
		}
	}
	return s.show(w, r, status, page.BookingPage(b))
}

func appointmentKinds(l *locale.Loc) []ui.Option {
	return []ui.Option{{Value: "routine", Label: l.T("visit.routine")}, {Value: "follow_up", Label: l.T("visit.follow_up")}}
}

// bookedPatient is who was picked from the list or, without script, the one
// patient that what was typed means.
func (s *Site) bookedPatient(r *http.Request) (uuid.UUID, error) {
	if id := askedID(r.PostFormValue("patient_id")); id != uuid.Nil {
		return id, nil
	}
	return s.patientMeant(r, r.PostFormValue("patient"))
}

func (s *Site) newAppointmentPost(w http.ResponseWriter, r *http.Request) error {
	if r.PostFormValue("then") == "times" {
		return s.showBooking(w, r, http.StatusOK, dayError(s.words(r), wantedTime(r)))
	}
	who, err := s.bookedPatient(r)
	if err != nil {
		return err
	}
	want := wantedTime(r)
	id, err := s.Appointments.Book(r.Context(), formKey(r), appointment.Request{Patient: who, Doctor: want.doctor, Start: want.start, Kind: r.PostFormValue("kind"),
		Purpose: r.PostFormValue("purpose"), FollowUp: askedID(r.PostFormValue("follow_up"))})
	if err != nil {
		errs, err := FormErrors(s.words(r), err)
		if err != nil {
			return err
		}
		return s.showBooking(w, r, http.StatusUnprocessableEntity, errs)
	}
	return httpx.Redirect(w, r, base(r).Appointment(id.String(), ""))
}

func dayError(l *locale.Loc, want wanted) ui.Errors {
	if !want.wrong {
		return nil
	}
	return ui.Errors{{Name: "day", Text: l.T("error.date.invalid")}}
}

func (s *Site) moveAppointment(w http.ResponseWriter, r *http.Request) error {
	return s.showMove(w, r, http.StatusOK, nil)
}

func (s *Site) showMove(w http.ResponseWriter, r *http.Request, status int, errs ui.Errors) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	d, err := s.Appointments.Get(r.Context(), id)
	if err != nil {
		return err
	}
	want := wantedTime(r)
	if want.doctor == uuid.Nil {
		want.doctor = d.Doctor.ID
	}
	if want.day.IsZero() && !want.wrong {
		want.day = later(patient.DayIn(d.Start, httpx.From(r.Context()).Clinic.Zone), today(r))
	}
	l, at := s.words(r), base(r)
	b, err := s.bookingForm(r, l.T("appointment.move"), want, errs)
	if err != nil {
		return err
	}
	banner := s.banner(r, d.Record)
	b.Move, b.Banner, b.Patient, b.Version = true, &banner, d.Patient.ID.String(), strconv.Itoa(int(d.Version))
	b.Action, b.Back = at.Appointment(id.String(), "move"), at.Appointment(id.String(), "")
	return s.show(w, r, status, page.BookingPage(b))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s *Site) moveAppointmentPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	want := wantedTime(r)
	if r.PostFormValue("then") == "times" {
		return s.showMove(w, r, http.StatusOK, dayError(s.words(r), want))
	}
	err = s.Appointments.Move(r.Context(), id, version(r), want.doctor, want.start)
	if err == nil {
		return httpx.Redirect(w, r, base(r).Appointment(id.String(), ""))
	}
	errs, err := FormErrors(s.words(r), err)
	if err != nil {
		return err
	}
	return s.showMove(w, r, http.StatusUnprocessableEntity, errs)
}
