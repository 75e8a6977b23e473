// Package metrics asks a Prometheus, such as the platform keeps for every organization, and reads what it answers: instant
// vectors and matrices (https://prometheus.io/docs/prometheus/latest/querying/api/).
//
// What is not a number, what is infinite, and what is not there, is not known. It is never zero, and a sum with it in it is
// not known either. Nothing here knows what a measurement means, keeps one, or asks by itself.
package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Source carries a question to a Prometheus and its answer back, whole: what is the endpoint beneath /api/v1. The platform's
// client is one; it brings the token, the deadline, the repetition, and errors that say what was tried.
type Source interface {
	Metrics(ctx context.Context, org, what string, query url.Values) (json.RawMessage, error)
}

// ErrPartial says that not all of the storage was asked: every sum would be too small.
var ErrPartial = errors.New("the answer is only a part: some of the storage did not answer")

// Client asks about one organization. Its fields are set once, before it is used.
type Client struct {
	Source Source
	Org    string // slug
}

// Labels are what tells series apart, without the name of the metric where the expression drops it.
type Labels map[string]string

// Sample is the value of one series at one time.
type Sample struct {
	Labels Labels
	Point
}

// Series is one series over time, the oldest point first.
type Series struct {
	Labels Labels
	Points []Point
}

// Point is a value at a time. A value that is not known is NaN; it is never infinite.
type Point struct {
	At    time.Time
	Value float64
}

// Known says whether a value is one.
func Known(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Sum adds what samples say. It is NaN where there is none, or where one of them is not known.
func Sum(ss []Sample) float64 {
	if len(ss) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, s := range ss {
		sum += s.Value
	}
	return sum
}

// Query evaluates an expression that gives a vector or a scalar at a time; zero: now, by the clock of who answers. A scalar
// is a sample without labels. There are no samples where nothing matches.
func (c *Client) Query(ctx context.Context, expr string, at time.Time) ([]Sample, error) {
	q := url.Values{"query": {expr}}
	if !at.IsZero() {
		q.Set("time", seconds(at))
	}
	a, err := c.ask(ctx, "query", expr, q)
	if err != nil {
		return nil, err
	}
	return a.vector, nil
}

// QueryRange evaluates an expression at every step from a time to another, both included.
func (c *Client) QueryRange(ctx context.Context, expr string, from, to time.Time, step time.Duration) ([]Series, error) {
	if step <= 0 || to.Before(from) {
		return nil, fmt.Errorf("evaluate %s: from %s to %s every %s is no range", brief(expr), from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), step)
	}
	a, err := c.ask(ctx, "query_range", expr, url.Values{
		"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
	if err != nil {
		return nil, err
	}
	return a.matrix, nil
}

func (c *Client) ask(ctx context.Context, what, expr string, q url.Values) (answer, error) {
	raw, err := c.Source.Metrics(ctx, c.Org, what, q)
	var a answer
	if err == nil {
		a, err = decode(raw)
	}
	if err == nil && (what == "query") != (a.kind == kindVector || a.kind == kindScalar) {
		err = fmt.Errorf("the answer to %s is a %s", what, a.kind)
	}
	if err != nil {
		return answer{}, fmt.Errorf("evaluate %s: %w", brief(expr), err)
	}
	return a, nil
}

// brief is an expression for an error.
func brief(expr string) string {
	const most = 120
	if len(expr) <= most {
		return expr
	}
	return strings.ToValidUTF8(expr[:most], "") + "…"
}

// seconds is a time as the API reads it.
func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// Equals is a label's matcher for a value, whatever is in it.
func Equals(label, value string) string { return label + "=" + strconv.Quote(value) }

// OneOf is a label's matcher for any of some values that are no regular expressions: ids and names of the platform's.
func OneOf(label string, values []string) string {
	return label + "=~" + strconv.Quote(strings.Join(values, "|"))
}
