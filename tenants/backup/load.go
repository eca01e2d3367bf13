package backup

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/files"
)

// home is where an archive comes to: the schema of the transaction's scope.
type home struct {
	tx      pgx.Tx
	clinic  uuid.UUID
	slug    string
	schema  string
	keyhole *keyhole
	pace    *pacer
	entry   uuid.UUID // of the ledger, since the beginning
}

// load fills the empty schema of the archive's version. The triggers are off
// while it does: they would number anew, move, time and record what was all that
// already. So is FORCE, because COPY takes no table that is under a policy; the
// schema is this transaction's alone until the walls stand again and were
// checked, and every row gets its clinic by the column's default, which the
// table's check holds. Both are back when it returns without an error.
func (s *Service) load(ctx context.Context, h home, a *Reader, o RestoreOptions) error {
	is, err := shapeOf(ctx, h.tx, h.schema)
	if err != nil {
		return err
	}
	if err := is.same(a.Header()); err != nil {
		return err
	}
	return h.quietly(ctx, is.all, func() error {
		for i := len(is.tables) - 1; i >= 0; i-- { // what migrations put there
			if _, err := h.tx.Exec(ctx, "delete from "+h.name(is.tables[i].Name)); err != nil {
				return err
			}
		}
		at := Progress{Total: len(is.tables) + 1}
		for _, t := range a.Header().Tables {
			at.Step = t.Name
			if err := s.table(ctx, h, a.nextTable(), is.self[t.Name], func(n int) {
				at.Rows++
				at.Bytes += int64(n)
				if at.Rows%tellEvery == 0 {
					tell(o.Progress, at)
				}
			}); err != nil {
				return err
			}
			at.Done++
			tell(o.Progress, at)
		}
		return h.learnWords(ctx)
	})
}

// nameWords makes the vocabulary of the search, as platform.learn_words would, of
// some patients at a time.
const nameWords = `with few as materialized (select p.id, p.search_key from patients p where p.id > $1 order by p.id limit 500),
  learnt as (insert into name_words (word)
    select distinct w from few cross join unnest(string_to_array(btrim(search_key), ' ')) w where w <> '' on conflict do nothing)
select id from few order by id desc limit 1`

