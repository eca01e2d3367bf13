package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/audit"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/provision"
)

// sealWithin ends a round over many clinics; the next one begins with the clinic
// after the one that it came to.
const sealWithin = 5 * time.Minute

// sealing seals the trail of every clinic, so that what was on it a round ago
// can't be changed without a trace, and the registry's own.
type sealing struct {
	db    *tenants.DB
	log   *logrus.Logger
	after string // slug of the clinic that the last round ended with, before its time
}

// round goes through the clinics, closed ones too: they were written to before.
// One that fails is told and stands in nobody's way.
func (r *sealing) round(ctx context.Context, s *roll) error {
	all, err := s.list(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sealWithin)
	defer cancel()
	var failed error
	registry := true
	for _, k := range following(all, r.after) {
		if !hasChain(k) {
			continue
		}
		if registry {
			registry = false
			if _, err := audit.SealRegistry(sealingFor(ctx, k), r.db); err != nil {
				failed = fmt.Errorf("seal the registry's trail: %w", err)
			}
		}
		n, err := r.clinic(ctx, k)
		if ctx.Err() != nil {
			r.after = k.Slug
			return failed
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("seal the trail of %s: %w", k.Slug, err))
		}
		if n > 0 {
			r.log.WithFields(logrus.Fields{"clinic": k.ID.String(), "slug": k.Slug, "rows": n}).Debug("rows of the trail were sealed")
		}
	}
	r.after = ""
	return failed
}

// hasChain leaves out what has no trail any more, and the clinics of a proof of
// isolation: nobody is ever at work in them, they are gone in a minute, and the
// proof takes each change of their rows for an attack's.
func hasChain(k provision.Summary) bool {
	thrownAway := k.Status == string(tenants.StatusPending) && provision.ThrowawayTag(k.Slug) != ""
	return !k.Erased && k.Schema != "" && !thrownAway
}

func (r *sealing) clinic(ctx context.Context, k provision.Summary) (int, error) {
	return audit.SealAll(sealingFor(ctx, k), r.db)
}

func sealingFor(ctx context.Context, k provision.Summary) context.Context {
	return tenants.WithScope(ctx, tenants.Scope{Clinic: &tenants.Clinic{ID: k.ID, Slug: k.Slug, Name: k.Name, Schema: k.Schema, Zone: time.UTC}, RequestID: "seal",
		Actor: tenants.Actor{Kind: access.System, ID: tenants.SystemID("seal"), Role: access.Jobs}})
}
