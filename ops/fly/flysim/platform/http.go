package platform

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/fly"
)

// maxBody bounds what a client may send.
const maxBody = 4 << 20

// apiError is an error as the platform tells it: an HTTP status, a text, and a code that says what kind it is.
type apiError struct {
	status  int
	message string
	code    string
}

func (e apiError) Error() string { return e.message }

func errNotFound(format string, args ...any) error {
	return apiError{http.StatusNotFound, fmt.Sprintf(format, args...), ""}
}

func errBadRequest(format string, args ...any) error {
	return apiError{http.StatusBadRequest, fmt.Sprintf(format, args...), ""}
}

func errPrecondition(format string, args ...any) error {
	return apiError{http.StatusPreconditionFailed, "failed_precondition: " + fmt.Sprintf(format, args...), ""}
}

// call is a request being answered.
type call struct {
	*http.Request
	w    *World
	user fly.User
	body []byte
	app  *app     // of the path
	m    *machine // of the path
}

// reply is an answer. raw is written as it is; otherwise body is, as JSON; with neither there is no body.
type reply struct {
	status int
	header http.Header
	body   any
	raw    []byte
}

func ok(body any) (reply, error) { return reply{status: http.StatusOK, body: body}, nil }

// endpoint answers one kind of request.
type endpoint struct {
	do func(*call) (reply, error)
	// open says that do takes the world's lock itself, because it waits. Otherwise the world is locked while it runs.
	open bool
	// changes says that the machine of the path changes: it has to be there, and its lease the caller's.
	changes bool
	// leased says that it changes in a way that a lease does not prevent: clients set metadata without their nonce.
	leased bool
	// limit is the name under which the calls are counted; "": not limited.
	limit string
}

// Handler serves all interfaces: the Machines API beneath /v1, GraphQL at /graphql, the web REST interface beneath
// /api/v1, the metrics beneath /prometheus.
func (w *World) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, e := range w.endpoints() {
		mux.Handle(pattern, w.serve(e))
	}
	mux.Handle("/", w.serve(endpoint{do: func(c *call) (reply, error) {
		return reply{}, errNotFound("no such endpoint: %s %s", c.Method, c.URL.Path)
	}}))
	return mux
}

func (w *World) endpoints() map[string]endpoint {
	all := map[string]endpoint{}
	for _, part := range []map[string]endpoint{
		appEndpoints(), machineEndpoints(), leaseEndpoints(), metadataEndpoints(), volumeEndpoints(), secretEndpoints(),
		webEndpoints(), placeEndpoints(), metricsEndpoints(),
		{"POST /graphql": {do: (*call).graphql, open: true}},
	} {
		for p, e := range part {
			all[p] = e
		}
	}
	return all
}

// serve wraps an endpoint: faults, token, body, what the path names, lease, limits.
func (w *World) serve(e endpoint) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.lock()
		w.requests++
		id := w.newULID() + "-" + w.nearest()
		w.unlock()
		rw.Header().Set("fly-request-id", id)
		rw.Header().Set("fly-trace-id", strings.ToLower(id[10:26]))
		if w.spoil(rw, r) {
			return
		}
		rep, err := w.answer(e, r)
		if err != nil {
			rep = errorReply(err, r.URL.Path == "/graphql")
		}
		w.write(rw, r, rep)
	})
}

func (w *World) answer(e endpoint, r *http.Request) (reply, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return reply{}, apiError{http.StatusRequestEntityTooLarge, "request body too large", ""}
		}
		return reply{}, errBadRequest("read body: %v", err)
	}
	c := &call{Request: r, w: w, body: body}
	w.lock()
	locked := true
	defer func() {
		if locked {
			w.unlock()
		}
	}()
	if err := c.prepare(e); err != nil {
		return reply{}, err
	}
	if e.open {
		w.unlock()
		locked = false
	}
	return e.do(c)
}

