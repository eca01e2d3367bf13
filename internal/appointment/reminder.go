package appointment

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// When patients are reminded, by the clinic's clock: not while they sleep.
const (
	remindFrom  = 8
	remindUntil = 20
)

// A reminder that could not be sent is tried again, a few times. Several in a row
// mean that the mail server is away, and the rest waits for a later round.
const (
	remindAgain    = 15 * time.Minute
	remindTries    = 5
	remindMost     = 200 // in one round of one clinic
	remindFailures = 3
	noteWithin     = 5 * time.Second
)

// Reminder is what a patient is told of an appointment of tomorrow. There is
// nothing clinical in it.
type Reminder struct {
	Clinic   string
	Doctor   string
	Start    time.Time
	Zone     *time.Location // the clinic's
	Email    phi.Text
	Language string // the patient's, else the clinic's
}

// Remind reminds the patients of the scope's clinic who are booked for its next
// day and have an email address, each once for a time and a doctor. send sends one
// letter, outside of any transaction. A reminder is claimed before it is sent, so
// that of two who remind at once one does; a letter that was sent and not noted,
// since the machine stopped in between, is sent again. It is the worker's.
//
// err is of the database; failed counts letters that send refused.
//
// Errors: Forbidden.
func (s *Service) Remind(ctx context.Context, now time.Time, send func(context.Context, Reminder) error) (sent, failed int, err error) {
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Actor.Kind != access.System || sc.Clinic == nil {
		return 0, 0, apperr.New(apperr.Forbidden, "error.forbidden", "Your role may not do this")
	}
	due, about, err := s.toRemind(ctx, now)
	inRow := 0
	for _, r := range due {
		if err != nil || inRow == remindFailures || ctx.Err() != nil {
			break
		}
		var mine bool
		if mine, err = s.claimReminder(ctx, r, now); err != nil || !mine {
			continue
		}
		one := about
		one.Doctor, one.Start, one.Email = r.Doctor, r.StartsAt, r.Email
		if r.Language != "" {
			one.Language = r.Language
		}
		if send(ctx, one) != nil {
			failed, inRow = failed+1, inRow+1
			continue
		}
		sent, inRow = sent+1, 0
		err = s.markReminded(ctx, r, now)
	}
	return sent, failed, tenants.Refused(err)
}

// toRemind lists whom to remind now, and what all their letters share.
func (s *Service) toRemind(ctx context.Context, now time.Time) (due []tenantdb.ListToRemindRow, about Reminder, err error) {
	err = tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		due = nil
		c, err := tx.Q().GetReminding(ctx)
		if err != nil || !c.AppointmentReminders {
			return err
		}
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			return fmt.Errorf("appointment: the clinic's zone %q: %w", c.Zone, err)
		}
		about = Reminder{Clinic: c.Name, Zone: zone, Language: c.Language}
		if h := now.In(zone).Hour(); h < remindFrom || h >= remindUntil {
			return nil
		}
		from, until := dayBounds(patient.DayIn(now, zone).AddDate(0, 0, 1), zone)
		due, err = tx.Q().ListToRemind(ctx, tenantdb.ListToRemindParams{FromAt: from, UntilAt: until, MostTries: remindTries, TriedBefore: now.Add(-remindAgain), AtMost: remindMost})
		return err
	})
	return due, about, err
}

func (s *Service) claimReminder(ctx context.Context, r tenantdb.ListToRemindRow, now time.Time) (mine bool, err error) {
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		mine = false
		a, err := tx.Q().GetAppointment(ctx, r.ID)
		if err != nil || State(a.State) != Booked || a.DoctorID != r.DoctorID || !a.StartsAt.Equal(r.StartsAt) {
			return err // changed since it was listed
		}
		n, err := tx.Q().ClaimReminder(ctx, tenantdb.ClaimReminderParams{ID: uuid.Must(uuid.NewV7()), AppointmentID: a.ID, PatientID: a.PatientID, DoctorID: a.DoctorID,
			StartsAt: a.StartsAt.UTC(), TriedAt: now, MostTries: remindTries, TriedBefore: now.Add(-remindAgain)})
		mine = n == 1
		return err
	})
	return mine, err
}

// markReminded notes what was sent also when the worker is told to end meanwhile.
func (s *Service) markReminded(ctx context.Context, r tenantdb.ListToRemindRow, now time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	return tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		_, err := tx.Q().MarkReminded(ctx, tenantdb.MarkRemindedParams{SentAt: &now, AppointmentID: r.ID, DoctorID: r.DoctorID, StartsAt: r.StartsAt.UTC()})
		return err
	})
}

// MayRemind reports whether somebody may still be reminded of an appointment.
func (a Appointment) MayRemind(now time.Time) bool {
	return a.State == Booked && a.Start.After(now)
}
