package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/cloister-health/cloister/internal/apperr"
)

// The costs of argon2id: 19 MiB and two passes in one lane, as OWASP's
// password storage sheet has it; about 30 ms.
const (
	argonMemory = 19 * 1024 // KiB
	argonPasses = 2
	argonLanes  = 1
	saltSize    = 16
	hashSize    = 32
	// What a stored hash may ask of us at most, so that a row can't be made to
	// take the machine's memory.
	maxMemory = 256 * 1024
	maxPasses = 10
)

// Bounds of a password, in characters and in bytes.
const (
	MinPassword = 12
	maxPassword = 1024
)

var errHash = errors.New("identity: the password hash is malformed")

// HashPassword makes an argon2id hash in the PHC form
// ($argon2id$v=19$m=…,t=…,p=…$salt$hash). It checks nothing; CheckPassword does.
func HashPassword(pw string) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("identity: salt: %w", err)
	}
	return encodeHash(pw, salt), nil
}

func encodeHash(pw string, salt []byte) string {
	h := argon2.IDKey(prepared(pw), salt, argonPasses, argonMemory, argonLanes, hashSize)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes, b64(salt), b64(h))
}

// prepared brings the same characters typed on different keyboards to the same
// bytes (NFC, as RFC 8265 asks).
func prepared(pw string) []byte { return norm.NFC.Bytes([]byte(pw)) }

// VerifyPassword tells whether the password made the hash, and whether the
// hash was made with other costs than today's and should be made anew.
func VerifyPassword(hash, pw string) (ok, old bool, err error) {
	h, err := parseHash(hash)
	if err != nil {
		return false, false, err
	}
	got := argon2.IDKey(prepared(pw), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.sum)))
	ok = subtle.ConstantTimeCompare(got, h.sum) == 1
	return ok, h.memory != argonMemory || h.passes != argonPasses || h.lanes != argonLanes || len(h.sum) != hashSize, nil
}

type parsedHash struct {
	memory, passes uint32
	lanes          uint8
	salt, sum      []byte
}

func parseHash(s string) (parsedHash, error) {
	var h parsedHash
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errHash
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil {
		return h, errHash
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(part[4])
	h.sum, err2 = base64.RawStdEncoding.DecodeString(part[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.sum) < 16 || len(h.sum) > 64 ||
		h.memory == 0 || h.memory > maxMemory || h.passes == 0 || h.passes > maxPasses || h.lanes == 0 || h.lanes > 8 {
		return h, errHash
	}
	return h, nil
}

// dummyHash is what a password is compared with when there is no user: the work
// is the same, so that time doesn't tell who exists. Nobody knows what made it.
var dummyHash = "$argon2id$v=19$m=19456,t=2,p=1$Y2xvaXN0ZXItZHVtbXktcw$WmFyQm9yY2hhcmRXaXRoTm9Eb29yc0luSXRBdEFsbCE"

// verify is VerifyPassword within the bound on hashes at once. An empty or
// malformed hash costs the same and never matches.
func (s *Service) verify(ctx context.Context, hash, pw string) (ok, old bool, err error) {
	release, err := s.hashing(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	if ok, old, err = VerifyPassword(hash, pw); err == nil {
		return ok, old, nil
	}
	_, _, err = VerifyPassword(dummyHash, pw)
	return false, false, err
}

func (s *Service) hash(ctx context.Context, pw string) (string, error) {
	release, err := s.hashing(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return HashPassword(pw)
}

func (s *Service) hashing(ctx context.Context) (release func(), err error) {
	select {
	case s.hashes <- struct{}{}:
		return func() { <-s.hashes }, nil
	case <-ctx.Done():
		return nil, apperr.Wrap(apperr.Unavailable, "error.unavailable", "The service is busy; try again in a moment", context.Cause(ctx))
	}
}

// CheckPassword adds what is wrong with a new password. Context is what a
// guesser would try first: the person's name, username, email, the clinic.
func CheckPassword(p *apperr.Problems, field, pw string, context ...string) {
	n := len([]rune(norm.NFC.String(pw)))
	switch {
	case n == 0:
		p.Add(field, "error.password.empty", "Enter a password")
	case n < MinPassword:
		p.AddArgs(field, "error.password.short", fmt.Sprintf("The password must have %d characters or more", MinPassword), map[string]any{"Min": MinPassword})
	case len(pw) > maxPassword:
		p.Add(field, "error.password.long", "The password is too long")
	case common(pw, context):
		p.Add(field, "error.password.common", "This password is easy to guess: use several words that don't belong together")
	}
}
