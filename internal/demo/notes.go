package demo

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/phi"
)

// story is what a doctor of the demo writes down for a reason to come. Nobody
// was treated so; it is no advice.
type story struct {
	complaint, findings, plan, advice string
	symptoms                          []string
	codes                             [][2]string
	days                              int
	warm, high, sweet                 bool // what shows in the vitals
}

var stories = map[string]story{
	"Fever since three days": {complaint: "Fever since three days, chills in the evening", symptoms: []string{"fever", "body_ache"}, findings: "Throat clear, chest clear, no rash",
		plan: "Blood count if fever lasts beyond two days", advice: "Rest, plenty of fluids", codes: [][2]string{{"R50.9", "Fever, unspecified"}}, days: 3, warm: true},
	"Cough and cold": {complaint: "Cough and running nose since four days", symptoms: []string{"cough", "cold", "sore_throat"}, findings: "Throat mildly red, chest clear",
		plan: "Symptomatic", advice: "Steam, warm fluids", codes: [][2]string{{"J06.9", "Acute upper respiratory infection, unspecified"}}},
	"Follow-up of blood pressure": {complaint: "Comes for blood pressure, no complaint", symptoms: []string{"headache"}, findings: "S1 S2 normal, no pedal oedema",
		plan: "Go on as before, home readings", advice: "Less salt, walk 30 minutes", codes: [][2]string{{"I10", "Essential (primary) hypertension"}}, days: 30, high: true},
	"Back pain": {complaint: "Low back pain since a week, after lifting", symptoms: []string{"back_pain"}, findings: "Paraspinal tenderness, straight leg raise negative",
		plan: "Physiotherapy", advice: "No lifting, warm pack", codes: [][2]string{{"M54.5", "Low back pain"}}, days: 14},
	"Stomach ache": {complaint: "Burning in the stomach after meals", symptoms: []string{"abdominal_pain", "nausea"}, findings: "Epigastric tenderness, soft abdomen",
		plan: "Review if it goes on", advice: "Small meals, no spicy food", codes: [][2]string{{"K29.70", "Gastritis, unspecified, without bleeding"}}},
	"Skin rash": {complaint: "Itching rash on both arms", symptoms: []string{"rash", "itching"}, findings: "Scaly patches in both elbows, no discharge", plan: "Local treatment",
		advice: "Mild soap, cotton clothes", codes: [][2]string{{"L30.9", "Dermatitis, unspecified"}}, days: 10},
	"Headache": {complaint: "One-sided headache, worse in light", symptoms: []string{"headache", "nausea"}, findings: "No neck stiffness, fundus normal", plan: "Headache diary",
		advice: "Regular sleep and meals", codes: [][2]string{{"G43.909", "Migraine, unspecified, not intractable, without status migrainosus"}}, days: 21},
	"Sugar check": {complaint: "Comes with the sugar report", symptoms: []string{"weakness"}, findings: "Feet: no ulcer, sensation kept", plan: "HbA1c in three months",
		advice: "Diet chart given, daily walk", codes: [][2]string{{"E11.9", "Type 2 diabetes mellitus without complications"}, {"I10", "Essential (primary) hypertension"}}, days: 30, sweet: true, high: true},
	"Weakness": {complaint: "Tired since a month", symptoms: []string{"weakness", "dizziness"}, findings: "Pallor present, no oedema", plan: "Blood count, ferritin",
		advice: "Green vegetables, jaggery", codes: [][2]string{{"D50.9", "Iron deficiency anemia, unspecified"}}, days: 15},
	"Sore throat": {complaint: "Pain on swallowing since two days", symptoms: []string{"sore_throat", "fever"}, findings: "Tonsils red, no pus", plan: "Symptomatic",
		advice: "Salt water gargle", codes: [][2]string{{"J02.9", "Acute pharyngitis, unspecified"}}, warm: true},
	"Joint pain": {complaint: "Pain in the right knee on stairs", symptoms: []string{"joint_pain"}, findings: "Crepitus right knee, no swelling", plan: "X-ray if no better",
		advice: "Weight, quadriceps exercise", codes: [][2]string{{"M17.9", "Osteoarthritis of knee, unspecified"}}, days: 30},
	"Loose motions": {complaint: "Loose motions six times since yesterday", symptoms: []string{"diarrhoea", "vomiting"}, findings: "Mild dehydration, abdomen soft",
		plan: "Oral rehydration", advice: "ORS after each motion, curd rice", codes: [][2]string{{"A09", "Infectious gastroenteritis and colitis, unspecified"}}, days: 2},
	"Ear pain": {complaint: "Right ear pain since last night", symptoms: []string{"fever"}, findings: "Right eardrum red", plan: "Review in three days", advice: "Keep the ear dry",
		codes: [][2]string{{"H66.90", "Otitis media, unspecified, unspecified ear"}}, days: 3, warm: true},
}

