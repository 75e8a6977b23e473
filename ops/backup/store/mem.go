package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"hash/crc32"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Mem keeps objects in memory, for tests. It forgets everything when it goes.
type Mem struct {
	now func() time.Time

	mu      sync.Mutex // guards the fields below
	objects map[string]memObject
	pending map[*memUpload]memPending
	seq     int
	closed  bool
}

type memObject struct {
	data []byte
	at   time.Time
	sum  string
}

type memPending struct {
	id string
	at time.Time
}

// NewMem is an empty store. now nil means the system's clock.
func NewMem(now func() time.Time) *Mem {
	if now == nil {
		now = time.Now
	}
	return &Mem{now: now, objects: map[string]memObject{}, pending: map[*memUpload]memPending{}}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crcText is a CRC-32C as S3 writes it.
func crcText(sum uint32) string {
	return base64.StdEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// Tamper changes an object at rest, behind the store's back: its sum stays. It says whether there is such an object.
func (m *Mem) Tamper(key string, change func([]byte) []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if ok {
		o.data = change(bytes.Clone(o.data))
		m.objects[key] = o
	}
	return ok
}

// Pending is how many uploads neither ended nor were swept.
func (m *Mem) Pending() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pending)
}

// String implements Store.
func (m *Mem) String() string { return "memory" }

// Close implements Store.
func (m *Mem) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *Mem) fail(op, key string, kind error) error {
	return &Error{Op: op, Key: key, Store: m.String(), Kind: kind}
}

// check locks, or says why the call cannot be made.
func (m *Mem) check(ctx context.Context, op, key string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, &Error{Op: op, Key: key, Store: m.String(), Err: err}
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil, m.fail(op, key, ErrClosed)
	}
	return m.mu.Unlock, nil
}

func (o memObject) info(key string) Info {
	return Info{Key: key, Size: int64(len(o.data)), ModTime: o.at, CRC32C: o.sum}
}

// PutIfAbsent implements Store.
func (m *Mem) PutIfAbsent(ctx context.Context, key string, b []byte) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	unlock, err := m.check(ctx, "write", key)
	if err != nil {
		return Info{}, err
	}
	defer unlock()
	return m.put("write", key, bytes.Clone(b))
}

func (m *Mem) put(op, key string, b []byte) (Info, error) {
	if _, taken := m.objects[key]; taken {
		return Info{}, m.fail(op, key, ErrExists)
	}
	o := memObject{data: b, at: m.now(), sum: crcText(crc32.Checksum(b, castagnoli))}
	m.objects[key] = o
	info := o.info(key)
	info.Confirmed = true
	return info, nil
}

// Stat implements Store.
func (m *Mem) Stat(ctx context.Context, key string) (Info, error) {
	o, err := m.get(ctx, "look at", key)
	if err != nil {
		return Info{}, err
	}
	return o.info(key), nil
}

func (m *Mem) get(ctx context.Context, op, key string) (memObject, error) {
	if err := CheckKey(key); err != nil {
		return memObject{}, err
	}
	unlock, err := m.check(ctx, op, key)
	if err != nil {
		return memObject{}, err
	}
	defer unlock()
	o, ok := m.objects[key]
	if !ok {
		return memObject{}, m.fail(op, key, ErrNotFound)
	}
	return o, nil
}

// Open implements Store.
func (m *Mem) Open(ctx context.Context, key string, off int64) (io.ReadCloser, Info, error) {
	o, err := m.get(ctx, "read", key)
	if err != nil {
		return nil, Info{}, err
	}
	if off < 0 {
		return nil, Info{}, badOffset(m.String(), key, off)
	}
	off = min(off, int64(len(o.data)))
	return memReader{ctx: ctx, r: bytes.NewReader(o.data[off:])}, o.info(key), nil
}

func badOffset(in, key string, off int64) error {
	return &Error{Op: "read", Key: key, Store: in, Kind: ErrConfig, Text: "offset " + strconv.FormatInt(off, 10)}
}

