package wsbind

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"
)

// Magic opens the byte stream from the client to the gateway.
const Magic uint32 = 0x2FACED77

// MaxPacket bounds a packet on the stream. No UDP datagram is longer; a greater length means that the two ends lost step.
const MaxPacket = 1<<16 - 1

const (
	handshakeWait = 8 * time.Second  // for TCP, TLS, the websocket upgrade and the magic together
	writeWait     = 10 * time.Second // for one message; a path that takes nothing for so long is dead
	quiet         = 15 * time.Second // without a packet received, the other end is asked for a sign of life
	pongWait      = 10 * time.Second
	maxMessage    = 1 << 15 // bytes of packets joined into one message
	queued        = 256     // batches waiting for the writer
)

var (
	errOutOfStep = errors.New("stream out of step")
	errEnded     = errors.New("websocket: the other end has closed the connection")
)

// Link is one websocket connection that carries WireGuard packets: on the client's side one after the other inside a Bind,
// on the gateway's side one for each client.
type Link struct {
	ws   *websocket.Conn
	out  chan []byte
	gone chan struct{} // closed when Run ends
	once sync.Once
	rx   atomic.Int64 // packets received
	tx   atomic.Int64 // packets queued
}

func newLink(ws *websocket.Conn) *Link {
	// Packets are read as they come; the bound of one packet is ours, messages may be of any size.
	ws.SetReadLimit(-1)
	return &Link{ws: ws, out: make(chan []byte, queued), gone: make(chan struct{})}
}

// Accept upgrades a request to a Link. It answers the request itself when that fails.
func Accept(w http.ResponseWriter, r *http.Request) (*Link, error) {
	// The origin says nothing here: clients send the gateway's own address or none, and no browser is involved. Who may
	// talk is decided by WireGuard's keys.
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	return newLink(ws), nil
}

// Run carries packets until ctx ends, the connection fails or the other end closes it. receive is called for each packet,
// one at a time, with memory that is valid during the call only; while it blocks, the other end is held back. server says
// that the other end opens with the magic. Run returns when all its goroutines have.
func (l *Link) Run(ctx context.Context, server bool, receive func(packet []byte)) error {
	defer l.once.Do(func() { close(l.gone) })
	// The stop is told to the connection first: its reads and writes return, whatever they wait for.
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { _ = l.ws.CloseNow() })
	defer stop()
	g.Go(func() error { return l.read(ctx, server, receive) })
	g.Go(func() error { return l.write(ctx) })
	g.Go(func() error { return l.watch(ctx) })
	err := g.Wait()
	_ = l.ws.CloseNow()
	return err
}

// Send queues copies of packets. It waits while the connection is behind, and gives up after a second or when the link
// has ended: WireGuard lives with lost packets, and TCP inside it slows down by them.
func (l *Link) Send(packets [][]byte) error {
	batch := frame(packets)
	select {
	case <-l.gone:
		return errNotConnected
	case l.out <- batch:
	default:
		timer := time.NewTimer(time.Second)
		defer timer.Stop()
		select {
		case <-l.gone:
			return errNotConnected
		case l.out <- batch:
		case <-timer.C:
			return errors.New("websocket: the connection is congested")
		}
	}
	l.tx.Add(int64(len(packets)))
	return nil
}

// frame joins packets into the bytes of the stream.
func frame(packets [][]byte) []byte {
	size := 0
	for _, p := range packets {
		size += 4 + len(p)
	}
	b := make([]byte, 0, size)
	for _, p := range packets {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

func (l *Link) read(ctx context.Context, server bool, receive func([]byte)) error {
	r := bufio.NewReaderSize(&stream{ctx: ctx, ws: l.ws}, 1<<16)
	if server {
		late := time.AfterFunc(handshakeWait, func() { _ = l.ws.CloseNow() })
		err := readMagic(r)
		late.Stop()
		if err != nil {
			return err
		}
	}
	buf := make([]byte, MaxPacket)
	for {
		n, err := readPacket(r, buf)
		if err != nil {
			return err
		}
		l.rx.Add(1)
		if n > 0 { // empty ones only keep the connection open
			receive(buf[:n])
		}
	}
}

func readMagic(r io.Reader) error {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return fmt.Errorf("websocket: no opening: %w", err)
	}
	if got := binary.BigEndian.Uint32(b[:]); got != Magic {
		return fmt.Errorf("websocket: opened with %#08x instead of %#08x: not a WireGuard client", got, Magic)
	}
	return nil
}

// readPacket reads one packet of the stream into buf, which has room for MaxPacket bytes.
func readPacket(r io.Reader, buf []byte) (int, error) {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(b[:])
	if n > MaxPacket {
		return 0, fmt.Errorf("websocket: packet of %d bytes: %w", n, errOutOfStep)
	}
	if _, err := io.ReadFull(r, buf[:n]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	return int(n), nil
}

func (l *Link) write(ctx context.Context) error {
	var joined []byte
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case batch := <-l.out:
			joined = append(joined[:0], batch...)
		}
		for len(joined) < maxMessage {
			select {
			case batch := <-l.out:
				joined = append(joined, batch...)
				continue
			default:
			}
			break
		}
		if err := l.message(ctx, joined); err != nil {
			return err
		}
	}
}

// message writes one message. Text is what the gateways' own clients send, whatever the bytes; nobody checks them.
func (l *Link) message(ctx context.Context, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	return l.ws.Write(ctx, websocket.MessageText, b)
}

// watch ends the link when nothing comes any more: a TCP connection whose path died says so only after many minutes.
func (l *Link) watch(ctx context.Context) error {
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	last := int64(-1)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if now := l.rx.Load(); now != last {
			last = now
			continue
		}
		pinged, cancel := context.WithTimeout(ctx, pongWait)
		err := l.ws.Ping(pinged)
		cancel()
		if err != nil {
			return fmt.Errorf("websocket: no sign of life for %s: %w", quiet+pongWait, err)
		}
	}
}

// stream reads messages as one stream of bytes: packets may be cut anywhere.
type stream struct {
	ctx context.Context // of the link; reads have no deadline of their own, watch ends a silent link
	ws  *websocket.Conn
	msg io.Reader
}

func (s *stream) Read(p []byte) (int, error) {
	for {
		if s.msg == nil {
			_, msg, err := s.ws.Reader(s.ctx)
			if errors.Is(err, io.EOF) {
				return 0, errEnded
			}
			if err != nil {
				return 0, fmt.Errorf("websocket: %w", err)
			}
			s.msg = msg
		}
		n, err := s.msg.Read(p)
		if errors.Is(err, io.EOF) {
			s.msg, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}
