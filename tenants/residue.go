package tenants

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A connection must show nothing of the transaction before. Three checks hold
// that, from cheap to thorough:
//
//  1. each scope statement looks at role, path and scope before it sets its
//     own: no statement more, about a microsecond;
//  2. a transaction that ran anything but ordinary statements (by command tag,
//     or by the words of its text: see isOdd) is followed, in the flush of its
//     COMMIT, by the full residue check;
//  3. the same full check runs on a sample: a connection's first release after
//     sampleEvery, or after sampleUses uses.
//
// The full check costs the backend 0.7 ms, eleven key lookups; see docs/decisions.
const (
	sampleEvery = 5 * time.Second
	sampleUses  = 4096
)

// due reports whether the sample is to be taken at this release.
func (c *conn) due() bool {
	c.uses++
	return c.uses%sampleUses == 0 || time.Since(c.checked) > sampleEvery
}

// residue sends the full check; it runs outside any transaction, so a sync goes
// before it and one after. It goes as a text: a prepared statement has a name,
// under which something else might have been left.
func (c *conn) residue() {
	c.checked = time.Now()
	c.pl.SendQueryParams(sqlResidue, nil, nil, nil, nil)
	c.owe(replyResidue, nil)
	if c.asksMem {
		c.pl.SendQueryPrepared(stMemory, nil, nil, nil)
		c.owe(replyMemory, nil)
	}
	c.sync()
}

// readMemory takes note of what the backend holds, or whether it will say.
func (c *conn) readMemory(kind reply, r *pgconn.ResultReader) error {
	v, err := c.row(r, 1)
	if err != nil {
		return err
	}
	if kind == replyMayAsk {
		c.asksMem = v[0] == "t"
		return nil
	}
	c.memory, err = strconv.ParseInt(v[0], 10, 64)
	return err
}

// row reads the single row of a session statement.
func (c *conn) row(r *pgconn.ResultReader, cols int) ([]string, error) {
	var vals []string
	for r.NextRow() {
		vals = vals[:0]
		for _, v := range r.Values() {
			vals = append(vals, string(v))
		}
	}
	if _, err := r.Close(); err != nil {
		return nil, c.failed(err)
	}
	if len(vals) != cols {
		c.kill("protocol")
		return nil, fmt.Errorf("tenants: a session statement gave %d columns, want %d", len(vals), cols)
	}
	return vals, nil
}

// readScope reads the scope statement's one boolean: whether the session was
// clean and the scope is set.
func (c *conn) readScope(r *pgconn.ResultReader) error {
	ok := false
	for r.NextRow() {
		v := r.Values()
		ok = len(v) == 1 && len(v[0]) == 1 && v[0][0] == 1
	}
	if _, err := r.Close(); err != nil {
		return c.failed(err)
	}
	if !ok {
		c.soil("scope")
		return errDirty
	}
	return nil
}

// readResidue judges the full check.
func (c *conn) readResidue(r *pgconn.ResultReader) error {
	v, err := c.row(r, 9)
	if err != nil {
		return err
	}
	var found []string
	note := func(ok bool, what string) {
		if !ok {
			found = append(found, what)
		}
	}
	note(v[0] == "none", "role")
	note(v[1] == "" || v[1] == `""`, "search_path")
	note(v[2] == "", "scope")
	note(v[3] == "", "setting")
	note(v[4] == "0", "cursor")
	note(v[5] == "0", "temporary table")
	note(v[6] == "0", "advisory lock")
	note(v[7] == "0", "prepared statement")
	note(v[8] == "0", "listen")
	if len(found) > 0 {
		c.soil(strings.Join(found, ", "))
		return errDirty
	}
	return nil
}
