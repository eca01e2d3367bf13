package main

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime/debug"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
)

func newServe(env []string) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve the pages",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			log, closeLog := newLog(c, cmd.ErrOrStderr())
			defer closeLog() //nolint:errcheck // nothing is left to tell it to
			l, err := listener(c)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), c, l, log, func() {
				log.WithField("address", l.Addr().String()).Info("serving")
			})
		},
	}
}

// gcPercent lets the heap grow to five times what lives before it is collected.
// Little lives and every page leaves garbage: at Go's 100 collecting took an
// eighth of the service's time. GOGC and GOMEMLIMIT override and bound it.
const gcPercent = 400

// serve builds the service, says that it is ready, and answers on l until the
// context ends.
func serve(ctx context.Context, c config, l net.Listener, log *logrus.Logger, ready func()) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	h := &health{stopping: ctx.Done(), log: log}
	metrics := newRegistry()
	a, err := newApp(ctx, c, h, metrics, log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer a.close(context.WithoutCancel(ctx))
	if err := serveMetrics(ctx, c.MetricsAddr, metrics, log); err != nil {
		return errors.Join(err, l.Close())
	}
	ready()
	return serveHTTP(ctx, l, a.router, c.ShutdownWait, log)
}
