package migrate

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/text/secure/precis"
)

// scramIterations is what Postgres itself uses by default.
const scramIterations = 4096

// ScramVerifier makes what Postgres keeps of a password (RFC 5802 and 7677;
// PostgreSQL's documentation, pg_authid.rolpassword). Each sign-in costs the client
// the iterations, of which there is at least one.
func ScramVerifier(password string, iterations int) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	return verifier(password, salt, iterations)
}

func verifier(password string, salt []byte, iterations int) string {
	if prepared, err := precis.OpaqueString.String(password); err == nil {
		password = prepared // as the driver does before it signs in
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		panic(err) // the lengths are constants
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(stored[:]), b64(mac(salted, "Server Key")))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// scramMatches tells whether a kept verifier is the password's.
func scramMatches(kept, password string) bool {
	head, rest, ok := strings.Cut(strings.TrimPrefix(kept, "SCRAM-SHA-256$"), ":")
	if !ok {
		return false
	}
	iterations, err := strconv.Atoi(head)
	if err != nil || iterations < 1 || iterations > 10_000_000 {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(strings.SplitN(rest, "$", 2)[0])
	if err != nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(kept), []byte(verifier(password, salt, iterations))) == 1
}
