// Package chaos is an HTTP proxy that misbehaves on purpose, for tests of clients of S3: errors, connections that are reset
// before or after the server did what it was asked, stalls, answers that end early or trickle. What it does is decided by a
// seed, or by a script. It forwards everything else as it is, signatures hold.
package chaos

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is what happens to one request.
type Fault string

// The faults.
const (
	None        Fault = ""
	SlowDown    Fault = "503 SlowDown"      // refused, nothing applied
	Internal    Fault = "500 InternalError" // the same
	TooMany     Fault = "429 with Retry-After"
	ResetBefore Fault = "reset before"        // the connection is reset, nothing applied
	ResetMiddle Fault = "reset in the body"   // after half of what was sent
	ResetAfter  Fault = "reset after"         // applied, and the answer lost
	ErrorAfter  Fault = "500 after"           // applied, and the answer an error
	Stall       Fault = "stall"               // held up for a while, then forwarded
	Hang        Fault = "hang"                // never answered
	HangAfter   Fault = "hang after"          // applied, never answered
	Truncate    Fault = "truncated answer"    // applied; the answer ends early
	Trickle     Fault = "slow answer"         // applied; the answer comes byte by byte
	SlowRead    Fault = "slow reading"        // the body is taken byte by byte
	FlipUp      Fault = "bit flipped up"      // in what is sent
	FlipDown    Fault = "bit flipped down"    // in what comes back
	ErrorIn200  Fault = "error in 200"        // not applied; an error in an answer that began well
	Skewed      Fault = "clock skew"          // refused for the clock, which the answer shows
	Expired     Fault = "expired credentials" // refused
	Denied      Fault = "access denied"       // refused
	Full        Fault = "storage full"        // refused
)

var transient = []Fault{SlowDown, Internal, TooMany, ResetBefore, ResetMiddle, ResetAfter, ErrorAfter, Stall, Hang, HangAfter, Truncate, Trickle, SlowRead, FlipUp, ErrorIn200}

// Transient gives the faults after which trying again helps.
func Transient() []Fault { return append([]Fault(nil), transient...) }

// Request is what a script decides by.
type Request struct {
	N      int // from 0, of all that came
	Method string
	Path   string
	Query  url.Values
	Size   int64  // of the body
	Signer string // access key that it is signed with; empty: it is not signed
}

// Options of New.
type Options struct {
	Seed   uint64
	Rate   float64             // of requests that have a fault, 0 to 1
	Faults []Fault             // of which one is chosen; nil: Transient
	Pause  time.Duration       // of Stall and, for each byte, of Trickle and SlowRead; 0: 20 ms
	Script func(Request) Fault // instead of Seed, Rate and Faults; may be called by several goroutines at once
}

// Proxy listens on loopback. Its methods are safe for concurrent use.
type Proxy struct {
	opt    Options
	proxy  *httputil.ReverseProxy
	server *http.Server
	addr   string
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex // guards the fields below
	n      int
	rand   *rand.Rand
	script func(Request) Fault
	counts map[Fault]int
}

// New starts a proxy in front of host:port.
func New(target string, o Options) (*Proxy, error) {
	if o.Pause <= 0 {
		o.Pause = 20 * time.Millisecond
	}
	if o.Faults == nil {
		o.Faults = transient
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{opt: o, addr: l.Addr().String(), ended: make(chan struct{}), counts: map[Fault]int{}, script: o.Script}
	p.rand = rand.New(rand.NewPCG(o.Seed, 0))
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.proxy = &httputil.ReverseProxy{
		// The signature covers Host, which stays that of the proxy.
		Rewrite:       func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", target },
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8},
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			reset(w) // the client went away, or the server: either way nobody is to take it for an answer
		},
		ErrorLog: log.New(io.Discard, "", 0), // the faults are ours
	}
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve), ReadHeaderTimeout: time.Minute, ErrorLog: p.proxy.ErrorLog}
	go func() {
		defer close(p.ended)
		p.server.Serve(l) //nolint:errcheck // it ends by Close
	}()
	return p, nil
}

