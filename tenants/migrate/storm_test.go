package migrate_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// The storm: a run over clinics in a process of its own is killed at random
// points, and so is the server, until so many kills are done. `make storm` is the
// long one.
var (
	stormKills   = flag.Int("storm.kills", 4, "kills of the runner and of the server, in turn")
	stormClinics = flag.Int("storm.clinics", 3, "clinics to migrate")
	stormSeed    = flag.Uint64("storm.seed", 0, "where the kills fall; 0 draws one")
)

const (
	runnerDSN  = "CLOISTER_STORM_DSN" // makes this program the runner
	runnerKey  = "CLOISTER_STORM_KEY"
	runnerLast = "CLOISTER_STORM_LAST"
	firstStorm = 90001
	inOneRun   = 3 // migrations that each generation adds

	runnerSleeps = "CLOISTER_STORM_SLEEPS" // seconds that one more migration sleeps
)

func TestMain(m *testing.M) {
	if os.Getenv(runnerDSN) == "" {
		os.Exit(m.Run())
	}
	if err := runner(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// teller writes a line for each statement that is about to be sent.
type teller struct{}

func (teller) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	fmt.Println("statement")
	return ctx
}
func (teller) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// stormFiles are the program's migrations and a column for each version up to last.
func stormFiles(last int64) (fs.FS, error) {
	all := fstest.MapFS{}
	err := fs.WalkDir(db.Tenant(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(db.Tenant(), name)
		all[name] = &fstest.MapFile{Data: b}
		return err
	})
	for v := int64(firstStorm); v <= last; v++ {
		all[fmt.Sprintf("%d_storm.sql", v)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"-- +goose Up\nalter table departments add column n_%d text;\ncreate index departments_n_%[1]d on departments (n_%[1]d);\n", v)}
	}
	return all, err
}

func stormMigrator(dsn string, master *keys.Master, last int64, tracer pgx.QueryTracer) (*migrate.Migrator, error) {
	login, err := pg.Login(dsn, "cloister_migrator", master.DatabasePassword("cloister_migrator"))
	if err != nil {
		return nil, err
	}
	files, err := stormFiles(last)
	if err != nil {
		return nil, err
	}
	return migrate.New(migrate.Config{Admin: dsn, Migrator: login, Keys: master, Tenant: files, Tracer: tracer})
}

func runner() error {
	master, err := keys.Parse(os.Getenv(runnerKey))
	if err != nil {
		return err
	}
	last, err := strconv.ParseInt(os.Getenv(runnerLast), 10, 64)
	if err != nil {
		return err
	}
	if s := os.Getenv(runnerSleeps); s != "" {
		return sleeper(os.Getenv(runnerDSN), master, s)
	}
	m, err := stormMigrator(os.Getenv(runnerDSN), master, last, teller{})
	if err != nil {
		return err
	}
	r, err := m.Up(context.Background(), migrate.Options{Workers: 4})
	if err == nil && len(r.Failures) > 0 {
		err = fmt.Errorf("clinics failed: %+v", r.Failures)
	}
	return err
}

// sleeper runs a migration that would take long.
func sleeper(dsn string, master *keys.Master, seconds string) error {
	login, err := pg.Login(dsn, "cloister_migrator", master.DatabasePassword("cloister_migrator"))
	if err != nil {
		return err
	}
	m, err := migrate.New(migrate.Config{Admin: dsn, Migrator: login, Keys: master, Tenant: fstest.MapFS{
		"90001_sleep.sql": {Data: []byte("-- +goose Up\nselect pg_sleep(" + seconds + ");\n")}}})
	if err == nil {
		_, err = m.Up(context.Background(), migrate.Options{Workers: 1})
	}
	return err
}

// storm is the installation that is killed.
type storm struct {
	conf   pg.Config
	server *pg.Server
	dsn    string
	rand   *rand.Rand
	kills  int
	last   int64
	away   time.Duration // the longest that the server was
}

func TestStorm(t *testing.T) {
	t.Parallel()
	seed := *stormSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: -storm.seed=%[1]d", seed)
	b, err := pg.Find(t.Context(), pg.Lookup{Dir: os.Getenv(testkit.EnvBinDir), NodeModules: []string{filepath.Join("..", "..", "tools", "postgres", "node_modules")}})
	if err != nil {
		t.Fatal(err)
	}
	s := &storm{rand: rand.New(rand.NewPCG(seed, seed)), last: firstStorm - 1,
		// What was committed must outlive the server's processes; the machine lives on.
		conf: pg.Config{State: t.TempDir(), Binaries: b, Throwaway: true, Port: quietPort(t), Settings: []string{"max_connections=50", "synchronous_commit=on", "full_page_writes=on"}}}
	s.start(t)
	t.Cleanup(func() { _ = s.server.Halt(); _ = pg.Remove(s.conf.State) })
	m, _ := on(t, s.dsn, testkit.Master(t), nil)
	if err := build(t.Context(), s.dsn, m, *stormClinics); err != nil {
		t.Fatal(err)
	}
	all := make([]clinic, *stormClinics)
	for i := range all {
		all[i] = numbered(i)
	}
	named(t, s.dsn, all)
	begun, generations := time.Now(), 0
	for s.kills < *stormKills {
		s.last += inOneRun
		generations++
		s.generation(t)
	}
	t.Logf("%d kills over %d clinics and %d generations of %d migrations in %v; the server was away for %v at most", s.kills, *stormClinics, generations, inOneRun, time.Since(begun).Round(time.Millisecond), s.away.Round(time.Millisecond))
}

