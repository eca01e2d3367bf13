package consultation

import (
	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/apperr"
)

func chooseOne() error {
	var p apperr.Problems
	p.Add("state", "error.choose", "Choose one of the list")
	return p.Err()
}

func conflicted() error {
	return apperr.New(apperr.Conflict, "error.conflict", "Somebody else changed this at the same time; try again")
}

func small(n *int16) int {
	if n == nil {
		return 0
	}
	return int(*n)
}

func large(n *int32) int {
	if n == nil {
		return 0
	}
	return int(*n)
}

func vitalsOfVisit(r tenantdb.ListVitalsByVisitRow) Vitals {
	return Vitals{Systolic: small(r.Systolic), Diastolic: small(r.Diastolic), Pulse: small(r.Pulse), Temperature: small(r.TemperatureTenths), Unit: r.TemperatureUnit,
		Respiration: small(r.Respiration), SpO2: small(r.Spo2), Sugar: small(r.Sugar), SugarKind: r.SugarKind, WeightGrams: large(r.WeightGrams),
		HeightMM: large(r.HeightMm), Note: r.Note, TakenAt: r.TakenAt, visit: r.VisitID}
}

func vitalsOfPatient(r tenantdb.ListVitalsByPatientsRow) Vitals {
	return Vitals{Systolic: small(r.Systolic), Diastolic: small(r.Diastolic), Pulse: small(r.Pulse), Temperature: small(r.TemperatureTenths), Unit: r.TemperatureUnit,
		Respiration: small(r.Respiration), SpO2: small(r.Spo2), Sugar: small(r.Sugar), SugarKind: r.SugarKind, WeightGrams: large(r.WeightGrams),
		HeightMM: large(r.HeightMm), TakenAt: r.TakenAt, visit: r.VisitID}
}

func smallOf(n int) *int16 {
	if n == 0 {
		return nil
	}
	s := int16(n)
	return &s
}

func largeOf(n int) *int32 {
	if n == 0 {
		return nil
	}
	l := int32(n)
	return &l
}

func insertOf(visitID uuid.UUID, v Vitals) tenantdb.InsertVitalsParams {
	return tenantdb.InsertVitalsParams{ID: uuid.Must(uuid.NewV7()), VisitID: visitID, Systolic: smallOf(v.Systolic), Diastolic: smallOf(v.Diastolic),
		Pulse: smallOf(v.Pulse), TemperatureTenths: smallOf(v.Temperature), TemperatureUnit: v.Unit, Respiration: smallOf(v.Respiration), Spo2: smallOf(v.SpO2),
		Sugar: smallOf(v.Sugar), SugarKind: v.SugarKind, WeightGrams: largeOf(v.WeightGrams), HeightMm: largeOf(v.HeightMM)}
}

func updateOf(id uuid.UUID, v Vitals) tenantdb.UpdateVitalsParams {
	return tenantdb.UpdateVitalsParams{ID: id, Systolic: smallOf(v.Systolic), Diastolic: smallOf(v.Diastolic), Pulse: smallOf(v.Pulse),
		TemperatureTenths: smallOf(v.Temperature), TemperatureUnit: v.Unit, Respiration: smallOf(v.Respiration), Spo2: smallOf(v.SpO2), Sugar: smallOf(v.Sugar),
		SugarKind: v.SugarKind, WeightGrams: largeOf(v.WeightGrams), HeightMm: largeOf(v.HeightMM)}
}
