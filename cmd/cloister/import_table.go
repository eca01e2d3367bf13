package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/cloister-health/cloister/internal/legacy"
)

// shownIDs is how many row ids a line of the reconciliation names; the JSON
// names all.
const shownIDs = 8

// printReconciliation says for a person what became of every row.
func printReconciliation(out io.Writer, file string, r legacy.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	how := ""
	if r.DryRun {
		how = " (dry run: nothing was written)"
	}
	fmt.Fprintf(w, "File\t%s, %d bytes, version %s\nClinic\t%s%s\n\n", file, r.File.Bytes, r.File.Version, r.Clinic, how)
	fmt.Fprintln(w, "table\tread\timported\tof them repaired\tmerged\tskipped\trefused\talready there")
	for _, table := range slices.Sorted(maps.Keys(r.Tables)) {
		if t := r.Tables[table]; t.Read > 0 {
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", table, t.Read, t.Imported, t.ImportedRepaired, t.Merged, t.Skipped, t.Refused, t.AlreadyThere)
		}
	}
	t := r.Totals
	fmt.Fprintf(w, "all tables\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", t.Read, t.Imported, t.ImportedRepaired, t.Merged, t.Skipped, t.Refused, t.AlreadyThere)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, part := range []struct {
		title string
		rows  func(legacy.TableReport) map[legacy.Kind]legacy.Rows
	}{
		{"Refused", func(t legacy.TableReport) map[legacy.Kind]legacy.Rows { return t.Refusals }},
		{"Repaired", func(t legacy.TableReport) map[legacy.Kind]legacy.Rows { return t.Repairs }},
		{"Merged", func(t legacy.TableReport) map[legacy.Kind]legacy.Rows { return t.Merges }},
		{"Skipped", func(t legacy.TableReport) map[legacy.Kind]legacy.Rows { return t.Skips }},
		{"To look at", func(t legacy.TableReport) map[legacy.Kind]legacy.Rows { return t.Notes }},
	} {
		printKinds(w, part.title, r, part.rows)
	}
	printSettings(w, r.Settings)
	printBeside(w, r)
	fmt.Fprintf(w, "\nInvitations\t%d of staff with a mail address, %d without, %d of patients\nPasswords\t%d imported\n",
		r.Result.InvitesReady, r.Result.InvitesWaiting, r.Result.LoginsToInvite, r.Result.Passwords)
	switch l := r.Letters; {
	case r.DryRun:
		fmt.Fprintf(w, "Letters\t%d would wait to be sent\n", l.Waiting)
	case l.Waiting > 0:
		fmt.Fprintf(w, "Letters\t%d sent, %d wait: run the same command with --send, or send each from the page Staff of the clinic\n", l.Sent, l.Waiting)
	default:
		fmt.Fprintf(w, "Letters\t%d sent, none waits\n", l.Sent)
	}
	return w.Flush()
}

// printBeside says what was made that no row stands for, and which files of the
// media folder no row names.
func printBeside(w io.Writer, r legacy.Report) {
	m := r.Made
	fmt.Fprintf(w, "\nMade\t%d visits for prescriptions of days without one, %d starter medicines put out of use\n", m.Visits, m.StartersRetired)
	if m.MedicinesListed+m.TestsListed > 0 {
		fmt.Fprintf(w, "Listed before\t%d medicines, %d tests: the clinic's own entries stay as they are\n", m.MedicinesListed, m.TestsListed)
	}
	if r.Files.Unlooked {
		fmt.Fprintln(w, "Files\tnot looked at as a whole")
		return
	}
	fmt.Fprintf(w, "Files\t%d in the media folder, %d of them named by a row\n", r.Files.OnDisk, r.Files.Named)
	for i, name := range r.Files.NoRow {
		if i == shownIDs {
			fmt.Fprintf(w, "Named by no row\t… %d more, see --json\n", len(r.Files.NoRow)-i)
			break
		}
		fmt.Fprintf(w, "Named by no row\t%s\n", name)
	}
}

// printKinds lists what the rules of one class did, table by table.
func printKinds(w io.Writer, title string, r legacy.Report, rows func(legacy.TableReport) map[legacy.Kind]legacy.Rows) {
	begun := false
	for _, table := range slices.Sorted(maps.Keys(r.Tables)) {
		kinds := rows(r.Tables[table])
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			if !begun {
				fmt.Fprintf(w, "\n%s\trule\trows\tids\n", title)
				begun = true
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", table, kind, kinds[kind].Rows, someIDs(kinds[kind].IDs))
		}
	}
}

// someIDs names the first ids.
func someIDs(ids legacy.IDs) string {
	if ids.All {
		return "all"
	}
	words := make([]string, 0, shownIDs+1)
	for i, id := range ids.List {
		if i == shownIDs {
			words = append(words, "…")
			break
		}
		words = append(words, strconv.FormatInt(id, 10))
	}
	return strings.Join(words, " ")
}

func printSettings(w io.Writer, s legacy.Settings) {
	if len(s.Filled)+len(s.Kept)+len(s.Left) == 0 {
		return
	}
	fmt.Fprintf(w, "\nSettings filled\t%s\n", strings.Join(s.Filled, ", "))
	if len(s.Kept) > 0 {
		fmt.Fprintf(w, "Settings kept\t%s\n", strings.Join(s.Kept, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Left)) {
		fmt.Fprintf(w, "Setting left\t%s: %s\n", name, s.Left[name])
	}
}
