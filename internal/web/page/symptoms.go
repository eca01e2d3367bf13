package page

import (
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// Symptoms are the checklist of a consultation, in the order of the form.
func Symptoms(l *locale.Loc) []ui.Option {
	return []ui.Option{
		{Value: "fever", Label: l.T("symptom.fever")}, {Value: "cough", Label: l.T("symptom.cough")},
		{Value: "cold", Label: l.T("symptom.cold")}, {Value: "sore_throat", Label: l.T("symptom.sore_throat")},
		{Value: "breathless", Label: l.T("symptom.breathless")}, {Value: "chest_pain", Label: l.T("symptom.chest_pain")},
		{Value: "palpitations", Label: l.T("symptom.palpitations")}, {Value: "headache", Label: l.T("symptom.headache")},
		{Value: "dizziness", Label: l.T("symptom.dizziness")}, {Value: "body_ache", Label: l.T("symptom.body_ache")},
		{Value: "weakness", Label: l.T("symptom.weakness")}, {Value: "appetite", Label: l.T("symptom.appetite")},
		{Value: "weight_loss", Label: l.T("symptom.weight_loss")}, {Value: "nausea", Label: l.T("symptom.nausea")},
		{Value: "vomiting", Label: l.T("symptom.vomiting")}, {Value: "diarrhoea", Label: l.T("symptom.diarrhoea")},
		{Value: "constipation", Label: l.T("symptom.constipation")}, {Value: "abdominal_pain", Label: l.T("symptom.abdominal_pain")},
		{Value: "burning_urine", Label: l.T("symptom.burning_urine")}, {Value: "joint_pain", Label: l.T("symptom.joint_pain")},
		{Value: "back_pain", Label: l.T("symptom.back_pain")}, {Value: "swelling", Label: l.T("symptom.swelling")},
		{Value: "rash", Label: l.T("symptom.rash")}, {Value: "itching", Label: l.T("symptom.itching")},
		{Value: "bleeding", Label: l.T("symptom.bleeding")}, {Value: "sleep", Label: l.T("symptom.sleep")},
		{Value: "anxiety", Label: l.T("symptom.anxiety")},
	}
}

// Symptom is one of the checklist in words; one that an older list had is shown
// as it is.
func Symptom(l *locale.Loc, key string) string {
	if label := labelOf(Symptoms(l), key); label != "" {
		return label
	}
	return key
}
