package wg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// errHolderSilent says that the socket took a request and did not answer it: its process is stopped, or very busy.
var errHolderSilent = errors.New("the console that holds the tunnel does not answer")

// shareClient uses the network of the console that listens at a socket.
type shareClient struct{ path string }

// open asks for one thing and returns the connection after the reply. It ends with ctx at the latest.
func (s shareClient) open(ctx context.Context, q shareRequest) (*net.UnixConn, *frameReader, shareReply, error) {
	var reply shareReply
	nc, err := new(net.Dialer).DialContext(ctx, "unix", s.path)
	if err != nil {
		return nil, nil, reply, s.unreachable(ctx, err)
	}
	c := nc.(*net.UnixConn)
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	in := newFrameReader(c)
	err = sameUser(c)
	if err == nil {
		err = writeJSON(c, frameRequest, q)
	}
	if err == nil {
		err = in.message(frameReply, &reply)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil && reply.Err != nil {
		err = reply.Err.decode()
	} else if err != nil {
		err = s.unreachable(ctx, err)
	}
	if err != nil {
		_ = c.Close()
		return nil, nil, reply, err
	}
	return c, in, reply, nil
}

// unreachable says in words of the network what went wrong with the socket.
func (s shareClient) unreachable(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", errHolderSilent, ctx.Err())
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errHolderGone
	}
	return fmt.Errorf("the console that holds the tunnel: %w", err)
}

// dial connects to an address inside the network.
func (s shareClient) dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: dialAddr{network, to.String()}, Err: err}
	}
	q := shareRequest{Version: shareVersion, Op: "dial", Network: network, Addr: to.String()}
	if d, ok := ctx.Deadline(); ok {
		if q.Timeout = time.Until(d); q.Timeout <= 0 {
			return fail(context.DeadlineExceeded)
		}
	}
	c, in, reply, err := s.open(ctx, q)
	if err != nil {
		return fail(err)
	}
	return &sharedConn{
		unix: c, network: network, in: in, closed: make(chan struct{}),
		local: parseAddr(network, reply.Local), remote: parseAddr(network, reply.Remote),
	}, nil
}

// watch calls each for every Status of the holder, the first time after it answered, until that one ends or ctx does.
func (s shareClient) watch(ctx context.Context, each func(pid int, st Status)) error {
	opening, cancel := context.WithTimeout(ctx, visitWait)
	c, in, reply, err := s.open(opening, shareRequest{Version: shareVersion, Op: "watch"})
	cancel()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	for {
		var st Status
		if err := in.message(frameStatus, &st); err != nil {
			return s.unreachable(ctx, err)
		}
		each(reply.PID, st)
	}
}

func parseAddr(network, s string) net.Addr {
	ap, err := netip.ParseAddrPort(s)
	switch {
	case err != nil:
		return dialAddr{network, s}
	case network == "udp":
		return net.UDPAddrFromAddrPort(ap)
	}
	return net.TCPAddrFromAddrPort(ap)
}
