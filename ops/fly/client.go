// Package fly is the client of the platform an application runs on: the part of its Machines API, its GraphQL API and
// its web REST API that the console needs, its tokens, and (in flytoml beneath it) its fly.toml.
//
// It asks and says what was answered. It never decides what an answer means for the application, never repeats a
// request that could change something, never writes a file, and never lets a token into an error, a log or a URL.
//
// Reads are repeated where the platform says that it is busy or down, within the caller's context. Requests that change
// something are sent once: where the answer is lost, the error is an *AmbiguousError, and only reading again tells what
// happened.
package fly

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The platform's public addresses.
const (
	PublicMachinesURL = "https://api.machines.dev"
	PublicGraphQLURL  = "https://api.fly.io"
	PublicWebURL      = "https://api.fly.io"
	// PublicMetricsURL is the platform's Prometheus, but for the organization that follows.
	PublicMetricsURL = "https://api.fly.io/prometheus"
	// InternalMachinesURL is the Machines API inside the private network.
	InternalMachinesURL = "http://_api.internal:4280"
)

// Options says where the platform is and how to talk to it. The zero value asks the public platform without a token,
// which every call but none will refuse.
type Options struct {
	MachinesURL string // base, without /v1; empty: PublicMachinesURL
	GraphQLURL  string // base, without /graphql; empty: PublicGraphQLURL
	WebURL      string // base, without /api/v1; empty: PublicWebURL
	MetricsURL  string // base, without the organization; empty: PublicMetricsURL

	// Token is asked before every request, so that a renewed token is used at once.
	Token TokenSource
	// Dial connects to hosts inside the private network (.internal, .flycast and 6PN addresses). Nil: such hosts are
	// refused with ErrNoNetwork.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is for other roots than the system's. Nil: the system's.
	TLS *tls.Config

	UserAgent string        // empty: ops-console
	Timeout   time.Duration // of one attempt of a read; 0: 15 s
	Patience  time.Duration // of one request that changes something; 0: 60 s
	Tries     int           // attempts of a read; 0: 4
	Retry     time.Duration // before the second attempt, growing from there; 0: 500 ms
	// Pace is how many times the platform's documented rate limits may be used, for platforms that have others; 0: once.
	Pace float64

	now   func() time.Time                                 // nil: time.Now
	sleep func(ctx context.Context, d time.Duration) error // nil: a timer
}

// Client asks the platform. It is safe for concurrent use. Make one with New and Close it.
type Client struct {
	o      Options
	http   *http.Client
	trans  *http.Transport
	limits *limits
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu     sync.Mutex // guards closed and the growing of busy
	closed bool
	busy   sync.WaitGroup
}

// New makes a client. Nothing is asked, and a bad base URL is reported by the first call that needs it.
func New(o Options) *Client {
	o = o.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	t := transport(o)
	return &Client{
		o: o, trans: t, limits: newLimits(o.now, o.sleep, o.Pace), ctx: ctx, cancel: cancel,
		http: &http.Client{
			Transport: t,
			// A redirect would carry the token elsewhere, or turn a POST into a GET.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close cancels what is under way, waits for it, and closes every connection. It is idempotent.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.busy.Wait()
	c.trans.CloseIdleConnections()
}

// enter ties ctx to the life of the client. done has to be called when the request is over.
func (c *Client) enter(ctx context.Context) (_ context.Context, done func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, ErrClosed
	}
	c.busy.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.ctx, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
		c.busy.Done()
	}, nil
}

func (o Options) withDefaults() Options {
	set := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	set(&o.MachinesURL, PublicMachinesURL)
	set(&o.GraphQLURL, PublicGraphQLURL)
	set(&o.WebURL, PublicWebURL)
	set(&o.MetricsURL, PublicMetricsURL)
	set(&o.UserAgent, "ops-console")
	o.MachinesURL = base(o.MachinesURL, "/v1")
	o.GraphQLURL = base(o.GraphQLURL, "/graphql")
	o.WebURL = base(o.WebURL, "/api/v1")
	o.MetricsURL = base(o.MetricsURL, "")
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = time.Minute
	}
	if o.Tries <= 0 {
		o.Tries = 4
	}
	if o.Pace <= 0 {
		o.Pace = 1
	}
	if o.Retry <= 0 {
		o.Retry = 500 * time.Millisecond
	}
	if o.Token == nil {
		o.Token = func(context.Context) (Token, error) { return Token{}, ErrNoToken }
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.sleep == nil {
		o.sleep = sleep
	}
	return o
}

// base is u without a slash or the API's own path at its end, which people paste along.
func base(u, path string) string {
	return strings.TrimRight(strings.TrimSuffix(strings.TrimRight(u, "/"), path), "/")
}

func transport(o Options) *http.Transport {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, _, err := net.SplitHostPort(addr); err != nil || !inside(host) {
				return d.DialContext(ctx, network, addr)
			}
			if o.Dial == nil {
				return nil, ErrNoNetwork
			}
			return o.Dial(ctx, network, addr)
		},
		Proxy: func(r *http.Request) (*url.URL, error) {
			if inside(r.URL.Hostname()) {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		},
		TLSClientConfig:        o.TLS,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second}, // a laptop that slept
		MaxIdleConns:           16,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// inside tells of hosts that exist only in the private network.
func inside(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".flycast") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.To4() == nil && ip[0] == 0xfd && ip[1] == 0xaa
}

// loopback tells of hosts that are this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// checkURL refuses what cannot be asked, and what would show the token to everybody on the way.
func checkURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("the address is not a URL")
	case u.User != nil:
		return nil, errors.New("the address carries a user name or password, which belong in a token source")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("the address is not an http or https URL")
	case u.Scheme == "http" && !inside(u.Hostname()) && !loopback(u.Hostname()):
		return nil, errors.New("plain http would show the token to everybody on the way to " + u.Host)
	}
	return u, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
