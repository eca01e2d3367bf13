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
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/tenants"
)

const longestText = 500

// Request is what somebody asks to book. Names of problems are the names in
// brackets.
type Request struct {
	Patient  uuid.UUID // patient
	Doctor   uuid.UUID // doctor
	Start    time.Time // time: one that Day offers
	Kind     string    // kind: routine, follow_up
	Purpose  string    // purpose
	FollowUp uuid.UUID // the follow-up that it is made for, else zero
}

func (r Request) check() error {
	var p apperr.Problems
	if r.Patient == uuid.Nil {
		p.Add("patient", "error.patient.missing", "Choose a patient from the list")
	}
	if r.Doctor == uuid.Nil {
		p.Add("doctor", "error.appointment.doctor", "Choose a doctor")
	}
	if r.Start.IsZero() {
		p.Add("time", "error.time.missing", "Choose a time")
	}
	if r.Kind != "routine" && r.Kind != "follow_up" {
		p.Add("kind", "error.kind.missing", "Choose the kind of visit")
	}
	text(&p, "purpose", r.Purpose, false)
	return p.Err()
}

func text(p *apperr.Problems, name, s string, required bool) {
	switch {
	case required && strings.TrimSpace(s) == "":
		p.Add(name, "error.reason.missing", "Say why")
	case utf8.RuneCountInString(s) > longestText:
		p.Add(name, "error.text.long", "This is too long")
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		p.Add(name, "error.text.invalid", "This holds signs that are no text")
	}
}

// taken is told to whoever comes second.
func taken(cause error) error {
	return apperr.Wrap(apperr.Conflict, "error.slot.taken", "This time was just taken. Choose another", cause)
}

// named says in words which rule of the database a booking met.
func named(err error) error {
	switch {
	case tenants.Violates(err, "appointments_doctor_free"):
		return taken(err)
	case tenants.Violates(err, "appointments_patient_free"):
		return apperr.Wrap(apperr.Conflict, "error.slot.patient", "This patient has another appointment at this time", err)
	case tenants.Violates(err, "appointment_leave"), tenants.Violates(err, "appointment_doctor"):
		return apperr.Wrap(apperr.Conflict, "error.slot.away", "The doctor does not see patients at this time", err)
	case tenants.Violates(err, "appointment_follow_up"): // as one that nobody has
		return apperr.Wrap(apperr.NotFound, "error.not_found", "This record was not found", err)
	case tenants.Violates(err, "appointment_past"):
		return apperr.Wrap(apperr.Conflict, "error.slot.past", "This time is over", err)
	}
	return tenants.Refused(err)
}

// Book books a time of a doctor for a patient. key is the form's own: the same
// form sent twice books once. A doctor books with themselves only.
//
// Errors: Invalid, NotFound, Conflict (the time was taken in between, is over
// or is not offered; the patient is elsewhere then), Forbidden.
func (s *Service) Book(ctx context.Context, key uuid.UUID, r Request) (uuid.UUID, error) {
	if err := s.allow(ctx, access.AppointmentBook); err != nil {
		return uuid.Nil, err
	}
	if err := r.check(); err != nil {
		return uuid.Nil, err
	}
	var out uuid.UUID
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		id := uuid.Must(uuid.NewV7())
		first, made, err := tenants.Claim(ctx, tx, key, "appointment.book", id)
		out = made
		if err != nil || !first {
			return err
		}
		return book(ctx, tx, id, r)
	})
	return out, named(err)
}

func book(ctx context.Context, tx *tenants.Tx, id uuid.UUID, r Request) error {
	if err := offered(ctx, tx, r.Doctor, r.Start); err != nil {
		return err
	}
	who, err := survivor(ctx, tx, r.Patient)
	if err != nil {
		return err
	}
	if r.FollowUp != uuid.Nil {
		if _, err := tx.Q().GetFollowUpPatient(ctx, r.FollowUp); err != nil {
			return err
		}
	}
	return tx.Q().InsertAppointment(ctx, tenantdb.InsertAppointmentParams{ID: id, PatientID: who, DoctorID: r.Doctor, StartsAt: r.Start.UTC(), Kind: r.Kind,
		Purpose: phi.Text(strings.TrimSpace(r.Purpose)), FollowUpID: someID(r.FollowUp), BookedBy: someID(tx.Actor.ID)})
}

// survivor is the patient that a merged record leads to.
func survivor(ctx context.Context, tx *tenants.Tx, id uuid.UUID) (uuid.UUID, error) {
	for range 8 { // a record merged into one that was merged later
		c, err := tx.Q().GetPatientCard(ctx, id)
		if err != nil || !c.MergedInto.Valid {
			return id, err
		}
		id = c.MergedInto.UUID
	}
	return id, nil
}

// offered refuses a time that the doctor's day does not offer. Two who ask at
// once may both pass; the table's constraint lets one of them in.
func offered(ctx context.Context, tx *tenants.Tx, doctor uuid.UUID, start time.Time) error {
	c, err := calendarIn(ctx, tx, patient.DayIn(start, tx.Clinic.Zone), doctor, false)
	if err != nil {
		return err
	}
	if len(c.Columns) == 1 && c.Columns[0].offers(start) {
		return nil
	}
	for _, e := range c.Columns[0].Entries {
		if e.Taken != nil && e.Taken.State.Live() && !start.Before(e.Start) && start.Before(e.End) {
			return taken(nil)
		}
	}
	return apperr.New(apperr.Conflict, "error.slot.away", "The doctor does not see patients at this time")
}

