package main

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

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
		Short: "Keep spare schemas ready and erase deleted clinics when their grace period is over",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			log, closeLog := newLog(c, cmd.ErrOrStderr())
			defer closeLog() //nolint:errcheck // nothing is left to tell it to
			s, _, err := openProvision(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer s.Close()
			if once {
				return workRound(cmd.Context(), s, spares, 0, log)
			}
			return work(cmd.Context(), s, spares, workerRound, log)
		},
	}
	cmd.Flags().IntVar(&spares, "spares", 3, "spare schemas to keep ready")
	cmd.Flags().BoolVar(&once, "once", false, "do what is due and end")
	return cmd
}

// work does what is due, round after round, until the context ends. A round
// that fails is told and tried again: the database may only be away.
func work(ctx context.Context, s *provision.Service, spares int, every time.Duration, log *logrus.Logger) error {
	log.Info("the worker has begun")
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := workRound(ctx, s, spares, sparePause, log); err != nil && ctx.Err() == nil {
			log.WithError(err).Error("the worker's round failed")
		}
		select {
		case <-ctx.Done():
			log.Info("the worker has ended")
			return nil
		case <-tick.C:
		}
	}
}

func workRound(ctx context.Context, s *provision.Service, spares int, pause time.Duration, log *logrus.Logger) error {
	purged, err := s.Purge(ctx, provision.By{Actor: migrate.SystemActor("purge"), Reason: "the grace period is over"})
	for _, p := range purged {
		log.WithFields(logrus.Fields{"clinic": p.ID.String(), "slug": p.Slug}).Warn("a deleted clinic was erased and its keys destroyed")
	}
	if err != nil {
		return err
	}
	out, err := s.EnsureSpares(ctx, spares, pause, nil)
	if out.Made > 0 {
		log.WithFields(logrus.Fields{"made": out.Made, "ready": out.Ready}).Info("spare schemas")
	}
	return err
}
