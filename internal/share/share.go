// Package share hands a prescription to its patient by a link: signed, good for
// some days, opened by the year of birth or the end of the phone number, and
// ended by whoever made it.
//
// What belongs here: links, how they are handed over, and the way in for who
// opens one. What may not: HTTP, words, and the paper itself.
package share

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/phi"
)

// Channels by which a link is handed over.
const (
	WhatsApp = "whatsapp"
	SMS      = "sms"
	Email    = "email"
	Copy     = "copy" // the sender takes it from the page
)

// Channels lists them in the order of screens.
func Channels() []string { return []string{WhatsApp, SMS, Email, Copy} }

// DefaultDays is how long a link works unless its maker says otherwise.
const DefaultDays = 7

// Terms are the numbers of days that a link may work.
func Terms() []int { return []int{1, 3, DefaultDays, 14, 30} }

// State says what a link is good for, as platform.share_state does.
type State string

// The states of a link. Wrong is the answer to a try only.
const (
	Open      State = "open"
	Revoked   State = "revoked"
	Expired   State = "expired"
	Locked    State = "locked"
	Withdrawn State = "withdrawn" // the prescription was cancelled or replaced
	Wrong     State = "wrong"
)

// A token is a secret that nobody can guess and a MAC over clinic and secret:
// one that this service did not make, or made for another clinic, is refused
// without asking the database. Only its hash is kept.
const (
	secretSize = 16
	macSize    = 16
)

// sign is a MAC of this package's own: what keeps kinds of words apart.
func (s *Service) sign(what string, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, s.linkKey)
	m.Write([]byte("share " + what))
	for _, p := range parts {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		m.Write(p)
	}
	return m.Sum(nil)
}

// token makes the link's token out of its form's key, so that a form sent twice
// shows the same link, and nobody who sees the key can make it.
func (s *Service) token(clinic, key uuid.UUID) string {
	secret := s.sign("secret", clinic[:], key[:])[:secretSize]
	return base64.RawURLEncoding.EncodeToString(append(secret, s.sign("token", clinic[:], secret)[:macSize]...))
}

// decode reads base64 in the one form that this service writes: the library
// would pass over line ends, and one link would have many names.
func decode(text string, size int) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return b, err == nil && len(b) == size && len(text) == base64.RawURLEncoding.EncodedLen(size)
}

// hashOf gives what the database knows of a token, if this service made it for
// this clinic.
func (s *Service) hashOf(clinic uuid.UUID, token string) ([]byte, bool) {
	b, ok := decode(token, secretSize+macSize)
	if !ok || !hmac.Equal(b[secretSize:], s.sign("token", clinic[:], b[:secretSize])[:macSize]) {
		return nil, false
	}
	sum := sha256.Sum256(b)
	return sum[:], true
}

// Opening is what somebody who answered right holds for a short while.
type Opening struct {
	Pass  string // for a cookie of the link's own path
	Until time.Time
}

// openFor is how long an opening lasts; platform.share_try has the same.
const openFor = 15 * time.Minute

// pass binds an opening's key to its link, its address and its end.
func (s *Service) pass(clinic, share uuid.UUID, hash, key []byte, until time.Time) string {
	b := append(append(bytes.Clone(share[:]), key...), binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))...)
	return base64.RawURLEncoding.EncodeToString(append(b, s.sign("pass", clinic[:], hash, b)[:macSize]...))
}

func (s *Service) readPass(clinic uuid.UUID, hash []byte, text string, now time.Time) (share uuid.UUID, key []byte, ok bool) {
	const body = 16 + secretSize + 8
	b, ok := decode(text, body+macSize)
	if !ok || !hmac.Equal(b[body:], s.sign("pass", clinic[:], hash, b[:body])[:macSize]) {
		return share, nil, false
	}
	copy(share[:], b)
	until := time.Unix(int64(binary.BigEndian.Uint64(b[16+secretSize:])), 0)
	return share, b[16 : 16+secretSize], now.Before(until)
}

func newKey() []byte {
	b := make([]byte, secretSize)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// Link is one as staff see it. Its address is nowhere any more.
type Link struct {
	ID          uuid.UUID
	Channel     string
	Recipient   phi.Text
	By          string
	Created     time.Time
	Expires     time.Time
	State       State
	RevokedBy   string
	Revoked     time.Time // zero unless it is
	Delivery    string    // handed, sent or failed; empty while it is under way
	Opened      int
	FirstOpened time.Time // zero if never
	LastOpened  time.Time
	Downloads   int
	WrongTries  int
}
