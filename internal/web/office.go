package web

import (
	"net/http"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) officeRoutes() []httpx.Route {
	return []httpx.Route{
		{Method: http.MethodGet, Path: httpx.ClinicPath + "/dashboard", Gate: httpx.Capable, Capability: access.StaffManage, Handler: s.dashboard},
		{Method: http.MethodGet, Path: httpx.ClinicPath + "/logo", Gate: httpx.Visitor, Closed: true, Handler: s.logo},
	}
}

// weekday is the day of the week of a place in clinic.Days, which begin on Monday.
func weekday(i int) time.Weekday { return time.Weekday((i + 1) % 7) }

func (s *Site) dashboard(w http.ResponseWriter, r *http.Request) error {
	f, err := s.Clinic.Figures(r.Context())
	if err != nil {
		return err
	}
	l, b := s.words(r), base(r)
	p := page.Dashboard{Shell: s.shell(r, "/dashboard", l.T("nav.dashboard")), Base: b, Now: l.Day(f.Day),
		Stats: []ui.Stat{
			{Value: l.Num(f.Patients), Label: l.T("nav.patients"), Context: l.T("dashboard.new_today", "N", l.Num(f.PatientsToday)), Href: b.At("/patients")},
			{Value: l.Num(f.Visits), Label: l.T("dashboard.visits"), Context: l.T("dashboard.seen", "N", l.Num(f.Done)), Href: b.At("/visits")},
			{Value: l.Num(f.Waiting + f.Called), Label: l.T("status.waiting"), Context: l.T("queue.average", "Wait", l.Minutes(f.AverageWait)), Href: b.At("/queue")},
			{Value: l.Num(f.Admitted), Label: l.T("status.admitted")},
		},
		Chart: visitsChart(l, f.PerDay), Notices: limits(l, f.Usage),
		Links: []ui.Link{
			{Label: l.T("staff.invite"), Href: b.At("/staff/invite"), Icon: "user-plus"}, {Label: l.T("nav.staff"), Href: b.At("/staff"), Icon: "users"},
			{Label: l.T("nav.settings"), Href: b.At("/settings"), Icon: "settings"}, {Label: l.T("nav.visits"), Href: b.At("/visits"), Icon: "calendar-days"},
		}}
	for _, d := range f.Doctors {
		now := l.T("staff.available")
		switch {
		case d.Consulting > 0:
			now = l.T("status.in_consultation")
		case d.Availability == "on_leave":
			now = l.T("staff.on_leave")
		case d.Availability == "offline":
			now = l.T("staff.offline")
		}
		p.Load = append(p.Load, page.DoctorLoad{Name: d.Name, Waiting: l.Num(d.Waiting), Seen: l.Num(d.Done), Avg: l.Minutes(d.Average), Now: now})
	}
	for _, a := range f.Recent {
		who := a.Who
		if who == "" {
			who = l.T("doing.system")
		}
		p.Activity = append(p.Activity, page.Activity{When: l.DateTime(a.At), Text: who + ": " + doing(l, a.Action, a.Entity)})
	}
	return s.show(w, r, http.StatusOK, page.DashboardPage(p))
}

// visitsChart states what the bars show.
func visitsChart(l *locale.Loc, days []clinic.DayCount) *ui.Chart {
	c := &ui.Chart{Title: l.T("dashboard.chart"), Label: l.T("dashboard.day"), Unit: l.T("dashboard.visits")}
	if len(days) > 7 {
		days = days[len(days)-7:]
	}
	var top clinic.DayCount
	for _, d := range days {
		if d.Visits > top.Visits {
			top = d
		}
		c.Bars = append(c.Bars, ui.Bar{Label: l.WeekdayName(d.Day.Weekday()), Value: d.Visits})
	}
	c.Finding = l.T("dashboard.none")
	if top.Visits > 0 {
		c.Finding = l.T("dashboard.most", "Day", l.Day(top.Day), "N", l.Num(top.Visits))
	}
	return c
}

// limits warns before the plan's limits are met.
func limits(l *locale.Loc, usage []clinic.Usage) []ui.Notice {
	names := map[string]string{"doctors": l.T("limit.doctors"), "receptionists": l.T("limit.receptionists"), "lab_technicians": l.T("limit.lab_technicians"),
		"patients": l.T("limit.patients"), "storage": l.T("limit.storage")}
	var out []ui.Notice
	for _, u := range usage {
		if name := names[u.Kind]; name != "" && u.Near() {
			used, limit := l.Num(int(u.Used)), l.Num(int(u.Limit))
			if u.Kind == "storage" {
				used, limit = l.Size(u.Used), l.Size(u.Limit)
			}
			out = append(out, ui.Notice{Kind: "wait", Text: l.T("limit.near", "What", name, "Used", used, "Limit", limit)})
		}
	}
	return out
}

// doing is one line of the trail in words: what was done with which kind of
// record, never with which.
func doing(l *locale.Loc, action, entity string) string {
	made := action == "insert"
	switch entity {
	case "patients":
		return pick(made, l.T("doing.patient_new"), l.T("doing.patient"))
	case "visits":
		return pick(made, l.T("doing.visit_new"), l.T("doing.visit"))
	case "consultations":
		return pick(made, l.T("doing.consultation_new"), l.T("doing.consultation"))
	case "prescriptions":
		return pick(made, l.T("doing.prescription_new"), l.T("doing.prescription"))
	case "test_requests":
		return pick(made, l.T("doing.test_new"), l.T("doing.test"))
	case "vitals":
		return l.T("doing.vitals")
	case "appointments":
		return pick(made, l.T("doing.appointment_new"), l.T("doing.appointment"))
	case "users":
		return pick(made, l.T("doing.user_new"), l.T("doing.user"))
	case "departments":
		return pick(made, l.T("doing.department_new"), l.T("doing.department"))
	case "settings":
		return l.T("doing.settings")
	case "patient_merges":
		return pick(made, l.T("doing.merge"), l.T("doing.unmerge"))
	case "displays":
		return pick(made, l.T("doing.display_new"), l.T("doing.display"))
	case "invitations":
		return pick(made, l.T("doing.link_new"), l.T("doing.link"))
	}
	return ""
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
