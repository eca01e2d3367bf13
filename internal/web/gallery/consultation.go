package gallery

import (
	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
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
			return page.ConsultedPage(page.Consulted{Shell: c.Shell, Base: base, ID: "15", Banner: c.Banner, History: c.History, Trends: c.Trends,
				Vitals: []ui.Fact{{Label: l.T("vitals.bp"), Value: "168/102 mmHg · " + l.T("vitals.high")}, {Label: l.T("vitals.pulse"), Value: "96 /min"}},
				Notes: []page.ConsultedNotes{{Doctor: "M. Kulkarni", When: l.DateTime(now), Diagnoses: c.V.Diagnoses,
					Facts:   []ui.Fact{{Label: l.T("consultation.complaint"), Value: c.V.Complaint}, {Label: l.T("consultation.follow_up"), Value: l.N("consultation.in_days", 7)}},
					Addenda: []page.AddendumRow{{When: l.DateTime(now), Doctor: "M. Kulkarni", Body: "ECG normal"}}}},
				Add: &page.AddendumForm{Once: "x", Errors: ui.Errors{{Name: "body", Text: l.T("error.required")}}}})
		}},
		{"vitals", func(l *locale.Loc) templ.Component {
			c := consultation(l)
			return page.VitalsFormPage(page.VitalsPage{Shell: shell(l, access.Receptionist, "R. Gaikwad", "/queue", l.T("vitals.title")), Base: base, ID: "15", Banner: c.Banner,
				Vitals: c.Vitals, Taken: c.Taken, Done: true})
		}},
		{"history", func(l *locale.Loc) templ.Component {
			return page.PatientHistory(page.HistoryPage{Shell: desk(l, "/patients", l.T("consultation.history")), Events: pastVisits(l), Next: base.Patient("112") + "/history?after=x"})
		}},
	}
}

func consultation(l *locale.Loc) page.Consultation {
	b := banner(l)
	b.Token = "A-015"
	b.Flags = []ui.Flag{{Kind: "wait", Icon: "activity", Text: "Hypertension"}}
	c := page.Consultation{Shell: shell(l, access.Doctor, "M. Kulkarni", "/my-queue", l.T("consultation.title", "Name", "Ramesh Patil")), Base: base, ID: "15", Banner: b, Once: "x",
		Version: "3", Saved: l.T("consultation.saved", "Time", "10:42:07"), Since: "10:42", SignIn: base.At("/login"), Discard: true, Taken: l.T("vitals.taken", "Names", "R. Gaikwad"),
		Symptoms: page.Symptoms(l), Degrees: page.Urgencies(l), History: pastVisits(l), Older: base.Patient("112") + "/history", BMI: "BMI 28.9 kg/m²",
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

func pastVisits(l *locale.Loc) []ui.Event {
	return []ui.Event{
		{When: l.Date(now.AddDate(0, -1, 0)), Stamp: "2026-10-23", Title: "Essential (primary) hypertension", Gist: "M. Kulkarni · no complaint", Href: base.Visit("9", "consultation"),
			Abnormal: l.T("vitals.bp") + " 152/96 " + l.T("vitals.high")},
		{When: l.Date(now.AddDate(0, -3, 0)), Stamp: "2026-08-23", Title: "Acute bronchitis", Gist: "M. Kulkarni", Href: base.Visit("7", "consultation")},
		{When: l.Date(now.AddDate(0, -6, 0)), Stamp: "2026-05-23", Title: l.T("visit.routine"), Status: ui.NoShow},
	}
}
