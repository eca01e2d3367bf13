//go:build unix

package bench

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
)

const pageUsers = 50

// Pages drives the service, in a process of its own, by 50 users who think of
// nothing between two pages: load, service and Postgres share the machine.
func Pages(ctx context.Context, e *Env) ([]Row, error) {
	n, each, length := 200, 2000, 15*time.Second
	if e.Quick {
		n, each, length = 4, 100, 2*time.Second
	}
	in, err := e.install(ctx, fmt.Sprintf("pages_%d", n))
	if err != nil {
		return nil, err
	}
	defer in.close()
	if err := in.grow(ctx, n); err != nil {
		return nil, err
	}
	all := gather(each)
	clinics, err := in.settled(ctx, all, openDesk)
	if err != nil {
		return nil, err
	}
	if err := in.today(ctx, clinics); err != nil {
		return nil, err
	}
	base, stop, err := in.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	family := func(r *rand.Rand) string { return all[r.IntN(len(all))].name.Last }
	kinds := []struct {
		what string
		path func(r *rand.Rand) string
	}{
		{"queue", func(*rand.Rand) string { return "/queue" }},
		{"search", func(r *rand.Rand) string { f := family(r); return "/patients/search?q=" + f[:min(len(f), 3+r.IntN(3))] }},
		{"patient", func(r *rand.Rand) string { return "/patients/" + all[r.IntN(len(all))].id.String() }},
	}
	var rows []Row
	for _, k := range kinds {
		if _, err := drive(base, clinics, k.path, time.Second); err != nil { // warms plans and sessions
			return nil, fmt.Errorf("%s: %w", k.what, err)
		}
		m, err := drive(base, clinics, k.path, length)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.what, err)
		}
		rows = append(rows, Row{What: fmt.Sprintf("%s, %d users, %d clinics, p95", k.what, pageUsers, n), Unit: "ms", Ours: micros(m.Latencies.P95) / 1e3, Goal: "<= 50",
			Comments: fmt.Sprintf("p50 %s ms, %s pages/s, %s KB a page", number(micros(m.Latencies.P50)/1e3), number(m.Throughput), number(m.BytesIn.Mean/1e3))})
	}
	return rows, nil
}

// sessionToken is the cookie of the receptionist of every clinic; a clinic's
// cookie means nothing in another, and here the sessions are told apart by that.
var sessionToken = sha256.Sum256([]byte("cloister bench session"))

// openDesk gives a clinic a receptionist with a session, a doctor and departments.
func openDesk(ctx context.Context, c *pgx.Conn, n *tenants.Clinic) error {
	_, err := c.Exec(ctx, fmt.Sprintf(`set session_replication_role = replica; set search_path = %s, ext, pg_temp;
		insert into users (id, username, full_name, role) values
			('01980000-0000-7000-8000-000000000002', 'desk', 'Rohan Shinde', 'receptionist'), ('01980000-0000-7000-8000-000000000003', 'doctor', 'Deepak Rao', 'doctor');
		insert into profiles (user_id, licence_number, room) values ('01980000-0000-7000-8000-000000000003', 'MMC-1', '2');
		insert into sessions (id, user_id, token_hash) values (gen_random_uuid(), '01980000-0000-7000-8000-000000000002', '\x%x');
		reset all`, quoted(n.Schema), sha256.Sum256(sessionToken[:])))
	return err
}

