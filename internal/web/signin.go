package web

import (
	"errors"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) signInRoutes() []httpx.Route {
	return []httpx.Route{
		{Method: http.MethodGet, Path: httpx.ClinicPath + "/login", Gate: httpx.Visitor, Closed: true, Handler: s.signIn},
		{Method: http.MethodPost, Path: httpx.ClinicPath + "/login", Gate: httpx.Visitor, Closed: true, Strict: true, Handler: s.signInPost},
		{Method: http.MethodPost, Path: httpx.ClinicPath + "/logout", Gate: httpx.Visitor, Closed: true, Handler: s.signOut},
		{Method: http.MethodGet, Path: httpx.ClinicPath + "/forgot", Gate: httpx.Visitor, Closed: true, Handler: s.forgot},
		{Method: http.MethodPost, Path: httpx.ClinicPath + "/forgot", Gate: httpx.Visitor, Closed: true, Strict: true, Handler: s.forgotPost},
		{Method: http.MethodGet, Path: httpx.ClinicPath + "/password/{token}", Gate: httpx.Visitor, Closed: true, Strict: true, Handler: s.setPassword},
		{Method: http.MethodPost, Path: httpx.ClinicPath + "/password/{token}", Gate: httpx.Visitor, Closed: true, Strict: true, Handler: s.setPasswordPost},
		{Method: http.MethodGet, Path: "/platform/login", Gate: httpx.Public, Handler: s.operatorSignIn},
		{Method: http.MethodPost, Path: "/platform/login", Gate: httpx.Public, Strict: true, Handler: s.operatorSignInPost},
		{Method: http.MethodPost, Path: "/platform/logout", Gate: httpx.Public, Handler: s.operatorSignOut},
	}
}

// atDoor is the request of somebody at the clinic's door.
func atDoor(r *http.Request) *http.Request {
	info := httpx.From(r.Context())
	return r.WithContext(identity.AtDoor(r.Context(), info.Clinic, info.RequestID, info.Address))
}

// formError gives what a form shows of an error, with the status of the page;
// an error that no form can show comes back as it is.
func (s *Site) formError(r *http.Request, err error, also ...apperr.Code) (ui.Errors, int, error) {
	var e *apperr.Error
	if errors.As(err, &e) {
		for _, c := range append(also, apperr.Invalid, apperr.Conflict, apperr.Quota) {
			if e.Code == c {
				return ui.ErrorsOf(s.words(r), err), httpx.Status(e.Code), nil
			}
		}
	}
	return nil, 0, err
}

func (s *Site) signInPage(r *http.Request) page.SignIn {
	b := base(r)
	return page.SignIn{Plain: s.plain(r, s.words(r).T("signin.title")), Action: b.At("/login"), Forgot: b.At("/forgot"),
		Next: httpx.SafeNext(r.FormValue("next"), string(b)), Once: once()}
}

// ended tells somebody whose browser brings a session that lives no longer why
// they are asked to sign in.
func (s *Site) ended(r *http.Request, name string) ui.Notice {
	if c, err := r.Cookie(name); err != nil || c.Value == "" {
		return ui.Notice{}
	}
	return ui.Notice{Kind: "info", Text: s.words(r).T("signin.ended")}
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) error {
	if httpx.From(r.Context()).Who != nil {
		return httpx.Redirect(w, r, httpx.SafeNext(r.FormValue("next"), string(base(r))))
	}
	p := s.signInPage(r)
	p.Notice = s.ended(r, identity.CookieName)
	return s.show(w, r, http.StatusOK, page.SignInPage(p))
}

func (s *Site) signInPost(w http.ResponseWriter, r *http.Request) error {
	clinic := httpx.From(r.Context()).Clinic
	door := atDoor(r)
	in, err := s.People.SignIn(door.Context(), identity.Credentials{Login: r.PostFormValue("username"), Password: r.PostFormValue("password"), Agent: r.UserAgent()})
	if err != nil {
		bad, status, err := s.formError(r, err, apperr.Unauthenticated, apperr.Throttled, apperr.Forbidden)
		if err != nil {
			return err
		}
		p := s.signInPage(r)
		p.Username, p.Errors, p.Plain.Failed = r.PostFormValue("username"), bad, true
		return s.show(w, r, status, page.SignInPage(p))
	}
	if err := s.People.Begin(w, door, clinic, in); err != nil {
		return err
	}
	return httpx.Redirect(w, r, httpx.SafeNext(r.PostFormValue("next"), string(base(r))))
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) error {
	info := httpx.From(r.Context())
	if info.Who != nil {
		if err := s.People.SignOut(r.Context()); err != nil {
			return err
		}
	}
	if err := s.People.Forget(w, r, info.Clinic); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/login"))
}

func (s *Site) forgotPage(r *http.Request) page.Forgot {
	b := base(r)
	return page.Forgot{Plain: s.plain(r, s.words(r).T("forgot.title")), Action: b.At("/forgot"), Back: b.At("/login"), Once: once()}
}

func (s *Site) forgot(w http.ResponseWriter, r *http.Request) error {
	return s.show(w, r, http.StatusOK, page.ForgotPage(s.forgotPage(r)))
}

