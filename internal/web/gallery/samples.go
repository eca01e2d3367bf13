package gallery

import (
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

const base = page.Base("/clinic/northside")

var now = time.Date(2026, 11, 23, 10, 42, 7, 0, time.FixedZone("IST", 5*3600+1800))

func samples() []sample {
	return slices.Concat(reception(), front(), records(), consulting(), sharing(), appointing(), admin(), problems())
}

func northside() ui.Clinic {
	return ui.Clinic{Name: "Northside Clinic", Local: ui.Words{Text: "नॉर्थसाइड क्लिनिक", Lang: "mr"}, City: "Pune", Home: string(base)}
}

// may says what a role of the gallery's people may do; the product asks
// Postgres instead.
func may(r access.Role) func(access.Capability) bool {
	grants := map[access.Role][]access.Capability{
		access.Receptionist: {access.QueueView, access.QueueMove, access.CheckIn, access.PatientView, access.PatientRegister, access.PatientEdit, access.PatientMerge, access.DisplayManage, access.AppointmentView, access.AppointmentBook},
		access.Doctor:       {access.QueueView, access.QueueMove, access.PatientView, access.ConsultationOwn},
		access.ClinicAdmin:  {access.QueueView, access.PatientView, access.PatientRegister, access.StaffView, access.StaffManage, access.SettingsView, access.SettingsEdit, access.DisplayManage},
	}
	return func(c access.Capability) bool {
		for _, g := range grants[r] {
			if g == c {
				return true
			}
		}
		return false
	}
}

func shell(l *locale.Loc, r access.Role, name, area, title string, crumbs ...ui.Crumb) ui.Shell {
	trail := append([]ui.Crumb{{Label: northside().Name, Href: base.At("/")}}, crumbs...)
	return ui.Shell{
		Title: title, Clinic: northside(), User: ui.User{Name: name, Role: page.RoleName(l, r)}, Nav: page.Nav(l, base, may(r), area),
		Crumbs: append(trail, ui.Crumb{Label: title}), Search: base.At("/patients"), CheckIn: base.At("/check-in"),
		Account: page.AccountLinks(l, base), SignOut: base.At("/sign-out"),
	}
}

func mr(text string) ui.Words { return ui.Words{Text: text, Lang: "mr"} }

func reception() []sample {
	return []sample{
		{"queue", func(l *locale.Loc) templ.Component { return page.QueuePage(queue(l, register(l))) }},
		{"queue-problem", func(l *locale.Loc) templ.Component {
			q := queue(l, refused(l))
			q.Shell.Failed = true
			return page.QueuePage(q)
		}},
		{"queue-issued", func(l *locale.Loc) templ.Component {
			f := register(l)
			s := slip(l)
			f.Done = &page.Issued{Token: "A-019", Name: "Ramesh Patil", Slip: base.At("/visits/19/slip"), Print: &s}
			return page.QueuePage(queue(l, f))
		}},
		{"queue-empty", func(l *locale.Loc) templ.Component {
			q := queue(l, register(l))
			q.Board.Rows, q.Board.CanAdd = nil, true
			return page.QueuePage(q)
		}},
		{"register", func(l *locale.Loc) templ.Component {
			return page.RegisterFull(page.RegisterPage{Shell: shell(l, access.Receptionist, "S. Pawar", "/queue", l.T("register.title")), Form: refused(l)})
		}},
		{"display", func(l *locale.Loc) templ.Component { return page.DisplayPage(display(l)) }},
		{"display-empty", func(l *locale.Loc) templ.Component {
			d := display(l)
			d.Board.Cards = nil
			return page.DisplayPage(d)
		}},
		{"verified", func(l *locale.Loc) templ.Component {
			return page.VerifiedPage(page.Verified{Frame: plain(l.T("verify.title")), Number: "RX-2026-00042", Clinic: "Northside Family Clinic", Local: mr("नॉर्थसाइड फॅमिली क्लिनिक"), Issued: l.Date(now),
				Flag: ui.Flag{Kind: "done", Icon: "check", Text: l.T("verify.valid")}, Means: l.T("verify.valid_means")})
		}},
		{"slip", func(l *locale.Loc) templ.Component { return page.SlipPage(slip(l)) }},
		{"slip-58", func(l *locale.Loc) templ.Component {
			s := slip(l)
			s.Narrow = true
			return page.SlipPage(s)
		}},
	}
}

type person struct {
	token, name, local, sex string
	years                   int
	number, doctor          string
	status                  ui.Status
	urgent                  bool
	wait                    time.Duration
}

func people() []person {
	k, r := "Dr. Kulkarni", "Dr. Rao"
	m := time.Minute
	return []person{
		{"A-014", "Sunita Deshmukh", "सुनीता देशमुख", "female", 34, "PT-2026-00418", k, ui.Consulting, false, 4 * m},
		{"A-015", "Ramesh Patil", "रमेश पाटील", "male", 61, "PT-2026-00112", k, ui.Waiting, true, 2 * m},
		{"A-016", "Farhan Shaikh", "", "male", 27, "PT-2026-00903", k, ui.Waiting, false, 18 * m},
		{"B-007", "Meera Joshi", "मीरा जोशी", "female", 45, "PT-2025-07731", r, ui.Consulting, false, 11 * m},
		{"B-008", "Anil Gaikwad", "अनिल गायकवाड", "male", 52, "PT-2026-00044", r, ui.AtLab, false, 26 * m},
		{"A-017", "Lakshmi Iyer", "", "female", 70, "PT-2024-01290", k, ui.Waiting, false, 21 * m},
		{"B-009", "Pooja Kadam", "पूजा कदम", "female", 23, "PT-2026-00951", r, ui.Called, false, 15 * m},
		{"A-018", "Vikram Singh", "विक्रम सिंह", "male", 39, "PT-2026-00952", k, ui.Waiting, false, 9 * m},
		{"A-013", "Kavita More", "कविता मोरे", "female", 58, "PT-2025-03310", k, ui.Done, false, 0},
		{"B-006", "Joseph D’Souza", "", "male", 66, "PT-2023-00218", r, ui.Done, false, 0},
		{"A-012", "Shanta Bai Jadhav", "शांताबाई जाधव", "female", 81, "PT-2025-00017", k, ui.NoShow, false, 0},
		{"A-011", "Imran Qureshi", "", "male", 31, "PT-2026-00950", k, ui.Done, false, 0},
	}
}

func (p person) view(l *locale.Loc) page.Person {
	return page.Person{ID: p.number, Name: p.name, Local: mr(p.local), SexAge: page.SexAge(l, p.sex, now.AddDate(-p.years, -3, 0), now), Number: p.number, Phone: "••••• •7 114"}
}

func queue(l *locale.Loc, f page.Register) page.Queue {
	title := l.T("queue.title")
	b := page.Board{
		Base: base, Once: "sample",
		Stats: page.QueueStats(l, base, page.Counts{Waiting: 5, Called: 1, Consulting: 2, Done: 3, Total: 12, AverageWait: 17 * time.Minute, Doctors: 2, DoctorsBusy: 2}, ""),
		Tabs: []ui.Tab{
			{Label: l.T("filter.all"), Count: 12, Href: base.At("/queue"), Current: true}, {Label: l.T("status.waiting"), Count: 5, Href: base.At("/queue?state=waiting")},
			{Label: "Dr. Kulkarni", Count: 8, Href: base.At("/queue?doctor=1")}, {Label: "Dr. Rao", Count: 4, Href: base.At("/queue?doctor=2")},
		},
	}
	for i, p := range people() {
		row := page.QueueRow{VisitID: p.token, Token: p.token, Patient: p.view(l), Doctor: p.doctor, Status: p.status, Urgent: p.urgent, Next: i == 1, Call: p.status == ui.Waiting, Version: "1"}
		if p.wait > 0 {
			row.Wait = l.Minutes(p.wait)
		}
		b.Rows = append(b.Rows, row)
	}
	return page.Queue{Shell: shell(l, access.Receptionist, "S. Pawar", "/queue", title), Base: base, Now: l.Weekday(now) + " " + l.DateTime(now), Board: b, Register: &f}
}

func register(l *locale.Loc) page.Register {
	return page.Register{
		Base: base, Once: "sample", Phone: "+91 ", Kinds: page.VisitKinds(l), Kind: "routine", Doctor: "1",
		Doctors: []ui.Option{page.DoctorOption(l, "1", "Dr. Kulkarni", 5), page.DoctorOption(l, "2", "Dr. Rao", 2)},
	}
}

func refused(l *locale.Loc) page.Register {
	f := register(l)
	f.Phone, f.Name, f.Sex, f.Purpose = "98220 114", "Ramesh Patil", "male", "Cough"
	f.Errors = ui.Errors{{Name: "phone", Text: l.T("error.phone.invalid")}, {Name: "age", Text: l.T("error.age.missing")}}
	f.Matches = []page.Person{people()[1].view(l)}
	return f
}

func display(l *locale.Loc) page.Display {
	return page.Display{
		Clinic: northside(), Clock: l.Time(now), Zone: "Asia/Kolkata", Notice: "Please wait until your token is shown", Local: mr("कृपया आपले टोकन दिसेपर्यंत थांबा"),
		Refresh: Root + "/display", Chime: true,
		Board: page.DisplayBoard{Updated: l.Time(now), Next: mr("पुढील"), Cards: []page.DisplayCard{
			{Doctor: "Dr. Kulkarni", Room: "Room 2", Token: "A-015", Called: true, Call: "A-015/1", Say: l.T("display.say", "Token", "A 15", "Place", "Dr. Kulkarni"), Next: []string{"A-016", "A-017", "A-018"}},
			{Doctor: "Dr. Rao", Room: "Room 4", Token: "B-007", Next: []string{"B-009", "B-010"}},
		}},
	}
}

func slip(l *locale.Loc) page.Slip {
	return page.Slip{
		Clinic: northside(), Token: "A-015", Place: "Dr. Kulkarni · Room 2", Wait: page.Ahead(l, 3, 25*time.Minute), Who: "Ramesh P.", When: l.DateTime(now),
		Local: mr("टोकन"), Back: base.At("/queue"), Other: Root + "/slip-58", PDF: base.Visit("15", "slip.pdf"),
	}
}

func plain(title string) ui.Plain {
	return ui.Plain{Title: title, Clinic: northside(), Lang: &ui.Language{Action: "/language", Back: Root}}
}

func front() []sample {
	return []sample{
		{"signin", func(l *locale.Loc) templ.Component {
			return page.SignInPage(page.SignIn{Plain: plain(l.T("signin.title")), Action: base.At("/login"), Forgot: base.At("/password/forgot"), Once: "sample"})
		}},
		{"signin-problem", func(l *locale.Loc) templ.Component {
			p := plain(l.T("signin.title"))
			p.Failed = true
			return page.SignInPage(page.SignIn{Plain: p, Action: base.At("/login"), Username: "s.pawar", Errors: ui.Errors{{Name: "username", Text: l.T("error.signin")}},
				Notice: ui.Notice{Kind: "info", Text: l.T("signin.ended")}})
		}},
		{"operator-signin", func(l *locale.Loc) templ.Component {
			p := plain(l.T("signin.operator"))
			p.Clinic = ui.Clinic{Name: "Cloister"}
			return page.SignInPage(page.SignIn{Plain: p, Action: "/platform/login", Operator: true})
		}},
		{"forgot", func(l *locale.Loc) templ.Component {
			return page.ForgotPage(page.Forgot{Plain: plain(l.T("forgot.title")), Action: base.At("/password/forgot"), Back: base.At("/login")})
		}},
		{"link-gone", func(l *locale.Loc) templ.Component {
			return page.LinkGonePage(page.LinkGone{Plain: plain(l.T("link.title")), SignIn: base.At("/login"), Forgot: base.At("/forgot")})
		}},
		{"invitation", func(l *locale.Loc) templ.Component {
			return page.SetPasswordPage(page.SetPassword{Plain: plain(l.T("password.reset")), Action: base.At("/invitation/x"), Invited: true, Name: "Sneha Pawar", Role: page.RoleName(l, access.Receptionist), User: "s.pawar",
				Errors: ui.Errors{{Name: "password", Text: l.T("error.password.short", "Min", 12)}}})
		}},
	}
}

func problems() []sample {
	return []sample{
		{"problem-404", func(l *locale.Loc) templ.Component {
			return page.ProblemPage(page.Problem{Status: 404, Title: l.T("error.not_found"), Text: l.T("problem.not_found_text"), Home: "/", Missing: true})
		}},
		{"problem-401", func(l *locale.Loc) templ.Component {
			return page.ProblemPage(page.Problem{Status: 401, Title: l.T("problem.ended"), Text: l.T("problem.again_text"), SignIn: "/", Again: &page.Again{Action: "/", Fields: [][2]string{{"name", "Northside"}}}})
		}},
		{"problem-500", func(l *locale.Loc) templ.Component {
			return page.ProblemPage(page.Problem{Status: 500, Title: l.T("error.internal"), Text: l.T("problem.internal_text", "ID", "0193-5f7a"), Home: "/"})
		}},
	}
}

func week() []ui.Bar {
	out := []ui.Bar{}
	for i, n := range []int{12, 18, 9, 22, 25, 17, 4} {
		out = append(out, ui.Bar{Label: []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}[i], Value: n})
	}
	return out
}
