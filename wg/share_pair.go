package wg

import (
	"errors"
	"io"
	"net"
	"sync"
)

// pair passes on what a client and its connection inside the network say to each other.
type pair struct {
	c   *net.UnixConn
	in  *frameReader // of c
	out net.Conn
	udp bool

	mu    sync.Mutex
	cause error // of a write that failed, guarded by mu
}

// toNetwork passes on what the client sends, until it says or does no more.
func (p *pair) toNetwork() {
	for {
		kind, err := p.in.header()
		if err != nil {
			_ = p.out.Close() // the client closed, or is gone
			return
		}
		switch {
		case kind == frameData && p.udp:
			var b []byte
			if b, err = p.in.payload(); err == nil {
				_, _ = p.out.Write(b) // a datagram may be lost
			}
		case kind == frameData:
			err = p.copyFrame()
		case kind == frameEnd:
			_, err = p.in.payload()
			if h, ok := p.out.(interface{ CloseWrite() error }); ok && err == nil {
				err = h.CloseWrite()
			}
		default:
			err = errors.New("unknown frame")
		}
		if err != nil {
			p.mu.Lock()
			p.cause = err
			p.mu.Unlock()
			_ = p.out.Close() // fromNetwork tells the client
			return
		}
	}
}

func (p *pair) copyFrame() error {
	buf := make([]byte, min(p.in.left, pieceSize))
	for p.in.left > 0 {
		n, err := p.in.read(buf)
		if err != nil {
			return err
		}
		if _, err := p.out.Write(buf[:n]); err != nil {
			return err
		}
	}
	p.in.left = -1
	return nil
}

// fromNetwork passes on what the network sends, and how that ended. A stream's end leaves the other half running.
func (p *pair) fromNetwork() {
	size := pieceSize
	if p.udp {
		size = 1 << 16
	}
	buf := make([]byte, size)
	var frame []byte
	for bad := 0; ; {
		n, err := p.out.Read(buf)
		if n > 0 || err == nil && p.udp {
			bad = 0
			frame = appendFrame(frame[:0], frameData, buf[:n])
			if _, err := p.c.Write(frame); err != nil {
				_ = p.out.Close()
				return
			}
		}
		switch {
		case err == nil:
			continue
		case p.udp && !errors.Is(err, net.ErrClosed) && bad < 100:
			// Such as "port unreachable", which the client hears and may go on after.
			bad++
			_ = writeJSON(p.c, frameError, encodeError(err))
			continue
		case errors.Is(err, io.EOF):
			_, _ = p.c.Write(appendFrame(nil, frameEnd, nil))
			return
		}
		p.mu.Lock()
		if p.cause != nil {
			err = p.cause
		}
		p.mu.Unlock()
		// Without a word where it is we who end: the client then knows that the connection was cut.
		if !errors.Is(err, net.ErrClosed) {
			_ = writeJSON(p.c, frameError, encodeError(err))
		}
		_ = p.c.Close()
		_ = p.out.Close()
		return
	}
}
