// Package paper holds the documents that are printed or made into PDF: one templ
// each, from one source for both. A paper has its own stylesheet and nothing of
// the screens but the few buttons around it, which are not printed. Its struct
// holds strings ready for the reader, in the reader's language; no query,
// service, request or session belongs here, and no renderer.
package paper

import (
	"slices"

	"github.com/cloister-health/cloister/internal/web/ui"
)

// Sizes of paper that a document may ask for, the usual one first.
func Sizes() []string { return []string{"a5", "a4"} }

// SizeOf is the size of that name, or the usual one.
func SizeOf(name string) string {
	if slices.Contains(Sizes(), name) {
		return name
	}
	return Sizes()[0]
}

// Sheet is what every paper has.
type Sheet struct {
	Size    string // one of Sizes
	Title   string
	Head    Head
	Patient Patient
	Facts   []string // beside the patient: number, date
	Mark    string   // across every page, when it is not valid: "DRAFT – NOT VALID"
	Void    string   // why it is not valid, in a box: "Replaced by RX-2026-00872"
	Note    string   // what it is to another paper: "Replaces RX-2026-00870: dose"
	Foot    string   // at the end of the last page
	Screen  Screen
}

// Head is the letterhead; Blank leaves room for one that is on the paper.
type Head struct {
	Blank    bool
	OffsetMM int // of room, when Blank
	Logo     string
	Clinic   string
	Local    ui.Words
	Lines    []string // address and phone; registration number
	Doctor   string
	Titles   []string // qualification; licence number
}

// Patient is whom the paper is about. It stands on every page.
type Patient struct {
	Name      string
	Local     ui.Words
	Facts     []string // sex and age, number
	Allergies string   // printed in a box; empty when none is known of
	NoneKnown bool     // it is known that there are none
}

// Screen is what stands around the paper on a screen, in the language of who
// sits there, which may not be the paper's.
type Screen struct {
	Lang    string
	Label   string // of the whole, for screen readers
	Back    ui.Button
	Links   []ui.Button // what else may be done
	Posts   []ui.Post   // and changes something
	Print   string      // label of the button that prints
	PDF     ui.Button   // the same as PDF
	NoPDF   string      // why there is none, instead
	Choices []Choice
	Now     bool // print as soon as the page is shown
}

// Choice is a way to have the paper otherwise: its size, its head, its language.
type Choice struct {
	Label   string
	Options []Option
}

// Option is one of them; the present one is On.
type Option struct {
	Label, Href, Lang string
	On                bool
}
