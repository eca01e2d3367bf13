package gallery

import (
	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/paper"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func consulting() []sample {
	return []sample{
		{"consultation", func(l *locale.Loc) templ.Component { return page.ConsultationPage(consultation(l)) }},
		{"consultation-problem", func(l *locale.Loc) templ.Component {
			c := consultation(l)
			c.Errors = ui.Errors{{Name: "complaint", Text: l.T("error.complaint.missing")}, {Name: "bp", Text: l.T("error.vitals.bp")}}
			c.Vitals[0].Error, c.Vitals[0].Value = l.T("error.vitals.bp"), "168"
			return page.ConsultationPage(c)
		}},
		{"consultation-two-windows", func(l *locale.Loc) templ.Component {
			c := consultation(l)
			c.Stale = []page.StaleField{{Label: l.T("consultation.complaint"), Mine: "Chest tightness\nHeadache", Theirs: "Chest tightness since morning"}}
			return page.ConsultationPage(c)
		}},
		{"consulted", func(l *locale.Loc) templ.Component {
			c := consultation(l)
			return page.ConsultedPage(page.Consulted{Shell: c.Shell, Base: base, ID: "15", Banner: c.Banner, Past: c.Past, Trends: c.Trends, Asked: c.Rx.Asked, Given: given(l),
				Vitals: []ui.Fact{{Label: l.T("vitals.bp"), Value: "168/102 mmHg · " + l.T("vitals.high")}, {Label: l.T("vitals.pulse"), Value: "96 /min"}},
				Notes: []page.ConsultedNotes{{Doctor: "M. Kulkarni", When: l.DateTime(now), Diagnoses: c.V.Diagnoses,
					Facts:   []ui.Fact{{Label: l.T("consultation.complaint"), Value: c.V.Complaint}, {Label: l.T("consultation.follow_up"), Value: l.N("consultation.in_days", 7)}},
					Addenda: []page.AddendumRow{{When: l.DateTime(now), Doctor: "M. Kulkarni", Body: "ECG normal"}}}},
				Add: &page.AddendumForm{Once: "x", Errors: ui.Errors{{Name: "body", Text: l.T("error.required")}}}})
		}},
		{"prescription", func(l *locale.Loc) templ.Component { return paper.PrescriptionPage(prescriptionPaper(l)) }},
		{"prescription-not-valid", func(l *locale.Loc) templ.Component {
			p := prescriptionPaper(l)
			p.Mark, p.Void, p.Head.Blank, p.Head.OffsetMM, p.Screen.NoPDF = l.T("paper.not_valid"), l.T("rx.replaced", "Number", "RX-2026-00043"), true, 35, l.T("error.pdf.browser")
			return paper.PrescriptionPage(p)
		}},
		{"prescription-cancel", func(l *locale.Loc) templ.Component {
			return page.RxCancelPage(page.RxCancel{Shell: shell(l, access.Doctor, "M. Kulkarni", "/my-queue", l.T("rx.cancel_question", "Number", "RX-2026-00042")), Medicines: []string{"Amlodipine 5 mg · 1-0-0"}, Confirm: l.T("rx.cancel"),
				Action: base.At("/prescriptions/42/cancel"), Back: base.At("/prescriptions/42/print"), Errors: ui.Errors{{Name: "reason", Text: l.T("error.required")}},
				Reason: ui.Field{ID: "cancel-reason", Name: "reason", Label: l.T("rx.cancel_reason"), Error: l.T("error.required")}})
		}},
		{"test-request", func(l *locale.Loc) templ.Component {
			p := prescriptionPaper(l)
			return paper.RequestPage(paper.Request{Sheet: p.Sheet, Diagnosis: p.Diagnosis, Tests: []paper.Test{{Name: "ECG 12 lead", Kind: page.TestKind(l, "ecg"), Stat: true}, {Name: "Lipid profile", Kind: page.TestKind(l, "blood"), By: l.T("tests.due", "Date", l.Date(now)), Note: "12 hours without food"}}})
		}},
		{"template", func(l *locale.Loc) templ.Component {
			return page.RxFormPage(page.RxForm{Shell: shell(l, access.Doctor, "M. Kulkarni", "/templates", l.T("template.new")), Base: base, Action: base.At("/templates/new"), Once: "x", Rx: builder(l),
				Errors: ui.Errors{{Name: "name", Text: l.T("error.required")}}, Submit: l.T("template.save"), Back: base.At("/templates"),
				Name: &ui.Field{ID: "cons-name", Name: "template_name", Label: l.T("template.name"), Error: l.T("error.required")}, Keyword: &ui.Field{ID: "cons-keyword", Name: "template_keyword", Label: l.T("template.keyword")},
				Shared: &ui.Check{ID: "cons-shared", Name: "template_shared", Label: l.T("template.share")}})
		}},
		{"templates", func(l *locale.Loc) templ.Component {
			return page.Templates(page.TemplatesPage{Shell: shell(l, access.Doctor, "M. Kulkarni", "/templates", l.T("nav.templates")), New: base.At("/templates/new"),
				Rows: []page.TemplateRow{{Name: "HTN standard", Keyword: "htn", Medicines: "Amlodipine 5 mg, Telmisartan 40 mg", Href: base.At("/templates/1"),
					Delete: &ui.Post{Action: base.At("/templates/1/delete"), Button: ui.Button{Label: l.T("template.delete"), Spoken: "HTN standard", Small: true}}}, {Name: "Child fever", Shared: true, Doctor: "S. Joshi"}}})
		}},
		{"formulary", func(l *locale.Loc) templ.Component {
			p := page.Stock{Shell: shell(l, access.ClinicAdmin, "V. Phadke", "/formulary", l.T("formulary.title")), Path: base.At("/formulary"), Next: base.At("/formulary?after=x"),
				Lists: []ui.Tab{{Label: l.T("formulary.title"), Href: base.At("/formulary"), NoCount: true, Current: true}, {Label: l.T("formulary.tests"), Href: base.At("/catalogue"), NoCount: true}},
				Parts: []ui.Tab{{Label: l.T("formulary.in_use"), Href: base.At("/formulary"), NoCount: true, Current: true}, {Label: l.T("formulary.switched_off"), Href: base.At("/formulary?part=off"), NoCount: true}},
				Add:   ui.Button{Label: l.T("formulary.add"), Href: base.At("/formulary/new"), Kind: "primary"}, Group: l.T("rx.form"), Standard: l.T("formulary.standard")}
			for _, name := range []string{"Amlodipine", "Augmentin 625", "Paracetamol"} {
				p.Rows = append(p.Rows, page.StockRow{Href: base.At("/formulary/1"), Name: name, About: "Amoxicillin + Clavulanic acid", Group: page.Form(l, "tablet"), Standard: "5 mg · 1-0-0 · " + l.N("formulary.days", 30),
					Starter: name != "Augmentin 625", Switch: ui.Post{Action: base.At("/formulary/1/switch"), Button: ui.Button{Label: l.T("formulary.off"), Spoken: name, Small: true}}})
			}
			return page.StockPage(p)
		}},
		{"medicine", func(l *locale.Loc) templ.Component {
			return page.MedicinePage(page.MedicineForm{Shell: shell(l, access.ClinicAdmin, "V. Phadke", "/formulary", "Augmentin 625"), Action: base.At("/formulary/1"), Back: base.At("/formulary"), Once: "x",
				V: page.MedicineValues{Name: "Augmentin 625", Dose: "seldom", Form: "tablet"}, Classes: page.MedicineClasses(l, []string{"penicillin"}, "penicillin"),
				Errors: ui.Errors{{Name: "dose", Text: l.T("error.rx.dose")}}, Switch: &ui.Post{Action: base.At("/formulary/1/switch"), Button: ui.Button{Label: l.T("formulary.off")}}})
		}},
		{"test", func(l *locale.Loc) templ.Component {
			return page.TestPage(page.TestForm{Shell: shell(l, access.ClinicAdmin, "V. Phadke", "/formulary", l.T("tests.add")), Action: base.At("/catalogue/new"), Back: base.At("/catalogue"), Once: "x",
				Kinds: page.TestKinds(l), Kind: "blood", Errors: ui.Errors{{Name: "name", Text: l.T("error.formulary.twice")}}})
		}},
		{"vitals", func(l *locale.Loc) templ.Component {
			c := consultation(l)
			return page.VitalsFormPage(page.VitalsPage{Shell: shell(l, access.Receptionist, "R. Gaikwad", "/queue", l.T("vitals.title")), Base: base, ID: "15", Banner: c.Banner,
				Vitals: c.Vitals, Taken: c.Taken, Done: true})
		}},
		{"history", func(l *locale.Loc) templ.Component {
			return page.PatientHistory(page.HistoryPage{Shell: desk(l, "/patients", l.T("consultation.history")), Banner: banner(l), Timeline: timeline(l)})
		}},
	}
}

