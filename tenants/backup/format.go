package backup

import (
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/apperr"
)

// The archive, inside out: a tar of the entries below, compressed by zstd,
// encrypted as an age file (age-encryption.org/v1). docs/operations/backup.md
// describes it for readers of other programs; a change here is a change there
// and a new Format.
const (
	// Format is the version of the layout.
	Format = 1

	headerName   = "cloister.json" // first: what it is, and the tables with their columns
	manifestName = "manifest.json" // after the content: counts and digests
	sealName     = "seal"          // last: HMAC of the two, by the installation that wrote it
	tablesDir    = "tables/"       // tables/<table>/<nnnnnn>.copy, the parts of one COPY text
	filesDir     = "files/"        // files/<document>, as it was brought
)

// Bounds of what is read: an archive can come from anywhere.
const (
	maxHeader   = 4 << 20
	maxManifest = 4 << 20
	maxSeal     = 1 << 10
	maxPart     = 64 << 20
	maxRow      = 32 << 20
	maxFile     = 64 << 20
	maxTables   = 500
	maxColumns  = 500
	partSize    = 1 << 20 // what the writer aims at
	// DefaultMaxBytes is how much an archive may unpack to, unless told otherwise.
	DefaultMaxBytes = 256 << 30
	// A clinic's rows compress well, and never like this.
	maxRatio       = 2000
	ratioMattersAt = 64 << 20
)

// Header says what an archive is.
type Header struct {
	Format       int       `json:"format"`
	Product      string    `json:"product"`
	Program      string    `json:"program"`      // version of the program that wrote it
	Installation string    `json:"installation"` // fingerprint of the installation's key
	Migration    int64     `json:"migration"`    // version of the clinic's schema
	MadeAt       time.Time `json:"made_at"`      // of the snapshot
	Scrubbed     bool      `json:"scrubbed"`     // for tests: nobody's data
	Clinic       Clinic    `json:"clinic"`
	Tables       []Table   `json:"tables"` // in the order in which they can be loaded
}

// Clinic is what the registry knew of the clinic.
type Clinic struct {
	ID                 uuid.UUID        `json:"id"`
	Slug               string           `json:"slug"`
	OldSlugs           []string         `json:"old_slugs"`
	Name               string           `json:"name"`
	LocalName          string           `json:"local_name"`
	RegistrationNumber *string          `json:"registration_number"`
	GSTIN              *string          `json:"gstin"`
	Logo               []byte           `json:"logo"` // base64
	BrandColor         *string          `json:"brand_color"`
	Address            string           `json:"address"`
	City               string           `json:"city"`
	State              string           `json:"state"`
	PIN                string           `json:"pin"`
	Phone              string           `json:"phone"`
	Email              string           `json:"email"`
	Website            string           `json:"website"`
	StoreName          string           `json:"store_name"`
	StoreAddress       string           `json:"store_address"`
	StorePhone         string           `json:"store_phone"`
	Zone               string           `json:"zone"`
	Language           string           `json:"language"`
	Status             string           `json:"status"`
	StatusReason       string           `json:"status_reason"`
	Plan               string           `json:"plan"`
	TrialEndsAt        *time.Time       `json:"trial_ends_at"`
	CreatedAt          time.Time        `json:"created_at"`
	Usage              map[string]int64 `json:"usage"`
}

// Table is one table of the clinic. Key are the columns that its rows are
// sorted by, which is its primary key.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
	Key     []string `json:"key"`
}

// Column is one column, in the order of the COPY text. Opened is a value that
// stands encrypted in the database: here its first byte tells whether the rest
// is the value (1) or a ciphertext that did not open (0).
type Column struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Opened bool   `json:"opened,omitempty"`
}

func (t Table) column(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// Manifest counts what an archive holds.
type Manifest struct {
	Header string       `json:"header"` // SHA-256 of the first entry
	Tables []TableCount `json:"tables"` // as in the header
	Files  FileCount    `json:"files"`
}

// TableCount is one table's content; SHA256 is of its parts together.
type TableCount struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// FileCount is what there is of files. SHA256 is of the lines "<id> <bytes>
// <sha256>\n" of all of them, in order. Missing are documents whose file was not
// in the store, and Sealed those whose file did not open.
type FileCount struct {
	Count   int64       `json:"count"`
	Bytes   int64       `json:"bytes"`
	SHA256  string      `json:"sha256"`
	Missing []uuid.UUID `json:"missing,omitempty"`
	Sealed  []uuid.UUID `json:"sealed,omitempty"`
}

// Rows counts the rows of all tables.
func (m Manifest) Rows() int64 {
	var n int64
	for _, t := range m.Tables {
		n += t.Rows
	}
	return n
}

// Differing names the tables, and "files", whose content is not the same in
// both: two exports of one content differ in nothing, whatever clinic, schema or
// keyset they were taken from.
func (m Manifest) Differing(o Manifest) []string {
	theirs := map[string]TableCount{}
	for _, t := range o.Tables {
		theirs[t.Name] = t
	}
	var out []string
	for _, t := range m.Tables {
		if theirs[t.Name] != t {
			out = append(out, t.Name)
		}
		delete(theirs, t.Name)
	}
	for _, t := range o.Tables {
		if _, left := theirs[t.Name]; left {
			out = append(out, t.Name)
		}
	}
	if m.Files.SHA256 != o.Files.SHA256 {
		out = append(out, "files")
	}
	return out
}

// nameForm is what our own tables and columns are called; nothing else comes
// near a statement.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// check looks at a header before anything is done with it.
func (h Header) check() error {
	switch {
	case h.Product != product || h.Format == 0:
		return broken("is no archive of a clinic")
	case h.Format > Format:
		return broken(fmt.Sprintf("has format %d, and this program reads up to %d: take a newer program", h.Format, Format))
	case h.Migration < 1 || h.Clinic.ID == uuid.Nil || h.Clinic.Slug == "" || len(h.Clinic.Slug) > 40 || h.MadeAt.IsZero():
		return broken("does not say whose it is")
	case len(h.Tables) == 0 || len(h.Tables) > maxTables:
		return broken("has no tables, or too many")
	}
	seen := map[string]bool{}
	for _, t := range h.Tables {
		if !nameForm.MatchString(t.Name) || seen[t.Name] {
			return broken(fmt.Sprintf("names a table %.40q, twice or as none is named", t.Name))
		}
		seen[t.Name] = true
		if err := t.check(); err != nil {
			return err
		}
	}
	return nil
}

func (t Table) check() error {
	if len(t.Columns) == 0 || len(t.Columns) > maxColumns || len(t.Key) == 0 {
		return broken(fmt.Sprintf("has no columns or no key for the table %s", t.Name))
	}
	seen := map[string]bool{}
	for _, c := range t.Columns {
		if !nameForm.MatchString(c.Name) || seen[c.Name] {
			return broken(fmt.Sprintf("names a column %.40q of %s, twice or as none is named", c.Name, t.Name))
		}
		seen[c.Name] = true
	}
	for _, k := range t.Key {
		if !seen[k] {
			return broken(fmt.Sprintf("sorts %s by a column that it does not have", t.Name))
		}
	}
	return nil
}

// broken is an archive that can't be taken: an input that is wrong.
func broken(what string) error { return apperr.New(apperr.Invalid, "", "the archive "+what) }

func (t Table) hasOpened() bool {
	for _, c := range t.Columns {
		if c.Opened {
			return true
		}
	}
	return false
}
