package paint_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"ops-console/ops/replication"
	"ops-console/tui/glyph"
	"ops-console/tui/paint"
)

func seconds(v float64) *float64 { return &v }

func TestLagHasNoMoreDigitsThanItsBoundsAllow(t *testing.T) {
	between := func(lo, est, hi float64) replication.Lag {
		return replication.Lag{Kind: replication.LagBounded, Lo: seconds(lo), Est: seconds(est), Hi: seconds(hi)}
	}
	for _, c := range []struct {
		lag  replication.Lag
		want string
	}{
		{replication.Lag{}, "?"},
		{replication.Lag{Kind: replication.LagUnknown}, "?"},
		{replication.Lag{Kind: replication.LagCaughtUp, Lo: seconds(0), Hi: seconds(0.2), Est: seconds(0)}, "<1s"},
		{replication.Lag{Kind: replication.LagCaughtUp, Lo: seconds(0), Hi: seconds(2.2), Est: seconds(0)}, "<3s"},
		{replication.Lag{Kind: replication.LagCaughtUp}, "caught up"},
		{between(0.02, 0.1, 0.22), "<1s"},
		{between(0.33, 0.34, 0.36), "340ms"},
		{between(0.1, 0.5, 2.4), "<3s"},
		{between(11.9, 12.4, 12.9), "12.4s ±0.5"},
		{between(12.38, 12.4, 12.41), "12.4s"},
		{between(10, 12.4, 15), "12s ±3"},
		{between(361.9, 362, 362.1), "6m 2s"},
		{between(360, 362, 364), "6m 2s ±2s"},
		{between(300, 400, 500), "~6m 40s"},
		{between(5, 50, 2), "5s"}, // bounds that contradict each other
		{replication.Lag{Kind: replication.LagAtLeast, Lo: seconds(134)}, "≥2m 14s"},
		{replication.Lag{Kind: replication.LagBounded, Lo: seconds(134)}, "≥2m 14s"},
		{replication.Lag{Kind: replication.LagBounded, Hi: seconds(2.5)}, "<3s"},
		{replication.Lag{Kind: replication.LagBounded}, "?"},
		{replication.Lag{Kind: replication.LagAtLeast}, "?"},
		{replication.Lag{Kind: replication.LagHint, Est: seconds(185)}, "~3m 5s"},
		{replication.Lag{Kind: replication.LagHint, Est: seconds(math.NaN())}, "?"},
	} {
		if got := paint.Lag(glyph.Unicode(), c.lag); got != c.want {
			t.Errorf("%+v is %q, want %q", c.lag, got, c.want)
		}
	}
	if got := paint.Lag(glyph.ASCII(), between(11.9, 12.4, 12.9)); got != "12.4s +-0.5" {
		t.Errorf("in ASCII %q", got)
	}
}

func TestLagNeverSaysNothingIsBehindWhereNothingIsKnown(t *testing.T) {
	any := rapid.OneOf(rapid.Just[*float64](nil), rapid.Map(rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), -3, 0, 0.3, 7, 1e12, 1e300}), seconds))
	kinds := []replication.LagKind{"", "nonsense", replication.LagUnknown, replication.LagCaughtUp, replication.LagBounded, replication.LagAtLeast, replication.LagHint}
	rapid.Check(t, func(t *rapid.T) {
		l := replication.Lag{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Lo: any.Draw(t, "lo"), Hi: any.Draw(t, "hi"), Est: any.Draw(t, "est")}
		got := paint.Lag(glyph.Unicode(), l)
		if got == "" || l.Lo == nil && l.Hi == nil && l.Est == nil && got != "?" && got != "caught up" {
			t.Fatalf("%+v is %q", l, got)
		}
		if n := paint.Width(got, glyph.Unicode()); n > 16 {
			t.Fatalf("%q has %d cells", got, n)
		}
	})
}
