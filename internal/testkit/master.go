//go:build unix

package testkit

import (
	"encoding/base64"
	"testing"

	"github.com/cloister-health/cloister/internal/keys"
)

// Master is MasterKey as the product holds it. Roles and their passwords belong
// to the server that all tests share, so every test must use this one.
func Master(t testing.TB) *keys.Master {
	t.Helper()
	m, err := master()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func master() (*keys.Master, error) {
	return keys.Parse(base64.StdEncoding.EncodeToString(MasterKey))
}
