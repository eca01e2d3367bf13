// Package demo fills two clinics with people who do not exist.
//
// It is for `make run` and for looking at the product: staff of every role,
// patients, some weeks of visits, and today's queue half done. Nothing here may
// be needed by a real clinic, and no real person, phone or number may stand in
// it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/provision"
)

// Password of everybody in the demo. It is no secret.
const Password = "mango-lantern-courtyard-7"

// OperatorEmail is what the demo's operator signs in with.
const OperatorEmail = "operator@cloister.example"

// Config is what filling needs.
type Config struct {
	Provision *provision.Service
	DB        *tenants.DB
	Keys      *keys.Master
	Now       func() time.Time // nil for the real clock
}

// SignIn is a person to try the product as.
type SignIn struct {
	Clinic string      // slug; empty for the operator
	Name   string      // of the person
	User   string      // what to type
	Role   access.Role // Platform for the operator
}

// Result of a Fill.
type Result struct {
	SignIns []SignIn
	Visits  int // added now
	Made    int // clinics made now
}

// Fill makes the demo's clinics, people and visits where they are missing. A
// second call on the same day changes nothing; on a later day the days between
// and the new day's queue are added.
func Fill(ctx context.Context, c Config) (Result, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	f := &filler{Config: c}
	r := Result{}
	if err := f.operator(ctx); err != nil {
		return r, fmt.Errorf("demo operator: %w", err)
	}
	for _, p := range places {
		if err := f.clinic(ctx, p, &r); err != nil {
			return r, fmt.Errorf("demo clinic %s: %w", p.slug, err)
		}
		r.SignIns = append(r.SignIns, p.signIns()...)
	}
	r.SignIns = append(r.SignIns, SignIn{Name: "Omana Pillai", User: OperatorEmail, Role: access.Platform})
	return r, nil
}

// filler is one call of Fill.
type filler struct {
	Config
	hash string // of Password; made once, it takes some time on purpose
}

func (f *filler) password() (string, error) {
	if f.hash != "" {
		return f.hash, nil
	}
	var err error
	f.hash, err = identity.HashPassword(Password)
	return f.hash, err
}

// operator makes the demo's operator; one that is there keeps the password.
func (f *filler) operator(ctx context.Context) error {
	there, err := f.Provision.HasOperator(ctx, OperatorEmail)
	if err != nil || there {
		return err
	}
	hash, err := f.password()
	if err != nil {
		return err
	}
	_, _, err = f.Provision.SaveOperator(ctx, OperatorEmail, "Omana Pillai", hash)
	return err
}

func (f *filler) clinic(ctx context.Context, p place, r *Result) error {
	made, err := f.Provision.Create(ctx, p.spec(), provision.By{Reason: "demo"})
	if err != nil {
		return err
	}
	if !made.Existed {
		r.Made++
	}
	clinic, err := f.resolve(ctx, made)
	if err != nil || clinic == nil {
		return err
	}
	jobs := tenants.WithScope(ctx, tenants.Scope{Clinic: clinic, RequestID: "demo", Reason: "demo data",
		Actor: tenants.Actor{Kind: access.System, ID: tenants.SystemID("demo"), Role: access.Jobs}})
	var staff map[string]uuid.UUID
	err = tenants.Write(jobs, f.DB, func(ctx context.Context, tx *tenants.Tx) error {
		if staff, err = f.people(ctx, tx, p); err != nil {
			return err
		}
		r.Visits, err = f.days(ctx, tx, p, staff, r.Visits)
		return err
	})
	if err != nil {
		return err
	}
	return f.adminPassword(ctx, clinic, staff[adminUser])
}

// resolve finds the clinic as the service does. One that somebody suspended or
// archived in the demo is left alone.
func (f *filler) resolve(ctx context.Context, made provision.Created) (*tenants.Clinic, error) {
	for range 100 {
		clinic, outcome, err := f.DB.Resolve(ctx, made.Slug)
		if err != nil {
			return nil, err
		}
		switch {
		case outcome == tenants.Active:
			return clinic, nil
		case outcome != tenants.Unknown, made.Existed:
			return nil, nil
		}
		// A service that asked a moment ago may still remember that there was none.
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil, errors.New("it was made and can't be found")
}

// adminPassword sets the first admin's password the way they would: scheduled
// work may not touch one.
func (f *filler) adminPassword(ctx context.Context, clinic *tenants.Clinic, admin uuid.UUID) error {
	if admin == uuid.Nil {
		return nil
	}
	self := tenants.WithScope(ctx, tenants.Scope{Clinic: clinic, RequestID: "demo",
		Actor: tenants.Actor{Kind: access.User, ID: admin, Role: access.ClinicAdmin}})
	return tenants.Write(self, f.DB, func(ctx context.Context, tx *tenants.Tx) error {
		set, err := tx.Q().HasSetPassword(ctx, admin)
		if err != nil || set {
			return err
		}
		hash, err := f.password()
		if err != nil {
			return err
		}
		n, err := tx.Q().SetPassword(ctx, tenantdb.SetPasswordParams{ID: admin, PasswordHash: hash})
		if err == nil && n != 1 {
			err = errors.New("the admin's password could not be set")
		}
		return err
	})
}
