// Package keys holds the installation's secrets and the clinics' keysets.
//
// One master secret is all an installation has to keep; every other key is
// derived from it or wrapped by it. What belongs here: reading the master
// secret, the derivations, a clinic's keyset (encrypt, decrypt, blind index)
// and the cache of opened keysets. What may not: SQL, a rule about which value
// is worth encrypting, and any way to print a key.
package keys

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Environment variables that name the master secret.
const (
	EnvKey  = "CLOISTER_MASTER_KEY"
	EnvFile = "CLOISTER_MASTER_KEY_FILE"
)

// KeyID names the scope key in signatures and in platform.scope_keys; a new
// number comes with a new derivation.
const KeyID = 1

// Size is the master secret's length in bytes.
const Size = 32

// ErrMissing says that no master secret was given.
var ErrMissing = errors.New("no master key: set " + EnvKey + " (32 bytes in base64, made by `openssl rand -base64 32`) or " + EnvFile + " (a file with the same text)")

// ErrWrong says that the master secret is not the one the database was set up with.
var ErrWrong = errors.New("wrong master key: this database was set up with another one; nothing was changed. Put the right key into " + EnvKey + " or " + EnvFile)

// Master is the installation's secret. It prints as [hidden].
type Master struct {
	secret [Size]byte
	scope  []byte
}

// Load reads the master secret from its base64 text or, when that is empty,
// from the file. Both given is refused: nobody could tell which one counts.
func Load(text, file string) (*Master, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "" && file == "":
		return nil, ErrMissing
	case text != "" && file != "":
		return nil, errors.New("two master keys: set " + EnvKey + " or " + EnvFile + ", not both")
	case file != "":
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the master key's file: %w", err)
		}
		text = strings.TrimSpace(string(b))
	}
	return Parse(text)
}

// Parse reads base64 text, standard or URL alphabet, padded or not.
func Parse(text string) (*Master, error) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
	b, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil || len(b) != Size {
		return nil, fmt.Errorf("the master key must be %d bytes in base64", Size)
	}
	m := &Master{}
	copy(m.secret[:], b)
	m.scope = m.derive("cloister scope v1")
	return m, nil
}

// Generate makes the text of a new master secret.
func Generate() string {
	b := make([]byte, Size)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// String, GoString and MarshalText keep the secret out of logs.
func (m Master) String() string { return "[hidden]" }

// GoString hides the secret from %#v.
func (m Master) GoString() string { return "[hidden]" }

// MarshalText hides the secret from encoders.
func (m Master) MarshalText() ([]byte, error) { return []byte("[hidden]"), nil }

func (m *Master) derive(purpose string) []byte {
	k, err := hkdf.Key(sha256.New, m.secret[:], nil, purpose, Size)
	if err != nil {
		panic(err) // 32 bytes are always to be had
	}
	return k
}

// ScopeKey signs the scope of a transaction.
func (m *Master) ScopeKey() []byte { return append([]byte(nil), m.scope...) }

// LinkKey signs one-time links.
func (m *Master) LinkKey() []byte { return m.derive("cloister link v1") }

// FormKey makes digests of what was entered in forms.
func (m *Master) FormKey() []byte { return m.derive("cloister form v1") }

// ArchiveKeys are the two keys of clinics' archives: one opens those that this
// installation wrote, the other seals what is in them.
func (m *Master) ArchiveKeys() (open, seal []byte) {
	return m.derive("cloister archive v1"), m.derive("cloister archive seal v1")
}

// DatabasePassword is the password of a login whose password was not set, such
// as "cloister_app". It is plain ASCII, so every client can take it.
func (m *Master) DatabasePassword(role string) string {
	return base64.RawURLEncoding.EncodeToString(m.derive("cloister db " + role + " v1"))
}

// Check is what platform.installation keeps of the master secret. It tells
// nothing of any other key.
func (m *Master) Check() []byte { return m.derive("cloister check v1") }

// Verify compares a stored check with this secret's. Errors: ErrWrong.
func (m *Master) Verify(check []byte) error {
	if subtle.ConstantTimeCompare(check, m.Check()) != 1 {
		return ErrWrong
	}
	return nil
}

// ScopePads are the two 64 byte pads of HMAC-SHA256 with the scope key mixed
// in, as platform.scope_keys keeps them.
func (m *Master) ScopePads() (kid string, inner, outer []byte) {
	inner, outer = make([]byte, sha256.BlockSize), make([]byte, sha256.BlockSize)
	copy(inner, m.scope)
	copy(outer, m.scope)
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	return fmt.Sprint(KeyID), inner, outer
}

// SignScope signs clinic (uuid text, empty for none), actor (kind:uuid) and
// Postgres role for app.sig.
func (m *Master) SignScope(clinic, actor, role string) string {
	mac := hmac.New(sha256.New, m.scope)
	mac.Write([]byte(clinic + "|" + actor + "|" + role))
	return fmt.Sprint(KeyID) + ":" + hex.EncodeToString(mac.Sum(nil))
}
