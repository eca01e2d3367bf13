package tenants

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
)

// PlatformGate runs fn in the registry as the gate, which may ask only the
// questions of an operator's sign-in. It needs no scope: nobody is signed in.
func PlatformGate(ctx context.Context, db *DB, fn func(ctx context.Context, tx *PlatformTx) error) error {
	s, _ := ScopeFrom(ctx)
	s.Clinic, s.Actor = nil, Actor{Kind: access.GateActor, Role: access.Gate}
	e := db.signer.entry(s, "", "platform, ext, pg_temp")
	return db.run(ctx, &e, true, func(t *txn) error {
		return fn(ctx, &PlatformTx{txn: t, Actor: s.Actor, Now: db.conf.Now()})
	})
}

// Found is a clinic as the home page's finder shows it: nothing but what leads
// to its door.
type Found struct{ Slug, Name, City string }

// FindClinics looks for clinics by a part of their name or city. A fragment of
// fewer than two letters finds nothing, so that the list can't be read out.
func (db *DB) FindClinics(ctx context.Context, fragment string, atMost int) ([]Found, error) {
	fragment = strings.TrimSpace(fragment)
	if len([]rune(fragment)) < 2 || len(fragment) > 200 {
		return nil, nil
	}
	var out []Found
	err := db.run(ctx, &entry{}, false, func(t *txn) error {
		rows, err := platformdb.New(t).FindClinics(ctx, platformdb.FindClinicsParams{Fragment: fragment, AtMost: int32(min(atMost, 50))})
		out = make([]Found, 0, len(rows))
		for _, r := range rows {
			out = append(out, Found{Slug: r.Slug, Name: r.Name, City: r.City})
		}
		return err
	})
	return out, err
}

// rights is what Postgres answered about the roles, once it could.
type rights struct {
	mu     sync.Mutex
	known  bool      // there was a clinic to ask about
	asked  time.Time // the last time
	matrix access.Matrix
}

// rightsAgain is how long an answer with gaps is used.
const rightsAgain = time.Second

// Rights tells which role has which capability, as the grants say. It is asked
// as soon as there is a clinic, until then it allows nothing, and kept once each
// capability is somebody's: one that is nobody's belongs to a migration that no
// clinic has had yet, so it is asked again.
func (db *DB) Rights(ctx context.Context) (access.Matrix, error) {
	db.rights.mu.Lock()
	defer db.rights.mu.Unlock()
	r := &db.rights
	if r.known && (r.matrix.Complete() || time.Since(r.asked) < rightsAgain) {
		return r.matrix, nil
	}
	m, known, err := db.askRights(ctx)
	if err != nil {
		return access.Matrix{}, err
	}
	r.known, r.asked, r.matrix = known, time.Now(), m
	return m, nil
}

// Allow refuses with apperr.Forbidden unless the scope's role has the capability.
// It fails closed: without a clinic or its scope nothing is allowed. Postgres
// would refuse as well; this says so before any work.
func (db *DB) Allow(ctx context.Context, c access.Capability) error {
	can, err := db.Rights(ctx)
	if err != nil {
		return err
	}
	s, ok := ScopeFrom(ctx)
	if !ok || s.Clinic == nil || !can.Can(s.Actor.Role, c) {
		return apperr.New(apperr.Forbidden, "error.forbidden", "Your role may not do this")
	}
	return nil
}

// right is one privilege on one table, or on one of its columns.
type right struct{ table, command, column string }

func rightsOf(p access.Privilege) []right {
	if len(p.Columns) == 0 {
		return []right{{p.Table, p.Command, ""}}
	}
	out := make([]right, 0, len(p.Columns))
	for _, c := range p.Columns {
		out = append(out, right{p.Table, p.Command, c})
	}
	return out
}

func (db *DB) askRights(ctx context.Context) (access.Matrix, bool, error) {
	roles := append(access.StaffRoles(), access.Patient, access.Display, access.Jobs)
	var q platformdb.ListPrivilegesParams
	for _, r := range roles {
		q.Roles = append(q.Roles, r.PG())
	}
	all := make([]right, 0, 64)
	for _, c := range access.Capabilities() {
		for _, p := range access.Needs(c) {
			for _, r := range rightsOf(p) {
				all = append(all, r)
				q.Tables, q.Commands, q.Columns = append(q.Tables, r.table), append(q.Commands, r.command), append(q.Columns, r.column)
			}
		}
	}
	type cell struct {
		role string
		right
	}
	has := map[cell]bool{}
	known := false
	err := db.run(ctx, &entry{}, false, func(t *txn) error {
		rows, err := platformdb.New(t).ListPrivileges(ctx, q)
		for _, r := range rows {
			known = true
			has[cell{r.Role, all[r.Position-1]}] = r.Has
		}
		return err
	})
	if err != nil || !known {
		return access.Matrix{}, false, err
	}
	m, err := access.NewMatrix(roles, func(role access.Role, p access.Privilege) (bool, error) {
		for _, r := range rightsOf(p) {
			if !has[cell{role.PG(), r}] {
				return false, nil
			}
		}
		return true, nil
	})
	return m, err == nil, err
}
