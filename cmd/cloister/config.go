package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/files"
)

// config is everything that can be set from outside. Each variable has a row
// in docs/configuration.md; a test compares the two.
type config struct {
	DatabaseURL      secret `env:"DATABASE_URL"`
	AppURL           secret `env:"CLOISTER_APP_URL"`
	MigratorURL      secret `env:"CLOISTER_MIGRATOR_URL"`
	AuditorURL       secret `env:"CLOISTER_AUDITOR_URL"`
	BackupURL        secret `env:"CLOISTER_BACKUP_URL"`
	AppPassword      secret `env:"CLOISTER_APP_PASSWORD"`
	MigratorPassword secret `env:"CLOISTER_MIGRATOR_PASSWORD"`
	AuditorPassword  secret `env:"CLOISTER_AUDITOR_PASSWORD"`
	BackupPassword   secret `env:"CLOISTER_BACKUP_PASSWORD"`

	MasterKey     secret `env:"CLOISTER_MASTER_KEY"`
	MasterKeyFile string `env:"CLOISTER_MASTER_KEY_FILE"`
	State         string `env:"CLOISTER_STATE_DIR" envDefault:".cloister"`
	FilesURL      string `env:"CLOISTER_FILES_URL"`
	PGBin         string `env:"CLOISTER_PG_BIN"`
	Chromium      string `env:"CLOISTER_CHROMIUM"`

	Host         string         `env:"CLOISTER_HOST" envDefault:"127.0.0.1"`
	Port         int            `env:"PORT" envDefault:"8080"`
	BaseURL      string         `env:"CLOISTER_BASE_URL"`
	Proxies      []netip.Prefix `env:"CLOISTER_TRUSTED_PROXIES"`
	MetricsAddr  string         `env:"CLOISTER_METRICS_ADDRESS"`
	ShutdownWait time.Duration  `env:"CLOISTER_SHUTDOWN_WAIT" envDefault:"20s"`
	Development  bool           `env:"CLOISTER_DEVELOPMENT" envDefault:"false"`

	PoolConns        int           `env:"CLOISTER_POOL_CONNECTIONS" envDefault:"16"`
	PoolQueue        int           `env:"CLOISTER_POOL_QUEUE" envDefault:"512"`
	PoolPlain        bool          `env:"CLOISTER_POOL_PLAIN" envDefault:"false"`
	StatementTimeout time.Duration `env:"CLOISTER_STATEMENT_TIMEOUT" envDefault:"15s"`

	SMTP     secret `env:"CLOISTER_SMTP_URL"`
	MailFrom string `env:"CLOISTER_MAIL_FROM"`

	LogLevel  logrus.Level `env:"CLOISTER_LOG_LEVEL" envDefault:"info"`
	LogFormat string       `env:"CLOISTER_LOG_FORMAT" envDefault:"auto"`
	LogFile   string       `env:"CLOISTER_LOG_FILE"`
	LogMaxMB  int          `env:"CLOISTER_LOG_MAX_MB" envDefault:"100"`
	LogKeep   int          `env:"CLOISTER_LOG_KEEP" envDefault:"10"`
	LogDays   int          `env:"CLOISTER_LOG_DAYS" envDefault:"30"`
}

// secret is a value that no log line, error or dump may show.
type secret string

// String and GoString hide the value.
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return "[hidden]"
}

// GoString hides the value from %#v.
func (s secret) GoString() string { return s.String() }

// baseURL is the site's address as people type it; links in letters begin with
// it.
func (c config) baseURL() string {
	if c.BaseURL != "" {
		return strings.TrimSuffix(c.BaseURL, "/")
	}
	return "http://" + c.address()
}

// filesFolder is the store's folder within the state.
const filesFolder = "files"

// openFiles opens the store of the clinics' files, a folder of the state unless
// another place is set.
func (c config) openFiles(ctx context.Context) (*files.Store, error) {
	return files.Open(ctx, c.FilesURL, filepath.Join(c.State, filesFolder))
}

// address is where the service listens.
func (c config) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// configError lists what is wrong with the environment, one line a variable.
type configError struct{ problems []string }

