package main

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/document"
	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/backup"
	"github.com/cloister-health/cloister/tenants/provision"
)

const (
	// clearEvery is how often the store is gone through: a list of everything in
	// it, and nobody waits for what is found.
	clearEvery = time.Hour
	// clearAge is how old a file without a row must be. An upload has some
	// minutes from its beginning to its row.
	clearAge = time.Hour
)

// clearing removes files that nobody can come to any more: those of erased
// clinics, those that an upload left which broke off before its row, and what
// restores left that were killed.
type clearing struct {
	db    *tenants.DB
	store *files.Store
	back  *backup.Service
	docs  *document.Service
	log   *logrus.Logger
	now   func() time.Time
	last  time.Time
}

func openClearing(ctx context.Context, c config, m *keys.Master, log *logrus.Logger) (*clearing, error) {
	store, err := c.openFiles(ctx)
	if err != nil {
		return nil, err
	}
	db, err := openTenants(ctx, c, m, log)
	if err != nil {
		_ = store.Close() // the database is what is told
		return nil, err
	}
	back, err := openMending(c, m, store)
	if err != nil {
		db.Close()
		_ = store.Close()
		return nil, err
	}
	return &clearing{db: db, store: store, back: back, docs: document.NewService(db, keys.NewRing(m, nil), store), log: log, now: time.Now}, nil
}

// openMending is the service of archives for what it does without one.
func openMending(c config, m *keys.Master, store *files.Store) (*backup.Service, error) {
	dsn, err := c.migratorURL(m)
	if err != nil {
		return nil, err
	}
	return backup.New(backup.Config{Migrator: dsn, Keys: m, Files: store, Program: version})
}

func (c *clearing) close() {
	c.db.Close()
	_ = c.store.Close() // nothing is being written
}

// round goes through the store when an hour has passed, or at once after a
// clinic was erased. What the registry doesn't know stays: the store may be
// another installation's, too.
// A clinic that a killed restore left closed waits for every round.
func (c *clearing) round(ctx context.Context, s *roll, now bool) error {
	mended, err := c.back.Mend(ctx)
	for _, b := range mended {
		c.log.WithFields(logrus.Fields{"clinic": b.Clinic.String(), "slug": b.Slug, "action": b.Action}).Warn("a restore that was broken off was cleared away")
	}
	if err != nil {
		return err
	}
	if !now && c.now().Sub(c.last) < clearEvery {
		return nil
	}
	stored, err := c.store.Clinics(ctx)
	if err != nil || len(stored) == 0 {
		return err
	}
	known, err := s.list(ctx)
	if err != nil {
		return err
	}
	byID := map[uuid.UUID]provision.Summary{}
	for _, k := range known {
		byID[k.ID] = k
	}
	for _, id := range stored {
		k, ok := byID[id]
		if !ok || k.StatusReason == backup.ShutReason { // its documents' rows are yet to come
			continue
		}
		if err := c.clinic(ctx, k); err != nil {
			return err
		}
	}
	c.last = c.now()
	return nil
}

func (c *clearing) clinic(ctx context.Context, k provision.Summary) error {
	log := c.log.WithFields(logrus.Fields{"clinic": k.ID.String(), "slug": k.Slug})
	if k.Erased {
		n, err := c.store.RemoveClinic(ctx, k.ID)
		log.WithField("files", n).Warn("the files of an erased clinic were removed")
		return err
	}
	ctx = tenants.WithScope(ctx, tenants.Scope{Clinic: &tenants.Clinic{ID: k.ID, Slug: k.Slug, Name: k.Name, Schema: k.Schema, Zone: time.UTC}, RequestID: "clear-files",
		Actor: tenants.Actor{Kind: access.System, ID: tenants.SystemID("clear-files"), Role: access.Jobs}})
	n, err := c.docs.Sweep(ctx, c.now().Add(-clearAge))
	if n > 0 {
		log.WithField("files", n).Info("files without a record were removed")
	}
	return err
}
