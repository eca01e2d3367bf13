package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"github.com/cloister-health/cloister/internal/apperr"
)

// Reader reads an archive from its beginning to its end, once. It takes what the
// format says, in the order that it says, and refuses everything else; nothing
// of an archive is ever a path or a statement. What it gives before Finish has
// succeeded is not to be trusted: the caller keeps it in a transaction.
type Reader struct {
	tar     *tar.Reader
	bounded *bounded
	zstd    *zstd.Decoder
	next    *tar.Header // looked at and not yet taken; nil at the end
	header  Header
	sums    [2][sha256.Size]byte // of header and manifest
	table   int                  // how many were given
	count   Manifest             // what was read
	files   hash.Hash
	last    uuid.UUID
	own     *installation
	sealed  bool
}

// NewReader opens an archive and reads its header. Without identities it is
// bare. Errors: Invalid.
func NewReader(r io.Reader, own *installation, ids []age.Identity, maxBytes int64) (*Reader, error) {
	if len(ids) > 0 {
		opened, err := age.Decrypt(r, ids...)
		var none *age.NoIdentityMatchError
		switch {
		case errors.As(err, &none):
			return nil, broken("is locked for somebody else: give the secret key that it was made for (--identity), or run this where it was made")
		case err != nil:
			return nil, damaged(err)
		}
		r = opened
	}
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	b := &bounded{r: r, most: maxBytes}
	z, err := zstd.NewReader(bytesIn{b}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(16<<20), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	b.out = z
	a := &Reader{tar: tar.NewReader(b), bounded: b, zstd: z, own: own, files: sha256.New()}
	if err := a.begin(); err != nil {
		z.Close()
		return nil, err
	}
	return a, nil
}

// Close lets go of the buffers.
func (a *Reader) Close() { a.zstd.Close() }

// Header is what the archive says of itself.
func (a *Reader) Header() Header { return a.header }

func (a *Reader) begin() error {
	if err := a.step(); err != nil {
		return err
	}
	raw, err := a.take(headerName, maxHeader)
	if err != nil {
		return err
	}
	a.sums[0] = sha256.Sum256(raw)
	a.count.Header = hex.EncodeToString(a.sums[0][:])
	if err := decode(raw, &a.header); err != nil {
		return err
	}
	return a.header.check()
}

// step looks at the next entry. Every entry of ours is a plain file with a
// plain name.
func (a *Reader) step() error {
	h, err := a.tar.Next()
	if errors.Is(err, io.EOF) {
		a.next = nil
		return nil
	}
	if err != nil {
		return damaged(err)
	}
	if h.Typeflag != tar.TypeReg || h.Size < 0 || len(h.PAXRecords) > 0 || h.Linkname != "" {
		return broken(fmt.Sprintf("holds an entry %.60q that is no plain file", h.Name))
	}
	a.next = h
	return nil
}

// take reads the whole of the entry that has to come now.
func (a *Reader) take(name string, most int64) ([]byte, error) {
	if a.next == nil {
		return nil, broken(fmt.Sprintf("is cut short: %s is missing", name))
	}
	if a.next.Name != name {
		return nil, broken(fmt.Sprintf("holds %.80q where %s must be", a.next.Name, name))
	}
	if a.next.Size > most {
		return nil, broken(fmt.Sprintf("holds %s of %d bytes, more than any has", name, a.next.Size))
	}
	raw := make([]byte, a.next.Size)
	if _, err := io.ReadFull(a.tar, raw); err != nil {
		return nil, damaged(err)
	}
	return raw, a.step()
}

func decode(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return broken("has a header or manifest that can't be read")
	}
	if d.More() {
		return broken("has a header or manifest with more behind it")
	}
	return nil
}

// rows reads one table, whose turn it is.
type rows struct {
	a     *Reader
	t     Table
	count TableCount
	sum   hash.Hash
	part  int
	in    *bufio.Reader // of the part at hand; nil before the first
	line  []byte
	done  bool
}

// nextTable begins the next table of the header.
func (a *Reader) nextTable() *rows {
	t := a.header.Tables[a.table]
	a.table++
	return &rows{a: a, t: t, count: TableCount{Name: t.Name}, sum: sha256.New()}
}