func consultation(l *locale.Loc) page.Consultation {
	b := banner(l)
	b.Token = "A-015"
	b.Flags = []ui.Flag{{Kind: "wait", Icon: "activity", Text: "Hypertension"}}
	c := page.Consultation{Shell: shell(l, access.Doctor, "M. Kulkarni", "/my-queue", l.T("consultation.title", "Name", "Ramesh Patil")), Base: base, ID: "15", Banner: b, Once: "x",
		Version: "3", Saved: l.T("consultation.saved", "Time", "10:42:07"), Since: "10:42", SignIn: base.At("/login"), Discard: true, Taken: l.T("vitals.taken", "Names", "R. Gaikwad"),
		Symptoms: page.Symptoms(l), Degrees: page.Urgencies(l), Past: timeline(l), BMI: "BMI 28.9 kg/m²",
		V: page.ConsultationValues{Complaint: "Chest tightness since morning, no radiation. Headache.", Findings: "S1 S2 normal, chest clear. No pedal oedema.", Urgency: "urgent",
			Symptoms: []string{"chest_pain", "headache"}, FollowUp: "7", Diagnoses: []page.DiagnosisRow{{Code: "I10", Title: "Essential (primary) hypertension", Note: "not controlled"}, {Title: "Tired of city noise"}}}}
	for _, v := range []struct{ name, label, unit, value, flag, last string }{
		{"bp", l.T("vitals.bp"), "mmHg", "168/102", "high", "152/96"}, {"pulse", l.T("vitals.pulse"), "/min", "96", "", "88"}, {"temp", l.T("vitals.temp"), "°F / °C", "98.4", "", ""},
		{"resp", l.T("vitals.resp"), "/min", "18", "", ""}, {"spo2", l.T("vitals.spo2"), "%", "93", "low", ""}, {"weight", l.T("vitals.weight"), "kg", "74", "", ""},
	} {
		x := ui.Vital{ID: "cons-" + v.name, Name: v.name, Label: v.label, Unit: v.unit, Value: v.value, Flag: v.flag, Ranges: "60-100"}
		if v.last != "" {
			x.Last = l.T("vitals.last", "Value", v.last, "Date", l.Date(now))
		}
		c.Vitals = append(c.Vitals, x)
	}
	c.Rx = builder(l)
	c.Rx.Ask, c.Rx.Repeat, c.Rx.Keep, c.Rx.Templates = base.Visit("15", "tests"), true, true, []page.RxTemplate{{ID: "1", Name: "HTN standard", Keyword: "htn"}}
	c.Rx.Given = []page.RxGiven{{Number: "RX-2026-00042", When: l.DateTime(now), Doctor: "M. Kulkarni", Medicines: "Amlodipine 5 mg", Status: ui.Issued, Href: base.At("/prescriptions/42/print")}}
	c.Rx.Asked = []page.TestAsked{{Name: "Troponin I", When: l.Date(now), Stat: true, Status: ui.Requested, Cancel: base.At("/test-requests/7/cancel")}}
	dots := func(values ...int) ui.Line {
		line := ui.Line{Name: l.T("vitals.systolic")}
		for i, n := range values {
			line.Dots = append(line.Dots, ui.Reading{Label: l.Date(now.AddDate(0, i-len(values), 0)), Value: n, Text: l.Num(n)})
		}
		return line
	}
	c.Trends = []ui.LineChart{{Title: l.T("vitals.bp") + " mmHg", Finding: l.T("vitals.latest", "Value", "168/102", "Date", l.Date(now)) + " · " + l.T("vitals.high"), Label: l.T("looks.when"),
		Lines: []ui.Line{dots(138, 152, 147, 168), dots(88, 96, 90, 102)}, Low: 90, High: 139}}
	return c
}

