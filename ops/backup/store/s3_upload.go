package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	minPart     = 8 << 20
	unknownPart = 16 << 20 // of an object whose size nobody knows: 160 GB in 10000 parts
	maxPart     = 512 << 20
	firstBuffer = 256 << 10 // what a small object costs
)

// partSize is the size of all parts but the last, for an object of about expect bytes: half as much again still fits into
// 800 of 1000 parts.
func partSize(expect int64, maxParts int) int64 {
	if expect <= 0 {
		return unknownPart
	}
	most := int64(min(maxParts, 1000)) * 8 / 10
	size := (expect + expect/2) / max(most, 1)
	const unit = 1 << 20
	size = (size + unit - 1) / unit * unit
	return min(max(size, minPart), maxPart)
}

// Begin implements Store.
func (s *S3) Begin(ctx context.Context, key string, o PutOpt) (Upload, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	if s.closed.Load() {
		return nil, &Error{Op: "write", Key: key, Store: s.addr.short(), Kind: ErrClosed}
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{Op: "write", Key: key, Store: s.addr.short(), Err: err}
	}
	u := &s3Upload{s: s, w: s.write(key, o.ContentType, 0, 0), size: partSize(o.Expect, s.addr.maxParts)}
	u.ctx, u.cancel = context.WithCancelCause(ctx)
	n := min(max(s.o.Memory/u.size, 1), int64(s.o.Threads))
	u.free = make(chan []byte, n)
	for range n {
		u.free <- nil
	}
	return u, nil
}

// s3Upload sends parts while the next one fills. It starts no goroutine and makes no request before the first part is
// full: what ends before that is sent in one.
type s3Upload struct {
	s      *S3
	w      *write
	size   int64 // of a part
	ctx    context.Context
	cancel context.CancelCauseFunc

	free  chan []byte // buffers that are not in use; nil ones are still to be made
	cur   []byte      // the one that fills
	have  bool        // cur was taken from free
	ended bool        // Commit or Abort was called
	done  bool        // Commit succeeded
	id    string      // of the upload in parts; empty: none yet. One whose start got no answer is left for Sweep
	sent  int         // parts

	wg sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	parts []minio.CompletePart
	sums  map[int]uint32
	err   error // the first
}

func (u *s3Upload) fail(err error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil {
		u.err = err
		u.cancel(err)
	}
	return u.err
}

func (u *s3Upload) failure() error {
	u.mu.Lock()
	err := u.err
	u.mu.Unlock()
	if err != nil {
		return err
	}
	if cause := context.Cause(u.ctx); cause != nil {
		return u.fail(u.error("write", cause))
	}
	return nil
}

func (u *s3Upload) error(op string, err error) *Error {
	return &Error{Op: op, Key: u.w.key, Store: u.s.addr.short(), Err: err}
}

// Write implements io.Writer.
func (u *s3Upload) Write(b []byte) (int, error) {
	if u.ended {
		return 0, &Error{Op: "write", Key: u.w.key, Store: u.s.addr.short(), Kind: ErrClosed}
	}
	n := 0
	for len(b) > 0 {
		if err := u.failure(); err != nil {
			return n, err
		}
		if int64(len(u.cur)) == u.size {
			if err := u.flush(); err != nil {
				return n, err
			}
		}
		if err := u.buffer(len(b)); err != nil {
			return n, err
		}
		m := min(len(b), cap(u.cur)-len(u.cur))
		u.cur = append(u.cur, b[:m]...)
		u.w.sum = crc32.Update(u.w.sum, castagnoli, b[:m])
		u.w.size += int64(m)
		b, n = b[m:], n+m
	}
	return n, nil
}

// buffer makes room for at least one more byte: it waits for a buffer, or makes the one there is larger. Only that of the
// first part grows; the others are known to be needed whole.
func (u *s3Upload) buffer(more int) error {
	if !u.have {
		select {
		case u.cur = <-u.free:
		case <-u.ctx.Done():
			return u.failure()
		}
		u.have, u.cur = true, u.cur[:0]
	}
	if len(u.cur) < cap(u.cur) {
		return nil
	}
	size := u.size
	if u.sent == 0 {
		size = min(u.size, max(int64(2*cap(u.cur)), int64(len(u.cur)+more), firstBuffer))
	}
	grown := make([]byte, len(u.cur), size)
	copy(grown, u.cur)
	u.cur = grown
	return nil
}

// flush sends what has filled, in the background.
func (u *s3Upload) flush() error {
	if err := u.start(); err != nil {
		return err
	}
	if u.sent == u.s.addr.maxParts {
		return u.fail(&Error{
			Op: "write", Key: u.w.key, Store: u.s.addr.short(), Kind: ErrTooLarge,
			Text: fmt.Sprintf("more than %d parts of %d MiB, which is all that this store takes", u.s.addr.maxParts, u.size>>20),
			Hint: "Run it again: the next run chooses larger parts when it is told to expect more",
		})
	}
	u.sent++
	n, buf := u.sent, u.cur
	u.cur, u.have = nil, false
	u.wg.Go(func() {
		defer func() { u.free <- buf }()
		u.part(n, buf)
	})
	return nil
}

