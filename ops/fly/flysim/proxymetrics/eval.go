package proxymetrics

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sample is a value of a result, with the labels that the expression leaves.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query evaluates an expression at a time. The error is ErrUnknown where it is none of Forms.
func (s *Store) Query(expr string, at time.Time) ([]Sample, error) {
	e, err := parse(expr)
	if err != nil {
		return nil, err
	}
	return e.eval(s, at), nil
}

// Series is a value over time.
type Series struct {
	Labels map[string]string
	At     []time.Time
	Values []float64
}

// MaxSteps is how many points a range may have, as in Prometheus.
const MaxSteps = 11_000

// Range evaluates an expression at every step from a time to another.
func (s *Store) Range(expr string, from, to time.Time, step time.Duration) ([]Series, error) {
	e, err := parse(expr)
	if err != nil {
		return nil, err
	}
	if step <= 0 || to.Before(from) || to.Sub(from)/step >= MaxSteps {
		return nil, fmt.Errorf("exceeded maximum resolution of %d points per timeseries, or no range at all", MaxSteps)
	}
	var out []*Series
	by := map[string]*Series{}
	for at := from; !at.After(to); at = at.Add(step) {
		for _, v := range e.eval(s, at) {
			k := key(v.Labels)
			if by[k] == nil {
				by[k] = &Series{Labels: v.Labels}
				out = append(out, by[k])
			}
			by[k].At, by[k].Values = append(by[k].At, at), append(by[k].Values, v.Value)
		}
	}
	all := make([]Series, len(out))
	for i, x := range out {
		all[i] = *x
	}
	return all, nil
}

// key tells label sets apart.
func key(labels map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(strconv.Quote(k) + strconv.Quote(labels[k]))
	}
	return b.String()
}

func (m matcher) matches(labels map[string]string) bool {
	v := labels[m.label]
	if m.re != nil {
		return m.re.MatchString(v) != m.not
	}
	return (v == m.value) != m.not
}

func (e selector) selects(x *series) bool {
	return x.name == e.name && !slices.ContainsFunc(e.matchers, func(m matcher) bool { return !m.matches(x.labels) })
}

func (e selector) eval(s *Store, at time.Time) []Sample {
	var out []Sample
	for _, x := range s.series {
		if v, _, ok := s.latest(x, at); e.selects(x) && ok {
			out = append(out, Sample{x.labels, v})
		}
	}
	return out
}

func (e overTime) eval(s *Store, at time.Time) []Sample {
	var out []Sample
	for _, x := range s.series {
		if !e.of.selects(x) {
			continue
		}
		var (
			v  float64
			ok bool
		)
		switch e.name {
		case "timestamp":
			var when time.Time
			_, when, ok = s.latest(x, at)
			v = float64(when.UnixMilli()) / 1000
		case "rate":
			v, ok = s.grown(x, at, e.window)
			v /= e.window.Seconds()
		default:
			v, ok = s.grown(x, at, e.window)
		}
		if ok {
			labels := maps.Clone(x.labels)
			delete(labels, "__name__")
			out = append(out, Sample{labels, v})
		}
	}
	return out
}

func (e aggregate) eval(s *Store, at time.Time) []Sample {
	return grouped(e.of.eval(s, at), func(labels map[string]string) map[string]string {
		left := map[string]string{}
		for _, l := range e.by {
			if v := labels[l]; v != "" {
				left[l] = v
			}
		}
		return left
	}, func(ss []Sample) float64 {
		values := make([]float64, len(ss))
		for i, v := range ss {
			values[i] = v.Value
		}
		return aggregates[e.name](values)
	})
}

// grouped puts samples together that are left with the same labels, in the order in which they come.
func grouped(ss []Sample, left func(map[string]string) map[string]string, value func([]Sample) float64) []Sample {
	type group struct {
		labels  map[string]string
		members []Sample
	}
	var all []*group
	by := map[string]*group{}
	for _, v := range ss {
		labels := left(v.Labels)
		k := key(labels)
		if by[k] == nil {
			by[k] = &group{labels: labels}
			all = append(all, by[k])
		}
		by[k].members = append(by[k].members, v)
	}
	out := make([]Sample, 0, len(all))
	for _, g := range all {
		out = append(out, Sample{g.labels, value(g.members)})
	}
	return out
}

func (e quantile) eval(s *Store, at time.Time) []Sample {
	return grouped(e.of.eval(s, at), func(labels map[string]string) map[string]string {
		left := maps.Clone(labels)
		delete(left, "le")
		return left
	}, func(buckets []Sample) float64 { return histogramQuantile(e.q, buckets) })
}

// histogramQuantile is the value below which a share of what was counted lies, in a straight line between the ends of its
// bucket, as Prometheus has it; NaN where nothing was counted.
func histogramQuantile(q float64, buckets []Sample) float64 {
	type bucket struct{ le, n float64 }
	var bb []bucket
	for _, b := range buckets {
		if le, err := strconv.ParseFloat(b.Labels["le"], 64); err == nil {
			bb = append(bb, bucket{le, b.Value})
		}
	}
	slices.SortFunc(bb, func(a, b bucket) int { return cmp.Compare(a.le, b.le) })
	if len(bb) < 2 || !math.IsInf(bb[len(bb)-1].le, 1) || bb[len(bb)-1].n <= 0 {
		return math.NaN()
	}
	rank := q * bb[len(bb)-1].n
	i := slices.IndexFunc(bb, func(b bucket) bool { return b.n >= rank })
	switch {
	case i == len(bb)-1:
		return bb[i-1].le
	case i == 0:
		return bb[0].le * rank / max(bb[0].n, 1e-300)
	}
	low, high := bb[i-1], bb[i]
	return low.le + (high.le-low.le)*(rank-low.n)/max(high.n-low.n, 1e-300)
}

func sum(vv []float64) (out float64) {
	for _, v := range vv {
		out += v
	}
	return out
}

func least(vv []float64) float64 { return slices.Min(vv) }
func most(vv []float64) float64  { return slices.Max(vv) }
func mean(vv []float64) float64  { return sum(vv) / float64(len(vv)) }
func count(vv []float64) float64 { return float64(len(vv)) }
