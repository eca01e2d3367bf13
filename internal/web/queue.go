package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// moves are what can be done with a visit: the last part of the address, and
// the state that it leads to.
var moves = map[string]visit.State{
	"call": visit.Called, "start": visit.InConsultation, "finish": visit.Done, "skip": visit.Skipped, "no-show": visit.NoShow,
	"back": visit.Waiting, "cancel": visit.Cancelled,
}

func (s *Site) queueRoutes() []httpx.Route {
	at := httpx.ClinicPath
	rows := []httpx.Route{
		{Method: http.MethodGet, Path: at + "/queue", Gate: httpx.Capable, Capability: access.QueueView, Handler: s.queue},
		{Method: http.MethodGet, Path: at + "/queue/events", Gate: httpx.Capable, Capability: access.QueueView, Stream: true, Handler: s.queueEvents},
		{Method: http.MethodPost, Path: at + "/queue/next", Gate: httpx.Capable, Capability: access.QueueMove, Handler: s.callNext},
		{Method: http.MethodGet, Path: at + "/my-queue", Gate: httpx.Capable, Capability: access.ConsultationOwn, Handler: s.myQueue},
		{Method: http.MethodGet, Path: at + "/visits/{id}", Gate: httpx.Capable, Capability: access.QueueView, Handler: s.visit},
		{Method: http.MethodPost, Path: at + "/visits/{id}/transfer", Gate: httpx.Capable, Capability: access.QueueArrange, Handler: s.transfer},
		{Method: http.MethodPost, Path: at + "/visits/{id}/priority", Gate: httpx.Capable, Capability: access.QueueArrange, Handler: s.priority},
		{Method: http.MethodPost, Path: at + "/visits/{id}/undo", Gate: httpx.Capable, Capability: access.QueueMove, Handler: s.undo},
		{Method: http.MethodGet, Path: at + "/slips/last", Gate: httpx.Capable, Capability: access.CheckIn, Handler: s.lastSlip},
	}
	for name, to := range moves {
		rows = append(rows, httpx.Route{Method: http.MethodPost, Path: at + "/visits/{id}/" + name, Gate: httpx.Capable, Capability: access.QueueMove, Handler: s.moveTo(to)})
	}
	return rows
}

// queueFilter is the filter of the board as the address has it.
func queueFilter(q url.Values) (visit.Filter, string) {
	var f visit.Filter
	keep := url.Values{}
	if id, err := uuid.Parse(q.Get("doctor")); err == nil {
		f.Line = id
		keep.Set("doctor", id.String())
	}
	for _, st := range visit.States() {
		if q.Get("state") == string(st) {
			f.State = st
			keep.Set("state", string(st))
		}
	}
	if q.Get("all") != "" {
		keep.Set("all", "1")
	}
	if len(keep) == 0 {
		return f, ""
	}
	return f, "?" + keep.Encode()
}

// endedRows is how many of those who are done stay on the board with those who
// are not; the rest of a long day comes when it is asked for.
const endedRows = 12

// cut takes the rows beyond endedRows off the board, whose ended rows are last
// and newest first.
func cut(b visit.Board, f visit.Filter, query url.Values) (rows []visit.Row, left int) {
	if f.State != "" || query.Get("all") != "" {
		return b.Rows, 0
	}
	ended := 0
	for i, v := range b.Rows {
		if v.State.Open() {
			continue
		}
		if ended++; ended > endedRows {
			return b.Rows[:i], len(b.Rows) - i
		}
	}
	return b.Rows, 0
}

func (s *Site) queue(w http.ResponseWriter, r *http.Request) error {
	f, query := queueFilter(r.URL.Query())
	b, err := s.Visits.Board(r.Context(), f)
	if err != nil {
		return err
	}
	board := s.board(r, b, f, query)
	if httpx.Fragment(r) {
		return s.show(w, r, http.StatusOK, page.BoardAnswer(board, ""))
	}
	l, info := s.words(r), httpx.From(r.Context())
	p := page.Queue{Shell: s.shell(r, "/queue", l.T("queue.title")), Base: base(r), Now: l.Weekday(b.Now) + " " + l.DateTime(b.Now), Events: base(r).At("/queue/events"), Board: board}
	if info.Can(access.PatientRegister) && info.Can(access.CheckIn) {
		form := s.registerForm(r, b.Lines)
		p.Register = &form
	}
	if r.URL.Query().Get("slip") == "none" {
		p.Say = l.T("queue.no_slip")
	}
	return s.show(w, r, http.StatusOK, page.QueuePage(p))
}

