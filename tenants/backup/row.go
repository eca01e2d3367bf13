package backup

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/keys"
)

// A row of COPY text is its fields with tabs between them; a tab or newline in
// a value is escaped, so a line can be taken apart without reading the values.

var null = []byte(`\N`)

func fieldsOf(line []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\t'})
}

func lineOf(to []byte, fields [][]byte) []byte {
	for i, f := range fields {
		if i > 0 {
			to = append(to, '\t')
		}
		to = append(to, f...)
	}
	return append(to, '\n')
}

var (
	escape   = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\b", `\b`, "\f", `\f`, "\v", `\v`)
	unescape = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r", `\b`, "\b", `\f`, "\f", `\v`, "\v")
)

// bytea fields are \x and hex, whose backslash is escaped.
func byteaField(v []byte) []byte {
	if v == nil {
		return null
	}
	out := make([]byte, 0, 3+2*len(v))
	return hex.AppendEncode(append(out, `\\x`...), v)
}

func fieldBytea(f []byte) ([]byte, error) {
	if bytes.Equal(f, null) {
		return nil, nil
	}
	digits, ok := bytes.CutPrefix(f, []byte(`\\x`))
	if !ok {
		return nil, fmt.Errorf("no bytes in hex")
	}
	out := make([]byte, hex.DecodedLen(len(digits)))
	_, err := hex.Decode(out, digits)
	return out, err
}

// The first byte of an opened value.
const (
	markSealed byte = iota // the ciphertext, which did not open
	markOpen               // the value
)

// keyhole opens and seals values of one clinic's rows.
type keyhole struct {
	keyset *keys.Keyset
	failed int64 // values that did not open
}

// place binds a value to its row: the key is the column id.
func place(t Table, fields [][]byte, column string) (keys.Place, error) {
	i := t.column("id")
	if i < 0 {
		return keys.Place{}, fmt.Errorf("%s.%s is encrypted and its row has no id", t.Name, column)
	}
	id, err := uuid.ParseBytes(fields[i])
	return keys.Place{Table: t.Name, Row: id, Column: column}, err
}

// open turns the ciphertexts of a row into what the archive holds of them.
func (k *keyhole) open(t Table, fields [][]byte) error {
	for i, c := range t.Columns {
		if !c.Opened || bytes.Equal(fields[i], null) {
			continue
		}
		sealed, err := fieldBytea(fields[i])
		if err != nil {
			return err
		}
		at, err := place(t, fields, c.Name)
		if err != nil {
			return err
		}
		out := append([]byte{markSealed}, sealed...)
		if plain, err := k.keyset.Decrypt(at, sealed); err == nil {
			out = append([]byte{markOpen}, plain...)
		} else {
			k.failed++
		}
		fields[i] = byteaField(out)
	}
	return nil
}

// close is open's other way, for the clinic that the row comes to. raw, one for
// each column, keeps what stood open, for what is made from it.
func (k *keyhole) close(t Table, fields [][]byte) error {
	for i, c := range t.Columns {
		if !c.Opened || bytes.Equal(fields[i], null) {
			continue
		}
		value, err := fieldBytea(fields[i])
		if err != nil || len(value) == 0 || value[0] > markOpen {
			return broken(fmt.Sprintf("holds a value of %s.%s that is none", t.Name, c.Name))
		}
		if value[0] == markSealed {
			fields[i] = byteaField(value[1:])
			continue
		}
		at, err := place(t, fields, c.Name)
		if err != nil {
			return broken(fmt.Sprintf("holds a row of %s without an id", t.Name))
		}
		sealed, err := k.keyset.Encrypt(at, value[1:])
		if err != nil {
			return err
		}
		fields[i] = byteaField(sealed)
	}
	return nil
}

// loadedRow is a row as the archive has it, for the columns that are made.
type loadedRow struct {
	t      Table
	fields [][]byte
	keyset *keys.Keyset
}

func (r loadedRow) text(column string) string {
	i := r.t.column(column)
	if i < 0 || bytes.Equal(r.fields[i], null) {
		return ""
	}
	return unescape.Replace(string(r.fields[i]))
}

// blind is the index that finds an equal value of the same kind.
func (r loadedRow) blind(name, of, kind string) ([]byte, error) {
	i := r.t.column(of)
	if i < 0 {
		return nil, nil
	}
	value, err := fieldBytea(r.fields[i])
	switch {
	case err != nil:
		return nil, broken(fmt.Sprintf("holds a value of %s that is none", name))
	case value == nil:
		return nil, nil
	case len(value) == 0 || value[0] != markOpen: // it is found by nothing, as before
		return unguessable(), nil
	}
	return r.keyset.BlindIndex(name+"."+r.text(kind), string(value[1:]))
}

func unguessable() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return b
}

func unguessableIf(yes bool) []byte {
	if yes {
		return unguessable()
	}
	return nil
}
