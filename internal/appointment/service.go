package appointment

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// Service keeps the appointments of a clinic.
type Service struct{ db *tenants.DB }

// NewService makes the service.
func NewService(db *tenants.DB) *Service { return &Service{db: db} }

func (s *Service) allow(ctx context.Context, c access.Capability) error { return s.db.Allow(ctx, c) }

// weekDays is how many days a doctor's week shows, Monday first.
const weekDays = 7

// Day gives a day of every doctor, or of one where doctor is not zero. The zero
// day is today.
//
// Errors: NotFound (no such doctor), Forbidden.
func (s *Service) Day(ctx context.Context, day time.Time, doctor uuid.UUID) (Calendar, error) {
	return s.calendar(ctx, day, doctor, false)
}

// Week gives the week of a doctor that a day is in, Monday first. The zero
// doctor is the actor, where they see patients, else the first of the list.
//
// Errors: NotFound (no such doctor), Forbidden.
func (s *Service) Week(ctx context.Context, day time.Time, doctor uuid.UUID) (Calendar, error) {
	return s.calendar(ctx, day, doctor, true)
}

func (s *Service) calendar(ctx context.Context, day time.Time, doctor uuid.UUID, week bool) (Calendar, error) {
	if err := s.allow(ctx, access.AppointmentView); err != nil {
		return Calendar{}, err
	}
	var out Calendar
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		out, err = calendarIn(ctx, tx, day, doctor, week)
		return err
	})
	return out, tenants.Refused(err)
}

func calendarIn(ctx context.Context, tx *tenants.Tx, day time.Time, doctor uuid.UUID, week bool) (Calendar, error) {
	c := Calendar{Now: tx.Now, Today: patient.Today(tx), Day: day}
	if day.IsZero() {
		c.Day = c.Today
	}
	first, days := c.Day, 1
	if week {
		first, days = monday(c.Day), weekDays
	}
	from, _ := dayBounds(first, tx.Clinic.Zone)
	last := first.AddDate(0, 0, days-1)
	_, until := dayBounds(last, tx.Clinic.Zone)
	var (
		settings tenantdb.GetSlotSettingsRow
		doctors  []tenantdb.ListAppointmentDoctorsRow
		leaves   []tenantdb.ListLeavesRow
		rows     []tenantdb.ListAppointmentsRow
	)
	err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
		settings, err = q.GetSlotSettings(ctx)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		doctors, err = q.ListAppointmentDoctors(ctx, uuid.NullUUID{})
		return err
	}, func(q *tenantdb.Queries) (err error) {
		leaves, err = q.ListLeaves(ctx, tenantdb.ListLeavesParams{FromDay: first, UntilDay: last})
		return err
	}, func(q *tenantdb.Queries) (err error) {
		rows, err = q.ListAppointments(ctx, tenantdb.ListAppointmentsParams{FromAt: from, UntilAt: until})
		return err
	})
	if err != nil {
		return c, err
	}
	c.Minutes = int(settings.SlotMinutes)
	p := plan{opening: clinic.ReadWeek(settings.OpeningHours), minutes: c.Minutes, zone: tx.Clinic.Zone, now: tx.Now, today: c.Today}
	chosen := choose(&c, doctors, doctor, tx.Actor.ID, week)
	if doctor != uuid.Nil && len(chosen) == 0 {
		return c, apperr.New(apperr.NotFound, "error.not_found", "This record was not found")
	}
	for _, d := range chosen {
		for i := range days {
			on := first.AddDate(0, 0, i)
			c.Columns = append(c.Columns, p.column(doctorOf(d), clinic.ReadWeek(d.OfficeHours), on, leaveOn(leaves, d.ID, on), onDay(rows, d.ID, on, tx.Clinic.Zone)))
		}
	}
	return c, nil
}

// choose notes every doctor in the calendar and gives those with columns.
func choose(c *Calendar, all []tenantdb.ListAppointmentDoctorsRow, doctor, actor uuid.UUID, one bool) []tenantdb.ListAppointmentDoctorsRow {
	want := doctor
	for _, d := range all {
		c.Doctors = append(c.Doctors, doctorOf(d))
		if one && doctor == uuid.Nil && d.ID == actor {
			want = actor
		}
	}
	if one && want == uuid.Nil && len(all) > 0 {
		want = all[0].ID
	}
	if want == uuid.Nil {
		return all
	}
	for _, d := range all {
		if d.ID == want {
			return []tenantdb.ListAppointmentDoctorsRow{d}
		}
	}
	return nil
}

func doctorOf(r tenantdb.ListAppointmentDoctorsRow) Doctor {
	return Doctor{ID: r.ID, Name: r.FullName, Local: r.LocalName, Room: r.Room, Availability: r.Availability}
}

func leaveOn(all []tenantdb.ListLeavesRow, doctor uuid.UUID, day time.Time) *Leave {
	for _, l := range all {
		if l.DoctorID == doctor && !day.Before(l.FromDay) && !day.After(l.UntilDay) {
			out := leaveOf(l)
			return &out
		}
	}
	return nil
}

