package demo

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// daysBack is how far a demo clinic's visits go back.
const daysBack = 24

// line is a doctor's queue of the demo.
type line struct {
	doctor uuid.UUID
	busy   int // patients on an average day
}

// days adds the visits of each day that has none, up to today, and gives how
// many visits there are added now, counted from before.
func (f *filler) days(ctx context.Context, tx *tenants.Tx, p place, staff map[string]uuid.UUID, before int) (int, error) {
	now := f.Now()
	today := dayOf(now, tx.Clinic.Zone)
	since := today.AddDate(0, 0, -daysBack)
	has, err := tx.Q().ListVisitDays(ctx, since)
	if err != nil {
		return before, err
	}
	patients, err := tx.Q().ListDemoPatients(ctx)
	if err != nil || len(patients) == 0 {
		return before, err
	}
	var lines []line
	desk, nurse := uuid.Nil, uuid.Nil
	for _, s := range p.staff {
		switch {
		case s.role == access.Doctor && staff[s.user] != uuid.Nil:
			lines = append(lines, line{staff[s.user], 10 - 2*len(lines)})
		case s.role == access.Receptionist && desk == uuid.Nil:
			desk = staff[s.user]
		case s.role == access.Nurse && nurse == uuid.Nil:
			nurse = staff[s.user]
		}
	}
	if err := templates(ctx, tx.Q(), lines); err != nil {
		return before, err
	}
	var all []tenantdb.InsertDemoVisitParams
	for d := since; !d.After(today); d = d.AddDate(0, 0, 1) {
		if slices.ContainsFunc(has, d.Equal) || d.Before(today) && d.Weekday() == time.Sunday {
			continue
		}
		g := &daysWork{rng: rand.New(rand.NewPCG(p.seed, uint64(d.Unix()))), day: d, zone: tx.Clinic.Zone, now: now, desk: desk, patients: patients}
		if d.Equal(today) {
			all = append(all, g.half(lines)...)
		} else {
			all = append(all, g.whole(lines)...)
		}
	}
	notes := &notebook{rng: rand.New(rand.NewPCG(p.seed, uint64(today.Unix())+7)), nurse: nurse, today: today, born: bornOf(patients)}
	err = inTens(all, func(some []tenantdb.InsertDemoVisitParams) error {
		fns := make([]func(*tenantdb.Queries) error, len(some))
		for i, v := range some {
			fns[i] = func(q *tenantdb.Queries) error {
				if err := q.InsertDemoVisit(ctx, v); err != nil {
					return err
				}
				if err := q.InsertDemoToken(ctx, tenantdb.InsertDemoTokenParams{ID: newID(), VisitID: v.ID, Day: v.Day, MadeAt: v.ArrivedAt}); err != nil {
					return err
				}
				return notes.write(ctx, q, v)
			}
		}
		return tx.Together(ctx, fns...)
	})
	if err != nil {
		return before, err
	}
	return before + len(all), f.booked(ctx, tx, &diary{rng: rand.New(rand.NewPCG(p.seed, uint64(today.Unix())+13)), zone: tx.Clinic.Zone, now: now, today: today, desk: desk,
		lines: lines, patients: patients, visits: all})
}

func bornOf(patients []tenantdb.ListDemoPatientsRow) map[uuid.UUID]time.Time {
	out := map[uuid.UUID]time.Time{}
	for _, who := range patients {
		out[who.ID] = who.Born
	}
	return out
}

// daysWork invents one day of a clinic.
type daysWork struct {
	rng      *rand.Rand
	day      time.Time
	zone     *time.Location
	now      time.Time
	desk     uuid.UUID
	patients []tenantdb.ListDemoPatientsRow
	seen     map[uuid.UUID]bool
}

// visit begins a visit of somebody who isn't here yet.
func (g *daysWork) visit(doctor uuid.UUID, arrived time.Time) tenantdb.InsertDemoVisitParams {
	if g.seen == nil {
		g.seen = map[uuid.UUID]bool{}
	}
	who := g.patients[0].ID
	for range 50 { // a few may come twice if the clinic has hardly any patients
		c := pick(g.rng, g.patients)
		if who = c.ID; !g.seen[who] && !c.RegisteredOn.After(g.day) {
			break
		}
	}
	g.seen[who] = true
	kind := pick(g.rng, []string{"routine", "routine", "routine", "routine", "follow_up", "follow_up"})
	return tenantdb.InsertDemoVisitParams{ID: newID(), PatientID: who, DoctorID: uuid.NullUUID{UUID: doctor, Valid: true}, Day: g.day, Kind: kind,
		Purpose: phi.Text(pick(g.rng, purposes)), State: "waiting", ArrivedAt: arrived, CreatedBy: uuid.NullUUID{UUID: g.desk, Valid: g.desk != uuid.Nil}}
}

