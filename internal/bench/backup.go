//go:build unix

package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
	more, err := b.disturbance(ctx, 8*rounds)
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
		took, err := b.restore(ctx, archive.Bytes())
		if err != nil {
			return [2]float64{}, err
		}
		back = append(back, took)
	}
	return [2]float64{median(out), median(back)}, nil
}

func (b *archiving) restore(ctx context.Context, archive []byte) (float64, error) {
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }
	r, err := b.service.Restore(ctx, open, backup.RestoreOptions{As: unique("r")})
	if err != nil {
		return 0, err
	}
	return micros(r.Took) / 1e3, b.drop(ctx, r.ID, r.Schema)
}

func (b *archiving) drop(ctx context.Context, id uuid.UUID, schema string) error {
	sql := "set session_replication_role = replica; drop schema " + quoted(schema) + " cascade"
	for _, t := range []string{"usage", "keysets", "migrations", "migration_outcomes", "provisionings", "schemas"} {
		sql += fmt.Sprintf("; delete from platform.%s where clinic_id = '%s'", t, id)
	}
	return inDatabase(ctx, b.in.admin, sql+fmt.Sprintf("; delete from platform.clinics where id = '%s'", id))
}

// disturbance reads in other clinics at a steady pace, alone and while one
// clinic is being restored, and compares how long the slower ones waited.
func (b *archiving) disturbance(ctx context.Context, turns int) ([]Row, error) {
	db, err := b.in.openApp(ctx, 16)
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
	if _, err := load(ctx, db, others, 200*turns, nil); err != nil { // warm
		return nil, err
	}
	alone, err := load(ctx, db, others, 200*turns, nil)
	if err != nil {
		return nil, err
	}
	meanwhile, err := load(ctx, db, others, 0, func() error { _, err := b.restore(ctx, archive.Bytes()); return err })
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, q := range []float64{0.5, 0.95, 0.99} {
		row := Row{What: fmt.Sprintf("a read in %d other clinics while one is restored, p%.0f", len(others), q*100), Unit: "µs", Ours: quantile(meanwhile, q),
			Base: quantile(alone, q), BaseIs: "the same alone"}
		if q == 0.95 {
			row.Goal = "<= 1.1"
		}
		rows = append(rows, row)
	}
	return rows, nil
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

// pace is how long each of the four readers rests after a read, so that the
// server is at work and not at its end.
const pace = 5 * time.Millisecond

// load reads n times, or as long as the other work takes, and gives the times.
func load(ctx context.Context, db *tenants.DB, in []*tenants.Clinic, n int, other func() error) ([]float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const callers = 4
	took := make([][]float64, callers)
	failed := make([]error, callers+1)
	var all sync.WaitGroup
	over := make(chan struct{})
	for r := range callers {
		all.Go(func() {
			for i := 0; n == 0 || i < n/callers; i++ {
				select {
				case <-over:
					return
				case <-time.After(pace):
				}
				c := in[(i*callers+r*7)%len(in)]
				begun := time.Now()
				err := tenants.Read(scoped(ctx, c), db, func(ctx context.Context, tx *tenants.Tx) error {
					rows, err := tx.Query(ctx, "select id, name from departments order by name")
					if err != nil {
						return err
					}
					rows.Close()
					return rows.Err()
				})
				if err != nil {
					failed[r] = err
					return
				}
				took[r] = append(took[r], micros(time.Since(begun)))
			}
		})
	}
	if other != nil {
		for range 3 {
			if failed[callers] = other(); failed[callers] != nil {
				break
			}
		}
		close(over)
	}
	all.Wait()
	var out []float64
	for r, err := range failed {
		if err != nil {
			return nil, err
		}
		if r < callers {
			out = append(out, took[r]...)
		}
	}
	return out, nil
}
