package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a network of one listener in memory, so that time need not be real.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case p.conns <- b:
		return a, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestProgressIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, ln := NewProgress("word"), newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- p.Serve(ctx, ln) }()

		if err := p.Publish(state{Table: "a"}); err != nil {
			t.Fatal(err)
		}
		var got []string
		end := make(chan error)
		go func() {
			end <- follow(t.Context(), ln.dial, "machine:8700", "word", func(b json.RawMessage) { got = append(got, string(b)) })
		}()
		synctest.Wait()
		// A long silence of the run is not one of the connection.
		time.Sleep(10 * time.Minute)
		for _, table := range []string{"b", "c"} {
			if err := p.Publish(state{Table: table}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if err := p.End(state{Done: true}); err != nil {
			t.Fatal(err)
		}
		if err := p.Publish(state{Table: "late"}); err != nil {
			t.Fatal(err)
		}
		if err := <-end; !errors.Is(err, errEnded) {
			t.Errorf("ended with %v", err)
		}
		p.WaitSeen(t.Context())
		want := `{"table":"a"} {"table":"b"} {"table":"c"} {"table":"","done":true}`
		if s := strings.Join(got, " "); s != want {
			t.Errorf("got %s, want %s", s, want)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// A connection that is there and says nothing is given up.
func TestSilenceIsALostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		go func() {
			c, err := ln.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, c)
		}()
		start := time.Now()
		err := follow(t.Context(), ln.dial, "machine:8700", "word", func(json.RawMessage) {})
		if err == nil || errors.Is(err, errEnded) || time.Since(start) > time.Minute {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

func TestProgressIsForWhoeverKnowsTheWord(t *testing.T) {
	for _, tc := range []struct {
		has, says, path string
		want            int
	}{
		{"word", "other", ProgressPath, http.StatusForbidden},
		{"word", "", ProgressPath, http.StatusForbidden},
		{"", "", ProgressPath, http.StatusForbidden},
		{"word", "word", "/", http.StatusNotFound},
		{"word", "word", ProgressPath, http.StatusOK},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, ln := NewProgress(tc.has), newPipes()
			if err := p.End(state{Done: true}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error)
			go func() { served <- p.Serve(ctx, ln) }()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://machine"+tc.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+tc.says)
			res, err := (&http.Client{Transport: &http.Transport{DialContext: ln.dial, DisableKeepAlives: true}}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != tc.want || strings.Contains(string(b), "done") != (tc.want == http.StatusOK) {
				t.Errorf("%+v: %d %s, %v", tc, res.StatusCode, b, err)
			}
			cancel()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStatesThatAreNoJSON(t *testing.T) {
	if err := NewProgress("w").Publish(make(chan int)); err == nil {
		t.Error("a channel was published")
	}
}
