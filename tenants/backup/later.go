package backup

import (
	"bytes"
	"io"
)

// later keeps rows back that point at a row of their own table which is not
// loaded yet, as a merged patient's record may: they come at the end, all in one
// statement. Rows come in the order of their keys, so a row that points backwards
// waits only for one that waits itself. Most tables have none.
type later struct {
	key, self int
	waiting   map[string]bool
	lines     [][]byte
	size      int
}

// mostLater is how many bytes are kept back. Beyond it everything that is left
// is loaded by one statement, which is right, too, but can't rest.
const mostLater = 32 << 20

// newLater is for the column of a table that points at its key; nil for none.
func newLater(t Table, column string) *later {
	if column == "" || len(t.Key) != 1 {
		return nil
	}
	return &later{key: t.column(t.Key[0]), self: t.column(column), waiting: map[string]bool{}}
}

// wait tells whether a row has to wait, and keeps it if so.
func (l *later) wait(line []byte) bool {
	if l == nil || l.self < 0 {
		return false
	}
	f := fieldsOf(line)
	to := f[l.self]
	if bytes.Equal(to, null) || bytes.Compare(to, f[l.key]) <= 0 && !l.waiting[string(to)] {
		return false
	}
	l.waiting[string(f[l.key])] = true
	l.lines = append(l.lines, bytes.Clone(line))
	l.size += len(line)
	return true
}

// full tells that no more can be kept back.
func (l *later) full() bool { return l != nil && l.size > mostLater }

// pop gives what waited; io.EOF at the end.
func (l *later) pop() ([]byte, error) {
	if l == nil || len(l.lines) == 0 {
		return nil, io.EOF
	}
	line := l.lines[0]
	l.lines = l.lines[1:]
	return line, nil
}
