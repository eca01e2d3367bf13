package web

import (
	"net/http"
	"strings"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) accountRoutes() []httpx.Route {
	at := httpx.ClinicPath + "/account"
	return []httpx.Route{
		{Method: http.MethodGet, Path: at, Gate: httpx.Member, Handler: s.account},
		{Method: http.MethodPost, Path: at, Gate: httpx.Member, Handler: s.accountPost},
		{Method: http.MethodPost, Path: at + "/password", Gate: httpx.Member, Strict: true, Handler: s.passwordPost},
		{Method: http.MethodGet, Path: at + "/sessions", Gate: httpx.Member, Handler: s.sessions},
		{Method: http.MethodPost, Path: at + "/sessions/end-others", Gate: httpx.Member, Handler: s.sessionsEndOthers},
		{Method: http.MethodPost, Path: at + "/sessions/{id}/end", Gate: httpx.Member, Handler: s.sessionEnd},
	}
}

// done is the notice of what the form before this page did; it comes back by
// the address, so that it survives the redirect and says nothing of anybody.
func (s *Site) done(r *http.Request) ui.Notice {
	l := s.words(r)
	switch r.URL.Query().Get("done") {
	case "saved":
		return ui.Notice{Kind: "done", Text: l.T("done.saved")}
	case "password":
		return ui.Notice{Kind: "done", Text: l.T("done.password")}
	case "invited":
		return ui.Notice{Kind: "done", Text: l.T("done.invited")}
	case "link":
		return ui.Notice{Kind: "done", Text: l.T("done.link")}
	case "ended":
		return ui.Notice{Kind: "done", Text: l.T("done.ended")}
	case "restored":
		return ui.Notice{Kind: "done", Text: l.T("done.restored")}
	}
	return ui.Notice{}
}

func (s *Site) accountPage(r *http.Request) (page.Account, error) {
	info, l := httpx.From(r.Context()), s.words(r)
	who := info.Who
	login, err := s.People.Login(r.Context())
	if err != nil {
		return page.Account{}, err
	}
	p := page.Account{Shell: s.shell(r, "", l.T("account.title")), Base: base(r), Once: once(), PasswordOnce: once(), Say: s.done(r),
		Facts:    []ui.Fact{{Label: l.T("staff.name"), Value: who.Actor.Name}, {Label: l.T("staff.username"), Value: login.Username}},
		Language: who.Lang, Theme: fallback(who.Theme, "auto"), Density: fallback(who.Density, "compact"), Keys: !who.NoKeys}
	if login.Email != "" && login.Email != login.Username {
		p.Facts = append(p.Facts, ui.Fact{Label: l.T("patient.email"), Value: login.Email})
	}
	p.Facts = append(p.Facts, ui.Fact{Label: l.T("staff.role"), Value: page.RoleName(l, who.Actor.Role)}, ui.Fact{Label: l.T("clinics.clinic"), Value: info.Clinic.Name})
	return p, nil
}

func fallback(v, or string) string {
	if v == "" {
		return or
	}
	return v
}

func (s *Site) account(w http.ResponseWriter, r *http.Request) error {
	p, err := s.accountPage(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page.AccountPage(p))
}

func (s *Site) accountPost(w http.ResponseWriter, r *http.Request) error {
	in := identity.Preferences{Language: text(r, "language"), Theme: text(r, "theme"), Density: text(r, "density"), SingleKeys: r.PostFormValue("single_keys") != ""}
	if err := s.People.SetPreferences(r.Context(), in); err != nil {
		bad, status, err := s.formError(r, err)
		if err != nil {
			return err
		}
		p, err := s.accountPage(r)
		if err != nil {
			return err
		}
		p.Errors, p.Shell.Failed = bad, true
		p.Language, p.Theme, p.Density, p.Keys = in.Language, in.Theme, in.Density, in.SingleKeys
		return s.show(w, r, status, page.AccountPage(p))
	}
	return httpx.Redirect(w, r, base(r).Query("/account", "done", "saved"))
}

func (s *Site) passwordPost(w http.ResponseWriter, r *http.Request) error {
	in, err := s.People.ChangePassword(r.Context(), identity.NewPassword{Key: formKey(r), Current: r.PostFormValue("current"), Password: r.PostFormValue("password"),
		Again: r.PostFormValue("again"), Agent: r.UserAgent()})
	if err != nil {
		bad, status, err := s.formError(r, err, apperr.Throttled)
		if err != nil {
			return err
		}
		p, err := s.accountPage(r)
		if err != nil {
			return err
		}
		p.Password, p.Shell.Failed = bad, true
		return s.show(w, r, status, page.AccountPage(p))
	}
	if err := s.People.Begin(w, r, httpx.From(r.Context()).Clinic, in); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Query("/account", "done", "password"))
}

func (s *Site) sessions(w http.ResponseWriter, r *http.Request) error {
	l := s.words(r)
	list, err := s.People.Sessions(r.Context())
	if err != nil {
		return err
	}
	p := page.Sessions{Shell: s.shell(r, "", l.T("sessions.title"), ui.Crumb{Label: l.T("account.title"), Href: base(r).At("/account")}), Base: base(r), Once: once()}
	for _, x := range list {
		p.Rows = append(p.Rows, page.Session{ID: x.ID.String(), Device: device(l, x.Agent), Address: x.Address,
			Began: l.DateTime(x.CreatedAt), Seen: l.DateTime(x.LastSeenAt), Current: x.Current})
	}
	return s.show(w, r, http.StatusOK, page.SessionsPage(p))
}

func (s *Site) sessionEnd(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.People.Revoke(r.Context(), id); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/account/sessions"))
}

func (s *Site) sessionsEndOthers(w http.ResponseWriter, r *http.Request) error {
	if err := s.People.RevokeOthers(r.Context()); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/account/sessions"))
}

// device names a browser and its system, roughly: enough for a person to know
// their own. Browsers' strings name their ancestors too, so the order counts.
func device(l *locale.Loc, agent string) string {
	find := func(pairs [][2]string) string {
		for _, p := range pairs {
			if strings.Contains(agent, p[0]) {
				return p[1]
			}
		}
		return ""
	}
	browser := find([][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Firefox", "Firefox"}, {"Chrome", "Chrome"}, {"Safari", "Safari"}})
	system := find([][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS", "macOS"}, {"Linux", "Linux"}})
	switch {
	case browser == "" && system == "":
		return l.T("sessions.unknown")
	case browser == "":
		return system
	case system == "":
		return browser
	}
	return browser + ", " + system
}

// text is a field of the form that was sent, as Postgres can keep it: valid
// UTF-8 without zero bytes.
func text(r *http.Request, name string) string { return clean(r.PostFormValue(name)) }

// asked is a parameter of the address, cleaned in the same way.
func asked(r *http.Request, name string) string { return clean(r.URL.Query().Get(name)) }

func clean(v string) string { return strings.ReplaceAll(strings.ToValidUTF8(v, ""), "\x00", "") }