// today gives every clinic 40 visits of this day, half of them done, and a
// session that is alive.
func (in *installation) today(ctx context.Context, clinics []*tenants.Clinic) error {
	c, err := pg.Connect(ctx, in.admin)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for _, n := range clinics {
		_, err := c.Exec(ctx, fmt.Sprintf(`set session_replication_role = replica; set search_path = %s, ext, pg_temp;
			update sessions set last_seen_at = now();
			with day as (select (now() at time zone 'Asia/Kolkata')::date as d),
			v as (insert into visits (id, patient_id, doctor_id, day, kind, state, arrived_at, called_at, started_at, ended_at)
				select gen_random_uuid(), p.id, '01980000-0000-7000-8000-000000000003', d, 'routine', case when p.n <= 20 then 'done' else 'waiting' end,
					now() - interval '3 hours' + p.n * interval '4 min', case when p.n <= 20 then now() end, case when p.n <= 20 then now() end, case when p.n <= 20 then now() end
				from day, (select id, row_number() over (order by id) n from patients limit 40) p
				where not exists (select from visits x, day where x.day = d) returning id, line_id, day)
			insert into tokens (id, visit_id, line_id, day, number, label)
				select gen_random_uuid(), id, line_id, day, row_number() over (order by id), 'T-' || lpad(row_number() over (order by id)::text, 3, '0') from v;
			reset all`, quoted(n.Schema)))
		if err != nil {
			return fmt.Errorf("%s: %w", n.Slug, err)
		}
	}
	return nil
}

// serve builds the program and starts its service; stop ends it.
func (in *installation) serve(ctx context.Context) (base string, stop func(), err error) {
	program := filepath.Join(in.env.State, "cloister")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/cloister-health/cloister/cmd/cloister")
	if out, err := build.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("build the service: %w\n%s", err, out)
	}
	dsn, err := pg.Login(in.admin, "cloister_app", appPassword)
	if err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address := l.Addr().String()
	_ = l.Close() // the service takes it over
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.CommandContext(ctx, program, "serve")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	var said strings.Builder
	cmd.Stderr = &said
	cmd.Env = append(os.Environ(), "CLOISTER_APP_URL="+dsn, "CLOISTER_MASTER_KEY="+base64.StdEncoding.EncodeToString(scopeKey[:]), "PORT="+port,
		"CLOISTER_STATE_DIR="+in.env.State, "CLOISTER_TRUSTED_PROXIES=127.0.0.1/32", "CLOISTER_LOG_LEVEL=error", "DATABASE_URL=")
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	ended := make(chan struct{})
	var died error
	go func() {
		died = cmd.Wait()
		close(ended)
	}()
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	base = "http://" + address
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); time.Sleep(50 * time.Millisecond) {
		select {
		case <-ended:
			return "", nil, fmt.Errorf("the service ended: %w\n%s", died, said.String())
		default:
		}
		if res, err := http.Get(base + "/readyz"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return base, stop, nil
			}
		}
	}
	stop()
	return "", nil, errors.New("the service does not get ready")
}

// drive asks pages by all users for a while.
func drive(base string, clinics []*tenants.Clinic, path func(*rand.Rand) string, length time.Duration) (*vegeta.Metrics, error) {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(5, 5))
	cookie := "cloister=" + base64.RawURLEncoding.EncodeToString(sessionToken[:])
	target := func(t *vegeta.Target) error {
		mu.Lock()
		i, p, from := rng.IntN(len(clinics)), path(rng), rng.IntN(1<<16) // many addresses, as the limit for one is less than a machine can do
		mu.Unlock()
		t.Method, t.URL = http.MethodGet, base+"/clinic/"+clinics[i].Slug+p
		// HX-Request: the search answers with its list and not with the one hit's page.
		t.Header = http.Header{"Cookie": {cookie}, "Hx-Request": {"true"}, "X-Forwarded-For": {fmt.Sprintf("198.18.%d.%d", from>>8, from&255)}}
		return nil
	}
	a := vegeta.NewAttacker(vegeta.Workers(pageUsers), vegeta.MaxWorkers(pageUsers), vegeta.Connections(pageUsers), vegeta.Redirects(vegeta.NoFollow))
	var m vegeta.Metrics
	for r := range a.Attack(target, vegeta.ConstantPacer{}, length, "pages") {
		if r.Code != http.StatusOK {
			a.Stop()
			return nil, fmt.Errorf("%s answered %d %s", r.URL, r.Code, r.Error)
		}
		m.Add(r)
	}
	m.Close()
	return &m, nil
}
