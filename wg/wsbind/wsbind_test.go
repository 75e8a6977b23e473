package wsbind_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.zx2c4.com/wireguard/conn"

	"ops-console/wg/wsbind"
)

// echoServer sends every packet back.
func echoServer(t *testing.T) *httptest.Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var links sync.WaitGroup
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, err := wsbind.Accept(w, r)
		if err != nil {
			return
		}
		links.Add(1)
		defer links.Done()
		_ = l.Run(ctx, true, func(p []byte) { _ = l.Send([][]byte{p}) })
	}))
	s.Config.ErrorLog = nil
	t.Cleanup(func() { cancel(); s.Close(); links.Wait() })
	return s
}

func wss(s *httptest.Server) string { return "wss" + strings.TrimPrefix(s.URL, "https") + "/" }

type end struct {
	t    *testing.T
	bind *wsbind.Bind
	ep   conn.Endpoint
	got  chan string
	done chan error // of the receive function
}

func open(t *testing.T, b *wsbind.Bind) end {
	t.Helper()
	fns, port, err := b.Open(4711)
	if err != nil {
		t.Fatal(err)
	}
	if port != 4711 || len(fns) != 1 {
		t.Fatalf("port %d and %d receive functions, want 4711 and 1", port, len(fns))
	}
	ep, err := b.ParseEndpoint("203.0.113.7:51820")
	if err != nil {
		t.Fatal(err)
	}
	e := end{t, b, ep, make(chan string, 4096), make(chan error, 1)}
	go func() {
		bufs := make([][]byte, b.BatchSize())
		for i := range bufs {
			bufs[i] = make([]byte, wsbind.MaxPacket)
		}
		sizes, eps := make([]int, len(bufs)), make([]conn.Endpoint, len(bufs))
		for {
			n, err := fns[0](bufs, sizes, eps)
			if err != nil {
				e.done <- err
				return
			}
			for i := range n {
				e.got <- string(bufs[i][:sizes[i]])
				if eps[i].DstToString() != "203.0.113.7:51820" {
					t.Errorf("from %s, want the endpoint that was set", eps[i].DstToString())
				}
			}
		}
	}()
	t.Cleanup(func() { _ = b.Close() })
	return e
}

func (e end) send(packets ...string) {
	e.t.Helper()
	var bufs [][]byte
	for _, p := range packets {
		bufs = append(bufs, []byte(p))
	}
	if err := e.bind.Send(bufs, e.ep); err != nil {
		e.t.Fatal(err)
	}
	for _, b := range bufs { // wireguard-go uses its buffers again at once
		clear(b)
	}
}

func (e end) want(packets ...string) {
	e.t.Helper()
	var got []string
	for range packets {
		select {
		case p := <-e.got:
			got = append(got, p)
		case <-time.After(5 * time.Second):
			e.t.Fatalf("%d of %d packets came back, state %+v", len(got), len(packets), e.bind.State())
		}
	}
	if diff := cmp.Diff(packets, got); diff != "" {
		e.t.Errorf("packets (-want +got):\n%s", diff)
	}
}

func TestPacketsSentBeforeTheConnectionArrive(t *testing.T) {
	e := open(t, wsbind.New(wsbind.Options{URL: wss(echoServer(t))}))
	e.send("one", "two")
	e.send("three")
	e.want("one", "two", "three")
	if s := e.bind.State(); !s.Connected || s.Err != nil || s.Since.IsZero() {
		t.Errorf("state %+v, want connected", s)
	}
}

func TestPacketsOfAllSizesKeepBoundsAndOrder(t *testing.T) {
	e := open(t, wsbind.New(wsbind.Options{URL: wss(echoServer(t))}))
	var want []string
	for i, size := range []int{1, 31, 32, 148, 1280, 1500, 9000, 40000, 65000, wsbind.MaxPacket, 7} {
		want = append(want, strings.Repeat(fmt.Sprint(i%10), size))
	}
	for range 3 {
		for _, p := range want {
			e.send(p)
		}
		e.want(want...)
	}
}

