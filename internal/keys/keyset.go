package keys

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrDestroyed says that the clinic's keyset is gone, and with it everything
// that was encrypted under it.
var ErrDestroyed = errors.New("the clinic's keyset was destroyed")

// ErrSealed says that a value can't be opened here: it was written for another
// clinic, row or column, or it was changed.
var ErrSealed = errors.New("the value does not open in this place")

// Place is where an encrypted value stands. It is the associated data, so that
// a value moved to another row or column does not open there.
type Place struct {
	Table  string
	Row    uuid.UUID
	Column string
}

// Keyset encrypts the values of one clinic. It is safe for concurrent use and
// prints as [hidden].
type Keyset struct {
	clinic uuid.UUID
	aead   tink.AEAD
	prf    *prf.Set
}

// String hides the keys.
func (k Keyset) String() string { return "[hidden]" }

// GoString hides the keys from %#v.
func (k Keyset) GoString() string { return "[hidden]" }

const (
	blindSize      = 32
	wrappedVersion = 1
)

// NewKeyset makes a clinic's keyset: an AEAD keyset and a PRF keyset, each
// encrypted under the master's key-encryption key with the clinic as associated
// data, in one value for platform.keysets.wrapped.
func (m *Master) NewKeyset(clinic uuid.UUID) ([]byte, *Keyset, error) {
	sealer, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, nil, err
	}
	blinder, err := keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate())
	if err != nil {
		return nil, nil, err
	}
	kek, err := m.kek()
	if err != nil {
		return nil, nil, err
	}
	wrapped := []byte{wrappedVersion}
	if wrapped, err = appendPart(wrapped, sealer, kek, clinic, "aead"); err != nil {
		return nil, nil, err
	}
	if wrapped, err = appendPart(wrapped, blinder, kek, clinic, "prf"); err != nil {
		return nil, nil, err
	}
	k, err := newKeyset(clinic, sealer, blinder)
	return wrapped, k, err
}

// OpenKeyset unwraps what NewKeyset wrapped. Errors: ErrDestroyed for an empty
// value, ErrWrong when the master key or the clinic is another.
func (m *Master) OpenKeyset(clinic uuid.UUID, wrapped []byte) (*Keyset, error) {
	if len(wrapped) == 0 {
		return nil, ErrDestroyed
	}
	if wrapped[0] != wrappedVersion {
		return nil, fmt.Errorf("the clinic's keyset is of version %d, which this program does not know", wrapped[0])
	}
	kek, err := m.kek()
	if err != nil {
		return nil, err
	}
	rest := wrapped[1:]
	sealer, rest, err := takePart(rest, kek, clinic, "aead")
	if err != nil {
		return nil, err
	}
	blinder, _, err := takePart(rest, kek, clinic, "prf")
	if err != nil {
		return nil, err
	}
	return newKeyset(clinic, sealer, blinder)
}

func (m *Master) kek() (tink.AEAD, error) { return subtle.NewAESGCM(m.derive("cloister keyset v1")) }

func newKeyset(clinic uuid.UUID, sealer, blinder *keyset.Handle) (*Keyset, error) {
	a, err := aead.New(sealer)
	if err != nil {
		return nil, err
	}
	p, err := prf.NewPRFSet(blinder)
	if err != nil {
		return nil, err
	}
	return &Keyset{clinic: clinic, aead: a, prf: p}, nil
}

func keysetName(clinic uuid.UUID, part string) []byte {
	return []byte("cloister keyset|" + clinic.String() + "|" + part)
}

func appendPart(to []byte, h *keyset.Handle, kek tink.AEAD, clinic uuid.UUID, part string) ([]byte, error) {
	var b bytes.Buffer
	if err := h.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), kek, keysetName(clinic, part)); err != nil {
		return nil, err
	}
	to = binary.BigEndian.AppendUint32(to, uint32(b.Len()))
	return append(to, b.Bytes()...), nil
}

func takePart(from []byte, kek tink.AEAD, clinic uuid.UUID, part string) (*keyset.Handle, []byte, error) {
	if len(from) < 4 || uint64(len(from)-4) < uint64(binary.BigEndian.Uint32(from)) {
		return nil, nil, errors.New("the clinic's keyset is cut short")
	}
	n := 4 + int(binary.BigEndian.Uint32(from))
	h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(from[4:n])), kek, keysetName(clinic, part))
	if err != nil {
		return nil, nil, ErrWrong
	}
	return h, from[n:], nil
}

// Encrypt seals a value for one place.
func (k *Keyset) Encrypt(at Place, value []byte) ([]byte, error) {
	return k.aead.Encrypt(value, k.name(at))
}

// Decrypt opens a value sealed for the place. Errors: ErrSealed.
func (k *Keyset) Decrypt(at Place, sealed []byte) ([]byte, error) {
	b, err := k.aead.Decrypt(sealed, k.name(at))
	if err != nil {
		return nil, ErrSealed
	}
	return b, nil
}

// name has no two readings: uuids are of one length and no table or column of
// ours has a bar in its name.
func (k *Keyset) name(at Place) []byte {
	return []byte(k.clinic.String() + "|" + at.Table + "|" + at.Row.String() + "|" + at.Column)
}

// BlindIndex gives 32 bytes that are equal for equal values of one kind (such as
// "patients.id_cipher") in one clinic and tell nothing else. The caller brings the
// value into its one spelling first.
func (k *Keyset) BlindIndex(kind, value string) ([]byte, error) {
	return k.prf.ComputePrimaryPRF([]byte(kind+"|"+value), blindSize)
}