// Addr is where it listens, host:port.
func (p *Proxy) Addr() string { return p.addr }

// Script sets what decides from now on; nil: the seed.
func (p *Proxy) Script(f func(Request) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = f
}

// Counts is how often each fault happened, None being requests without one.
func (p *Proxy) Counts() map[Fault]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[Fault]int, len(p.counts))
	for f, n := range p.counts {
		all[f] = n
	}
	return all
}

// Close ends it and every connection through it.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.server.Close()
	<-p.ended
	p.proxy.Transport.(*http.Transport).CloseIdleConnections()
	return err
}

func (p *Proxy) decide(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := Request{N: p.n, Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Size: r.ContentLength, Signer: signer(r.Header.Get("Authorization"))}
	p.n++
	f := None
	switch {
	case p.script != nil:
		f = p.script(q)
	case p.rand.Float64() < p.opt.Rate:
		f = p.opt.Faults[p.rand.IntN(len(p.opt.Faults))]
	}
	p.counts[f]++
	return f
}

// signer is the access key of a signature (AWS Signature Version 4).
func signer(authorization string) string {
	_, credential, _ := strings.Cut(authorization, "Credential=")
	key, _, _ := strings.Cut(credential, "/")
	return key
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	f := p.decide(r)
	if e, ok := refusals[f]; ok {
		e.write(w, r)
		return
	}
	switch f {
	case ResetBefore:
		reset(w)
	case ResetMiddle:
		io.CopyN(io.Discard, r.Body, r.ContentLength/2) //nolint:errcheck // it is cut off anyhow
		reset(w)
	case ResetAfter:
		p.proxy.ServeHTTP(&dropped{head: http.Header{}}, r)
		reset(w)
	case ErrorAfter:
		p.proxy.ServeHTTP(&dropped{head: http.Header{}}, r)
		refusals[Internal].write(w, r)
	case Stall:
		p.wait(r.Context(), p.opt.Pause)
		p.proxy.ServeHTTP(w, r)
	case Hang:
		p.wait(r.Context(), time.Hour)
		reset(w)
	case HangAfter:
		p.proxy.ServeHTTP(&dropped{head: http.Header{}}, r)
		p.wait(r.Context(), time.Hour)
		reset(w)
	case Truncate, Trickle, FlipDown:
		p.proxy.ServeHTTP(&spoiled{ResponseWriter: w, p: p, r: r, fault: f}, r)
	case SlowRead:
		r.Body = &slow{ReadCloser: r.Body, p: p, ctx: r.Context()}
		p.proxy.ServeHTTP(w, r)
	case FlipUp:
		r.Body = &flipped{ReadCloser: r.Body}
		p.proxy.ServeHTTP(w, r)
	default:
		p.proxy.ServeHTTP(w, r)
	}
}

// wait is until the client goes away, the proxy closes, or a time has passed.
func (p *Proxy) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-p.ctx.Done():
	}
}

type refusal struct {
	status int
	code   string
	header http.Header
}

// refusals are answers without asking the server.
var refusals = map[Fault]refusal{
	SlowDown:   {http.StatusServiceUnavailable, "SlowDown", nil},
	Internal:   {http.StatusInternalServerError, "InternalError", nil},
	TooMany:    {http.StatusTooManyRequests, "TooManyRequests", http.Header{"Retry-After": {"0"}}},
	ErrorIn200: {http.StatusOK, "InternalError", nil},
	Skewed:     {http.StatusForbidden, "RequestTimeTooSkewed", http.Header{"Date": {"Mon, 02 Jan 2006 15:04:05 GMT"}}},
	Expired:    {http.StatusBadRequest, "ExpiredToken", nil},
	Denied:     {http.StatusForbidden, "AccessDenied", nil},
	Full:       {http.StatusInsufficientStorage, "XMinioStorageFull", nil},
}

