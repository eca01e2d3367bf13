package keys

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/google/uuid"
)

// macSize cuts a link's MAC to 128 bits: nobody finds one by trying.
const macSize = 16

// Links makes and checks the keys in links that somebody without an account
// opens. A key is an id and a MAC over what it opens and where, so none opens
// another clinic's record, or one of another kind.
type Links struct{ key []byte }

// NewLinks signs with the key.
func NewLinks(key []byte) Links { return Links{append([]byte(nil), key...)} }

// Key is the text for a link to a record. A raised generation makes the links of
// the one before worthless.
func (l Links) Key(what string, clinic, id uuid.UUID, generation int32) string {
	return base64.RawURLEncoding.EncodeToString(append(bytes.Clone(id[:]), l.mac(what, clinic, id, generation)...))
}

// Right tells whether a key's MAC is the one that Key would make.
func (l Links) Right(what string, clinic, id uuid.UUID, generation int32, mac []byte) bool {
	return hmac.Equal(mac, l.mac(what, clinic, id, generation))
}

func (l Links) mac(what string, clinic, id uuid.UUID, generation int32) []byte {
	m := hmac.New(sha256.New, l.key)
	m.Write([]byte(what))
	m.Write(clinic[:])
	m.Write(id[:])
	m.Write(binary.BigEndian.AppendUint32(nil, uint32(generation)))
	return m.Sum(nil)[:macSize]
}

// ReadLink takes a key's text apart; there is one text for each key.
func ReadLink(text string) (id uuid.UUID, mac []byte, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(id)+macSize {
		return id, nil, false
	}
	copy(id[:], b)
	return id, b[len(id):], true
}