// start makes the upload in parts known to the store.
func (u *s3Upload) start() error {
	if u.id != "" {
		return nil
	}
	if err := u.w.free(u.ctx, "write"); err != nil {
		return u.fail(err)
	}
	o := minio.PutObjectOptions{ContentType: u.w.kind, UserMetadata: map[string]string{nonceHeader: u.w.nonce}}
	switch u.s.addr.checksum {
	case "full":
		o.UserMetadata["X-Amz-Checksum-Type"] = "FULL_OBJECT"
		fallthrough
	case "parts":
		o.UserMetadata["X-Amz-Checksum-Algorithm"] = "CRC32C"
	}
	err := u.s.call(u.ctx, request{op: "start writing", key: u.w.key, writes: true, do: func(ctx context.Context) error {
		id, err := u.s.core.NewMultipartUpload(ctx, u.s.addr.bucket, u.s.name(u.w.key), o)
		if err == nil && id == "" {
			err = io.ErrUnexpectedEOF
		}
		u.id = id
		return err
	}})
	if err != nil {
		return u.fail(err)
	}
	return nil
}

// part sends one.
func (u *s3Upload) part(n int, buf []byte) {
	sum := crc32.Checksum(buf, castagnoli)
	sha := sha256.Sum256(buf)
	o := minio.PutObjectPartOptions{Sha256Hex: hex.EncodeToString(sha[:]), DisableContentSha256: true}
	if u.s.addr.checksum != "none" {
		o.CustomHeader = http.Header{}
		o.CustomHeader.Set(minio.ChecksumCRC32C.Key(), crcText(sum))
	}
	var p minio.ObjectPart
	err := u.s.call(u.ctx, request{op: fmt.Sprintf("send part %d of", n), key: u.w.key, timeout: partTimeout, writes: true, do: func(ctx context.Context) error {
		return u.s.send(ctx, buf, func(ctx context.Context, r io.Reader) (err error) {
			p, err = u.s.core.PutObjectPart(ctx, u.s.addr.bucket, u.s.name(u.w.key), u.id, n, r, int64(len(buf)), o)
			switch {
			case err != nil:
				return err
			case p.ETag == "":
				return io.ErrUnexpectedEOF
			case p.ChecksumCRC32C != "" && p.ChecksumCRC32C != crcText(sum):
				return minio.ErrorResponse{StatusCode: http.StatusOK, Code: "BadDigest", Message: "the store computed another CRC-32C of a part"}
			}
			return nil
		})
	}})
	if err != nil {
		u.fail(err) //nolint:errcheck // it is kept for the next call
		return
	}
	c := minio.CompletePart{PartNumber: n, ETag: p.ETag}
	if u.s.addr.checksum != "none" {
		c.ChecksumCRC32C = crcText(sum)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sums == nil {
		u.sums = map[int]uint32{}
	}
	u.parts, u.sums[n] = append(u.parts, c), sum
}

// Commit implements Upload.
func (u *s3Upload) Commit(ctx context.Context) (Info, error) {
	if u.done {
		return Info{}, &Error{Op: "commit", Key: u.w.key, Store: u.s.addr.short(), Kind: ErrClosed}
	}
	if err := u.failure(); err != nil {
		return Info{}, err
	}
	u.ended = true
	// Both contexts end it: the upload's, and this call's.
	stop := context.AfterFunc(ctx, func() { u.cancel(context.Cause(ctx)) })
	defer stop()
	if err := u.publish(); err != nil {
		return Info{}, u.fail(err)
	}
	info, err := u.w.confirm(u.ctx, "commit")
	if err != nil {
		return Info{}, u.fail(err)
	}
	if u.id != "" {
		info.PartSize, info.Parts = u.size, len(u.parts)
	}
	u.done = true
	u.cancel(nil)
	u.release()
	return info, nil
}

func (u *s3Upload) publish() error {
	if u.id == "" {
		return u.w.put(u.ctx, "commit", u.cur)
	}
	if len(u.cur) > 0 {
		if err := u.flush(); err != nil {
			return err
		}
	}
	u.wg.Wait()
	if err := u.failure(); err != nil {
		return err
	}
	slices.SortFunc(u.parts, func(a, b minio.CompletePart) int { return a.PartNumber - b.PartNumber })
	for n := range u.parts {
		u.w.sums = append(u.w.sums, u.sums[n+1])
	}
	if err := u.w.free(u.ctx, "commit"); err != nil {
		return err
	}
	o := minio.PutObjectOptions{UserMetadata: map[string]string{}}
	if u.s.addr.checksum == "full" {
		o.UserMetadata["X-Amz-Checksum-Type"] = "FULL_OBJECT"
		o.UserMetadata[minio.ChecksumCRC32C.Key()] = crcText(u.w.sum)
	}
	if u.s.addr.conditional {
		o.SetMatchETagExcept("*")
	}
	return u.w.publish(u.ctx, request{op: "commit", key: u.w.key, timeout: 10 * u.s.o.Timeout, writes: true, do: func(ctx context.Context) error {
		_, err := u.s.core.CompleteMultipartUpload(ctx, u.s.addr.bucket, u.s.name(u.w.key), u.id, u.parts, o)
		// An error in an answer that began as 200 has that status, and would be taken for a lost connection.
		if er := (minio.ErrorResponse{}); errors.As(err, &er) && er.StatusCode == 0 && er.Code != "" {
			er.StatusCode = http.StatusOK
			return er
		}
		return err
	}})
}

// release lets go of the buffers.
func (u *s3Upload) release() { u.cur, u.free = nil, nil }

// Abort implements Upload.
func (u *s3Upload) Abort(ctx context.Context) error {
	u.ended = true
	if u.done {
		return nil
	}
	u.fail(&Error{Op: "write", Key: u.w.key, Store: u.s.addr.short(), Kind: ErrClosed}) //nolint:errcheck // one before it is kept
	u.wg.Wait()
	cutOff := len(u.parts) < u.sent
	u.release()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*u.s.o.Timeout)
	defer cancel()
	if u.id == "" {
		return u.w.undo(ctx, true)
	}
	removed, err := u.s.abort(ctx, u.w.key, u.id, cutOff)
	if err != nil {
		return err
	}
	u.id = ""
	// Once an upload is removed, a request to complete it that is still on its way fails. If there was none, it may be that
	// it is being completed just now.
	return u.w.undo(ctx, !removed)
}

