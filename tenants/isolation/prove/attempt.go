package prove

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// judge is how an attempt's outcome is told from a failure.
type judge int

const (
	byRows    judge = iota // the attack must give and change no row
	byMark                 // the victim's mark must stand nowhere in the outcome
	byRefusal              // the attack must be refused
	byEqual                // hit and miss must look the same
	byTime                 // hit and miss must take as long
)

// attempt is one attack: statements of the service's login, each of which is
// one statement.
type attempt struct {
	route  string
	role   string
	object string // table, function or role that is attacked, for the report
	victim *clinic
	setup  []string // what goes before; its outcome is not judged
	attack []string
	miss   []string // byEqual: the attack with a value that nobody has
	hide   []string // byEqual: what hit and miss differ in by themselves
	marks  []string // besides the mark: what else must not be seen
	lines  []string // literals of the one line that the attack, a COPY FROM, brings
	left   []string // through the pool: what the victim's transaction leaves
	judge  judge
	commit bool // end with COMMIT; what was changed is then looked for as the owner
	alone  bool // on a connection of its own, statement by statement
}

// result of one statement.
type result struct {
	rows [][]string
	tag  string
	n    int64
	err  *pgconn.PgError
}

// text is all that an attacker sees of it.
func (r result) text() string {
	var b strings.Builder
	for _, row := range r.rows {
		b.WriteString(strings.Join(row, "|") + "\n")
	}
	if e := r.err; e != nil {
		fmt.Fprintf(&b, "%s %s %s %s %s %s %s %s", e.Code, e.Message, e.Detail, e.Hint, e.Where, e.TableName, e.ColumnName, e.ConstraintName)
	}
	return b.String()
}

// session is an attacker's connection.
type session struct {
	dsn     string
	pg      *pgconn.PgConn
	notices strings.Builder
	line    string          // the last that a COPY FROM brought
	cut     *pgconn.PgError // why the last attempt ended before its time; nil if it didn't
}

// dial connects. In a copy nobody is held up, so there an attack gets the time
// that a busy machine takes: one that is cut off would be a dead control.
func dial(ctx context.Context, dsn string, copied bool) (*session, error) {
	c, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the service's connection string is not a Postgres URL or keyword=value list")
	}
	s := &session{dsn: dsn}
	c.RuntimeParams["application_name"] = "cloister prove"
	c.RuntimeParams["statement_timeout"], c.RuntimeParams["lock_timeout"] = "5000", "2000"
	if copied {
		c.RuntimeParams["statement_timeout"], c.RuntimeParams["lock_timeout"] = "120000", "60000"
	}
	c.RuntimeParams["search_path"] = ""
	c.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { s.notices.WriteString(n.Message + " " + n.Detail + "\n") }
	if s.pg, err = pgconn.ConnectConfig(ctx, c); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *session) close(ctx context.Context) { _ = s.pg.Close(ctx) }

// run sends statements, all at once or one by one, and gives the result of each
// that was reached.
func (s *session) run(ctx context.Context, statements []string, apart bool) ([]result, error) {
	s.notices.Reset()
	if !apart {
		return s.send(ctx, strings.Join(statements, ";\n"))
	}
	var all []result
	for _, sql := range statements {
		rs, err := s.send(ctx, sql)
		if err != nil {
			return all, err
		}
		all = append(all, rs...)
	}
	return all, nil
}

// bring runs a COPY FROM, whose line the server itself spells.
func (s *session) bring(ctx context.Context, a attempt) ([]result, error) {
	s.notices.Reset()
	var line bytes.Buffer
	if _, err := s.pg.CopyTo(ctx, &line, "copy (select "+strings.Join(a.lines, ", ")+") to stdout"); err != nil {
		return nil, err
	}
	s.line = line.String()
	all, err := s.send(ctx, strings.Join(a.setup, ";\n"))
	if err != nil || len(all) < len(a.setup) || all[len(all)-1].err != nil {
		return all, err
	}
	var r result
	tag, err := s.pg.CopyFrom(ctx, &line, a.attack[0])
	if r.tag, r.n = tag.String(), tag.RowsAffected(); err != nil && !errors.As(err, &r.err) {
		return all, err
	}
	return append(all, r), nil
}

func (s *session) send(ctx context.Context, sql string) ([]result, error) {
	m := s.pg.Exec(ctx, sql)
	var all []result
	for m.NextResult() {
		var r result
		rd := m.ResultReader()
		for rd.NextRow() {
			row := make([]string, len(rd.Values()))
			for i, v := range rd.Values() {
				row[i] = string(v)
			}
			r.rows = append(r.rows, row)
		}
		tag, err := rd.Close()
		r.tag, r.n = tag.String(), tag.RowsAffected()
		if err != nil && !errors.As(err, &r.err) {
			return all, err
		}
		all = append(all, r)
	}
	err := m.Close()
	var pe *pgconn.PgError
	switch {
	case err == nil:
	case !errors.As(err, &pe):
		return all, err
	case len(all) == 0 || all[len(all)-1].err == nil:
		all = append(all, result{err: pe})
	}
	return all, nil
}

// seen is a leak: what the attacker saw.
type seen struct {
	attempt
	what string
	line string // that a COPY FROM brought
}

// try runs an attempt and judges it; nil is no leak. The session is clean after.
func (s *session) try(ctx context.Context, a attempt, mark bool) (*seen, error) {
	hit, notices, err := s.whole(ctx, a, a.attack)
	if err != nil {
		return nil, err
	}
	what := ""
	if mark {
		what = marked(a, hit, notices)
	}
	switch {
	case what != "":
	case a.judge == byTime:
		what, err = s.clock(ctx, a)
	case a.judge == byRows:
		what = rowsOf(hit)
	case a.judge == byRefusal:
		what = letThrough(hit)
	case a.judge == byEqual:
		what, err = s.compare(ctx, a)
	}
	if what == "" || err != nil {
		return nil, err
	}
	saw := &seen{attempt: a, what: what}
	if a.lines != nil {
		saw.line = s.line
	}
	return saw, nil
}

