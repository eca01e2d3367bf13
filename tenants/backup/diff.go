package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Kinds of change since an archive.
const (
	Lost    = "lost"    // in the archive, and not in the clinic
	Added   = "new"     // in the clinic, and not in the archive
	Changed = "changed" // in both, and not the same
)

// Change is one row that is not the same. It names the row and never a value,
// so that a list of changes can be kept and shown.
type Change struct {
	Table   string   `json:"table"`
	Key     []string `json:"key"`
	Kind    string   `json:"kind"`
	Columns []string `json:"columns,omitempty"` // that differ, of a changed row
}

// TableDiff counts one table's changes.
type TableDiff struct {
	Table   string `json:"table"`
	Same    int64  `json:"same"`
	Lost    int64  `json:"lost"`
	New     int64  `json:"new"`
	Changed int64  `json:"changed"`
}

// Diff is a comparison that came to its end.
type Diff struct {
	Archive Header      `json:"archive"`
	Version int64       `json:"version"` // of the clinic's schema
	Tables  []TableDiff `json:"tables"`  // that both have
	Apart   []Apart     `json:"apart,omitempty"`
	Files   TableDiff   `json:"files"`
}

// Apart is a table that only one of the two has, or each with another key, so that
// its rows can be counted and not compared.
type Apart struct {
	Table   string `json:"table"`
	Archive *int64 `json:"archive,omitempty"` // rows there; nil without such a table
	Clinic  *int64 `json:"clinic,omitempty"`
}

// Rows is how many both have together.
func (t Apart) Rows() int64 {
	var n int64
	for _, side := range []*int64{t.Archive, t.Clinic} {
		if side != nil {
			n += *side
		}
	}
	return n
}

// Equal tells whether nothing was lost, added or changed. A table that only one of
// the versions has counts when rows are in it.
func (d Diff) Equal() bool {
	for _, t := range d.Apart {
		if t.Rows() > 0 {
			return false
		}
	}
	for _, t := range append([]TableDiff{d.Files}, d.Tables...) {
		if t.Lost+t.New+t.Changed > 0 {
			return false
		}
	}
	return true
}

// Diff compares an archive with a clinic, row by row: what was lost, added or
// changed since. Both are read in the order of their keys, so that it needs no
// more memory for a large clinic. Columns that only one of the versions has are
// left out. each gets every change as it is found. Errors: Invalid, NotFound.
func (s *Service) Diff(ctx context.Context, open Opener, slug string, o VerifyOptions, each func(Change) error) (Diff, error) {
	in, err := open()
	if err != nil {
		return Diff{}, err
	}
	defer in.Close()
	a, err := NewReader(stoppable{ctx: ctx, r: in}, s.own, s.identities(o.Identities), o.MaxBytes)
	if err != nil {
		return Diff{}, err
	}
	defer a.Close()
	src, end, err := s.snapshot(ctx, slug)
	if err != nil {
		return Diff{}, err
	}
	defer end()
	out := Diff{Archive: a.Header(), Version: src.shape.version, Tables: []TableDiff{}}
	at := Progress{Total: len(a.Header().Tables) + 1}
	for _, t := range a.Header().Tables {
		at.Step = t.Name
		i := slices.IndexFunc(src.shape.tables, func(o Table) bool { return o.Name == t.Name && slices.Equal(o.Key, t.Key) })
		if i < 0 {
			n, err := a.nextTable().drain()
			if err != nil {
				return out, err
			}
			out.Apart = append(out.Apart, Apart{Table: t.Name, Archive: &n})
			continue
		}
		d, err := src.compare(ctx, a.nextTable(), src.shape.tables[i], each)
		if err != nil {
			return out, err
		}
		out.Tables = append(out.Tables, d)
		at.Done++
		tell(o.Progress, at)
	}
	for _, t := range src.shape.tables {
		if slices.ContainsFunc(out.Tables, func(d TableDiff) bool { return d.Table == t.Name }) {
			continue
		}
		n, err := src.count(ctx, t)
		if err != nil {
			return out, err
		}
		if i := slices.IndexFunc(out.Apart, func(o Apart) bool { return o.Table == t.Name }); i >= 0 {
			out.Apart[i].Clinic = &n
		} else {
			out.Apart = append(out.Apart, Apart{Table: t.Name, Clinic: &n})
		}
	}
	if out.Files, err = s.compareFiles(ctx, src, a, each); err != nil {
		return out, err
	}
	_, err = a.finish()
	return out, err
}

// pair walks two tables that are sorted alike.
type pair struct {
	t       Table // the archive's
	columns []int // of the living table, by the archive's; -1 where it has none
	key     []int
	d       TableDiff
	each    func(Change) error
}

