package legacy

import (
	"context"
	"time"
)

// OddPatient plans a file of one patient and one visit whose parsed columns hold
// what a test likes.
func OddPatient(phone, name, stamp, day string, age int64, weight float64) *Plan {
	f := &File{counts: map[string]int{}, single: map[string]int64{}, rows: map[string][]Row{}}
	put := func(table string, values map[string]any) {
		columns := readTables[table]
		row := Row{ID: 1, cells: make([]any, len(columns)), at: map[string]int{}}
		for i, c := range columns {
			row.at[c.name] = i
			switch c.kind {
			case text:
				row.cells[i] = ""
			case whole, wholeOpt, flag, mark:
				row.cells[i] = int64(1)
			}
			if v, ok := values[c.name]; ok {
				row.cells[i] = v
			}
		}
		f.rows[table], f.counts[table] = []Row{row}, 1
	}
	for table := range readTables {
		put(table, nil)
	}
	put("hospital_user", map[string]any{"username": name, "first_name": name, "email": name, "role": "doctor", "mobile_number": phone})
	put("hospital_patient", map[string]any{
		"patient_id": name, "patient_name": name, "age": age, "phone_number": phone, "registration_date": "2026-03-01", "date_of_birth": day,
		"weight": weight, "gender": name,
	})
	put("hospital_patientvisit", map[string]any{"check_in_date": stamp, "purpose": name, "status": "cancelled", "notes": name})
	plan, err := PlanOf(context.Background(), f, "", time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	if err != nil {
		panic(err) // the file has one clinic
	}
	return plan
}

// ReadLogo reads a logo from a media folder.
var ReadLogo = readLogo
