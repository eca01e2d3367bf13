package migrate

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db"
)

// code is one row of the classification.
type code struct {
	code, title string
	common      *int16 // its place among the frequent ones
}

// reference loads the public lists that the program carries, if the database
// has others or none. Two runs at once do it one after the other.
func reference(ctx context.Context, owner *pgx.Conn) error {
	packed, common := db.ICD10()
	h := sha256.New()
	h.Write(packed)
	h.Write([]byte(common))
	digest := hex.EncodeToString(h.Sum(nil))
	if same, err := loaded(ctx, owner, "icd10", digest); err != nil || same {
		return err
	}
	return pgx.BeginFunc(ctx, owner, func(tx pgx.Tx) error {
		// Another first run loads it in a second or two.
		for _, sql := range []string{"set local lock_timeout = '1min'", "lock table platform.reference_lists in exclusive mode"} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		if same, err := loaded(ctx, tx, "icd10", digest); err != nil || same {
			return err
		}
		codes, err := readCodes(packed, common)
		if err != nil {
			return fmt.Errorf("the list of ICD-10: %w", err)
		}
		return loadCodes(ctx, tx, codes, digest)
	})
}

func loaded(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, name, digest string) (bool, error) {
	var there string
	err := q.QueryRow(ctx, "select digest from platform.reference_lists where name = $1", name).Scan(&there)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return there == digest, err
}

func readCodes(packed []byte, common string) ([]code, error) {
	places := map[string]int16{}
	for _, c := range strings.Fields(common) {
		places[c] = int16(len(places) + 1)
	}
	z, err := gzip.NewReader(strings.NewReader(string(packed)))
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(z)
	if _, err := r.Read(); err != nil { // the header
		return nil, err
	}
	var all []code
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		c := code{code: row[0], title: row[1]}
		if place, ok := places[c.code]; ok {
			c.common = &place
			delete(places, c.code)
		}
		all = append(all, c)
	}
	for c := range places {
		return nil, fmt.Errorf("the frequent code %s is not in it", c)
	}
	return all, nil
}

// vocabulary is every word of the titles that may be misspelt.
func vocabulary(codes []code) []string {
	seen := map[string]bool{}
	var words []string
	for _, c := range codes {
		for _, w := range strings.FieldsFunc(strings.ToLower(c.title), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
			if len(w) < 3 || seen[w] || strings.Trim(w, "0123456789") == "" {
				continue
			}
			seen[w] = true
			words = append(words, w)
		}
	}
	return words
}

func loadCodes(ctx context.Context, tx pgx.Tx, all []code, digest string) error {
	codes, titles, common := make([]string, len(all)), make([]string, len(all)), make([]*int16, len(all))
	for i, c := range all {
		codes[i], titles[i], common[i] = c.code, c.title, c.common
	}
	b := &pgx.Batch{}
	b.Queue("delete from platform.icd10")
	b.Queue("delete from platform.icd10_words")
	// In one statement each: row-level security is forced on the owner, too, and
	// COPY knows none.
	b.Queue("insert into platform.icd10 (code, title, common) select c, t, n from unnest($1::text[], $2::text[], $3::smallint[]) x(c, t, n)", codes, titles, common)
	b.Queue("insert into platform.icd10_words (word) select w from unnest($1::text[]) w", vocabulary(all))
	b.Queue("insert into platform.reference_lists (name, digest, rows) values ('icd10', $1, $2) "+
		"on conflict (name) do update set digest = excluded.digest, rows = excluded.rows, loaded_at = now()", digest, len(all))
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "analyze platform.icd10, platform.icd10_words")
	return err
}
