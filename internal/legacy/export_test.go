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
	put("hospital_prescription", map[string]any{"prescription_date": stamp, "status": "completed", "admission_reason": name})
	put("hospital_medicine", map[string]any{
		"medicine_name": name, "dosage": name, "duration": phone, "instructions": name, "food_instruction": "after", "schedule": day, "medicine_type": "tablet",
		"qty": age, "frequency_per_day": age,
	})
	put("hospital_test", map[string]any{"test_type": name, "test_name": name, "description": name, "result": name, "test_date": day})
	put("hospital_vitals", map[string]any{"bp": phone, "pulse": phone, "temp": phone, "spo2": phone, "sugar": phone, "created_at": stamp})
	put("hospital_doctornotes", map[string]any{"observations": name, "diagnosis": name, "treatment_plan": name, "notes": name, "created_at": stamp, "updated_at": stamp})
	put("hospital_mastermedicine", map[string]any{"medicine_name": name, "default_duration": phone, "common_dosages": name, "default_dosage": phone, "default_schedule": day, "frequency_per_day": age})
	put("hospital_mastertest", map[string]any{"test_name": name, "test_type": day})
	put("hospital_standardprescriptiontemplate", map[string]any{"name": name, "description": name, "keyword": name})
	put("hospital_standardtemplatemedicine", map[string]any{"medicine_name": name, "duration": phone, "schedule": day, "qty": age, "frequency_per_day": age})
	put("hospital_standardtemplatetest", map[string]any{"test_name": name})
	put("hospital_medicalreport", map[string]any{"report_file": name, "report_type": name, "uploaded_at": stamp})
	plan, err := PlanOf(context.Background(), f, PlanOptions{Now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		panic(err) // the file has one clinic
	}
	return plan
}

// ReadLogo reads a logo from a media folder.
var ReadLogo = readLogo

// Look judges one file of a media folder.
func Look(ctx context.Context, folder, path string) (Kind, string) {
	m, err := openMedia(folder)
	if err != nil {
		panic(err)
	}
	defer m.close()
	d := Document{Path: path}
	kind, err := m.look(ctx, &d)
	if err != nil {
		panic(err)
	}
	return kind, d.Media
}

// TextColumns lists the columns of each table that hold text.
func TextColumns() map[string][]string {
	out := map[string][]string{}
	for table, columns := range readTables {
		for _, c := range columns {
			if c.kind == text || c.kind == textOpt {
				out[table] = append(out[table], c.name)
			}
		}
	}
	return out
}