func (g *daysWork) minutes(from, to int) time.Duration {
	return time.Duration(from*60+g.rng.IntN((to-from)*60+1)) * time.Second
}

// at is a time of the day in the clinic.
func (g *daysWork) at(hour, minute int) time.Time {
	return time.Date(g.day.Year(), g.day.Month(), g.day.Day(), hour, minute, 0, 0, g.zone)
}

// whole is a day that is over: the doctors saw one after another.
func (g *daysWork) whole(lines []line) []tenantdb.InsertDemoVisitParams {
	var all []tenantdb.InsertDemoVisitParams
	for _, l := range lines {
		free := g.at(9, 10)
		arrived := g.at(8, 50)
		for range max(1, l.busy-2+g.rng.IntN(5)) {
			arrived = arrived.Add(g.minutes(2, 20))
			v := g.visit(l.doctor, arrived)
			switch n := g.rng.IntN(100); {
			case n < 4:
				end := arrived.Add(g.minutes(30, 60))
				v.State, v.EndedAt = "no_show", &end
			case n < 7:
				end := arrived.Add(g.minutes(5, 30))
				v.State, v.StateReason, v.EndedAt = "cancelled", "Left before being called", &end
			default:
				free = g.see(&v, later(free, arrived.Add(g.minutes(1, 6))))
			}
			all = append(all, v)
		}
	}
	return all
}

// see calls a patient at a time and gives the time at which the doctor is free.
func (g *daysWork) see(v *tenantdb.InsertDemoVisitParams, called time.Time) time.Time {
	started := called.Add(g.minutes(0, 3))
	ended := started.Add(g.minutes(4, 14))
	v.State, v.CallCount, v.CalledAt, v.StartedAt, v.EndedAt = "done", 1, &called, &started, &ended
	return ended.Add(g.minutes(0, 2))
}

// half is today's queue in the middle of its work. The demo may be started at
// any hour, so the day began some hours ago, and not before midnight.
func (g *daysWork) half(lines []line) []tenantdb.InsertDemoVisitParams {
	begun := later(g.at(0, 1), g.now.Add(-4*time.Hour))
	if !begun.Before(g.now) {
		begun = g.now.Add(-time.Minute)
	}
	span := g.now.Sub(begun)
	moment := func(share float64) time.Time { return begun.Add(time.Duration(share * float64(span))) }
	var all []tenantdb.InsertDemoVisitParams
	for i, l := range lines {
		n := l.busy
		done := n / 2
		for k := range n {
			v := g.visit(l.doctor, moment(float64(k)/float64(n)*0.95))
			g.place(&v, i, k, done, moment, n)
			all = append(all, v)
		}
	}
	return all
}

// place puts the k-th patient of a line where the line is now.
func (g *daysWork) place(v *tenantdb.InsertDemoVisitParams, lineNo, k, done int, moment func(float64) time.Time, n int) {
	share := func(x float64) *time.Time { t := later(moment(x), v.ArrivedAt); return &t }
	step := 0.9 / float64(done+1)
	switch {
	case k == 1 && lineNo == 0:
		v.State, v.EndedAt = "no_show", share(0.5)
	case k == 1 && lineNo == 1:
		v.State, v.StateReason, v.EndedAt = "cancelled", "Will come in the evening", share(0.3)
	case k < done:
		v.State, v.CallCount = "done", 1
		v.CalledAt, v.StartedAt, v.EndedAt = share(step*float64(k)+0.02), share(step*float64(k)+0.03), share(step*float64(k)+0.08)
	case k == done:
		v.State, v.CallCount, v.CalledAt, v.StartedAt = "in_consultation", 1, share(0.95), share(0.96)
	case k == done+1 && lineNo == 0:
		v.State, v.CallCount, v.CalledAt = "called", 1, share(0.99)
	case k == done+1 && lineNo == 1:
		v.State, v.CallCount, v.CalledAt = "skipped", 1, share(0.97)
	case k == n-1 && lineNo == 0:
		v.Priority, v.Kind, v.Purpose = true, "emergency", "Chest pain"
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
