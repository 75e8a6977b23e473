//go:build unix

package wg

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"
)

// The benchmarks compare a transfer through the tunnel with the same one on plain loopback: two ends in this process,
// so that the CPU time is that of both. The tunnel is not slowed by a relay.

type path struct {
	name   string
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	listen func(tb testing.TB) net.Listener
	at     func(net.Listener) string
}

func paths(b *testing.B) []path {
	l := newLab(b, labOptions{})
	l.cfg.Peers[0].Endpoint = l.g.Endpoint().String()
	o := l.options()
	o.timings = timings{}
	u := l.open(o)
	return []path{
		{
			"loopback", (&net.Dialer{}).DialContext,
			func(tb testing.TB) net.Listener { return mustListen(tb)(net.Listen("tcp", "127.0.0.1:0")) },
			func(ln net.Listener) string { return ln.Addr().String() },
		},
		{
			"tunnel", u.DialContext,
			func(tb testing.TB) net.Listener {
				return mustListen(tb)(l.g.Stack().ListenTCP(netip.AddrPortFrom(labInstance, 9000)))
			},
			func(net.Listener) string { return netip.AddrPortFrom(labInstance, 9000).String() },
		},
	}
}

func mustListen(tb testing.TB) func(net.Listener, error) net.Listener {
	return func(l net.Listener, err error) net.Listener {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return l
	}
}

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

const chunk = 4 << 20

// BenchmarkTCP moves 4 MiB per operation over one connection.
func BenchmarkTCP(b *testing.B) {
	for _, p := range paths(b) {
		for _, way := range []string{"download", "upload"} {
			b.Run(way+"/"+p.name, func(b *testing.B) { benchmarkTCP(b, p, way == "download") })
		}
	}
}

func benchmarkTCP(b *testing.B, p path, down bool) {
	ln := p.listen(b)
	defer ln.Close()
	send := func(c net.Conn) error {
		buf := make([]byte, 256<<10)
		for left := chunk; left > 0; left -= len(buf) {
			if _, err := c.Write(buf); err != nil {
				return err
			}
		}
		return nil
	}
	receive := func(c net.Conn) error { _, err := io.CopyN(io.Discard, c, chunk); return err }
	near, far := send, receive
	if down {
		near, far = receive, send
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		one := make([]byte, 1)
		for {
			if _, err := c.Read(one); err != nil { // go
				return
			}
			if err := far(c); err != nil {
				return
			}
			if !down {
				if _, err := c.Write(one); err != nil {
					return
				}
			}
		}
	}()
	c, err := p.dial(b.Context(), "tcp", p.at(ln))
	if err != nil {
		b.Fatal(err)
	}
	one := make([]byte, 1)
	b.SetBytes(chunk)
	before := cpu()
	for b.Loop() {
		if _, err := c.Write(one); err != nil {
			b.Fatal(err)
		}
		if err := near(c); err != nil {
			b.Fatal(err)
		}
		if !down {
			if _, err := c.Read(one); err != nil {
				b.Fatal(err)
			}
		}
	}
	gbit := float64(b.N) * chunk * 8 / 1e9
	b.ReportMetric((cpu()-before).Seconds()/gbit, "cpu-s/Gbit")
	b.ReportMetric(gbit/b.Elapsed().Seconds(), "Gbit/s")
	c.Close()
	<-done
}

// BenchmarkGet measures one small request after the other on a connection that is kept.
func BenchmarkGet(b *testing.B) {
	for _, p := range paths(b) {
		b.Run(p.name, func(b *testing.B) {
			ln := p.listen(b)
			s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })}
			done := make(chan struct{})
			go func() { defer close(done); s.Serve(ln) }()
			defer func() { s.Close(); <-done }()
			tr := &http.Transport{DialContext: p.dial}
			defer tr.CloseIdleConnections()
			c := &http.Client{Transport: tr}
			url := "http://" + p.at(ln) + "/"
			get(b, c, url)
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				get(b, c, url)
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// BenchmarkOpen is from nothing to the first answered question inside the network, and the end of it.
func BenchmarkOpen(b *testing.B) {
	l := newLab(b, labOptions{})
	l.cfg.Peers[0].Endpoint = l.g.Endpoint().String()
	o := l.options()
	o.timings = timings{}
	for b.Loop() {
		cfg := l.cfg.Clone()
		cfg.PrivateKey = l.peer(b)
		u, err := openUser(b.Context(), cfg, o)
		if err != nil {
			b.Fatal(err)
		}
		waitState(b, u, StateUp)
		if err := u.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSweep asks 1,000 instances one small question each, with new connections, 64 at a time.
func BenchmarkSweep(b *testing.B) {
	const instances = 1000
	l := newLab(b, labOptions{})
	l.cfg.Peers[0].Endpoint = l.g.Endpoint().String()
	o := l.options()
	o.timings = timings{}
	u := l.open(o)
	urls := make([]string, instances)
	for i := range urls {
		a := labInstance.As16()
		a[12], a[13] = byte(i>>8), byte(i)
		at := netip.AddrFrom16(a)
		if err := l.g.Stack().AddAddr(at); err != nil {
			b.Fatal(err)
		}
		urls[i] = "http://" + netip.AddrPortFrom(at, 9000).String() + "/"
	}
	ln := mustListen(b)(l.g.Stack().ListenTCP(netip.AddrPortFrom(netip.IPv6Unspecified(), 9000)))
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) })}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(ln) }()
	defer func() { s.Close(); <-done }()
	c := &http.Client{Transport: &http.Transport{DialContext: u.DialContext, DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for b.Loop() {
		work := make(chan string)
		errs := make(chan error, 64)
		for range 64 {
			go func() {
				var first error
				for url := range work {
					r, err := c.Get(url)
					if err == nil {
						_, err = io.Copy(io.Discard, r.Body)
						r.Body.Close()
					}
					if first == nil {
						first = err
					}
				}
				errs <- first
			}()
		}
		for _, url := range urls {
			work <- url
		}
		close(work)
		for range 64 {
			if err := <-errs; err != nil {
				b.Fatal(err)
			}
		}
	}
}