// prepare checks the token and finds what the path names.
func (c *call) prepare(e endpoint) error {
	w := c.w
	user, ok := w.bearer(c.Header.Get("Authorization"))
	if !ok {
		return apiError{http.StatusUnauthorized, "You must be authenticated to view this.", "UNAUTHORIZED"}
	}
	c.user = user
	if name := c.PathValue("app"); name != "" {
		if c.app = w.apps[name]; c.app == nil {
			return errNotFound("app not found: %s", name)
		}
	}
	if id := c.PathValue("machine"); id != "" {
		c.m = w.machines[id]
		if c.m == nil || c.m.app != c.app {
			c.m = nil
			return errNotFound("machine not found: %s", id)
		}
	}
	if e.limit != "" && w.rateLimit {
		rate, burst, what := 1.0, 3.0, e.limit
		if c.m != nil {
			what += " " + c.m.id
		} else if c.app != nil {
			what += " " + c.app.name
		}
		if e.limit == "machine_get" {
			rate, burst = 5, 10
		}
		if ok, wait := w.allow(what, rate, burst); !ok {
			return limitError{wait}
		}
	}
	if !e.changes && !e.leased {
		return nil
	}
	switch {
	case c.m.gone():
		return errNotFound("machine not found: %s", c.m.id)
	case c.m.unreachable:
		return apiError{http.StatusServiceUnavailable, "unavailable: the host of machine " + c.m.id + " is unreachable", "unknown"}
	}
	if e.leased {
		return nil
	}
	return w.mayChange(c.m, c.nonce())
}

// limitError is a request too many.
type limitError struct{ wait time.Duration }

func (e limitError) Error() string { return "rate limit exceeded" }

func (c *call) nonce() string { return c.Header.Get("fly-machine-lease-nonce") }

// decode reads the body as JSON into v. An empty body is an empty object.
func (c *call) decode(v any) error {
	if len(strings.TrimSpace(string(c.body))) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return errBadRequest("invalid JSON in body: %v", err)
	}
	return nil
}

// bearer is whose token a header carries. Several tokens may come joined by commas.
func (w *World) bearer(header string) (fly.User, bool) {
	if len(w.tokens) == 0 {
		return w.opts.User, true
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "FlyV1") {
		return fly.User{}, false
	}
	rest = strings.TrimPrefix(strings.TrimSpace(rest), "FlyV1 ")
	for t := range strings.SplitSeq(rest, ",") {
		if u, ok := w.tokens[strings.TrimSpace(t)]; ok {
			return u, true
		}
	}
	return fly.User{}, false
}

// errorReply is an error in the form of the interface: that of GraphQL, or the other.
func errorReply(err error, graphql bool) reply {
	rep := reply{status: http.StatusInternalServerError, header: http.Header{}}
	e := apiError{http.StatusInternalServerError, err.Error(), "unknown"}
	var limit limitError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &limit):
		e = apiError{http.StatusTooManyRequests, limit.Error(), "unknown"}
		rep.header.Set("Retry-After", strconv.Itoa(int(limit.wait/time.Second)+1))
	}
	rep.status = e.status
	if graphql && (e.code == "UNAUTHORIZED" || e.status < 500 && e.status != http.StatusTooManyRequests) {
		rep.status = http.StatusOK
		rep.body = gqlErrors(e)
		return rep
	}
	rep.body = map[string]any{"error": e.message, "status": cmp.Or(strings.ToLower(e.code), "unknown")}
	return rep
}

// write sends a reply.
func (w *World) write(rw http.ResponseWriter, r *http.Request, rep reply) {
	for k, vv := range rep.header {
		rw.Header()[k] = vv
	}
	raw := rep.raw
	if raw == nil && rep.body != nil {
		var err error
		if raw, err = json.Marshal(rep.body); err != nil {
			rep.status, raw = http.StatusInternalServerError, []byte(`{"error":"encode answer"}`)
		}
	}
	if raw == nil {
		rw.WriteHeader(rep.status)
		return
	}
	raw = w.garble(raw, r)
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	rw.WriteHeader(rep.status)
	// The client may be gone; there is nobody to tell.
	_, _ = rw.Write(raw)
}
