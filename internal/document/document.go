// Package document keeps what patients bring along from elsewhere: reports and
// pictures, as files that are encrypted in the store, and what is said of them.
//
// What belongs here: what a document is, and the service that takes one in,
// shows it, withdraws it and clears away files without a row. What may not: how
// a file is encrypted or looked at (package files) and anything about pages.
package document

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

// Kinds are the kinds of document, in the order forms list them.
func Kinds() []string {
	return []string{"lab", "blood", "xray", "ct", "ultrasound", "ecg", "discharge", "other"}
}

// Document is what is known of a file that was brought along.
type Document struct {
	ID, Patient uuid.UUID
	Kind        string
	Title       phi.Text
	Dated       time.Time // the day that stands on it; zero if none
	Note        phi.Text
	Media       string // application/pdf, image/jpeg or image/png
	Bytes       int64
	Pages       int
	Uploaded    time.Time
	Uploader    string // empty where the patient did
	Withdrawn   time.Time
	Withdrawer  string
	Reason      phi.Text // of the withdrawal
}

// Picture tells whether the document is a picture.
func (d Document) Picture() bool { return strings.HasPrefix(d.Media, "image/") }

// Filename is what the file is called when somebody keeps it: its kind and day
// in the clinic's zone. Nothing that was typed goes into a name that stands
// outside of the record.
func (d Document) Filename(zone *time.Location) string {
	day := d.Dated
	if day.IsZero() {
		day = d.Uploaded.In(zone)
	}
	return d.Kind + "-" + day.Format(time.DateOnly) + files.Extension(d.Media)
}

// Largest is the largest file that is kept, in bytes.
const Largest = files.Largest

// TooLarge is the refusal of a file of more than Largest bytes. Errors: Invalid.
func TooLarge() error { return files.TooLarge() }

// Upload is a file as it was sent, with what the sender says of it.
type Upload struct {
	Kind, Title, Dated, Note string
	Filename                 string // may be empty
	Content                  []byte
}

const (
	longestTitle  = 200
	longestNote   = 1000
	longestReason = 500
	oldestYears   = 120 // of a report, as of a person
)

// said checks what the sender says and gives the day on the report.
func (u *Upload) said(today time.Time) (dated *time.Time, err error) {
	var p apperr.Problems
	u.Title, u.Note = patient.CleanName(u.Title), tidy(u.Note)
	known := false
	for _, k := range Kinds() {
		known = known || k == u.Kind
	}
	if !known {
		p.Add("kind", "error.choose", "Choose one")
	}
	if u.Title == "" {
		p.Add("title", "error.required", "Fill this in")
	}
	text(&p, "title", u.Title, longestTitle)
	text(&p, "note", u.Note, longestNote)
	day, err := patient.ParseDay(u.Dated)
	switch {
	case err != nil:
		p.Add("dated", "error.date.invalid", "Enter a date, such as 23/04/1986")
	case day.IsZero():
	case day.After(today):
		p.Add("dated", "error.document.future", "The date of the report can't be in the future")
	case day.Before(today.AddDate(-oldestYears, 0, 0)):
		p.Add("dated", "error.date.invalid", "Enter a date, such as 23/04/1986")
	default:
		dated = &day
	}
	return dated, p.Err()
}

func tidy(s string) string {
	return strings.TrimSpace(patient.Visible(strings.ReplaceAll(s, "\r\n", "\n")))
}

func text(p *apperr.Problems, name, s string, most int) {
	switch {
	case utf8.RuneCountInString(s) > most:
		p.AddArgs(name, "error.too_long", "This is too long", map[string]any{"Max": most})
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		p.Add(name, "error.text.invalid", "This holds signs that are no text")
	}
}
