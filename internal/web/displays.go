package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
	"github.com/skip2/go-qrcode"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) displayRoutes() []httpx.Route {
	at := httpx.ClinicPath
	manage := func(method, path string, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: at + path, Gate: httpx.Capable, Capability: access.DisplayManage, Handler: h}
	}
	return []httpx.Route{
		manage(http.MethodGet, "/displays", s.displays),
		manage(http.MethodPost, "/displays", s.addDisplay),
		manage(http.MethodPost, "/displays/{id}/renew", s.renewDisplay),
		manage(http.MethodPost, "/displays/{id}/switch", s.switchDisplay),
		{Method: http.MethodGet, Path: at + "/display/{key}", Gate: httpx.Visitor, Handler: s.display},
		{Method: http.MethodGet, Path: at + "/display/{key}/events", Gate: httpx.Visitor, Stream: true, Handler: s.displayEvents},
		{Method: http.MethodGet, Path: at + "/place/{key}", Gate: httpx.Visitor, Handler: s.place},
		{Method: http.MethodGet, Path: at + "/place/{key}/qr.png", Gate: httpx.Visitor, Handler: s.linkQR},
	}
}

func (s *Site) displays(w http.ResponseWriter, r *http.Request) error {
	return s.showDisplays(w, r, http.StatusOK, nil)
}

// showDisplays draws the list; errs belong to the form for a new screen.
func (s *Site) showDisplays(w http.ResponseWriter, r *http.Request, status int, errs ui.Errors) error {
	screens, lines, err := s.Visits.Screens(r.Context())
	if err != nil {
		return err
	}
	loads, err := s.Visits.Lines(r.Context())
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	p := page.Displays{Shell: s.shell(r, "/displays", l.T("nav.displays")), Base: at, Once: once(), Errors: errs}
	if len(errs) > 0 {
		p.Shell.Failed, p.Name, p.Chosen = true, r.PostFormValue("name"), r.PostForm["lines"]
	}
	names := map[uuid.UUID]string{}
	for _, line := range lines {
		names[line.ID] = line.Name
		p.Lines = append(p.Lines, ui.Option{Value: line.ID.String(), Label: place(l, line)})
	}
	for _, x := range loads {
		p.Tokens = append(p.Tokens, ui.Stat{Value: l.Num(x.Waiting), Label: x.Name, Context: l.Minutes(x.Wait), Href: at.Query("/queue", "doctor", x.ID.String())})
	}
	for _, sc := range screens {
		row := page.DisplayRow{ID: sc.ID.String(), Name: sc.Name, Version: strconv.Itoa(int(sc.Version)), Status: ui.Active}
		if row.Off = !sc.Active; row.Off {
			row.Status = ui.Inactive
		} else {
			row.Link = s.origin(r) + at.At("/display/"+sc.Key)
		}
		shown := []string{}
		for _, id := range sc.Lines {
			shown = append(shown, names[id])
		}
		if row.Lines = strings.Join(shown, ", "); row.Lines == "" {
			row.Lines = l.T("filter.all")
		}
		p.Rows = append(p.Rows, row)
	}
	return s.show(w, r, status, page.DisplaysPage(p))
}

// origin is the service's own address: the one that it was told, else as the
// browser knows it. What a browser says can be wrong behind a proxy, or a lie, and
// the address goes onto papers and into messages to others.
func (s *Site) origin(r *http.Request) string {
	if s.Origin != "" {
		return s.Origin
	}
	scheme := "http://"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https://"
	}
	return scheme + r.Host
}

func (s *Site) addDisplay(w http.ResponseWriter, r *http.Request) error {
	name := r.PostFormValue("name") // parses the form
	var lines []uuid.UUID
	for _, v := range r.PostForm["lines"] {
		if id, err := uuid.Parse(v); err == nil {
			lines = append(lines, id)
		}
	}
	err := s.Visits.AddScreen(r.Context(), formKey(r), name, lines)
	if apperr.Is(err, apperr.Invalid) {
		return s.showDisplays(w, r, http.StatusUnprocessableEntity, ui.ErrorsOf(s.words(r), err))
	}
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/displays"))
}

func (s *Site) renewDisplay(w http.ResponseWriter, r *http.Request) error {
	return s.changeDisplay(w, r, func(id uuid.UUID) error { return s.Visits.RevokeScreen(r.Context(), id, version(r)) })
}

func (s *Site) switchDisplay(w http.ResponseWriter, r *http.Request) error {
	return s.changeDisplay(w, r, func(id uuid.UUID) error {
		return s.Visits.SwitchScreen(r.Context(), id, version(r), r.PostFormValue("on") == "1")
	})
}

