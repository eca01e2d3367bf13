package keys_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/keys"
)

func master(t *testing.T) *keys.Master {
	t.Helper()
	m, err := keys.Parse(keys.Generate())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func keyset(t *testing.T, m *keys.Master, clinic uuid.UUID) (*keys.Keyset, []byte) {
	t.Helper()
	wrapped, k, err := m.NewKeyset(clinic)
	if err != nil {
		t.Fatal(err)
	}
	return k, wrapped
}

func TestLoad(t *testing.T) {
	t.Parallel()
	text := keys.Generate()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fromText, err := keys.Load(text, "")
	if err != nil {
		t.Fatal(err)
	}
	fromFile, err := keys.Load("", file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fromText.Check(), fromFile.Check()) {
		t.Error("the file and the text gave two keys")
	}
	urlAlphabet := strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	if m, err := keys.Parse(urlAlphabet); err != nil || m.Verify(fromText.Check()) != nil {
		t.Errorf("the URL alphabet: %v", err)
	}
	for name, in := range map[string][2]string{
		"nothing": {}, "both": {text, file}, "short": {"c2hvcnQ=", ""}, "no base64": {"%%%", ""},
		"no file": {"", file + ".gone"}, "long": {text + text, ""},
	} {
		if _, err := keys.Load(in[0], in[1]); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
	if _, err := keys.Load("", ""); !errors.Is(err, keys.ErrMissing) {
		t.Errorf("a missing key is %v", err)
	}
}

func TestDerivationsAreStableAndApart(t *testing.T) {
	t.Parallel()
	// Fixed by the installations that exist: a change here would lock them out.
	m, err := keys.Parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for name, k := range map[string][]byte{"scope": m.ScopeKey(), "link": m.LinkKey(), "form": m.FormKey(), "check": m.Check(),
		"app": []byte(m.DatabasePassword("cloister_app")), "migrator": []byte(m.DatabasePassword("cloister_migrator"))} {
		if other, ok := seen[string(k)]; ok {
			t.Errorf("%s and %s are one key", name, other)
		}
		seen[string(k)] = name
	}
	const want = "1:5bae06c2"
	if sig := m.SignScope("c", "system:x", "cloister_owner"); !strings.HasPrefix(sig, want) {
		t.Errorf("the signature is %s, it was %s…", sig, want)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	a, b := master(t), master(t)
	if err := a.Verify(a.Check()); err != nil {
		t.Error(err)
	}
	if err := b.Verify(a.Check()); !errors.Is(err, keys.ErrWrong) {
		t.Errorf("another key: %v", err)
	}
}

func TestAValueOpensInItsPlaceOnly(t *testing.T) {
	t.Parallel()
	m, clinic := master(t), uuid.New()
	k, wrapped := keyset(t, m, clinic)
	other, _ := keyset(t, m, uuid.New())
	at := keys.Place{Table: "patients", Row: uuid.New(), Column: "id_cipher"}
	sealed, err := k.Encrypt(at, []byte("0000 1111 2222"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.OpenKeyset(clinic, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := again.Decrypt(at, sealed); err != nil || string(v) != "0000 1111 2222" {
		t.Fatalf("in its place: %q, %v", v, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another row":    func() ([]byte, error) { return k.Decrypt(keys.Place{at.Table, uuid.New(), at.Column}, sealed) },
		"another column": func() ([]byte, error) { return k.Decrypt(keys.Place{at.Table, at.Row, "photo_cipher"}, sealed) },
		"another table":  func() ([]byte, error) { return k.Decrypt(keys.Place{"users", at.Row, at.Column}, sealed) },
		"another clinic": func() ([]byte, error) { return other.Decrypt(at, sealed) },
		"changed":        func() ([]byte, error) { return k.Decrypt(at, changed) },
		"empty":          func() ([]byte, error) { return k.Decrypt(at, nil) },
	} {
		if v, err := open(); !errors.Is(err, keys.ErrSealed) || v != nil {
			t.Errorf("%s: %q, %v", name, v, err)
		}
	}
}

func TestAKeysetOpensUnderItsMasterAndClinicOnly(t *testing.T) {
	t.Parallel()
	m, clinic := master(t), uuid.New()
	_, wrapped := keyset(t, m, clinic)
	if _, err := master(t).OpenKeyset(clinic, wrapped); !errors.Is(err, keys.ErrWrong) {
		t.Errorf("another master: %v", err)
	}
	if _, err := m.OpenKeyset(uuid.New(), wrapped); !errors.Is(err, keys.ErrWrong) {
		t.Errorf("another clinic's row: %v", err)
	}
	if _, err := m.OpenKeyset(clinic, nil); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("a destroyed keyset: %v", err)
	}
	for n := range wrapped {
		if _, err := m.OpenKeyset(clinic, wrapped[:n]); err == nil {
			t.Fatalf("the first %d bytes opened", n)
		}
	}
}

func TestBlindIndex(t *testing.T) {
	t.Parallel()
	m := master(t)
	k, _ := keyset(t, m, uuid.New())
	other, _ := keyset(t, m, uuid.New())
	index := func(k *keys.Keyset, kind, v string) string {
		b, err := k.BlindIndex(kind, v)
		if err != nil || len(b) != 32 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		return string(b)
	}
	one := index(k, "aadhaar", "000011112222")
	if one != index(k, "aadhaar", "000011112222") {
		t.Error("equal values have two indexes")
	}
	for name, v := range map[string]string{"value": index(k, "aadhaar", "000011112223"), "kind": index(k, "pan", "000011112222"),
		"clinic": index(other, "aadhaar", "000011112222")} {
		if v == one {
			t.Errorf("another %s has the same index", name)
		}
	}
}

func TestRingKeepsForgetsAndLooksAgain(t *testing.T) {
	t.Parallel()
	m, clinic := master(t), uuid.New()
	_, wrapped := keyset(t, m, clinic)
	now := time.Unix(0, 0)
	ring := keys.NewRing(m, func() time.Time { return now })
	fetched := 0
	get := func() error {
		_, err := ring.Keyset(t.Context(), clinic, func(context.Context) ([]byte, error) { fetched++; return wrapped, nil })
		return err
	}
	for range 3 {
		if err := get(); err != nil {
			t.Fatal(err)
		}
	}
	if fetched != 1 {
		t.Errorf("fetched %d times", fetched)
	}
	wrapped = nil // destroyed
	if err := get(); err != nil {
		t.Errorf("still in the ring: %v", err)
	}
	ring.Forget(clinic)
	if err := get(); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("after the news: %v", err)
	}
	_, wrapped = keyset(t, m, clinic)
	if err := get(); err != nil {
		t.Fatal(err)
	}
	wrapped = nil
	now = now.Add(time.Hour)
	if err := get(); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("an hour later, without news: %v", err)
	}
}

func TestNothingPrints(t *testing.T) {
	t.Parallel()
	m := master(t)
	k, _ := keyset(t, m, uuid.New())
	for _, v := range []any{m, *m, k, *k} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if s := fmt.Sprintf(verb, v); s != "[hidden]" {
				t.Errorf("%T by %s is %s", v, verb, s)
			}
		}
	}
	if j, err := json.Marshal(m); err != nil || string(j) != `"[hidden]"` {
		t.Errorf("as JSON %s, %v", j, err)
	}
}
