package isolation

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is how a report is written.
type Format string

// The formats.
const (
	Text  Format = "text"
	JSON  Format = "json"
	SARIF Format = "sarif" // 2.1.0
	JUnit Format = "junit"
	CSV   Format = "csv"
	HTML  Format = "html"
)

// Formats are all there are, as a flag's help lists them.
var Formats = []Format{Text, JSON, SARIF, JUnit, CSV, HTML}

// ParseFormat reads a format's name.
func ParseFormat(name string) (Format, error) {
	for _, f := range Formats {
		if string(f) == name {
			return f, nil
		}
	}
	return "", fmt.Errorf("%q is no format; there are %s", name, FormatNames())
}

// FormatNames lists the formats' names.
func FormatNames() string {
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// Write writes the report.
func (r Report) Write(w io.Writer, f Format) error {
	switch f {
	case Text:
		return r.writeText(w)
	case JSON:
		r.Format = FormatNumber
		if r.Findings == nil {
			r.Findings = []Finding{}
		}
		return indented(w, r)
	case SARIF:
		return indented(w, r.sarif())
	case JUnit:
		return r.writeJUnit(w)
	case CSV:
		return r.writeCSV(w)
	case HTML:
		return r.writeHTML(w)
	}
	return fmt.Errorf("%q is no format", f)
}

func indented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// perRule is how many findings of one rule the text spells out: a thousand
// clinics with the same fault are one fault to mend.
const perRule = 20

func (r Report) writeText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintln(&b, r.Headline())
	fmt.Fprintf(&b, "%s of database %s, PostgreSQL %s, %s, %s\n", r.Kind, r.Database, r.Server, r.Started.UTC().Format("2006-01-02 15:04:05 UTC"), r.took())
	fmt.Fprintln(&b, r.figures())
	if len(r.Scope) > 0 {
		fmt.Fprintf(&b, "narrowed to %s\n", strings.Join(r.Scope, ", "))
	}
	for _, n := range r.Notes {
		fmt.Fprintln(&b, n)
	}
	if r.Diff != nil {
		fmt.Fprintf(&b, "since %s: %d new, %d gone, %d unchanged\n", r.Diff.Since.UTC().Format("2006-01-02 15:04:05 UTC"), len(r.Diff.New), len(r.Diff.Gone), r.Diff.Unchanged)
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(&b, "\nNOT CHECKED %s\n  %s\n", g.Rule, g.Reason)
	}
	shown := map[string]int{}
	for i, f := range r.Findings {
		shown[f.Rule]++
		if n := shown[f.Rule]; n <= perRule {
			textFinding(&b, f, r.rule(f.Rule), n == 1)
		} else if i+1 == len(r.Findings) || r.Findings[i+1].Rule != f.Rule {
			fmt.Fprintf(&b, "\n  and %d more of %s; the other formats list them all\n", n-perRule, f.Rule)
		}
	}
	textBaseline(&b, r)
	_, err := io.WriteString(w, b.String())
	return err
}

func textFinding(b *strings.Builder, f Finding, rule Rule, first bool) {
	if first {
		fmt.Fprintf(b, "\n%s %s %s\n", strings.ToUpper(string(f.Severity)), f.Rule, rule.Title)
		if rule.Why != "" {
			fmt.Fprintf(b, "  %s\n  %s\n", rule.Why, f.Help)
		}
	}
	fmt.Fprintf(b, "\n  %s", printable(f.Name()))
	if f.Clinic != "" {
		fmt.Fprintf(b, " (clinic %s)", f.Clinic)
	}
	if f.State == StateNew {
		b.WriteString(" NEW")
	}
	fmt.Fprintf(b, "\n    %s\n", printable(f.Reason))
	for _, part := range []struct{ label, text string }{{"seen", f.Evidence}, {"reproduce", f.Reproduce}, {"mend", f.Mend}, {"id", f.Fingerprint}} {
		if part.text == "" {
			continue
		}
		for i, line := range strings.Split(strings.TrimRight(part.text, "\n"), "\n") {
			label := part.label
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(b, "    %-10s%s\n", label, printable(line))
		}
	}
}

func textBaseline(b *strings.Builder, r Report) {
	if len(r.Accepted) > 0 {
		fmt.Fprintln(b, "\nACCEPTED by the baseline")
		for _, a := range r.Accepted {
			fmt.Fprintf(b, "  %s %s until %s: %s\n", a.Finding.Rule, printable(a.Finding.Name()), a.Expires, printable(a.Reason))
		}
	}
	for _, e := range r.Expired {
		fmt.Fprintf(b, "\nEXPIRED %s: %s %s was accepted until %s (%s) and counts again\n", e.Fingerprint, e.Rule, printable(e.Object), e.Expires, printable(e.Reason))
	}
	for _, e := range r.Unused {
		fmt.Fprintf(b, "\nUNUSED %s: the baseline accepts %s %s, and nothing of the kind was found; take it out\n", e.Fingerprint, e.Rule, printable(e.Object))
	}
}

// printable keeps what an object's name or a policy's text holds from steering
// the reader's terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0x202e || c == 0x2028 || c == 0x2029 {
			return '\uFFFD'
		}
		return c
	}, s)
}

var csvHead = []string{"status", "rule", "severity", "schema", "clinic", "object", "reason", "evidence", "mend", "reproduce", "help", "fingerprint"}

func (r Report) writeCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	rows := [][]string{slices.Clone(csvHead)} // which reports that are written at once share
	row := func(status string, f Finding) {
		rows = append(rows, []string{status, f.Rule, string(f.Severity), f.Schema, f.Clinic, f.Object, f.Reason, f.Evidence, f.Mend, f.Reproduce, f.Help, f.Fingerprint})
	}
	for _, f := range r.Findings {
		row("open", f)
	}
	for _, a := range r.Accepted {
		row("accepted until "+string(a.Expires), a.Finding)
	}
	for _, g := range r.Gaps {
		row("not checked", Finding{Rule: g.Rule, Reason: g.Reason})
	}
	for _, cells := range rows {
		for i := range cells {
			cells[i] = neutral(cells[i])
		}
		if err := c.Write(cells); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// neutral keeps a spreadsheet from taking a cell for a formula.
func neutral(cell string) string {
	if strings.IndexAny(cell, "=+-@\t\r\n") == 0 {
		return "'" + cell
	}
	return cell
}
