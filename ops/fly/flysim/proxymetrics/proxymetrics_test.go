package proxymetrics_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ops-console/ops/fly/flysim/proxymetrics"
)

var (
	begin = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	one   = proxymetrics.Instance{App: "changelog", Region: "ord", Host: "h1", ID: "a1"}
	two   = proxymetrics.Instance{App: "changelog", Region: "iad", Host: "h2", ID: "b2"}
	other = proxymetrics.Instance{App: "pghero", Region: "ord", Host: "h1", ID: "c3"}
)

// told is a store in which one instance serves ten answers and another one five between two scrapes, for four scrapes; the
// second fails with two of its five.
func told() *proxymetrics.Store {
	s := &proxymetrics.Store{}
	for n := range 4 {
		for range 10 {
			s.Served(one, 200, 30*time.Millisecond)
		}
		for i := range 5 {
			s.Served(two, 200+300*min(i/3, 1), 300*time.Millisecond)
		}
		s.Served(other, 200, time.Minute)
		s.Scrape(begin.Add(time.Duration(n) * proxymetrics.Every))
	}
	return s
}

func at(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

func TestExpressions(t *testing.T) {
	l := func(kv ...string) map[string]string {
		out := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i]] = kv[i+1]
		}
		return out
	}
	type samples = []proxymetrics.Sample
	for expr, want := range map[string]samples{
		`sum(increase(fly_app_http_responses_count{app="changelog"}[30s]))`:                                              {{l(), 30}},
		`sum (rate(fly_app_http_responses_count{app="changelog"}[30s]))`:                                                 {{l(), 1}},
		`sum by (status) (increase(fly_app_http_responses_count{app="changelog"}[30s]))`:                                 {{l("status", "200"), 26}, {l("status", "500"), 4}},
		`sum(increase(fly_app_http_responses_count{app="changelog",status=~"5.."}[30s])) by (instance)`:                  {{l("instance", "b2"), 4}},
		`sum(increase(fly_app_http_responses_count{app="changelog",status!~"5.."}[1m]))`:                                 {{l(), 52}},
		`sum(fly_app_http_responses_count{app!="pghero", region="ord"})`:                                                 {{l(), 40}},
		`count(fly_app_http_responses_count)`:                                                                            {{l(), 4}},
		`max(timestamp(fly_app_http_responses_count{app="changelog"}))`:                                                  {{l(), float64(at(45).Unix())}},
		`avg by (app, region) (increase(fly_app_http_response_time_seconds_count{region="iad"}[15s]))`:                   {{l("app", "changelog", "region", "iad"), 5}},
		`increase(fly_app_http_response_time_seconds_sum{instance="b2"}[15s])`:                                           {{l("app", "changelog", "region", "iad", "host", "h2", "instance", "b2"), 1.5}},
		`histogram_quantile(0.5, sum by (le) (rate(fly_app_http_response_time_seconds_bucket{app="changelog"}[30s])))`:   {{l(), .025 + .025*.75}},
		`histogram_quantile(0.99, sum by (le) (rate(fly_app_http_response_time_seconds_bucket{instance=~"b2|x"}[30s])))`: {{l(), .25 + .25*.99}},
		`histogram_quantile(1, sum by (le) (rate(fly_app_http_response_time_seconds_bucket{app="pghero"}[30s])))`:        {{l(), 10}},
		`histogram_quantile(0.5, sum by (le) (rate(fly_app_http_response_time_seconds_bucket{app="none"}[30s])))`:        {},
		`nothing{app="changelog"}`: {},
	} {
		got, err := told().Query(expr, at(50))
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if d := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", expr, d)
		}
	}
}

