package gallery

import (
	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

const sampleLink = "https://clinics.example/clinic/northside/s/Zm9yIHRoZSBnYWxsZXJ5IG9ubHksIG9wZW5zIG5vdGhp"

func sharing() []sample {
	return []sample{
		{"share", func(l *locale.Loc) templ.Component { return page.SharesPage(shares(l)) }},
		{"share-made", func(l *locale.Loc) templ.Component {
			p := shares(l)
			p.Made = &page.ShareMade{Link: sampleLink, To: "+919000000112", Send: ui.Button{Label: l.T("share.sms"), Href: "sms:+919000000112"}}
			return page.SharesPage(p)
		}},
		{"share-refused", func(l *locale.Loc) templ.Component {
			p := shares(l)
			p.Rows, p.Form.Channel = nil, "email"
			p.Form.Errors = ui.Errors{{Name: "email", Text: l.T("error.email.invalid")}, {Name: "days", Text: l.T("error.choose")}}
			return page.SharesPage(p)
		}},
		{"share-none", func(l *locale.Loc) templ.Component {
			p := shares(l)
			p.Refused, p.Form, p.Rows = l.T("error.share.question"), nil, nil
			return page.SharesPage(p)
		}},
		{"share-ask", func(l *locale.Loc) templ.Component {
			return page.ShareAskPage(page.ShareAsk{Frame: outside(l, l.T("share.ask_title")), Action: "#", Wrong: l.N("share.wrong", 4)})
		}},
		{"share-over", func(l *locale.Loc) templ.Component {
			return page.ShareOverPage(outside(l, l.T("share.over_title")), l.T("share.over_locked"))
		}},
		{"shared", func(l *locale.Loc) templ.Component { return page.SharedPage(shared(l)) }},
	}
}

func outside(l *locale.Loc, title string) ui.Plain {
	return ui.Plain{Title: title, Clinic: desk(l, "", title).Clinic, Lang: &ui.Language{Action: "#", Back: "/"}}
}

func shares(l *locale.Loc) page.Shares {
	row := func(id, to, opened, note string, st ui.Flag, revocable bool) page.ShareRow {
		return page.ShareRow{ID: id, To: to, Made: l.DateTime(now) + " · S. Pawar", Until: l.DateTime(now.AddDate(0, 0, 7)), Opened: opened, Note: note, State: st, Revocable: revocable}
	}
	opened := row("1", "WhatsApp · +919000000112", l.N("share.opened", 2), "", ui.Flag{Kind: "done", Icon: "check", Text: l.T("share.open")}, true)
	opened.Last, opened.Files = l.DateTime(now)+" – "+l.DateTime(now.AddDate(0, 0, 1)), l.N("share.downloads", 1)
	return page.Shares{Shell: desk(l, "/patients", l.T("share.title")), Base: base, About: "RX-2026-00042 · Ramesh Patil · PT-2026-00112", Back: base.At("/prescriptions/42/print"),
		Form: &page.ShareForm{Action: base.At("/prescriptions/42/share"), Once: "x", Channel: "whatsapp", Phone: "+919000000112", Days: "7",
			Channels: []ui.Option{{Value: "whatsapp", Label: "WhatsApp"}, {Value: "sms", Label: "SMS"}, {Value: "email", Label: l.T("share.email")}, {Value: "copy", Label: l.T("share.copy")}},
			Terms:    []ui.Option{{Value: "1", Label: l.N("share.days", 1)}, {Value: "7", Label: l.N("share.days", 7)}}},
		Rows: []page.ShareRow{opened,
			row("2", l.T("share.email")+" · a-rather-long-address-of-somebody@patients.example", l.T("share.never"), l.T("share.mail_failed"), ui.Flag{Kind: "done", Icon: "check", Text: l.T("share.open")}, true),
			row("3", l.T("share.copied"), l.T("share.never"), l.T("share.locked_note"), ui.Flag{Kind: "stat", Icon: "triangle-alert", Text: l.T("share.locked")}, true),
			row("4", "SMS · +919000000112", l.T("share.never"), "", ui.Flag{Icon: "clock", Text: l.T("share.expired")}, false)}}
}

func shared(l *locale.Loc) page.Shared {
	three := func(a, b, c string) []page.SharedTime {
		return []page.SharedTime{{Label: l.T("share.morning"), Amount: a, None: a == "0"}, {Label: l.T("share.noon"), Amount: b, None: b == "0"}, {Label: l.T("share.night"), Amount: c, None: c == "0"}}
	}
	return page.Shared{Frame: outside(l, l.T("rx.number", "Number", "RX-2026-00042")), Number: "RX-2026-00042", When: l.DateTime(now), Name: "Ramesh Patil", Local: mr("रमेश पाटील"),
		By: page.SexAge(l, "male", now.AddDate(-61, -8, 0), now) + " · PT-2026-00112", Allergies: "Penicillin", Doctor: "Dr. M. Kulkarni", DoctorLine: "MBBS, MD", Clinic: "12 Karve Road, Pune 411004",
		Call: ui.Button{Label: l.T("share.call", "Phone", "+91 20 5550 1400"), Href: "tel:+912055501400"}, PDF: "#", Until: l.T("share.until", "Time", l.DateTime(now.AddDate(0, 0, 7))),
		Lines: []page.SharedLine{
			{Name: "Amlodipine 5 mg", Generic: l.T("form.tablet"), Times: three("1", "0", "½"), Food: l.T("food.after"), Days: l.N("share.for_days", 30)},
			{Name: "Salbutamol and ipratropium bromide 100 mcg", Generic: l.T("form.inhaler"), If: l.T("share.if_needed"), Note: "2 puffs, wait a minute between them"},
			{Name: "Cough syrup", Generic: l.T("form.syrup"), Times: append(three("1", "1", "1")[:2], page.SharedTime{Label: l.T("share.evening"), Amount: "1"}, page.SharedTime{Label: l.T("share.night"), Amount: "1½"}), Days: l.N("share.for_days", 5)}},
		Tests: []page.TestAsked{{Name: "Blood sugar, fasting", Stat: true, Note: "Before breakfast"}}, Advice: "Less salt.\nWalk for half an hour.", Review: l.Date(now.AddDate(0, 0, 30)),
		Store: "Care Medical · Shop 2, Karve Road"}
}
