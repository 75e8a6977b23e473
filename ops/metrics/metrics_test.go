package metrics_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ops-console/ops/fly"
	"ops-console/ops/metrics"
)

// told is a source that always says the same.
type told string

func (t told) Metrics(context.Context, string, string, url.Values) (json.RawMessage, error) {
	return json.RawMessage(t), nil
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// The answers are those of Prometheus' documentation of its HTTP API, and what VictoriaMetrics adds.
func TestAnswers(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		answer string
		want   []metrics.Sample
		err    string
	}{
		"a vector": {
			`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"prometheus"},"value":[1435781451.781,"1"]},{"metric":{"job":"node"},"value":[1435781451.781,"0.25"]}]}}`,
			[]metrics.Sample{
				{Labels: metrics.Labels{"__name__": "up", "job": "prometheus"}, Point: metrics.Point{At: at(1435781451781), Value: 1}},
				{Labels: metrics.Labels{"job": "node"}, Point: metrics.Point{At: at(1435781451781), Value: 0.25}},
			},
			"",
		},
		"nothing":            {`{"status":"success","data":{"resultType":"vector","result":[]}}`, []metrics.Sample{}, ""},
		"a scalar":           {`{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}`, []metrics.Sample{{Point: metrics.Point{At: at(1000), Value: 3}}}, ""},
		"no number":          {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"NaN"]}]}}`, []metrics.Sample{{Labels: metrics.Labels{}, Point: metrics.Point{At: at(1000), Value: nan}}}, ""},
		"an infinite one":    {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"+Inf"]}]}}`, []metrics.Sample{{Labels: metrics.Labels{}, Point: metrics.Point{At: at(1000), Value: nan}}}, ""},
		"one out of range":   {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1e999"]}]}}`, []metrics.Sample{{Labels: metrics.Labels{}, Point: metrics.Point{At: at(1000), Value: nan}}}, ""},
		"a native histogram": {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"3"}]}]}}`, []metrics.Sample{{Labels: metrics.Labels{}, Point: metrics.Point{Value: nan}}}, ""},
		"with a warning":     {`{"status":"success","warnings":["x"],"data":{"resultType":"vector","result":[]}}`, []metrics.Sample{}, ""},
		"a part":             {`{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[]}}`, nil, "only a part"},
		"refused":            {`{"status":"error","errorType":"bad_data","error":"parse \u001b[31m error"}`, nil, "bad_data: parse  error"},
		"a matrix":           {`{"status":"success","data":{"resultType":"matrix","result":[]}}`, nil, "the answer to query is a matrix"},
		"a text":             {`{"status":"success","data":{"resultType":"string","result":[1,"x"]}}`, nil, `not read here: "string"`},
		"a number for text":  {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,1]}]}}`, nil, "a value"},
		"half a pair":        {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}}`, nil, "has 1 parts"},
		"no time":            {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1e300,"1"]}]}}`, nil, "1e+300 is none"},
		"something else":     {`{"error":"not found"}`, nil, "its status is"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&metrics.Client{Source: told(c.answer), Org: "o"}).Query(t.Context(), "up", time.Time{})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.HasPrefix(err.Error(), "evaluate up: ") {
					t.Fatalf("got %v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestARange(t *testing.T) {
	c := &metrics.Client{Org: "o", Source: told(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"1"],[16,"NaN"],[31,"3"]]}]}}`)}
	got, err := c.QueryRange(t.Context(), "up", at(1000), at(31000), 15*time.Second)
	want := []metrics.Series{{Labels: metrics.Labels{"a": "b"}, Points: []metrics.Point{{At: at(1000), Value: 1}, {At: at(16000), Value: math.NaN()}, {At: at(31000), Value: 3}}}}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" || err != nil {
		t.Error(d, err)
	}
	if _, err := c.QueryRange(t.Context(), "up", at(2), at(1), time.Second); err == nil {
		t.Error("a range that ends before it begins is asked for")
	}
}

func TestASumWithSomethingUnknownInItIsNotKnown(t *testing.T) {
	two := []metrics.Sample{{Point: metrics.Point{Value: 1}}, {Point: metrics.Point{Value: 2}}}
	if got := metrics.Sum(two); got != 3 {
		t.Errorf("got %v", got)
	}
	for _, ss := range [][]metrics.Sample{nil, append(two, metrics.Sample{Point: metrics.Point{Value: math.NaN()}})} {
		if got := metrics.Sum(ss); metrics.Known(got) {
			t.Errorf("got %v", got)
		}
	}
}

// asked is a client of a server, as the console has one.
func asked(t *testing.T, token string, h http.HandlerFunc) *metrics.Client {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c := fly.New(fly.Options{MetricsURL: s.URL + "/prometheus", Token: fly.StaticToken(token), Retry: time.Millisecond})
	t.Cleanup(c.Close)
	return &metrics.Client{Source: c, Org: "acme"}
}

const empty = `{"status":"success","data":{"resultType":"vector","result":[]}}`

func TestWhatIsAsked(t *testing.T) {
	for token, want := range map[string]string{"fo1_abc": "Bearer fo1_abc", "FlyV1 fm2_abc": "FlyV1 fm2_abc"} {
		c := asked(t, token, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Authorization"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if r.URL.Path != "/prometheus/acme/api/v1/query" || r.URL.Query().Get("query") != `up{app="a"}` || r.URL.Query().Get("time") != "1.500" {
				t.Errorf("got %s", r.URL)
			}
			_, _ = io.WriteString(w, empty)
		})
		if _, err := c.Query(t.Context(), `up{app="a"}`, at(1500)); err != nil {
			t.Error(err)
		}
	}
}

func TestARefusalSaysWhatWasTriedAndKeepsTheTokenSecret(t *testing.T) {
	c := asked(t, "fo1_secretsecret", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"status":"error","errorType":"execution","error":"unknown function \"frob\" (fo1_secretsecret)"}`)
	})
	_, err := c.Query(t.Context(), "frob(up)", time.Time{})
	if err == nil || !errors.Is(err, fly.ErrInvalid) || strings.Contains(err.Error(), "secretsecret") {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"evaluate frob(up)", "ask the metrics of acme", "422", `unknown function "frob"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

func TestItWaitsAsLongAsItIsToldTo(t *testing.T) {
	var times []time.Time
	c := asked(t, "fo1_a", func(w http.ResponseWriter, r *http.Request) {
		if times = append(times, time.Now()); len(times) == 1 {
			w.Header().Set("Retry-After", "0.3")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, _ = io.WriteString(w, empty)
	})
	if _, err := c.Query(t.Context(), "up", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if len(times) != 2 || times[1].Sub(times[0]) < 300*time.Millisecond {
		t.Errorf("asked at %v", times)
	}
	// Where the wait is longer than the deadline, it gives up at once.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c = asked(t, "fo1_a", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if _, err := c.Query(ctx, "up", time.Time{}); !errors.Is(err, fly.ErrRateLimited) {
		t.Errorf("got %v", err)
	}
}

func TestADeadlineEndsIt(t *testing.T) {
	c := asked(t, "fo1_a", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Query(ctx, "up", time.Time{}); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, fly.ErrTimeout) {
		t.Errorf("got %v", err)
	}
}

func TestMatchers(t *testing.T) {
	if got := metrics.Equals("app", `a"b\`+"\n"); got != `app="a\"b\\\n"` {
		t.Errorf("got %s", got)
	}
	if got := metrics.OneOf("instance", []string{"a1", "b2"}); got != `instance=~"a1|b2"` {
		t.Errorf("got %s", got)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1435781451.781,"1"]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"NaN"],[2,"-Inf"]]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"scalar","result":[0,"0x1p-2"]}}`)
	f.Add(`{"status":"error","errorType":"x","error":"y"}`)
	f.Fuzz(func(t *testing.T, answer string) {
		c := &metrics.Client{Source: told(answer), Org: "o"}
		good := func(p metrics.Point) {
			if math.IsInf(p.Value, 0) || !p.At.IsZero() && (p.At.Year() < 1970 || p.At.Year() > 9999) {
				t.Fatalf("%v is a point", p)
			}
		}
		ss, err := c.Query(t.Context(), "up", time.Time{})
		for _, s := range ss {
			good(s.Point)
		}
		rr, rerr := c.QueryRange(t.Context(), "up", at(0), at(1), time.Second)
		for _, r := range rr {
			for _, p := range r.Points {
				good(p)
			}
		}
		if err == nil && rerr == nil {
			t.Fatal("one answer is a vector and a matrix")
		}
	})
}
