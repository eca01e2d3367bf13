package keys

import (
	"errors"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// Files are encrypted in segments, each authenticated with its place in the
// file, so that one can be read from its beginning without holding all of it,
// and so that a file cut short or put together anew does not open.
const (
	streamSegment = 64 << 10
	streamKeySize = 32
	// streamLabel has no bar, which every text that BlindIndex computes has, so
	// that no blind index is ever the key of the files.
	streamLabel = "cloister files v1"
)

// stream is the clinic's streaming AEAD. Its key comes from the clinic's PRF, so
// it is destroyed with the keyset, and keysets made before there were files have
// it, too.
func (k *Keyset) stream() (*subtle.AESGCMHKDF, error) {
	key, err := k.prf.ComputePrimaryPRF([]byte(streamLabel), streamKeySize)
	if err != nil {
		return nil, err
	}
	return subtle.NewAESGCMHKDF(key, "SHA256", streamKeySize, streamSegment, 0)
}

// EncryptTo gives a writer that seals a file for one place onto w. The file is
// whole only when Close has succeeded.
func (k *Keyset) EncryptTo(w io.Writer, at Place) (io.WriteCloser, error) {
	s, err := k.stream()
	if err != nil {
		return nil, err
	}
	return s.NewEncryptingWriter(w, k.name(at))
}

// DecryptFrom gives a reader of a file sealed for the place. What it has given
// before an error is authentic as far as it goes, and not the whole file.
// Errors of Read: ErrSealed, and r's own.
func (k *Keyset) DecryptFrom(r io.Reader, at Place) (io.Reader, error) {
	s, err := k.stream()
	if err != nil {
		return nil, err
	}
	from := &source{r: r}
	opened, err := s.NewDecryptingReader(from, k.name(at))
	if err != nil {
		return nil, from.because()
	}
	return &opening{opened, from}, nil
}

// source remembers its reader's error, so that a store that fails is not taken
// for a file that was changed.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (s *source) because() error {
	if s.err != nil {
		return s.err
	}
	return ErrSealed
}

type opening struct {
	r    io.Reader
	from *source
}

func (o *opening) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = o.from.because()
	}
	return n, err
}
