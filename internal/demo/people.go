package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// patientsEach is how many patients a demo clinic has.
const patientsEach = 400

// people writes staff and patients unless they are there, and gives the staff's
// ids by user name.
func (f *filler) people(ctx context.Context, tx *tenants.Tx, p place) (map[string]uuid.UUID, error) {
	staff := map[string]uuid.UUID{}
	has, err := tx.Q().ListDemoStaff(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range has {
		staff[u.Username] = u.ID
	}
	if err := f.writeStaff(ctx, tx, p, staff); err != nil {
		return nil, err
	}
	n, err := tx.Q().CountDemoPatients(ctx)
	if err != nil || n > 0 {
		return staff, err
	}
	return staff, f.writePatients(ctx, tx, p, staff)
}

func (f *filler) writeStaff(ctx context.Context, tx *tenants.Tx, p place, staff map[string]uuid.UUID) error {
	if len(staff) > 1 { // the first admin was made with the clinic
		return nil
	}
	hash, err := f.password()
	if err != nil {
		return err
	}
	q := tx.Q()
	rooms := map[string]uuid.UUID{}
	for _, d := range p.departments {
		rooms[d.name] = newID()
		if err := q.InsertDemoDepartment(ctx, tenantdb.InsertDemoDepartmentParams{ID: rooms[d.name], Name: d.name, LocalName: d.local, Room: d.room, TokenPrefix: d.prefix}); err != nil {
			return err
		}
	}
	for i, s := range p.staff {
		if staff[s.user] != uuid.Nil {
			continue
		}
		id, email := newID(), s.user+"@"+p.slug+".example"
		staff[s.user] = id
		err := q.InsertDemoUser(ctx, tenantdb.InsertDemoUserParams{ID: id, Username: s.user, Email: &email, FullName: s.name, LocalName: s.local,
			Phone: fmt.Sprintf("+91900009%04d", int(p.seed%7)*1000+i), Role: string(s.role), Language: s.language, PasswordHash: &hash})
		if err != nil {
			return err
		}
		pr := tenantdb.InsertDemoProfileParams{UserID: id, Specialisation: s.specialisation, Qualification: s.qualification, Room: s.room,
			TokenPrefix: s.prefix, Shift: s.shift, DepartmentID: uuid.NullUUID{UUID: rooms[s.department], Valid: s.department != ""}}
		if s.role == access.Doctor {
			pr.LicenceNumber, pr.Years, pr.FeePaise = &s.licence, &s.years, &s.fee
		}
		if err := q.InsertDemoProfile(ctx, pr); err != nil {
			return err
		}
	}
	return q.InsertDemoDisplay(ctx, tenantdb.InsertDemoDisplayParams{ID: newID(), Name: "Waiting room"})
}

// writePatients makes the patients, oldest registration first, so that their
// numbers go up with time.
func (f *filler) writePatients(ctx context.Context, tx *tenants.Tx, p place, staff map[string]uuid.UUID) error {
	wrapped, err := tx.Q().GetDemoKeyset(ctx)
	if err != nil {
		return err
	}
	ks, err := f.Keys.OpenKeyset(tx.Clinic.ID, wrapped)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(p.seed, 1))
	today := dayOf(f.Now(), tx.Clinic.Zone)
	desk := []uuid.UUID{}
	for _, s := range p.staff {
		if s.role == access.Receptionist {
			desk = append(desk, staff[s.user])
		}
	}
	all := make([]tenantdb.InsertDemoPatientParams, patientsEach)
	for i := range all {
		all[i] = invent(rng, p, today)
		all[i].RegisteredBy = uuid.NullUUID{UUID: desk[rng.IntN(len(desk))], Valid: true}
	}
	slices.SortStableFunc(all, func(a, b tenantdb.InsertDemoPatientParams) int { return a.RegisteredOn.Compare(b.RegisteredOn) })
	for i := range all {
		share(rng, all, i)
		if err := identify(rng, ks, &all[i]); err != nil {
			return err
		}
	}
	return inTens(all, func(some []tenantdb.InsertDemoPatientParams) error {
		fns := make([]func(*tenantdb.Queries) error, len(some))
		for i, one := range some {
			fns[i] = func(q *tenantdb.Queries) error { return q.InsertDemoPatient(ctx, one) }
		}
		return tx.Together(ctx, fns...)
	})
}

