package demo

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

const (
	daysAhead  = 9 // that have appointments
	demoSlot   = 15 * time.Minute
	demoHours  = `{"mon":[["09:00","13:00"],["17:00","20:30"]],"tue":[["09:00","13:00"],["17:00","20:30"]],"wed":[["09:00","13:00"],["17:00","20:30"]],"thu":[["09:00","13:00"],["17:00","20:30"]],"fri":[["09:00","13:00"],["17:00","20:30"]],"sat":[["09:00","14:00"]]}`
	morningMin = 9 * 60
)

// diary is what the appointments of a clinic are made from.
type diary struct {
	rng      *rand.Rand
	zone     *time.Location
	now      time.Time
	today    time.Time
	desk     uuid.UUID
	lines    []line
	patients []tenantdb.ListDemoPatientsRow
	visits   []tenantdb.InsertDemoVisitParams // made now, today's last
}

// booked adds opening hours, a leave, and appointments to each day to come that
// has none; today's are those of who came with one.
func (f *filler) booked(ctx context.Context, tx *tenants.Tx, d *diary) error {
	q := tx.Q()
	if err := q.SetDemoHours(ctx, []byte(demoHours)); err != nil {
		return err
	}
	has, err := q.ListDemoBookedDays(ctx, tenantdb.ListDemoBookedDaysParams{Zone: d.zone.String(), Since: d.at(d.today, 0)})
	if err != nil {
		return err
	}
	if len(has) == 0 && len(d.lines) > 1 {
		away := tenantdb.InsertDemoLeaveParams{ID: newID(), DoctorID: d.lines[1].doctor, FromDay: d.today.AddDate(0, 0, daysAhead+2), UntilDay: d.today.AddDate(0, 0, daysAhead+3), Reason: "Conference"}
		if err := q.InsertDemoLeave(ctx, away); err != nil {
			return err
		}
	}
	due, err := q.ListDemoDueFollowUps(ctx, tenantdb.ListDemoDueFollowUpsParams{FromDay: d.today, UntilDay: d.today.AddDate(0, 0, daysAhead)})
	if err != nil {
		return err
	}
	var all []tenantdb.InsertDemoAppointmentParams
	if !slices.ContainsFunc(has, d.today.Equal) {
		all = append(all, d.came()...)
	}
	for n := 0; n <= daysAhead; n++ {
		day := d.today.AddDate(0, 0, n)
		if day.Weekday() != time.Sunday && !slices.ContainsFunc(has, day.Equal) {
			all = append(all, d.toCome(day, due)...)
		}
	}
	return inTens(all, func(some []tenantdb.InsertDemoAppointmentParams) error {
		fns := make([]func(*tenantdb.Queries) error, len(some))
		for i, a := range some {
			fns[i] = func(q *tenantdb.Queries) error { return q.InsertDemoAppointment(ctx, a) }
		}
		return tx.Together(ctx, fns...)
	})
}

func (d *diary) at(day time.Time, minutes int) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, minutes, 0, 0, d.zone)
}

// came are today's visits for a follow-up: they had an appointment.
func (d *diary) came() []tenantdb.InsertDemoAppointmentParams {
	var out []tenantdb.InsertDemoAppointmentParams
	for _, v := range d.visits {
		if !v.Day.Equal(d.today) || v.Kind != "follow_up" || v.State == "cancelled" || v.State == "no_show" {
			continue
		}
		a := d.appointment(v.PatientID, v.DoctorID.UUID, v.ArrivedAt.Truncate(demoSlot))
		a.Kind, a.Purpose, a.State, a.VisitID = v.Kind, v.Purpose, "arrived", uuid.NullUUID{UUID: v.ID, Valid: true}
		out = append(out, a)
	}
	return out
}

// toCome books some of the times of a day, first those who are to come again.
func (d *diary) toCome(day time.Time, due []tenantdb.ListDemoDueFollowUpsRow) []tenantdb.InsertDemoAppointmentParams {
	var out []tenantdb.InsertDemoAppointmentParams
	for _, l := range d.lines {
		var times []time.Time
		for _, span := range [][2]int{{morningMin, 13 * 60}, {17 * 60, 20*60 + 30}} {
			for m := span[0]; m < span[1] && (day.Weekday() != time.Saturday || m < 13*60); m += int(demoSlot / time.Minute) {
				if start := d.at(day, m); start.After(d.now) && d.rng.IntN(100) < 34 {
					times = append(times, start)
				}
			}
		}
		for _, fu := range due {
			if len(times) == 0 || fu.DoctorID != l.doctor || !fu.DueOn.Equal(day) || d.rng.IntN(2) == 0 {
				continue
			}
			a := d.appointment(fu.PatientID, l.doctor, times[0])
			a.Kind, a.Purpose, a.FollowUpID = "follow_up", "Follow-up", uuid.NullUUID{UUID: fu.ID, Valid: true}
			out, times = append(out, a), times[1:]
		}
		for _, start := range times {
			out = append(out, d.appointment(pick(d.rng, d.patients).ID, l.doctor, start))
		}
	}
	return out
}

func (d *diary) appointment(who, doctor uuid.UUID, start time.Time) tenantdb.InsertDemoAppointmentParams {
	return tenantdb.InsertDemoAppointmentParams{ID: newID(), PatientID: who, DoctorID: doctor, StartsAt: start, Kind: "routine", Purpose: phi.Text(pick(d.rng, purposes)),
		State: "booked", BookedBy: uuid.NullUUID{UUID: d.desk, Valid: d.desk != uuid.Nil}}
}
