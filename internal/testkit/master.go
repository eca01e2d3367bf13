//go:build unix

package testkit

import (
	"testing"

	"github.com/cloister-health/cloister/internal/keys"
)

// masterKey is the one of every test: roles and their passwords, which are
// derived from it, belong to the server that all tests share.
const masterKey = "dGVzdHMgb25seSB0ZXN0cyBvbmx5IHRlc3RzIG9ubHk="

// Master is the master secret of every test.
func Master(t testing.TB) *keys.Master {
	t.Helper()
	m, err := keys.Parse(masterKey)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