func (e *configError) Error() string {
	return "configuration: " + strings.Join(e.problems, "\n  ") + "\n(all variables are described in docs/configuration.md)"
}

// loadConfig reads the environment. A variable that is set to nothing counts
// as not set: compose files pass on what they don't have. Every wrong value is
// reported at once, by its variable's name and without its value. Errors:
// *configError.
func loadConfig(environ []string) (config, error) {
	vars := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		delete(vars, name) // the last of two counts
		if value != "" {
			vars[name] = value
		}
	}
	var c config
	problems := parseProblems(env.ParseWithOptions(&c, env.Options{Environment: vars}))
	problems = append(problems, c.problems()...)
	if len(problems) > 0 {
		sort.Strings(problems)
		return config{}, &configError{problems}
	}
	return c, nil
}

// problems are values that can be read and can't be right.
func (c config) problems() []string {
	var p []string
	bad := func(name, text string) { p = append(p, name+": "+text) }
	if c.Port < 0 || c.Port > 65535 {
		bad("PORT", "must be between 0 and 65535")
	}
	switch c.LogFormat {
	case "auto", "json", "text":
	default:
		bad("CLOISTER_LOG_FORMAT", "must be auto, json or text")
	}
	if c.ShutdownWait <= 0 {
		bad("CLOISTER_SHUTDOWN_WAIT", "must be longer than nothing, such as 20s")
	}
	for name, n := range map[string]int{"CLOISTER_LOG_MAX_MB": c.LogMaxMB, "CLOISTER_LOG_KEEP": c.LogKeep, "CLOISTER_LOG_DAYS": c.LogDays} {
		if n < 1 {
			bad(name, "must be at least 1")
		}
	}
	for name, n := range map[string]int{"CLOISTER_POOL_CONNECTIONS": c.PoolConns, "CLOISTER_POOL_QUEUE": c.PoolQueue} {
		if n < 1 {
			bad(name, "must be at least 1")
		}
	}
	if c.StatementTimeout <= 0 {
		bad("CLOISTER_STATEMENT_TIMEOUT", "must be longer than nothing, such as 15s")
	}
	if u, err := url.Parse(c.BaseURL); c.BaseURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "") {
		bad("CLOISTER_BASE_URL", "must be like https://clinics.example, without a path")
	}
	if c.FilesURL != "" {
		if err := files.CheckURL(c.FilesURL); err != nil {
			bad("CLOISTER_FILES_URL", err.Error())
		}
	}
	if c.MetricsAddr != "" {
		if _, _, err := net.SplitHostPort(c.MetricsAddr); err != nil {
			bad("CLOISTER_METRICS_ADDRESS", "must be host:port, such as 127.0.0.1:9090")
		}
	}
	if c.MasterKey != "" && c.MasterKeyFile != "" {
		bad("CLOISTER_MASTER_KEY", "is set together with CLOISTER_MASTER_KEY_FILE; set one of them")
	}
	return p
}

// parseProblems turns the library's errors, which name Go fields and quote
// values, into ones that name variables and quote nothing.
func parseProblems(err error) []string {
	if err == nil {
		return nil
	}
	all := env.AggregateError{}
	if !errors.As(err, &all) {
		return []string{err.Error()}
	}
	var p []string
	for _, one := range all.Errors {
		var pe env.ParseError
		if !errors.As(one, &pe) {
			p = append(p, one.Error())
			continue
		}
		p = append(p, variable(pe.Name)+": "+expected(pe.Type))
	}
	return p
}

func variable(field string) string {
	if f, ok := reflect.TypeFor[config]().FieldByName(field); ok {
		name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
		return name
	}
	return field
}

func expected(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "must be a duration such as 20s or 5m"
	case t == reflect.TypeFor[logrus.Level]():
		return "must be error, warning, info or debug"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return "must be a whole number"
	case t == reflect.TypeFor[[]netip.Prefix]():
		return "must be networks such as 10.0.0.0/8, separated by commas"
	case t.Kind() == reflect.Bool:
		return "must be true or false"
	}
	return fmt.Sprintf("must be a %s", t)
}
