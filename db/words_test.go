package db_test

import (
	"testing"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// Whether a name's words are known is asked of the primary key. The trigram
// index answers it too, by reading every word that was lately added, and a scan
// by reading all of them.
func TestKnownWordsAreFoundByTheirKey(t *testing.T) {
	t.Parallel()
	tx := testkit.New(t).As(t, testkit.Alpha, access.Jobs)
	if _, err := tx.Exec(t.Context(), `insert into patients (id, first_name, search_key, registered_on)
		select gen_random_uuid(), 'N' || n, 'first' || n || ' last' || n % 100 || ' zxn' || n, now() from generate_series(1, 600) n`); err != nil {
		t.Fatal(err)
	}
	read := map[string]int64{}
	rows, err := tx.Query(t.Context(), `select c.relname::text, pg_stat_get_xact_tuples_returned(c.oid) from pg_class c
		where c.relnamespace = $1::regnamespace and c.relname in ('name_words', 'name_words_near', 'name_words_pkey')`, testkit.Alpha.Schema)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		read[name] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	// The hundred last names are met five more times each.
	if read["name_words"] != 0 || read["name_words_near"] != 0 || read["name_words_pkey"] != 500 {
		t.Errorf("rows read to learn 600 names: %v", read)
	}
}
