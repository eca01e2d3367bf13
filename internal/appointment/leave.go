package appointment

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

const (
	longestLeave = 366 // days
	longestWhy   = 200
)

// Schedule is when a doctor works and when not.
type Schedule struct {
	Doctor  Doctor
	Hours   clinic.Hours // empty: as long as the clinic is open
	Leaves  []Leave      // that are not over
	Today   time.Time
	MayEdit bool // the hours
	MayRest bool // the leaves
}

// Schedule gives a doctor's office hours and leaves.
//
// Errors: NotFound, Forbidden.
func (s *Service) Schedule(ctx context.Context, doctor uuid.UUID) (Schedule, error) {
	if err := s.allow(ctx, access.AppointmentView); err != nil {
		return Schedule{}, err
	}
	hours, leave := s.allow(ctx, access.HoursKeep) == nil, s.allow(ctx, access.LeaveKeep) == nil
	var out Schedule
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		d, err := doctorIn(ctx, tx, doctor)
		if err != nil {
			return err
		}
		out = Schedule{Doctor: doctorOf(d), Hours: clinic.ShowHours(d.OfficeHours), Today: patient.Today(tx)}
		own := tx.Actor.Role != access.Doctor || tx.Actor.ID == doctor
		out.MayEdit, out.MayRest = hours && own, leave && own
		rows, err := tx.Q().ListLeaves(ctx, tenantdb.ListLeavesParams{FromDay: out.Today, UntilDay: out.Today.AddDate(5, 0, 0), DoctorID: someID(doctor)})
		for _, r := range rows {
			out.Leaves = append(out.Leaves, leaveOf(r))
		}
		return err
	})
	return out, tenants.Refused(err)
}

func doctorIn(ctx context.Context, tx *tenants.Tx, id uuid.UUID) (tenantdb.ListAppointmentDoctorsRow, error) {
	rows, err := tx.Q().ListAppointmentDoctors(ctx, someID(id))
	if err == nil && (len(rows) != 1 || id == uuid.Nil) {
		err = apperr.New(apperr.NotFound, "error.not_found", "This record was not found")
	}
	if err != nil {
		return tenantdb.ListAppointmentDoctorsRow{}, err
	}
	return rows[0], nil
}

// own refuses a doctor who would change another's schedule.
func own(tx *tenants.Tx, doctor uuid.UUID) error {
	if tx.Actor.Role == access.Doctor && tx.Actor.ID != doctor {
		return apperr.New(apperr.Forbidden, "error.schedule.yours", "This is another doctor's schedule")
	}
	return nil
}

// SetHours keeps a doctor's office hours; none at all means as long as the
// clinic is open. What is booked stays booked.
//
// Errors: Invalid (hours_mon and so on), NotFound, Forbidden.
func (s *Service) SetHours(ctx context.Context, doctor uuid.UUID, h clinic.Hours) error {
	if err := s.allow(ctx, access.HoursKeep); err != nil {
		return err
	}
	kept, wrong := clinic.ParseHours(h)
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if _, err := doctorIn(ctx, tx, doctor); err != nil {
			return err
		}
		if err := own(tx, doctor); err != nil {
			return err
		}
		if wrong != nil {
			return wrong
		}
		_, err := tx.Q().UpdateOfficeHours(ctx, tenantdb.UpdateOfficeHoursParams{UserID: doctor, OfficeHours: kept})
		return err
	}))
}

// TakeLeave keeps a doctor's days free of new appointments, and says how many
// stand in them already: those must be moved or cancelled by somebody who
// speaks with the patients. The days are as typed; without a last one it is the
// first. key is the form's own.
//
// Errors: Invalid (from, until, reason), NotFound, Forbidden.
func (s *Service) TakeLeave(ctx context.Context, key, doctor uuid.UUID, fromText, untilText, reason string) (booked int, err error) {
	if err := s.allow(ctx, access.LeaveKeep); err != nil {
		return 0, err
	}
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if _, err := doctorIn(ctx, tx, doctor); err != nil {
			return err
		}
		if err := own(tx, doctor); err != nil {
			return err
		}
		from, until, err := leaveDays(fromText, untilText, reason, patient.Today(tx))
		if err != nil {
			return err
		}
		id := uuid.Must(uuid.NewV7())
		first, _, err := tenants.Claim(ctx, tx, key, "leave.take", id)
		if err != nil {
			return err
		}
		if first {
			err = tx.Q().InsertLeave(ctx, tenantdb.InsertLeaveParams{ID: id, DoctorID: doctor, FromDay: from, UntilDay: until, Reason: phi.Text(strings.TrimSpace(reason)), CreatedBy: someID(tx.Actor.ID)})
			if err != nil {
				return err
			}
		}
		begin, _ := dayBounds(from, tx.Clinic.Zone)
		_, end := dayBounds(until, tx.Clinic.Zone)
		n, err := tx.Q().CountAppointmentsBetween(ctx, tenantdb.CountAppointmentsBetweenParams{DoctorID: doctor, FromAt: begin, UntilAt: end})
		booked = int(n)
		return err
	})
	return booked, tenants.Refused(err)
}

// leaveDays reads the days of a leave.
func leaveDays(fromText, untilText, reason string, today time.Time) (from, until time.Time, err error) {
	var p apperr.Problems
	read := func(name, text string) time.Time {
		day, err := patient.ParseDay(text)
		if err != nil {
			p.Add(name, "error.date.invalid", "Write the date as DD/MM/YYYY")
		}
		return day
	}
	from, until = read("from", fromText), read("until", untilText)
	if strings.TrimSpace(fromText) == "" {
		p.Add("from", "error.required", "Fill this in")
	}
	if until.IsZero() {
		until = from
	}
	switch {
	case p.Err() != nil:
	case until.Before(from):
		p.Add("until", "error.period.order", "The last day is before the first")
	case until.Before(today):
		p.Add("from", "error.leave.past", "These days are over")
	case until.Sub(from) >= longestLeave*24*time.Hour:
		p.Add("until", "error.leave.long", "A leave is at most a year long")
	}
	if utf8.RuneCountInString(reason) > longestWhy {
		p.Add("reason", "error.text.long", "This is too long")
	} else if !utf8.ValidString(reason) || strings.ContainsRune(reason, 0) {
		p.Add("reason", "error.text.invalid", "This holds signs that are no text")
	}
	return from, until, p.Err()
}

// EndLeave takes a leave back. Taken back again it is what it was. It gives the
// doctor whose it is.
//
// Errors: NotFound, Forbidden.
func (s *Service) EndLeave(ctx context.Context, id uuid.UUID) (doctor uuid.UUID, err error) {
	if err := s.allow(ctx, access.LeaveKeep); err != nil {
		return uuid.Nil, err
	}
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		l, err := tx.Q().GetLeave(ctx, id)
		if err != nil {
			return err
		}
		doctor = l.DoctorID
		if err := own(tx, doctor); err != nil {
			return err
		}
		_, err = tx.Q().WithdrawLeave(ctx, id)
		return err
	})
	return doctor, tenants.Refused(err)
}
