package health_test

import (
	"testing"
	"time"

	"ops-console/ops/fly/flysim"
	"ops-console/ops/health"
)

// BenchmarkSweepTunnel is a sweep of 1,000 machines through a WireGuard tunnel on loopback, with both ends of it and
// all instances in this process. The first sweep, which connects, is reported beside those that follow.
func BenchmarkSweepTunnel(b *testing.B) {
	sim, s := join(b, flysim.Options{Scenario: "big"})
	if err := flysim.Control(b.Context(), sim.Dir(), []string{"clear"}, b.Output()); err != nil {
		b.Fatal(err)
	}
	sweeper, err := health.NewSweeper(b.Context(), s.HealthOptions())
	if err != nil {
		b.Fatal(err)
	}
	defer sweeper.Close()
	start := time.Now()
	ok, all, err := sweeper.Sweep(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	first := time.Since(start)
	b.Logf("first sweep: %d of %d well in %s", ok, all, first)
	b.ResetTimer()
	for b.Loop() {
		if ok, all, err = sweeper.Sweep(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("latest sweep: %d of %d well", ok, all)
	b.ReportMetric(first.Seconds()*1000, "first-ms")
	b.ReportMetric(float64(all), "instances")
	b.ReportMetric(float64(ok), "ok")
}
