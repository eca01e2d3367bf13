package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) visit(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	return s.showVisit(w, r, id, http.StatusOK, nil)
}

func (s *Site) showVisit(w http.ResponseWriter, r *http.Request, id uuid.UUID, status int, errs ui.Errors) error {
	v, err := s.Visits.Visit(r.Context(), id)
	if err != nil {
		return err
	}
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	number := strconv.Itoa(int(v.Version))
	// Whoever may not see allergies is not told that there are none.
	banner, err := s.documentBanner(r, v.Patient)
	if err != nil {
		return err
	}
	banner.Token = v.Token
	p := page.Visit{Shell: s.shell(r, "/queue", l.T("slip.title", "Token", v.Token), ui.Crumb{Label: l.T("queue.title"), Href: at.At("/queue")}), Base: at, ID: id.String(),
		Banner: banner, Token: s.tokenCard(r, v.Row), Errors: errs}
	p.Shell.Failed = len(errs) > 0
	if info.Can(access.ConsultationView) {
		p.Token.Links = append(p.Token.Links, ui.Button{Label: l.T("consultation.one"), Href: at.Visit(id.String(), "consultation"), Icon: "stethoscope"})
	}
	if info.Can(access.VitalsRecord) && v.State.Open() {
		p.Token.Links = append(p.Token.Links, ui.Button{Label: l.T("vitals.title"), Href: at.Visit(id.String(), "vitals"), Icon: "activity"})
	}
	p.Facts = []ui.Fact{
		{Label: l.T("visits.day"), Value: l.Day(v.Day)}, {Label: l.T("visit.kind"), Value: page.VisitKind(l, v.Kind)},
		{Label: l.T("checkin.doctor"), Value: place(l, v.Line)}, {Label: l.T("visit.purpose"), Value: v.Purpose.Reveal()},
		{Label: l.T("visit.note"), Value: v.Note}, {Label: l.T("visit.reason"), Value: v.Reason},
	}
	for i := len(v.Steps) - 1; i >= 0; i-- {
		p.Moves = append(p.Moves, stepEvent(l, v.Steps[i]))
	}
	if info.Can(access.QueueMove) && visit.MayGo(v.State, visit.Cancelled) {
		p.Cancel = &page.VisitCancel{Once: once(), Version: number, Reason: r.PostFormValue("reason")}
	}
	if info.Can(access.QueueArrange) && v.State.MayTransfer() {
		t := page.VisitTransfer{Once: once(), Version: number}
		for _, line := range v.Lines {
			if line.ID != v.Line.ID {
				t.Lines = append(t.Lines, ui.Option{Value: line.ID.String(), Label: place(l, line)})
			}
		}
		if len(t.Lines) > 0 {
			p.Transfer = &t
		}
	}
	return s.show(w, r, status, page.VisitPage(p))
}

// stepEvent is a move as the visit's history shows it.
func stepEvent(l *locale.Loc, st visit.Step) ui.Event {
	e := ui.Event{When: l.DateTime(st.At), Stamp: l.Stamp(st.At), Title: stateName(l, st.To)}
	if st.From == st.To && st.FromLine.ID != st.ToLine.ID {
		e.Title = l.T("visit.moved_line", "From", st.FromLine.Name, "To", st.ToLine.Name)
	}
	urgent := ""
	if st.Priority {
		urgent = l.T("status.urgent")
	}
	e.Gist = dots(st.Name, urgent, st.Reason)
	return e
}

func dots(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, " · ")
}

// tokenCard is a token with what the person may do with it now.
func (s *Site) tokenCard(r *http.Request, v visit.Row) ui.TokenCard {
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	card := ui.TokenCard{Token: v.Token, Line: place(l, v.Line), Now: v.State == visit.Called || v.State == visit.InConsultation, Urgent: v.Priority && v.State.Open(), Status: ui.Status(v.State)}
	if v.State == visit.Waiting || v.State == visit.Called {
		card.Wait = l.Minutes(v.Wait)
	}
	if info.Can(access.QueueMove) {
		if info.Can(access.ConsultationOwn) && v.Line.ID == info.Who.Actor.ID {
			card.Actions = s.myActions(r, v, "?page=visit", "")
		} else {
			card.Actions = s.actions(r, v, "?page=visit")
		}
	}
	if v.Token != "" {
		card.Links = append(card.Links, ui.Button{Label: l.T("action.print"), Href: at.Visit(v.ID.String(), "slip"), Icon: "printer"})
	}
	return card
}

