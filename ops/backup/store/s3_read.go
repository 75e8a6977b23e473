package store

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/minio/minio-go/v7"
)

// Open implements Store.
func (s *S3) Open(ctx context.Context, key string, off int64) (io.ReadCloser, Info, error) {
	if err := CheckKey(key); err != nil {
		return nil, Info{}, err
	}
	if off < 0 {
		return nil, Info{}, badOffset(s.addr.short(), key, off)
	}
	st, err := s.head(ctx, "read", key)
	if err != nil {
		return nil, Info{}, err
	}
	r := &s3Reader{s: s, key: key, etag: st.ETag, at: min(off, st.Size), size: st.Size}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	return r, s.info(key, st), nil
}

// s3Reader reads an object, asking for the rest of it after each failure. It is used by one goroutine.
type s3Reader struct {
	s      *S3
	key    string
	etag   string
	ctx    context.Context
	cancel context.CancelCauseFunc

	at, size int64
	body     io.ReadCloser // nil: to be asked for
	timer    *stallTimer   // of the body
	end      func()        // ends its request
	failed   time.Time     // when the first of the failures in a row was; zero: the last read was good
	tries    int
	err      error
}

// Read implements io.Reader.
func (r *s3Reader) Read(p []byte) (int, error) {
	for {
		switch {
		case r.err != nil:
			return 0, r.err
		case r.at == r.size:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		if r.body == nil {
			if r.err = r.open(); r.err != nil {
				return 0, r.err
			}
		}
		p = p[:min(int64(len(p)), r.size-r.at)]
		r.timer.start()
		n, err := r.body.Read(p)
		stalled := r.timer.stop(n)
		r.at += int64(n)
		if n > 0 {
			r.failed, r.tries = time.Time{}, 0
			return n, nil
		}
		if err != nil {
			if stalled {
				err = errStalled
			}
			r.err = r.again(err)
		}
	}
}

// again lets the next round ask for the rest, or gives up.
func (r *s3Reader) again(err error) error {
	r.shut()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if r.failed.IsZero() {
		r.failed = time.Now()
	}
	r.tries++
	e, _ := r.s.failed(r.ctx, r.ctx, request{op: "read", key: r.key}, err, &answer{})
	e.Tries = r.tries
	if r.ctx.Err() != nil || r.tries >= minTries && time.Since(r.failed) >= r.s.o.Patience {
		return e
	}
	wait := r.s.pause(r.tries)
	r.s.o.OnRetry(Retry{Op: "read", Key: r.key, Try: r.tries, Wait: wait, Err: e})
	if !sleep(r.ctx, wait) {
		e.Err = errors.Join(e.Err, context.Cause(r.ctx))
		return e
	}
	return nil
}

// open asks for what is still to come of the same object.
func (r *s3Reader) open() error {
	err := r.s.call(r.ctx, request{op: "read", key: r.key, timeout: -1, do: func(try context.Context) error {
		// The headers have their time, then the body its stalls: the one must not end with the other.
		cancel, err := within(try, r.s.o.Timeout, r.ask)
		if err != nil {
			r.shut()
			return err
		}
		r.timer = newStallTimer(r.s.o.Stall, r.s.floor(), func() { cancel(errStalled) })
		r.end = func() { cancel(nil) }
		return nil
	}})
	if errors.Is(err, ErrExists) || errors.Is(err, ErrNotFound) { // If-Match did not hold, or it is gone
		return r.changed()
	}
	return err
}

// within begins something that has to be there in a time, and goes on until it is cancelled.
func within(ctx context.Context, d time.Duration, begin func(context.Context) error) (context.CancelCauseFunc, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(d, func() { cancel(errTimeout) })
	err := begin(ctx)
	if !timer.Stop() {
		err = errTimeout // even if it was there: it is about to be cancelled
	}
	if err != nil {
		cancel(err)
		return nil, err
	}
	return cancel, nil
}

func (r *s3Reader) changed() error {
	return &Error{Op: "read", Key: r.key, Store: r.s.addr.short(), Kind: ErrCorrupt, Text: "it changed or was removed while it was read"}
}

func (r *s3Reader) ask(ctx context.Context) error {
	var o minio.GetObjectOptions
	if r.at > 0 {
		o.Set("Range", "bytes="+strconv.FormatInt(r.at, 10)+"-")
	}
	if r.etag != "" {
		o.Set("If-Match", `"`+r.etag+`"`)
	}
	body, st, header, err := r.s.core.GetObject(ctx, r.s.addr.bucket, r.s.name(r.key), o)
	if err != nil {
		return err
	}
	r.body = body
	switch {
	case r.at > 0 && header.Get("Content-Range") == "":
		return &Error{Kind: ErrUnsupported, Text: "it gives the whole where the rest was asked for"}
	case st.Size >= 0 && st.Size != r.size-r.at:
		return r.changed()
	}
	return nil
}

func (r *s3Reader) shut() {
	if r.body == nil {
		return
	}
	if r.end != nil {
		r.timer.end()
		r.end()
	}
	r.body.Close()
	r.body, r.timer, r.end = nil, nil, nil
}

// Close implements io.Closer.
func (r *s3Reader) Close() error {
	r.cancel(nil)
	r.shut()
	if r.err == nil {
		r.err = &Error{Op: "read", Key: r.key, Store: r.s.addr.short(), Kind: ErrClosed}
	}
	return nil
}

// stallTimer counts the time that is spent waiting for bytes, not that in which nobody asks for any.
type stallTimer struct {
	limit time.Duration
	least int64
	timer *time.Timer
	since time.Time
	spent time.Duration
	moved int64
	fired bool
}

func newStallTimer(limit time.Duration, least int64, give func()) *stallTimer {
	t := &stallTimer{limit: limit, least: least, timer: time.AfterFunc(time.Hour, give)}
	t.timer.Stop()
	return t
}

func (t *stallTimer) start() {
	t.since = time.Now()
	t.timer.Reset(t.limit - t.spent)
}

// stop takes the bytes that came, and says whether it was given up.
func (t *stallTimer) stop(n int) bool {
	t.fired = t.fired || !t.timer.Stop()
	t.spent += time.Since(t.since)
	t.moved += int64(n)
	if t.moved >= t.least {
		t.spent, t.moved = 0, 0
	}
	return t.fired
}

func (t *stallTimer) end() { t.timer.Stop() }
