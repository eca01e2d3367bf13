package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/appointment"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/document"
	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/history"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/internal/platform"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/print"
	"github.com/cloister-health/cloister/internal/share"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web"
	"github.com/cloister-health/cloister/internal/web/gallery"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/static"
	"github.com/cloister-health/cloister/tenants"
)

// app is the service put together, without its listener.
type app struct {
	db     *tenants.DB
	people *identity.Service
	router *httpx.Router
	print  *print.Renderer
	keys   *keys.Ring
	files  *files.Store
	deaf   func() // ends what the ring hears
}

// newApp builds the service from its configuration. h gets the checks that it
// can't work without. Errors: *configError, and what the database says.
func newApp(ctx context.Context, c config, h *health, metrics prometheus.Registerer, log *logrus.Logger) (_ *app, err error) {
	m, err := c.master()
	if err != nil {
		return nil, err
	}
	dsn, err := c.appURL(m)
	if err != nil {
		return nil, err
	}
	a := &app{}
	defer func() {
		if err != nil {
			a.close(ctx)
		}
	}()
	if a.db, err = tenants.Open(ctx, tenants.Config{DSN: dsn, ScopeKey: m.ScopeKey(), KeyID: keys.KeyID, Versions: db.TenantVersions(), Metrics: metrics, Log: log,
		Pool: tenants.PoolConfig{MaxConns: c.PoolConns, QueueLimit: c.PoolQueue, Plain: c.PoolPlain, StatementTimeout: c.StatementTimeout}}); err != nil {
		return nil, reachable(ctx, dsn, err)
	}
	h.checks = append(h.checks, check{"database", a.db.Ping})
	faces, err := newFaces(a.can(log))
	if err != nil {
		return nil, err
	}
	post, err := openMail(c, log)
	if err != nil {
		return nil, err
	}
	if a.people, err = newPeople(c, m, a.db, post, faces.Words, log); err != nil {
		return nil, err
	}
	a.keys = keys.NewRing(m, nil)
	a.deaf = followRegistry(a.db, a.keys)
	if a.files, err = c.openFiles(ctx); err != nil {
		return nil, err
	}
	patients := patient.NewService(a.db, a.keys)
	a.print = print.New(print.Config{Program: c.Chromium, Log: log})
	site := &web.Site{Print: a.print, Faces: faces, Origin: strings.TrimSuffix(c.BaseURL, "/"), Find: a.find, People: a.people, Clinic: clinic.NewService(a.db, a.people), Platform: platform.NewService(a.db), Walls: c.wallsPage(log),
		Patients: patients, Visits: visit.NewService(a.db, patients, m.LinkKey()), Consults: consultation.NewService(a.db),
		Prescriptions: prescription.NewService(a.db),
		Verifier:      prescription.NewVerifier(a.db, m.LinkKey()),
		Shares:        share.NewService(a.db, m.LinkKey(), post),
		Documents:     document.NewService(a.db, a.keys, a.files),
		Appointments:  appointment.NewService(a.db), History: history.NewService(a.db)}
	signedIn := httpx.People{Identity: a.people}
	a.router, err = httpx.New(httpx.Options{
		Routes: site.Routes(), Mounts: mounts(c, h, faces), Resolve: a.db.Resolve, Can: faces.Can,
		Session: signedIn.Session, Operator: signedIn.Operator, Problem: faces.Problem, Shut: site.Shut, Log: log, Proxies: c.Proxies, Stopping: h.stopping, FormKey: m.FormKey(),
	})
	return a, err
}

// can is what Postgres answers at the time: a service that was started before
// the first clinic must not refuse everybody until it is started again.
func (a *app) can(log *logrus.Logger) func(access.Role, access.Capability) bool {
	return func(r access.Role, c access.Capability) bool {
		m, err := a.db.Rights(context.Background())
		if err != nil {
			log.WithError(err).Error("ask the rights")
			return false
		}
		return m.Can(r, c)
	}
}

// reachable turns a failed start of the pool into the plain words of package
// pg when the database is the reason.
func reachable(ctx context.Context, dsn string, err error) error {
	conn, plain := pg.Connect(ctx, dsn)
	if plain != nil {
		return plain
	}
	_ = conn.Close(ctx)
	return err
}

// newFaces loads what every page needs.
func newFaces(can func(access.Role, access.Capability) bool) (*web.Faces, error) {
	assets, err := static.Open()
	if err != nil {
		return nil, err
	}
	words, err := locale.Load()
	if err != nil {
		return nil, err
	}
	return &web.Faces{Assets: assets, Words: words, Can: can}, nil
}

// mounts are the addresses outside of the rows: files, health, and the gallery
// in development builds.
func mounts(c config, h *health, f *web.Faces) map[string]http.Handler {
	m := map[string]http.Handler{
		"/assets/": f.Assets,
		"/healthz": http.HandlerFunc(h.healthz),
		"/readyz":  http.HandlerFunc(h.readyz),
	}
	if c.Development {
		m[gallery.Root] = gallery.Handler(f.Assets, f.Words)
		m[gallery.Root+"/"] = m[gallery.Root]
	}
	return m
}

// close lets go of everything, last built first.
func (a *app) close(ctx context.Context) {
	if a.router != nil {
		_ = a.router.Close(ctx)
	}
	if a.print != nil {
		a.print.Close()
	}
	if a.people != nil {
		a.people.Close()
	}
	if a.deaf != nil {
		a.deaf()
	}
	if a.files != nil {
		_ = a.files.Close() // nothing is being written any more
	}
	if a.db != nil {
		a.db.Close()
	}
}

// find looks for clinics for the home page.
func (a *app) find(ctx context.Context, fragment string, atMost int) ([]web.Found, error) {
	rows, err := a.db.FindClinics(ctx, fragment, atMost)
	out := make([]web.Found, 0, len(rows))
	for _, r := range rows {
		out = append(out, web.Found(r))
	}
	return out, err
}
