package wg

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// errHolderGone ends the connections that went through a console that has ended. It is ECONNRESET to errors.Is: the
// caller's own retry is what helps.
var errHolderGone error = &sharedError{text: "the console that held the tunnel has ended", is: syscall.ECONNRESET}

// sharedConn is a connection inside the network that another console holds for us.
type sharedConn struct {
	unix          *net.UnixConn
	network       string // tcp or udp
	local, remote net.Addr

	rmu   sync.Mutex   // one Read at a time
	in    *frameReader // guarded by rmu
	ended error        // what all further reads return, guarded by rmu

	wmu    sync.Mutex // one Write at a time
	out    []byte     // guarded by wmu
	broken error      // what all further writes return, guarded by wmu

	once   sync.Once
	closed chan struct{}
}

func (c *sharedConn) fail(op string, err error) error {
	select {
	case <-c.closed:
		err = net.ErrClosed
	default:
		if oe := (*net.OpError)(nil); errors.As(err, &oe) {
			err = oe.Err
		}
	}
	return &net.OpError{Op: op, Net: c.network, Source: c.local, Addr: c.remote, Err: err}
}

// Read is part of net.Conn.
func (c *sharedConn) Read(p []byte) (int, error) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	for {
		select {
		case <-c.closed:
			return 0, c.fail("read", net.ErrClosed)
		default:
		}
		if c.ended != nil {
			return 0, c.ended
		}
		n, done, err := c.readFrame(p)
		if err != nil {
			return n, err
		}
		if done {
			return n, nil
		}
	}
}

// readFrame reads what one frame has for p; done is false when it had nothing.
func (c *sharedConn) readFrame(p []byte) (n int, done bool, err error) {
	kind, err := c.in.header()
	if err != nil {
		return 0, false, c.lost(err)
	}
	if kind == frameData && c.network == "tcp" {
		if len(p) == 0 {
			return 0, true, nil
		}
		n, err := c.in.read(p)
		if err != nil {
			return n, false, c.lost(err)
		}
		return n, n > 0, nil
	}
	b, err := c.in.payload()
	if err != nil {
		return 0, false, c.lost(err)
	}
	switch kind {
	case frameData:
		return copy(p, b), true, nil
	case frameEnd:
		c.ended = io.EOF
	case frameError:
		err := c.fail("read", decodeError(b))
		if c.network == "udp" { // concerns one datagram
			return 0, true, err
		}
		c.ended = err
	}
	return 0, false, nil
}

// lost says why nothing could be read. A deadline passes, everything else is for good.
func (c *sharedConn) lost(err error) error {
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		return c.fail("read", err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		err = errHolderGone
	}
	c.ended = c.fail("read", err)
	return c.ended
}

// Write is part of net.Conn.
func (c *sharedConn) Write(p []byte) (int, error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.network == "udp" {
		if len(p) > maxDatagram {
			return 0, c.fail("write", syscall.EMSGSIZE)
		}
		if err := c.send(frameData, p); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	done := 0
	for done < len(p) {
		piece := p[done:min(len(p), done+pieceSize)]
		if err := c.send(frameData, piece); err != nil {
			return done, err
		}
		done += len(piece)
	}
	return done, nil
}

const maxDatagram = 1<<16 - 1 - 8

func (c *sharedConn) send(kind byte, payload []byte) error {
	if c.broken != nil {
		return c.broken
	}
	c.out = appendFrame(c.out[:0], kind, payload)
	n, err := c.unix.Write(c.out)
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		err = &sharedError{text: "the connection or the console that held it has ended", is: syscall.EPIPE}
	}
	err = c.fail("write", err)
	// Half a frame cannot be taken back. A deadline that left nothing written, and ours for the next time, can.
	if n > 0 || !isTimeout(err) {
		c.broken = err
	}
	return err
}

func isTimeout(err error) bool {
	ne := net.Error(nil)
	return errors.As(err, &ne) && ne.Timeout()
}

// CloseWrite sends the end of our half of a stream.
func (c *sharedConn) CloseWrite() error {
	if c.network == "udp" {
		return c.fail("close", errors.ErrUnsupported)
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if err := c.send(frameEnd, nil); err != nil {
		return err
	}
	c.broken = c.fail("write", syscall.EPIPE)
	return nil
}

// Close is part of net.Conn.
func (c *sharedConn) Close() error {
	err := error(&net.OpError{Op: "close", Net: c.network, Source: c.local, Addr: c.remote, Err: net.ErrClosed})
	c.once.Do(func() {
		close(c.closed)
		err = c.unix.Close()
	})
	return err
}

// LocalAddr is the address inside the network.
func (c *sharedConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the address inside the network.
func (c *sharedConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is part of net.Conn.
func (c *sharedConn) SetDeadline(t time.Time) error { return c.unix.SetDeadline(t) }

// SetReadDeadline is part of net.Conn.
func (c *sharedConn) SetReadDeadline(t time.Time) error { return c.unix.SetReadDeadline(t) }

// SetWriteDeadline is part of net.Conn.
func (c *sharedConn) SetWriteDeadline(t time.Time) error { return c.unix.SetWriteDeadline(t) }
