//go:build unix

package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/demo"
	"github.com/cloister-health/cloister/internal/patient"
)

// folk are made-up patients. Their ids, numbers and names are the same in every
// clinic, so that a wrong row could be told by its clinic alone.
type folk []person

type person struct {
	id            uuid.UUID
	name          demo.Name
	key           string
	phone         string
	born, entered time.Time
}

// gather makes n patients up. A name has the father's name in the middle, as in
// Maharashtra: two words alone would make 100 000 people share 2600 names.
func gather(n int) folk {
	rng := rand.New(rand.NewPCG(7, 7))
	today := time.Now().UTC().Truncate(24 * time.Hour)
	all := make(folk, n)
	for i := range all {
		who := demo.Invent(rng)
		for father := demo.Invent(rng); ; father = demo.Invent(rng) {
			if father.Sex == "male" {
				who.First += " " + father.First
				break
			}
		}
		id := patientOf(0)
		id[13], id[14], id[15] = byte(i>>16), byte(i>>8), byte(i)
		all[i] = person{id: id, name: who, key: string(patient.SearchKey(who.First, who.Last, who.Local)),
			phone: fmt.Sprintf("+919%09d", rng.IntN(1e9)), born: today.AddDate(-rng.IntN(80), 0, -rng.IntN(365)), entered: today.AddDate(0, 0, -rng.IntN(540))}
	}
	return all
}

// settle writes the patients into a clinic that has none, with the vocabulary
// that the search compares misspellings with. Triggers are left out: what they
// cost is another case's business.
func (f folk) settle(ctx context.Context, c *pgx.Conn, schema string) error {
	if _, err := c.Exec(ctx, fmt.Sprintf(`set session_replication_role = replica; set search_path = %s, ext, pg_temp`, quoted(schema))); err != nil {
		return err
	}
	columns := []string{"id", "number", "first_name", "last_name", "local_name", "search_key", "sex", "birth_date", "phone", "registered_on"}
	_, err := c.CopyFrom(ctx, pgx.Identifier{"patients"}, columns, pgx.CopyFromSlice(len(f), func(i int) ([]any, error) {
		p := f[i]
		return []any{p.id, fmt.Sprintf("PT-2026-%05d", i+1), p.name.First, p.name.Last, p.name.Local, p.key, p.name.Sex, p.born, p.phone, p.entered}, nil
	}))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, `insert into name_words (word) select distinct w from patients, unnest(string_to_array(search_key, ' ')) w on conflict do nothing; reset all`)
	return err
}
