// Package phi holds the types of patients' values. They refuse to print
// themselves, so that a name or a phone can't reach a log line, an error text
// or a metric by accident; a page or a document that must show one says Reveal.
// Nothing but such types belongs here.
package phi

import (
	"database/sql/driver"
	"fmt"
)

const hidden = "[hidden]"

// Text is personal or clinical text.
type Text string

// Reveal gives the text itself; call it only where a person with the right to
// see it will read it.
func (t Text) Reveal() string { return string(t) }

// String, GoString, Format, MarshalText and MarshalJSON hide the text.
func (t Text) String() string { return hidden }

// GoString hides the text from %#v.
func (t Text) GoString() string { return hidden }

// Format hides the text from every verb.
func (t Text) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(hidden)) }

// MarshalText hides the text from encoders.
func (t Text) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Value hands the text to the database driver. Without it the driver would
// take String and store the mask.
func (t Text) Value() (driver.Value, error) { return string(t), nil }

// Scan takes the text from the database driver; NULL becomes empty.
func (t *Text) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = ""
	case string:
		*t = Text(v)
	case []byte:
		*t = Text(v)
	default:
		return fmt.Errorf("phi: cannot scan %T", src)
	}
	return nil
}
