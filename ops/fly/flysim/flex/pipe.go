package flex

import (
	"context"
	"net"
	"sync"
	"time"
)

// Each direction of a pipe has at most so many pieces under way, each of at most so many bytes: more than any path has
// at the rate that is needed here.
const (
	pieces    = 128
	pieceSize = 16 << 10
)

// pipe carries bytes between two connections, each way as late as the way is long.
type pipe struct {
	a, b net.Conn
	way  time.Duration
	once sync.Once
	done chan struct{}
}

// run carries until one side ends, what it said last included, or ctx does or over is closed. first goes to b before
// all else. Both sides are closed when it returns.
func (p *pipe) run(ctx context.Context, first []byte, over <-chan struct{}) {
	var work sync.WaitGroup
	work.Go(func() { p.carry(p.b, p.a, first) })
	work.Go(func() { p.carry(p.a, p.b, nil) })
	select {
	case <-p.done:
	case <-ctx.Done():
	case <-over:
	}
	p.end()
	work.Wait()
}

func (p *pipe) end() {
	p.once.Do(func() {
		close(p.done)
		_ = p.a.Close()
		_ = p.b.Close()
	})
}

// piece is bytes that arrive at a time.
type piece struct {
	due   time.Time
	bytes []byte
}

// carry takes what src says to dst. When src ends, so does the pipe, once the rest has arrived.
func (p *pipe) carry(dst, src net.Conn, first []byte) {
	defer p.end()
	under := make(chan piece, pieces)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(under)
		if len(first) > 0 {
			under <- piece{time.Now().Add(p.way), first}
		}
		buf := make([]byte, pieceSize)
		for {
			n, err := src.Read(buf)
			if n > 0 {
				select {
				case under <- piece{time.Now().Add(p.way), append([]byte(nil), buf[:n]...)}:
				case <-p.done:
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	// The reader ends when the pipe does, which is before this waits for it.
	defer reading.Wait()
	defer p.end()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for x := range under {
		if wait := time.Until(x.due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-p.done:
				return
			}
		}
		if _, err := dst.Write(x.bytes); err != nil {
			return
		}
	}
}