// compare merges the archive's rows with the clinic's.
func (src *source) compare(ctx context.Context, old *rows, live Table, each func(Change) error) (TableDiff, error) {
	p := &pair{t: old.t, d: TableDiff{Table: live.Name}, each: each}
	for _, c := range old.t.Columns {
		p.columns = append(p.columns, live.column(c.Name))
	}
	for _, k := range old.t.Key {
		p.key = append(p.key, old.t.column(k))
	}
	pull, stop := src.stream(ctx, live)
	defer stop()
	was, wasErr := fields(old.next())
	is, isErr := fields(pull())
	for wasErr == nil || isErr == nil {
		order := 0
		switch {
		case isErr != nil:
			order = -1
		case wasErr != nil:
			order = 1
		default:
			order = p.order(was, is)
		}
		if err := p.note(order, was, is); err != nil {
			return p.d, err
		}
		if order <= 0 {
			was, wasErr = fields(old.next())
		}
		if order >= 0 {
			is, isErr = fields(pull())
		}
		if wasErr != nil && !errors.Is(wasErr, io.EOF) || isErr != nil && !errors.Is(isErr, io.EOF) {
			break
		}
	}
	return p.d, errors.Join(unlessEnd(wasErr), unlessEnd(isErr))
}

func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// fields copies a line, which lives only until the next.
func fields(line []byte, err error) ([][]byte, error) {
	if err != nil {
		return nil, err
	}
	return fieldsOf(bytes.Clone(line)), nil
}

// order compares two rows' keys as the server sorted them: byte by byte, of the
// text itself.
func (p *pair) order(was, is [][]byte) int {
	for _, k := range p.key {
		if c := bytes.Compare([]byte(unescape.Replace(string(was[k]))), []byte(unescape.Replace(string(is[p.columns[k]])))); c != 0 {
			return c
		}
	}
	return 0
}

func (p *pair) note(order int, was, is [][]byte) error {
	c := Change{Table: p.t.Name, Kind: Changed}
	switch {
	case order < 0:
		p.d.Lost++
		c.Kind = Lost
	case order > 0:
		p.d.New++
		c.Kind = Added
	default:
		for i, l := range p.columns {
			if l >= 0 && !bytes.Equal(was[i], is[l]) {
				c.Columns = append(c.Columns, p.t.Columns[i].Name)
			}
		}
		if len(c.Columns) == 0 {
			p.d.Same++
			return nil
		}
		p.d.Changed++
	}
	for _, k := range p.key {
		v := is
		i := p.columns[k]
		if order <= 0 {
			v, i = was, k
		}
		c.Key = append(c.Key, unescape.Replace(string(v[i])))
	}
	if p.each == nil {
		return nil
	}
	return p.each(c)
}

func (src *source) count(ctx context.Context, t Table) (n int64, err error) {
	err = src.tx.QueryRow(ctx, "select count(*) from "+pgx.Identifier{src.schema, t.Name}.Sanitize()).Scan(&n)
	return n, err
}

// stream gives a living table's rows one by one, with what is encrypted open.
func (src *source) stream(ctx context.Context, t Table) (pull func() ([]byte, error), stop func()) {
	type item struct {
		line []byte
		err  error
	}
	items := make(chan item, 64)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(items)
		change := src.changer(t, nil)
		var buf []byte
		in := &lines{each: func(line []byte) error {
			if change != nil {
				f := fieldsOf(line)
				if _, err := change(f); err != nil {
					return err
				}
				buf = lineOf(buf[:0], f)
				line = buf
			}
			select {
			case items <- item{line: bytes.Clone(line)}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		if _, err := src.tx.Conn().PgConn().CopyTo(ctx, in, t.copyOut(src.schema)); err != nil {
			select {
			case items <- item{err: fmt.Errorf("table %s: %w", t.Name, err)}:
			case <-ctx.Done():
			}
		}
	}()
	pull = func() ([]byte, error) {
		i, ok := <-items
		if !ok {
			return nil, io.EOF
		}
		return i.line, i.err
	}
	return pull, func() { cancel(); <-done }
}

// compareFiles compares the archive's files with those in the store. A file has
// its document's id; those of documents that are new count there.
func (s *Service) compareFiles(ctx context.Context, src *source, a *Reader, each func(Change) error) (TableDiff, error) {
	d := TableDiff{Table: "files"}
	err := a.eachFile(func(id uuid.UUID, content []byte) error {
		c := Change{Table: "files", Key: []string{id.String()}, Kind: Lost}
		there, err := s.read(ctx, src, id)
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			d.Lost++
		case bytes.Equal(there, content):
			d.Same++
			return nil
		default:
			d.Changed++
			c.Kind = Changed
		}
		if each == nil {
			return nil
		}
		return each(c)
	})
	return d, err
}
