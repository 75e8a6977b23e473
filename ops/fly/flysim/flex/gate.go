package flex

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"ops-console/ops/fly/flysim/platform"
)

// Direct serves a connection to a machine's own server.
func (d *Database) Direct(ctx context.Context, c net.Conn, i platform.Instance) {
	if n := d.node(i.ID); n != nil && d.up() {
		d.serve(ctx, c, i, n, nil)
	}
}

// Primary serves a connection to the primary, whichever machine it was made to. Where there is none, it just ends.
func (d *Database) Primary(ctx context.Context, c net.Conn, i platform.Instance) {
	if !d.up() {
		return
	}
	if l := d.router.primary(); l != nil {
		d.serve(ctx, c, i, l.node, l.over)
	}
}

// up says whether the servers have come up.
func (d *Database) up() bool {
	select {
	case <-d.ready:
		return d.failed == nil
	default:
		return false
	}
}

// serve carries c to a server and back, as late as the machine's region is far, until one of both ends or over is
// closed.
func (d *Database) serve(ctx context.Context, c net.Conn, i platform.Instance, n *node, over <-chan struct{}) {
	way := i.Behaviour.Delay / 2
	first, err := admit(c, way)
	if err != nil {
		return
	}
	up, err := n.pg.Dial(ctx)
	if err != nil {
		return
	}
	defer up.Close()
	if i.ID != n.ID {
		way += d.o.Way(i.Region, n.Region)
	}
	p := &pipe{a: c, b: up, way: way, done: make(chan struct{})}
	p.run(ctx, first, over)
}

// The codes of packets that come instead of, or before, a startup message.
const (
	codeCancel = 80877102
	codeTLS    = 80877103
	codeGSS    = 80877104
)

// longestStartup is what a server takes.
const longestStartup = 10_000

// admit reads what a client begins with, and gives what the server is to be told first. It refuses TLS, as the servers
// of the network do, and the servers' own superuser: they trust him, because only who started them can be him.
func admit(c net.Conn, way time.Duration) (first []byte, err error) {
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.SetReadDeadline(time.Time{})) }()
	for range 3 {
		packet, err := readStartup(c)
		if err != nil {
			return nil, err
		}
		switch binary.BigEndian.Uint32(packet[4:]) {
		case codeTLS, codeGSS:
			time.Sleep(2 * way)
			if _, err := c.Write([]byte{'N'}); err != nil {
				return nil, err
			}
			continue
		case codeCancel:
			return packet, nil
		}
		if user := startupUser(packet); user == "postgres" || user == "" {
			time.Sleep(2 * way)
			_, err := c.Write(fatal("28000", fmt.Sprintf("no pg_hba.conf entry for user %q, no encryption", user)))
			return nil, errors.Join(errors.New("refused"), err)
		}
		return packet, nil
	}
	return nil, errors.New("too many requests for encryption")
}

// readStartup reads one packet of those that have no type, whole.
func readStartup(r io.Reader) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > longestStartup {
		return nil, fmt.Errorf("startup packet of %d bytes", n)
	}
	packet := make([]byte, n)
	copy(packet, head[:])
	_, err := io.ReadFull(r, packet[8:])
	return packet, err
}

// startupUser is the user that a startup message names; empty: none.
func startupUser(packet []byte) string {
	words := bytes.Split(packet[8:], []byte{0})
	user := ""
	for i := 0; i+1 < len(words) && len(words[i]) > 0; i += 2 {
		if string(words[i]) == "user" {
			user = string(words[i+1])
		}
	}
	return user
}

// fatal is the message with which a server ends a connection.
func fatal(code, text string) []byte {
	var body bytes.Buffer
	for _, f := range [][2]string{{"S", "FATAL"}, {"V", "FATAL"}, {"C", code}, {"M", text}} {
		body.WriteString(f[0] + f[1] + "\x00")
	}
	body.WriteByte(0)
	return append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(body.Len()+4)), body.Bytes()...)
}
