package backup

import (
	"context"
	"errors"
	"io"

	"filippo.io/age"
	"github.com/google/uuid"
)

// Opener opens an archive at its beginning; it may be called more than once.
type Opener func() (io.ReadCloser, error)

// VerifyOptions say how to read an archive.
type VerifyOptions struct {
	Identities []age.Identity
	MaxBytes   int64
	Progress   func(Progress)
	pace       *pacer
}

// Verified is an archive that was read to its end.
type Verified struct {
	Header   Header   `json:"archive"`
	Manifest Manifest `json:"content"`
	Own      bool     `json:"own"` // this installation wrote it, and nobody changed it since
}

// Verify reads a whole archive and compares it with its manifest. It needs no
// database and changes nothing. Errors: Invalid.
func (s *Service) Verify(ctx context.Context, open Opener, o VerifyOptions) (Verified, error) {
	in, err := open()
	if err != nil {
		return Verified{}, err
	}
	defer in.Close()
	a, err := NewReader(stoppable{ctx, in, o.pace}, s.own, s.identities(o.Identities), o.MaxBytes)
	if err != nil {
		return Verified{}, err
	}
	defer a.Close()
	out := Verified{Header: a.Header()}
	at := Progress{Total: len(out.Header.Tables) + 1}
	for _, t := range out.Header.Tables {
		at.Step = t.Name
		if _, err := a.nextTable().drain(); err != nil {
			return out, err
		}
		at.Done, at.Bytes = at.Done+1, a.bounded.got
		tell(o.Progress, at)
	}
	at.Step = "files"
	err = a.eachFile(func(uuid.UUID, []byte) error {
		at.Bytes = a.bounded.got
		tell(o.Progress, at)
		return nil
	})
	if err != nil {
		return out, err
	}
	out.Manifest, err = a.finish()
	out.Own = a.Own()
	return out, err
}

// stoppable ends a long read with its context, and tells a source that failed
// from an archive that is damaged.
type stoppable struct {
	ctx  context.Context
	r    io.Reader
	pace *pacer // rests between two reads
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := errors.Join(s.ctx.Err(), s.pace.rest(s.ctx)); err != nil {
		return 0, &sourceError{err}
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}