// Move gives an appointment another time, or another doctor. version is the one
// that the mover saw.
//
// Errors: Invalid, NotFound, Conflict (as Book, or changed in between), Forbidden.
func (s *Service) Move(ctx context.Context, id uuid.UUID, version int32, doctor uuid.UUID, start time.Time) error {
	if err := s.allow(ctx, access.AppointmentBook); err != nil {
		return err
	}
	var p apperr.Problems
	if start.IsZero() {
		p.Add("time", "error.time.missing", "Choose a time")
	}
	if err := p.Err(); err != nil {
		return err
	}
	return named(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		a, err := ownIn(ctx, tx, id)
		if err != nil {
			return err
		}
		if doctor == uuid.Nil {
			doctor = a.DoctorID
		}
		if a.DoctorID == doctor && a.StartsAt.Equal(start) {
			return nil
		}
		if err := offeredBeside(ctx, tx, a, doctor, start); err != nil {
			return err
		}
		var n int64
		if tx.Actor.Role == access.Doctor {
			if doctor != a.DoctorID {
				return notYours()
			}
			n, err = tx.Q().MoveOwnAppointment(ctx, tenantdb.MoveOwnAppointmentParams{ID: id, Version: version, StartsAt: start.UTC()})
		} else {
			n, err = tx.Q().MoveAppointment(ctx, tenantdb.MoveAppointmentParams{ID: id, Version: version, DoctorID: doctor, StartsAt: start.UTC()})
		}
		return changed(n, err)
	}))
}

// offeredBeside is offered for an appointment that stands in its own way: moved
// by less than its length it overlaps only itself.
func offeredBeside(ctx context.Context, tx *tenants.Tx, a tenantdb.GetAppointmentRow, doctor uuid.UUID, start time.Time) error {
	err := offered(ctx, tx, doctor, start)
	if err != nil && doctor == a.DoctorID && start.Before(a.EndsAt) && start.After(a.StartsAt.Add(-a.EndsAt.Sub(a.StartsAt))) && apperr.Is(err, apperr.Conflict) {
		return nil // the constraint knows whether anybody else is there
	}
	return err
}

// ownIn gives an appointment that the actor may change: a doctor's own.
func ownIn(ctx context.Context, tx *tenants.Tx, id uuid.UUID) (tenantdb.GetAppointmentRow, error) {
	a, err := tx.Q().GetAppointment(ctx, id)
	if err == nil && tx.Actor.Role == access.Doctor && a.DoctorID != tx.Actor.ID {
		return a, notYours()
	}
	return a, err
}

func notYours() error {
	return apperr.New(apperr.Forbidden, "error.appointment.yours", "This is another doctor's appointment. The desk can change it")
}

func changed(n int64, err error) error {
	if err == nil && n != 1 {
		return apperr.New(apperr.Conflict, "error.conflict", "Somebody else changed this at the same time; try again")
	}
	return err
}

// Cancel ends an appointment and frees its time.
//
// Errors: Invalid (reason), NotFound, Conflict, Forbidden.
func (s *Service) Cancel(ctx context.Context, id uuid.UUID, version int32, reason string) error {
	var p apperr.Problems
	text(&p, "reason", reason, true)
	return s.set(ctx, id, version, Cancelled, reason, p.Err())
}

// Miss says that the patient did not come, once the time has begun.
//
// Errors: NotFound, Conflict, Forbidden.
func (s *Service) Miss(ctx context.Context, id uuid.UUID, version int32) error {
	return s.set(ctx, id, version, NoShow, "", nil)
}

// set brings an appointment into a state. Asked for again it is what it was.
func (s *Service) set(ctx context.Context, id uuid.UUID, version int32, to State, reason string, wrong error) error {
	if err := s.allow(ctx, access.AppointmentBook); err != nil {
		return err
	}
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		a, err := ownIn(ctx, tx, id)
		if err != nil || State(a.State) == to {
			return err
		}
		if wrong != nil {
			return wrong
		}
		return changed(tx.Q().SetAppointmentState(ctx, tenantdb.SetAppointmentStateParams{ID: id, Version: version, State: string(to), Reason: phi.Text(strings.TrimSpace(reason))}))
	})
	if tenants.Violates(err, "appointment_early") {
		return apperr.Wrap(apperr.Conflict, "error.appointment.early", "The time has not come yet", err)
	}
	return named(err)
}

// CheckIn turns an appointment of today into a visit with a token, in one
// transaction. key is the form's own.
//
// Errors: NotFound, Conflict (not for today, not booked any more, an open visit
// with this doctor), Forbidden.
func (s *Service) CheckIn(ctx context.Context, key, id uuid.UUID, version int32) (uuid.UUID, error) {
	if err := s.allow(ctx, access.AppointmentBook); err != nil {
		return uuid.Nil, err
	}
	if err := s.allow(ctx, access.CheckIn); err != nil {
		return uuid.Nil, err
	}
	var out uuid.UUID
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		a, err := tx.Q().GetAppointment(ctx, id)
		if err != nil {
			return err
		}
		if a.VisitID.Valid {
			out = a.VisitID.UUID
			return nil
		}
		if !patient.DayIn(a.StartsAt, tx.Clinic.Zone).Equal(patient.Today(tx)) {
			return apperr.New(apperr.Conflict, "error.appointment.day", "This appointment is not for today")
		}
		first, made, err := tenants.Claim(ctx, tx, key, "appointment.check_in", uuid.Must(uuid.NewV7()))
		out = made
		if err != nil || !first {
			return err
		}
		if err := visit.ArriveIn(ctx, tx, made, a.PatientID, visit.Arrival{Line: a.DoctorID, Kind: a.Kind, Purpose: a.Purpose.Reveal()}); err != nil {
			return err
		}
		return changed(tx.Q().ArriveAppointment(ctx, tenantdb.ArriveAppointmentParams{ID: id, Version: version, VisitID: someID(made)}))
	})
	return out, named(err)
}
