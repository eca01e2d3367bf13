// Command cloister is the whole product: the service, its worker and the tools
// of those who run it.
//
// This package reads the configuration, builds everything and wires it; it is
// the only place that does. One file holds one command. Rules of a clinic, SQL
// and pages belong to the packages that it puts together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// Exit codes, documented in docs/cli.md.
const (
	exitOK       = 0
	exitFailed   = 1 // it was tried and did not work
	exitUsage    = 2 // the command line or an input is wrong; nothing was tried
	exitConfig   = 3 // an environment variable is wrong or missing
	exitDatabase = 4 // the database can't be reached or refuses us
)

func main() {
	ctx, stop := interruptible(context.Background())
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// interruptible ends the context at the first SIGINT, SIGTERM or SIGHUP. Later
// ones are ignored: a stop is under way, is bounded in time, and must not leave
// a private Postgres behind.
func interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(parent, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
}

// run is main without the process: tests call it.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	root := newRoot(env)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "cloister: %v\n", err)
	}
	return exitCode(err)
}

// newRoot builds the command tree. The environment is handed down rather than
// read, so that two programs in one test process don't meet.
func newRoot(env []string) *cobra.Command {
	root := &cobra.Command{
		Use:           "cloister",
		Short:         "Clinics that share one service and cannot see one another",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newDemo(env), newServe(env), newWorker(env), newMigrate(env), newClinic(env), newOperator(env), newImport(env), newBackup(env), newIsolation(env), newAudit(env), newHealth(env), newPostgres(env), newVersion())
	wrapArgs(root)
	return root
}

// wrapArgs marks complaints about arguments as wrong usage, in every command.
func wrapArgs(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = cobra.ArbitraryArgs
		if c.HasSubCommands() {
			check = cobra.NoArgs
		}
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var usage usageError
	var config *configError
	var connect *pg.ConnectError
	var byHand *migrate.ByHandError
	var verdict verdictError
	var unchecked uncheckedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &verdict):
		return verdict.code
	case errors.As(err, &unchecked):
		return exitUsage
	case errors.As(err, &usage), apperr.CodeOf(err) == apperr.Invalid:
		return exitUsage
	case errors.As(err, &config):
		return exitConfig
	case errors.As(err, &connect), errors.As(err, &byHand), errors.Is(err, pg.ErrNoServer):
		return exitDatabase
	}
	return exitFailed
}
