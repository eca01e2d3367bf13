package tenants

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"strconv"
	"strings"
	"sync"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/google/uuid"
)

// Actor is who acts. Role is the one role of the whole transaction.
type Actor struct {
	Kind access.ActorKind
	ID   uuid.UUID // all zero for gate and anonymous
	Role access.Role
	Name string // for the page's greeting; not part of the scope
}

// text is the actor as the database reads it.
func (a Actor) text() string { return string(a.Kind) + ":" + a.ID.String() }

// Scope is what a transaction may see and for whom.
type Scope struct {
	Clinic    *Clinic // nil only for an operator
	Actor     Actor
	Session   uuid.UUID // of the signed-in person, all zero for others; it opens nothing
	RequestID string
	Address   string
	Reason    string // why the record was opened, when one had to be given
	Entered   Digest // of the form that is being carried out, all zero for none
}

// Digest stands for what somebody entered in a form, and tells nothing of it
// without the key that made it.
type Digest [sha256.Size]byte

type scopeKey struct{}

// WithScope puts the scope into the context; the face that knows the session
// does it once for each request.
func WithScope(ctx context.Context, s Scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, s)
}

// ScopeFrom gives the scope of the context.
func ScopeFrom(ctx context.Context) (Scope, bool) {
	s, ok := ctx.Value(scopeKey{}).(Scope)
	return s, ok
}

// SystemID is the fixed id of a job's actor, made from its name, so that the
// trail tells jobs apart without a table of them.
func SystemID(job string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("cloister:job:"+job))
}

// entry is a scope made ready for the wire.
type entry struct {
	key    uuid.UUID // the clinic, or all zero for the platform
	role   string
	params [scopeParams][]byte // all nil for none: only the registry's front door is asked so
}

// bare reports an entry without a scope.
func (e *entry) bare() bool { return e.params[0] == nil }

// scopeParams counts the parameters of the scope statement: role, search_path,
// clinic, actor, signature, request.
const scopeParams = 6

func closed(why string) error {
	return apperr.Wrap(apperr.Internal, "error.internal", "Something went wrong", errors.New("tenants: "+why))
}

// enter checks the scope and makes it ready; whatever is missing ends here.
func (db *DB) enter(s Scope) (entry, error) {
	switch a := s.Actor; {
	case s.Clinic == nil || s.Clinic.ID == uuid.Nil || s.Clinic.Schema == "":
		return entry{}, closed("the scope has no clinic")
	case a.Role == "" || a.Kind == "":
		return entry{}, closed("the scope has no actor or role")
	case a.ID == uuid.Nil && a.Kind != access.GateActor && a.Kind != access.Anonymous:
		return entry{}, closed("the scope's actor has no id")
	case a.Role == access.Platform || a.Role == access.Owner:
		return entry{}, closed("role " + string(a.Role) + " has no place in a clinic")
	}
	return db.signer.entry(s, s.Clinic.ID.String(), quoteIdent(s.Clinic.Schema)+", ext, pg_temp"), nil
}

// enterPlatform is enter for an operator, who has no clinic.
func (db *DB) enterPlatform(s Scope) (entry, error) {
	if s.Actor.Kind != access.Operator || s.Actor.ID == uuid.Nil {
		return entry{}, closed("the scope's actor is no operator")
	}
	s.Clinic, s.Actor.Role = nil, access.Platform
	return db.signer.entry(s, "", "platform, ext, pg_temp"), nil
}

func quoteIdent(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// signer makes signatures and remembers them: the same session signs the same
// words at each request.
type signer struct {
	prefix string
	mac    sync.Pool
	mu     sync.RWMutex
	known  map[signed]*[5][]byte
}

type signed struct {
	clinic uuid.UUID
	kind   access.ActorKind
	actor  uuid.UUID
	role   access.Role
	schema string
}

// maxSigned bounds the signatures kept; at about 400 bytes each it is 4 MB.
const maxSigned = 10_000

func newSigner(key []byte, kid int) *signer {
	key = append([]byte(nil), key...)
	return &signer{
		prefix: strconv.Itoa(kid) + ":",
		mac:    sync.Pool{New: func() any { return hmac.New(sha256.New, key) }},
		known:  map[signed]*[5][]byte{},
	}
}

// sign is HMAC-SHA256 over clinic, actor and role, with the key's id before it.
func (g *signer) sign(clinic, actor, role string) string {
	m := g.mac.Get().(hash.Hash)
	defer g.mac.Put(m)
	m.Reset()
	m.Write([]byte(clinic + "|" + actor + "|" + role))
	return g.prefix + hex.EncodeToString(m.Sum(nil))
}

func (g *signer) entry(s Scope, clinic, path string) entry {
	k := signed{kind: s.Actor.Kind, actor: s.Actor.ID, role: s.Actor.Role}
	if s.Clinic != nil {
		k.clinic, k.schema = s.Clinic.ID, s.Clinic.Schema
	}
	g.mu.RLock()
	fixed := g.known[k]
	g.mu.RUnlock()
	if fixed == nil {
		role, actor := s.Actor.Role.PG(), s.Actor.text()
		fixed = &[5][]byte{[]byte(role), []byte(path), []byte(clinic), []byte(actor), []byte(g.sign(clinic, actor, role))}
		g.mu.Lock()
		if len(g.known) >= maxSigned {
			clear(g.known)
		}
		g.known[k] = fixed
		g.mu.Unlock()
	}
	e := entry{key: k.clinic, role: s.Actor.Role.PG()}
	copy(e.params[:5], fixed[:])
	e.params[5] = requestJSON(s)
	return e
}

// requestJSON is what the trail keeps of the request. It is not signed: nothing
// is decided by it.
func requestJSON(s Scope) []byte {
	b, err := json.Marshal(struct {
		ID      string `json:"id,omitempty"`
		Address string `json:"addr,omitempty"`
		Reason  string `json:"reason,omitempty"`
	}{s.RequestID, s.Address, s.Reason})
	if err != nil {
		return []byte("{}") // three strings always marshal
	}
	return b
}
