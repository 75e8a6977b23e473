package flysim

import (
	"testing"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/metrics"
)

// A world has the metrics of the minutes before it began, so that a deployment has something to compare with at once.
func TestThereWereVisitorsBeforeTheWorldBegan(t *testing.T) {
	s, err := Start(t.Context(), Options{Dir: t.TempDir(), Scenario: "incident"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c := fly.New(fly.Options{MetricsURL: s.URL() + "/prometheus", Token: fly.FileToken(s.Dir() + "/" + tokenFile)})
	t.Cleanup(c.Close)
	m := &metrics.Client{Source: c, Org: s.World().Org().Slug}
	for expr, least := range map[string]float64{
		`sum(increase(fly_app_http_responses_count{app="changelog"}[10m]))`:                                             9 * 60 * visitorsPerSecond,
		`count(fly_app_http_responses_count{app="changelog",status="200"})`:                                             5,
		`histogram_quantile(0.99, sum by (le) (rate(fly_app_http_response_time_seconds_bucket{app="changelog"}[10m])))`: .1,
	} {
		ss, err := m.Query(t.Context(), expr, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if got := metrics.Sum(ss); !(got >= least) {
			t.Errorf("%s is %v", expr, got)
		}
	}
}
