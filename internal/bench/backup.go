//go:build unix

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/backup"
	"github.com/cloister-health/cloister/tenants/provision"
)

// Backup times one clinic's export and restore as the number of other clinics
// grows, and what a restore costs those who are at work meanwhile.
func Backup(ctx context.Context, e *Env) ([]Row, error) {
	sizes, patients, rounds := []int{10, 300, 1000}, 20_000, 5
	if e.Quick {
		sizes, patients, rounds = []int{3, 6}, 500, 1
	}
	in, err := e.install(ctx, fmt.Sprintf("backup_%d", sizes[len(sizes)-1]))
	if err != nil {
		return nil, err
	}
	defer in.close()
	b, err := newArchiving(ctx, in, patients)
	if err != nil {
		return nil, err
	}
	defer b.close()
	var rows []Row
	var first [2]float64
	for _, n := range sizes {
		if err := in.grow(ctx, n); err != nil {
			return nil, err
		}
		took, err := b.times(ctx, rounds)
		if err != nil {
			return nil, err
		}
		for i, what := range []string{"export", "restore"} {
			row := Row{What: fmt.Sprintf("%s of a clinic of %d patients, at %d clinics", what, patients, n), Unit: "ms", Ours: took[i]}
			if first[i] == 0 {
				first[i] = took[i]
			} else {
				row.Base, row.BaseIs, row.Goal = first[i], "few clinics", "<= 1.25"
			}
			rows = append(rows, row)
		}
	}
	more, err := disturbance(ctx, in, rounds)
	return append(rows, more...), err
}

// archiving is one full clinic, its archive, and the service of both.
type archiving struct {
	in      *installation
	folder  string
	store   *files.Store
	service *backup.Service
	made    provision.Created
}

func newArchiving(ctx context.Context, in *installation, patients int) (*archiving, error) {
	b := &archiving{in: in}
	var err error
	if b.made, err = in.service.Create(ctx, spec(unique("b")), provision.By{}); err != nil {
		return nil, err
	}
	if b.folder, err = os.MkdirTemp("", "cloister-bench-*"); err != nil {
		return nil, err
	}
	if b.store, err = files.Open(ctx, "", filepath.Join(b.folder, "files")); err != nil {
		return nil, err
	}
	dsn, err := pg.Login(in.admin, "cloister_backup", appPassword)
	if err != nil {
		return nil, err
	}
	b.service, err = backup.New(backup.Config{Backup: dsn, Migrator: in.config.Migrator, Keys: in.config.Keys, Files: b.store, Program: "bench"})
	if err != nil {
		return nil, err
	}
	// Past the triggers, since how a patient is registered is not what is timed.
	home := quoted(b.made.Schema)
	return b, inDatabase(ctx, in.admin, fmt.Sprintf(`set session_replication_role = replica;
		insert into %[1]s.patients (id, number, first_name, last_name, search_key, phone, address, history, registered_on)
		select gen_random_uuid(), 'PT-2025-' || lpad(n::text, 6, '0'), 'Name' || n %% 700, 'Family' || n %% 900, 'name' || n %% 700 || ' family' || n %% 900,
			'+91980' || lpad(n::text, 7, '0'), md5(n::text), repeat(md5(n::text), 4), date '2025-01-01' + n %% 300
		from generate_series(1, %[2]d) n;
		insert into %[1]s.trail (id, at, xact, actor, actor_role, action, entity, record_id, patient_id, after)
		select platform.uuid7(), now(), '3', 'user:' || id, 'cloister_receptionist', 'insert', 'patients', id, id, to_jsonb(p) from %[1]s.patients p`, home, patients))
}

func (b *archiving) close() {
	ctx := context.Background()
	_ = b.drop(ctx, b.made.ID, b.made.Schema) // it is the next run's, too, if it stays
	_ = b.store.Close()
	_ = os.RemoveAll(b.folder)
}