// sure is how often a comparison must come out the same before it is told: an
// oracle answers each time, and what others do at the same time (a vacuum, a
// plan that changed with new statistics) does not.
const sure = 3

// compare tells hit from miss.
func (s *session) compare(ctx context.Context, a attempt) (what string, err error) {
	for range sure {
		hit, said, err := s.whole(ctx, a, a.attack)
		if err != nil {
			return "", err
		}
		miss, missed, err := s.whole(ctx, a, a.miss)
		if err != nil {
			return "", err
		}
		h, m := a.plain(hit, said), a.plain(miss, missed)
		if h == m {
			return "", nil
		}
		what = fmt.Sprintf("a value of the other clinic gives %q, one of nobody %q", short(h), short(m))
	}
	return what, nil
}

// cutOff is an error that says nothing of a wall: the statement met another's
// lock, a deadlock or the end of its time.
func (a attempt) cutOff(e *pgconn.PgError) bool {
	switch {
	case e == nil:
		return false
	case e.Code == "55P03": // lock_not_available
		return !strings.HasSuffix(a.attack[len(a.attack)-1], "nowait")
	case e.Code == "XX000": // what CREATE and ALTER ROLE say where two meet
		return strings.HasPrefix(e.Message, "tuple concurrently")
	}
	return e.Code == "57014" || e.Code == "40P01" || e.Code == "40001"
}

// patience is how often an attempt that was cut off is made again.
const patience = 5

// whole is once without being cut off. An attempt that always is proves nothing,
// so then there is no proof. Errors: that.
func (s *session) whole(ctx context.Context, a attempt, attack []string) ([]result, string, error) {
	var cut *pgconn.PgError
	for range patience {
		all, notices, err := s.once(ctx, a, attack)
		if err != nil {
			return nil, "", err
		}
		cut = s.cut
		if cut == nil {
			return all, notices, nil
		}
		if a.alone { // what it prepared would be in its own way
			if _, err := s.send(ctx, "discard all"); err != nil {
				return nil, "", err
			}
		}
	}
	return nil, "", fmt.Errorf("an attempt on %s was cut off %d times: %w", a.object, patience, cut)
}

// once runs setup and attack in the given way and gives the results of the attack.
func (s *session) once(ctx context.Context, a attempt, attack []string) ([]result, string, error) {
	s.cut = nil
	var all []result
	var err error
	if a.lines != nil {
		all, err = s.bring(ctx, a)
	} else {
		all, err = s.run(ctx, append(append([]string{}, a.setup...), attack...), a.alone)
	}
	notices := s.notices.String()
	if err != nil {
		return nil, "", err
	}
	for _, r := range all {
		if a.cutOff(r.err) {
			s.cut = r.err
		}
	}
	if len(all) < len(a.setup) { // the setup itself was refused, and with it the attack
		all = nil
	} else {
		if n := len(a.setup); n > 0 && all[n-1].err != nil {
			all = all[:n-1]
		}
		all = all[min(len(a.setup), len(all)):]
	}
	end := "rollback"
	if a.commit && s.pg.TxStatus() == 'T' {
		end = "commit"
	}
	if s.pg.TxStatus() != 'I' {
		ended, err := s.send(ctx, end)
		if err != nil {
			return nil, "", err
		}
		for _, r := range ended {
			if r.err != nil { // a deferred constraint: nothing was changed
				all = append(all, r)
				for i := range all {
					all[i].n = 0
				}
			}
		}
	}
	return all, notices, nil
}

// rowsOf tells of rows that were given or changed.
func rowsOf(rs []result) string {
	for _, r := range rs {
		if n := len(r.rows); n > 0 {
			if slices.EqualFunc(r.rows[1:], r.rows[:n-1], slices.Equal[[]string]) {
				return fmt.Sprintf("%d rows of %s", n, short(strings.Join(r.rows[0], "|")))
			}
			return fmt.Sprintf("%d rows: %s", n, short(r.text()))
		}
		if r.n > 0 && r.err == nil {
			return r.tag
		}
	}
	return ""
}

func letThrough(rs []result) string {
	if len(rs) == 0 {
		return ""
	}
	last := rs[len(rs)-1]
	if last.err != nil {
		return ""
	}
	return "was let through: " + strings.TrimSpace(last.tag+" "+short(last.text()))
}

// marked looks for the victim's mark in everything that came back, and not in
// what the attacker wrote himself.
func marked(a attempt, rs []result, notices string) string {
	var all strings.Builder
	for _, r := range rs {
		all.WriteString(r.text())
	}
	all.WriteString(notices)
	said := all.String()
	for _, m := range append([]string{a.victim.mark, hex.EncodeToString([]byte(a.victim.mark)), a.victim.only.String()}, a.marks...) {
		if strings.Contains(said, m) && !strings.Contains(strings.Join(a.attack, " "), m) {
			return "the canary " + m + " is in: " + short(said)
		}
	}
	return ""
}

var costs = regexp.MustCompile(`(?i)(Time|Memory|Buffers|Peak)[^\n]*`)

// plain is an outcome without what hit and miss may differ in.
func (a attempt) plain(rs []result, notices string) string {
	var b strings.Builder
	for _, r := range rs {
		b.WriteString(r.tag + " " + r.text() + "\n")
	}
	text := costs.ReplaceAllString(b.String()+notices, "")
	for _, h := range a.hide {
		text = strings.ReplaceAll(text, h, "?")
	}
	return text
}

func short(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", " / ")
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return s
}