// given is a prescription that its doctor may move on.
func given(l *locale.Loc) []page.RxGiven {
	at := base.At("/prescriptions/42")
	g := page.RxGiven{Number: "RX-2026-00042", When: l.DateTime(now), Doctor: "M. Kulkarni", Medicines: "Amlodipine 5 mg", Status: ui.Issued, Href: at + "/print"}
	for _, label := range []string{l.T("rx.mark_dispensed"), l.T("rx.mark_completed")} {
		g.Moves = append(g.Moves, ui.Post{Action: at + "/move", Button: ui.Button{Label: label, Spoken: g.Number, Small: true}})
	}
	return []page.RxGiven{g}
}

func builder(l *locale.Loc) page.Rx {
	return page.Rx{Act: base.Visit("15", "consultation/draft"), Review: base.Patient("112") + "/sheet", Medicines: base.Patient("112") + "/medicines", TestList: base.At("/tests"),
		Forms: page.Forms(l), Foods: page.Foods(l), Routes: page.Routes(l), Errors: ui.Errors{{Name: "rx-1-reason", Text: l.T("error.rx.reason")}},
		Rows: []page.RxRow{{Medicine: "Amlodipine", Strength: "5 mg", Form: "tablet", Dose: "1-0-0", Food: "after", Days: "30", Derived: "30", Route: "oral", Generic: "Amlodipine"},
			{Medicine: "Augmentin 625", Form: "tablet", Dose: "1-0-1", Days: "5", Derived: "10", New: true, Instructions: "With plenty of water", Warnings: []string{page.RxWarning(l, "allergy", "penicillin")}}},
		Tests: []page.TestRow{{Name: "ECG 12 lead", Urgency: "stat"}, {Name: "Lipid profile", By: "3"}}}
}

