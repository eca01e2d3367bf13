package main

import (
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// Logins of the database that the program's parts use. The service has app
// only; the worker and the command line have migrator, too; a clinic's export
// reads as backup; admin makes roles.
const (
	appLogin      = "cloister_app"
	migratorLogin = "cloister_migrator"
	auditorLogin  = "cloister_auditor"
	backupLogin   = "cloister_backup"
)

// master reads the master secret. Errors: *configError.
func (c config) master() (*keys.Master, error) {
	m, err := keys.Load(string(c.MasterKey), c.MasterKeyFile)
	if err != nil {
		return nil, &configError{[]string{err.Error()}}
	}
	return m, nil
}

// passwords are the logins', set or derived from the master secret.
func (c config) passwords(m *keys.Master) map[string]string {
	return migrate.Passwords(m, map[string]string{
		"app": string(c.AppPassword), "migrator": string(c.MigratorPassword),
		"auditor": string(c.AuditorPassword), "backup": string(c.BackupPassword),
	})
}

// adminURL is the connection string of the administrator. Errors: *configError.
func (c config) adminURL() (string, error) {
	if c.DatabaseURL == "" {
		return "", &configError{[]string{"DATABASE_URL: is missing; cloister demo needs none and runs a private server"}}
	}
	return string(c.DatabaseURL), nil
}

// appURL is the connection string of the service's login.
func (c config) appURL(m *keys.Master) (string, error) {
	return c.loginURL("CLOISTER_APP_URL", c.AppURL, appLogin, m)
}

// migratorURL is the connection string of the worker's and the command line's login.
func (c config) migratorURL(m *keys.Master) (string, error) {
	return c.loginURL("CLOISTER_MIGRATOR_URL", c.MigratorURL, migratorLogin, m)
}

// auditorURL is the connection string of the administrator's eye. Where it comes
// with its password, the master key is not needed: a machine that checks the
// walls has no business with the clinics' keys.
func (c config) auditorURL() (string, error) {
	if own, err := pgx.ParseConfig(string(c.AuditorURL)); c.AuditorURL != "" && err == nil && own.Password != "" {
		return string(c.AuditorURL), nil
	}
	if c.AuditorPassword != "" && c.AuditorURL == "" && c.DatabaseURL != "" {
		return pg.Login(string(c.DatabaseURL), auditorLogin, string(c.AuditorPassword))
	}
	m, err := c.master()
	if err != nil {
		return "", err
	}
	return c.loginURL("CLOISTER_AUDITOR_URL", c.AuditorURL, auditorLogin, m)
}

// loginURL takes the login's own string, else the administrator's with the
// login's name. Where the string has no password, the set or derived one goes
// in, so that a service can be told where the database is without being told
// how to administer it.
func (c config) loginURL(variable string, own secret, login string, m *keys.Master) (string, error) {
	dsn := string(own)
	if dsn == "" {
		dsn = string(c.DatabaseURL)
	}
	if dsn == "" {
		return "", &configError{[]string{variable + ": is missing, and so is DATABASE_URL, from which it would be made"}}
	}
	parsed, err := pgx.ParseConfig(dsn)
	if err != nil { // its text may quote a password
		return "", &configError{[]string{variable + " or DATABASE_URL: is neither a Postgres URL nor a list of keyword=value"}}
	}
	user, password := parsed.User, parsed.Password
	if own == "" {
		user, password = login, ""
	}
	if password == "" {
		password = c.passwords(m)[login]
	}
	return pg.Login(dsn, user, password)
}