type memReader struct {
	ctx context.Context
	r   *bytes.Reader
}

func (r memReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

func (r memReader) Close() error { return nil }

// List implements Store.
func (m *Mem) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		unlock, err := m.check(ctx, "list", prefix)
		if err != nil {
			yield(Info{}, err)
			return
		}
		var all []Info
		for key, o := range m.objects {
			if strings.HasPrefix(key, prefix) {
				i := o.info(key)
				i.CRC32C = ""
				all = append(all, i)
			}
		}
		unlock()
		slices.SortFunc(all, func(a, b Info) int { return strings.Compare(a.Key, b.Key) })
		for _, i := range all {
			if err := ctx.Err(); err != nil {
				yield(Info{}, &Error{Op: "list", Key: prefix, Store: m.String(), Err: err})
				return
			}
			if !yield(i, nil) {
				return
			}
		}
	}
}

// Delete implements Store.
func (m *Mem) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	unlock, err := m.check(ctx, "delete", key)
	if err != nil {
		return err
	}
	defer unlock()
	delete(m.objects, key)
	return nil
}

// Sweep implements Store.
func (m *Mem) Sweep(ctx context.Context, prefix string, olderThan time.Duration) ([]Leftover, error) {
	unlock, err := m.check(ctx, "sweep", prefix)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var swept []Leftover
	for u, p := range m.pending {
		if !strings.HasPrefix(u.key, prefix) || olderThan > 0 && m.now().Sub(p.at) < olderThan {
			continue
		}
		swept = append(swept, Leftover{Key: u.key, ID: p.id, Started: p.at, Size: int64(u.buf.Len())})
		delete(m.pending, u)
	}
	sortLeftovers(swept)
	return swept, nil
}

func sortLeftovers(all []Leftover) {
	slices.SortFunc(all, func(a, b Leftover) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// Begin implements Store.
func (m *Mem) Begin(ctx context.Context, key string, _ PutOpt) (Upload, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	unlock, err := m.check(ctx, "write", key)
	if err != nil {
		return nil, err
	}
	defer unlock()
	m.seq++
	u := &memUpload{store: m, ctx: ctx, key: key}
	m.pending[u] = memPending{id: strconv.Itoa(m.seq), at: m.now()}
	return u, nil
}

// memUpload's buffer is guarded by the store's mutex.
type memUpload struct {
	store *Mem
	ctx   context.Context
	key   string
	buf   bytes.Buffer
	err   error
}

func (u *memUpload) Write(b []byte) (int, error) {
	unlock, err := u.check(u.ctx, "write")
	if err != nil {
		return 0, err
	}
	defer unlock()
	return u.buf.Write(b)
}

// check locks, or says why the upload cannot go on.
func (u *memUpload) check(ctx context.Context, op string) (unlock func(), err error) {
	if u.err != nil {
		return nil, u.err
	}
	if err := u.ctx.Err(); err != nil {
		u.err = &Error{Op: op, Key: u.key, Store: u.store.String(), Err: err}
		return nil, u.err
	}
	unlock, err = u.store.check(ctx, op, u.key)
	if err != nil {
		u.err = err
		return nil, err
	}
	if _, ok := u.store.pending[u]; !ok {
		unlock()
		u.err = u.store.fail(op, u.key, ErrClosed)
		return nil, u.err
	}
	return unlock, nil
}

func (u *memUpload) Commit(ctx context.Context) (Info, error) {
	unlock, err := u.check(ctx, "commit")
	if err != nil {
		return Info{}, err
	}
	defer unlock()
	info, err := u.store.put("commit", u.key, u.buf.Bytes())
	if err != nil {
		u.err = err
		return Info{}, err
	}
	delete(u.store.pending, u)
	return info, nil
}

func (u *memUpload) Abort(context.Context) error {
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	delete(u.store.pending, u)
	return nil
}
