package httpx

import (
	"net/http"

	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/tenants"
)

// Sessions finds a clinic's signed-in person for the frame.
func Sessions(s *identity.Service) func(http.ResponseWriter, *http.Request, *tenants.Clinic) (*Who, error) {
	return func(_ http.ResponseWriter, r *http.Request, c *tenants.Clinic) (*Who, error) {
		info := From(r.Context())
		sc := tenants.Scope{Clinic: c, RequestID: info.RequestID, Address: info.Address}
		ses, ok, err := s.Enter(r, sc)
		if err != nil || !ok {
			return nil, err
		}
		return &Who{Actor: ses.In(sc).Actor, Session: ses.ID, Deadline: ses.EndsAt(), Lang: ses.Language,
			Theme: ses.Theme, Density: ses.Density, NoKeys: !ses.SingleKeys}, nil
	}
}

// Operators finds the signed-in operator of the platform for the frame.
func Operators(s *identity.Service) func(http.ResponseWriter, *http.Request) (*Who, error) {
	return func(_ http.ResponseWriter, r *http.Request) (*Who, error) {
		info := From(r.Context())
		sc := tenants.Scope{RequestID: info.RequestID, Address: info.Address}
		o, ok, err := s.EnterPlatform(r, sc)
		if err != nil || !ok {
			return nil, err
		}
		return &Who{Actor: o.In(sc).Actor, Session: o.ID, Deadline: o.EndsAt(), Lang: o.Language, Theme: o.Theme}, nil
	}
}
