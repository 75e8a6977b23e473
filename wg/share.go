package wg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	shareOpening  = 5 * time.Second // for a client to say what it wants
	shareDialing  = time.Minute     // bounds a dial whatever the client says
	shareInterval = time.Second     // between Status frames
	maxSocketPath = 103             // bytes, of all systems
)

// holder is what the console that holds a key lends to others. DialContext gets addresses, never names.
type holder interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	Status() Status
	Changed() <-chan struct{}
}

// shareServer lends a network to the other consoles of the same user, over a unix socket that only that user can reach.
type shareServer struct {
	h      holder
	log    *slog.Logger
	l      *net.UnixListener
	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// serveShare listens at path, whose lock the caller holds: a socket that is there already is of a process that has ended.
func serveShare(path string, h holder, log *slog.Logger) (*shareServer, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("share the tunnel: %s is too long a name for a socket: set XDG_RUNTIME_DIR to a shorter one", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("share the tunnel: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		return nil, fmt.Errorf("share the tunnel: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("share the tunnel: %w", err)
	}
	s := &shareServer{h: h, log: log, l: l}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.accept)
	return s, nil
}

// close removes the socket, cuts the connections and waits for them.
func (s *shareServer) close() {
	s.cancel()
	_ = s.l.Close()
	s.wg.Wait()
}

func (s *shareServer) accept() {
	for {
		c, err := s.l.AcceptUnix()
		switch {
		case s.ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return
		case err != nil:
			// Out of descriptors, most likely; that passes.
			s.log.Warn("share the tunnel: accept", "err", err)
			select {
			case <-s.ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		s.wg.Go(func() {
			defer func() { _ = c.Close() }()
			stop := context.AfterFunc(s.ctx, func() { _ = c.Close() })
			defer stop()
			if err := s.serve(c); err != nil && s.ctx.Err() == nil {
				s.log.Debug("share the tunnel", "err", err)
			}
		})
	}
}

func (s *shareServer) serve(c *net.UnixConn) error {
	if err := sameUser(c); err != nil {
		return err
	}
	_ = c.SetDeadline(time.Now().Add(shareOpening))
	in := newFrameReader(c)
	var q shareRequest
	if err := in.message(frameRequest, &q); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	_ = c.SetDeadline(time.Time{})
	switch {
	case q.Version != shareVersion:
		return s.refuse(c, fmt.Errorf("protocol version %d, not %d: the consoles are of different versions", shareVersion, q.Version))
	case q.Op == "watch":
		return s.watch(c, in)
	case q.Op == "dial":
		return s.dial(c, in, q)
	}
	return s.refuse(c, fmt.Errorf("unknown request %q", q.Op))
}

func (s *shareServer) refuse(c *net.UnixConn, err error) error {
	_ = c.SetWriteDeadline(time.Now().Add(shareOpening))
	return errors.Join(err, writeJSON(c, frameReply, shareReply{Version: shareVersion, PID: os.Getpid(), Err: encodeError(err)}))
}

// watch sends the Status until the client goes away.
func (s *shareServer) watch(c *net.UnixConn, in *frameReader) error {
	if err := writeJSON(c, frameReply, shareReply{Version: shareVersion, PID: os.Getpid()}); err != nil {
		return err
	}
	gone := make(chan struct{})
	s.wg.Go(func() { defer close(gone); _, _ = in.r.Peek(1) })
	tick := time.NewTicker(shareInterval)
	defer tick.Stop()
	for {
		changed := s.h.Changed()
		_ = c.SetWriteDeadline(time.Now().Add(10 * shareInterval)) // a client that sleeps must not be waited for
		if err := writeJSON(c, frameStatus, s.h.Status()); err != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-changed:
		case <-gone:
			return nil
		case <-s.ctx.Done():
			return nil
		}
	}
}

func (s *shareServer) dial(c *net.UnixConn, in *frameReader, q shareRequest) error {
	if q.Network != "tcp" && q.Network != "udp" {
		return s.refuse(c, net.UnknownNetworkError(q.Network))
	}
	if _, err := netip.ParseAddrPort(q.Addr); err != nil {
		return s.refuse(c, errors.New("not an address and port"))
	}
	timeout := shareDialing
	if q.Timeout > 0 {
		timeout = min(timeout, q.Timeout)
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	out, err := s.dialFor(ctx, cancel, c, in, q)
	switch {
	case err != nil && s.ctx.Err() != nil:
		return err // without a word: the client then knows that the holder has ended
	case err != nil:
		return s.refuse(c, err)
	}
	defer func() { _ = out.Close() }()
	stop := context.AfterFunc(s.ctx, func() { _ = out.Close() })
	defer stop()
	reply := shareReply{
		Version: shareVersion, PID: os.Getpid(), Local: out.LocalAddr().String(), Remote: out.RemoteAddr().String(),
	}
	if err := writeJSON(c, frameReply, reply); err != nil {
		return err
	}
	p := pair{c: c, in: in, out: out, udp: q.Network == "udp"}
	var both sync.WaitGroup
	both.Go(p.toNetwork)
	both.Go(p.fromNetwork)
	both.Wait()
	return nil
}

// dialFor dials, and gives up when the client does.
func (s *shareServer) dialFor(ctx context.Context, cancel context.CancelFunc, c *net.UnixConn, in *frameReader, q shareRequest) (net.Conn, error) {
	watched := make(chan struct{})
	s.wg.Go(func() {
		defer close(watched)
		if _, err := in.r.Peek(1); err != nil && !isTimeout(err) {
			cancel()
		}
	})
	out, err := s.h.DialContext(ctx, q.Network, q.Addr)
	_ = c.SetReadDeadline(time.Unix(1, 0))
	<-watched
	_ = c.SetReadDeadline(time.Time{})
	return out, err
}