func (e refusal) write(w http.ResponseWriter, r *http.Request) {
	if e.status == http.StatusOK && !completes(r) { // only there may an answer begin before it is known to be good
		e = refusals[Internal]
	}
	io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) //nolint:errcheck // as a server that refuses early
	for name, values := range e.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.status)
	if r.Method != http.MethodHead {
		io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error><Code>"+e.code+"</Code><Message>on purpose</Message></Error>") //nolint:errcheck // nobody may be there
	}
}

// completes says that a request completes an upload in parts.
func completes(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
}

// reset cuts a connection so that the client notices at once.
func reset(w http.ResponseWriter) {
	if s, ok := w.(*spoiled); ok {
		w = s.ResponseWriter
	}
	h, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	c, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the answer has begun
	}
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0) //nolint:errcheck // then it is closed less rudely
	}
	c.Close()
}

// dropped takes an answer that nobody gets.
type dropped struct{ head http.Header }

func (d *dropped) Header() http.Header         { return d.head }
func (d *dropped) Write(b []byte) (int, error) { return len(b), nil }
func (d *dropped) WriteHeader(int)             {}

// spoiled passes an answer on, but not as it was.
type spoiled struct {
	http.ResponseWriter
	p     *Proxy
	r     *http.Request
	fault Fault
	left  int64 // bytes until it is cut
	began bool
}

func (s *spoiled) WriteHeader(status int) {
	if s.began {
		return
	}
	s.began = true
	size, err := strconv.ParseInt(s.Header().Get("Content-Length"), 10, 64)
	if s.fault == Truncate && (err != nil || size < 2 || s.r.Method == http.MethodHead) {
		reset(s.ResponseWriter) // there is nothing to cut but the head
		panic(http.ErrAbortHandler)
	}
	s.left = size / 2
	s.ResponseWriter.WriteHeader(status)
}

func (s *spoiled) Write(b []byte) (int, error) {
	switch s.fault {
	case Truncate:
		if int64(len(b)) >= s.left {
			s.ResponseWriter.Write(b[:s.left]) //nolint:errcheck // it is cut off anyhow
			s.Flush()
			panic(http.ErrAbortHandler)
		}
		s.left -= int64(len(b))
	case Trickle:
		for i := range b {
			if i > 0 {
				s.p.wait(s.r.Context(), s.p.opt.Pause)
			}
			if s.r.Context().Err() != nil {
				return i, s.r.Context().Err()
			}
			if _, err := s.ResponseWriter.Write(b[i : i+1]); err != nil {
				return i, err
			}
			s.Flush()
		}
		return len(b), nil
	case FlipDown:
		b = bytes.Clone(b)
		if len(b) > 0 {
			b[len(b)/2] ^= 1
		}
		s.fault = None
	}
	return s.ResponseWriter.Write(b)
}

// Flush implements http.Flusher.
func (s *spoiled) Flush() {
	if err := http.NewResponseController(s.ResponseWriter).Flush(); err != nil {
		return // the client is gone, as the next write says
	}
}

// slow takes a body byte by byte.
type slow struct {
	io.ReadCloser
	p   *Proxy
	ctx context.Context
}

func (s *slow) Read(b []byte) (int, error) {
	s.p.wait(s.ctx, s.p.opt.Pause)
	if err := errors.Join(s.ctx.Err(), s.p.ctx.Err()); err != nil {
		return 0, err
	}
	return s.ReadCloser.Read(b[:min(len(b), 1)])
}

// flipped changes one bit of a body.
type flipped struct {
	io.ReadCloser
	done bool
}

func (f *flipped) Read(b []byte) (int, error) {
	n, err := f.ReadCloser.Read(b)
	if n > 0 && !f.done {
		b[n/2] ^= 1
		f.done = true
	}
	return n, err
}
