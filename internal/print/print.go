// Package print turns pages into PDF files with a Chromium that is kept warm.
//
// A document is the page that a person would print, with the files it names: one
// source for both. The browser gets nothing else: no network, no script, and no
// port that somebody on the machine could connect to. What stands on a document
// is the business of the pages; nothing here knows a clinic or a patient.
package print

import (
	"errors"

	"github.com/cloister-health/cloister/internal/apperr"
)

// Document is a page and what it may ask for while it is drawn. The size and the
// margins of the paper, and what repeats on each page, are the page's own to say,
// in CSS (@page).
type Document struct {
	HTML []byte
	For  string // whose it is: each waits behind the few of others and the rest of its own
	// File gives a file that the page names by its path, such as a stylesheet or
	// a font, with its media type. It is called from other goroutines.
	File func(path string) (body []byte, kind string, ok bool)
}

// ErrNoBrowser says that there is no Chromium on this machine.
var ErrNoBrowser = apperr.New(apperr.Unavailable, "error.pdf.browser",
	"No PDF can be made here, because Chromium is not installed on the server (Debian: apt-get install chromium). Print the page instead")

// errRefused is a document that names what it may not have: a fault of the page.
var errRefused = errors.New("print: the page asks for what is not its own")