// times are the medians of an export and of a restore, in milliseconds.
func (b *archiving) times(ctx context.Context, rounds int) ([2]float64, error) {
	var out, back []float64
	for range rounds {
		var archive bytes.Buffer
		begun := time.Now()
		if _, err := b.service.Export(ctx, b.made.Slug, &archive, backup.ExportOptions{}); err != nil {
			return [2]float64{}, err
		}
		out = append(out, micros(time.Since(begun))/1e3)
		r, err := b.restore(ctx, archive.Bytes(), 100)
		if err != nil {
			return [2]float64{}, err
		}
		back = append(back, micros(r.Took)/1e3)
		if err := b.drop(ctx, r.ID, r.Schema); err != nil {
			return [2]float64{}, err
		}
	}
	return [2]float64{median(out), median(back)}, nil
}

func (b *archiving) restore(ctx context.Context, archive []byte, pace int) (backup.Restored, error) {
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }
	return b.service.Restore(ctx, open, backup.RestoreOptions{As: unique("r"), Pace: pace})
}

func (b *archiving) drop(ctx context.Context, id uuid.UUID, schema string) error {
	sql := "set session_replication_role = replica; drop schema " + quoted(schema) + " cascade"
	for _, t := range []string{"usage", "keysets", "migrations", "migration_outcomes", "provisionings", "schemas"} {
		sql += fmt.Sprintf("; delete from platform.%s where clinic_id = '%s'", t, id)
	}
	return inDatabase(ctx, b.in.admin, sql+fmt.Sprintf("; delete from platform.clinics where id = '%s'", id))
}

