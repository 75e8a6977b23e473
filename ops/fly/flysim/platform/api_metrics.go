package platform

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"ops-console/ops/fly/flysim/proxymetrics"
)

func metricsEndpoints() map[string]endpoint {
	all := map[string]endpoint{}
	for _, method := range []string{"GET", "POST"} {
		all[method+" /prometheus/{org}/api/v1/query"] = endpoint{do: prom((*call).metricsQuery)}
		all[method+" /prometheus/{org}/api/v1/query_range"] = endpoint{do: prom((*call).metricsRange)}
	}
	return all
}

// promError is an error as Prometheus tells it.
type promError struct {
	status int
	kind   string
	err    error
}

func (e promError) Error() string { return e.err.Error() }

func badData(err error) error { return promError{http.StatusBadRequest, "bad_data", err} }

// execution is what Prometheus says of an expression that it cannot evaluate.
func execution(err error) error { return promError{http.StatusUnprocessableEntity, "execution", err} }

// prom makes an endpoint of what answers a question with a kind of result and the result.
func prom(answer func(c *call, q url.Values) (kind string, result any, err error)) func(*call) (reply, error) {
	return func(c *call) (reply, error) {
		q, err := c.promArgs()
		var (
			kind   string
			result any
		)
		if err == nil {
			kind, result, err = answer(c, q)
		}
		var refused promError
		switch {
		case errors.As(err, &refused):
			return reply{status: refused.status, body: map[string]any{"status": "error", "errorType": refused.kind, "error": refused.Error()}}, nil
		case err != nil:
			return reply{}, err
		}
		return ok(map[string]any{"status": "success", "data": map[string]any{"resultType": kind, "result": result}})
	}
}

// promArgs are the arguments of a question, of its address and its body.
func (c *call) promArgs() (url.Values, error) {
	if org := c.PathValue("org"); org != c.w.opts.Org.Slug {
		return nil, errNotFound("organization not found: %s", org)
	}
	if c.w.on("metrics-down") != nil {
		return nil, promError{http.StatusServiceUnavailable, "unavailable", errors.New("cannot reach the storage")}
	}
	q := c.URL.Query()
	if c.Method != http.MethodPost {
		return q, nil
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return nil, badData(err)
	}
	for k, v := range form {
		q[k] = append(q[k], v...)
	}
	return q, nil
}

// promTime is a time as an argument gives it: seconds, or RFC 3339.
func promTime(s string, missing time.Time) (time.Time, error) {
	if s == "" {
		return missing, nil
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && v >= 0 && v < 1e11 {
		return time.UnixMilli(int64(v * 1000)).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, badData(fmt.Errorf("cannot parse %q to a valid timestamp", s))
	}
	return t, nil
}

// promStep is the width of a range's steps: seconds, or a duration.
func promStep(s string) (time.Duration, error) {
	if v, err := strconv.ParseFloat(s, 64); err == nil && v > 0 && v < 1e9 {
		return time.Duration(v * float64(time.Second)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, badData(fmt.Errorf("cannot parse %q to a valid duration", s))
	}
	return d, nil
}

// promValue is a value with its time.
func promValue(at time.Time, v float64) [2]any {
	return [2]any{float64(at.UnixMilli()) / 1000, strconv.FormatFloat(v, 'f', -1, 64)}
}

func (c *call) metricsQuery(q url.Values) (kind string, result any, err error) {
	at, err := promTime(q.Get("time"), c.w.now)
	if err != nil {
		return "", nil, err
	}
	ss, err := c.w.traffic.store.Query(q.Get("query"), at)
	if err != nil {
		return "", nil, execution(err)
	}
	out := make([]any, 0, len(ss))
	for _, s := range ss {
		out = append(out, map[string]any{"metric": s.Labels, "value": promValue(at, s.Value)})
	}
	return "vector", out, nil
}

func (c *call) metricsRange(q url.Values) (kind string, result any, err error) {
	from, err := promTime(q.Get("start"), time.Time{})
	if err != nil {
		return "", nil, err
	}
	to, err := promTime(q.Get("end"), c.w.now)
	if err != nil {
		return "", nil, err
	}
	step, err := promStep(q.Get("step"))
	if err != nil {
		return "", nil, err
	}
	ss, err := c.w.traffic.store.Range(q.Get("query"), from, to, step)
	switch {
	case errors.Is(err, proxymetrics.ErrUnknown):
		return "", nil, execution(err)
	case err != nil:
		return "", nil, badData(err)
	}
	out := make([]any, 0, len(ss))
	for _, s := range ss {
		values := make([][2]any, len(s.At))
		for i, at := range s.At {
			values[i] = promValue(at, s.Values[i])
		}
		out = append(out, map[string]any{"metric": s.Labels, "values": values})
	}
	return "matrix", out, nil
}
