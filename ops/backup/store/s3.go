package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/time/rate"
)

// S3 keeps objects in a bucket of an S3-compatible service. It speaks Signature V4 with the SHA-256 of every body, so that
// what arrives is what was sent also where a store knows no checksums.
type S3 struct {
	addr  s3Address
	o     Options
	core  *minio.Core
	http  *http.Transport
	keys  *keyring
	limit *rate.Limiter // nil: none

	randMu sync.Mutex // guards o.Rand

	answered atomic.Bool  // the store has answered at least once
	seen     atomic.Bool  // the bucket is known to be there
	ahead    atomic.Int64 // how far this machine's clock is ahead of the store's, nanoseconds
	closed   atomic.Bool

	pageSize int // how many keys are asked for at once
}

// nonceHeader is what tells an object that this upload wrote from another's of the same key.
const nonceHeader = "Ops-Write"

func openS3(ctx context.Context, a s3Address, o Options) (*S3, error) {
	if o.Keys == nil {
		return nil, noKeys("none were given")
	}
	s := &S3{addr: a, o: o, keys: &keyring{source: o.Keys}, pageSize: 1000}
	s.http = &http.Transport{
		DialContext:           o.Dial,
		TLSClientConfig:       o.TLS,
		MaxIdleConnsPerHost:   o.Threads + 2,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		ForceAttemptHTTP2:     false,
	}
	if o.Dial == nil {
		s.http.Proxy = http.ProxyFromEnvironment
	}
	if o.Rate > 0 {
		s.limit = rate.NewLimiter(rate.Limit(o.Rate), int(min(max(o.Rate/10, 4<<10), 1<<20)))
	}
	lookup := map[string]minio.BucketLookupType{"": minio.BucketLookupAuto, "path": minio.BucketLookupPath, "host": minio.BucketLookupDNS}[a.style]
	core, err := minio.NewCore(a.endpoint, &minio.Options{
		Creds:        credentials.New(s.keys),
		Secure:       a.secure,
		Transport:    &transport{base: s.http, s: s},
		Region:       a.region,
		BucketLookup: lookup,
		MaxRetries:   1, // it is tried again here, where it is known what may be
	})
	if err != nil {
		return nil, badAddress(err.Error())
	}
	s.core = core
	if o.Create {
		if err := s.create(ctx); err != nil {
			s.Close() //nolint:errcheck // it has nothing to say
			return nil, err
		}
	}
	return s, nil
}

// create makes the bucket. That it is there already is as good: a first try may have made it whose answer was lost.
func (s *S3) create(ctx context.Context) error {
	return s.call(ctx, request{op: "create the bucket", do: func(ctx context.Context) error {
		err := s.core.MakeBucket(ctx, s.addr.bucket, minio.MakeBucketOptions{Region: s.addr.region})
		switch minio.ToErrorResponse(err).Code {
		case "BucketAlreadyOwnedByYou", "BucketAlreadyExists":
			if ok, e := s.core.BucketExists(ctx, s.addr.bucket); e == nil && ok {
				return nil
			}
		}
		return err
	}})
}

// String implements Store.
func (s *S3) String() string { return s.addr.String() }

// Close implements Store.
func (s *S3) Close() error {
	s.closed.Store(true)
	s.http.CloseIdleConnections()
	return nil
}

// name is a key as the bucket knows it.
func (s *S3) name(key string) string {
	if s.addr.prefix == "" {
		return key
	}
	return s.addr.prefix + "/" + key
}

// key is what the store calls an object of the bucket; false: it is none of ours.
func (s *S3) key(name string) (string, bool) {
	if s.addr.prefix == "" {
		return name, true
	}
	return strings.CutPrefix(name, s.addr.prefix+"/")
}

func (s *S3) nonce() string {
	return strconv.FormatUint(s.random(), 36) + strconv.FormatUint(s.random(), 36)
}

// now is the time by the store's clock, as far as it is known.
func (s *S3) now() time.Time { return s.o.Now().Add(-time.Duration(s.ahead.Load())) }

// Stat implements Store.
func (s *S3) Stat(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	st, err := s.head(ctx, "look at", key)
	if err != nil {
		return Info{}, err
	}
	return s.info(key, st), nil
}

func (s *S3) info(key string, st minio.ObjectInfo) Info {
	i := Info{Key: key, Size: st.Size, ModTime: st.LastModified}
	if !strings.Contains(st.ChecksumCRC32C, "-") { // else it is of the parts' sums
		i.CRC32C = st.ChecksumCRC32C
	}
	return i
}

