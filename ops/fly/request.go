package fly

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	maxAnswer = 64 << 20
	maxError  = 1 << 20
	// maxRetryAfter is the longest silence that a read waits out where its context has no end.
	maxRetryAfter = time.Minute

	nonceHeader  = "Fly-Machine-Lease-Nonce"
	cursorHeader = "Fly-Next-Cursor"
)

// request is one call, as a value.
type request struct {
	op      string // what is tried, for errors
	act     action // for the rate limit
	method  string // empty: GET
	url     string // whole, without query
	query   url.Values
	body    any // sent as JSON; nil: none
	auth    func(Token) string
	nonce   string
	timeout time.Duration // of one attempt; 0: the client's
	writes  bool          // changes something: sent once, and its loss is ambiguous
	into    any           // where the answer is decoded to; nil: it does not matter
	// check looks at a decoded answer, for protocols that report failure in a good one.
	check func() *Error
}

// do carries r out: limits, sends, repeats if it is a read, and decodes. The headers of the answer come back.
func (c *Client) do(ctx context.Context, r request) (http.Header, error) {
	ctx, done, err := c.enter(ctx)
	if err != nil {
		return nil, &Error{Op: r.op, kind: err}
	}
	defer done()
	body, err := encode(r.body)
	if err != nil {
		return nil, &Error{Op: r.op, Message: err.Error(), kind: ErrInvalid}
	}
	wait := c.backoff()
	for try := 1; ; try++ {
		a := c.attempt(ctx, r, body)
		switch {
		case a.err == nil:
			return a.header, nil
		case r.writes:
			return nil, a.verdict()
		case try >= c.o.Tries || !a.again:
			return nil, a.err
		}
		d := max(wait.NextBackOff(), a.err.RetryAfter)
		if !c.worthwhile(ctx, d) || c.o.sleep(ctx, d) != nil {
			return nil, a.err
		}
	}
}

// worthwhile tells whether there is time for another attempt after d.
func (c *Client) worthwhile(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok {
		return c.o.now().Add(d).Before(end)
	}
	return d <= maxRetryAfter
}

func (c *Client) backoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = c.o.Retry
	b.Multiplier = 2
	b.MaxInterval = 10 * time.Second
	b.Reset()
	return b
}

func encode(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("the request cannot be written as JSON: %w", err)
	}
	return b, nil
}

// attempt is one try of a request.
type attempt struct {
	header http.Header
	err    *Error // nil: it worked
	sent   bool   // something of it left this machine
	again  bool   // a read that fails like this may be repeated
}

// verdict is the error of a request that changes something.
func (a attempt) verdict() error {
	lost := a.err.Status == 0 && a.sent                      // no answer
	odd := a.err.Status >= 200 && a.err.Status < 300         // carried out, but the answer is not to be had
	late := a.err.Status == http.StatusRequestTimeout        // the platform stopped waiting
	broken := a.err.Status >= http.StatusInternalServerError // anywhere between here and there
	if lost || odd && errors.Is(a.err.kind, ErrBadAnswer) || late || broken {
		return &AmbiguousError{Op: a.err.Op, Err: a.err}
	}
	return a.err
}

func (c *Client) attempt(ctx context.Context, r request, body []byte) attempt {
	if err := c.limits.wait(ctx, r.act); err != nil {
		return attempt{err: failed(r, Token{}, causeOf(ctx, err), 0)}
	}
	tok, err := c.o.Token(ctx)
	if err == nil && tok.IsZero() {
		err = ErrNoToken
	}
	if err != nil {
		return attempt{err: &Error{Op: r.op, Message: tok.clean(err.Error()), Hint: hintToken, kind: ErrNoToken, cause: err}}
	}
	timeout := r.timeout
	switch {
	case timeout > 0:
	case r.writes:
		timeout = c.o.Patience
	default:
		timeout = c.o.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if end, ok := ctx.Deadline(); ok {
		timeout = time.Until(end).Round(10 * time.Millisecond) // the caller may be in more of a hurry
	}

	var sent atomic.Bool
	req, err := c.build(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}), r, tok, body)
	if err != nil {
		return attempt{err: &Error{Op: r.op, Message: tok.clean(err.Error()), Hint: hintBase, kind: ErrInvalid}}
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			c.trans.CloseIdleConnections() // the one that hangs must not be met again
		}
		err = causeOf(ctx, err)
		return attempt{err: failed(r, tok, err, timeout), sent: sent.Load(), again: cut(err)}
	}
	defer res.Body.Close()
	a := c.read(ctx, r, tok, res, timeout)
	a.sent = true
	return a
}

