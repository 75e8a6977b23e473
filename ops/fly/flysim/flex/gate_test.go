package flex

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startup is the message of a client.
func startup(code uint32, words ...string) []byte {
	body := binary.BigEndian.AppendUint32(nil, code)
	for _, w := range words {
		body = append(append(body, w...), 0)
	}
	if len(words) > 0 {
		body = append(body, 0)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)
}

const protocol3 = 3 << 16

func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	console := startup(protocol3, "user", "console", "database", "changelog")
	cancel := startup(codeCancel, "\x01\x02\x03\x04\x05\x06")
	for name, tt := range map[string]struct {
		says   [][]byte
		want   []byte // what the server is told; nil: nothing, the connection ends
		answer string // what the client is told holds this
	}{
		"at once":               {[][]byte{console}, console, ""},
		"asks for TLS first":    {[][]byte{startup(codeTLS), console}, console, "N"},
		"asks for GSS and TLS":  {[][]byte{startup(codeGSS), startup(codeTLS), console}, console, "NN"},
		"asks for ever":         {[][]byte{startup(codeTLS), startup(codeTLS), startup(codeTLS)}, nil, "NNN"},
		"cancels":               {[][]byte{cancel}, cancel, ""},
		"the servers' own":      {[][]byte{startup(protocol3, "user", "postgres")}, nil, "28000"},
		"the servers' own last": {[][]byte{startup(protocol3, "user", "console", "user", "postgres")}, nil, "28000"},
		"nobody":                {[][]byte{startup(protocol3, "database", "changelog")}, nil, "28000"},
		"HTTP":                  {[][]byte{[]byte("GET / HTTP/1.1\r\n\r\n")}, nil, ""},
		"too short":             {[][]byte{{0, 0, 0, 4, 0, 0, 0, 0}}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server := net.Pipe()
			heard := make(chan string, 1)
			go func() {
				for _, s := range tt.says {
					_, _ = client.Write(s)
					if binary.BigEndian.Uint32(s[4:]) == codeTLS || binary.BigEndian.Uint32(s[4:]) == codeGSS {
						_, _ = io.ReadFull(client, make([]byte, 1))
					}
				}
				rest, _ := io.ReadAll(client)
				heard <- string(rest)
			}()
			got, err := admit(server, 0)
			server.Close()
			answer := <-heard
			client.Close()
			if !bytes.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
				t.Errorf("the server is told %q, error %v; want %q", got, err, tt.want)
			}
			if want := strings.TrimLeft(tt.answer, "N"); !strings.Contains(answer, want) {
				t.Errorf("the client is told %q, want %q", answer, want)
			}
		})
	}
}

// FuzzAdmit holds that nobody gets in as the servers' own superuser, whatever he says.
func FuzzAdmit(f *testing.F) {
	f.Add(startup(protocol3, "user", "console", "database", "changelog"))
	f.Add(startup(protocol3, "user", "console", "user", "postgres"))
	f.Add(startup(codeTLS))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		defer client.Close()
		go func() { _, _ = client.Write(b); client.Close() }()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		first, err := admit(server, 0)
		server.Close()
		if err != nil {
			return
		}
		if n := binary.BigEndian.Uint32(first); int(n) != len(first) || !bytes.Contains(b, first) {
			t.Errorf("the server is told %q, which is no packet of %q", first, b)
		}
		if code := binary.BigEndian.Uint32(first[4:]); code != codeCancel && startupUser(first) == "postgres" {
			t.Errorf("%q gets in", first)
		}
	})
}

func TestPipeIsAsLongAsTheWay(t *testing.T) {
	t.Parallel()
	const way = 60 * time.Millisecond
	client, a := net.Pipe()
	b, server := net.Pipe()
	p := &pipe{a: a, b: b, way: way, done: make(chan struct{})}
	over := make(chan struct{})
	ended := make(chan struct{})
	go func() { defer close(ended); p.run(t.Context(), []byte("first "), over) }()
	go func() { _, _ = io.Copy(server, server) }()
	began := time.Now()
	if _, err := client.Write([]byte("then")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 10)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "first then" {
		t.Errorf("%q %v", got, err)
	}
	if took := time.Since(began); took < 2*way {
		t.Errorf("there and back in %s, want %s at least", took, 2*way)
	}
	close(over)
	<-ended
	if _, err := client.Read(got); err == nil {
		t.Error("a pipe that is over still carries")
	}
	server.Close()
}

func TestPipeBringsTheLastWords(t *testing.T) {
	t.Parallel()
	client, a := net.Pipe()
	b, server := net.Pipe()
	p := &pipe{a: a, b: b, way: 20 * time.Millisecond, done: make(chan struct{})}
	ended := make(chan struct{})
	go func() { defer close(ended); p.run(t.Context(), nil, nil) }()
	long := bytes.Repeat([]byte("x"), 5*pieceSize)
	go func() { _, _ = server.Write(long); server.Close() }()
	got, _ := io.ReadAll(client)
	if len(got) != len(long) {
		t.Errorf("%d bytes arrive before the end, want %d", len(got), len(long))
	}
	<-ended
	client.Close()
}

func TestRouterFollowsTheChecks(t *testing.T) {
	t.Parallel()
	a, b := &node{}, &node{}
	nodes := []*node{a, b}
	says := func(n *node, role string) { n.role.Store(role) }
	var r router
	r.choose(nodes)
	if r.primary() != nil {
		t.Error("a primary before any check")
	}
	says(a, "primary")
	says(b, "replica")
	r.choose(nodes)
	first := r.primary()
	if first == nil || first.node != a {
		t.Fatal("the primary is not followed")
	}
	over := func() bool {
		select {
		case <-first.over:
			return true
		default:
			return false
		}
	}
	b.rank.Store(1)
	says(b, "primary")
	r.choose(nodes)
	if l := r.primary(); l.node != b || over() {
		t.Errorf("after a promotion: follows the new one %v, sessions with the old one ended %v", l.node == b, over())
	}
	says(b, "replica")
	b.rank.Store(0)
	r.choose(nodes)
	first = r.primary()
	says(a, "")
	for range fall {
		r.choose(nodes)
		if r.primary() != first {
			t.Fatal("one check that fails is the end of a primary")
		}
	}
	r.choose(nodes)
	if r.primary() != nil || !over() {
		t.Errorf("a primary that has not answered for long: %v, its sessions ended %v", r.primary(), over())
	}
}
