package tenants

import "context"

// Raw sends a text that the transaction would refuse, as somebody might who got
// past that.
func (tx *Tx) Raw(_ context.Context, sql string) error {
	t := tx.txn
	t.begin()
	t.c.pl.SendQueryParams(sql, nil, nil, nil, nil)
	t.c.owe(replyQuery, nil)
	t.odd = t.odd || isOdd(sql)
	if err := t.c.ask(); err != nil {
		return t.fail(err)
	}
	r, err := t.result()
	if err != nil {
		return err
	}
	r.Close()
	return r.Err()
}
