package main

import (
	"context"

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
			return serve(cmd.Context(), c, log)
		},
	}
}

// serve builds the service and answers until the context ends.
func serve(ctx context.Context, c config, log *logrus.Logger) error {
	l, err := listener(c)
	if err != nil {
		return err
	}
	h := &health{stopping: ctx.Done(), log: log}
	metrics := newRegistry()
	if err := serveMetrics(ctx, c.MetricsAddr, metrics, log); err != nil {
		return err
	}
	a, err := newApp(ctx, c, h, metrics, log)
	if err != nil {
		_ = l.Close()
		return err
	}
	defer a.close(context.WithoutCancel(ctx))
	log.WithField("address", l.Addr().String()).Info("serving")
	return serveHTTP(ctx, l, a.router, c.ShutdownWait, log)
}
