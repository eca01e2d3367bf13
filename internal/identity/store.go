package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/gorilla/sessions"

	"github.com/cloister-health/cloister/tenants"
)

// CookieName is the cookie of a clinic's session. Its path is the clinic's, so
// that a browser keeps one for each clinic and sends none to another.
const CookieName = "cloister"

// Store keeps sessions in the clinic's schema for gorilla/sessions. The cookie
// holds a random token, the database its SHA-256; both say nothing by
// themselves.
type Store struct {
	s      *Service
	secure bool
}

var _ sessions.Store = (*Store)(nil)

// Get gives the request's session, found once a request.
func (st *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(st, name)
}

// New looks the cookie's token up in the clinic of the request's scope. Like
// every store's New it never gives nil.
func (st *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	ses := sessions.NewSession(st, name)
	ses.IsNew = true
	ses.Options = st.options("/")
	sc, ok := tenants.ScopeFrom(r.Context())
	if !ok || sc.Clinic == nil {
		return ses, nil
	}
	ses.Options = st.options(ClinicPath(sc.Clinic.Slug))
	for _, hash := range tokensOf(r, name) {
		found, ok, err := st.s.find(r.Context(), sc, hash)
		if err != nil {
			return ses, err
		}
		if ok {
			ses.ID, ses.IsNew = found.ID.String(), false
			ses.Values[sessionKey{}] = found
			break
		}
	}
	return ses, nil
}

// Save writes the cookie of a session that SignIn began, or takes the cookie
// away when MaxAge is negative.
func (st *Store) Save(_ *http.Request, w http.ResponseWriter, ses *sessions.Session) error {
	if ses.Options.MaxAge < 0 {
		http.SetCookie(w, sessions.NewCookie(ses.Name(), "", ses.Options))
		return nil
	}
	token, ok := ses.Values[tokenKey{}].(Secret)
	if !ok {
		return errors.New("identity: only a sign-in begins a session")
	}
	http.SetCookie(w, sessions.NewCookie(ses.Name(), token.encoded(), ses.Options))
	return nil
}

type tokenKey struct{}

// Secret is a session's token; it doesn't print.
type Secret [tokenSize]byte

// String hides the token.
func (Secret) String() string { return "[hidden]" }

// GoString hides the token.
func (Secret) GoString() string { return "[hidden]" }

func (t Secret) encoded() string { return base64.RawURLEncoding.EncodeToString(t[:]) }

// options are the cookie's: no age, since the session's end is the database's
// to say and a closed browser is a signed-out one.
func (st *Store) options(path string) *sessions.Options {
	return &sessions.Options{Path: path, HttpOnly: true, Secure: st.secure, SameSite: http.SameSiteLaxMode}
}

// ClinicPath is where a clinic's pages and cookies lie.
func ClinicPath(slug string) string { return "/clinic/" + slug }

// maxCookies bounds the cookies of one name that are looked at: a neighbour on
// the same domain could send any number.
const maxCookies = 3

// tokensOf gives the hashes of the tokens that a request brings.
func tokensOf(r *http.Request, name string) [][sha256.Size]byte {
	var out [][sha256.Size]byte
	for _, c := range r.CookiesNamed(name) {
		b, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
		if err != nil || len(b) != tokenSize {
			continue
		}
		if out = append(out, sha256.Sum256(b)); len(out) == maxCookies {
			break
		}
	}
	return out
}

// Begin puts the cookie of a session that SignIn began into the answer.
func (s *Service) Begin(w http.ResponseWriter, r *http.Request, clinic *tenants.Clinic, in SignedIn) error {
	ses := s.cookie(clinic)
	ses.Values[tokenKey{}] = in.token
	return ses.Save(r, w)
}

// Forget takes the session's cookie away.
func (s *Service) Forget(w http.ResponseWriter, r *http.Request, clinic *tenants.Clinic) error {
	ses := s.cookie(clinic)
	ses.Options.MaxAge = -1
	return ses.Save(r, w)
}

func (s *Service) cookie(clinic *tenants.Clinic) *sessions.Session {
	ses := sessions.NewSession(s.store, CookieName)
	ses.Options = s.store.options(ClinicPath(clinic.Slug))
	return ses
}