// actions are the moves that will succeed from the visit's state, the likely
// one first.
func (s *Site) actions(r *http.Request, v visit.Row, query string) []ui.Post {
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	hidden := [][2]string{{"version", strconv.Itoa(int(v.Version))}}
	post := func(name string, label ui.Button, more ...[2]string) ui.Post {
		return ui.Post{Action: at.Visit(v.ID.String(), name) + query, Once: once(), Hidden: append(hidden[:1:1], more...), Button: label}
	}
	var out []ui.Post
	add := func(to visit.State, name string, b ui.Button) {
		if visit.MayGo(v.State, to) {
			if len(out) == 0 {
				b.Kind = "primary"
			}
			out = append(out, post(name, b))
		}
	}
	call := l.T("action.call")
	if v.State == visit.Called {
		add(visit.InConsultation, "start", ui.Button{Label: l.T("action.start"), Icon: "play"})
		call = l.T("action.recall")
	}
	add(visit.Called, "call", ui.Button{Label: call, Icon: "megaphone"})
	if v.State != visit.Called {
		add(visit.InConsultation, "start", ui.Button{Label: l.T("action.start"), Icon: "play"})
	}
	add(visit.Done, "finish", ui.Button{Label: l.T("action.finish"), Icon: "check"})
	add(visit.Waiting, "back", ui.Button{Label: l.T("action.send_back"), Icon: "undo"})
	add(visit.Skipped, "skip", ui.Button{Label: l.T("action.skip"), Icon: "skip-forward"})
	add(visit.NoShow, "no-show", ui.Button{Label: l.T("status.no_show"), Icon: "minus"})
	if info.Can(access.QueueArrange) && v.State == visit.Waiting {
		label, on := l.T("action.urgent"), "1"
		if v.Priority {
			label, on = l.T("action.not_urgent"), "0"
		}
		out = append(out, post("priority", ui.Button{Label: label}, [2]string{"on", on}))
	}
	if v.State == visit.Called || v.State == visit.InConsultation || v.State == visit.Skipped || v.State == visit.NoShow {
		out = append(out, post("undo", ui.Button{Label: l.T("action.undo"), Kind: "quiet"}))
	}
	return out
}

// myQueue is the doctor's own line.
func (s *Site) myQueue(w http.ResponseWriter, r *http.Request) error {
	if httpx.Fragment(r) {
		return s.myLine(w, r)
	}
	board, b, err := s.mine(r)
	if err != nil {
		return err
	}
	l, say := s.words(r), ""
	if id := r.URL.Query().Get("finished"); id != "" {
		for _, v := range b.Rows {
			if v.ID.String() == id {
				say = l.T("doctor.finished", "Token", v.Token, "Name", v.Patient.Name.Reveal())
			}
		}
		leadOn(&board)
	}
	return s.show(w, r, http.StatusOK, page.MyQueuePage(page.MyQueue{Say: say, Shell: s.shell(r, "/my-queue", l.T("nav.my_queue")), Base: base(r),
		Now: l.Weekday(b.Now) + " " + l.DateTime(b.Now), Events: base(r).At("/queue/events"), Board: board}))
}

func (s *Site) myLine(w http.ResponseWriter, r *http.Request) error {
	board, _, err := s.mine(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page.MyQueueBoard(board))
}

