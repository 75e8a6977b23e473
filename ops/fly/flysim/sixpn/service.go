package sixpn

import (
	"context"
	"io"
	"net"
	"net/http"

	"ops-console/ops/fly/flysim/platform"
)

// maxStreams is how many connections of one service an instance takes at once; further ones are closed.
const maxStreams = 256

// Service is a port at which every instance of an app listens. Without HTTP and Stream it is the site.
type Service struct {
	App  string
	Port uint16

	// HTTP answers a request to instance i.
	HTTP func(w http.ResponseWriter, r *http.Request, i platform.Instance)
	// Stream serves a connection to instance i, which is closed when it returns. It is closed from outside when the
	// instance stops, and when the network ends, as ctx does.
	Stream func(ctx context.Context, c net.Conn, i platform.Instance)
}

// streams serves the connections of a listener, and returns when it is closed and they have ended.
func (h *Hosts) streams(ln *listener) {
	free := make(chan struct{}, maxStreams)
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		select {
		case free <- struct{}{}:
		default:
			_ = c.Close()
			continue
		}
		h.serves.Go(func() {
			defer func() { _ = c.Close(); <-free }()
			stop := context.AfterFunc(h.ctx, func() { _ = c.Close() })
			defer stop()
			i := *ln.host.inst.Load()
			if i.Behaviour.Hang {
				_, _ = io.Copy(io.Discard, c)
				return
			}
			ln.service.Stream(h.ctx, c, i)
		})
	}
}
