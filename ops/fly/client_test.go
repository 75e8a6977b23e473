package fly

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testToken = "fo1_the-secret-of-this-test"

// clock is a time that passes only while somebody sleeps.
type clock struct {
	mu    sync.Mutex
	t     time.Time
	slept []time.Duration
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	c.slept = append(c.slept, d)
	return nil
}

// total is how long was slept.
func (c *clock) total() (d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.slept {
		d += s
	}
	return d
}

// seen is a request as the platform got it.
type seen struct {
	Method, Path, Query, Body, Auth, Nonce string
}

// platform is a server that answers with handlers in turn, the last one for ever, and remembers what it was asked.
type platform struct {
	*httptest.Server
	mu    sync.Mutex
	seen  []seen
	turns []http.HandlerFunc
}

func (p *platform) requests() []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

func serve(t *testing.T, turns ...http.HandlerFunc) *platform {
	t.Helper()
	p := &platform{turns: turns}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	p.seen = append(p.seen, seen{r.Method, r.URL.Path, r.URL.RawQuery, string(b), r.Header.Get("Authorization"), r.Header.Get("fly-machine-lease-nonce")})
	h := p.turns[min(len(p.seen), len(p.turns))-1]
	p.mu.Unlock()
	w.Header().Set("fly-request-id", "01REQ")
	h(w, r)
}

// answer is a handler that gives a status and a body.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// cutOff is a handler that closes the connection instead of answering.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		c.Close()
	}
}

// client is a client of a server, with a clock of its own.
func client(t *testing.T, url string, change ...func(*Options)) (*Client, *clock) {
	t.Helper()
	ck := newClock()
	o := Options{MachinesURL: url, GraphQLURL: url, WebURL: url, Token: StaticToken(testToken), now: ck.now, sleep: ck.sleep}
	for _, f := range change {
		f(&o)
	}
	c := New(o)
	t.Cleanup(c.Close)
	return c, ck
}

// soon is a context for calls that have to end by themselves.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// harmless fails the test where a text could hurt a terminal or shows the token.
func harmless(t *testing.T, s string) {
	t.Helper()
	if strings.Contains(s, "the-secret") {
		t.Errorf("the token is shown: %s", s)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e }); i >= 0 {
		t.Errorf("not safe to show: %q", s)
	}
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