func (h home) learnWords(ctx context.Context) error {
	last := uuid.Nil
	for {
		err := h.tx.QueryRow(ctx, nameWords, last).Scan(&last)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = h.pace.rest(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func (h home) name(table string) string { return pgx.Identifier{h.schema, table}.Sanitize() }

// quietly runs fn while the tables' own triggers and FORCE are off.
func (h home) quietly(ctx context.Context, tables []string, fn func() error) error {
	b := &strings.Builder{}
	for _, t := range tables {
		fmt.Fprintf(b, "alter table %[1]s disable trigger user; alter table %[1]s no force row level security;", h.name(t))
	}
	if _, err := h.tx.Conn().PgConn().Exec(ctx, b.String()).ReadAll(); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	b.Reset()
	for _, t := range tables {
		fmt.Fprintf(b, "alter table %[1]s enable trigger user; alter table %[1]s force row level security;", h.name(t))
	}
	_, err := h.tx.Conn().PgConn().Exec(ctx, b.String()).ReadAll()
	return err
}

// table loads one table as it comes, in statements that each take a moment:
// Postgres looks references up at the end of a statement, in one go.
func (s *Service) table(ctx context.Context, h home, r *rows, self string, tell func(int)) error {
	in := &intake{rows: r, h: h, made: r.t.madeColumns(), tell: tell, later: newLater(r.t, self)}
	for !in.done {
		begun, gave := time.Now(), in.gave
		in.left = cmp.Or(s.piece, h.pace.piece(in.bytes, in.took))
		in.bytes = 0
		tag, err := h.tx.Conn().PgConn().CopyFrom(ctx, in, r.t.copyIn(h.schema))
		switch {
		case in.err != nil: // the server only repeats it
			return in.err
		case err != nil:
			return unfit(r.t.Name, err)
		case tag.RowsAffected() != in.gave-gave:
			return broken(fmt.Sprintf("gave %d rows of %s and Postgres took %d", in.gave-gave, r.t.Name, tag.RowsAffected()))
		}
		in.took = time.Since(begun)
		if err := h.pace.rest(ctx); err != nil {
			return err
		}
	}
	return nil
}

// unfit says what Postgres has against rows, without the values that its own
// words may quote.
func unfit(table string, err error) error {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) || len(pe.Code) != 5 {
		return err
	}
	switch pe.Code[:2] {
	case "22", "23":
		where := ""
		if pe.ConstraintName != "" {
			where = ", " + pe.ConstraintName
		}
		return apperr.New(apperr.Invalid, "", fmt.Sprintf("the archive holds rows of %s that the clinic's tables do not take (SQLSTATE %s%s)", table, pe.Code, where))
	}
	return fmt.Errorf("table %s: %s (SQLSTATE %s)", table, pe.Message, pe.Code)
}

// intake gives Postgres the rows, sealed for where they come to and with the
// columns that are made.
type intake struct {
	rows  *rows
	h     home
	made  []string
	tell  func(int)
	later *later
	buf   []byte
	off   int
	left  int           // bytes that the statement may still take
	bytes int           // that it took
	took  time.Duration // by the statement before
	gave  int64         // rows of all statements
	done  bool
	err   error
}

func (i *intake) Read(p []byte) (int, error) {
	if i.off == len(i.buf) {
		if i.left <= 0 {
			return 0, io.EOF
		}
		if err := i.fill(); err != nil {
			if !errors.Is(err, io.EOF) {
				i.err = err
			}
			i.done = true
			return 0, err
		}
	}
	n := copy(p, i.buf[i.off:])
	i.off += n
	return n, nil
}

// block is how much goes to the server at a time.
const block = 32 << 10

func (i *intake) fill() error {
	i.buf, i.off = i.buf[:0], 0
	for len(i.buf) < min(block, i.left) {
		line, err := i.next()
		if errors.Is(err, io.EOF) && len(i.buf) > 0 {
			break
		}
		if err != nil {
			return err
		}
		i.gave++
		if i.buf, err = i.row(i.buf, line); err != nil {
			return err
		}
	}
	i.left -= len(i.buf)
	i.bytes += len(i.buf)
	return nil
}

// next is the row that comes now: the archive's next, unless it has to wait.
func (i *intake) next() ([]byte, error) {
	for {
		line, err := i.rows.next()
		if errors.Is(err, io.EOF) {
			i.left = math.MaxInt // what waited is loaded by one statement
			return i.later.pop()
		}
		if err != nil {
			return nil, err
		}
		i.tell(len(line))
		if i.later.full() {
			i.left = math.MaxInt
			return line, nil
		}
		if !i.later.wait(line) {
			return line, nil
		}
	}
}

func (i *intake) row(to, line []byte) ([]byte, error) {
	t := i.rows.t
	if len(i.made) == 0 && !t.hasOpened() {
		return append(to, line...), nil
	}
	fields := fieldsOf(line)
	was := loadedRow{t: t, fields: slices.Clone(fields), keyset: i.h.keyhole.keyset}
	for _, column := range i.made {
		v, err := made[t.Name+"."+column](was)
		if err != nil {
			return nil, err
		}
		fields = append(fields, byteaField(v))
	}
	if err := i.h.keyhole.close(t, fields); err != nil {
		return nil, err
	}
	return lineOf(to, fields), nil
}

// loadFiles puts every file into the store for the clinic, encrypted for its
// document there. One that is there already, in a clinic that is put back, stays;
// and where another stands in its place it is put there after the commit, since
// what is written over can't be brought back by a rollback.
func (s *Service) loadFiles(ctx context.Context, h home, a *Reader, o RestoreOptions, out *Restored) error {
	at := Progress{Step: "files", Done: len(a.Header().Tables), Total: len(a.Header().Tables) + 1}
	return a.eachFile(func(id uuid.UUID, content []byte) error {
		var n int
		err := h.tx.QueryRow(ctx, "select count(*) from "+h.name(documents)+" where id = $1", id).Scan(&n)
		if err != nil || n != 1 {
			return errors.Join(err, broken(fmt.Sprintf("holds a file %s of no document", id)))
		}
		at.Rows++
		at.Bytes += int64(len(content))
		tell(o.Progress, at)
		if err := h.pace.rest(ctx); err != nil {
			return err
		}
		if s.conf.Files == nil {
			return errors.New("there is no store of files")
		}
		if o.Replace {
			there, err := s.read(ctx, &source{clinic: Clinic{ID: h.clinic}, keyhole: h.keyhole}, id)
			switch {
			case err == nil && bytes.Equal(there, content):
				return nil
			case !errors.Is(err, files.ErrGone):
				out.afterwards = append(out.afterwards, id)
				return nil
			}
		}
		return s.conf.Files.Put(ctx, h.keyhole.keyset, h.clinic, id, content)
	})
}

// putAfterwards puts the files that had to wait for the commit.
func (s *Service) putAfterwards(ctx context.Context, open Opener, o RestoreOptions, out Restored) error {
	if len(out.afterwards) == 0 {
		return nil
	}
	in, err := open()
	if err != nil {
		return err
	}
	defer in.Close()
	a, err := NewReader(stoppable{ctx: ctx, r: in}, s.own, s.identities(o.Identities), o.MaxBytes)
	if err != nil {
		return err
	}
	defer a.Close()
	for range a.Header().Tables {
		if _, err := a.nextTable().drain(); err != nil {
			return err
		}
	}
	err = a.eachFile(func(id uuid.UUID, content []byte) error {
		if !slices.Contains(out.afterwards, id) {
			return nil
		}
		return s.conf.Files.Put(ctx, out.keyset, out.ID, id, content)
	})
	if err != nil {
		return fmt.Errorf("the rows are as in the archive, and some of %d files that the store had otherwise are not; `cloister backup diff` names them: %w", len(out.afterwards), err)
	}
	return nil
}

// whole compares documents with files: each has one, or the archive says that
// it had none.
func (h home) whole(ctx context.Context, m Manifest, all []string) error {
	lost := int64(len(m.Files.Missing) + len(m.Files.Sealed))
	var n int64
	for _, t := range all {
		if t == documents {
			if err := h.tx.QueryRow(ctx, "select count(*) from "+h.name(documents)).Scan(&n); err != nil {
				return err
			}
		}
	}
	if n != m.Files.Count+lost {
		return broken(fmt.Sprintf("has %d documents, %d files and %d that it says were lost", n, m.Files.Count, lost))
	}
	return nil
}