func (s *Site) changeDisplay(w http.ResponseWriter, r *http.Request, change func(uuid.UUID) error) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := change(id); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/displays"))
}

// place is a doctor or department with the room.
func place(l *locale.Loc, line visit.Line) string { return dots(line.Name, room(l, line)) }

// room is where a line is; a bare number is said to be one.
func room(l *locale.Loc, line visit.Line) string {
	if _, err := strconv.Atoi(line.Room); err == nil {
		return l.T("queue.room", "Room", line.Room)
	}
	return line.Room
}

// display is the waiting room's screen, or for its fallback the part that changes.
func (s *Site) display(w http.ResponseWriter, r *http.Request) error {
	info, key := httpx.From(r.Context()), mux.Vars(r)["key"]
	wall, err := s.Visits.Wall(r.Context(), info.Clinic, key)
	if err != nil {
		return err
	}
	board := s.tvBoard(r, wall)
	if httpx.Fragment(r) {
		return s.show(w, r, http.StatusOK, page.TVBoard(board))
	}
	at := base(r).At("/display/" + key)
	return s.show(w, r, http.StatusOK, page.DisplayPage(page.Display{
		Clinic: s.clinic(r), Board: board, Clock: board.Updated, Zone: info.Clinic.Zone.String(), Notice: wall.Notice,
		Events: at + "/events", Refresh: at, Chime: wall.Chime,
	}))
}

func (s *Site) tvBoard(r *http.Request, wall visit.Wall) page.DisplayBoard {
	l := s.words(r)
	out := page.DisplayBoard{Updated: l.Time(wall.Now)}
	for _, c := range wall.Cards {
		card := page.DisplayCard{Doctor: c.Line.Name, Room: room(l, c.Line), Token: c.Token, Called: c.Fresh, Call: c.Token + "/" + strconv.Itoa(c.Calls), Next: c.Next}
		if card.Token == "" {
			card.Token = "–"
		}
		if c.Fresh && wall.Chime {
			card.Say = l.T("display.say", "Token", spoken(c.Token), "Place", strings.ReplaceAll(place(l, c.Line), " · ", ", "))
		}
		out.Cards = append(out.Cards, card)
	}
	return out
}

// spoken is a token as a voice should say it: "A 15" and not "A minus zero one five".
func spoken(token string) string {
	prefix, number, ok := strings.Cut(token, "-")
	if !ok {
		return token
	}
	return prefix + " " + strings.TrimLeft(number, "0")
}

// place of a patient, behind the link of the slip.
func (s *Site) place(w http.ResponseWriter, r *http.Request) error {
	info, key := httpx.From(r.Context()), mux.Vars(r)["key"]
	p, err := s.Visits.Place(r.Context(), info.Clinic, key)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r).At("/place/"+key)
	line := page.PlaceLine{Refresh: at, Token: p.Token, Doctor: place(l, p.Line), Status: ui.Status(p.State), Over: p.Over,
		Called: p.State == visit.Called, Updated: l.T("display.updated", "Time", l.Time(p.Now))}
	if p.State == visit.Waiting {
		line.Wait = page.Ahead(l, p.Ahead, p.Wait)
	}
	if httpx.Fragment(r) {
		return s.show(w, r, http.StatusOK, page.PlaceNow(line))
	}
	return s.show(w, r, http.StatusOK, page.PlacePage(page.Place{Frame: s.plain(r, l.T("slip.title", "Token", p.Token)), Refresh: at, Line: line}))
}

// linkQR is the picture on a paper that leads to the page of a link. It is drawn
// for every key: it tells nothing that the asker didn't bring.
func (s *Site) linkQR(w http.ResponseWriter, r *http.Request) error {
	link := strings.TrimSuffix(r.URL.Path, "/qr.png")
	png, err := s.qrPicture(r, link)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Cache-Control", "private, max-age="+strconv.Itoa(int(time.Hour/time.Second)))
	_, err = w.Write(png)
	return err
}

// longestLink is the path of a link that a picture may hold; the service makes
// none that is longer.
const longestLink = 200

// qrPicture draws a link of the service.
func (s *Site) qrPicture(r *http.Request, link string) ([]byte, error) {
	if len(link) > longestLink {
		return nil, apperr.New(apperr.NotFound, "error.not_found", "This page does not exist")
	}
	return qrcode.Encode(s.origin(r)+link, qrcode.Medium, 192)
}