const (
	// abortRounds is how often an upload is removed: a part that the store was still taking brings it back.
	abortRounds = 4
	// settle is how long such a part is given to do so.
	settle = 100 * time.Millisecond
)

// abort removes an upload in parts until the store knows it no more, and says whether there was one to remove. Where parts
// were cut off it looks twice.
func (s *S3) abort(ctx context.Context, key, id string, cutOff bool) (removed bool, err error) {
	looks := 1
	if cutOff {
		looks = 2
	}
	for round, gone := 0, 0; gone < looks; {
		if gone == 0 {
			if round++; round > abortRounds {
				return removed, &Error{Op: "abort writing", Key: key, Store: s.addr.short(), Kind: ErrUnavailable, Text: "the unfinished upload comes back each time it is removed", Hint: "The next sweep removes it"}
			}
			had, err := s.abortOnce(ctx, key, id)
			if err != nil {
				return removed, err
			}
			removed = removed || had
		} else if !sleep(ctx, settle) {
			break // it was gone when it was last looked for
		}
		gone++
		err := s.uploads(ctx, key, func(u minio.ObjectMultipartInfo) {
			if u.UploadID == id {
				gone = 0
			}
		})
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// abortOnce says whether there was one to remove.
func (s *S3) abortOnce(ctx context.Context, key, id string) (bool, error) {
	err := s.call(ctx, request{op: "abort writing", key: key, do: func(ctx context.Context) error {
		return s.core.AbortMultipartUpload(ctx, s.addr.bucket, s.name(key), id)
	}})
	if errors.Is(err, ErrClosed) || errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// sleep says whether it could be as long as it should.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// uploads gives the unfinished uploads whose keys begin with prefix.
func (s *S3) uploads(ctx context.Context, prefix string, each func(minio.ObjectMultipartInfo)) error {
	keyMarker, idMarker := "", ""
	for {
		var page minio.ListMultipartUploadsResult
		err := s.call(ctx, request{op: "list unfinished uploads of", key: prefix, do: func(ctx context.Context) (err error) {
			page, err = s.core.ListMultipartUploads(ctx, s.addr.bucket, s.name(prefix), keyMarker, idMarker, "", s.pageSize)
			return err
		}})
		if e := (*Error)(nil); errors.As(err, &e) && e.Code == "InvalidArgument" && idMarker != "" {
			idMarker = "" // versitygw does not find its own marker; of the key at the border the next sweep gets the rest
			continue
		}
		if err != nil {
			return err
		}
		for _, u := range page.Uploads {
			each(u)
		}
		next, nextID := page.NextKeyMarker, page.NextUploadIDMarker
		if !page.IsTruncated || next == keyMarker && nextID == idMarker {
			return nil
		}
		keyMarker, idMarker = next, nextID
	}
}

// Sweep implements Store.
func (s *S3) Sweep(ctx context.Context, prefix string, olderThan time.Duration) ([]Leftover, error) {
	var found []Leftover
	var all []minio.ObjectMultipartInfo
	if err := s.uploads(ctx, prefix, func(u minio.ObjectMultipartInfo) { all = append(all, u) }); err != nil {
		return nil, err
	}
	now := s.now() // by the store's clock, which has just been heard, to the second
	var errs []error
	for _, u := range all {
		key, ok := s.key(u.Key)
		if !ok || !strings.HasPrefix(key, prefix) || olderThan > 0 && now.Sub(u.Initiated) < olderThan {
			continue
		}
		if _, err := s.abort(ctx, key, u.UploadID, false); err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, Leftover{Key: key, ID: u.UploadID, Started: u.Initiated, Size: -1})
	}
	sortLeftovers(found)
	return found, errors.Join(errs...)
}
