//go:build unix

// Package pg runs a private Postgres server for one state folder and builds
// and opens connection strings.
//
// It is for `make run`, for tests and for the first words with a database
// that someone else runs. It knows nothing of clinics, roles, schemas or
// migrations: what happens inside a database belongs elsewhere. It never opens
// a pool.
package pg

import "errors"

// The Postgres versions that the product is tested with.
const (
	MinVersion = 15
	MaxVersion = 18
)

// AdminUser is the superuser of a private server.
const AdminUser = "postgres"

// ErrNoServer says that no usable server program was found; the text that
// wraps it tells what to install.
var ErrNoServer = errors.New("no Postgres server program found")
