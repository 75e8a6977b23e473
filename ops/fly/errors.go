package fly

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"ops-console/ops/plaintext"
)

// What a failed call can be about. Ask with errors.Is.
var (
	ErrNoToken      = errors.New("no access token")
	ErrUnauthorized = errors.New("not authorized")
	ErrNotFound     = errors.New("not found")
	ErrConflict     = errors.New("conflict")            // a lease is held, or the machine changed
	ErrPrecondition = errors.New("precondition failed") // metadata changed, or the wrong state
	ErrInvalid      = errors.New("refused as invalid")
	ErrRateLimited  = errors.New("rate limited")
	ErrTimeout      = errors.New("timed out")            // no answer in time, or a wait that did not come true
	ErrUnavailable  = errors.New("platform unavailable") // 5xx, or it cannot be reached
	ErrTLS          = errors.New("not trusted")          // the certificate
	ErrBadAnswer    = errors.New("answer not understood")
	ErrNoNetwork    = errors.New("the private network is not joined")
	ErrClosed       = errors.New("client closed")
)

// Error is a call that failed. errors.Is finds the sentinels above in it, and the transport's own errors.
type Error struct {
	Op         string        // what was tried: "list machines of changelog"
	Status     int           // HTTP status, also where GraphQL put the error into a good answer; 0: no answer
	Code       string        // the platform's own word for it, where it gave one
	Message    string        // the platform's text, made safe to show and without tokens; or our own
	RequestID  string        // fly-request-id
	TraceID    string        // fly-trace-id
	RetryAfter time.Duration // as the platform asked; 0: it did not
	Hint       string        // what to do next; may be empty

	kind  error // one of the sentinels
	cause error // of the transport; nil where there was an answer
}

// Error is one line: what was tried, what happened, and the ids that the platform's support asks for.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(plaintext.Line(e.Op, 200) + ": ") // it holds names, which may come from outside
	switch {
	case e.Status >= 300:
		fmt.Fprintf(&b, "%d %s", e.Status, strings.ToLower(http.StatusText(e.Status)))
		if e.Message != "" {
			b.WriteString(": " + e.Message)
		}
	case e.Message != "":
		b.WriteString(e.Message)
	default:
		b.WriteString(e.kind.Error())
	}
	var ids []string
	if e.RequestID != "" {
		ids = append(ids, "request "+e.RequestID)
	}
	if e.TraceID != "" {
		ids = append(ids, "trace "+e.TraceID)
	}
	if len(ids) > 0 {
		b.WriteString(" (" + strings.Join(ids, ", ") + ")")
	}
	return b.String()
}

// Unwrap gives what the error is about and what caused it.
func (e *Error) Unwrap() []error {
	ee := make([]error, 0, 2)
	if e.kind != nil {
		ee = append(ee, e.kind)
	}
	if e.cause != nil {
		ee = append(ee, e.cause)
	}
	return ee
}

// AmbiguousError is a request that may or may not have been carried out: the answer was lost, late, or a failure of
// the platform's. It is never repeated. Read what it was about again before doing anything else.
type AmbiguousError struct {
	Op  string
	Err error // an *Error
}

// Error says that the outcome is unknown, and why.
func (e *AmbiguousError) Error() string {
	return "it is not known whether this was done: " + e.Err.Error()
}

// Unwrap is the error that hid the outcome.
func (e *AmbiguousError) Unwrap() error { return e.Err }

// HintOf is what to do about err, if anything in its chain says so.
func HintOf(err error) string {
	if a := new(AmbiguousError); errors.As(err, &a) {
		return "read the machine or the list again: it shows whether this happened"
	}
	if e := new(Error); errors.As(err, &e) {
		return e.Hint
	}
	switch {
	case errors.Is(err, ErrNoToken):
		return hintToken
	case errors.Is(err, ErrNoNetwork):
		return hintNetwork
	}
	return ""
}

const (
	hintToken   = "set FLY_ACCESS_TOKEN, name a file with token_file, or log in with `fly auth login`"
	hintDenied  = "the token is wrong, expired, or not meant for this: make a new one with `fly tokens create org`, or log in again with `fly auth login`"
	hintNetwork = "join the network first (`ops-console wg status` says what is missing), or use the public address of the API"
	hintStatus  = "the platform has trouble or is out of reach: see https://status.flyio.net; instances are still probed over the network"
	hintBase    = "check the address of the API in the profile (api.machines, api.graphql, api.web): something else answers there"
)

// meaning says what an HTTP status is about, and what to do.
type meaning struct {
	kind error
	hint string
}

var meanings = map[int]meaning{
	http.StatusBadRequest:          {ErrInvalid, ""},
	http.StatusUnauthorized:        {ErrUnauthorized, hintDenied},
	http.StatusForbidden:           {ErrUnauthorized, hintDenied},
	http.StatusProxyAuthRequired:   {ErrUnavailable, "the proxy of HTTPS_PROXY wants a password"},
	http.StatusNotFound:            {ErrNotFound, "check the name, and whether the token may see it"},
	http.StatusMethodNotAllowed:    {ErrBadAnswer, hintBase},
	http.StatusRequestTimeout:      {ErrTimeout, ""},
	http.StatusConflict:            {ErrConflict, "somebody else works on it, or it changed since it was read: read it again"},
	http.StatusPreconditionFailed:  {ErrPrecondition, "it changed since it was read, or is in another state: read it again"},
	http.StatusUnprocessableEntity: {ErrInvalid, ""},
	http.StatusTooManyRequests:     {ErrRateLimited, "wait a little; other clients of the same token count too"},
}

func meaningOf(status int) meaning {
	m, ok := meanings[status]
	switch {
	case ok:
		return m
	case status >= 500:
		return meaning{ErrUnavailable, hintStatus}
	case status >= 300 && status < 400:
		return meaning{ErrBadAnswer, hintBase}
	}
	return meaning{ErrInvalid, ""}
}