// disturbance reads in other clinics at a steady rate, alone and while one
// clinic is being restored, turn about, and compares how long they waited. The
// rate is a part of what these reads reach when nothing holds them back: at its
// end a server has nothing to give to anybody, and would only show how the
// processors are shared out.
//
// The clinic is a small one, so that a restore is over before the machine has
// turned to something else, and what can't be cut in pieces, making the schema
// and the commit, is a large part of it.
func disturbance(ctx context.Context, in *installation, rounds int) ([]Row, error) {
	b, err := newArchiving(ctx, in, 2000)
	if err != nil {
		return nil, err
	}
	defer b.close()
	db, err := in.openApp(ctx, 16)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	others, err := b.others(ctx)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	if _, err := b.service.Export(ctx, b.made.Slug, &archive, backup.ExportOptions{}); err != nil {
		return nil, err
	}
	l := &load{db: db, clinics: others}
	if err := l.closed(ctx, 4*time.Second); err != nil { // warms, too
		return nil, err
	}
	var rows []Row
	for _, pace := range []int{backup.DefaultPace, 100} {
		if pace == 100 {
			rounds *= 4 // of a second each
		}
		more, err := l.beside(ctx, rounds, pace, func() (backup.Restored, error) { return b.restore(ctx, archive.Bytes(), pace) },
			func(r backup.Restored) error { return b.drop(ctx, r.ID, r.Schema) })
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// beside reads alone and beside a restore, turn about. What undoes the restore
// costs the others, too, as no restore does, and is not in it.
func (l *load) beside(ctx context.Context, rounds, pace int, restore func() (backup.Restored, error), undo func(backup.Restored) error) ([]Row, error) {
	waited := map[float64][][2]float64{} // alone and meanwhile, of each round
	var took []float64
	half := time.Second // of the time alone, half before and half after, as long together as a restore
	for round := range rounds + 1 {
		before, err := l.open(ctx, func() error { return sleep(ctx, half) })
		if err != nil {
			return nil, err
		}
		var r backup.Restored
		busy, err := l.open(ctx, func() (err error) { r, err = restore(); return err })
		if err != nil {
			return nil, err
		}
		if err := errors.Join(undo(r), sleep(ctx, time.Second/2)); err != nil {
			return nil, err
		}
		half = r.Took / 2
		after, err := l.open(ctx, func() error { return sleep(ctx, half) })
		if err != nil {
			return nil, err
		}
		if round == 0 { // shows how long one takes
			continue
		}
		quiet := slices.Concat(before, after)
		for _, q := range []float64{0.5, 0.95, 0.99} {
			waited[q] = append(waited[q], [2]float64{quantile(quiet, q), quantile(busy, q)})
		}
		took = append(took, r.Took.Seconds())
	}
	what := fmt.Sprintf("a read in %d other clinics while one is restored", len(l.clinics))
	if pace == 100 {
		what += " without rests"
	}
	var rows []Row
	for _, q := range []float64{0.5, 0.95, 0.99} {
		base, ratio := paired(waited[q])
		row := Row{What: fmt.Sprintf("%s, p%.0f", what, q*100), Unit: "µs", Ours: base * ratio, Base: base, BaseIs: "the same alone"}
		if q == 0.95 {
			row.Comments = fmt.Sprintf("%.0f reads/s, %.0f %% of what it can; %d restores, each of %.1f s", l.rate, loadShare*100, rounds, median(took))
			if pace != 100 {
				row.Goal = "<= 1.1"
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// paired gives the median of the rounds' first values, and that of the ratios of
// the second to the first: whatever else the machine does meanwhile lasts longer
// than a round, and hits both.
func paired(rounds [][2]float64) (base, ratio float64) {
	var bases, ratios []float64
	for _, r := range rounds {
		bases, ratios = append(bases, r[0]), append(ratios, r[1]/r[0])
	}
	return median(bases), median(ratios)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (b *archiving) others(ctx context.Context) ([]*tenants.Clinic, error) {
	c, err := pg.Connect(ctx, b.in.admin)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, "select c.id, c.slug, c.name, s.schema_name from platform.clinics c join platform.schemas s on s.clinic_id = c.id where c.id <> $1 order by c.id limit 100", b.made.ID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*tenants.Clinic, error) {
		t := &tenants.Clinic{Zone: time.UTC}
		return t, row.Scan(&t.ID, &t.Slug, &t.Name, &t.Schema)
	})
}

// loadShare is how much of what the reads reach at most is asked for.
const loadShare = 0.4

// load reads in many clinics.
type load struct {
	db      *tenants.DB
	clinics []*tenants.Clinic
	rate    float64 // reads a second
}

func (l *load) read(ctx context.Context, i int) error {
	return tenants.Read(scoped(ctx, l.clinics[i*7%len(l.clinics)]), l.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Query(ctx, "select id, name from departments order by name")
		if err != nil {
			return err
		}
		rows.Close()
		return rows.Err()
	})
}

// closed finds how many reads a second there can be, and sets the rate.
func (l *load) closed(ctx context.Context, d time.Duration) error {
	var n atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	end := time.Now().Add(d)
	for range 8 {
		g.Go(func() error {
			for time.Now().Before(end) {
				if err := l.read(gctx, int(n.Add(1))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.Wait()
	l.rate = loadShare * float64(n.Load()) / d.Seconds()
	return err
}

// open reads at the rate for as long as the other work takes, whether or not the
// reads before have ended, and gives how long each took from when it was due.
func (l *load) open(ctx context.Context, other func() error) ([]float64, error) {
	due := make(chan time.Time, 1<<16)
	took := make([][]float64, 32)
	g, gctx := errgroup.WithContext(ctx)
	var n atomic.Int64
	for r := range took {
		g.Go(func() error {
			for at := range due {
				if err := l.read(gctx, int(n.Add(1))); err != nil {
					return err
				}
				took[r] = append(took[r], micros(time.Since(at)))
			}
			return nil
		})
	}
	over := make(chan error, 1)
	go func() { over <- other() }()
	err := l.pace(gctx, due, over)
	close(due)
	return slices.Concat(took...), errors.Join(err, g.Wait())
}

// pace sends what is due until the other work is over. Timers are a millisecond
// late at times; what is due then is sent together, and counts from its sending,
// since the lateness is the timer's.
func (l *load) pace(ctx context.Context, due chan<- time.Time, over <-chan error) error {
	begun, sent := time.Now(), 0
	tick := time.NewTicker(time.Duration(float64(time.Second) / l.rate))
	defer tick.Stop()
	for {
		select {
		case err := <-over:
			return err
		case <-ctx.Done():
			return errors.Join(ctx.Err(), <-over)
		case <-tick.C:
			now := time.Now()
			for ; float64(sent) < now.Sub(begun).Seconds()*l.rate; sent++ {
				due <- now
			}
		}
	}
}
