package demo

import (
	"context"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/phi"
)

// remedy is a medicine of a story: doses in quarters, morning, noon and night.
// As with the stories, it is no advice.
type remedy struct {
	name, form, strength string
	dose                 [3]int16
	days                 int16
	food                 string
}

var remedies = map[string][]remedy{
	"Fever since three days":      {{"Paracetamol", "tablet", "650 mg", [3]int16{4, 4, 4}, 3, "after"}},
	"Cough and cold":              {{"Levocetirizine", "tablet", "5 mg", [3]int16{0, 0, 4}, 5, "any"}, {"Ambroxol", "tablet", "30 mg", [3]int16{4, 4, 4}, 5, "after"}},
	"Follow-up of blood pressure": {{"Amlodipine", "tablet", "5 mg", [3]int16{4, 0, 0}, 30, "any"}, {"Telmisartan", "tablet", "40 mg", [3]int16{4, 0, 0}, 30, "any"}},
	"Back pain":                   {{"Thiocolchicoside", "capsule", "4 mg", [3]int16{4, 0, 4}, 5, "after"}, {"Paracetamol", "tablet", "650 mg", [3]int16{4, 0, 4}, 5, "after"}},
	"Stomach ache":                {{"Pantoprazole", "tablet", "40 mg", [3]int16{4, 0, 0}, 7, "before"}},
	"Sugar check":                 {{"Metformin", "tablet", "500 mg", [3]int16{4, 0, 4}, 30, "after"}, {"Telmisartan", "tablet", "40 mg", [3]int16{4, 0, 0}, 30, "any"}},
	"Weakness":                    {{"Ferrous ascorbate + Folic acid", "tablet", "100 mg/1.5 mg", [3]int16{0, 4, 0}, 30, "after"}},
	"Sore throat":                 {{"Azithromycin", "tablet", "500 mg", [3]int16{4, 0, 0}, 3, "any"}, {"Paracetamol", "tablet", "650 mg", [3]int16{4, 4, 4}, 3, "after"}},
	"Joint pain":                  {{"Paracetamol", "tablet", "650 mg", [3]int16{4, 0, 4}, 10, "after"}},
	"Loose motions":               {{"Zinc sulfate", "tablet", "20 mg", [3]int16{4, 0, 0}, 14, "any"}, {"Racecadotril", "capsule", "100 mg", [3]int16{4, 4, 4}, 3, "before"}},
}

// prescribe writes what the doctor gave for a reason to come.
func prescribe(ctx context.Context, q *tenantdb.Queries, v tenantdb.InsertDemoVisitParams) error {
	given := remedies[v.Purpose.Reveal()]
	if len(given) == 0 || !v.DoctorID.Valid {
		return nil
	}
	id := newID()
	err := q.InsertDemoPrescription(ctx, tenantdb.InsertDemoPrescriptionParams{ID: id, VisitID: v.ID, PatientID: v.PatientID, DoctorID: v.DoctorID.UUID, State: "issued", IssuedAt: v.EndedAt})
	if err != nil {
		return err
	}
	for i, r := range given {
		days, n := r.days, (r.dose[0]+r.dose[1]+r.dose[2])*r.days/4
		err := q.InsertDemoPrescriptionLine(ctx, tenantdb.InsertDemoPrescriptionLineParams{ID: newID(), PrescriptionID: id, Position: int16(i + 1), Medicine: phi.Text(r.name),
			Form: r.form, Strength: r.strength, Morning: r.dose[0], Afternoon: r.dose[1], Night: r.dose[2], Days: &days, Quantity: &n, Food: r.food, Route: "oral", CreatedAt: *v.EndedAt})
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	hypertension = `{"lines": [{"medicine": "Amlodipine", "form": "tablet", "strength": "5 mg", "dose": "1-0-0", "days": "30", "food": "any", "route": "oral"},
 {"medicine": "Telmisartan", "form": "tablet", "strength": "40 mg", "dose": "1-0-0", "days": "30", "food": "any", "route": "oral"}], "tests": [{"name": "Creatinine"}]}`
	cold = `{"lines": [{"medicine": "Paracetamol", "form": "tablet", "strength": "650 mg", "dose": "1-1-1", "days": "3", "food": "after", "route": "oral"},
 {"medicine": "Levocetirizine", "form": "tablet", "strength": "5 mg", "dose": "0-0-1", "days": "5", "food": "any", "route": "oral"}], "tests": []}`
)

// templates gives each doctor two to begin with.
func templates(ctx context.Context, q *tenantdb.Queries, lines []line) error {
	for _, l := range lines {
		for _, t := range [][3]string{{"HTN standard", "htn", hypertension}, {"URTI adult", "urti", cold}} {
			err := q.InsertDemoTemplate(ctx, tenantdb.InsertDemoTemplateParams{ID: newID(), DoctorID: l.doctor, Name: t[0], Keyword: t[1], Sheet: []byte(t[2])})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
