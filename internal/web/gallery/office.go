package gallery

import (
	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func office(l *locale.Loc, area, title string) ui.Shell {
	return shell(l, access.ClinicAdmin, "Asha Menon", area, title)
}

func admin() []sample {
	return []sample{
		{"my-queue", func(l *locale.Loc) templ.Component { return page.MyQueuePage(myQueue(l)) }},
		{"dashboard", func(l *locale.Loc) templ.Component {
			return page.DashboardPage(page.Dashboard{
				Shell: office(l, "/dashboard", l.T("nav.dashboard")), Base: base, Now: l.DateTime(now), Stats: queue(l, register(l)).Board.Stats,
				Chart:    &ui.Chart{Title: "Visits per day, last 7 days", Finding: "highest Friday 25", Label: "Day", Unit: "Visits", Bars: week()},
				Load:     []page.DoctorLoad{{Name: "Dr. Kulkarni", Waiting: "5", Seen: "3", Avg: l.Minutes(8 * 60e9), Now: "A-014"}},
				Activity: []page.Activity{{When: l.Time(now), Text: "A-014 called"}}, Links: []ui.Link{{Label: l.T("staff.invite"), Href: base.At("/staff/invite"), Icon: "user-plus"}},
			})
		}},
		{"staff", func(l *locale.Loc) templ.Component {
			return page.StaffPage(page.Staff{Shell: office(l, "/staff", l.T("nav.staff")), Base: base, Manage: true, Tabs: []ui.Tab{{Label: l.T("filter.all"), Count: 2, Href: base.At("/staff"), Current: true}},
				Rows: []page.StaffRow{{ID: "1", Name: "Dr. S. A. Kulkarni", Local: mr("डॉ. कुलकर्णी"), Role: l.T("role.doctor"), Email: "kulkarni@northside.example", Status: ui.Active, LastSeen: l.DateTime(now), Load: "8"}, {ID: "2", Name: "Sneha Pawar", Role: l.T("role.receptionist"), Email: "pawar@northside.example", Status: ui.Invited}}})
		}},
		{"staff-form", func(l *locale.Loc) templ.Component {
			return page.StaffFormPage(page.StaffForm{Shell: office(l, "/staff", l.T("staff.invite")), Base: base, Errors: ui.Errors{{Name: "email", Text: "Enter an email address"}}, V: page.StaffValues{Name: "Sneha Pawar", Role: "receptionist"}})
		}},
		{"account", func(l *locale.Loc) templ.Component {
			return page.AccountPage(page.Account{Shell: office(l, "", l.T("account.title")), Base: base, Theme: "auto", Density: "compact", Keys: true, Facts: []ui.Fact{{Label: l.T("staff.name"), Value: "Anita Menon"}, {Label: l.T("staff.username"), Value: "a.menon"}, {Label: l.T("staff.role"), Value: l.T("role.nurse")}, {Label: l.T("clinics.clinic"), Value: "Northside Clinic"}}})
		}},
		{"sessions", func(l *locale.Loc) templ.Component {
			return page.SessionsPage(page.Sessions{Shell: office(l, "", l.T("sessions.title")), Base: base, Rows: []page.Session{{ID: "1", Device: "Chrome, Windows", Address: "198.51.100.7", Began: l.DateTime(now), Seen: l.DateTime(now), Current: true}, {ID: "2", Device: "Safari, iPhone", Address: "203.0.113.9", Began: l.DateTime(now), Seen: l.DateTime(now)}}})
		}},
		{"displays", func(l *locale.Loc) templ.Component {
			return page.DisplaysPage(page.Displays{Shell: office(l, "/displays", l.T("nav.displays")), Base: base, Lines: register(l).Doctors, Rows: []page.DisplayRow{{ID: "1", Name: "Hall", Lines: "Dr. Kulkarni, Dr. Rao", Link: base.At("/display/k3y"), Status: ui.Active}}})
		}},
		{"home", func(l *locale.Loc) templ.Component {
			p := plain(l.T("home.title"))
			p.Clinic, p.Wide = ui.Clinic{Name: "Cloister"}, true
			return page.HomePage(page.Home{Plain: p, Query: "side", Clinics: []page.FoundClinic{{Name: "Northside Clinic", City: "Pune", Href: "/clinic/northside/login"}, {Name: "Southside Clinic", City: "Nashik", Href: "/clinic/southside/login"}}})
		}},
		{"clinics", func(l *locale.Loc) templ.Component {
			s := shell(l, access.Platform, "R. Operator", "", l.T("clinics.title"))
			s.Clinic, s.Search, s.Nav = ui.Clinic{Name: "Cloister", Home: "/platform"}, "", nil
			return page.ClinicsPage(page.Clinics{Shell: s, Isolation: "/platform/isolation", Versions: "/platform/versions", Tabs: []ui.Tab{{Label: l.T("filter.all"), Count: 2, Href: "/platform/clinics", Current: true}}, Rows: []page.ClinicRow{
				{Slug: "northside", Name: "Northside Clinic", City: "Pune", Plan: "Professional", Status: ui.Active, Staff: "9", Patients: "400", Storage: "1.2 GB", LastActive: l.DateTime(now)},
				{Slug: "eastside", Name: "Eastside Clinic", City: "Nagpur", Plan: "Trial", Status: ui.Suspended, Reason: "Payment", Staff: "3", Patients: "12"}}})
		}},
		{"clinics-none", func(l *locale.Loc) templ.Component {
			s := shell(l, access.Platform, "R. Operator", "", l.T("clinics.title"))
			s.Clinic, s.Search, s.Nav = ui.Clinic{Name: "Cloister", Home: "/platform"}, "", nil
			return page.ClinicsPage(page.Clinics{Shell: s, Isolation: "/platform/isolation", Versions: "/platform/versions", Query: "nagpur", Status: "trial", Filtered: true, All: "/platform/clinics", Tabs: []ui.Tab{{Label: l.T("filter.all"), Href: "/platform/clinics"}}})
		}},
		{"versions", func(l *locale.Loc) templ.Component {
			s := shell(l, access.Platform, "R. Operator", "", l.T("versions.title"))
			s.Clinic, s.Search, s.Nav = ui.Clinic{Name: "Cloister", Home: "/platform"}, "", nil
			return page.VersionsPage(page.Versions{Shell: s, Back: ui.Button{Label: l.T("clinics.title"), Href: "/platform/clinics"}, Now: page.VersionsNow{
				Here: "/platform/versions", All: "/platform/versions", Updated: l.T("versions.updated", "At", l.Time(now)), Shown: l.N("clinics.shown", 3), Next: "/platform/versions?after=current%3Anorthside",
				Notice:  ui.Notice{Kind: "danger", Bold: l.N("versions.failures", 1), Text: l.T("versions.failures_text")},
				Figures: []ui.Stat{{Value: "298", Label: l.T("versions.at", "Version", "11"), Context: l.T("versions.own")}, {Value: "2", Label: l.T("versions.at", "Version", "9")}},
				Tabs:    []ui.Tab{{Label: l.T("filter.all"), Count: 300, Href: "/platform/versions", Current: true}, {Label: l.T("versions.failed"), Count: 1, Href: "/platform/versions?state=failed"}},
				Rows: []page.VersionRow{
					{Slug: "eastside", Name: "Eastside Clinic", Version: "9", State: ui.Flag{Kind: "urgent", Icon: "triangle-alert", Text: l.T("versions.failed")}, Shut: true, Finished: l.DateTime(now), Took: l.T("versions.ms", "N", "41"),
						Error: "version 10: a table or the clinic was in use for too long (SQLSTATE 55P03)"},
					{Slug: "westside", Name: "Westside Clinic", Version: "9", State: ui.Flag{Kind: "wait", Icon: "clock", Text: l.T("versions.behind")}, Shut: true},
					{Slug: "northside", Name: "Northside Clinic", Version: "11", State: ui.Flag{Kind: "done", Icon: "check", Text: l.T("versions.current")}, Finished: l.DateTime(now), Took: l.T("versions.seconds", "N", "2")},
				}}})
		}},
		{"versions-none", func(l *locale.Loc) templ.Component {
			s := shell(l, access.Platform, "R. Operator", "", l.T("versions.title"))
			s.Clinic, s.Search, s.Nav = ui.Clinic{Name: "Cloister", Home: "/platform"}, "", nil
			return page.VersionsPage(page.Versions{Shell: s, Back: ui.Button{Label: l.T("clinics.title"), Href: "/platform/clinics"}, Query: "nagpur", State: "failed", Now: page.VersionsNow{Here: "/platform/versions?q=nagpur&state=failed", All: "/platform/versions", Filtered: true, Updated: l.T("versions.updated", "At", l.Time(now)),
				Tabs: []ui.Tab{{Label: l.T("filter.all"), Href: "/platform/versions"}}}})
		}},
		{"isolation", func(l *locale.Loc) templ.Component {
			s := shell(l, access.Platform, "R. Operator", "", l.T("isolation.title"))
			s.Clinic, s.Search, s.Nav = ui.Clinic{Name: "Cloister", Home: "/platform"}, "", nil
			return page.IsolationPage(page.Isolation{Shell: s, Context: l.T("isolation.when", "At", l.DateTime(now)), Back: ui.Button{Label: l.T("clinics.title"), Href: "/platform/clinics"}, File: "/platform/isolation/report",
				Check:   ui.Post{Action: "/platform/isolation", Button: ui.Button{Label: l.T("isolation.check"), Icon: "shield", Kind: "primary"}},
				Notice:  ui.Notice{Kind: "danger", Bold: l.N("isolation.found", 2)},
				Figures: []ui.Stat{{Value: "2", Label: l.T("clinics.title")}, {Value: "83", Label: l.T("isolation.rules")}, {Value: "4,539", Label: l.T("isolation.objects")}, {Value: "15.14", Label: "PostgreSQL"}},
				Gaps:    []string{"CLO-A904: cloister_auditor may not read pg_hba_file_rules"},
				Findings: []page.IsolationFinding{
					{Rule: "CLO-A101", Title: "Row-level security is off", Rank: ui.Flag{Kind: "urgent", Text: l.T("isolation.critical")}, Object: "clinic_northside.patients", Clinic: "northside", Reason: "row-level security is not enabled",
						Evidence: "relrowsecurity = false", Mend: "alter table clinic_northside.patients enable row level security;"},
					{Rule: "CLO-A806", Title: "An object is not what its migration made", Rank: ui.Flag{Kind: "wait", Text: l.T("isolation.medium")}, Object: "clinic_northside.visits policy select", Clinic: "northside", Reason: "it is not what the migration made",
						Evidence: "is: for select to cloister_clinic_admin, cloister_doctor, cloister_jobs using ((clinic_id = ( SELECT platform.current_clinic() AS current_clinic)))\nshould be: for select to cloister_clinic_admin, cloister_doctor"},
				}})
		}},
		{"shut", func(l *locale.Loc) templ.Component {
			return page.ShutPage(page.Shut{Plain: plain(l.T("shut.suspended")), Reason: "Payment failed twice", SignOut: base.At("/sign-out")})
		}},
		{"settings-profile", func(l *locale.Loc) templ.Component {
			s := settings(l, "profile")
			s.Profile = &page.ProfileValues{Name: "Northside Clinic", City: "Pune", Language: "en", Zone: "Asia/Kolkata"}
			s.Errors = ui.Errors{{Name: "gstin", Text: "Write the GSTIN like 27AAAAA0000A1Z5"}}
			return page.SettingsPage(s)
		}},
		{"settings-work", func(l *locale.Loc) templ.Component {
			s := settings(l, "work")
			s.Work = &page.WorkValues{TokenPrefix: "T", SlotMinutes: "15", ConsultMinutes: "8", FollowUpDays: "7", IdleMinutes: "15", TaxRate: "0", Currency: "INR", Letterhead: "full", SlipWidth: "80", Chime: true, Remind: true}
			return page.SettingsPage(s)
		}},
		{"settings-hours", func(l *locale.Loc) templ.Component {
			s := settings(l, "hours")
			for i, d := range []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} {
				s.Hours = append(s.Hours, page.DayHours{Day: d, Label: l.WeekdayName(now.AddDate(0, 0, i-1).Weekday()), Open1: "09:00", Close1: "13:00", Open2: "17:00", Close2: "21:00"})
			}
			return page.SettingsPage(s)
		}},
		{"settings-departments", func(l *locale.Loc) templ.Component {
			s := settings(l, "departments")
			s.IsDepartments = true
			s.Departments = []page.Department{{ID: "1", Name: "General medicine", Room: "2", Prefix: "G", Active: true}, {}}
			return page.SettingsPage(s)
		}},
		{"settings-branding", func(l *locale.Loc) templ.Component {
			s := settings(l, "branding")
			s.Brand = &page.BrandValues{Colour: "#ffe600", Used: "#7c6f00", Changed: true, Clash: true}
			return page.SettingsPage(s)
		}},
	}
}

