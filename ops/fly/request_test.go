package fly

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadsAreRepeatedWhereThePlatformIsBusyOrDown(t *testing.T) {
	good := answer(200, `{"name":"changelog"}`)
	tests := []struct {
		name  string
		turns []http.HandlerFunc
		tries int
		want  error // nil: it works in the end
		least time.Duration
	}{
		{"429", []http.HandlerFunc{answer(429, ""), good}, 2, nil, 200 * time.Millisecond},
		{"429 with Retry-After", []http.HandlerFunc{answer(429, "", "Retry-After", "7"), good}, 2, nil, 7 * time.Second},
		{"502, 503, 504", []http.HandlerFunc{answer(502, ""), answer(503, ""), answer(504, ""), good}, 4, nil, time.Second},
		{"cut off", []http.HandlerFunc{cutOff, cutOff, good}, 3, nil, 500 * time.Millisecond},
		{"cut off in the middle", []http.HandlerFunc{answer(200, `{"na`, "Content-Length", "100"), good}, 2, nil, 200 * time.Millisecond},
		{"down for good", []http.HandlerFunc{answer(503, "")}, 4, ErrUnavailable, time.Second},
		{"500 is not repeated", []http.HandlerFunc{answer(500, ""), good}, 1, ErrUnavailable, 0},
		{"404 is not repeated", []http.HandlerFunc{answer(404, ""), good}, 1, ErrNotFound, 0},
		{"Retry-After longer than anybody waits", []http.HandlerFunc{answer(429, "", "Retry-After", "600"), good}, 1, ErrRateLimited, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := serve(t, tt.turns...)
			c, ck := client(t, p.URL)
			_, err := c.App(context.Background(), "changelog")
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if n := len(p.requests()); n != tt.tries {
				t.Errorf("asked %d times, want %d", n, tt.tries)
			}
			if ck.total() < tt.least {
				t.Errorf("waited %s, want at least %s", ck.total(), tt.least)
			}
		})
	}
}

func TestReadsEndWithTheirContext(t *testing.T) {
	p := serve(t, answer(503, ""))
	c, ck := client(t, p.URL, func(o *Options) { o.Tries = 1000 })
	ctx, cancel := context.WithDeadline(context.Background(), ck.now().Add(5*time.Second))
	defer cancel()
	_, err := c.App(ctx, "changelog")
	if !errors.Is(err, ErrUnavailable) || ck.total() > 5*time.Second {
		t.Errorf("got %v after %s", err, ck.total())
	}
	if e := new(Error); !errors.As(err, &e) || e.Hint == "" || e.RequestID != "01REQ" {
		t.Errorf("%+v", err)
	}
}

