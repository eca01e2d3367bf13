package gallery

import (
	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func appointing() []sample {
	return []sample{
		{"appointments", func(l *locale.Loc) templ.Component { return page.AppointmentsPage(calendar(l)) }},
		{"appointments-week", func(l *locale.Loc) templ.Component {
			c := calendar(l)
			c.Week, c.Schedule = true, base.At("/schedule/1")
			c.Columns[0].Now = true
			c.Columns = append(c.Columns, page.SlotColumn{ID: "9", Title: "Tue 24 Nov 2026", Href: base.At("/appointments"), Sub: l.N("appointment.free", 0), None: l.T("appointment.closed")})
			return page.AppointmentsPage(c)
		}},
		{"appointment", func(l *locale.Loc) templ.Component {
			return page.AppointmentPage(page.Appointment{Shell: desk(l, "/appointments", l.T("appointment.of", "Name", "Ramesh Patil")), Base: base, ID: "7", Banner: banner(l), Status: ui.Booked,
				When: l.T("appointment.at", "Day", l.Date(now), "From", l.Time(now), "Until", l.Time(now)), Doctor: "M. Kulkarni", Errors: ui.Errors{{Name: "reason", Text: l.T("error.reason.missing")}},
				Facts:  []ui.Fact{{Label: l.T("visit.kind"), Value: l.T("visit.routine")}, {Label: l.T("visit.purpose"), Value: "Cough"}},
				Posts:  []ui.Post{{Action: base.Appointment("7", "check-in"), Once: "x", Button: ui.Button{Label: l.T("action.check_in"), Kind: "primary", Icon: "ticket"}}},
				Links:  []ui.Button{{Label: l.T("appointment.move"), Href: base.Appointment("7", "move"), Icon: "calendar-clock"}},
				Cancel: &page.VisitCancel{Once: "x", Version: "1"}})
		}},
		{"booking", func(l *locale.Loc) templ.Component { return page.BookingPage(booking(l)) }},
		{"booking-problem", func(l *locale.Loc) templ.Component {
			b := booking(l)
			known := banner(l)
			b.Banner, b.Move = &known, true
			b.Times.Free, b.Times.None = nil, l.T("appointment.full")
			b.Errors = ui.Errors{{Text: l.T("error.slot.taken")}, {Name: "time", Text: l.T("error.time.missing")}}
			return page.BookingPage(b)
		}},
		{"follow-ups", func(l *locale.Loc) templ.Component {
			f := page.FollowUps{Shell: desk(l, "/appointments", l.T("doctor.due")), Base: base, Views: calendar(l).Views, Doctors: calendar(l).Doctors, Shown: l.N("follow_up.shown", 3)}
			for i, x := range people() {
				row := page.FollowUpRow{Person: x.view(l), Doctor: x.doctor, Due: l.Date(now), Late: i == 0, Posts: []ui.Post{{Action: base.At("/follow-ups/1/close"), Button: ui.Button{Label: l.T("follow_up.done"), Spoken: x.view(l).Name, Small: true}}}}
				if i == 1 {
					row.Booked, row.Href = l.DateTime(now), base.Appointment("7", "")
				} else {
					row.Links = []ui.Button{{Label: l.T("appointment.book_short"), Spoken: x.view(l).Name, Href: base.At("/appointments/new"), Small: true}}
				}
				f.Rows = append(f.Rows, row)
			}
			return page.FollowUpsPage(f)
		}},
		{"schedule", func(l *locale.Loc) templ.Component {
			return page.SchedulePage(page.Schedule{Shell: shell(l, access.Doctor, "M. Kulkarni", "/appointments", l.T("schedule.title", "Name", "M. Kulkarni")), Base: base, Doctor: "1", Edit: true,
				Week: base.At("/appointments/week"), Notices: []ui.Notice{{Kind: "wait", Text: l.N("schedule.booked", 2)}},
				Hours:  []page.ScheduleDay{{Key: "hours_mon", Label: l.WeekdayName(1), Value: "09:00-13:00"}, {Key: "hours_tue", Label: l.WeekdayName(2), Value: "9 to 5"}},
				Errors: ui.Errors{{Name: "hours_tue", Text: l.T("error.hours")}},
				Leaves: []page.LeaveRow{{When: l.Date(now), Reason: "Conference", End: &ui.Post{Action: base.At("/leaves/1/end"), Button: ui.Button{Label: l.T("schedule.end"), Spoken: l.Date(now), Small: true}}}},
				Leave:  &page.LeaveForm{Once: "x", Errors: ui.Errors{{Name: "from", Text: l.T("error.required")}}}})
		}},
	}
}

func calendar(l *locale.Loc) page.Appointments {
	tab := func(label string, current bool) ui.Tab {
		return ui.Tab{Label: label, Href: base.At("/appointments"), Current: current, NoCount: true}
	}
	c := page.Appointments{Shell: desk(l, "/appointments", l.T("nav.appointments")), Base: base, When: l.Date(now), Path: "/appointments", Day: "23/11/2026",
		Views:   []ui.Tab{tab(l.T("visits.day"), true), tab(l.T("appointment.week"), false), tab(l.T("doctor.due"), false)},
		Doctors: []ui.Tab{tab(l.T("filter.all"), true), tab("M. Kulkarni", false), tab("S. Joshi", false)},
		Before:  base.At("/appointments?day=22"), After: base.At("/appointments?day=24"), Today: base.At("/appointments"), Book: base.At("/appointments/new")}
	for i, name := range []string{"M. Kulkarni", "S. Joshi"} {
		col := page.SlotColumn{ID: string(rune('0' + i)), Title: name, Local: mr("कुलकर्णी"), Href: base.At("/appointments/week"), Sub: l.N("appointment.free", 2)}
		for k, x := range people() {
			e := page.SlotEntry{Time: l.Time(now), Href: base.Appointment("7", ""), Person: x.view(l), Status: []ui.Status{ui.Booked, ui.Arrived, ui.NoShow}[k%3]}
			if k == 3 {
				e.CheckIn = &ui.Post{Action: base.Appointment("7", "check-in"), Once: "x", Button: ui.Button{Label: l.T("action.check_in"), Spoken: x.view(l).Name, Small: true}}
			}
			col.Entries = append(col.Entries, e)
		}
		col.Entries = append(col.Entries, page.SlotEntry{Time: l.Time(now), Free: true, Href: base.At("/appointments/new"), Spoken: l.T("appointment.free_with", "Name", name, "Day", l.Date(now))},
			page.SlotEntry{Time: l.Time(now), Free: true})
		c.Columns = append(c.Columns, col)
	}
	return c
}

func booking(l *locale.Loc) page.Booking {
	b := page.Booking{Shell: desk(l, "/appointments", l.T("appointment.book")), Base: base, Action: base.At("/appointments/new"), Back: base.At("/appointments"), Once: "x", Day: "23/11/2026",
		Doctors: []ui.Option{{Value: "1", Label: "M. Kulkarni"}, {Value: "2", Label: "S. Joshi"}}, Kind: "routine", Kinds: page.VisitKinds(l)[:2],
		Times: page.BookingTimes{Title: l.T("appointment.free_on", "Day", l.Date(now)), Doctor: "1", Chosen: "a"}}
	for _, v := range []string{"a", "b", "c"} {
		b.Times.Free = append(b.Times.Free, ui.Option{Value: v, Label: l.Time(now)})
	}
	return b
}
