package wg

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// The protocol between the console that holds a peer's key and the other consoles of the same user.
//
// A connection to the holder's socket serves one purpose. Both directions carry frames: one byte that says what it is,
// the length of the rest in four bytes, big endian, and the rest. The client opens with a request (JSON):
//
//	dial   network tcp or udp, an address and port, the time to spend. The holder answers with a reply, and if that
//	       carries no error the connection is the one asked for: data frames both ways (pieces of a stream, or one
//	       datagram each), an end frame for a stream's half that is done, an error frame for one that broke.
//	watch  the holder answers with a reply and then with its Status, at every change and at least every second.
//
// Closing the socket closes what it stands for. A stream whose socket ends without an end or error frame was cut.
const (
	frameRequest byte = 'q'
	frameReply   byte = 'r'
	frameData    byte = 'd'
	frameEnd     byte = 'e'
	frameError   byte = 'x'
	frameStatus  byte = 's'
)

const (
	shareVersion = 1
	maxFrame     = 1 << 17 // more than a datagram or a Status takes
	pieceSize    = 32 << 10
	headerSize   = 5
)

type shareRequest struct {
	Version int           `json:"version"`
	Op      string        `json:"op"` // dial or watch
	Network string        `json:"network,omitempty"`
	Addr    string        `json:"addr,omitempty"`
	Timeout time.Duration `json:"timeout_ns,omitempty"` // 0: the holder's own bound
}

type shareReply struct {
	Version int         `json:"version"`
	PID     int         `json:"pid"`
	Local   string      `json:"local,omitempty"`  // addresses of a dialed connection
	Remote  string      `json:"remote,omitempty"` // …
	Err     *shareError `json:"error,omitempty"`
}

// shareError carries an error over the socket so that errors.Is still finds what it was.
type shareError struct {
	Code  string    `json:"code,omitempty"`
	Text  string    `json:"text"`
	Since time.Time `json:"since,omitzero"` // of ErrDead
}

func codes() []struct {
	code string
	err  error
} {
	return []struct {
		code string
		err  error
	}{
		{"refused", syscall.ECONNREFUSED},
		{"reset", syscall.ECONNRESET},
		{"aborted", syscall.ECONNABORTED},
		{"pipe", syscall.EPIPE},
		{"timed-out", syscall.ETIMEDOUT},
		{"host-unreachable", syscall.EHOSTUNREACH},
		{"net-unreachable", syscall.ENETUNREACH},
		{"address", syscall.EADDRNOTAVAIL},
		{"size", syscall.EMSGSIZE},
		{"outside", ErrOutside},
		{"deadline", context.DeadlineExceeded},
		{"io-deadline", os.ErrDeadlineExceeded},
		{"canceled", context.Canceled},
		{"closed", net.ErrClosed},
	}
}

func encodeError(err error) *shareError {
	e := &shareError{Text: err.Error()}
	if dead := (ErrDead{}); errors.As(err, &dead) {
		return &shareError{Code: "dead", Text: dead.Cause, Since: dead.Since}
	}
	// The operation and the addresses are known on the other side, and are put back there.
	if oe := (*net.OpError)(nil); errors.As(err, &oe) && oe.Err != nil {
		e.Text = oe.Err.Error()
	}
	for _, c := range codes() {
		if errors.Is(err, c.err) {
			e.Code = c.code
			break
		}
	}
	return e
}

func (e *shareError) decode() error {
	if e.Code == "dead" {
		return ErrDead{Since: e.Since, Cause: e.Text}
	}
	for _, c := range codes() {
		if c.code == e.Code {
			return &sharedError{text: e.Text, is: c.err}
		}
	}
	return &sharedError{text: e.Text}
}

func decodeError(b []byte) error {
	var e shareError
	if err := json.Unmarshal(b, &e); err != nil {
		return errors.New("the console that holds the tunnel reports an error that cannot be read")
	}
	return e.decode()
}

// sharedError is an error of the holder's: its text, and the error of this process that it stands for.
type sharedError struct {
	text string
	is   error // nil when it has none
}

func (e *sharedError) Error() string { return e.text }
func (e *sharedError) Unwrap() error { return e.is }

// Timeout makes it a net.Error where it stands for one.
func (e *sharedError) Timeout() bool {
	ne := net.Error(nil)
	return errors.As(e.is, &ne) && ne.Timeout()
}

// Temporary is part of net.Error.
func (e *sharedError) Temporary() bool { return e.Timeout() }

func appendFrame(b []byte, kind byte, payload []byte) []byte {
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

func writeJSON(w io.Writer, kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(appendFrame(nil, kind, b))
	return err
}

// frameReader reads frames. An error, such as a passed deadline, loses nothing: the next call goes on where it stopped.
type frameReader struct {
	r    *bufio.Reader
	kind byte
	left int // of the frame's payload; -1 between frames
	body []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 16<<10), left: -1}
}

// header returns the kind of the current frame, reading it if that has not been done yet.
func (f *frameReader) header() (byte, error) {
	if f.left >= 0 {
		return f.kind, nil
	}
	h, err := f.r.Peek(headerSize)
	if err != nil {
		if errors.Is(err, io.EOF) && len(h) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	size := binary.BigEndian.Uint32(h[1:])
	if size > maxFrame {
		return 0, fmt.Errorf("frame of %d bytes: not the protocol of this program", size)
	}
	f.kind, f.left, f.body = h[0], int(size), f.body[:0]
	_, _ = f.r.Discard(headerSize)
	return f.kind, nil
}

// read reads a part of the payload; the frame is done when it has all been read.
func (f *frameReader) read(p []byte) (int, error) {
	if f.left == 0 {
		f.left = -1
		return 0, nil
	}
	n, err := f.r.Read(p[:min(len(p), f.left)])
	f.left -= n
	if f.left == 0 {
		f.left = -1
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// payload reads the whole payload and ends the frame. It is valid until the next call.
func (f *frameReader) payload() ([]byte, error) {
	for f.left > 0 {
		if _, err := f.r.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		b, _ := f.r.Peek(min(f.r.Buffered(), f.left))
		f.body = append(f.body, b...)
		f.left -= len(b)
		_, _ = f.r.Discard(len(b))
	}
	f.left = -1
	return f.body, nil
}

// message reads one frame of a kind into a value.
func (f *frameReader) message(kind byte, v any) error {
	k, err := f.header()
	if err != nil {
		return err
	}
	if k != kind {
		return fmt.Errorf("frame %q instead of %q: not the protocol of this program", k, kind)
	}
	b, err := f.payload()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("frame %q: %w", k, err)
	}
	return nil
}
