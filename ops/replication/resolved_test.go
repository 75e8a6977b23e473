package replication

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhatIsShorterThanAMeasurementCanTell(t *testing.T) {
	for _, tt := range []struct {
		v, resolution float64
		want          string
	}{
		{0, 0.2, "<0.2s"},
		{0.0003, 0.2, "<0.2s"},
		{0.19, 0.2, "<0.2s"},
		{0.23, 0.21, "0.3s"},
		{0.62, 0.21, "0.6s"},
		{73, 0.3, "1m 13s"},
		{0, 0.0041, "<5ms"},
		{0.0003, 0.041, "<41ms"},
		{0.063, 0.041, "63ms"},
		{0, 1.2, "<1.2s"},
		{0.3, 12, "<12s"},
		{0, 0, "<1ms"},
		{0.0003, 0, "<1ms"},
		{0.0003, 0.0001, "<1ms"},
		{0, 1e-10, "<1ms"},
		{0.041, 0, "41ms"},
		{12.1, 0, "12s"},
	} {
		if got := resolved(tt.v, tt.resolution); got != tt.want {
			t.Errorf("%v s measured to %v s: %q, want %q", tt.v, tt.resolution, got, tt.want)
		}
	}
}

func TestNothingMeasuredIsWrittenAsZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(0, 1e5).Draw(t, "v")
		resolution := rapid.Float64Range(0, 100).Draw(t, "resolution")
		got := resolved(v, resolution)
		if strings.HasPrefix(got, "0ms") || strings.HasPrefix(got, "0.0") || strings.HasPrefix(got, "0s") || strings.Contains(got, "<0ms") {
			t.Fatalf("%v s measured to %v s: %q", v, resolution, got)
		}
		if v < resolution != strings.HasPrefix(got, "<") && v >= 0.001 {
			t.Fatalf("%v s measured to %v s: %q", v, resolution, got)
		}
	})
}

func TestProbeText(t *testing.T) {
	near, far := 0.0, 0.31
	r := &ProbeResult{
		Visible:    map[string]*float64{"near": &near, "far": &far, "gone": nil},
		Resolution: map[string]float64{"near": 0.003, "far": 0.117},
	}
	for node, want := range map[string]string{"near": "<3ms", "far": "0.3s", "gone": "", "other": ""} {
		if got := r.Text(node); got != want {
			t.Errorf("%s: %q, want %q", node, got, want)
		}
	}
}
