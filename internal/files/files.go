// Package files keeps the clinics' files, encrypted, in a folder or in S3, and
// tells by its content whether a file may be kept at all.
//
// What belongs here: the store (put, open, remove, what is left over) and the
// look at the content of PDFs and pictures. What may not: SQL, a rule about who
// may see a file, and any way to keep one in the clear.
package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file: addresses
	_ "gocloud.dev/blob/s3blob"   // s3: addresses
	"gocloud.dev/gcerrors"

	"github.com/cloister-health/cloister/internal/keys"
)

// ErrGone says that the store has no such file.
var ErrGone = errors.New("the file is not in the store")

// Store keeps files under their clinic's id and their own. It is safe for
// concurrent use.
type Store struct {
	bucket *blob.Bucket
	folder string // of a local store
}

// CheckURL tells what is wrong with the address of a store, without its value.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("is no URL")
	case u.Scheme == "s3" && u.Host != "":
		return nil
	case u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path):
		return nil
	}
	return errors.New("must be file:///an/absolute/folder or s3://bucket?region=…")
}

// Open opens the store of an address, or the folder when the address is empty.
// A folder is made where it is missing, for the service's own user only.
func Open(ctx context.Context, address, folder string) (*Store, error) {
	if address == "" {
		abs, err := filepath.Abs(folder)
		if err != nil {
			return nil, fmt.Errorf("the folder of files: %w", err)
		}
		address = (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String()
	}
	if err := CheckURL(address); err != nil {
		return nil, fmt.Errorf("the store of files: the address %w", err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the store of files: the address is no URL")
	}
	s := &Store{}
	if u.Scheme == "file" {
		s.folder = filepath.FromSlash(u.Path)
		if err := os.MkdirAll(s.folder, 0o700); err != nil {
			return nil, fmt.Errorf("the folder of files: %w", err)
		}
		// Temporary files stand beside the final ones, so that the rename is one
		// step; nothing about a file is kept but its bytes.
		u.RawQuery = url.Values{"no_tmp_dir": {"true"}, "metadata": {"skip"}, "dir_file_mode": {fmt.Sprint(0o700)}}.Encode()
	}
	if s.bucket, err = blob.OpenBucket(ctx, u.String()); err != nil {
		return nil, fmt.Errorf("the store of files: %w", err)
	}
	return s, nil
}

// Close lets go of the store.
func (s *Store) Close() error { return s.bucket.Close() }

func name(clinic, id uuid.UUID) string { return clinic.String() + "/" + id.String() }

// place binds a file to its document; the clinic is part of every place.
func place(id uuid.UUID) keys.Place { return keys.Place{Table: "documents", Row: id, Column: "file"} }

// Put encrypts content under the clinic's keyset. When it returns, the file is
// whole and durable; after an error nothing of it can be seen.
func (s *Store) Put(ctx context.Context, k *keys.Keyset, clinic, id uuid.UUID, content []byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.bucket.NewWriter(ctx, name(clinic, id), &blob.WriterOptions{ContentType: "application/octet-stream", DisableContentTypeDetection: true})
	if err != nil {
		return fmt.Errorf("keep a file: %w", err)
	}
	if err := seal(w, k, id, content); err != nil {
		cancel() // a writer closed under an ended context keeps nothing
		return errors.Join(fmt.Errorf("keep a file: %w", err), ignoreCanceled(w.Close()))
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("keep a file: %w", err)
	}
	return s.settle(clinic, id)
}

func seal(w io.Writer, k *keys.Keyset, id uuid.UUID, content []byte) error {
	sealed, err := k.EncryptTo(w, place(id))
	if err != nil {
		return err
	}
	if _, err := io.Copy(sealed, bytes.NewReader(content)); err != nil {
		return err
	}
	return sealed.Close()
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) || gcerrors.Code(err) == gcerrors.Canceled {
		return nil
	}
	return err
}

// settle has the disk keep what was written, as S3 does by itself: a row must
// not outlive its file when the power fails.
func (s *Store) settle(clinic, id uuid.UUID) error {
	if s.folder == "" {
		return nil
	}
	dir := filepath.Join(s.folder, clinic.String())
	file := filepath.Join(dir, id.String())
	if err := os.Chmod(file, 0o600); err != nil {
		return fmt.Errorf("keep a file: %w", err)
	}
	for _, path := range []string{file, dir, s.folder} {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("keep a file: %w", err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("keep a file: %w", err)
		}
	}
	return nil
}

// Open gives a file's content as it is decrypted. Errors, also of Read: ErrGone,
// keys.ErrSealed when it is another clinic's or was changed.
func (s *Store) Open(ctx context.Context, k *keys.Keyset, clinic, id uuid.UUID) (io.ReadCloser, error) {
	r, err := s.bucket.NewReader(ctx, name(clinic, id), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("open a file: %w", err)
	}
	content, err := k.DecryptFrom(r, place(id))
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{content, r}, nil
}

// Remove takes a file away; one that is not there is no error.
func (s *Store) Remove(ctx context.Context, clinic, id uuid.UUID) error {
	return s.remove(ctx, name(clinic, id))
}

func (s *Store) remove(ctx context.Context, key string) error {
	if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("remove a file: %w", err)
	}
	return nil
}

// Clinics lists the clinics that have files.
func (s *Store) Clinics(ctx context.Context) ([]uuid.UUID, error) {
	var out []uuid.UUID
	err := s.each(ctx, &blob.ListOptions{Delimiter: "/"}, func(o *blob.ListObject) error {
		if id, err := uuid.Parse(strings.TrimSuffix(o.Key, "/")); err == nil && o.IsDir {
			out = append(out, id)
		}
		return nil
	})
	return out, err
}

// Before lists a clinic's files that were written before a time: a younger one
// may still be waiting for its row.
func (s *Store) Before(ctx context.Context, clinic uuid.UUID, limit time.Time) ([]uuid.UUID, error) {
	var out []uuid.UUID
	err := s.each(ctx, &blob.ListOptions{Prefix: clinic.String() + "/"}, func(o *blob.ListObject) error {
		if id, err := uuid.Parse(strings.TrimPrefix(o.Key, clinic.String()+"/")); err == nil && o.ModTime.Before(limit) {
			out = append(out, id)
		}
		return nil
	})
	return out, err
}

// RemoveClinic takes away everything of a clinic, half-written files included,
// and says how much that was.
func (s *Store) RemoveClinic(ctx context.Context, clinic uuid.UUID) (int, error) {
	var all []string
	err := s.each(ctx, &blob.ListOptions{Prefix: clinic.String() + "/"}, func(o *blob.ListObject) error {
		all = append(all, o.Key)
		return nil
	})
	for i, key := range all {
		if err == nil {
			err = s.remove(ctx, key)
		}
		if err != nil {
			return i, err
		}
	}
	if s.folder != "" && err == nil {
		err = os.RemoveAll(filepath.Join(s.folder, clinic.String()))
	}
	return len(all), err
}

func (s *Store) each(ctx context.Context, opt *blob.ListOptions, do func(*blob.ListObject) error) error {
	list := s.bucket.List(opt)
	for {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}
		if err := do(o); err != nil {
			return err
		}
	}
}
