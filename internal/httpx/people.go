package httpx

import (
	"net/http"

	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/tenants"
)

// People finds who signed in, for Options.
type People struct{ Identity *identity.Service }

// Session finds the person of a request at a clinic, nil for a visitor.
func (p People) Session(_ http.ResponseWriter, r *http.Request, c *tenants.Clinic) (*Who, error) {
	info := From(r.Context())
	ses, ok, err := p.Identity.Enter(r, tenants.Scope{Clinic: c, RequestID: info.RequestID, Address: info.Address})
	if err != nil || !ok {
		return nil, err
	}
	sc := ses.In(tenants.Scope{Clinic: c})
	return &Who{Actor: sc.Actor, Session: ses.ID, Deadline: ses.EndsAt(), Lang: ses.Language, Theme: ses.Theme, Density: ses.Density, NoKeys: !ses.SingleKeys}, nil
}

// Operator finds the operator of a request, nil for a visitor.
func (p People) Operator(_ http.ResponseWriter, r *http.Request) (*Who, error) {
	info := From(r.Context())
	o, ok, err := p.Identity.EnterPlatform(r, tenants.Scope{RequestID: info.RequestID, Address: info.Address})
	if err != nil || !ok {
		return nil, err
	}
	return &Who{Actor: o.In(tenants.Scope{}).Actor, Session: o.ID, Deadline: o.EndsAt(), Lang: o.Language, Theme: o.Theme}, nil
}
