package tenants

import (
	"regexp"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// text is one SQL text and what the server said of it. The types of parameters
// and results are the same in every clinic (DESIGN 1: no type lives in a clinic
// schema), so one description serves them all and a clinic's first use of a
// statement needs no round trip to ask.
type text struct {
	sql     string
	sd      pgconn.StatementDescription
	formats []int16
	odd     bool // may change the session
	writes  bool // names a command that changes or locks rows
}

// maxTexts bounds the descriptions kept. The program's own texts are some
// hundreds; more means that someone builds SQL by hand.
const maxTexts = 4000

// texts holds the descriptions, process-wide.
type texts struct {
	mu    sync.RWMutex
	known map[string]*text
}

func newTexts() *texts { return &texts{known: map[string]*text{}} }

func (t *texts) get(sql string) *text {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.known[sql]
}

// put keeps a description; the first one wins, so that every connection has
// the same pointer for the same text.
func (t *texts) put(x *text) *text {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.known[x.sql]; k != nil {
		return k
	}
	if len(t.known) >= maxTexts {
		clear(t.known)
	}
	t.known[x.sql] = x
	return x
}

// drop forgets a description that proved wrong.
func (t *texts) drop(x *text) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known[x.sql] == x {
		delete(t.known, x.sql)
	}
}

func newText(m *pgtype.Map, sql string, sd *pgconn.StatementDescription) *text {
	x := &text{sql: sql, sd: *sd, odd: isOdd(sql), writes: changes.MatchString(strings.ToLower(sql))}
	x.formats = make([]int16, len(sd.Fields))
	for i := range sd.Fields {
		x.formats[i] = m.FormatCodeForOID(sd.Fields[i].DataTypeOID)
	}
	return x
}

// agrees tells whether a description from another clinic is the same in what
// the wire needs.
func (x *text) agrees(sd *pgconn.StatementDescription) bool {
	if len(x.sd.ParamOIDs) != len(sd.ParamOIDs) || len(x.sd.Fields) != len(sd.Fields) {
		return false
	}
	for i, o := range x.sd.ParamOIDs {
		if sd.ParamOIDs[i] != o {
			return false
		}
	}
	for i := range x.sd.Fields {
		if x.sd.Fields[i].DataTypeOID != sd.Fields[i].DataTypeOID || x.sd.Fields[i].Name != sd.Fields[i].Name {
			return false
		}
	}
	return true
}

// isOdd tells whether a statement could leave something behind on the session
// although its command tag is an ordinary one. No language is usable by the
// service's roles (DESIGN 1), so what changes a session must be spelled in the
// text itself: as one of these functions, or hidden by a Unicode escape. Such a
// statement costs its transaction the full residue check; what a reviewed
// function of the database would leave, the sampled check finds.
func isOdd(sql string) bool {
	s := strings.ToLower(sql)
	for _, w := range [...]string{"set_config", "advisory", "u&", "dblink", "pg_notify_queue", "lo_", "setseed", "set_limit", "_to_xml"} {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// begins finds the first word of a text, behind parentheses and comments of a
// line, which end where Postgres ends them.
var begins = regexp.MustCompile(`^(?:\s+|--[^\n\r]*|\()*([A-Za-z]*)`)

// isStatement tells whether a text reads or changes rows. Nothing else goes through
// a transaction: RESET ROLE, LOCK of another clinic's table, COPY, PREPARE, ALTER
// ROLE and their like are what injected text would reach for, and the database
// can refuse a login none of them.
func isStatement(sql string) bool {
	switch strings.ToLower(begins.FindStringSubmatch(sql)[1]) {
	case "select", "insert", "update", "delete", "merge", "with", "values":
		return true
	}
	return false
}

// changes finds the commands that change rows, wherever in a text they stand.
var changes = regexp.MustCompile(`\b(insert|update|delete|merge)\b`)

// ordinary are the command tags that can't change a session.
func ordinary(tag string) bool {
	for _, p := range [...]string{"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"} {
		if strings.HasPrefix(tag, p) {
			return true
		}
	}
	return tag == ""
}

// stmtKey says which prepared statement serves: a plan holds the tables of one
// clinic and the policies of one role, so both are part of it.
type stmtKey struct {
	clinic uuid.UUID
	role   string
	text   *text
}

// stmt is one prepared statement of one connection.
type stmt struct {
	key        stmtKey
	name       string
	sd         pgconn.StatementDescription // the text's, under this name
	prev, next *stmt
}

// stmts are a connection's prepared statements, least recently used last.
type stmts struct {
	known map[stmtKey]*stmt
	root  stmt // ring: root.next is the newest, root.prev the oldest
	limit int
}

func newStmts(limit int) *stmts {
	s := &stmts{known: map[stmtKey]*stmt{}, limit: limit}
	s.root.next, s.root.prev = &s.root, &s.root
	return s
}

func (s *stmts) unlink(x *stmt) { x.prev.next, x.next.prev = x.next, x.prev }

func (s *stmts) front(x *stmt) {
	x.prev, x.next = &s.root, s.root.next
	x.prev.next, x.next.prev = x, x
}

// get finds a statement and makes it the newest.
func (s *stmts) get(k stmtKey) *stmt {
	x := s.known[k]
	if x != nil && s.root.next != x {
		s.unlink(x)
		s.front(x)
	}
	return x
}

// add keeps a statement and gives back the one that has to go for it, if any.
func (s *stmts) add(x *stmt) (evicted *stmt) {
	if len(s.known) >= s.limit {
		evicted = s.root.prev
		s.remove(evicted)
	}
	s.known[x.key] = x
	s.front(x)
	return evicted
}

func (s *stmts) remove(x *stmt) {
	if s.known[x.key] != x {
		return
	}
	delete(s.known, x.key)
	s.unlink(x)
}

// ofClinic lists the statements of a clinic.
func (s *stmts) ofClinic(clinic uuid.UUID) []*stmt {
	var out []*stmt
	for k, x := range s.known {
		if k.clinic == clinic {
			out = append(out, x)
		}
	}
	return out
}