func TestReconnectsByItself(t *testing.T) {
	s := echoServer(t)
	var mu sync.Mutex
	var conns []net.Conn
	e := open(t, wsbind.New(wsbind.Options{URL: wss(s), Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
		return c, err
	}}))
	e.send("before")
	e.want("before")
	mu.Lock()
	changed := e.bind.Changed()
	_ = conns[0].Close()
	mu.Unlock()
	<-changed
	if st := e.bind.State(); st.Connected || st.Err == nil {
		t.Errorf("state %+v after the loss, want an error", st)
	}
	e.send("after")
	e.want("after")
}

func TestCloseEndsReceiversAndOpenFollows(t *testing.T) {
	b := wsbind.New(wsbind.Options{URL: wss(echoServer(t))})
	if err := b.Close(); err != nil {
		t.Errorf("close before open: %v", err)
	}
	for range 3 {
		e := open(t, b)
		if _, _, err := b.Open(0); !errors.Is(err, conn.ErrBindAlreadyOpen) {
			t.Errorf("second open: %v", err)
		}
		e.send("x")
		e.want("x")
		for range 2 {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-e.done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("receive ended with %v, want net.ErrClosed", err)
		}
		if err := b.Send([][]byte{[]byte("x")}, e.ep); !errors.Is(err, net.ErrClosed) {
			t.Errorf("send after close: %v, want net.ErrClosed", err)
		}
	}
}

func TestFailuresSayWhatAnswered(t *testing.T) {
	web := httptest.NewTLSServer(http.NotFoundHandler())
	defer web.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close()
	for _, tt := range []struct{ url, want string }{
		{wss(web), "answered 404"},
		{"wss://" + nobody.Addr().String() + "/", "refused"},
		{"https://127.0.0.1/", "want wss://"},
		{"::", "want wss://"},
	} {
		b := wsbind.New(wsbind.Options{URL: tt.url})
		changed := b.Changed()
		if _, _, err := b.Open(0); err != nil {
			t.Fatal(err)
		}
		<-changed
		if s := b.State(); s.Err == nil || !strings.Contains(s.Err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", tt.url, s.Err, tt.want)
		}
		_ = b.Close()
	}
}

func TestCloseIsPromptWhileConnecting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	base := goleak.IgnoreCurrent()
	b := wsbind.New(wsbind.Options{URL: "wss://" + silent.Addr().String() + "/"})
	if _, _, err := b.Open(0); err != nil {
		t.Fatal(err)
	}
	c, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	start := time.Now()
	_ = b.Close()
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("close took %s", d)
	}
	goleak.VerifyNone(t, base)
}

func TestServerRefusesStrangers(t *testing.T) {
	for name, first := range map[string][]byte{
		"wrong opening": []byte("GET / HTTP/1.1\r\n"),
		"huge packet":   {0x2f, 0xac, 0xed, 0x77, 0xff, 0xff, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				l, err := wsbind.Accept(w, r)
				if err == nil {
					err = l.Run(r.Context(), true, func([]byte) {})
				}
				ended <- err
			}))
			defer s.Close()
			c := rawWebsocket(t, s)
			if err := c.write(first); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err == nil {
				t.Error("the stream went on")
			}
		})
	}
}

func TestStreamMayBeCutAnywhere(t *testing.T) {
	c := rawWebsocket(t, echoServer(t))
	var all bytes.Buffer
	all.Write([]byte{0x2f, 0xac, 0xed, 0x77})
	for _, p := range []string{"", "hello", "", strings.Repeat("w", 300)} {
		all.Write([]byte{0, 0, byte(len(p) >> 8), byte(len(p))})
		all.WriteString(p)
	}
	for _, b := range all.Bytes() {
		if err := c.write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	want := append([]byte{0, 0, 0, 5}, "hello"...)
	want = append(append(want, 0, 0, 1, 44), strings.Repeat("w", 300)...)
	got, err := c.read(len(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}
