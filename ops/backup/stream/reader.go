package stream

import (
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"ops-console/ops/backup"
)

// maxWindow is how far back a stream may want its reader to remember: more than a Writer ever makes, and what stock zstd
// accepts without being asked twice.
const maxWindow = 8 << 20

// Reader gives what pg_dump wrote. Until io.EOF nothing is proven: what came before may be damaged.
type Reader struct {
	p      backup.Payload
	stored *source
	plain  *source // nil: not encrypted
	dec    *zstd.Decoder
	raw    *meter
	err    error
}

// source is a stage that is read from: it counts, stops what is longer than the manifest says, and remembers whether it
// was the stage before that failed.
type source struct {
	*meter
	from  io.Reader
	stage string
	most  int64
	err   error // of from, or that it is too long; not io.EOF
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.from.Read(p)
	s.add(p[:n])
	if s.n.Load() > s.most {
		err = s.agree(s.stage, s.most, "")
	}
	if err != nil && !ended(err) {
		s.err = err
	}
	return n, err
}

// NewReader begins to read an object. ids are needed where the payload is encrypted, and ignored elsewhere. The caller
// closes stored, after the Reader; a stored that may block must be made to fail before Close, as by the end of its context.
func NewReader(stored io.Reader, p backup.Payload, ids []age.Identity) (*Reader, error) {
	r := &Reader{p: p, raw: newMeter(), stored: &source{meter: newMeter(), from: stored, stage: "stored", most: p.Stored.Bytes}}
	var packed io.Reader = r.stored
	if p.Age != nil {
		if len(ids) == 0 {
			return nil, ErrNoKey
		}
		plain, err := age.Decrypt(r.stored, ids...)
		if err != nil {
			return nil, r.cause("age", "it can not be decrypted", err)
		}
		r.plain = &source{meter: newMeter(), from: plain, stage: "age", most: p.Zstd.Bytes}
		packed = r.plain
	}
	dec, err := zstd.NewReader(packed, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, r.cause("zstd", "it can not be unpacked", err)
	}
	r.dec = dec
	return r, nil
}

// cause says which stage an error is of: a store that broke off is no damage, and damage is found where it is first seen.
func (r *Reader) cause(stage, why string, err error) error {
	var wrong *age.NoIdentityMatchError
	var damaged *Corrupt
	for _, s := range []*source{r.stored, r.plain} {
		if s == nil || s.err == nil {
			continue
		}
		if errors.As(s.err, &damaged) {
			return damaged
		}
		if s == r.stored {
			return fmt.Errorf("reading %s from the store: %w", r.p.Key, s.err)
		}
		return &Corrupt{Stage: "age", Why: "it can not be decrypted", Err: s.err}
	}
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s: %w", r.p.Key, ErrWrongKey)
	}
	return &Corrupt{Stage: stage, Why: why, Err: err}
}

// ended says that a reader is at its end. A connection that broke is reported as an error with io.EOF somewhere in it: that
// is no end.
func ended(err error) bool {
	return err == io.EOF //nolint:errorlint // see above
}

// Read implements io.Reader. io.EOF says that everything agrees with the manifest; damage is a *Corrupt.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.dec.Read(p)
	r.raw.add(p[:n])
	switch {
	case r.raw.n.Load() > r.p.Raw.Bytes:
		r.err = r.raw.agree("raw", r.p.Raw.Bytes, "")
		return 0, r.err
	case ended(err):
		r.err = r.whole()
	case err != nil:
		r.err = r.cause("zstd", "it can not be unpacked", err)
	}
	return n, r.err
}

// whole compares every stage with the manifest, and gives io.EOF where all agree.
func (r *Reader) whole() error {
	var rest [1]byte
	if n, err := io.ReadFull(r.stored, rest[:]); n > 0 || !ended(err) {
		if err == nil || ended(err) {
			err = errors.New("something follows")
		}
		return r.cause("stored", "it does not end where its content does", err)
	}
	packed := r.plain
	if packed == nil {
		packed = r.stored
	}
	for _, err := range []error{
		r.stored.agree("stored", r.p.Stored.Bytes, r.p.Stored.SHA256),
		packed.agree("zstd", r.p.Zstd.Bytes, r.p.Zstd.SHA256),
		r.raw.agree("raw", r.p.Raw.Bytes, r.p.Raw.SHA256),
	} {
		if err != nil {
			return err
		}
	}
	return io.EOF
}

// Counts is how far it is; of use between two calls of Read.
func (r *Reader) Counts() Counts {
	c := Counts{Raw: r.raw.n.Load(), Stored: r.stored.n.Load()}
	if c.Zstd = c.Stored; r.plain != nil {
		c.Zstd = r.plain.n.Load()
	}
	return c
}

// Close lets go of what it holds. It does not say whether all was read.
func (r *Reader) Close() error {
	r.dec.Close()
	if r.err == nil {
		r.err = errClosed
	}
	return nil
}