func timeline(l *locale.Loc) page.Timeline {
	at := base.Patient("112") + "/history"
	t := page.Timeline{Title: l.T("consultation.history"), Older: at + "?after=x"}
	for i, label := range []string{l.T("timeline.all"), l.T("patient.visits"), l.T("patient.prescriptions"), l.T("tests.title"), l.T("timeline.files"), l.T("nav.appointments"), l.T("timeline.follow_ups")} {
		t.Tabs = append(t.Tabs, ui.Tab{Label: label, NoCount: true, Href: at, Current: i == 0})
	}
	for _, e := range []ui.Event{
		{Kind: l.T("appointment.one"), Icon: "calendar-clock", Title: l.T("appointment.one"), Gist: "M. Kulkarni", Status: ui.Booked, Href: base.Appointment("3", "")},
		{Kind: l.T("visit.title"), Icon: "stethoscope", Title: "Essential (primary) hypertension", Gist: "M. Kulkarni · no complaint", Href: base.Visit("9", "consultation"),
			Abnormal: l.T("vitals.bp") + " 152/96 " + l.T("vitals.high")},
		{Kind: l.T("rx.title"), Icon: "pill", Title: "RX-2026-00042", Gist: "M. Kulkarni · Amlodipine 5 mg, Telmisartan 40 mg", Status: ui.Issued, Href: base.At("/prescriptions/42/print")},
		{Kind: l.T("tests.form"), Icon: "flask-conical", Title: "Troponin I", Gist: "M. Kulkarni", Status: ui.Requested, Stat: true, Href: base.Visit("9", "tests")},
		{Kind: l.T("timeline.file"), Icon: "file-text", Title: "Chest, front view", Gist: "S. Pawar · " + l.T("documents.why", "Reason", "Another person's"), Status: ui.Withdrawn, Href: base.At("/documents/7")},
		{Kind: l.T("visit.follow_up"), Icon: "rotate-ccw", Title: l.T("timeline.again", "Date", l.Date(now)), Gist: "M. Kulkarni", Status: ui.Due, Href: base.Visit("9", "consultation")},
		{Kind: l.T("visit.title"), Icon: "stethoscope", Title: l.T("visit.routine"), Status: ui.NoShow},
	} {
		at := now.AddDate(0, -len(t.Events), 0)
		e.When, e.Stamp = l.DateTime(at), l.Stamp(at)
		t.Events = append(t.Events, e)
	}
	return t
}