func (s *S3) head(ctx context.Context, op, key string) (minio.ObjectInfo, error) {
	var st minio.ObjectInfo
	err := s.call(ctx, request{op: op, key: key, do: func(ctx context.Context) (err error) {
		o := minio.StatObjectOptions{Checksum: s.addr.checksum != "none"}
		st, err = s.core.StatObject(ctx, s.addr.bucket, s.name(key), o)
		return err
	}})
	if errors.Is(err, ErrNotFound) && !s.seen.Load() {
		// The answer to HEAD has no body that would say what is missing.
		if e := s.look(ctx); e != nil {
			return st, e
		}
	}
	if err == nil {
		s.seen.Store(true)
	}
	return st, err
}

// look finds out whether the bucket is there.
func (s *S3) look(ctx context.Context) error {
	_, err := s.page(ctx, "list", "", "", 1)
	return err
}

// page reads keys that begin with prefix and come after one.
func (s *S3) page(ctx context.Context, op, prefix, after string, n int) ([]minio.ObjectInfo, error) {
	var all []minio.ObjectInfo
	full := s.name(prefix)
	err := s.call(ctx, request{op: op, key: prefix, do: func(ctx context.Context) error {
		all = all[:0]
		o := minio.ListObjectsOptions{Prefix: full, Recursive: true, MaxKeys: n, StartAfter: after, FetchOwner: new(bool)}
		for st := range s.core.ListObjectsIter(ctx, s.addr.bucket, o) {
			if st.Err != nil {
				return st.Err
			}
			if all = append(all, st); len(all) == n {
				return nil
			}
		}
		return ctx.Err() // the library ends quietly then
	}})
	if err == nil {
		s.seen.Store(true)
	}
	return all, err
}

// List implements Store.
func (s *S3) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		after := ""
		for {
			all, err := s.page(ctx, "list", prefix, after, s.pageSize)
			if err != nil {
				yield(Info{}, err)
				return
			}
			for _, st := range all {
				after = st.Key
				key, ok := s.key(st.Key)
				if !ok || CheckKey(key) != nil { // a directory's placeholder, or somebody else's
					continue
				}
				if !yield(Info{Key: key, Size: st.Size, ModTime: st.LastModified}, nil) {
					return
				}
			}
			if len(all) < s.pageSize {
				return
			}
		}
	}
}

// Delete implements Store.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	err := s.call(ctx, request{op: "delete", key: key, do: func(ctx context.Context) error {
		return s.core.RemoveObject(ctx, s.addr.bucket, s.name(key), minio.RemoveObjectOptions{})
	}})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// PutIfAbsent implements Store.
func (s *S3) PutIfAbsent(ctx context.Context, key string, b []byte) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	w := s.write(key, "", crc32.Checksum(b, castagnoli), int64(len(b)))
	if err := w.put(ctx, "write", b); err != nil {
		w.undo(ctx, true) //nolint:errcheck // the first error is the one to tell
		return Info{}, err
	}
	// It is not looked at again: the answer is that it is there, and a look that failed would have to take it back.
	return Info{Key: key, Size: int64(len(b)), ModTime: s.now(), CRC32C: crcText(w.sum), Confirmed: s.addr.checksum != "none"}, nil
}

// write is an object on its way to become visible, and what is known of it.
type write struct {
	s     *S3
	key   string
	nonce string
	kind  string // content type
	sum   uint32 // CRC-32C of the whole
	size  int64
	sums  []uint32 // of the parts
	there bool     // it became visible, or may have, or may yet
}

func (s *S3) write(key, contentType string, sum uint32, size int64) *write {
	return &write{s: s, key: key, nonce: s.nonce(), kind: contentType, sum: sum, size: size}
}

func (w *write) options() minio.PutObjectOptions {
	o := minio.PutObjectOptions{
		ContentType:          w.kind,
		UserMetadata:         map[string]string{nonceHeader: w.nonce},
		DisableContentSha256: true, // it is given, of the whole body
	}
	if w.s.addr.conditional {
		o.SetMatchETagExcept("*")
	}
	return o
}

// put sends it in one request.
func (w *write) put(ctx context.Context, op string, b []byte) error {
	s := w.s
	if err := w.free(ctx, op); err != nil {
		return err
	}
	sha := sha256.Sum256(b)
	o := w.options()
	if s.addr.checksum != "none" {
		o.UserMetadata[minio.ChecksumCRC32C.Key()] = crcText(w.sum)
	}
	return w.publish(ctx, request{op: op, key: w.key, timeout: partTimeout, writes: true, do: func(ctx context.Context) error {
		return s.send(ctx, b, func(ctx context.Context, r io.Reader) error {
			_, err := s.core.PutObject(ctx, s.addr.bucket, s.name(w.key), r, int64(len(b)), "", hex.EncodeToString(sha[:]), o)
			return err
		})
	}})
}