// inTens hands a list over in parts, whose statements share round trips.
func inTens[T any](all []T, fn func([]T) error) error {
	for part := range slices.Chunk(all, 50) {
		if err := fn(part); err != nil {
			return err
		}
	}
	return nil
}

// invent makes one patient up.
func invent(rng *rand.Rand, p place, today time.Time) tenantdb.InsertDemoPatientParams {
	who := Invent(rng)
	registered := today.AddDate(0, 0, -1-rng.IntN(540))
	a := tenantdb.InsertDemoPatientParams{
		ID: newID(), FirstName: phi.Text(who.First), LastName: phi.Text(who.Last), LocalName: phi.Text(who.Local),
		SearchKey: patient.SearchKey(who.First, who.Last, who.Local), Sex: who.Sex,
		Phone: phi.Text(fmt.Sprintf("+9190000%05d", rng.IntN(100000))), Address: phi.Text(fmt.Sprintf("%d %s, %s", 1+rng.IntN(120), pick(rng, streets), pick(rng, strings.Split(p.areas, "|")))),
		City: p.city, State: p.state, Pin: p.pin, RegisteredOn: registered, Language: pick(rng, []string{"", "", "en", "hi", "mr"}),
	}
	years := age(rng)
	if rng.IntN(100) < 60 {
		born := today.AddDate(-years, 0, -rng.IntN(364))
		a.BirthDate = &born
	} else {
		told := int16(years)
		a.AgeYears, a.AgeToldOn = &told, &registered
	}
	if years < 12 {
		grams := int32(3500 + years*2600 + rng.IntN(2000))
		a.WeightGrams = &grams
	}
	if rng.IntN(100) < 45 {
		a.BloodGroup = pick(rng, bloodGroups)
	}
	switch n := rng.IntN(100); {
	case n < 12:
		a.Allergies = phi.Text(pick(rng, allergies))
	case n < 45:
		a.NoKnownAllergies = true
	}
	if years > 35 && rng.IntN(100) < 40 {
		a.History = phi.Text(pick(rng, histories))
	}
	if rng.IntN(100) < 50 {
		a.EmergencyName = phi.Text(pick(rng, men).latin + " " + who.Last)
		a.EmergencyPhone = phi.Text(fmt.Sprintf("+9190000%05d", rng.IntN(100000)))
		a.EmergencyRelation = pick(rng, []string{"husband", "father", "brother", "son"})
	}
	return a
}

// age is spread as in a family clinic: many children, many over fifty.
func age(rng *rand.Rand) int {
	switch n := rng.IntN(100); {
	case n < 22:
		return rng.IntN(12)
	case n < 60:
		return 15 + rng.IntN(35)
	}
	return 48 + rng.IntN(36)
}

// share gives some patients the phone of another: families have one.
func share(rng *rand.Rand, all []tenantdb.InsertDemoPatientParams, i int) {
	if i > 0 && rng.IntN(100) < 12 {
		of := rng.IntN(i)
		all[i].Phone, all[i].Address = all[of].Phone, all[of].Address
	}
}

// identify gives some an identity number. None can be real: an Aadhaar number
// never begins with 0.
func identify(rng *rand.Rand, ks *keys.Keyset, a *tenantdb.InsertDemoPatientParams) error {
	if rng.IntN(100) >= 25 {
		return nil
	}
	const kind = "aadhaar"
	number := fmt.Sprintf("0000%08d", rng.IntN(100000000))
	sealed, err := ks.Encrypt(keys.Place{Table: "patients", Row: a.ID, Column: "id_cipher"}, []byte(number))
	if err != nil {
		return err
	}
	blind, err := ks.BlindIndex("patients.id_cipher."+kind, number)
	if err != nil {
		return err
	}
	a.IDKind, a.IDCipher, a.IDBlind, a.IDTail = kind, sealed, blind, phi.Text(number[len(number)-4:])
	return nil
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// dayOf is the clinic's day of a moment, as a date column has it.
func dayOf(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
