package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
)

// writer puts an archive together as its content comes. It holds one part of a
// table, or one file, at a time.
type writer struct {
	tar    *tar.Writer
	layers []io.Closer // outermost last
	at     time.Time   // of every entry
	header [sha256.Size]byte
	out    Manifest
	files  hash.Hash
	seal   *installation
}

// newWriter begins an archive: encrypted to the recipients, or, without any,
// bare, for a reader in the same process.
func newWriter(w io.Writer, h Header, seal *installation, to []age.Recipient) (*writer, error) {
	a := &writer{at: h.MadeAt.UTC().Truncate(time.Second), files: sha256.New(), seal: seal}
	if len(to) > 0 {
		locked, err := age.Encrypt(w, to...)
		if err != nil {
			return nil, err
		}
		a.layers = append(a.layers, locked)
		w = locked
	}
	level := zstd.WithEncoderLevel(zstd.SpeedDefault)
	if len(to) == 0 {
		level = zstd.WithEncoderLevel(zstd.SpeedFastest)
	}
	z, err := zstd.NewWriter(w, level, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(4<<20))
	if err != nil {
		return nil, err
	}
	a.tar = tar.NewWriter(z)
	a.layers = append(a.layers, z, a.tar)
	raw, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return nil, err
	}
	a.header = sha256.Sum256(raw)
	a.out.Header = hex.EncodeToString(a.header[:])
	a.out.Tables = []TableCount{}
	return a, a.entry(headerName, raw)
}

func (a *writer) entry(name string, content []byte) error {
	err := a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o600, ModTime: a.at, Format: tar.FormatUSTAR})
	if err == nil {
		_, err = a.tar.Write(content)
	}
	return err
}

// tableWriter takes the rows of one table.
type tableWriter struct {
	a     *writer
	count TableCount
	sum   hash.Hash
	part  bytes.Buffer
	parts int
}

func (a *writer) table(name string) *tableWriter {
	return &tableWriter{a: a, count: TableCount{Name: name}, sum: sha256.New()}
}

// row takes one line of COPY text with its newline.
func (t *tableWriter) row(line []byte) error {
	t.count.Rows++
	t.count.Bytes += int64(len(line))
	t.sum.Write(line)
	t.part.Write(line)
	if t.part.Len() >= partSize {
		return t.flush()
	}
	return nil
}

func (t *tableWriter) flush() error {
	if t.part.Len() == 0 {
		return nil
	}
	t.parts++
	err := t.a.entry(partName(t.count.Name, t.parts), t.part.Bytes())
	t.part.Reset()
	return err
}

func partName(table string, n int) string { return fmt.Sprintf("%s%s/%06d.copy", tablesDir, table, n) }

// end notes what the table came to.
func (t *tableWriter) end() error {
	if err := t.flush(); err != nil {
		return err
	}
	t.count.SHA256 = hex.EncodeToString(t.sum.Sum(nil))
	t.a.out.Tables = append(t.a.out.Tables, t.count)
	return nil
}

// file takes one file. They come in the order of their ids.
func (a *writer) file(id uuid.UUID, content []byte) error {
	sum := sha256.Sum256(content)
	fmt.Fprint(a.files, fileLine(id, int64(len(content)), sum))
	a.out.Files.Count++
	a.out.Files.Bytes += int64(len(content))
	return a.entry(filesDir+id.String(), content)
}

func fileLine(id uuid.UUID, size int64, sum [sha256.Size]byte) string {
	return fmt.Sprintf("%s %d %x\n", id, size, sum)
}

// end writes the manifest and its seal, and closes every layer.
func (a *writer) end() (Manifest, error) {
	a.out.Files.SHA256 = hex.EncodeToString(a.files.Sum(nil))
	raw, err := json.MarshalIndent(a.out, "", " ")
	if err != nil {
		return a.out, err
	}
	if err := a.entry(manifestName, raw); err != nil {
		return a.out, err
	}
	if err := a.entry(sealName, a.seal.mac(a.header, sha256.Sum256(raw))); err != nil {
		return a.out, err
	}
	for i := len(a.layers) - 1; i >= 0; i-- {
		if err := a.layers[i].Close(); err != nil {
			return a.out, err
		}
	}
	return a.out, nil
}
