package backup

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"filippo.io/age"

	"github.com/cloister-health/cloister/internal/keys"
)

// stanzaType names the line of an age header that this installation opens.
const stanzaType = "cloister-installation"

// installation locks archives for, and opens those of, one installation: it
// wraps the age file's key under one that is derived from the master key, so
// that an archive needs no other secret to come back to where it was made.
type installation struct {
	name string // fingerprint
	aead cipher.AEAD
	seal []byte
}

var (
	_ age.Recipient = (*installation)(nil)
	_ age.Identity  = (*installation)(nil)
)

func newInstallation(m *keys.Master) (*installation, error) {
	open, seal := m.ArchiveKeys()
	block, err := aes.NewCipher(open)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("cloister installation "), m.Check()...))
	return &installation{name: hex.EncodeToString(sum[:8]), aead: aead, seal: seal}, nil
}

// Wrap makes the header's line.
func (i *installation) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	nonce := make([]byte, i.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return []*age.Stanza{{Type: stanzaType, Args: []string{i.name}, Body: i.aead.Seal(nonce, nonce, fileKey, []byte(stanzaType))}}, nil
}

// Unwrap opens the header's line. Errors: age.ErrIncorrectIdentity when none is
// for this installation.
func (i *installation) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type != stanzaType || len(s.Args) != 1 || s.Args[0] != i.name || len(s.Body) < i.aead.NonceSize() {
			continue
		}
		n := i.aead.NonceSize()
		key, err := i.aead.Open(nil, s.Body[:n], s.Body[n:], []byte(stanzaType))
		if err != nil {
			return nil, errors.New("the archive names this installation, and its key does not open it")
		}
		return key, nil
	}
	return nil, age.ErrIncorrectIdentity
}

// mac is the seal over an archive's first entry and its manifest.
func (i *installation) mac(header, manifest [sha256.Size]byte) []byte {
	m := hmac.New(sha256.New, i.seal)
	m.Write([]byte("cloister archive|"))
	m.Write(header[:])
	m.Write(manifest[:])
	return []byte(hex.EncodeToString(m.Sum(nil)))
}

// ParseRecipients reads age public keys, one a text.
func ParseRecipients(texts []string) ([]age.Recipient, error) {
	var out []age.Recipient
	for _, t := range texts {
		r, err := age.ParseX25519Recipient(t)
		if err != nil {
			return nil, errors.New("is no age public key, such as age1…")
		}
		out = append(out, r)
	}
	return out, nil
}

// ParseIdentities reads a file of age secret keys. Its errors quote nothing.
func ParseIdentities(r io.Reader) ([]age.Identity, error) {
	ids, err := age.ParseIdentities(r)
	if err != nil {
		return nil, errors.New("holds no age secret key (AGE-SECRET-KEY-1…)")
	}
	return ids, nil
}