func TestChangesAreSentOnceAndLostOnesAreAmbiguous(t *testing.T) {
	tests := []struct {
		name      string
		turn      http.HandlerFunc
		ambiguous bool
		want      error
	}{
		{"done", answer(200, `{"ok":true}`), false, nil},
		{"cut off", cutOff, true, ErrUnavailable},
		{"408", answer(408, `{"error":"took too long"}`), true, ErrTimeout},
		{"500", answer(500, ""), true, ErrUnavailable},
		{"503", answer(503, ""), true, ErrUnavailable},
		{"401", answer(401, ""), false, ErrUnauthorized},
		{"403", answer(403, ""), false, ErrUnauthorized},
		{"404", answer(404, ""), false, ErrNotFound},
		{"409", answer(409, `{"error":"lease currently held by jo@example.com, expires at 2026-01-01"}`), false, ErrConflict},
		{"412", answer(412, ""), false, ErrPrecondition},
		{"422", answer(422, ""), false, ErrInvalid},
		{"429", answer(429, "", "Retry-After", "3"), false, ErrRateLimited},
		{"redirect", answer(302, "", "Location", "https://example.com/"), false, ErrBadAnswer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := serve(t, tt.turn)
			c, _ := client(t, p.URL)
			err := c.Stop(context.Background(), Ref{App: "a", ID: "m"}, "", 0)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			var amb *AmbiguousError
			if errors.As(err, &amb) != tt.ambiguous {
				t.Errorf("got %T %v, want ambiguous %v", err, err, tt.ambiguous)
			}
			if n := len(p.requests()); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

func TestAChangeThatTimesOutIsAmbiguousAndOneThatWasNotSentIsNot(t *testing.T) {
	release := make(chan struct{})
	p := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	c, _ := client(t, p.URL, func(o *Options) { o.Patience = 50 * time.Millisecond })
	err := c.Start(soon(t), Ref{App: "a", ID: "m"})
	var amb *AmbiguousError
	if !errors.As(err, &amb) || !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %T %v", err, err)
	}
	if want := "it is not known whether this was done: start machine m: no answer within 50ms"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	c, _ = client(t, nobody)
	err = c.Start(soon(t), Ref{App: "a", ID: "m"})
	if errors.As(err, &amb) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("nothing was sent, but got %T %v", err, err)
	}
	if want := "start machine m: connection refused"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestAGoodStatusWithoutAReadableAnswerIsAmbiguousForChanges(t *testing.T) {
	for _, body := range []string{"", "{", `{"id":""}`, "<html></html>"} {
		c, _ := client(t, serve(t, answer(200, body)).URL)
		_, err := c.Create(soon(t), "a", "iad", "", Launch{})
		var amb *AmbiguousError
		if !errors.As(err, &amb) || !errors.Is(err, ErrBadAnswer) {
			t.Errorf("%q: got %T %v", body, err, err)
		}
	}
}

func TestRateLimitPerActionAndMachine(t *testing.T) {
	c, ck := client(t, serve(t, answer(200, `{"id":"m1"}`)).URL)
	ctx := context.Background()
	step := func(want time.Duration, what string, f func() error) {
		t.Helper()
		before := ck.total()
		if err := f(); err != nil {
			t.Fatal(err)
		}
		if got := (ck.total() - before).Round(time.Millisecond); got != want {
			t.Errorf("%s waited %s, want %s", what, got, want)
		}
	}
	stop := func(id string) func() error { return func() error { return c.Stop(ctx, Ref{App: "a", ID: id}, "", 0) } }
	for range 3 {
		step(0, "the burst", stop("m1"))
	}
	step(time.Second, "the fourth", stop("m1"))
	step(0, "another machine", stop("m2"))
	step(0, "another action", func() error { return c.Start(ctx, Ref{App: "a", ID: "m1"}) })
	step(time.Second, "the fifth", stop("m1"))
	get := func() error { _, err := c.Machine(ctx, "a", "m1"); return err }
	for range 10 {
		step(0, "the burst of get", get)
	}
	step(200*time.Millisecond, "get", get)
}

func TestRateLimitThatOutlastsTheContextFailsAtOnce(t *testing.T) {
	p := serve(t, answer(200, `{}`))
	c, ck := client(t, p.URL)
	ctx, cancel := context.WithDeadline(context.Background(), ck.now().Add(500*time.Millisecond))
	defer cancel()
	var err error
	for range 4 {
		err = c.Start(ctx, Ref{App: "a", ID: "m"})
	}
	if !errors.Is(err, ErrRateLimited) || len(p.requests()) != 3 {
		t.Errorf("got %v after %d requests", err, len(p.requests()))
	}
}

func TestRetryAfterHoldsTheNextCallsBack(t *testing.T) {
	c, ck := client(t, serve(t, answer(429, "", "Retry-After", "9"), answer(200, "{}")).URL)
	ctx := context.Background()
	err := c.Start(ctx, Ref{App: "a", ID: "m"})
	var e *Error
	if !errors.As(err, &e) || e.RetryAfter != 9*time.Second {
		t.Errorf("got %v", err)
	}
	if err := c.Start(ctx, Ref{App: "a", ID: "m"}); err != nil {
		t.Fatal(err)
	}
	if got := ck.total().Round(time.Second); got != 9*time.Second {
		t.Errorf("waited %s", got)
	}
}

func TestLimitersAreForgottenWhenTheyAreFull(t *testing.T) {
	ck := newClock()
	l := newLimits(ck.now, ck.sleep, 1)
	for i := range maxLimiters {
		if err := l.wait(context.Background(), action{"x", fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	_ = ck.sleep(context.Background(), time.Minute)
	if err := l.wait(context.Background(), action{"x", "one more"}); err != nil || len(l.by) != 1 {
		t.Errorf("got %v, %d limiters", err, len(l.by))
	}
}

func TestErrorsAreOneClearLine(t *testing.T) {
	page := "<html><head><title>Sign in\nto WiFi</title></head><body>" + strings.Repeat("x", 5000)
	tests := []struct {
		name string
		turn http.HandlerFunc
		want string
		is   error
	}{
		{"platform's text", answer(404, `{"error":"app not found","status":"unknown"}`, "fly-trace-id", "tr"), "read app changelog: 404 not found: app not found (request 01REQ, trace tr)", ErrNotFound},
		{"message instead of error", answer(422, `{"message":"no capacity","status":"insufficient_capacity"}`), "read app changelog: 422 unprocessable entity: no capacity (request 01REQ)", ErrInvalid},
		{"no text", answer(403, ``), "read app changelog: 403 forbidden (request 01REQ)", ErrUnauthorized},
		{"text is an object", answer(400, `{"error":{"code":7}}`), `read app changelog: 400 bad request: {"code":7} (request 01REQ)`, ErrInvalid},
		{"plain text", answer(400, "nope\n"), "read app changelog: 400 bad request: nope (request 01REQ)", ErrInvalid},
		{"page of a proxy", answer(500, page, "Content-Type", "text/html"), `read app changelog: 500 internal server error: the answer is a web page ("Sign in\nto WiFi"), not the platform's (request 01REQ)`, ErrUnavailable},
		{"page with status 200", answer(200, page, "Content-Type", "text/html"), `read app changelog: the answer is a web page ("Sign in\nto WiFi"), not JSON (request 01REQ)`, ErrBadAnswer},
		{"redirect", answer(301, "", "Location", "https://login.example/"), "read app changelog: 301 moved permanently: sent on to https://login.example/ (request 01REQ)", ErrBadAnswer},
		{"truncated", answer(200, `{"name":"chan`), "read app changelog: the JSON of the answer ends in the middle, after 13 bytes (request 01REQ)", ErrBadAnswer},
		{"empty", answer(200, " \n"), "read app changelog: the answer is empty (request 01REQ)", ErrBadAnswer},
		{"garbage", answer(200, `{"name": x}`), `read app changelog: the answer is not JSON from byte 10 on: "x}" (request 01REQ)`, ErrBadAnswer},
		{"other type", answer(200, `{"name": 7}`), "read app changelog: the answer has number where string was expected, in name (request 01REQ)", ErrBadAnswer},
		{"a list", answer(200, `[]`), "read app changelog: the answer is not what was expected: json: cannot unmarshal array into Go value of type fly.App (request 01REQ)", ErrBadAnswer},
		{"escapes", answer(400, "{\"error\":\"\x5cu001b[2Jgone\x5cu202e\x5cn\x5cu0000evil\"}"), "read app changelog: 400 bad request: gone evil (request 01REQ)", ErrInvalid},
		{"escapes in ids", answer(400, `{"error":"x"}`, "fly-request-id", "a\x9b2Jb"), "read app changelog: 400 bad request: x (request ", ErrInvalid},
		{"echoed token", answer(401, `{"error":"bad token `+testToken+`, or Bearer `+testToken+`"}`), "read app changelog: 401 unauthorized: bad token [token], or Bearer [token] (request 01REQ)", ErrUnauthorized},
		{"another's token", answer(401, `{"error":"not fm2_lJPECAAAAAAAB/+xyz=="}`), "read app changelog: 401 unauthorized: not [token] (request 01REQ)", ErrUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := client(t, serve(t, tt.turn).URL)
			_, err := c.App(soon(t), "changelog")
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Fatalf("\ngot  %v\nwant %s", err, tt.want)
			}
			if !errors.Is(err, tt.is) {
				t.Errorf("not %v", tt.is)
			}
			harmless(t, err.Error())
			harmless(t, fmt.Sprintf("%+v %#v", err, err))
		})
	}
}

func TestALongMessageIsCut(t *testing.T) {
	c, _ := client(t, serve(t, answer(400, strings.Repeat("fo1_abcd ", 300_000))).URL)
	_, err := c.App(soon(t), "changelog")
	if err == nil || len(err.Error()) > 2000 {
		t.Errorf("got %d bytes", len(err.Error()))
	}
}

func TestAnAnswerThatIsTooLongIsRefused(t *testing.T) {
	c, _ := client(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		b := []byte(strings.Repeat(" ", 1<<20))
		for range maxAnswer>>20 + 1 {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}).URL)
	_, err := c.Machines(soon(t), "changelog")
	if !errors.Is(err, ErrBadAnswer) || !strings.Contains(err.Error(), "longer than 64 MB") {
		t.Errorf("got %v", err)
	}
}

func TestTheTokenIsNotShownWhenTheTransportEchoesIt(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			n, _ := conn.Read(buf)
			_, _ = conn.Write(buf[:n]) // an echo server: the status line is the request line, headers follow
			conn.Close()
		}
	}()
	defer func() { l.Close(); <-done }()
	c, _ := client(t, "http://"+l.Addr().String())
	_, err = c.App(soon(t), testToken)
	if err == nil || !errors.Is(err, ErrBadAnswer) {
		t.Fatalf("got %v", err)
	}
	// The op holds what the caller put there; the rest may not show the token.
	var e *Error
	if errors.As(err, &e) {
		e.Op = ""
		harmless(t, e.Error())
		for _, u := range e.Unwrap() {
			harmless(t, u.Error())
		}
	}
}

