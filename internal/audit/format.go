// Package audit is the chain over the clinics' trails: it has the sealer run,
// reads a chain and its rows from the database or from an export, and finds what
// was changed, removed, put in, put elsewhere or cut off. What is on the trail
// is written by triggers and none of its business, and so is showing the trail.
// docs/trail.md has the format byte by byte.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Hash is a SHA-256.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes it in hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *Hash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return errors.New("is no SHA-256 in hexadecimal")
	}
	copy(h[:], b)
	return nil
}

// Places of the fields of a row, in the order in which they are hashed.
const (
	fieldID = iota
	_       // at, in microseconds since 1970
	fieldXact
	_ // actor
	_ // actor_role
	_ // request_id
	_ // address
	_ // reason
	_ // action
	_ // outcome
	_ // entity
	_ // record_id
	_ // patient_id
	_ // before
	_ // after
	fields
)

// Row is a row of the trail as it is hashed: text, or nil for null. It holds
// what people did with patients and is printed nowhere.
type Row [fields]*string

// key is where a row stands: by its transaction, then by its id.
type key struct {
	xact uint64
	id   uuid.UUID
}

func (k key) less(other key) bool {
	return k.xact < other.xact || k.xact == other.xact && bytes.Compare(k.id[:], other.id[:]) < 0
}

func (r Row) key() (key, error) {
	if r[fieldID] == nil || r[fieldXact] == nil {
		return key{}, errors.New("a row has no id or no transaction")
	}
	id, err := uuid.Parse(*r[fieldID])
	if err != nil {
		return key{}, errors.New("the id of a row is no UUID")
	}
	xact, err := strconv.ParseUint(*r[fieldXact], 10, 64)
	if err != nil {
		return key{}, fmt.Errorf("the transaction of row %s is no number", id)
	}
	return key{xact, id}, nil
}

// hash is what platform.seal_trail makes of the same row.
func (r Row) hash() Hash {
	b := []byte("cloister row 1")
	for _, f := range r {
		if f == nil {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(*f))) //nolint:gosec // Postgres has no longer text
		b = append(b, *f...)
	}
	return sha256.Sum256(b)
}

// entry is what a seal holds of one row.
const entrySize = 16 + sha256.Size

// Seal is one link of a clinic's chain.
type Seal struct {
	Number   int64     `json:"number"`
	SealedAt time.Time `json:"sealed_at"`
	Previous Hash      `json:"previous"`
	LastXact uint64    `json:"last_xact"`
	LastID   uuid.UUID `json:"last_id"`
	Rows     []byte    `json:"rows"`
	Hash     Hash      `json:"hash"`
}

// count is how many rows it covers.
func (s Seal) count() int { return len(s.Rows) / entrySize }

func (s Seal) entry(i int) (uuid.UUID, Hash) {
	e := s.Rows[i*entrySize : (i+1)*entrySize]
	return uuid.UUID(e[:16]), Hash(e[16:])
}

// digest is the hash that the seal should have.
func (s Seal) digest() Hash {
	b := []byte("cloister seal 1")
	b = binary.BigEndian.AppendUint64(b, uint64(s.Number))               //nolint:gosec // as Postgres writes a bigint
	b = binary.BigEndian.AppendUint64(b, uint64(s.SealedAt.UnixMicro())) //nolint:gosec // as Postgres writes a bigint
	b = append(b, s.Previous[:]...)
	return sha256.Sum256(append(b, s.Rows...))
}

// Head is where a clinic's chain stood. Whoever keeps it elsewhere finds a chain
// that was cut off behind it or made anew.
type Head struct {
	Clinic uuid.UUID `json:"clinic"`
	Slug   string    `json:"slug"`
	Number int64     `json:"number"`
	Hash   Hash      `json:"hash"`
}

const headsFormat = "cloister-heads-1"

// Heads is a file of heads.
type Heads struct {
	Format string    `json:"format"`
	At     time.Time `json:"at"`
	Heads  []Head    `json:"heads"`
}

// ParseHeads reads a file of heads.
func ParseHeads(text []byte) (Heads, error) {
	var h Heads
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("the file of heads: %w", err)
	}
	if h.Format != headsFormat {
		return h, fmt.Errorf("the file of heads: its format is %q, not %q", h.Format, headsFormat)
	}
	return h, nil
}

// Of gives the clinic's head, if there is one.
func (h Heads) Of(clinic uuid.UUID) *Head {
	for _, one := range h.Heads {
		if one.Clinic == clinic {
			return &one
		}
	}
	return nil
}
