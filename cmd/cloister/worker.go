package main

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

// How the worker goes about its work. The pause is long because nobody waits
// for a spare schema, and each costs every connection of the service a look at
// its catalogs.
const (
	workerRound = time.Minute
	sparePause  = 3 * time.Second
)

func newWorker(env []string) *cobra.Command {
	var spares int
	var once bool
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Keep spare schemas ready, erase deleted clinics when their grace period is over, seal the trails, clear files away that have no record and remind patients of appointments",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			log, closeLog := newLog(c, cmd.ErrOrStderr())
			defer closeLog() //nolint:errcheck // nothing is left to tell it to
			w, err := openWorker(cmd.Context(), c, log)
			if err != nil {
				return err
			}
			defer w.close()
			if once {
				return w.round(cmd.Context(), spares, 0)
			}
			return w.work(cmd.Context(), spares, workerRound)
		},
	}
	cmd.Flags().IntVar(&spares, "spares", 3, "spare schemas to keep ready")
	cmd.Flags().BoolVar(&once, "once", false, "do what is due and end")
	return cmd
}

// worker is what the worker works with.
type worker struct {
	clinics *provision.Service
	roll    *roll
	files   *clearing
	remind  *reminding
	seal    *sealing
	log     *logrus.Logger
}

func openWorker(ctx context.Context, c config, log *logrus.Logger) (*worker, error) {
	s, m, err := openProvision(ctx, c)
	if err != nil {
		return nil, err
	}
	w, err := newWork(ctx, c, s, m, log)
	if err != nil {
		s.Close()
	}
	return w, err
}

// newWork is what is done for the clinics of s, which stays its opener's to close.
func newWork(ctx context.Context, c config, s *provision.Service, m *keys.Master, log *logrus.Logger) (*worker, error) {
	f, err := openClearing(ctx, c, m, log)
	if err != nil {
		return nil, err
	}
	r, err := openReminding(c, f.db, log)
	if err != nil {
		f.close()
		return nil, err
	}
	return &worker{clinics: s, roll: newRoll(s, f.db, log), files: f, remind: r, seal: &sealing{db: f.db, log: log}, log: log}, nil
}

func (w *worker) close() {
	w.files.close()
	w.clinics.Close()
}

// work does what is due, round after round, until the context ends. A round
// that fails is told and tried again: the database may only be away.
func (w *worker) work(ctx context.Context, spares int, every time.Duration) error {
	w.log.Info("the worker has begun")
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := w.round(ctx, spares, sparePause); err != nil && ctx.Err() == nil {
			w.log.WithError(err).Error("the worker's round failed")
		}
		select {
		case <-ctx.Done():
			w.log.Info("the worker has ended")
			return nil
		case <-tick.C:
		}
	}
}

func (w *worker) round(ctx context.Context, spares int, pause time.Duration) error {
	purged, failed := w.clinics.Purge(ctx, provision.By{Actor: migrate.SystemActor("purge"), Reason: "the grace period is over"})
	for _, p := range purged {
		w.log.WithFields(logrus.Fields{"clinic": p.ID.String(), "slug": p.Slug}).Warn("a deleted clinic was erased and its keys destroyed")
	}
	failed = errors.Join(failed, w.files.round(ctx, w.roll, len(purged) > 0), w.remind.round(ctx, w.roll), w.seal.round(ctx, w.roll))
	if failed != nil {
		return failed
	}
	out, err := w.clinics.EnsureSpares(ctx, spares, pause, nil)
	if out.Made > 0 {
		w.log.WithFields(logrus.Fields{"made": out.Made, "ready": out.Ready}).Info("spare schemas")
	}
	return err
}