var plain = story{complaint: "As said at the desk", findings: "Nothing abnormal found", plan: "None", advice: "Come again if needed", codes: [][2]string{{"", "General check"}}}

// notebook writes what nurses and doctors note.
type notebook struct {
	rng   *rand.Rand
	nurse uuid.UUID
	today time.Time
	born  map[uuid.UUID]time.Time
}

// write notes vitals of who was called or more, the consultation of who was
// seen, and begins that of who is inside.
func (n *notebook) write(ctx context.Context, q *tenantdb.Queries, v tenantdb.InsertDemoVisitParams) error {
	if v.State != "done" && v.State != "in_consultation" && v.State != "called" {
		return nil
	}
	st, ok := stories[v.Purpose.Reveal()]
	if !ok {
		st = plain
	}
	if err := q.InsertDemoVitals(ctx, n.vitals(v, st)); err != nil {
		return err
	}
	if v.State == "called" {
		return nil
	}
	c := tenantdb.InsertDemoConsultationParams{ID: newID(), VisitID: v.ID, PatientID: v.PatientID, DoctorID: v.DoctorID.UUID, Symptoms: []string{}, Urgency: "routine",
		State: "open", StartedAt: *v.StartedAt}
	if v.State == "in_consultation" {
		return q.InsertDemoConsultation(ctx, c)
	}
	c.Complaint, c.Symptoms, c.Findings, c.Plan, c.Advice = phi.Text(st.complaint), append(c.Symptoms, st.symptoms...), phi.Text(st.findings), phi.Text(st.plan), phi.Text(st.advice)
	c.State, c.FinishedAt = "finished", v.EndedAt
	if st.days > 0 {
		days := int16(st.days)
		c.FollowUpDays = &days
	}
	if err := q.InsertDemoConsultation(ctx, c); err != nil {
		return err
	}
	for i, code := range st.codes {
		err := q.InsertDemoDiagnosis(ctx, tenantdb.InsertDemoDiagnosisParams{ID: newID(), ConsultationID: c.ID, PatientID: v.PatientID, DoctorID: v.DoctorID.UUID,
			Code: code[0], Title: phi.Text(code[1]), Position: int16(i + 1), CreatedAt: *v.EndedAt})
		if err != nil {
			return err
		}
	}
	if err := prescribe(ctx, q, v); err != nil || st.days == 0 {
		return err
	}
	f := tenantdb.InsertDemoFollowUpParams{ID: newID(), ConsultationID: c.ID, PatientID: v.PatientID, DoctorID: v.DoctorID.UUID, DueOn: v.Day.AddDate(0, 0, st.days), State: "due", CreatedAt: *v.EndedAt}
	// Most have come by then.
	if f.DueOn.Before(n.today) && n.rng.IntN(10) > 0 {
		f.State = "done"
	}
	return q.InsertDemoFollowUp(ctx, f)
}

// vitals fit the age, and are the same person's at every visit.
func (n *notebook) vitals(v tenantdb.InsertDemoVisitParams, st story) tenantdb.InsertDemoVitalsParams {
	years := 40
	if born := n.born[v.PatientID]; !born.IsZero() {
		years = max(0, int(v.Day.Sub(born)/(24*time.Hour))/365)
	}
	own := int(v.PatientID[14])
	p := tenantdb.InsertDemoVitalsParams{ID: newID(), VisitID: v.ID, PatientID: v.PatientID, TakenBy: uuid.NullUUID{UUID: n.nurse, Valid: n.nurse != uuid.Nil},
		TakenAt: v.ArrivedAt.Add(2 * time.Minute), Pulse: n.small(68, 20), TemperatureTenths: n.small(972, 14), Respiration: n.small(14, 5), Spo2: n.small(96, 4)}
	if st.warm {
		p.TemperatureTenths = n.small(1002, 24)
	}
	height, kilos := 1500+own, 52+own/8
	if years < 18 {
		height, kilos = min(1650, 640+years*70+own/5), 4+years*5/2
		p.Pulse, p.Respiration = n.small(max(72, 130-years*5), 14), n.small(max(15, 30-years), 4)
	}
	grams, mm := int32(kilos*1000+n.rng.IntN(12)*100), int32(height)
	p.WeightGrams, p.HeightMm = &grams, &mm
	if years >= 12 {
		p.Systolic, p.Diastolic = n.small(108, 22), n.small(68, 14)
		if st.high {
			p.Systolic, p.Diastolic = n.small(132, 38), n.small(82, 20)
		}
	}
	if st.sweet {
		p.Sugar, p.SugarKind = n.small(110, 110), "fasting"
	}
	return p
}

func (n *notebook) small(from, spread int) *int16 {
	v := int16(from + n.rng.IntN(spread))
	return &v
}