func settings(l *locale.Loc, part string) page.Settings {
	return page.Settings{Shell: office(l, "/settings", l.T("nav.settings")), Base: base, Tabs: page.SettingsTabs(l, base, part), Once: "x", Version: "1"}
}

func myQueue(l *locale.Loc) page.MyQueue {
	b := queue(l, register(l)).Board
	card := func(p person, label string) *page.MyPatient {
		return &page.MyPatient{Patient: p.view(l), Purpose: "Cough", Allergies: "Penicillin", Card: ui.TokenCard{Token: p.token, Line: "Room 2", Status: p.status, Now: true, Actions: []ui.Post{{Action: base.Visit(p.token, "start"), Once: "x", Button: ui.Button{Label: label, Kind: "primary"}}}}}
	}
	return page.MyQueue{Shell: shell(l, access.Doctor, "Dr. Kulkarni", "/my-queue", l.T("nav.my_queue")), Base: base, Now: l.DateTime(now),
		Board: page.MyBoard{Base: base, Stats: b.Stats, Rows: b.Rows, Once: "x", Day: openDay(l), Current: card(people()[0], l.T("action.open")), Next: card(people()[1], l.T("action.call"))}}
}

// openDay is what a doctor has open besides the queue.
func openDay(l *locale.Loc) page.DayPanels {
	who := people()[0].view(l)
	cancel := []ui.Button{{Label: l.T("tests.cancel"), Spoken: "Troponin I " + who.Name, Href: base.At("/test-requests/7/cancel"), Small: true, Kind: "quiet"}}
	return page.DayPanels{
		Unfinished: []page.DayRow{{Person: who, About: l.N("doctor.not_issued", 2), When: l.DateTime(now), Late: true, Href: base.Visit("9", "consultation")}},
		Tests: []page.DayRow{{Person: who, About: "Troponin I", Stat: true, Status: ui.Requested, When: l.DateTime(now), Href: base.Visit("9", "consultation"), Links: cancel},
			{Person: people()[1].view(l), About: "HbA1c", Status: ui.Collected, When: l.T("tests.due", "Date", l.Date(now)), Late: true, Href: base.Visit("7", "consultation"), Links: cancel}},
		Due: []page.DayRow{{Person: who, When: l.Date(now), Href: base.Patient("112")}},
	}
}
