package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
	"ops-console/wg"
)

const (
	maxSamples = 120
	// maxDrain is how much of a probe's body is read so that its connection can be used again.
	maxDrain = 64 << 10
	// lostHostTimeout is how long a machine may take whose host the platform cannot reach.
	lostHostTimeout = time.Second
)

// network is what the prober needs of a wg.Network.
type network interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	Status() wg.Status
}

// prober asks instances over HTTP, and remembers what they answered.
type prober struct {
	app       string
	o         config.Probe
	ok        config.StatusSet
	network   network
	transport *http.Transport
	now       func() time.Time

	mu      sync.Mutex // guards what follows
	reading reading
	results map[string]Probe           // by id; replaced, not written to
	regions map[string][]time.Duration // p50 of each sweep, oldest first
	proof   time.Time                  // when an instance last answered
}

// probeFacts is what the instances answered.
type probeFacts struct {
	reading
	results map[string]Probe
	regions map[string][]time.Duration
	proof   time.Time
}

func newProber(o Options) *prober {
	ok, _ := config.ParseStatus(o.Probe.Status) // withDefaults refused what cannot be parsed
	return &prober{
		app:     o.App,
		o:       o.Probe,
		ok:      ok,
		network: o.Network,
		now:     o.Now,
		results: map[string]Probe{},
		regions: map[string][]time.Duration{},
		transport: &http.Transport{
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				// A dead host is known after this; a large page may take longer.
				ctx, cancel := context.WithTimeout(ctx, o.Probe.Timeout)
				defer cancel()
				return o.Network.DialContext(ctx, network, addr)
			},
			DisableCompression:     true,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        2*o.Interval.Probe + 30*time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			WriteBufferSize:        2 << 10,
			ReadBufferSize:         4 << 10,
			// The instance's address is proven by WireGuard; its certificate, if it has one, is for another name.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: o.Probe.Host},
		},
	}
}

// forget drops connections that may have died with the network.
func (p *prober) forget() { p.transport.CloseIdleConnections() }

func (p *prober) facts() probeFacts {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := probeFacts{reading: p.reading, proof: p.proof}
	f.results = make(map[string]Probe, len(p.results))
	for id, r := range p.results {
		f.results[id] = r
	}
	f.regions = make(map[string][]time.Duration, len(p.regions))
	for code, h := range p.regions {
		f.regions[code] = h
	}
	return f
}

// sweep asks every target once and returns when all have answered or run out of time. learnt is called while results
// come in. Instances that are no targets any more are forgotten.
func (p *prober) sweep(ctx context.Context, targets []target, learnt func()) {
	once := func(ctx context.Context, t target) []Probe { return []Probe{p.ask(ctx, t)} }
	p.askAll(ctx, targets, once, learnt)
	if ctx.Err() == nil {
		p.swept(targets)
		learnt()
	}
}

// askAll asks every target in one way or another, as many at once as the options allow, and keeps the answers.
func (p *prober) askAll(ctx context.Context, targets []target, ask func(context.Context, target) []Probe, learnt func()) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(p.o.Concurrency, len(targets)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(targets) || ctx.Err() != nil {
					return
				}
				answers := ask(ctx, targets[i])
				if ctx.Err() != nil {
					return
				}
				for _, r := range answers {
					p.keep(targets[i].id, r)
				}
				learnt()
			}
		})
	}
	workers.Wait()
}

// keep adds a result to those of its instance.
func (p *prober) keep(id string, r Probe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, seen := p.results[id]
	r.Since, r.LastOK = r.At, old.LastOK
	if seen && old.State == r.State {
		r.Since = old.Since
	}
	if r.State == ProbeOK {
		r.LastOK = r.At
	}
	if r.Status > 0 {
		p.proof = p.now()
	}
	r.History = extend(old.History, Sample{At: r.At, State: r.State, Latency: r.Latency}, maxSamples)
	p.results[id] = r
}

// extend appends and keeps the newest n. The result may share its array with h, of which no element is overwritten:
// whoever holds h sees what they saw.
func extend[T any](h []T, v T, n int) []T {
	h = append(h, v)
	if len(h) > n {
		h = h[len(h)-n:]
	}
	return h
}

// swept closes a sweep: instances that were not in it are forgotten, and the regions get their medians.
func (p *prober) swept(targets []target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if s := p.network.Status().State; !carries(s) {
		err = fmt.Errorf("the private network is %s", s)
	}
	p.reading.note(p.now(), err)
	asked := make(map[string]bool, len(targets))
	latencies := map[string][]time.Duration{}
	for _, t := range targets {
		asked[t.id] = true
		if _, ok := latencies[t.region]; !ok {
			latencies[t.region] = nil
		}
		if r := p.results[t.id]; r.Latency > 0 && r.Status > 0 {
			latencies[t.region] = append(latencies[t.region], r.Latency)
		}
	}
	for id := range p.results {
		if !asked[id] {
			delete(p.results, id)
		}
	}
	for code := range p.regions {
		if _, ok := latencies[code]; !ok {
			delete(p.regions, code)
		}
	}
	for code, ll := range latencies {
		p.regions[code] = extend(p.regions[code], median(ll), maxSamples)
	}
}

// median is the middle one, 0 where there is none. It sorts dd.
func median(dd []time.Duration) time.Duration {
	if len(dd) == 0 {
		return 0
	}
	slices.Sort(dd)
	return dd[(len(dd)-1)/2]
}

