//go:build unix

// Command run measures the walls and the pool: see package bench.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/cloister-health/cloister/internal/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	quick := fs.Bool("quick", false, "fewer clinics and rounds: shows that it works, not how fast")
	only := fs.String("only", "", "cases to run, by name with commas")
	file := fs.String("json", "", "write the report to this file too")
	state := fs.String("state", bench.DefaultState(), "folder of the private server; its databases are kept for the next run")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	rep, err := bench.Run(ctx, &bench.Env{Quick: *quick, State: *state, Log: stderr}, *only)
	if rep != nil { // a case that fails late takes nothing from those before
		err = errors.Join(err, rep.Print(stdout))
		if *file != "" {
			err = errors.Join(err, save(rep, *file))
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

func save(rep *bench.Report, name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(rep.JSON(f), f.Close())
}
