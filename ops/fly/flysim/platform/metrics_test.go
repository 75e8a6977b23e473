package platform_test

import (
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/metrics"
)

// visited is a world that visitors come to, its time, and a client of its metrics.
func visited(t *testing.T, images ...string) (*platform.World, *time.Time, *metrics.Client) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	w := platform.NewWorld(platform.Options{Token: "fo1_world", Now: func() time.Time { return now }})
	t.Cleanup(func() { w.Close() })
	for _, image := range images {
		if _, err := w.AddMachine(platform.MachineSpec{Region: "ord", Image: "registry.fly.io/changelog:" + image}); err != nil {
			t.Fatal(err)
		}
	}
	s := httptest.NewServer(w.Handler())
	t.Cleanup(s.Close)
	c := fly.New(fly.Options{MetricsURL: s.URL + "/prometheus", Token: fly.StaticToken("fo1_world"), Tries: 1})
	t.Cleanup(c.Close)
	w.Visitors("changelog", 20)
	return w, &now, &metrics.Client{Source: c, Org: w.Org().Slug}
}

func value(t *testing.T, c *metrics.Client, expr string) float64 {
	t.Helper()
	ss, err := c.Query(t.Context(), expr, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return metrics.Sum(ss)
}

func TestAnImageWithErrorsIsWellByItsChecksAndIllByItsMetrics(t *testing.T) {
	w, now, c := visited(t, "deployment-1", "deployment-2-errors", "deployment-3-slow")
	*now = now.Add(3 * time.Minute)
	ids := map[string]string{}
	for _, i := range w.Instances() {
		ids[i.Image[strings.LastIndexByte(i.Image, ':')+1:]] = i.ID
	}
	all := value(t, c, `sum(increase(fly_app_http_responses_count{app="changelog"}[1m]))`)
	if all != 1200 {
		t.Errorf("%v answers a minute", all)
	}
	share := func(image string) float64 {
		of := metrics.Equals("instance", ids[image])
		bad := value(t, c, `sum(increase(fly_app_http_responses_count{status=~"5..",`+of+`}[2m]))`)
		if math.IsNaN(bad) {
			bad = 0
		}
		return bad / value(t, c, `sum(increase(fly_app_http_responses_count{`+of+`}[2m]))`)
	}
	if got := share("deployment-1"); got != 0 {
		t.Errorf("a good image: %v", got)
	}
	if got := share("deployment-2-errors"); got < .1 || got > .3 {
		t.Errorf("one with errors: %v", got)
	}
	p99 := func(image string) float64 {
		return value(t, c, `histogram_quantile(0.99, sum by (le) (rate(fly_app_http_response_time_seconds_bucket{`+metrics.Equals("instance", ids[image])+`}[2m])))`)
	}
	if good, slow := p99("deployment-1"), p99("deployment-3-slow"); good > .1 || slow < 1 {
		t.Errorf("p99 is %v and %v", good, slow)
	}
	for _, i := range w.Instances() {
		if i.Behaviour.Health != 0 || i.Behaviour.Dead {
			t.Errorf("%s is ill by its checks: %+v", i.Image, i.Behaviour)
		}
	}
}

func TestMetricsThatDoNotComeInAreKnownByTheirTime(t *testing.T) {
	w, now, c := visited(t, "deployment-1")
	*now = now.Add(time.Minute)
	const when = `max(timestamp(fly_app_http_responses_count))`
	age := func() float64 {
		ss, err := c.Query(t.Context(), when, time.Time{})
		if err != nil || len(ss) != 1 {
			t.Fatal(ss, err)
		}
		return float64(ss[0].At.UnixMilli())/1000 - ss[0].Value
	}
	if got := age(); got > 15 {
		t.Errorf("they are %v s old", got)
	}
	if err := w.SetFault(platform.Fault{Name: "metrics-stale"}); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Minute)
	if got := age(); got < 60 {
		t.Errorf("they are %v s old", got)
	}
	if err := w.SetFault(platform.Fault{Name: "metrics-down"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Query(t.Context(), when, time.Time{}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v", err)
	}
}

func TestRequestsGoWhereTheyAreAnswered(t *testing.T) {
	w, now, c := visited(t, "deployment-1", "deployment-1", "deployment-1", "deployment-1")
	ii := w.Instances()
	for _, f := range []string{"cordoned " + ii[0].ID, "health " + ii[1].ID + " 503", "errors " + ii[2].ID + " 100"} {
		f, err := platform.ParseFault(f)
		if err == nil {
			err = w.SetFault(f)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	*now = now.Add(time.Minute) // the checks notice, and what was on its way has come
	served := func(i platform.Instance, status string) float64 {
		v := value(t, c, `sum(increase(fly_app_http_responses_count{`+metrics.Equals("instance", i.ID)+`,status=~"`+status+`"}[30s]))`)
		if math.IsNaN(v) {
			return 0
		}
		return v
	}
	for n, want := range []bool{false, false, false, true} {
		if got := served(ii[n], "2.."); (got > 0) != want {
			t.Errorf("machine %d served %v", n, got)
		}
	}
	if got := served(ii[2], "5.."); got == 0 {
		t.Error("the one with errors has none")
	}
	if i, ok := w.Route("changelog"); !ok || i.ID != ii[2].ID && i.ID != ii[3].ID {
		t.Errorf("a request goes to %v", i)
	}
	if _, ok := w.Route("nothing"); ok {
		t.Error("a request goes to an app that there is not")
	}
}

func TestOtherExpressionsAreRefusedAsPrometheusDoes(t *testing.T) {
	_, now, c := visited(t, "deployment-1")
	*now = now.Add(time.Minute)
	_, err := c.Query(t.Context(), `predict_linear(up[1h], 60)`, time.Time{})
	if err == nil || !strings.Contains(err.Error(), "422") || !strings.Contains(err.Error(), "it knows METRIC{") {
		t.Errorf("got %v", err)
	}
	rr, err := c.QueryRange(t.Context(), `sum(increase(fly_app_http_responses_count[15s]))`, now.Add(-time.Minute), *now, 15*time.Second)
	if err != nil || len(rr) != 1 || len(rr[0].Points) != 3 {
		t.Errorf("got %+v, %v", rr, err)
	}
	c.Org = "somebody-else"
	if _, err := c.Query(t.Context(), "up", time.Time{}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}