// quietPort is a free port that the system hands to nobody who connects: the
// runner knocks at it while the server is away, and must find it there again.
func quietPort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 12000 + rand.IntN(18000)
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no port is free")
	return 0
}

func (s *storm) start(t *testing.T) {
	t.Helper()
	var err error
	if s.server, err = pg.Start(t.Context(), s.conf); err != nil {
		t.Fatal(err)
	}
	s.dsn = s.server.DSN()
}

// generation brings every clinic to the last version, through kills.
func (s *storm) generation(t *testing.T) {
	t.Helper()
	for {
		ended, err := s.round(t)
		if err != nil {
			t.Fatalf("the runner after kill %d, the server away for %v at most: %v", s.kills, s.away, err)
		}
		s.whole(t)
		if ended {
			break
		}
	}
	m, err := stormMigrator(s.dsn, testkit.Master(t), s.last, nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Status(t.Context())
	if err != nil || m.Summarise(all).Current != *stormClinics {
		t.Errorf("after a run that ended well: %+v, %v", m.Summarise(all), err)
	}
	if drift, err := m.Verify(t.Context()); err != nil || len(drift) > 0 {
		t.Errorf("drift: %+v, %v", drift, err)
	}
}

// round starts the runner and kills it, or the server under it, after some
// statements. It tells whether the runner came to its end.
func (s *storm) round(t *testing.T) (ended bool, err error) {
	t.Helper()
	cmd := osexec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), runnerDSN+"="+s.dsn, runnerKey+"="+base64.StdEncoding.EncodeToString(testkit.MasterKey), runnerLast+"="+strconv.FormatInt(s.last, 10))
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	left := 1 + s.rand.IntN(6*(*stormClinics))
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if left--; left != 0 || s.kills >= *stormKills {
			continue
		}
		s.kills++
		if s.kills%2 == 1 {
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				return false, err
			}
			continue
		}
		cut := time.Now()
		s.killServer(t)
		s.start(t)
		s.away = max(s.away, time.Since(cut))
		s.whole(t) // while the runner comes back to it
		left = 1 + s.rand.IntN(6*(*stormClinics))
	}
	err = cmd.Wait()
	if killed {
		return false, nil
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, said.String())
	}
	return true, err
}

// killServer ends the postmaster and all that it started, as a loss of power does.
func (s *storm) killServer(t *testing.T) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.server.Home, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	postmaster, _, _ := strings.Cut(string(raw), "\n")
	children, err := osexec.CommandContext(t.Context(), "pgrep", "-P", postmaster).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range append([]string{postmaster}, strings.Fields(string(children))...) {
		pid, err := strconv.Atoi(one)
		if err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL) // one that ended by itself is as good
	}
	pid, _ := strconv.Atoi(postmaster)
	for end := time.Now().Add(20 * time.Second); syscall.Kill(pid, 0) == nil; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("the server outlives its kill")
		}
	}
}

// disagree counts, in one snapshot, where a version is in the ledger and its
// column is not there or the other way round, and registry rows at another
// version than their ledger's last.
const disagree = `select (select count(*) from platform.schemas s cross join generate_series($1::bigint, $2::bigint) v
  where exists (select from platform.migrations m where m.clinic_id = s.clinic_id and m.version = v)
     <> exists (select from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = s.schema_name and c.relname = 'departments' and a.attname = 'n_' || v and not a.attisdropped))
 + (select count(*) from platform.schemas s where s.version <> (select max(m.version) from platform.migrations m where m.clinic_id = s.clinic_id))`

// whole says that the ledger and the schemas agree and that every clinic can be
// read from, whatever was just killed.
func (s *storm) whole(t *testing.T) {
	t.Helper()
	if n := value[int](t, connect(t, s.dsn), disagree, firstStorm, s.last); n != 0 {
		t.Errorf("after kill %d: ledger and schemas disagree in %d places", s.kills, n)
	}
	m, err := stormMigrator(s.dsn, testkit.Master(t), s.last, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Probe(t.Context()); err != nil {
		t.Errorf("after kill %d: %v", s.kills, err)
	}
}
