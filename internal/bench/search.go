//go:build unix

package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
)

// plainSearch is the usual way, under the same policies: a trigram index that
// row-level security doesn't let the query use.
const plainSearch = `select id, number, full_name, phone from patients
	where merged_into is null and (search_key like '%' || $1 || '%' or search_key operator(ext.%) $1) order by last_visit_on desc nulls last, id limit 20`

// Search times the patient search of one big clinic: what a receptionist types,
// through the whole of a request's transaction.
func Search(ctx context.Context, e *Env) ([]Row, error) {
	n, rounds := 100_000, 400
	if e.Quick {
		n, rounds = 3000, 60
	}
	in, err := e.install(ctx, fmt.Sprintf("search_%d", n))
	if err != nil {
		return nil, err
	}
	defer in.close()
	all := gather(n)
	clinic, err := in.populous(ctx, all)
	if err != nil {
		return nil, err
	}
	db, err := in.openApp(ctx, 2)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	scope := scoped(ctx, clinic)
	rng := rand.New(rand.NewPCG(3, 3))
	anybody := func() person { return all[rng.IntN(len(all))] }
	var rows []Row
	for _, kind := range []struct {
		what string
		text func() string
	}{
		{"beginning of a name, 3 to 5 letters", func() string {
			w := strings.Fields(anybody().name.First + " " + anybody().name.Last)
			x := w[rng.IntN(len(w))]
			return x[:min(len(x), 3+rng.IntN(3))]
		}},
		{"first and last name", func() string { p := anybody(); return strings.Fields(p.name.First)[0] + " " + p.name.Last }},
		{"misspelt name", func() string { return misspell(rng, anybody().name.Last) }},
		{"first and last name, both misspelt", func() string {
			p := anybody()
			return misspell(rng, strings.Fields(p.name.First)[0]) + " " + misspell(rng, p.name.Last)
		}},
		{"name in Devanagari", func() string { return anybody().name.Local }},
		{"end of a phone number, 5 digits", func() string { p := anybody().phone; return p[len(p)-5:] }},
		{"whole phone number", func() string { return anybody().phone[3:] }},
	} {
		took := make([]float64, 0, rounds)
		found := 0
		for i := range rounds + rounds/10 {
			text := kind.text()
			begun := time.Now()
			var cards []patient.Card
			err := tenants.Read(scope, db, func(ctx context.Context, tx *tenants.Tx) (err error) {
				cards, err = patient.FindIn(ctx, tx, text, patient.SearchHits)
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", kind.what, err)
			}
			if i < rounds/10 {
				continue
			}
			took = append(took, micros(time.Since(begun))/1e3)
			if len(cards) > 0 {
				found++
			}
		}
		rows = append(rows, Row{What: kind.what + ", p95", Unit: "ms", Ours: quantile(took, .95), Goal: "<= 3",
			Comments: fmt.Sprintf("p50 %s ms, %d of %d found somebody", number(median(took)), found, rounds)})
	}
	usual, err := usualSearch(scope, db, func() string { return strings.ToLower(anybody().name.Last)[:4] }, rounds/20)
	return append(rows, Row{What: "the usual way under the same policies, p95", Unit: "ms", Ours: usual}), err
}

func usualSearch(scope context.Context, db *tenants.DB, text func() string, rounds int) (float64, error) {
	var took []float64
	for range rounds {
		begun := time.Now()
		err := tenants.Read(scope, db, func(ctx context.Context, tx *tenants.Tx) error {
			rows, err := tx.Query(ctx, plainSearch, text())
			if err != nil {
				return err
			}
			rows.Close()
			return rows.Err()
		})
		if err != nil {
			return 0, err
		}
		took = append(took, micros(time.Since(begun))/1e3)
	}
	return quantile(took, .95), nil
}

// misspell doubles, drops, swaps or changes one letter behind the first.
func misspell(rng *rand.Rand, word string) string {
	b := []byte(word)
	i := 1 + rng.IntN(len(b)-2)
	switch rng.IntN(4) {
	case 0:
		return string(b[:i]) + string(b[i]) + string(b[i:])
	case 1:
		return string(b[:i]) + string(b[i+1:])
	case 2:
		b[i], b[i+1] = b[i+1], b[i]
	default:
		b[i] = "aeioutnrs"[rng.IntN(9)]
	}
	return string(b)
}

// populous is the installation's one clinic, with all of the folk in it.
func (in *installation) populous(ctx context.Context, all folk) (*tenants.Clinic, error) {
	if err := in.grow(ctx, 1); err != nil {
		return nil, err
	}
	clinics, err := in.settled(ctx, all, nil)
	if err != nil {
		return nil, err
	}
	return clinics[0], nil
}

// settled gives every clinic the folk, and what more says, if it has nobody yet.
func (in *installation) settled(ctx context.Context, all folk, more func(context.Context, *pgx.Conn, *tenants.Clinic) error) ([]*tenants.Clinic, error) {
	c, err := pg.Connect(ctx, in.admin)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, `select c.id, c.slug, c.name, s.schema_name from platform.clinics c join platform.schemas s on s.clinic_id = c.id
		where s.state = 'assigned' order by c.slug`)
	if err != nil {
		return nil, err
	}
	clinics, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*tenants.Clinic, error) {
		n := &tenants.Clinic{Status: tenants.StatusActive, Zone: time.UTC, Lang: "en"}
		return n, r.Scan(&n.ID, &n.Slug, &n.Name, &n.Schema)
	})
	if err != nil {
		return nil, err
	}
	fresh := 0
	for _, n := range clinics {
		var there bool
		if err := c.QueryRow(ctx, "select exists (select from "+quoted(n.Schema)+".patients)").Scan(&there); err != nil {
			return nil, err
		}
		if there {
			continue
		}
		if err := inTransaction(ctx, c, func() error {
			if err := all.settle(ctx, c, n.Schema); err != nil || more == nil {
				return err
			}
			return more(ctx, c, n)
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", n.Slug, err)
		}
		if fresh++; fresh%50 == 0 {
			in.env.say("filled %d clinics", fresh)
		}
	}
	if fresh > 0 {
		_, err = c.Exec(ctx, "vacuum analyze")
	}
	return clinics, err
}

func inTransaction(ctx context.Context, c *pgx.Conn, fn func() error) error {
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // nothing to undo after the commit
	if err := fn(); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