// mine is the line of the doctor who asks.
func (s *Site) mine(r *http.Request) (page.MyBoard, visit.Board, error) {
	me := httpx.From(r.Context()).Who.Actor.ID
	b, err := s.Visits.Board(r.Context(), visit.Filter{Line: me})
	if err != nil {
		return page.MyBoard{}, b, err
	}
	l, at := s.words(r), base(r)
	day, err := s.dayPanels(r)
	if err != nil {
		return page.MyBoard{}, b, err
	}
	out := page.MyBoard{Base: at, Once: once(), Day: day, Rows: queueRows(l, b, true), Stats: []ui.Stat{
		{Value: l.Num(b.Total.Waiting), Label: l.T("status.waiting"), Context: l.T("queue.average", "Wait", l.Minutes(b.Total.AverageWait))},
		{Value: l.Num(b.Total.Called), Label: l.T("status.called")}, {Value: l.Num(b.Total.Consulting), Label: l.T("status.in_consultation")},
		{Value: l.Num(b.Total.Done), Label: l.T("status.done"), Context: l.T("queue.of_today", "N", l.Num(b.Total.All))},
	}}
	for _, v := range b.Rows {
		mine := page.MyPatient{Card: s.tokenCard(r, v), Patient: person(l, v.Patient, b.Day), Purpose: v.Purpose.Reveal(), Allergies: v.Allergies.Reveal(), NoneKnown: v.NoneKnown}
		mine.Card.Actions = s.myActions(r, v, "?mine=1", "#board")
		begin(l, at, &out, v)
		switch inside := v.State == visit.InConsultation || v.State == visit.Called; {
		case inside && out.Current == nil:
			out.Current = &mine
		case v.State == visit.Waiting && out.Next == nil:
			mine.Card.Actions = append([]ui.Post{{Action: at.At("/queue/next?mine=1"), Once: once(), Target: "#board", Hidden: [][2]string{{"line", me.String()}},
				Button: ui.Button{Label: l.T("action.call_next"), Kind: "primary", Icon: "megaphone", Key: "N", Hot: "n"}}}, mine.Card.Actions...)
			for i := range mine.Card.Actions[1:] {
				mine.Card.Actions[i+1].Button.Kind = ""
			}
			out.Next = &mine
		}
	}
	for _, card := range []*page.MyPatient{out.Current, out.Next} {
		if card != nil && hotBegin(card) {
			break
		}
	}
	return out, b, nil
}

// leadOn puts the focus on what comes after a finished consultation: the next
// patient is one key away.
func leadOn(b *page.MyBoard) {
	card := b.Next
	if b.Current != nil {
		card = b.Current
	}
	if card != nil && len(card.Card.Actions) > 0 {
		card.Card.Actions[0].Button.Attrs = map[string]any{"data-focus": ""}
	}
}

// hotBegin gives a card's way into the consultation its key.
func hotBegin(p *page.MyPatient) bool {
	for i := range p.Card.Actions {
		if b := &p.Card.Actions[i]; strings.HasSuffix(b.Action, "/consultation/begin") {
			b.Button.Key, b.Button.Hot = "S", "s"
			return true
		}
	}
	return false
}

// begin gives the doctor's own row the way into the consultation.
func begin(l *locale.Loc, at page.Base, b *page.MyBoard, v visit.Row) {
	for i := range b.Rows {
		if b.Rows[i].VisitID == v.ID.String() && (v.State == visit.InConsultation || visit.MayGo(v.State, visit.InConsultation)) {
			b.Rows[i].Begin, b.Rows[i].BeginAs = at.Visit(v.ID.String(), "consultation/begin"), beginLabel(l, v.State)
		}
	}
}

func beginLabel(l *locale.Loc, st visit.State) string {
	if st == visit.InConsultation {
		return l.T("consultation.go_on")
	}
	return l.T("action.start")
}

// myActions are the moves of a doctor's own patient; what starts or finishes
// leads into the consultation, which alone closes the visit with its notes.
func (s *Site) myActions(r *http.Request, v visit.Row, query, target string) []ui.Post {
	l, at := s.words(r), base(r)
	all := s.actions(r, v, query)
	out := all[:0]
	for _, a := range all {
		switch a.Action {
		case at.Visit(v.ID.String(), "finish") + query, at.Visit(v.ID.String(), "start") + query:
			a = ui.Post{Action: at.Visit(v.ID.String(), "consultation/begin"), Once: a.Once, Hidden: a.Hidden,
				Button: ui.Button{Label: beginLabel(l, v.State), Icon: "stethoscope", Kind: a.Button.Kind}}
		default:
			a.Target = target
		}
		out = append(out, a)
	}
	return out
}
