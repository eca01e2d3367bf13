package gallery

import (
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/paper"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func prescriptionPaper(l *locale.Loc) paper.Prescription {
	at := base.At("/prescriptions/42/print")
	return paper.Prescription{Sheet: paper.Sheet{Size: "a5", Title: l.T("rx.number", "Number", "RX-2026-00042"), Facts: []string{"RX-2026-00042", l.DateTime(now)},
		Head: paper.Head{Clinic: "Northside Family Clinic", Local: ui.Words{Text: "नॉर्थसाइड फॅमिली क्लिनिक", Lang: "mr"}, Lines: []string{"14 Lake Road, Aundh, Pune 411007", "020 5550 1400"},
			Doctor: l.T("paper.doctor", "Name", "M. Kulkarni"), Titles: []string{"MBBS, MD", l.T("paper.licence", "Number", "MMC-1001")}},
		Patient: paper.Patient{Name: "Ramesh Patil", Local: ui.Words{Text: "रमेश पाटील", Lang: "mr"}, Facts: []string{"M · 61 y", "PT-2026-00112"}, Allergies: "Penicillin"},
		Note:    l.T("rx.corrects", "Number", "RX-2026-00041", "Reason", "Dose"), Foot: l.T("paper.dose_order"), Screen: paperScreen(l, at)},
		Diagnosis: "Essential (primary) hypertension (I10)", Vitals: []string{l.T("vitals.bp") + " 168/102 mmHg"}, Complaint: "Chest tightness",
		Lines: []paper.Line{{Name: "Amlodipine 5 mg", Detail: page.Form(l, "tablet"), Dose: "1-0-0", When: page.Food(l, "after"), Local: ui.Words{Text: "जेवणानंतर", Lang: "mr"}, Days: "30", Count: "30", Special: "Check the pressure at home"}},
		Tests: []string{"ECG 12 lead (" + l.T("tests.stat") + ")"}, Advice: ui.Words{Text: "मीठ कमी खा.", Lang: "mr"}, Review: l.Date(now), Store: []string{"Northside Medical", "020 5550 1401"}}
}

func paperScreen(l *locale.Loc, at string) paper.Screen {
	return paper.Screen{Lang: l.Lang(), Label: l.T("paper.around"), Back: ui.Button{Label: l.T("nav.my_queue"), Href: base.At("/my-queue")}, Print: l.T("action.print"),
		PDF:   ui.Button{Label: l.T("paper.pdf"), Href: at + ".pdf"},
		Links: []ui.Button{{Label: l.T("rx.correct"), Href: base.At("/prescriptions/42/correct")}, {Label: l.T("rx.cancel"), Href: base.At("/prescriptions/42/cancel")}},
		Choices: []paper.Choice{{Label: l.T("shell.language"), Options: []paper.Option{{Label: "English", Lang: "en", Href: at + "?lang=en", On: true}, {Label: "हिन्दी", Lang: "hi", Href: at + "?lang=hi"}}},
			{Label: l.T("paper.size"), Options: []paper.Option{{Label: "A5", Href: at, On: true}, {Label: "A4", Href: at + "?paper=a4"}}}}}
}
