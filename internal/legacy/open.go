package legacy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Limits bound what is read of a file, so that a hostile one can't take the
// machine's memory.
type Limits struct {
	Bytes int64 // of the file
	Rows  int   // of one table
	Text  int   // bytes of one value
}

// DefaultLimits are far above any single clinic's file.
func DefaultLimits() Limits { return Limits{Bytes: 2 << 30, Rows: 2_000_000, Text: 200_000} }

// lockWait is how long SQLite waits for another program's lock before the file
// is called in use.
const lockWait = "1000"

// stamp identifies the bytes that were read.
type stamp struct {
	path   string // without symbolic links
	size   int64
	mod    time.Time
	sha256 string
	wal    bool // the header says write-ahead log
}

// inspect looks at the file's first bytes and at what lies beside it, before
// SQLite sees it: SQLite would answer for a truncated or foreign file with
// words that help nobody.
func inspect(path string, limits Limits) (stamp, error) {
	var s stamp
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return s, wrong(Unreadable, err, "the file can't be opened: %s", reason(err))
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return s, wrong(Unreadable, err, "the file can't be opened: %s", reason(err))
	case !info.Mode().IsRegular():
		return s, wrong(Unreadable, nil, "this is not an ordinary file")
	case info.Size() > limits.Bytes:
		return s, wrong(TooBig, nil, "the file has %d bytes, more than the limit of %d", info.Size(), limits.Bytes)
	}
	s = stamp{path: path, size: info.Size(), mod: info.ModTime()}
	file, err := os.Open(path)
	if err != nil {
		return s, wrong(Unreadable, err, "the file can't be opened: %s", reason(err))
	}
	defer file.Close()
	header := make([]byte, 100)
	n, err := io.ReadFull(file, header)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return s, wrong(Unreadable, err, "the file can't be read: %s", reason(err))
	}
	if err := s.judge(header[:n]); err != nil {
		return s, err
	}
	sum := sha256.New()
	_, _ = sum.Write(header)
	if _, err := io.Copy(sum, file); err != nil {
		return s, wrong(Unreadable, err, "the file can't be read: %s", reason(err))
	}
	s.sha256 = hex.EncodeToString(sum.Sum(nil))
	return s, s.alone()
}

// judge reads the header as the file format defines it
// (https://www.sqlite.org/fileformat2.html#the_database_header).
func (s *stamp) judge(header []byte) error {
	magic := []byte("SQLite format 3\x00")
	switch {
	case len(header) == 0:
		return wrong(NotSQLite, nil, "the file is empty")
	case len(header) < 100 && bytes.HasPrefix(header, magic):
		return wrong(Truncated, nil, "the file ends within its header")
	case !bytes.HasPrefix(header, magic):
		return wrong(NotSQLite, nil, "this is not an SQLite file, or it is encrypted")
	}
	page := int64(binary.BigEndian.Uint16(header[16:]))
	if page == 1 {
		page = 65536
	}
	if page < 512 || page > 65536 || page&(page-1) != 0 || header[18] > 2 || header[19] > 2 {
		return wrong(Damaged, nil, "the file's header makes no sense")
	}
	s.wal = header[18] == 2 || header[19] == 2
	pages := int64(binary.BigEndian.Uint32(header[28:]))
	counted := pages > 0 && bytes.Equal(header[24:28], header[92:96])
	if s.size%page != 0 || (counted && pages*page > s.size) {
		return wrong(Truncated, nil, "the file has %d bytes, its header says %d pages of %d: it was not copied whole", s.size, pages, page)
	}
	return nil
}

// alone refuses a file beside which another program keeps a journal: its newest
// rows aren't in the file itself, and SQLite would want to write to read them.
func (s *stamp) alone() error {
	for _, suffix := range []string{"-wal", "-journal"} {
		start, err := firstByte(s.path + suffix)
		if err != nil {
			return wrong(Unreadable, err, "the journal beside the file can't be read: %s", reason(err))
		}
		if start != 0 {
			return wrong(InUse, nil, "a journal (%s) lies beside the file: stop the older system, let it close the file, and copy it then",
				filepath.Base(s.path)+suffix)
		}
	}
	return nil
}

// firstByte is 0 for a missing, an empty and a zeroed journal, all of which hold
// nothing.
func firstByte(path string) (byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	one := make([]byte, 1)
	if _, err := file.Read(one); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return one[0], nil
}

// unchanged tells whether the file is still the one that was inspected.
func (s *stamp) unchanged() error {
	info, err := os.Stat(s.path)
	if err != nil || info.Size() != s.size || !info.ModTime().Equal(s.mod) {
		return wrong(InUse, err, "the file changed while it was read")
	}
	return s.alone()
}

// connect opens the file for reading only. A file in write-ahead mode is opened
// as immutable, because SQLite would put two files beside it even to read;
// alone has made sure that nobody has it open. Any other is locked against
// writers while it is read.
func connect(ctx context.Context, s stamp) (*sql.DB, *sql.Conn, error) {
	query := url.Values{
		"mode":       {"ro"},
		"_defensive": {"1"},
		"_dqs":       {"0"},
		"_pragma": {
			"busy_timeout(" + lockWait + ")", "trusted_schema(0)", "query_only(1)", "cell_size_check(1)", "temp_store(2)", "mmap_size(0)",
		},
	}
	if s.wal {
		query.Set("immutable", "1")
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(s.path), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, nil, wrong(Unreadable, err, "the file can't be opened")
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, nil, refused(ctx, err)
	}
	return db, conn, nil
}

// confine sets the limits of one connection; SQLite refuses what is beyond them
// before it takes the memory.
func confine(conn *sql.Conn, limits Limits) error {
	for id, most := range map[int]int{
		sqlite3.SQLITE_LIMIT_LENGTH:        8 * limits.Text,
		sqlite3.SQLITE_LIMIT_ATTACHED:      0,
		sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
		sqlite3.SQLITE_LIMIT_COLUMN:        200,
		sqlite3.SQLITE_LIMIT_SQL_LENGTH:    100_000,
	} {
		if _, err := sqlite.Limit(conn, id, most); err != nil {
			return wrong(Unreadable, err, "the file can't be opened safely")
		}
	}
	return nil
}

// reason is the part of a file system's error that doesn't repeat the path.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// refused turns an error of SQLite into ours.
func refused(ctx context.Context, err error) error {
	var ours *FileError
	if errors.As(err, &ours) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var theirs *sqlite.Error
	if !errors.As(err, &theirs) {
		return wrong(Damaged, err, "the file can't be read")
	}
	switch theirs.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY:
		return wrong(InUse, err, "another program holds the file: stop the older system and try again")
	case sqlite3.SQLITE_NOTADB:
		return wrong(NotSQLite, err, "this is not an SQLite file, or it is encrypted")
	case sqlite3.SQLITE_TOOBIG:
		return wrong(TooBig, err, "a row holds more text than the limit allows")
	case sqlite3.SQLITE_AUTH:
		return wrong(Hostile, err, "the file tries to run more than a plain read")
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return wrong(Unreadable, err, "the file can't be opened")
	case sqlite3.SQLITE_NOMEM:
		return wrong(TooBig, err, "the file takes more memory than there is")
	}
	return wrong(Damaged, err, "the file is damaged")
}
