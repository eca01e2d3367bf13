package identity_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/identity"
)

func cheapSum(pw string) string {
	return base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(pw), []byte("0123456789abcdef"), 2, 8192, 1, 32))
}

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	a, err := identity.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := identity.HashPassword(password)
	if a == b {
		t.Error("two hashes of one password are the same: no salt")
	}
	if ok, old, err := identity.VerifyPassword(a, password); !ok || old || err != nil {
		t.Error(ok, old, err)
	}
	if ok, _, err := identity.VerifyPassword(a, password+" "); ok || err != nil {
		t.Error(ok, err)
	}
	// The same letters typed as one character or as letter and accent.
	c, _ := identity.HashPassword("caf\u00e9 orchestra lantern")
	if ok, _, _ := identity.VerifyPassword(c, "cafe\u0301 orchestra lantern"); !ok {
		t.Error("a password depends on how the keyboard composes it")
	}
	if _, _, err := identity.VerifyPassword(identity.DummyHash, password); err != nil {
		t.Errorf("the dummy hash: %v", err)
	}
	for _, bad := range []string{"", "x", "$argon2i$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + cheapSum("x"),
		"$argon2id$v=19$m=4194304,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + cheapSum("x"),
		"$argon2id$v=19$m=19456,t=0,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + cheapSum("x"),
		"$argon2id$v=19$m=19456,t=2,p=1$$"} {
		if ok, _, err := identity.VerifyPassword(bad, "x"); ok || err == nil {
			t.Errorf("%q: %v %v", bad, ok, err)
		}
	}
}

func TestPasswordRule(t *testing.T) {
	t.Parallel()
	for pw, key := range map[string]string{
		"":                             "error.password.empty",
		"short one":                    "error.password.short",
		"elevenchars":                  "error.password.short",
		"आठ अक्षर":                     "error.password.short",
		strings.Repeat("long ", 300):   "error.password.long",
		"aaaaaaaaaaaaaaaa":             "error.password.common",
		"123456789012":                 "error.password.common",
		"passwordpassword":             "error.password.common",
		"Password@2026":                "error.password.common",
		"P@ssw0rd12345":                "error.password.common",
		"qwertyuiop123":                "error.password.common",
		"abcdefghijkl":                 "error.password.common",
		"iloveyou143143":               "error.password.common",
		"Welcome@12345":                "error.password.common",
		"Hospital@2026!":               "error.password.common",
		"jaishreeram108":               "error.password.common",
		"ganpatibappa1":                "",
		"Northside@2026":               "error.password.common",
		"kulkarni@2026!":               "error.password.common",
		"1q2w3e4r5t6y":                 "error.password.common",
		"seven purple tractors sing":   "",
		"correct horse battery staple": "",
		"Tz7#qLw9!mRx2":                "",
		"मेरा बहुत लंबा गुप्त वाक्य है": "",
	} {
		var p apperr.Problems
		identity.CheckPassword(&p, "password", pw, "Asha Kulkarni", "Northside Clinic")
		var got string
		if err := (*apperr.Error)(nil); errors.As(p.Err(), &err) {
			got = err.Fields[0].Key
			if err.Fields[0].Name != "password" || (pw != "" && strings.Contains(err.Error(), pw)) {
				t.Errorf("%q: %v", pw, err)
			}
		}
		if got != key {
			t.Errorf("%q: %q, want %q", pw, got, key)
		}
	}
}

func FuzzPasswordRule(f *testing.F) {
	f.Add("Password@2026", "Northside Clinic")
	f.Add("\xff\x00aaaaaaaaaaaaaaaa", "")
	f.Fuzz(func(t *testing.T, pw, name string) {
		if len(pw) > 2000 {
			return
		}
		var p apperr.Problems
		identity.CheckPassword(&p, "password", pw, name)
	})
}

func FuzzHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + cheapSum("x"))
	f.Add(identity.DummyHash)
	f.Fuzz(func(t *testing.T, hash string) {
		if strings.Contains(hash, "m=") && !strings.Contains(hash, "m=8,") {
			return // the costs are bounded by a test of their own
		}
		_, _, _ = identity.VerifyPassword(hash, "x")
	})
}
