package netstack

import (
	"os"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// link is the wire between the stack and the device: gVisor's channel endpoint with a queue of our own, which makes
// writers wait for room, where the original drops.
type link struct {
	*channel.Endpoint
	out  chan *stack.PacketBuffer
	done <-chan struct{}
}

func newLink(mtu, queue int, done <-chan struct{}) *link {
	return &link{Endpoint: channel.New(1, uint32(mtu), ""), out: make(chan *stack.PacketBuffer, queue), done: done}
}

// WritePackets is part of stack.LinkEndpoint.
func (l *link) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	for i, p := range pkts.AsSlice() {
		c := p.Clone()
		select {
		case l.out <- c:
		case <-l.done:
			c.DecRef()
			return i, &tcpip.ErrClosedForSend{}
		}
	}
	return pkts.Len(), nil
}

// read waits for one packet and takes what else is there.
func (l *link) read(bufs [][]byte, sizes []int, offset int) (int, error) {
	if len(bufs) == 0 {
		return 0, nil
	}
	var p *stack.PacketBuffer
	select {
	case p = <-l.out:
	case <-l.done:
		return 0, os.ErrClosed
	}
	for n := 0; ; {
		size := 0
		for _, s := range p.AsSlices() {
			size += copy(bufs[n][offset+size:], s)
		}
		p.DecRef()
		sizes[n] = size
		n++
		if n == len(bufs) {
			return n, nil
		}
		select {
		case p = <-l.out:
		default:
			return n, nil
		}
	}
}

func (l *link) drain() {
	for {
		select {
		case p := <-l.out:
			p.DecRef()
		default:
			return
		}
	}
}