func leaveOf(r tenantdb.ListLeavesRow) Leave {
	return Leave{ID: r.ID, From: r.FromDay, Until: r.UntilDay, Reason: r.Reason, Version: r.Version}
}

func onDay(rows []tenantdb.ListAppointmentsRow, doctor uuid.UUID, day time.Time, zone *time.Location) []Appointment {
	var out []Appointment
	for _, r := range rows {
		if r.DoctorID != doctor || !patient.DayIn(r.StartsAt, zone).Equal(day) {
			continue
		}
		out = append(out, Appointment{ID: r.ID, Doctor: Doctor{ID: r.DoctorID}, Start: r.StartsAt, End: r.EndsAt, Kind: r.Kind, Purpose: r.Purpose, State: State(r.State),
			Visit: r.VisitID.UUID, Version: r.Version, Language: r.Language, Reminded: moment(r.RemindedAt), Patient: patient.Card{ID: r.PatientID, Number: r.PatientNumber, Name: r.FullName, Local: r.LocalName, Sex: r.Sex,
				Phone: r.Phone, Birth: patient.BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn)}})
	}
	return out
}

// monday is the first day of the week that a day is in.
func monday(day time.Time) time.Time { return day.AddDate(0, 0, -(int(day.Weekday())+6)%7) }

// Get gives an appointment with its patient's record, and notes on the trail
// that the actor saw it.
//
// Errors: NotFound, Forbidden.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (Detail, error) {
	if err := s.allow(ctx, access.AppointmentView); err != nil {
		return Detail{}, err
	}
	var out Detail
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		a, err := tx.Q().GetAppointment(ctx, id)
		if err != nil {
			return err
		}
		out = detailOf(a)
		out.Now, out.Today = tx.Now, patient.DayIn(a.StartsAt, tx.Clinic.Zone).Equal(patient.Today(tx))
		out.Record, err = patient.GetIn(ctx, tx, a.PatientID)
		out.Language = out.Record.Language
		return err
	})
	return out, tenants.Refused(err)
}

func detailOf(a tenantdb.GetAppointmentRow) Detail {
	return Detail{Appointment: Appointment{ID: a.ID, Doctor: Doctor{ID: a.DoctorID, Name: a.Doctor}, Patient: patient.Card{ID: a.PatientID}, Start: a.StartsAt, End: a.EndsAt,
		Kind: a.Kind, Purpose: a.Purpose, State: State(a.State), Visit: a.VisitID.UUID, Version: a.Version, Reminded: moment(a.RemindedAt)}, Reason: a.StateReason, Booker: a.Booker, Made: a.CreatedAt}
}

// ToCome gives what a patient has booked, also under records that were merged
// into theirs: family are the ids.
//
// Errors: Forbidden.
func (s *Service) ToCome(ctx context.Context, family []uuid.UUID) ([]Appointment, error) {
	if err := s.allow(ctx, access.AppointmentView); err != nil {
		return nil, err
	}
	var out []Appointment
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().ListAppointmentsByPatients(ctx, tenantdb.ListAppointmentsByPatientsParams{PatientIds: family, FromAt: tx.Now})
		out = nil
		for _, r := range rows {
			out = append(out, Appointment{ID: r.ID, Doctor: Doctor{ID: r.DoctorID, Name: r.Doctor}, Patient: patient.Card{ID: r.PatientID}, Start: r.StartsAt, End: r.EndsAt,
				Kind: r.Kind, State: State(r.State), Version: r.Version})
		}
		return err
	})
	return out, tenants.Refused(err)
}

// followUpsMost is how many lines the desk's list has.
const followUpsMost = 50

// FollowUps gives everybody's follow-ups that are due by a number of days from
// today, the oldest first, of one doctor or of all. more says that there are
// others behind them.
//
// Errors: Forbidden.
func (s *Service) FollowUps(ctx context.Context, days int, doctor uuid.UUID) (out []FollowUp, more bool, err error) {
	if err := s.allow(ctx, access.AppointmentView); err != nil {
		return nil, false, err
	}
	err = tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().ListClinicFollowUps(ctx, tenantdb.ListClinicFollowUpsParams{Until: patient.Today(tx).AddDate(0, 0, days), DoctorID: someID(doctor), AtMost: followUpsMost + 1})
		out, more = nil, len(rows) > followUpsMost
		if more {
			rows = rows[:followUpsMost]
		}
		for _, r := range rows {
			if n := len(out); n > 0 && out[n-1].ID == r.ID {
				continue // booked twice: the first counts
			}
			f := FollowUp{ID: r.ID, Version: r.Version, On: r.DueOn, Note: r.Note, Doctor: Doctor{ID: r.DoctorID, Name: r.Doctor}, Booked: r.AppointmentID.UUID,
				Patient: patient.Card{ID: r.PatientID, Number: r.PatientNumber, Name: r.FullName, Local: r.LocalName, Sex: r.Sex, Phone: r.Phone,
					Birth: patient.BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn)}}
			if r.StartsAt != nil {
				f.At = *r.StartsAt
			}
			out = append(out, f)
		}
		return err
	})
	return out, more, tenants.Refused(err)
}

// moment is the zero time where there is none.
func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func someID(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
