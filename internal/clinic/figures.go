package clinic

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// Figures are the clinic's day as its admin sees it.
type Figures struct {
	Day                                             time.Time
	Patients, PatientsToday, Admitted               int
	Visits, Waiting, Called, Consulting, Done, Lost int
	AverageWait, AverageConsultation                time.Duration
	PerDay                                          []DayCount // the last two weeks, oldest first, no day left out
	Doctors                                         []DoctorLoad
	Recent                                          []Activity
	Usage                                           []Usage
}

// DayCount is the visits of one day.
type DayCount struct {
	Day          time.Time
	Visits, Done int
}

// DoctorLoad is a doctor's day.
type DoctorLoad struct {
	ID                        uuid.UUID
	Name, Room, Availability  string
	Waiting, Consulting, Done int
	Average                   time.Duration // of a consultation
}

// Activity is one line of what happened last: who, what, on which kind of
// record; never which patient.
type Activity struct {
	At             time.Time
	Who            string // empty for the system
	Role           access.Role
	Action, Entity string
}

// Usage is how much of a limit of the plan is used.
type Usage struct {
	Kind  string
	Used  int64
	Limit int64 // negative: none
}

// Near reports that at least nine tenths are used.
func (u Usage) Near() bool { return u.Limit >= 0 && u.Used*10 >= u.Limit*9 }

const (
	figureDays    = 14
	figureRecents = 8
)

// Figures counts the clinic's day. Codes: forbidden.
func (s *Service) Figures(ctx context.Context) (Figures, error) {
	if err := s.allow(ctx, access.StaffManage); err != nil {
		return Figures{}, err
	}
	var f Figures
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		f = Figures{Day: patient.DayIn(tx.Now, tx.Clinic.Zone)}
		return tx.Together(ctx,
			func(q *tenantdb.Queries) error { return f.day(ctx, q) },
			func(q *tenantdb.Queries) error { return f.patients(ctx, q) },
			func(q *tenantdb.Queries) error { return f.perDay(ctx, q) },
			func(q *tenantdb.Queries) error { return f.doctors(ctx, q) },
			func(q *tenantdb.Queries) error { return f.recent(ctx, q) },
			func(q *tenantdb.Queries) error { return f.usage(ctx, q) },
		)
	})
	return f, tenants.Refused(err)
}

func (f *Figures) day(ctx context.Context, q *tenantdb.Queries) error {
	r, err := q.GetDayFigures(ctx, f.Day)
	f.Visits, f.Waiting, f.Called, f.Consulting = int(r.Visits), int(r.Waiting), int(r.Called), int(r.Consulting)
	f.Done, f.Lost = int(r.Done), int(r.Lost)
	f.AverageWait = time.Duration(r.WaitSeconds) * time.Second
	f.AverageConsultation = time.Duration(r.ConsultSeconds) * time.Second
	return err
}

func (f *Figures) patients(ctx context.Context, q *tenantdb.Queries) error {
	r, err := q.GetPatientFigures(ctx, f.Day)
	f.Patients, f.PatientsToday, f.Admitted = int(r.Patients), int(r.Today), int(r.Admitted)
	return err
}

func (f *Figures) perDay(ctx context.Context, q *tenantdb.Queries) error {
	since := f.Day.AddDate(0, 0, 1-figureDays)
	rows, err := q.CountVisitsPerDay(ctx, tenantdb.CountVisitsPerDayParams{Since: since, Today: f.Day})
	known := map[string]DayCount{}
	for _, r := range rows {
		known[r.Day.Format(time.DateOnly)] = DayCount{Day: r.Day, Visits: int(r.Visits), Done: int(r.Done)}
	}
	for d := since; !d.After(f.Day); d = d.AddDate(0, 0, 1) {
		c := known[d.Format(time.DateOnly)]
		c.Day = d
		f.PerDay = append(f.PerDay, c)
	}
	return err
}

func (f *Figures) doctors(ctx context.Context, q *tenantdb.Queries) error {
	rows, err := q.ListDoctorLoad(ctx, f.Day)
	for _, r := range rows {
		f.Doctors = append(f.Doctors, DoctorLoad{ID: r.ID, Name: r.FullName, Room: r.Room, Availability: r.Availability,
			Waiting: int(r.Waiting), Consulting: int(r.Consulting), Done: int(r.Done),
			Average: time.Duration(r.ConsultSeconds) * time.Second})
	}
	return err
}

func (f *Figures) recent(ctx context.Context, q *tenantdb.Queries) error {
	rows, err := q.ListRecentTrail(ctx, figureRecents)
	for _, r := range rows {
		f.Recent = append(f.Recent, Activity{At: r.At, Who: r.Who, Role: access.Role(strings.TrimPrefix(r.ActorRole, "cloister_")), Action: r.Action, Entity: r.Entity})
	}
	return err
}

func (f *Figures) usage(ctx context.Context, q *tenantdb.Queries) error {
	rows, err := q.ListUsage(ctx)
	for _, r := range rows {
		f.Usage = append(f.Usage, Usage{Kind: r.Kind, Used: r.Used, Limit: r.AtMost})
	}
	return err
}
