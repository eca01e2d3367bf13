package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/tenants/isolation"
)

func newIsolation(env []string) *cobra.Command {
	cmd := &cobra.Command{Use: "isolation", Short: "Check that no clinic can reach another's data"}
	cmd.AddCommand(newIsolationAudit(env), newIsolationProve(env))
	return cmd
}

// reportFlags are how both checks write what they found.
type reportFlags struct{ format, out, baseline, diff string }

func (f *reportFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.format, "format", string(isolation.Text), "how to write the report: "+isolation.FormatNames())
	cmd.Flags().StringVar(&f.out, "out", "", "write the report to this file, and the verdict alone to standard output")
	cmd.Flags().StringVar(&f.baseline, "baseline", "", "file of accepted findings")
	cmd.Flags().StringVar(&f.diff, "diff", "", "compare with an earlier report, written with --format json")
}

// inputs are what the flags name, read before anything is checked. Errors: usageError.
func (f reportFlags) inputs() (format isolation.Format, baseline isolation.Baseline, earlier *isolation.Report, err error) {
	if format, err = isolation.ParseFormat(f.format); err != nil {
		return "", baseline, nil, usageError{fmt.Errorf("--format: %w", err)}
	}
	if f.baseline != "" {
		if err := readFile(f.baseline, func(r io.Reader) (err error) { baseline, err = isolation.ReadBaseline(r); return err }); err != nil {
			return "", baseline, nil, usageError{fmt.Errorf("--baseline: %w", err)}
		}
	}
	if f.diff != "" {
		var r isolation.Report
		if err := readFile(f.diff, func(src io.Reader) (err error) { r, err = isolation.ReadJSON(src); return err }); err != nil {
			return "", baseline, nil, usageError{fmt.Errorf("--diff: %w", err)}
		}
		earlier = &r
	}
	return format, baseline, earlier, nil
}

func readFile(name string, read func(io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

// tell judges the report by the baseline and the earlier one and writes it. Its
// error is the verdict, as the exit code tells it.
func (f reportFlags) tell(w io.Writer, r isolation.Report, format isolation.Format, baseline isolation.Baseline, earlier *isolation.Report) error {
	r.Accept(baseline, time.Now())
	if earlier != nil {
		if err := r.Compare(*earlier); err != nil {
			return usageError{fmt.Errorf("--diff: %w", err)}
		}
	}
	if f.out == "" {
		if err := r.Write(w, format); err != nil {
			return err
		}
		return verdict(r)
	}
	out, err := os.Create(f.out)
	if err != nil {
		return uncheckedError{err}
	}
	if err := errors.Join(r.Write(out, format), out.Close()); err != nil {
		return uncheckedError{err}
	}
	if _, err := fmt.Fprintln(w, r.Headline()); err != nil {
		return err
	}
	return verdict(r)
}

// verdictError is a check that was made and did not come out clean.
type verdictError struct {
	code int
	text string
}

func (e verdictError) Error() string { return e.text }

func verdict(r isolation.Report) error {
	if code := r.ExitCode(); code != exitOK {
		return verdictError{code, r.Headline()}
	}
	return nil
}

// uncheckedError is a check that could not be made, whatever the reason: who
// asks whether the walls stand must not take that for a yes or a no.
type uncheckedError struct{ error }

func (e uncheckedError) Unwrap() error { return e.error }
