// Package page holds the whole pages: for each a struct with all it shows, in
// strings ready for the reader, and the templ that draws it. A page decides
// nothing: handlers fill its struct from the slices and the reader's
// capabilities, and what a struct leaves out is not on the page. No query,
// service, request or session belongs here.
package page

import (
	"net/url"

	"github.com/cloister-health/cloister/internal/web/ui"
)

// Base is a clinic's root, "/clinic/northside"; its methods are the addresses
// that pages link to, so that each is written once.
type Base string

// At gives an address below the clinic's root.
func (b Base) At(path string) string { return string(b) + path }

// Query gives an address with parameters, in pairs of name and value; empty
// values are left out.
func (b Base) Query(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return b.At(path)
	}
	return b.At(path) + "?" + q.Encode()
}

// Patient is a patient's page.
func (b Base) Patient(id string) string { return b.At("/patients/" + id) }

// CheckIn is the check-in form of a patient.
func (b Base) CheckIn(id string) string { return b.At("/patients/" + id + "/check-in") }

// Visit is the address of a visit, or of one of its moves.
func (b Base) Visit(id, move string) string {
	if move == "" {
		return b.At("/visits/" + id)
	}
	return b.At("/visits/" + id + "/" + move)
}

// Person is a patient as a row or a match shows one.
type Person struct {
	ID     string
	Name   string
	Local  ui.Words
	SexAge string // "F · 34 y"
	Number string // "PT-2026-00418"
	Phone  string // masked
}

func sexOptions(female, male, other string) []ui.Option {
	return []ui.Option{{Value: "female", Label: female}, {Value: "male", Label: male}, {Value: "other", Label: other}}
}