func TestTLSErrorsSayWhatIsWrong(t *testing.T) {
	tests := []struct {
		name string
		conf func(*httptest.Server) *tls.Config
		url  func(string) string
		want string
	}{
		{"unknown authority", func(*httptest.Server) *tls.Config { return nil }, nil, "the server's certificate is signed by an unknown authority"},
		{"wrong host", func(s *httptest.Server) *tls.Config {
			pool := x509.NewCertPool()
			pool.AddCert(s.Certificate())
			return &tls.Config{RootCAs: pool, ServerName: "api.machines.dev"}
		}, nil, "the server's certificate is for another host than api.machines.dev"},
		{"expired", func(s *httptest.Server) *tls.Config {
			pool := x509.NewCertPool()
			pool.AddCert(s.Certificate())
			return &tls.Config{RootCAs: pool, Time: func() time.Time { return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) }}
		}, nil, "the server's certificate has expired or is not valid yet: it is valid from 1970-01-01 to 20"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(answer(200, "{}"))
			s.Config.ErrorLog = quiet()
			s.StartTLS()
			defer s.Close()
			c, _ := client(t, s.URL, func(o *Options) { o.TLS = tt.conf(s) })
			_, err := c.App(soon(t), "changelog")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want …%s", err, tt.want)
			}
			if !errors.Is(err, ErrTLS) || HintOf(err) == "" {
				t.Errorf("not ErrTLS, or no hint: %v", err)
			}
			err = c.Start(soon(t), Ref{App: "a", ID: "m"})
			var amb *AmbiguousError
			if errors.As(err, &amb) {
				t.Error("nothing was sent, but it is called ambiguous")
			}
		})
	}
	t.Run("plain http", func(t *testing.T) {
		s := httptest.NewServer(answer(200, "{}"))
		defer s.Close()
		c, _ := client(t, strings.Replace(s.URL, "http:", "https:", 1))
		if _, err := c.App(soon(t), "changelog"); !errors.Is(err, ErrTLS) || !strings.Contains(err.Error(), "plain http") {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheTokenIsNotSentInTheClear(t *testing.T) {
	for _, u := range []string{"http://api.machines.dev", "ftp://x", "http://user:pw@127.0.0.1", "://", "api.machines.dev"} {
		c, _ := client(t, u)
		_, err := c.App(soon(t), "changelog")
		if !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: got %v", u, err)
		}
	}
}

func TestHostsInsideTheNetworkAreDialedThroughIt(t *testing.T) {
	p := serve(t, answer(200, `{"name":"changelog"}`))
	var dialed []string
	c, _ := client(t, "", func(o *Options) {
		o.MachinesURL = InternalMachinesURL
		o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialed = append(dialed, addr)
			return (&net.Dialer{}).DialContext(ctx, network, p.Listener.Addr().String())
		}
	})
	if _, err := c.App(soon(t), "changelog"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"_api.internal:4280"}, dialed); diff != "" {
		t.Error(diff)
	}
	c, _ = client(t, "", func(o *Options) { o.MachinesURL = InternalMachinesURL })
	if _, err := c.App(soon(t), "changelog"); !errors.Is(err, ErrNoNetwork) || HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestCloseCancelsWhatIsUnderWayAndWaits(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	p := serve(t, func(http.ResponseWriter, *http.Request) { close(entered); <-release })
	defer close(release)
	c, _ := client(t, p.URL)
	errs := make(chan error, 1)
	go func() { _, err := c.App(context.Background(), "changelog"); errs <- err }()
	<-entered
	c.Close()
	if err := <-errs; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := c.App(context.Background(), "changelog"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v", err)
	}
	c.Close()
}

func TestACancelledCallSaysSo(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	p := serve(t, func(http.ResponseWriter, *http.Request) { close(entered); <-release })
	defer close(release)
	c, _ := client(t, p.URL)
	ctx, cancel := context.WithCancelCause(context.Background())
	errs := make(chan error, 1)
	go func() { _, err := c.App(ctx, "changelog"); errs <- err }()
	<-entered
	cancel(errors.New("some reason"))
	if err := <-errs; !errors.Is(err, context.Canceled) || err.Error() != "read app changelog: cancelled" {
		t.Errorf("got %v", err)
	}
}

func TestWithoutATokenNothingIsAsked(t *testing.T) {
	p := serve(t, answer(200, "{}"))
	c, _ := client(t, p.URL, func(o *Options) {
		o.Token = FirstOf(EnvToken(func(string) string { return "" }, "FLY_ACCESS_TOKEN"), FileToken("/nowhere"))
	})
	_, err := c.App(soon(t), "changelog")
	if !errors.Is(err, ErrNoToken) || len(p.requests()) != 0 || HintOf(err) == "" {
		t.Errorf("got %v after %d requests", err, len(p.requests()))
	}
	if want := "read app changelog: no access token: looked at $FLY_ACCESS_TOKEN, /nowhere (not there)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestNamesThatWouldAskSomethingElseAreRefused(t *testing.T) {
	p := serve(t, answer(200, "{}"))
	c, _ := client(t, p.URL)
	for _, name := range []string{"", ".", ".."} {
		if _, err := c.Machine(soon(t), "a", name); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v", name, err)
		}
		if err := c.Destroy(soon(t), Ref{App: "a", ID: name}, true); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if n := len(p.requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if _, err := c.Machine(soon(t), "a", "\x1b[2Jm\u202e\n"); err == nil {
		t.Error("another machine's answer was taken")
	} else {
		harmless(t, err.Error())
	}
	_ = c.Start(soon(t), Ref{App: "a/../b", ID: "m?x=1"})
	if got := p.requests()[1].Path; got != "/v1/apps/a/../b/machines/m?x=1/start" { // unescaped by the server: one element each
		t.Errorf("got %s", got)
	}
}
