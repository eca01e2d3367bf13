package files_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
)

func open(t testing.TB) (*files.Store, string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "files")
	s, err := files.Open(t.Context(), "", folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, folder
}

func read(t testing.TB, s *files.Store, k *keys.Keyset, clinic, id uuid.UUID) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), k, clinic, id)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func TestAFileOpensInItsPlaceOnly(t *testing.T) {
	t.Parallel()
	s, folder := open(t)
	clinic, other, id := uuid.New(), uuid.New(), uuid.New()
	k := keyset(t, clinic)
	content := bytes.Repeat([]byte("Haemoglobin 11.2 g/dL\n"), 20000)
	if err := s.Put(t.Context(), k, clinic, id, content); err != nil {
		t.Fatal(err)
	}
	if b, err := read(t, s, k, clinic, id); err != nil || !bytes.Equal(b, content) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	path := filepath.Join(folder, clinic.String(), id.String())
	sealed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("Haemoglobin")) {
		t.Error("the file can be read on the disk")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	// The same bytes as another document's, another clinic's, cut or changed.
	elsewhere := uuid.New()
	place := func(clinic, id uuid.UUID, b []byte) {
		t.Helper()
		dir := filepath.Join(folder, clinic.String())
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, id.String()), b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	place(clinic, elsewhere, sealed)
	place(other, id, sealed)
	for name, open := range map[string]func() ([]byte, error){
		"another document":                   func() ([]byte, error) { return read(t, s, k, clinic, elsewhere) },
		"another clinic's keys":              func() ([]byte, error) { return read(t, s, keyset(t, other), clinic, id) },
		"another clinic":                     func() ([]byte, error) { return read(t, s, keyset(t, other), other, id) },
		"another keyset of the same clinic":  func() ([]byte, error) { return read(t, s, keyset(t, clinic), clinic, id) },
		"a byte of the last segment changed": func() ([]byte, error) { return tampered(t, s, k, place, clinic, sealed, len(sealed)-1) },
		"a byte of the first changed":        func() ([]byte, error) { return tampered(t, s, k, place, clinic, sealed, 200) },
	} {
		if b, err := open(); !errors.Is(err, keys.ErrSealed) || bytes.Equal(b, content) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	place(clinic, id, sealed[:len(sealed)-100])
	if _, err := read(t, s, k, clinic, id); !errors.Is(err, keys.ErrSealed) {
		t.Errorf("cut short: %v", err)
	}
	place(clinic, id, sealed[:64<<10]) // at the end of a segment
	if _, err := read(t, s, k, clinic, id); !errors.Is(err, keys.ErrSealed) {
		t.Errorf("cut at a segment: %v", err)
	}
	if _, err := read(t, s, k, clinic, uuid.New()); !errors.Is(err, files.ErrGone) {
		t.Errorf("no file: %v", err)
	}
}

func tampered(t testing.TB, s *files.Store, k *keys.Keyset, place func(clinic, id uuid.UUID, b []byte), clinic uuid.UUID, sealed []byte, at int) ([]byte, error) {
	t.Helper()
	id := uuid.New()
	b := bytes.Clone(sealed)
	b[at] ^= 1
	place(clinic, id, b)
	return read(t, s, k, clinic, id)
}

func TestAPutThatEndsEarlyLeavesNothing(t *testing.T) {
	t.Parallel()
	s, folder := open(t)
	clinic := uuid.New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, keyset(t, clinic), clinic, uuid.New(), make([]byte, 1<<20)); err == nil {
		t.Error("kept after its request had ended")
	}
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRemoving(t *testing.T) {
	t.Parallel()
	s, folder := open(t)
	one, two := uuid.New(), uuid.New()
	k, ids := keyset(t, one), []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	for _, clinic := range []uuid.UUID{one, two} {
		for _, id := range ids {
			if err := s.Put(t.Context(), k, clinic, id, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	has, err := s.Clinics(t.Context())
	if err != nil || len(has) != 2 || !slices.Contains(has, one) || !slices.Contains(has, two) {
		t.Errorf("%v, %v", has, err)
	}
	if old, err := s.Before(t.Context(), one, time.Now().Add(-time.Hour)); err != nil || len(old) != 0 {
		t.Errorf("older than an hour: %v, %v", old, err)
	}
	if all, err := s.Before(t.Context(), one, time.Now().Add(time.Hour)); err != nil || len(all) != 3 {
		t.Errorf("all: %v, %v", all, err)
	}
	for range 2 { // the second time it is gone already
		if err := s.Remove(t.Context(), one, ids[0]); err != nil {
			t.Error(err)
		}
	}
	if _, err := read(t, s, k, one, ids[0]); !errors.Is(err, files.ErrGone) {
		t.Errorf("removed: %v", err)
	}
	if n, err := s.RemoveClinic(t.Context(), one); err != nil || n != 2 {
		t.Errorf("%d files, %v", n, err)
	}
	if _, err := os.Stat(filepath.Join(folder, one.String())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the clinic's folder: %v", err)
	}
	if n, err := s.RemoveClinic(t.Context(), one); err != nil || n != 0 {
		t.Errorf("again: %d files, %v", n, err)
	}
	if all, err := s.Before(t.Context(), two, time.Now().Add(time.Hour)); err != nil || len(all) != 3 {
		t.Errorf("of the other clinic: %v, %v", all, err)
	}
}

// TestReadingHoldsASegment reads a whole file of ten megabytes and counts what
// was allocated on the way: some segments, not the file. It runs alone, since
// the count is the process's.
func TestReadingHoldsASegment(t *testing.T) { //nolint:paralleltest // see above
	s, _ := open(t)
	clinic, id := uuid.New(), uuid.New()
	k, content := keyset(t, clinic), make([]byte, files.Largest)
	_, _ = rand.Read(content) // never fails
	if err := s.Put(t.Context(), k, clinic, id, content); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), k, clinic, id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	buffer := make([]byte, 32<<10)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most := uint64(0)
	for n := 0; ; {
		some, err := r.Read(buffer)
		if n += some; n%(1<<20) < some {
			runtime.ReadMemStats(&after)
			most = max(most, after.HeapAlloc-min(after.HeapAlloc, before.HeapAlloc))
		}
		if errors.Is(err, io.EOF) {
			if n != len(content) {
				t.Errorf("%d bytes", n)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if most > 4<<20 {
		t.Errorf("reading held %d KB at once", most>>10)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{
		"file:///var/lib/cloister/files": true, "s3://bucket?region=ap-south-1": true,
		"file://host/x": false, "file:relative": false, "s3://": false, "mem://": false, "http://x": false, "x": false, ":": false,
	} {
		if err := files.CheckURL(address); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := files.Open(t.Context(), "mem://", ""); err == nil {
		t.Error("a store that forgets was opened")
	}
}