// board is the queue ready to be drawn for the request's person.
func (s *Site) board(r *http.Request, b visit.Board, f visit.Filter, query string) page.Board {
	l, info, at := s.words(r), httpx.From(r.Context()), base(r)
	out := page.Board{Base: at, Query: query, Filter: query != "", Once: once(), CanAdd: info.Can(access.CheckIn)}
	out.Stats = page.QueueStats(l, at, page.Counts{Waiting: b.Total.Waiting, Called: b.Total.Called, Consulting: b.Total.Consulting, Done: b.Total.Done,
		Total: b.Total.All, AverageWait: b.Total.AverageWait, Doctors: b.Total.Doctors, DoctorsBusy: b.Total.DoctorsBusy}, string(f.State))
	whole := 0
	for _, n := range b.Total.PerLine {
		whole += n
	}
	out.Tabs = []ui.Tab{{Label: l.T("filter.all"), Count: whole, Href: at.At("/queue"), Current: f.Line == uuid.Nil && f.State == ""}}
	for _, line := range b.Lines {
		if n := b.Total.PerLine[line.ID]; n > 0 || !line.Department || line.ID == f.Line {
			out.Tabs = append(out.Tabs, ui.Tab{Label: line.Name, Count: n, Href: at.Query("/queue", "doctor", line.ID.String()), Current: line.ID == f.Line})
		}
	}
	b.Rows, out.Ended = cut(b, f, r.URL.Query())
	all := r.URL.Query()
	all.Set("all", "1")
	out.All = at.At("/queue") + "?" + all.Encode()
	out.Rows = queueRows(l, b, info.Can(access.QueueMove))
	return out
}

func queueRows(l *locale.Loc, b visit.Board, mayMove bool) []page.QueueRow {
	var out []page.QueueRow
	next := map[uuid.UUID]bool{}
	for _, v := range b.Rows {
		row := page.QueueRow{
			VisitID: v.ID.String(), Token: v.Token, Patient: person(l, v.Patient, b.Day), Doctor: v.Line.Name, Status: ui.Status(v.State), Urgent: v.Priority,
			Call: mayMove && (v.State == visit.Waiting || v.State == visit.Skipped), Version: strconv.Itoa(int(v.Version)),
		}
		if v.State.Open() {
			row.Wait = l.Minutes(v.Wait)
		}
		if v.State == visit.Waiting && !next[v.Line.ID] {
			next[v.Line.ID], row.Next = true, true
		}
		out = append(out, row)
	}
	return out
}

// person is a patient as rows and matches show one.
func person(l *locale.Loc, c patient.Card, today time.Time) page.Person {
	return page.Person{ID: c.ID.String(), Name: c.Name.Reveal(), Local: local(c.Local.Reveal()), SexAge: page.SexAge(l, c.Sex, c.Birth.On(), today), Number: c.Number, Phone: c.MaskedPhone()}
}

// today is the clinic's day.
func today(r *http.Request) time.Time {
	return patient.DayIn(time.Now(), httpx.From(r.Context()).Clinic.Zone)
}

func (s *Site) moveTo(to visit.State) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID(r, "id")
		if err != nil {
			return err
		}
		reason := r.PostFormValue("reason")
		if err := s.Visits.Move(r.Context(), id, version(r), to, reason); err != nil {
			return s.refusedMove(w, r, id, err)
		}
		return s.moved(w, r, id)
	}
}

// moved answers a move: the board it was asked from, else the page it came from.
func (s *Site) moved(w http.ResponseWriter, r *http.Request, id uuid.UUID) error {
	if r.URL.Query().Get("mine") != "" {
		if httpx.Fragment(r) {
			return s.myLine(w, r)
		}
		return httpx.Redirect(w, r, base(r).At("/my-queue"))
	}
	f, query := queueFilter(r.URL.Query())
	if !httpx.Fragment(r) {
		if r.URL.Query().Get("page") == "visit" {
			return httpx.Redirect(w, r, base(r).Visit(id.String(), ""))
		}
		return httpx.Redirect(w, r, base(r).At("/queue")+query)
	}
	b, err := s.Visits.Board(r.Context(), f)
	if err != nil {
		return err
	}
	say := ""
	for _, v := range b.Rows {
		if v.ID == id {
			say = s.words(r).T("queue.moved", "Token", v.Token, "State", stateName(s.words(r), v.State))
		}
	}
	return s.show(w, r, http.StatusOK, page.BoardAnswer(s.board(r, b, f, query), say))
}

func stateName(l *locale.Loc, st visit.State) string {
	return l.Text("status."+string(st), string(st), nil)
}

// refusedMove shows a form's problem on the visit's page; anything else is the
// frame's to answer.
func (s *Site) refusedMove(w http.ResponseWriter, r *http.Request, id uuid.UUID, err error) error {
	if !apperr.Is(err, apperr.Invalid) || httpx.Fragment(r) {
		return err
	}
	return s.showVisit(w, r, id, http.StatusUnprocessableEntity, ui.ErrorsOf(s.words(r), err))
}

func (s *Site) callNext(w http.ResponseWriter, r *http.Request) error {
	line, err := uuid.Parse(r.PostFormValue("line"))
	if err != nil {
		return apperr.New(apperr.NotFound, "error.not_found", "This page does not exist")
	}
	id, err := s.Visits.CallNext(r.Context(), formKey(r), line)
	if err != nil {
		return err
	}
	return s.moved(w, r, id)
}

func (s *Site) transfer(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	to, _ := uuid.Parse(r.PostFormValue("to")) // a wrong one is no line
	if err := s.Visits.Transfer(r.Context(), id, version(r), to, r.PostFormValue("reason")); err != nil {
		return s.refusedMove(w, r, id, err)
	}
	return httpx.Redirect(w, r, base(r).Visit(id.String(), ""))
}

func (s *Site) priority(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Visits.SetPriority(r.Context(), id, version(r), r.PostFormValue("on") == "1"); err != nil {
		return err
	}
	return s.moved(w, r, id)
}

func (s *Site) undo(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Visits.Undo(r.Context(), id, version(r)); err != nil {
		return err
	}
	return s.moved(w, r, id)
}
