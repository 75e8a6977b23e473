package replication_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ops-console/ops/replication"
)

func sec(v float64) *float64 { return &v }

func bounds(lo, est, hi float64) replication.Lag {
	return replication.Lag{Lo: &lo, Est: &est, Hi: &hi, Kind: replication.LagBounded}
}

func TestLagString(t *testing.T) {
	tests := []struct {
		lag  replication.Lag
		want string
	}{
		{replication.Lag{}, "?"},
		{replication.Lag{Kind: replication.LagUnknown, Est: sec(0), Lo: sec(0), Hi: sec(0)}, "?"},
		{replication.Lag{Kind: replication.LagCaughtUp, Lo: sec(0), Est: sec(0), Hi: sec(0.22)}, "<0.5s"},
		{replication.Lag{Kind: replication.LagCaughtUp, Lo: sec(0), Est: sec(0), Hi: sec(0)}, "<0.1s"},
		{replication.Lag{Kind: replication.LagCaughtUp, Lo: sec(0), Est: sec(0), Hi: sec(0.93)}, "<1s"},
		{replication.Lag{Kind: replication.LagCaughtUp, Lo: sec(0), Est: sec(0), Hi: sec(134.2)}, "<2m 15s"},
		{bounds(11.9, 12.4, 12.8), "12.4s ±0.5"},
		{bounds(12.37, 12.4, 12.42), "12.4s ±0.1"},
		{bounds(0.01, 0.04, 0.21), "<0.5s"},
		{bounds(0, 0.04, 1), "<1s"},
		{bounds(1.1, 1.2, 1.31), "1.2s ±0.2"},
		{bounds(36, 41, 44), "41s ±5"},
		{bounds(361.2, 361.6, 361.9), "6m 02s ±1s"},
		{bounds(3600, 3700, 3760), "1h 02m ±2m 00s"},
		{replication.Lag{Kind: replication.LagAtLeast, Lo: sec(134.9)}, "≥2m 14s"},
		{replication.Lag{Kind: replication.LagAtLeast, Lo: sec(0.45)}, "≥0.4s"},
		{replication.Lag{Kind: replication.LagAtLeast, Lo: sec(0)}, "?"},
		{replication.Lag{Kind: replication.LagHint, Est: sec(180.2)}, "~3m 00s"},
		{replication.Lag{Kind: replication.LagHint, Est: sec(0)}, "~<0.1s"},
		{replication.Lag{Kind: replication.LagHint}, "?"},
		{replication.Lag{Kind: replication.LagBounded, Hi: sec(1)}, "<1s"},
	}
	for _, tt := range tests {
		if got := tt.lag.String(); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.lag, got, tt.want)
		}
	}
}

// What is shown holds whatever the bounds hold, and no zero is ever shown.
func TestLagStringNeverClaimsMoreThanTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(0, 200_000).Draw(t, "lo")
		width := rapid.Float64Range(0, 5).Draw(t, "width") * rapid.SampledFrom([]float64{0.01, 1, 100}).Draw(t, "scale")
		l := bounds(lo, lo+width*rapid.Float64Range(0, 1).Draw(t, "part"), lo+width)
		kind := rapid.SampledFrom([]replication.LagKind{replication.LagBounded, replication.LagCaughtUp, replication.LagAtLeast}).Draw(t, "kind")
		l.Kind = kind
		if kind == replication.LagAtLeast {
			l.Hi = nil
		}
		s := l.String()
		from, to := shown(t, s)
		if from > lo+1e-6 || l.Hi != nil && to < *l.Hi-1e-6 {
			t.Fatalf("[%v, %v] is shown as %q, which is [%v, %v]", lo, lo+width, s, from, to)
		}
		if regexp.MustCompile(`^[<≥]?0(\.0)?s`).MatchString(s) {
			t.Fatalf("[%v, %v] is shown as %q", lo, lo+width, s)
		}
	})
}

// shown reads what String writes.
func shown(t *rapid.T, s string) (from, to float64) {
	const forever = 1e18
	if s == "?" {
		return 0, forever
	}
	if rest, ok := strings.CutPrefix(s, "<"); ok {
		return 0, length(t, rest)
	}
	if rest, ok := strings.CutPrefix(s, "≥"); ok {
		return length(t, rest), forever
	}
	value, off, ok := strings.Cut(s, " ±")
	if !ok {
		t.Fatalf("cannot read %q", s)
	}
	return length(t, value) - length(t, off), length(t, value) + length(t, off)
}

func length(t *rapid.T, s string) float64 {
	unit := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
	sum := 0.0
	for part := range strings.FieldsSeq(s) {
		number := strings.TrimRight(part, "smhd")
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			t.Fatalf("cannot read %q", s)
		}
		sum += v * unit[part[len(number):]]
	}
	return sum
}