func (s *Site) forgotPost(w http.ResponseWriter, r *http.Request) error {
	p := s.forgotPage(r)
	if err := s.People.Forgot(atDoor(r).Context(), r.PostFormValue("username")); err != nil {
		bad, status, err := s.formError(r, err, apperr.Throttled)
		if err != nil {
			return err
		}
		p.Errors, p.Username, p.Plain.Failed = bad, r.PostFormValue("username"), true
		return s.show(w, r, status, page.ForgotPage(p))
	}
	p.Sent = true
	return s.show(w, r, http.StatusOK, page.ForgotPage(p))
}

func (s *Site) passwordPage(r *http.Request, l identity.OpenLink) page.SetPassword {
	words := s.words(r)
	title := words.T("password.reset")
	if l.Kind == identity.KindInvite {
		title = words.T("password.welcome", "Name", l.Name)
	}
	return page.SetPassword{Plain: s.plain(r, title), Action: base(r).At("/password/" + mux.Vars(r)["token"]), Invited: l.Kind == identity.KindInvite,
		Name: l.Name, Role: page.RoleName(words, l.Role), User: l.Username, Once: once()}
}

func (s *Site) setPassword(w http.ResponseWriter, r *http.Request) error {
	l, err := s.People.Link(atDoor(r).Context(), mux.Vars(r)["token"])
	if err != nil {
		return s.linkGone(w, r, err)
	}
	return s.show(w, r, http.StatusOK, page.SetPasswordPage(s.passwordPage(r, l)))
}

func (s *Site) setPasswordPost(w http.ResponseWriter, r *http.Request) error {
	door := atDoor(r)
	token := mux.Vars(r)["token"]
	pw := r.PostFormValue("password")
	l, gone := s.People.Link(door.Context(), token)
	if gone == nil {
		err := s.People.UseLink(door.Context(), token, pw, r.PostFormValue("again"))
		bad, status, err := s.formError(r, err)
		if bad != nil {
			p := s.passwordPage(r, l)
			p.Errors, p.Plain.Failed = bad, true
			return s.show(w, r, status, page.SetPasswordPage(p))
		}
		gone = err
	}
	if gone != nil && !apperr.Is(gone, apperr.NotFound) {
		return gone
	}
	// The password is theirs now; sign in with it, so that nobody types it twice.
	// A form that came twice finds its link used, and the password that it set.
	in, err := s.People.SignInByLink(door.Context(), token, identity.Credentials{Password: pw, Agent: r.UserAgent()})
	switch {
	case err != nil && gone != nil:
		return s.linkGone(w, r, gone)
	case err != nil:
		return httpx.Redirect(w, r, base(r).At("/login"))
	}
	if err := s.People.Begin(w, door, httpx.From(r.Context()).Clinic, in); err != nil {
		return err
	}
	return httpx.Redirect(w, r, string(base(r)))
}

// linkGone answers a link that doesn't open: the same page for one that was
// used, has ended, was replaced, or never was.
func (s *Site) linkGone(w http.ResponseWriter, r *http.Request, err error) error {
	if !apperr.Is(err, apperr.NotFound) {
		return err
	}
	b := base(r)
	p := page.LinkGone{Plain: s.plain(r, s.words(r).T("link.title")), SignIn: b.At("/login"), Forgot: b.At("/forgot")}
	p.Plain.Lang.Back = b.At("/login") // the link's own address would only end here again
	return s.show(w, r, http.StatusGone, page.LinkGonePage(p))
}

func (s *Site) operatorPage(r *http.Request) page.SignIn {
	return page.SignIn{Plain: s.plain(r, s.words(r).T("signin.operator")), Action: "/platform/login", Operator: true,
		Next: httpx.SafeNext(r.FormValue("next"), "/platform/clinics"), Once: once()}
}

func (s *Site) operatorSignIn(w http.ResponseWriter, r *http.Request) error {
	if httpx.From(r.Context()).Who != nil {
		return httpx.Redirect(w, r, httpx.SafeNext(r.FormValue("next"), consolePath))
	}
	p := s.operatorPage(r)
	p.Notice = s.ended(r, identity.OperatorCookie)
	return s.show(w, r, http.StatusOK, page.SignInPage(p))
}

func (s *Site) operatorSignInPost(w http.ResponseWriter, r *http.Request) error {
	info := httpx.From(r.Context())
	ctx := identity.AtDoor(r.Context(), nil, info.RequestID, info.Address)
	o, err := s.People.SignInOperator(ctx, identity.Credentials{Login: r.PostFormValue("username"), Password: r.PostFormValue("password"), Agent: r.UserAgent()})
	if err != nil {
		bad, status, err := s.formError(r, err, apperr.Unauthenticated, apperr.Throttled)
		if err != nil {
			return err
		}
		p := s.operatorPage(r)
		p.Username, p.Errors, p.Plain.Failed = r.PostFormValue("username"), bad, true
		return s.show(w, r, status, page.SignInPage(p))
	}
	s.People.BeginOperator(w, o)
	return httpx.Redirect(w, r, httpx.SafeNext(r.PostFormValue("next"), "/platform/clinics"))
}

func (s *Site) operatorSignOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.People.SignOutOperator(w, r); err != nil && apperr.CodeOf(err) != apperr.Unauthenticated {
		return err
	}
	return httpx.Redirect(w, r, "/platform/login")
}