func TestWhatItDoesNotKnowItRefuses(t *testing.T) {
	for _, expr := range []string{
		"", "1", "a / b", "sum(a", "sum(a))", "a{", `a{b}`, `a{b="c}`, `a{b="c"`, `a{b~"c"}`, `a{b=~"("}`, "rate(a)", "rate(a[])", "rate(a[0s])", "rate(a[-1m])",
		"rate(sum(a)[1m])", "topk(3, a)", "histogram_quantile(2, a)", "histogram_quantile(x, a)", "sum by (", "sum by (1) (a)", "a offset 5m", "a[1m]", "-a", "\x00",
		strings.Repeat("sum(", 100) + "a" + strings.Repeat(")", 100), strings.Repeat("a", 70_000),
	} {
		if got, err := told().Query(expr, at(50)); !errors.Is(err, proxymetrics.ErrUnknown) {
			t.Errorf("%.40q: got %v, %v", expr, got, err)
		}
	}
}

func TestASeriesEndsWithItsInstance(t *testing.T) {
	s := told()
	s.Forget(func(id string) bool { return id != "b2" })
	s.Scrape(at(60))
	ask := func(expr string, when time.Time) float64 {
		t.Helper()
		got, err := s.Query(expr, when)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			return -1
		}
		return got[0].Value
	}
	const now, then = `sum(fly_app_http_responses_count{instance="b2"})`, `sum(increase(fly_app_http_responses_count{instance="b2"}[1m]))`
	if n := ask(now, at(59)); n != 20 {
		t.Errorf("before: %v", n)
	}
	if n := ask(now, at(60)); n != -1 {
		t.Errorf("after: %v", n)
	}
	if n := ask(then, at(60)); n != 15 {
		t.Errorf("what it served within a minute: %v", n)
	}
	if n := ask(then, at(200)); n != -1 {
		t.Errorf("a minute without a sample of it: %v", n)
	}
	// Where nothing is scraped any more, the last value stands for a while, and its time says how old it is.
	if n := ask(`max(timestamp(fly_app_http_responses_count))`, at(300)); n != float64(at(60).Unix()) {
		t.Errorf("of when: %v", n)
	}
	if n := ask(`max(timestamp(fly_app_http_responses_count))`, at(400)); n != -1 {
		t.Errorf("too old: %v", n)
	}
}

func TestARange(t *testing.T) {
	got, err := told().Range(`sum by (status) (increase(fly_app_http_responses_count{instance="b2"}[15s]))`, at(0), at(45), 15*time.Second)
	if err != nil || len(got) != 2 || len(got[0].At) != 4 || got[1].Values[3] != 2 || !got[1].At[3].Equal(at(45)) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, step := range []time.Duration{0, time.Millisecond} {
		if _, err := told().Range("a", at(0), at(45), step); err == nil {
			t.Errorf("a step of %s", step)
		}
	}
}

// Whatever was served and forgotten: the growth of a counter over all scrapes that are remembered is never more than what was
// served, and of adjoining windows the sum is that of the whole.
func TestGrowthAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &proxymetrics.Store{}
		n := rapid.IntRange(2, 400).Draw(t, "scrapes")
		served := 0
		for k := range n {
			for range rapid.IntRange(0, 3).Draw(t, "answers") {
				s.Served(one, 200, time.Millisecond)
				served++
			}
			s.Scrape(at(15 * k))
		}
		end, half := at(15*(n-1)), rapid.IntRange(1, 40).Draw(t, "half")
		grown := func(to time.Time, window int) float64 {
			got, err := s.Query(fmt.Sprintf(`sum(increase(fly_app_http_responses_count[%ds]))`, window), to)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 0 {
				return 0
			}
			return got[0].Value
		}
		a, b := grown(end, 15*half), grown(end.Add(-time.Duration(half)*proxymetrics.Every), 15*half)
		if whole := grown(end, 30*half); whole != a+b || whole > float64(served) {
			t.Fatalf("%v and %v are not %v; %d were served", a, b, whole, served)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add(`histogram_quantile(0.99, sum by (le) (rate(m{app="x",instance=~"a|b"}[1m])))`)
	f.Add(`max(timestamp(m))`)
	s := told()
	f.Fuzz(func(t *testing.T, expr string) {
		got, err := s.Query(expr, at(50))
		if err != nil && (!errors.Is(err, proxymetrics.ErrUnknown) || got != nil) {
			t.Fatalf("got %v, %v", got, err)
		}
		for _, v := range got {
			if math.IsInf(v.Value, 0) {
				t.Fatalf("%v", v)
			}
		}
	})
}
