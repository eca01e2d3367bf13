package prescription

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/phi"
)

// number prints a whole number, nothing for none.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func small(n *int16) int {
	if n == nil {
		return 0
	}
	return int(*n)
}

func smallOf(n int) *int16 {
	if n == 0 {
		return nil
	}
	s := int16(n)
	return &s
}

func medicineOf(r tenantdb.GetMedicineRow) Medicine {
	return Medicine{ID: r.ID.String(), Name: r.Name, Generic: r.Generic, Form: r.Form, Strengths: r.Strengths, Strength: r.Strength,
		Dose: Dose{r.Morning, r.Afternoon, r.Evening, r.Night, r.Sos}, Days: small(r.Days), Food: r.Food, Route: r.Route, Class: r.Class}
}

func lineOf(r tenantdb.ListPrescriptionLinesRow) Line {
	l := Line{Medicine: r.Medicine, Generic: r.Generic, Form: r.Form, Strength: r.Strength, Dose: Dose{r.Morning, r.Afternoon, r.Evening, r.Night, r.Sos},
		Days: small(r.Days), Quantity: small(r.Quantity), Food: r.Food, Route: r.Route, Instructions: r.Instructions, Refills: int(r.Refills), Listed: r.Listed,
		Reason: r.OverrideReason}
	for _, w := range r.Warnings {
		l.Warnings = append(l.Warnings, Warning{Kind: w})
	}
	return l
}

func lineParams(id uuid.UUID, position int, l Line) tenantdb.InsertPrescriptionLineParams {
	p := tenantdb.InsertPrescriptionLineParams{ID: uuid.Must(uuid.NewV7()), PrescriptionID: id, Position: int16(position), Medicine: l.Medicine, Generic: l.Generic,
		Form: l.Form, Strength: l.Strength, Morning: l.Dose.Morning, Afternoon: l.Dose.Afternoon, Evening: l.Dose.Evening, Night: l.Dose.Night, Sos: l.Dose.SOS,
		Days: smallOf(l.Days), Quantity: smallOf(l.Quantity), Food: l.Food, Route: l.Route, Instructions: l.Instructions, Refills: int16(l.Refills), Listed: l.Listed,
		Warnings: []string{}}
	for _, w := range l.Warnings {
		p.Warnings = append(p.Warnings, w.Kind)
	}
	if len(l.Warnings) > 0 {
		p.OverrideReason = l.Reason
	}
	return p
}

func summaryOf(r tenantdb.ListPrescriptionsByVisitRow) Summary {
	return Summary{ID: r.ID, Number: r.Number, VisitID: r.VisitID, DoctorID: r.DoctorID, Doctor: r.Doctor, State: r.State, Issued: r.IssuedAt, Version: r.Version}
}

func requestOf(r tenantdb.ListTestRequestsByVisitRow) Request {
	out := Request{ID: r.ID, VisitID: r.VisitID, PatientID: r.PatientID, DoctorID: r.DoctorID, Doctor: r.Doctor, State: r.State, Name: r.Name, Kind: r.Kind, Code: r.Code,
		Urgency: r.Urgency, Note: r.Note, Result: r.Result, Requested: r.RequestedAt, Version: r.Version}
	if r.RequiredOn != nil {
		out.Required = *r.RequiredOn
	}
	return out
}

func testOf(r tenantdb.ListTestsByNameRow) Test {
	return Test{ID: r.ID.String(), Name: phi.Text(r.Name), Kind: r.Kind, Code: r.Code}
}
