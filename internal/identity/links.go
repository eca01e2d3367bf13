package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
)

// Links makes the addresses of one-time links. A link's token is the
// invitation's id, whose it is, and an HMAC that binds both to the clinic: no
// token is stored, so a stolen database opens no account.
type Links struct {
	key  []byte
	Base string // of the site, no slash at its end
}

// NewLinks checks the key and the site's address.
func NewLinks(key []byte, base string) (Links, error) {
	if len(key) < 32 {
		return Links{}, fmt.Errorf("identity: the link key has %d bytes, it needs 32", len(key))
	}
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return Links{}, fmt.Errorf("identity: %q is no address of a site, such as https://clinics.example", base)
	}
	return Links{key: append([]byte(nil), key...), Base: strings.TrimRight(base, "/")}, nil
}

// Token is what a one-time link says.
type Token struct {
	Invitation uuid.UUID
	User       uuid.UUID
	Role       access.Role // at the time it was made; the database's word counts
}

const (
	tokenVersion = 1
	macSize      = 16
	tokenBytes   = 2 + 16 + 16 + macSize
)

var errToken = errors.New("identity: not a link of ours")

// Token makes the token of an invitation.
func (l Links) Token(clinic uuid.UUID, t Token) (string, error) {
	n := roleNumber(t.Role)
	if n < 0 {
		return "", fmt.Errorf("identity: role %q gets no link", t.Role)
	}
	b := make([]byte, 0, tokenBytes)
	b = append(b, tokenVersion, byte(n))
	b = append(b, t.Invitation[:]...)
	b = append(b, t.User[:]...)
	b = append(b, l.mac(clinic, b)...)
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// Read gives back what a token says if this clinic's links are made so.
func (l Links) Read(clinic uuid.UUID, token string) (Token, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != tokenBytes || b[0] != tokenVersion {
		return Token{}, errToken
	}
	said := b[:tokenBytes-macSize]
	if subtle.ConstantTimeCompare(b[tokenBytes-macSize:], l.mac(clinic, said)) != 1 {
		return Token{}, errToken
	}
	roles := access.StaffRoles()
	if int(b[1]) >= len(roles) {
		return Token{}, errToken
	}
	t := Token{Role: roles[b[1]]}
	copy(t.Invitation[:], b[2:18])
	copy(t.User[:], b[18:34])
	return t, nil
}

func (l Links) mac(clinic uuid.UUID, said []byte) []byte {
	m := hmac.New(sha256.New, l.key)
	m.Write([]byte("invitation"))
	m.Write(clinic[:])
	m.Write(said)
	return m.Sum(nil)[:macSize]
}

func roleNumber(r access.Role) int {
	for i, x := range access.StaffRoles() {
		if x == r {
			return i
		}
	}
	return -1
}

// URL is the address of a one-time link of a clinic.
func (l Links) URL(clinic uuid.UUID, slug string, t Token) (string, error) {
	token, err := l.Token(clinic, t)
	if err != nil {
		return "", err
	}
	return l.Base + "/clinic/" + slug + "/password/" + token, nil
}