// ask sends one request. A failure while the network is down says nothing about the instance.
func (p *prober) ask(ctx context.Context, t target) Probe {
	r := Probe{At: p.now(), URL: p.url(t)}
	if !carries(p.network.Status().State) {
		r.State = ProbeNoNetwork
		return r
	}
	patience := t.patience(p.o.Timeout)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := p.request(ctx, t.address, t.path, nil)
	if err != nil {
		r.State, r.Error = ProbeError, plaintext.Line(err.Error(), maxLine)
		return r
	}
	start := time.Now()
	res, err := p.transport.RoundTrip(req)
	r.Latency = time.Since(start)
	if err != nil {
		r.State, r.Error = p.failed(ctx, err, patience)
		r.Latency = 0
		return r
	}
	// What is left of a large body is cheaper to cut off than to read.
	_, _ = io.CopyN(io.Discard, res.Body, maxDrain)
	res.Body.Close()
	r.Status = res.StatusCode
	r.State = ProbeBadStatus
	if p.ok.Has(res.StatusCode) {
		r.State = ProbeOK
	}
	if p.o.ReleaseHeader != "" {
		r.Release = word(res.Header.Get(p.o.ReleaseHeader))
	}
	return r
}

// failed names the way in which a request failed.
func (p *prober) failed(ctx context.Context, err error, patience time.Duration) (ProbeState, string) {
	text := plaintext.Line(strings.TrimPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: "), maxLine)
	timeout := errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded)
	if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		timeout = true
	}
	switch {
	case !vouched(p.network.Status().State):
		return ProbeNoNetwork, text
	case errors.Is(err, syscall.ECONNREFUSED):
		return ProbeRefused, "connection refused"
	case timeout:
		if ctx.Err() == nil {
			patience = p.o.Timeout // that of dialling
		}
		return ProbeTimeout, "no answer within " + patience.String()
	}
	if what, _, ok := strings.Cut(text, ": \""); ok && strings.HasPrefix(text, "malformed ") {
		text = "what it answers is not HTTP: " + what
	}
	return ProbeError, text
}

// request is a GET of path at an instance, as the platform's proxy would send it.
func (p *prober) request(ctx context.Context, to netip.AddrPort, path string, headers map[string]string) (*http.Request, error) {
	u, err := url.Parse(path)
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host = p.o.Scheme, to.String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Host = p.o.Host
	req.Header.Set("User-Agent", "ops-console")
	// Without it an app with force_ssl redirects instead of answering.
	req.Header.Set("X-Forwarded-Proto", "https")
	for _, hh := range []map[string]string{p.o.Headers, headers} {
		for k, v := range hh {
			if http.CanonicalHeaderKey(k) == "Host" {
				req.Host = v
				continue
			}
			req.Header.Set(k, v)
		}
	}
	return req, nil
}

func (p *prober) url(t target) string {
	return plaintext.Line(p.o.Scheme+"://"+t.address.String()+t.path, 200)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// targets are the instances that can be asked: started, with an address and a port. The platform's word on the state
// is taken while it is fresh; where only DNS knows an instance, DNS lists started ones.
func (c *collector) targets() []target {
	f := c.known()
	var out []target
	known := make(map[string]bool, len(f.platform.machines))
	for i := range f.platform.machines {
		m := &f.platform.machines[i]
		known[m.ID] = true
		entry, listed := f.dns.listed[m.ID]
		if m.State != "started" && (!listed || f.platform.err == nil) {
			continue
		}
		if m.port == 0 && !m.opaque {
			continue
		}
		if t, ok := c.target(m.ID, m.Region, either(m.Address, entry.address), m.port, m.path); ok {
			t.hostLost = m.HostStatus == fly.HostUnreachable
			t.guessed = m.port == 0
			out = append(out, t)
		}
	}
	for id, e := range f.dns.listed {
		if known[id] || c.o.Probe.Port == 0 {
			continue
		}
		if t, ok := c.target(id, e.region, e.address, 0, ""); ok {
			t.guessed = true
			out = append(out, t)
		}
	}
	return out
}

func (c *collector) target(id, region, addr string, port int, path string) (target, bool) {
	if c.o.Probe.Port != 0 {
		port = c.o.Probe.Port
	}
	if c.o.Probe.Path != "" {
		path = c.o.Probe.Path
	}
	a, err := netip.ParseAddr(addr)
	if err != nil || port <= 0 || port > 65535 {
		return target{}, false
	}
	return target{id: id, region: region, address: netip.AddrPortFrom(a, uint16(port)), path: either(path, "/")}, true
}

// patience is how long to wait for the target where others are given d. A machine whose host the platform cannot reach
// answers soon if at all, and the others need not wait for it.
func (t target) patience(d time.Duration) time.Duration {
	if t.hostLost {
		return min(d, lostHostTimeout)
	}
	return d
}

func either(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// readProbes sweeps all instances once.
func (c *collector) readProbes(ctx context.Context) error {
	if c.prober == nil {
		return c.o.NetworkErr
	}
	if f := c.known(); f.platform.good.IsZero() && f.dns.good.IsZero() {
		return nil // whom to ask is not known yet
	}
	c.prober.sweep(ctx, c.targets(), func() { c.learn(func(*facts) {}) })
	return nil
}
