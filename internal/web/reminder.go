package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/appointment"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// ReminderMessage is what a patient is told of an appointment, by mail, WhatsApp
// or SMS: where, when and with whom, and nothing that tells why.
func ReminderMessage(l *locale.Loc, clinic, doctor string, start time.Time) string {
	return l.T("reminder.message", "Clinic", clinic, "Day", l.Weekday(start)+" "+l.Date(start), "Time", l.Time(start), "Doctor", doctorName(l, doctor))
}

// ReminderSubject is the subject of the mail.
func ReminderSubject(l *locale.Loc, clinic string) string {
	return l.T("reminder.subject", "Clinic", clinic)
}

// reminderText is the message in the patient's language.
func (s *Site) reminderText(r *http.Request, a appointment.Appointment) string {
	c := httpx.From(r.Context()).Clinic
	return ReminderMessage(s.Words.For(locale.Choose(a.Language, "", c.Lang), c.Zone), c.Name, a.Doctor.Name, a.Start)
}

// remindColumn adds to a doctor's day who was reminded, and on a day to come how
// to remind them.
func (s *Site) remindColumn(r *http.Request, c appointment.Calendar, col appointment.Column, entries []page.SlotEntry) {
	l, info := s.words(r), httpx.From(r.Context())
	may := info.Can(access.AppointmentBook) && (info.Who.Actor.Role != access.Doctor || info.Who.Actor.ID == col.Doctor.ID) && col.Day.After(c.Today)
	for i, e := range col.Entries {
		if e.Taken == nil {
			continue
		}
		if at := e.Taken.Reminded; !at.IsZero() { // the day before, so its name will do
			entries[i].Reminded = l.T("reminder.reminded", "Time", l.Weekday(at)+" "+l.Time(at))
		}
		if may && e.Taken.MayRemind(c.Now) {
			a := *e.Taken
			a.Doctor = col.Doctor
			entries[i].Remind = s.remindLink(r, a, a.Patient.Phone.Reveal(), true)
		}
	}
}

// remindLink opens WhatsApp with the message; nil without a phone.
func (s *Site) remindLink(r *http.Request, a appointment.Appointment, phone string, small bool) *ui.Button {
	if phone == "" {
		return nil
	}
	l := s.words(r)
	b := ui.Button{Label: l.T("reminder.whatsapp"), Icon: "external-link", Href: "https://wa.me/" + strings.TrimPrefix(phone, "+") + "?text=" + query(s.reminderText(r, a)),
		Attrs: templ.Attributes{"target": "_blank", "rel": "noopener noreferrer"}}
	if small {
		b.Label, b.Small, b.Spoken = l.T("reminder.remind"), true, a.Patient.Name.Reveal()
	}
	return &b
}

// remindSMS opens the phone's messages; nil without a phone.
func (s *Site) remindSMS(r *http.Request, a appointment.Appointment, phone string) *ui.Button {
	if phone == "" {
		return nil
	}
	return &ui.Button{Label: s.words(r).T("reminder.sms"), Icon: "external-link", Href: "sms:" + phone + "?body=" + query(s.reminderText(r, a))}
}
