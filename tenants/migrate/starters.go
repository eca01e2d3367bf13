package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db"
)

// starters loads the lists that clinics begin with, if the database has others
// or none. A clinic copies them when its schema is made or migrated.
func starters(ctx context.Context, owner *pgx.Conn) error {
	medicines, investigations := db.Starters()
	sum := sha256.Sum256([]byte(medicines + investigations))
	digest := hex.EncodeToString(sum[:])
	if same, err := loaded(ctx, owner, "starters", digest); err != nil || same {
		return err
	}
	drugs, err := rowsOf(medicines, 9)
	if err != nil {
		return fmt.Errorf("the list of medicines: %w", err)
	}
	tests, err := rowsOf(investigations, 4)
	if err != nil {
		return fmt.Errorf("the list of tests: %w", err)
	}
	return pgx.BeginFunc(ctx, owner, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue("set local lock_timeout = '1min'")
		b.Queue("lock table platform.reference_lists in exclusive mode")
		b.Queue("delete from platform.starter_medicines")
		b.Queue("delete from platform.starter_tests")
		for _, d := range drugs {
			strengths := []string{}
			if d[2] != "" {
				strengths = strings.Split(d[2], ";")
			}
			var days *int16
			if n, err := strconv.ParseInt(d[5], 10, 16); err == nil {
				short := int16(n)
				days = &short
			}
			b.Queue("insert into platform.starter_medicines (generic, form, strengths, strength, dose, days, food, route, class) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
				d[0], d[1], strengths, d[3], d[4], days, d[6], d[7], d[8])
		}
		for _, t := range tests {
			b.Queue("insert into platform.starter_tests (name, kind, category, code) values ($1, $2, $3, $4)", t[0], t[1], t[2], t[3])
		}
		b.Queue("insert into platform.reference_lists (name, digest, rows) values ('starters', $1, $2) "+
			"on conflict (name) do update set digest = excluded.digest, rows = excluded.rows, loaded_at = now()", digest, len(drugs)+len(tests))
		return tx.SendBatch(ctx, b).Close()
	})
}

// rowsOf reads a CSV with a header and so many columns.
func rowsOf(text string, columns int) ([][]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = columns
	all, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	return all[1:], nil
}
