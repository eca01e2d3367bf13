package main

import (
	"context"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/provision"
)

// roll is the clinics that the worker goes through. One whose schema is at a
// version that this program can't serve is passed over, as the service answers
// 503 for it: its statements would fail round after round. Each change is told once.
type roll struct {
	clinics *provision.Service
	db      *tenants.DB
	log     *logrus.Logger
	passed  map[uuid.UUID]bool
}

func newRoll(s *provision.Service, db *tenants.DB, log *logrus.Logger) *roll {
	return &roll{clinics: s, db: db, log: log, passed: map[uuid.UUID]bool{}}
}

// list gives the clinics by slug, erased ones too, without those passed over.
func (r *roll) list(ctx context.Context) ([]provision.Summary, error) {
	all, err := r.clinics.List(ctx)
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, k := range all {
		passed := !k.Erased && !r.db.Serves(k.SchemaVersion, k.VersionBefore)
		if passed && k.Status == string(tenants.StatusPending) {
			continue // it is being made
		}
		if passed != r.passed[k.ID] {
			log := r.log.WithFields(logrus.Fields{"clinic": k.ID.String(), "slug": k.Slug, "version": k.SchemaVersion})
			if passed {
				log.Warn("the clinic's schema is at a version that this program does not serve; the worker passes it over until it is at another")
			} else {
				log.Info("the worker serves the clinic again")
			}
		}
		if passed {
			r.passed[k.ID] = true
			continue
		}
		delete(r.passed, k.ID)
		out = append(out, k)
	}
	return out, nil
}
