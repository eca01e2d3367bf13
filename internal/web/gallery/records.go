package gallery

import (
	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func desk(l *locale.Loc, area, title string) ui.Shell {
	return shell(l, access.Receptionist, "S. Pawar", area, title)
}

func banner(l *locale.Loc) ui.Banner {
	return ui.Banner{Name: "Ramesh Patil", Local: mr("रमेश पाटील"), Line: page.SexAge(l, "male", now.AddDate(-61, -8, 0), now) + " (12 Mar 1965) · PT-2026-00112 · B+ · +91 98220 ••114", Allergies: "Penicillin"}
}

func openVisit(l *locale.Loc) ui.TokenCard {
	return ui.TokenCard{Token: "A-015", Line: "Dr. Kulkarni · Room 2", Wait: page.Ahead(l, 3, 25*60e9), Now: true, Status: ui.Waiting, Actions: []ui.Post{{Action: base.Visit("15", "call"), Once: "x", Button: ui.Button{Label: l.T("action.call"), Kind: "primary"}}}, Links: []ui.Button{{Label: l.T("action.print"), Href: base.Visit("15", "slip"), Icon: "printer"}}}
}

func records() []sample {
	return []sample{
		{"patients", func(l *locale.Loc) templ.Component { return page.PatientsPage(patients(l, "")) }},
		{"patients-none", func(l *locale.Loc) templ.Component {
			p := patients(l, "zzz")
			p.Rows, p.Next = nil, ""
			return page.PatientsPage(p)
		}},
		{"patient", func(l *locale.Loc) templ.Component { return page.PatientRecord(record(l)) }},
		{"patient-form", func(l *locale.Loc) templ.Component {
			return page.PatientFormPage(page.PatientForm{Shell: desk(l, "/patients", l.T("action.edit")), Base: base, ID: "112", Banner: banner(l), Version: "3", V: page.PatientValues{FirstName: "Ramesh", LastName: "Patil", LocalName: "रमेश पाटील", Sex: "male", Born: "12/03/1965", Phone: "+91 98220 00114", IDKind: "aadhaar", IDMasked: "•••• •••• 4242", Blood: "B+", Status: "registered", Allergies: "Penicillin"},
				Errors: ui.Errors{{Name: "pin", Text: "A PIN code has 6 digits"}}, Stale: []page.StaleField{{Label: l.T("patient.city"), Mine: "Pune", Theirs: "Nashik"}}})
		}},
		{"merge", func(l *locale.Loc) templ.Component { return page.MergePage(merge(l, nil)) }},
		{"merge-compare", func(l *locale.Loc) templ.Component {
			other := people()[2].view(l)
			return page.MergePage(merge(l, &other))
		}},
		{"check-in", func(l *locale.Loc) templ.Component {
			open := openVisit(l)
			f := register(l)
			return page.CheckInPage(page.CheckIn{Shell: desk(l, "/patients", l.T("checkin.title")), Base: base, ID: "112", Banner: banner(l), Doctor: "1", Doctors: f.Doctors, Kinds: f.Kinds, Kind: "routine", Open: &open})
		}},
		{"visit", func(l *locale.Loc) templ.Component {
			return page.VisitPage(page.Visit{Shell: desk(l, "/queue", l.T("visit.title")), Base: base, ID: "15", Banner: banner(l), Token: openVisit(l),
				Facts:  []ui.Fact{{Label: l.T("visit.kind"), Value: l.T("visit.routine")}, {Label: l.T("visit.purpose"), Value: "Cough"}, {Label: l.T("visit.note")}},
				Moves:  []ui.Event{{When: l.DateTime(now), Stamp: l.Stamp(now), Title: l.T("status.waiting"), Gist: "S. Pawar"}},
				Cancel: &page.VisitCancel{Once: "x", Version: "1"}, Transfer: &page.VisitTransfer{Once: "y", Version: "1", Lines: register(l).Doctors}, Errors: ui.Errors{{Name: "reason", Text: "Say why"}}})
		}},
		{"visits", func(l *locale.Loc) templ.Component { return page.VisitsPage(visits(l)) }},
		{"documents", func(l *locale.Loc) templ.Component { return page.DocumentsPage(documents(l)) }},
		{"documents-refused", func(l *locale.Loc) templ.Component {
			d := documents(l)
			d.Form.Errors = ui.Errors{{Name: "file", Text: l.T("error.file.active")}, {Name: "title", Text: l.T("error.required")}}
			return page.DocumentsPage(d)
		}},
		{"documents-none", func(l *locale.Loc) templ.Component {
			d := documents(l)
			d.Rows, d.Next = nil, ""
			return page.DocumentsPage(d)
		}},
		{"document", func(l *locale.Loc) templ.Component {
			return page.DocumentPage(page.Document{Shell: desk(l, "/patients", "Chest, front view"), Base: base, Banner: banner(l), Title: "Chest, front view", File: base.At("/documents/7/file"),
				Facts:    []ui.Fact{{Label: l.T("documents.kind"), Value: l.T("document.xray")}, {Label: l.T("documents.dated"), Value: l.Date(now)}, {Label: l.T("documents.file"), Value: "PDF · 2 · 310 KB"}},
				Withdraw: &page.DocumentWithdraw{Action: base.At("/documents/7/withdraw")}})
		}},
	}
}

func documents(l *locale.Loc) page.Documents {
	when := func(d int) (string, string) { at := now.AddDate(0, 0, -d); return l.DateTime(at), l.Stamp(at) }
	d := page.Documents{Shell: desk(l, "/patients", l.T("documents.title")), Base: base, ID: "112", Banner: banner(l), Next: base.At("/patients/112/documents?after=x"),
		Form: &page.DocumentForm{Once: "x", Kinds: page.DocumentKinds(l)}}
	for i, t := range []string{"Chest, front view", "Blood count", "Discharge from the city hospital"} {
		row := page.DocumentRow{Href: base.At("/documents/7"), Title: t, About: l.T("document.xray") + " · " + l.Date(now) + " · 1.2 MB · S. Pawar"}
		row.When, row.Stamp = when(i * 3)
		if i == 1 {
			row.Withdrawn = l.T("documents.why", "Reason", "Another person's")
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

func patients(l *locale.Loc, query string) page.Patients {
	p := page.Patients{Shell: desk(l, "/patients", l.T("nav.patients")), Base: base, Query: query, Shown: "12 / 400", Next: base.At("/patients?after=x"), CanAdd: true}
	for _, x := range people() {
		p.Rows = append(p.Rows, page.PatientRow{Person: x.view(l), LastVisit: l.Date(now), CheckIn: true, Book: true})
	}
	return p
}

func record(l *locale.Loc) page.PatientPage {
	open := openVisit(l)
	return page.PatientPage{
		Shell: desk(l, "/patients", "Ramesh Patil"), Base: base, ID: "112", Banner: banner(l), Open: &open, CheckIn: true, Edit: true, Merge: true,
		Identity: []ui.Fact{{Label: l.T("patient.number"), Value: "PT-2026-00112"}, {Label: l.T("identity.number"), Value: "•••• •••• 4242"}},
		Contact:  []ui.Fact{{Label: l.T("patient.mobile"), Value: "+91 98220 00114"}, {Label: l.T("patient.email")}},
		Clinical: []ui.Fact{{Label: l.T("patient.allergies"), Value: "Penicillin"}, {Label: l.T("patient.blood"), Value: "B+"}},
		Past:     timeline(l), Files: base.Patient("112") + "/documents", AddFile: true,
		Takes:  []page.Taken{{Name: "Amlodipine 5 mg", Dose: "1-0-0", Until: l.T("timeline.until", "Date", l.Date(now)), Href: base.At("/prescriptions/42/print")}},
		Opened: []page.Opened{{Who: "S. Pawar", Role: page.RoleName(l, access.Receptionist), When: l.DateTime(now)}},
	}
}

func merge(l *locale.Loc, other *page.Person) page.Merge {
	return page.Merge{Shell: desk(l, "/patients", l.T("merge.title")), Base: base, ID: "112", Keep: people()[1].view(l), Other: other, Once: "x",
		Compare: []page.StaleField{{Label: l.T("patient.full_name"), Mine: "Ramesh Patil", Theirs: "Farhan Shaikh"}}}
}

func visits(l *locale.Loc) page.Visits {
	v := page.Visits{Shell: desk(l, "/visits", l.T("nav.visits")), Base: base, From: "23/11/2026", To: "23/11/2026", Export: base.At("/visits.csv"),
		Periods: []ui.Tab{{Label: l.T("queue.today"), Href: base.At("/visits"), Current: true, NoCount: true}}, Stats: []ui.Stat{{Value: "12", Label: l.T("status.done")}}}
	for _, x := range people() {
		v.Rows = append(v.Rows, page.VisitRow{ID: x.token, Token: x.token, Day: l.Date(now), Patient: x.view(l), Doctor: x.doctor, Kind: l.T("visit.routine"), Status: x.status, Arrived: l.Time(now), Started: l.Time(now)})
	}
	return v
}
