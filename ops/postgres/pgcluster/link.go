package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

type linkMode int

const (
	linkOpen linkMode = iota
	linkCut           // connections end, new ones do too
	linkHole          // nothing passes, and nobody is told
)

// inFlight bounds what one direction of a connection holds, as a network's buffers do: at 100 MB/s it fills in 160 ms.
const inFlight = 16 << 20

// link carries connections from a socket of its own to a server's socket, with latency and faults. They apply to open
// connections too. Latency is no bound on throughput: what came together arrives together, later.
type link struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu      sync.Mutex // guards what follows
	mode    linkMode
	delay   time.Duration
	changed chan struct{} // closed when mode or delay change
	pairs   map[*pair]bool
	closed  bool
}

// newLink listens in a directory of its own, under the name that a server at the port would have there.
func newLink(a account, dir string, port int, target string, delay time.Duration, mode linkMode) (*link, error) {
	if err := a.mkdir(dir); err != nil {
		return nil, fmt.Errorf("link to the upstream: %w", err)
	}
	path := filepath.Join(dir, socketName(port))
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("link to the upstream: %w", err)
	}
	// Whoever may enter the directory may connect: that is the servers' user and us.
	if err := os.Chmod(path, 0o777); err != nil {
		l.Close()
		return nil, fmt.Errorf("link to the upstream: %w", err)
	}
	k := &link{listener: l, target: target, delay: delay, mode: mode, changed: make(chan struct{}), pairs: map[*pair]bool{}}
	k.wg.Go(k.accept)
	return k, nil
}

func (k *link) accept() {
	for {
		conn, err := k.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Too many files are open, say.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		p := &pair{link: k, down: conn, cancel: cancel}
		k.mu.Lock()
		refuse := k.closed || k.mode == linkCut
		if !refuse {
			k.pairs[p] = true
			k.wg.Go(func() { p.serve(ctx) })
		}
		k.mu.Unlock()
		if refuse {
			p.end()
		}
	}
}

func (k *link) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
	close(k.changed)
	k.changed = make(chan struct{})
	if k.mode != linkCut && !k.closed {
		return
	}
	for p := range k.pairs {
		p.end()
	}
}

func (k *link) setMode(m linkMode)       { k.set(func() { k.mode = m }) }
func (k *link) setDelay(d time.Duration) { k.set(func() { k.delay = d }) }
func (k *link) state() (linkMode, time.Duration, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mode, k.delay, k.changed
}

func (k *link) close() {
	k.set(func() { k.closed = true })
	k.listener.Close()
	k.wg.Wait()
}

// passes waits until something that arrived at a time may leave; the zero time asks for an open link alone.
func (k *link) passes(ctx context.Context, arrived time.Time) error {
	for {
		mode, delay, changed := k.state()
		var due <-chan time.Time
		if mode != linkHole {
			wait := time.Until(arrived.Add(delay))
			if wait <= 0 || arrived.IsZero() {
				return ctx.Err()
			}
			t := time.NewTimer(wait)
			defer t.Stop()
			due = t.C
		}
		select {
		case <-changed:
		case <-due:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pair is one connection through a link: its two ends.
type pair struct {
	link   *link
	down   net.Conn
	cancel context.CancelFunc
	mu     sync.Mutex // guards what follows
	up     net.Conn
	over   bool
}

func (p *pair) serve(ctx context.Context) {
	defer func() {
		p.end()
		p.link.mu.Lock()
		delete(p.link.pairs, p)
		p.link.mu.Unlock()
	}()
	if p.link.passes(ctx, time.Time{}) != nil {
		return
	}
	up, err := (&net.Dialer{}).DialContext(ctx, "unix", p.link.target)
	if err != nil || !p.connect(up) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { p.carry(ctx, p.down, up) })
	wg.Go(func() { p.carry(ctx, up, p.down) })
	wg.Wait()
}

func (p *pair) connect(up net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		up.Close()
		return false
	}
	p.up = up
	return true
}

func (p *pair) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.cancel()
	p.down.Close()
	if p.up != nil {
		p.up.Close()
	}
}

// carry moves one direction's bytes, in order, until the source says its last.
func (p *pair) carry(ctx context.Context, from, to net.Conn) {
	q := newQueue()
	var wg sync.WaitGroup
	wg.Go(func() {
		p.read(ctx, from, q)
		q.finish()
	})
	if err := p.write(ctx, to, q); err != nil {
		p.end()
	}
	wg.Wait()
}

func (p *pair) read(ctx context.Context, from net.Conn, q *queue) {
	buffer := make([]byte, 64<<10)
	for p.link.passes(ctx, time.Time{}) == nil {
		n, err := from.Read(buffer)
		if n > 0 && q.push(ctx, parcel{at: time.Now(), data: append([]byte(nil), buffer[:n]...)}) != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *pair) write(ctx context.Context, to net.Conn, q *queue) error {
	for {
		next, err := q.pop(ctx)
		if err == nil || errors.Is(err, io.EOF) {
			// The end of a connection travels like its bytes, and not through a hole.
			if err := p.link.passes(ctx, next.at); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			if c, ok := to.(interface{ CloseWrite() error }); ok {
				return c.CloseWrite()
			}
			return err
		}
		if err != nil {
			return err
		}
		if _, err := to.Write(next.data); err != nil {
			return err
		}
	}
}

// parcel is bytes and when they came.
type parcel struct {
	at   time.Time
	data []byte
}

// queue holds up to inFlight bytes between one reader and one writer.
type queue struct {
	mu    sync.Mutex // guards what follows
	items []parcel
	bytes int
	ended time.Time     // when the last came; zero: more may
	more  chan struct{} // has a token when the writer should look
	room  chan struct{} // has a token when the reader should look
}

func newQueue() *queue {
	return &queue{more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (q *queue) push(ctx context.Context, p parcel) error {
	q.mu.Lock()
	q.items = append(q.items, p)
	q.bytes += len(p.data)
	q.mu.Unlock()
	signal(q.more)
	for {
		q.mu.Lock()
		full := q.bytes >= inFlight
		q.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-q.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (q *queue) finish() {
	q.mu.Lock()
	q.ended = time.Now()
	q.mu.Unlock()
	signal(q.more)
}

// pop gives the oldest, or io.EOF and the time of the end after the last.
func (q *queue) pop(ctx context.Context) (parcel, error) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			p := q.items[0]
			q.items[0] = parcel{}
			q.items = q.items[1:]
			q.bytes -= len(p.data)
			q.mu.Unlock()
			signal(q.room)
			return p, nil
		}
		ended := q.ended
		q.mu.Unlock()
		if !ended.IsZero() {
			return parcel{at: ended}, io.EOF
		}
		select {
		case <-q.more:
		case <-ctx.Done():
			return parcel{}, ctx.Err()
		}
	}
}