// causeOf is why ctx ended, where that is why err happened.
func causeOf(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case errors.Is(context.Cause(ctx), ErrClosed):
		return ErrClosed
	}
	return ctx.Err()
}

func (c *Client) build(ctx context.Context, r request, tok Token, body []byte) (*http.Request, error) {
	u, err := checkURL(r.url)
	if err != nil {
		return nil, err
	}
	u.RawQuery = r.query.Encode()
	method := r.method
	if method == "" {
		method = http.MethodGet
	}
	var rd io.Reader
	if body != nil {
		rd = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), rd)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", r.auth(tok))
	req.Header.Set("User-Agent", c.o.UserAgent)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.nonce != "" {
		req.Header.Set(nonceHeader, r.nonce)
	}
	return req, nil
}

// read takes the answer in.
func (c *Client) read(ctx context.Context, r request, tok Token, res *http.Response, timeout time.Duration) attempt {
	limit := int64(maxAnswer)
	if res.StatusCode >= 300 {
		limit = maxError
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case res.StatusCode >= 300:
		return c.refused(r, tok, res, b)
	case err != nil:
		err = causeOf(ctx, err)
		e := failed(r, tok, err, timeout)
		if cut(err) {
			e.Message, e.kind = fmt.Sprintf("the answer ended after %d bytes", len(b)), ErrBadAnswer
		}
		return attempt{err: e, again: cut(err)}
	case int64(len(b)) > limit:
		return attempt{err: identified(&Error{
			Op: r.op, Status: res.StatusCode, kind: ErrBadAnswer, Hint: hintBase,
			Message: fmt.Sprintf("the answer is longer than %d MB", limit>>20),
		}, res.Header)}
	}
	if r.into == nil {
		return attempt{header: res.Header}
	}
	if what := decode(b, res.Header.Get("Content-Type"), r.into); what != "" {
		return attempt{err: identified(&Error{Op: r.op, Status: res.StatusCode, Message: tok.clean(what), kind: ErrBadAnswer, Hint: hintBase}, res.Header)}
	}
	if r.check != nil {
		if e := r.check(); e != nil {
			e.Op, e.Message = r.op, tok.clean(e.Message)
			return attempt{err: identified(e, res.Header)}
		}
	}
	return attempt{header: res.Header}
}

// refused is the attempt of an answer that says no.
func (c *Client) refused(r request, tok Token, res *http.Response, body []byte) attempt {
	m := meaningOf(res.StatusCode)
	e := identified(&Error{Op: r.op, Status: res.StatusCode, Hint: m.hint, kind: m.kind}, res.Header)
	msg, code := problem(body, res.Header)
	e.Message, e.Code = tok.clean(msg), tok.clean(code)
	e.RetryAfter = retryAfter(res.Header, c.o.now())
	again := false
	switch res.StatusCode {
	case http.StatusTooManyRequests:
		c.limits.hold(r.act, e.RetryAfter)
		again = true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return attempt{err: e, again: again}
}

// identified notes the platform's ids of a request.
func identified(e *Error, h http.Header) *Error {
	e.RequestID = Token{}.clean(short(h.Get("fly-request-id")))
	e.TraceID = Token{}.clean(short(h.Get("fly-trace-id")))
	return e
}

func short(id string) string { return id[:min(len(id), 80)] }

// retryAfter reads Retry-After in both its forms.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if d, err := time.ParseDuration(v + "s"); err == nil {
		return max(0, min(d, time.Hour))
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, min(t.Sub(now), time.Hour))
	}
	return 0
}

// failed is the error of a request without an answer.
func failed(r request, tok Token, err error, timeout time.Duration) *Error {
	msg, hint, kind := diagnose(err, timeout)
	if msg == "" {
		msg = err.Error()
	}
	if kind == nil {
		kind = ErrUnavailable
	}
	return &Error{Op: r.op, Message: tok.clean(msg), Hint: hint, kind: kind, cause: tok.safely(err)}
}
