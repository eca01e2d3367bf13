package migrate

import (
	"cmp"
	"slices"
	"strings"
)

// change is what one statement did: the catalogs before the migration, before the
// statement and after it, and the locks before and after.
type change struct {
	base, was, now catalog
	before, held   map[uint32]lockset
	schema         string
	statement      string
	alone          bool // outside a transaction

	found []Warning
	anew  map[uint32]bool // tables that were written anew, with all that stands on them
}

// warnings judges the change. Only tables that were there before the migration
// count: nobody waits for a new one.
func (c *change) warnings() []Warning {
	c.anew = map[uint32]bool{}
	for id, r := range c.base.relations {
		if r.isTable() {
			c.table(id)
		}
	}
	c.newIndexes()
	c.newConstraints()
	c.newLocks()
	slices.SortFunc(c.found, func(a, b Warning) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Name, b.Name), strings.Compare(a.Object, b.Object))
	})
	return c.found
}

func (c *change) add(name string, table uint32, object string) {
	k := kinds[name]
	c.found = append(c.found, Warning{Name: name, Table: c.base.relations[table].name(c.schema), Object: object, Reason: k.reason, Instead: k.instead,
		Statement: begins(c.statement)})
}

// table compares a table with what it was before the statement.
func (c *change) table(id uint32) {
	was, there := c.was.relations[id]
	if !there { // dropped by an earlier statement
		return
	}
	now, there := c.now.relations[id]
	if !there {
		c.add("drop-table", id, "")
		return
	}
	if was.schema != now.schema || was.table != now.table {
		c.add("rename", id, now.name(c.schema))
	}
	for n, col := range c.was.columns[id] {
		c.column(id, n, col)
	}
	for n, col := range c.now.columns[id] {
		if _, old := c.was.columns[id][n]; !old && col.required && !col.filled {
			c.add("required-column", id, col.name)
		}
	}
	if was.file != now.file && !c.anew[id] {
		c.anew[id] = true
		c.add("table-rewrite", id, "")
	}
}

func (c *change) column(table uint32, n int16, was column) {
	now, there := c.now.columns[table][n]
	switch {
	case !there:
		c.add("drop-column", table, was.name)
		return
	case was.name != now.name:
		c.add("rename", table, was.name+" to "+now.name)
	}
	if was.kind != now.kind {
		c.anew[table] = true
		c.add("column-type", table, now.name)
	}
	if !was.required && now.required && !c.proven(table, n) {
		c.add("set-not-null", table, now.name)
	}
}

// proven reports whether the server need not read the table to know that a column
// has no null: a check that was validated before says so, or, since Postgres 18, the
// constraint itself is not validated yet.
func (c *change) proven(table uint32, n int16) bool {
	for id, k := range c.now.constraints {
		if k.table != table {
			continue
		}
		if old, there := c.was.constraints[id]; there && old.valid && old.proves == n || k.kind == "n" && !k.valid {
			return true
		}
	}
	return false
}

func (c *change) newIndexes() {
	for id, r := range c.now.relations {
		_, old := c.was.relations[id]
		_, on := c.base.relations[r.of]
		if r.of == 0 || old || !on || c.anew[r.of] {
			continue
		}
		if c.alone && strings.Contains(strings.ToUpper(c.statement), "CONCURRENTLY") {
			continue // its locks are gone by now, so only its words tell
		}
		c.add("index-build", r.of, r.table)
	}
}

func (c *change) newConstraints() {
	for id, k := range c.now.constraints {
		_, on := c.base.relations[k.table]
		old, there := c.was.constraints[id]
		switch {
		case !on || c.anew[k.table]:
		case there && !old.valid && k.valid:
			if c.held[k.table]&bit(accessExclusive) != 0 {
				c.add("validate-under-lock", k.table, k.name)
			}
		case there || !k.valid:
		case k.kind == "f":
			c.add("foreign-key-scan", k.table, k.name)
		case k.kind == "c":
			c.add("constraint-scan", k.table, k.name)
		}
	}
}

// newLocks looks at what is held since this statement.
func (c *change) newLocks() {
	exclusive := false
	for id, l := range c.held {
		if r, there := c.base.relations[id]; there && r.isTable() && l&bit(accessExclusive) != 0 {
			exclusive = true
		}
	}
	for id, l := range c.held {
		r, there := c.base.relations[id]
		if !there || !r.isTable() || l == c.before[id] {
			continue
		}
		if c.schema != "" && r.schema != c.schema && strength(l.strongest()) > strength(rowExclusive) {
			c.add("shared-lock", id, l.strongest())
		}
		if exclusive && (l&^c.before[id])&bit(rowExclusive) != 0 && (c.schema == "" || r.schema == c.schema) {
			c.add("write-under-lock", id, "")
		}
	}
}