// free looks whether the key is taken, where the store cannot do so itself.
func (w *write) free(ctx context.Context, op string) error {
	if w.s.addr.conditional {
		return nil
	}
	switch _, err := w.s.head(ctx, op, w.key); {
	case err == nil:
		return &Error{Op: op, Key: w.key, Store: w.s.addr.short(), Kind: ErrExists}
	case !errors.Is(err, ErrNotFound):
		return err
	}
	return nil
}

// publish makes the request that makes the object visible, and finds out what became of it where the answer does not say.
func (w *write) publish(ctx context.Context, r request) error {
	w.there = true
	err := w.s.call(ctx, r)
	if err == nil {
		return nil
	}
	if !errors.Is(err, ErrExists) && !errors.Is(err, ErrClosed) {
		var e *Error
		if errors.As(err, &e) && e.Status >= 400 && e.Status < 500 && e.Tries == 1 {
			w.there = false // it was refused, and nothing was sent before that may be applied yet
		}
		return err
	}
	// The key is taken, or the upload is gone: by a try of ours whose answer was lost, or by somebody else.
	st, headErr := w.s.head(ctx, r.op, w.key)
	switch {
	case headErr == nil && w.mine(st):
		return nil
	case headErr == nil:
		w.there = false
		return &Error{Op: r.op, Key: w.key, Store: w.s.addr.short(), Kind: ErrExists}
	case errors.Is(headErr, ErrNotFound):
		w.there = false
	}
	return err
}

func (w *write) mine(st minio.ObjectInfo) bool {
	return st.Metadata.Get("X-Amz-Meta-"+nonceHeader) == w.nonce
}

// confirm asks the store what it has now.
func (w *write) confirm(ctx context.Context, op string) (Info, error) {
	st, err := w.s.head(ctx, op, w.key)
	if err != nil {
		return Info{}, err
	}
	i := w.s.info(w.key, st)
	wrong := ""
	switch {
	case !w.mine(st):
		wrong = "somebody else wrote it at the same time"
	case st.Size != w.size:
		wrong = "it has " + strconv.FormatInt(st.Size, 10) + " bytes there, " + strconv.FormatInt(w.size, 10) + " were sent"
	case st.ChecksumCRC32C != "" && st.ChecksumCRC32C != crcText(w.sum) && st.ChecksumCRC32C != w.sumOfParts():
		wrong = "its CRC-32C is another there"
	}
	if wrong != "" {
		return Info{}, &Error{Op: op, Key: w.key, Store: w.s.addr.short(), Kind: ErrCorrupt, Text: wrong, Hint: "Run it again"}
	}
	i.CRC32C, i.Confirmed = crcText(w.sum), st.ChecksumCRC32C != ""
	return i, nil
}

// sumOfParts is the sum that S3 calls composite.
func (w *write) sumOfParts() string {
	var all bytes.Buffer
	for _, sum := range w.sums {
		all.Write([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	}
	return crcText(crc32.Checksum(all.Bytes(), castagnoli)) + "-" + strconv.Itoa(len(w.sums))
}

// undo removes the object if it is this one. It may still be about to appear: then it is looked for again for a while.
func (w *write) undo(ctx context.Context, linger bool) error {
	if !w.there {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.s.o.Timeout)
	defer cancel()
	for until := time.Now().Add(w.s.o.Timeout / 10); ; {
		st, err := w.s.head(ctx, "abort", w.key)
		switch {
		case err == nil && w.mine(st):
			err = w.s.Delete(ctx, w.key)
		case errors.Is(err, ErrNotFound) && linger && time.Now().Before(until):
			if sleep(ctx, settle/4) {
				continue
			}
		}
		if errors.Is(err, ErrNotFound) {
			err = nil
		}
		w.there = err != nil
		return err
	}
}

// partTimeout is how long one part may take at the very most; Options.Stall ends most of those much earlier.
const partTimeout = 2 * time.Hour

// send makes a request with a body that is given up when it stalls. The buffer is the caller's again when it returns.
func (s *S3) send(ctx context.Context, b []byte, do func(ctx context.Context, r io.Reader) error) error {
	var moved atomic.Int64
	watched, stop := s.watched(ctx, &moved)
	defer stop()
	r := &body{s: s, ctx: watched, moved: &moved, buf: b}
	defer r.take()
	err := do(watched, r)
	if err != nil && errors.Is(context.Cause(watched), errStalled) {
		return errStalled
	}
	return err
}
