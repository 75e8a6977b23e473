package health_test

import (
	"testing"
	"time"

	"ops-console/ops/fly/flysim"
	"ops-console/ops/health"
)

// served is how many machines there have to be for 1,000 that serve: one in six is a worker, and one is stopped.
const served = 1201

// BenchmarkSweepTunnel is a sweep of 1,000 instances through a WireGuard tunnel on loopback, with both ends of it and
// all instances in this process. The first sweep, which connects, is reported beside those that follow.
func BenchmarkSweepTunnel(b *testing.B) {
	sim, s := join(b, flysim.Options{Scenario: "big", Instances: served})
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
