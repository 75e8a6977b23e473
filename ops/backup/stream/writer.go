package stream

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"ops-console/ops/backup"
)

// Options of NewWriter. The zero value compresses at DefaultLevel and does not encrypt.
type Options struct {
	Level      int        // 1 to 19 as of zstd's program; 0: DefaultLevel
	Recipients Recipients // empty: not encrypted
}

// Writer compresses, encrypts and sums what is written to it. It is not safe for concurrent use, but for Counts. Either
// Close or Fail must be called, or what it runs in the background stays.
type Writer struct {
	raw    *meter
	zstd   *gate
	stored *gate

	enc    *zstd.Encoder
	seal   io.WriteCloser // nil: not encrypted
	level  int
	names  []string
	closed bool
	failed error
}

// gate is a place between two stages: what passes is summed, and nothing passes any more once it is shut.
type gate struct {
	*meter
	to io.Writer

	mu   sync.Mutex // held while something passes
	shut error
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		return 0, g.shut
	}
	n, err := g.to.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		g.shut = err
		return n, err
	}
	g.add(p)
	return n, nil
}

// close lets nothing pass any more, and says what was wrong before.
func (g *gate) close(why error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.shut
	if was == nil {
		g.shut = why
	}
	return was
}

// NewWriter begins a stream into out. With recipients it writes the header of the encryption at once.
func NewWriter(out io.Writer, o Options) (*Writer, error) {
	if o.Level == 0 {
		o.Level = DefaultLevel
	}
	if o.Level < 1 || o.Level > 19 {
		return nil, fmt.Errorf("compression level %d: there are 1 to 19", o.Level)
	}
	w := &Writer{raw: newMeter(), stored: &gate{meter: newMeter(), to: out}, level: o.Level}
	w.zstd = &gate{meter: newMeter(), to: w.stored}
	if len(o.Recipients.list) > 0 {
		seal, err := age.Encrypt(w.stored, o.Recipients.list...)
		if err != nil {
			return nil, fmt.Errorf("encrypting for %d recipients: %w", len(o.Recipients.list), err)
		}
		w.seal, w.zstd.to, w.names = seal, seal, o.Recipients.Names()
	}
	enc, err := zstd.NewWriter(w.zstd, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(o.Level)), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(window), zstd.WithEncoderCRC(true), zstd.WithZeroFrames(true))
	if err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	w.enc = enc
	return w, nil
}

var errClosed = errors.New("the stream has ended")

// Write takes what the producer gives. An error is that of the stage that failed, as a rule the store.
func (w *Writer) Write(p []byte) (int, error) {
	switch {
	case w.failed != nil:
		return 0, w.failed
	case w.closed:
		return 0, errClosed
	}
	n, err := w.enc.Write(p)
	w.raw.add(p[:n])
	if err != nil {
		return n, w.cause(err)
	}
	return n, nil
}

// cause is the first failure of a stage, which the compression may have reworded.
func (w *Writer) cause(err error) error {
	for _, g := range []*gate{w.stored, w.zstd} {
		if was := g.close(err); was != nil {
			return was
		}
	}
	return err
}

// Close ends the streams, so that they can be read. It is called only where the producer ended well: everything that it
// had to say was written. After an error of Close nothing that reached out is of use.
func (w *Writer) Close() error {
	switch {
	case w.failed != nil:
		return w.failed
	case w.closed:
		return nil
	}
	err := w.enc.Close()
	if err == nil && w.seal != nil {
		err = w.seal.Close()
	}
	if err != nil {
		err = w.cause(err)
		w.Fail(err)
		return err
	}
	w.closed = true
	_ = w.zstd.close(errClosed)
	_ = w.stored.close(errClosed)
	return nil
}

// Fail gives the stream up without ending it: what reached out until then can not be taken for a whole one, and nothing
// follows once Fail returns. An out with CloseWithError, as a pipe has it, is told why; of any other a Write that is under
// way is waited for. After Close it does nothing.
func (w *Writer) Fail(why error) {
	if w.closed || w.failed != nil {
		return
	}
	if why == nil {
		why = errors.New("given up")
	}
	w.failed = why
	if c, ok := w.stored.to.(interface{ CloseWithError(error) error }); ok {
		_ = c.CloseWithError(why)
	}
	_ = w.stored.close(why)
	_ = w.zstd.close(why)
	w.enc.Reset(nil) // waits for what runs in the background
}

// Counts is how far it is. It may be called at any time from anywhere.
func (w *Writer) Counts() Counts {
	return Counts{Raw: w.raw.n.Load(), Zstd: w.zstd.n.Load(), Stored: w.stored.n.Load()}
}

// Payload is what a manifest says of the stream, but for the parts that the store made of it. It is an error before Close.
func (w *Writer) Payload(key string, kind backup.Kind) (backup.Payload, error) {
	if !w.closed {
		return backup.Payload{}, fmt.Errorf("%s is not whole", key)
	}
	p := backup.Payload{
		Key: key, Kind: kind,
		Raw:    backup.Stage{Bytes: w.raw.n.Load(), SHA256: w.raw.hex()},
		Zstd:   backup.Zstd{Bytes: w.zstd.n.Load(), SHA256: w.zstd.hex(), Level: w.level, Checksum: true},
		Stored: backup.StoredAs{Bytes: w.stored.n.Load(), SHA256: w.stored.hex()},
	}
	if w.seal != nil {
		p.Age = &backup.Age{Recipients: w.names, Bytes: p.Stored.Bytes}
	}
	return p, nil
}
