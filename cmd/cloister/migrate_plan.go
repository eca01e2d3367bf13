package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/tenants/migrate"
)

func newMigratePlan(env []string) *cobra.Command {
	var o migrate.PlanOptions
	var asJSON bool
	var failOn string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what would run where, which locks it takes and what is unsafe in it",
		Long: "Tries the pending migrations in a database of its own on the same server, made anew and dropped at the end, and tells of each " +
			"the locks that it takes and what in it stops others, takes long on a large table or breaks the program that serves meanwhile. " +
			"Of the real database it reads the registry and the catalogs' statistics. How long a migration takes, and whether each clinic's rows fit it, it can't know. " +
			"DATABASE_URL must belong to a superuser or a user with CREATEDB. " +
			"Ends with 0 whether or not it warns, unless --fail-on says at what, and with 1 when a migration fails. The warnings are explained in docs/operations/migrations.md.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			worst, ok := map[string]migrate.Level{"": migrate.Danger + 1, "danger": migrate.Danger, "caution": migrate.Caution}[failOn]
			if !ok {
				return usageError{fmt.Errorf("--fail-on: %q is neither danger nor caution", failOn)}
			}
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			if _, err := c.adminURL(); err != nil {
				return err
			}
			m, _, err := newMigrator(c)
			if err != nil {
				return err
			}
			p, err := m.Plan(cmd.Context(), o)
			if errors.Is(err, migrate.ErrUnknownClinic) {
				return usageError{fmt.Errorf("--clinic: %w", err)}
			}
			if err != nil {
				return wrongKey(err)
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), p)
			} else {
				err = tellPlan(cmd.OutOrStdout(), p)
			}
			switch {
			case err != nil:
			case p.Fault() != nil:
				err = errors.New("a migration fails; nothing was changed")
			case p.Worst() >= worst:
				err = fmt.Errorf("there are warnings (--fail-on %s); nothing was changed", failOn)
			}
			return err
		},
	}
	cmd.Flags().StringSliceVar(&o.Clinics, "clinic", nil, "only for these clinics, by slug; the shared schema's part is told all the same")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	cmd.Flags().StringVar(&failOn, "fail-on", "", "end with 1 when there is a warning of this level or a higher one: danger or caution")
	return cmd
}

func tellPlan(w io.Writer, p migrate.Plan) error {
	var b strings.Builder
	b.WriteString(planVerdict(p) + "\n")
	if len(p.Platform.Steps) > 0 {
		fmt.Fprintf(&b, "\nShared schema, at version %d: %s to run\n", p.Platform.Version, counted(len(p.Platform.Steps), "migration"))
		planSteps(&b, p.Platform.Steps, "")
	}
	for _, g := range p.Groups {
		where := counted(len(g.Clinics), "clinic")
		if n := len(g.Clinics); n > 0 && n <= namedInPlan {
			where += " (" + strings.Join(g.Clinics, ", ") + ")"
		}
		if g.Spares > 0 {
			where += " and " + counted(g.Spares, "spare")
		}
		fmt.Fprintf(&b, "\n%s at version %d: %s to run in each\n", where, g.Version, counted(len(g.Steps), "migration"))
		planSteps(&b, g.Steps, " in the largest clinic")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// namedInPlan is how many clinics are listed by their names.
const namedInPlan = 5

// planVerdict is the plan in one line.
func planVerdict(p migrate.Plan) string {
	if !p.Pending() {
		ahead := ""
		if p.Ahead > 0 {
			ahead = fmt.Sprintf(" (%d are ahead of it)", p.Ahead)
		}
		return fmt.Sprintf("NOTHING TO DO: the shared schema is at version %d, and all of %s at version %d%s", p.Platform.Version, counted(p.Total, "schema"), p.Target, ahead)
	}
	behind, levels := 0, map[migrate.Level]int{}
	for _, g := range p.Groups {
		behind += g.Schemas()
	}
	for _, s := range p.Steps() {
		if s.Fault != nil {
			return fmt.Sprintf("FAILS: %s stops with an error; nothing was changed", s.File)
		}
		for _, w := range s.Warnings {
			levels[w.Level]++
		}
	}
	of := fmt.Sprintf("%d to run in the shared schema, and up to version %d in %d of %s", len(p.Platform.Steps), p.Target, behind, counted(p.Total, "schema"))
	dangers, cautions := levels[migrate.Danger], levels[migrate.Caution]
	switch {
	case dangers > 0:
		return fmt.Sprintf("UNSAFE: %s and %s; %s", counted(dangers, "danger"), counted(cautions, "caution"), of)
	case cautions > 0:
		return fmt.Sprintf("CAUTION: %s; %s", counted(cautions, "warning"), of)
	}
	return "SAFE: no warning; " + of
}

func planSteps(b *strings.Builder, steps []migrate.Step, largest string) {
	for _, s := range steps {
		fmt.Fprintf(b, "  %s\n", s.File)
		switch {
		case s.Untried:
			b.WriteString("    not tried, since one before it fails\n")
		case s.Fault == nil && len(s.Locks) == 0:
			b.WriteString("    locks no table that is there now\n")
		}
		for _, l := range s.Locks {
			fmt.Fprintf(b, "    %-22s %s%s\n", l.Mode, l.Table, planWeight(l.Weight, largest))
		}
		for _, w := range s.Warnings {
			where := w.Table
			if w.Object != "" {
				where += ": " + w.Object
			}
			fmt.Fprintf(b, "    %s %s on %s\n      %s\n      why: %s\n      instead: %s\n", strings.ToUpper(w.Level.String()), w.Name, where, w.Statement, w.Reason, w.Instead)
		}
		if f := s.Fault; f != nil {
			b.WriteString("    FAILS")
			if f.Statement != "" {
				b.WriteString(" at " + f.Statement)
			}
			fmt.Fprintf(b, "\n      %s", f.Reason)
			if f.State != "" {
				fmt.Fprintf(b, " (SQLSTATE %s)", f.State)
			}
			b.WriteByte('\n')
		}
	}
}

// planWeight is how much a table holds; nothing for one that holds nothing.
func planWeight(w migrate.Weight, largest string) string {
	if w.Rows == 0 && w.Bytes == 0 {
		return ""
	}
	rows := "rows unknown"
	if w.Rows > 0 || w.Total > 0 {
		rows = "about " + counted(int(w.Rows), "row")
	}
	text := fmt.Sprintf("  %s, %s%s", rows, planSize(w.Bytes), largest)
	if largest != "" && w.Total > w.Rows {
		text += fmt.Sprintf(", %d rows in all", w.Total)
	}
	return text
}

func planSize(bytes int64) string {
	const kB = 1 << 10
	switch {
	case bytes >= kB*kB*kB:
		return fmt.Sprintf("%.1f GB", float64(bytes)/(kB*kB*kB))
	case bytes >= kB*kB:
		return fmt.Sprintf("%.0f MB", float64(bytes)/(kB*kB))
	}
	return fmt.Sprintf("%d kB", (bytes+kB-1)/kB)
}

// counted writes a number with its noun.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