// next gives the next line with its newline, valid until the next call; io.EOF
// after the last.
func (r *rows) next() ([]byte, error) {
	for {
		if r.done {
			return nil, io.EOF
		}
		if r.in == nil {
			if err := r.open(); err != nil {
				return nil, err
			}
		}
		line, err := r.read()
		if errors.Is(err, io.EOF) {
			r.in = nil
			if err := r.a.step(); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := r.check(line); err != nil {
			return nil, err
		}
		r.count.Rows++
		r.count.Bytes += int64(len(line))
		r.sum.Write(line)
		return line, nil
	}
}

// open takes up the next part, or ends the table.
func (r *rows) open() error {
	if r.a.next == nil || r.a.next.Name != partName(r.t.Name, r.part+1) {
		r.count.SHA256 = hex.EncodeToString(r.sum.Sum(nil))
		r.a.count.Tables = append(r.a.count.Tables, r.count)
		r.done = true
		return io.EOF
	}
	if r.a.next.Size > maxPart || r.a.next.Size == 0 {
		return broken(fmt.Sprintf("holds a part of %s with %d bytes", r.t.Name, r.a.next.Size))
	}
	r.part++
	r.in = bufio.NewReaderSize(r.a.tar, 64<<10)
	return nil
}

func (r *rows) read() ([]byte, error) {
	r.line = r.line[:0]
	for {
		piece, err := r.in.ReadSlice('\n')
		r.line = append(r.line, piece...)
		switch {
		case err == nil:
			return r.line, nil
		case len(r.line) > maxRow:
			return nil, broken(fmt.Sprintf("holds a row of %s that is longer than any can be", r.t.Name))
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(r.line) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, broken(fmt.Sprintf("holds half a row of %s", r.t.Name))
		default:
			return nil, damaged(err)
		}
	}
}

// check looks at a row's form. A line of \. alone would end the COPY for
// Postgres, and what follows would be lost without a sound.
func (r *rows) check(line []byte) error {
	if bytes.Count(line, []byte{'\t'}) != len(r.t.Columns)-1 || bytes.HasPrefix(line, []byte(`\.`)) || bytes.ContainsAny(line, "\x00\r") {
		return broken(fmt.Sprintf("holds a row of %s that is none (row %d)", r.t.Name, r.count.Rows+1))
	}
	return nil
}

// drain reads the table to its end and gives the number of its rows.
func (r *rows) drain() (int64, error) {
	for {
		if _, err := r.next(); errors.Is(err, io.EOF) {
			return r.count.Rows, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// eachFile gives every file, in the order of their ids.
func (a *Reader) eachFile(do func(id uuid.UUID, content []byte) error) error {
	for a.next != nil && strings.HasPrefix(a.next.Name, filesDir) {
		name := a.next.Name
		id, err := uuid.Parse(strings.TrimPrefix(name, filesDir))
		if err != nil || name != filesDir+id.String() {
			return broken(fmt.Sprintf("holds a file with the name %.80q", name))
		}
		if bytes.Compare(id[:], a.last[:]) <= 0 {
			return broken(fmt.Sprintf("holds the file %s twice or out of its order", id))
		}
		a.last = id
		content, err := a.take(name, maxFile)
		if err != nil {
			return err
		}
		fmt.Fprint(a.files, fileLine(id, int64(len(content)), sha256.Sum256(content)))
		a.count.Files.Count++
		a.count.Files.Bytes += int64(len(content))
		if err := do(id, content); err != nil {
			return err
		}
	}
	return nil
}

// finish reads the manifest and compares it with what was read, then the seal,
// and sees that nothing follows.
func (a *Reader) finish() (Manifest, error) {
	var m Manifest
	raw, err := a.take(manifestName, maxManifest)
	if err != nil {
		return m, err
	}
	a.sums[1] = sha256.Sum256(raw)
	if err := decode(raw, &m); err != nil {
		return m, err
	}
	a.count.Files.SHA256 = hex.EncodeToString(a.files.Sum(nil))
	if err := a.compare(m); err != nil {
		return m, err
	}
	seal, err := a.take(sealName, maxSeal)
	if err != nil {
		return m, err
	}
	a.sealed = hmac.Equal(seal, a.own.mac(a.sums[0], a.sums[1]))
	if a.next != nil {
		return m, broken(fmt.Sprintf("goes on after its end with %.80q", a.next.Name))
	}
	return m, a.rest()
}

func (a *Reader) compare(m Manifest) error {
	if m.Header != a.count.Header || len(m.Tables) != len(a.count.Tables) {
		return broken("has a manifest of another archive")
	}
	for i, t := range m.Tables {
		if t != a.count.Tables[i] {
			return broken(fmt.Sprintf("holds %d rows of %s that are not what its manifest says: it was damaged or changed", a.count.Tables[i].Rows, a.count.Tables[i].Name))
		}
	}
	if m.Files.Count != a.count.Files.Count || m.Files.Bytes != a.count.Files.Bytes || m.Files.SHA256 != a.count.Files.SHA256 {
		return broken("holds files that are not what its manifest says: it was damaged or changed")
	}
	return nil
}

// rest reads what is behind the tar's end, which is nothing but zeros, so that
// the end of the encryption is seen, too.
func (a *Reader) rest() error {
	tail, err := io.ReadAll(io.LimitReader(a.bounded, 1<<20+1))
	if err != nil {
		return damaged(err)
	}
	if len(tail) > 1<<20 || len(bytes.Trim(tail, "\x00")) > 0 {
		return broken("has something behind its end")
	}
	return nil
}

// Own tells, after finish, whether this installation wrote it and nobody
// changed it since.
func (a *Reader) Own() bool { return a.sealed }

// damaged is whatever a layer says of bytes that are not what they should be.
func damaged(err error) error {
	var ours *apperr.Error
	switch {
	case errors.As(err, &ours):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return apperr.Wrap(apperr.Invalid, "", "the archive is cut short", err)
	}
	var source *sourceError
	if errors.As(err, &source) {
		return source.error
	}
	return apperr.Wrap(apperr.Invalid, "", "the archive is damaged or cut short, or is no archive", err)
}

// bounded gives what comes unpacked and stops when it is too much.
type bounded struct {
	r    io.Reader
	out  io.Reader
	in   int64
	got  int64
	most int64
}

// bytesIn counts the packed side.
type bytesIn struct{ *bounded }

func (b bytesIn) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.in += int64(n)
	return n, err
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.out.Read(p)
	b.got += int64(n)
	if b.got > b.most {
		return n, broken(fmt.Sprintf("unpacks to more than %d bytes (--max-bytes)", b.most))
	}
	if b.got > ratioMattersAt && b.got > b.in*maxRatio {
		return n, broken("unpacks to thousands of times its size, as no clinic does")
	}
	return n, err
}

// sourceError is the disk's or network's own failure, which is not the archive's.
type sourceError struct{ error }
