package store

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	maxWait  = 10 * time.Second
	minTries = 3
	// unseen is how long a store that never answered is asked: its address is more likely wrong than it is away.
	unseen = 8 * time.Second
	// maxRenewals is how often one request may be given new keys: those that come and are all expired are no help.
	maxRenewals = 3
)

// answer is what the library does not hand on of a response.
type answer struct {
	date  time.Time // by the store's clock
	after time.Duration
}

type answerKey struct{}

// transport notes what answers say beside their bodies.
type transport struct {
	base *http.Transport
	s    *S3
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if h := t.s.addr.header; h[0] != "" { // not signed, as only those of Amazon's need to be
		req = req.Clone(req.Context())
		req.Header.Set(h[0], h[1])
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 500 {
		t.s.answered.Store(true)
	}
	a, _ := req.Context().Value(answerKey{}).(*answer)
	if a == nil {
		return resp, nil
	}
	now := t.s.o.Now()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.date = date
		t.s.ahead.Store(int64(now.Sub(date)))
	}
	v := resp.Header.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil {
		a.after = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(v); err == nil && !a.date.IsZero() {
		a.after = at.Sub(a.date)
	}
	return resp, nil
}

// request is a call to the store that can be made again.
type request struct {
	op, key string
	timeout time.Duration // of one try; 0: of a call that carries little; below: it sees to that itself
	writes  bool          // it has sums and conditions, which not every store knows
	do      func(ctx context.Context) error
}

// call makes a request until it succeeds, cannot, or patience ends. Its error is an *Error.
func (s *S3) call(ctx context.Context, r request) error {
	if s.closed.Load() {
		return &Error{Op: r.op, Key: r.key, Store: s.addr.short(), Kind: ErrClosed}
	}
	var first time.Time
	renewals := 0
	for try := 1; ; try++ {
		var a answer
		generation := s.keys.generation()
		err := s.once(ctx, r, &a)
		if err == nil {
			return nil
		}
		e, again := err.e, err.again
		if e.Tries < try {
			e.Tries = try
		}
		if errors.Is(e.Kind, ErrExpired) && renewals < maxRenewals && s.keys.renewed(ctx, generation) {
			renewals++
			continue
		}
		now := time.Now()
		if first.IsZero() {
			first = now
		}
		patience := s.o.Patience
		if !s.answered.Load() {
			patience = min(patience, unseen)
		}
		if !again || try >= minTries && now.Sub(first) >= patience {
			return e
		}
		wait := min(max(s.pause(try), a.after), 2*maxWait)
		s.o.OnRetry(Retry{Op: r.op, Key: r.key, Try: try, Wait: wait, Err: e})
		if !sleep(ctx, wait) {
			e.Err = errors.Join(e.Err, context.Cause(ctx)) // its text says more than that the caller went away meanwhile
			return e
		}
	}
}

type tryError struct {
	e     *Error
	again bool
}

func (s *S3) once(ctx context.Context, r request, a *answer) *tryError {
	timeout := r.timeout
	if timeout == 0 {
		timeout = s.o.Timeout
	}
	try := context.WithValue(ctx, answerKey{}, a)
	if timeout > 0 {
		var cancel context.CancelFunc
		try, cancel = context.WithTimeoutCause(try, timeout, errTimeout)
		defer cancel()
	}
	err := r.do(try)
	if err == nil {
		return nil
	}
	e, again := s.failed(ctx, try, r, err, a)
	return &tryError{e, again}
}

// pause is how long to wait after a try failed: twice as long each time, give or take half.
func (s *S3) pause(try int) time.Duration {
	d := min(s.o.Wait<<min(try-1, 20), maxWait)
	return d/2 + time.Duration(s.random()%uint64(d))
}

func (s *S3) random() uint64 {
	var b [8]byte
	s.randMu.Lock()
	defer s.randMu.Unlock()
	if _, err := io.ReadFull(s.o.Rand, b[:]); err != nil {
		return 0 // pauses in step with others' are no harm
	}
	return binary.LittleEndian.Uint64(b[:])
}

// keyring hands keys to the library, and new ones where the old expired.
type keyring struct {
	source KeySource

	mu   sync.Mutex // guards the fields below
	keys Keys
	n    int // how often they were others; 0: there are none yet
}

// RetrieveWithCredContext implements the library's credentials.Provider.
func (k *keyring) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.n == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		keys, err := k.source(ctx)
		if err != nil {
			return credentials.Value{}, err
		}
		k.keys, k.n = keys, 1
	}
	return credentials.Value{AccessKeyID: k.keys.Access, SecretAccessKey: k.keys.Secret, SessionToken: k.keys.Token, SignerType: credentials.SignatureV4}, nil
}

// Retrieve implements the library's credentials.Provider.
func (k *keyring) Retrieve() (credentials.Value, error) { return k.RetrieveWithCredContext(nil) }

// IsExpired implements the library's credentials.Provider: it is to ask each time and keep none, as keys and their generation
// change together.
func (k *keyring) IsExpired() bool { return true }

func (k *keyring) generation() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.n
}

// renewed asks for the keys again, and says whether they are others than those of a generation. Of several requests that
// were refused at once, the first asks.
func (k *keyring) renewed(ctx context.Context, than int) bool {
	if k.generation() > max(than, 1) {
		return true
	}
	keys, err := k.source(ctx)
	if err != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if keys != k.keys {
		k.keys, k.n = keys, k.n+1
	}
	return k.n > max(than, 1)
}

// body is a part on its way: it can be taken back, after which the buffer is never read again, though the transport may
// hold on to it for a while.
type body struct {
	s     *S3
	ctx   context.Context
	moved *atomic.Int64

	mu  sync.Mutex // guards the field below
	buf []byte
}

func (b *body) Read(p []byte) (int, error) {
	if b.s.limit != nil {
		p = p[:min(len(p), b.s.limit.Burst())]
		if err := b.s.limit.WaitN(b.ctx, len(p)); err != nil {
			return 0, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf == nil {
		return 0, net.ErrClosed
	}
	if len(b.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.buf)
	b.buf = b.buf[n:]
	b.moved.Add(int64(n))
	return n, nil
}

func (b *body) take() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf = nil
}

// leastMoved is how many bytes a transfer must bring while Options.Stall goes by.
const leastMoved = 16 << 10

// floor is leastMoved, or less where no more is allowed.
func (s *S3) floor() int64 {
	if s.o.Rate <= 0 {
		return leastMoved
	}
	return min(leastMoved, max(1, int64(float64(s.o.Rate)*s.o.Stall.Seconds()/4)))
}

// watched gives a context that ends when too little moves.
func (s *S3) watched(ctx context.Context, moved *atomic.Int64) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	var last int64
	var mu sync.Mutex // against a firing that overtakes the assignment of timer
	mu.Lock()
	var timer *time.Timer
	timer = time.AfterFunc(s.o.Stall, func() {
		mu.Lock()
		defer mu.Unlock()
		now := moved.Load()
		if now-last < s.floor() {
			cancel(errStalled)
			return
		}
		last = now
		select {
		case <-done:
		default:
			timer.Reset(s.o.Stall)
		}
	})
	mu.Unlock()
	return ctx, func() {
		close(done)
		timer.Stop()
		cancel(nil)
	}
}
