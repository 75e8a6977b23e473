// Package proxymetrics is what the simulated platform's proxy counts of the answers that instances give, scraped as often as
// the platform scrapes, and the part of PromQL in which clients ask for it.
//
// It counts what it is told was served, and makes nothing up. An expression that is not of the forms that it knows is
// refused, never guessed at.
package proxymetrics

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// Every is how often the platform scrapes.
const Every = 15 * time.Second

// kept is how many scrapes are remembered: half an hour.
const kept = 120

// lookback is how old the latest sample of a series may be to count as its value.
const lookback = 5 * time.Minute

// Names of the series.
const (
	responses = "fly_app_http_responses_count"
	times     = "fly_app_http_response_time_seconds"
)

// bounds are the upper ends of the histogram's buckets, in seconds, but for the last.
var bounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, math.Inf(1)}

// Instance is whose answers are counted.
type Instance struct{ App, Region, Host, ID string }

// Store holds the counters and their history. The zero value is empty. It is not safe for concurrent use: the world that it
// belongs to guards it.
type Store struct {
	scrapes []time.Time // the oldest first
	gone    int         // how many of them were forgotten
	live    map[Instance]*counters
	series  []*series // in the order in which they came up
}

type series struct {
	name    string
	labels  map[string]string
	value   float64   // of now
	first   int       // the number of the first scrape that saw it
	samples []float64 // what each scrape from then on saw
	over    bool      // no scrape sees it any more
}

// counters are those of one instance.
type counters struct {
	all     []*series
	status  map[int]*series
	buckets []*series
	sum     *series
	count   *series
}

// Served counts an answer.
func (s *Store) Served(i Instance, status int, took time.Duration) {
	c := s.live[i]
	if c == nil {
		if s.live == nil {
			s.live = map[Instance]*counters{}
		}
		c = &counters{status: map[int]*series{}}
		for _, b := range bounds {
			le := "+Inf"
			if !math.IsInf(b, 1) {
				le = strconv.FormatFloat(b, 'f', -1, 64)
			}
			c.buckets = append(c.buckets, s.add(c, i, times+"_bucket", "le", le))
		}
		c.sum, c.count = s.add(c, i, times+"_sum", "", ""), s.add(c, i, times+"_count", "", "")
		s.live[i] = c
	}
	if c.status[status] == nil {
		c.status[status] = s.add(c, i, responses, "status", strconv.Itoa(status))
	}
	c.status[status].value++
	for n, b := range bounds {
		if took.Seconds() <= b {
			c.buckets[n].value++
		}
	}
	c.sum.value += took.Seconds()
	c.count.value++
}

func (s *Store) add(c *counters, i Instance, name, label, value string) *series {
	x := &series{name: name, first: s.gone + len(s.scrapes), labels: map[string]string{
		"__name__": name, "app": i.App, "region": i.Region, "host": i.Host, "instance": i.ID,
	}}
	if label != "" {
		x.labels[label] = value
	}
	s.series, c.all = append(s.series, x), append(c.all, x)
	return x
}

// Forget ends the series of instances that are not there any more.
func (s *Store) Forget(there func(id string) bool) {
	for i, c := range s.live {
		if there(i.ID) {
			continue
		}
		for _, x := range c.all {
			x.over = true
		}
		delete(s.live, i)
	}
}

// Scrape takes a sample of every counter.
func (s *Store) Scrape(at time.Time) {
	s.scrapes = append(s.scrapes, at)
	for _, x := range s.series {
		if !x.over {
			x.samples = append(x.samples, x.value)
		}
	}
	if len(s.scrapes) < 2*kept {
		return
	}
	drop := len(s.scrapes) - kept
	s.scrapes = slices.Clone(s.scrapes[drop:])
	s.gone += drop
	for _, x := range s.series {
		n := min(max(s.gone-x.first, 0), len(x.samples))
		x.samples, x.first = slices.Clone(x.samples[n:]), x.first+n
	}
	s.series = slices.DeleteFunc(s.series, func(x *series) bool { return x.over && len(x.samples) == 0 })
}

// upTo is the number after that of the last scrape that is not later than a time.
func (s *Store) upTo(at time.Time) int {
	n, _ := slices.BinarySearchFunc(s.scrapes, at, func(a, b time.Time) int {
		return cmp.Or(a.Compare(b), -1)
	})
	return s.gone + n
}

// latest is the newest sample of a series at a time, and when it was taken. A series that the newest scrape does not have
// any more has none.
func (s *Store) latest(x *series, at time.Time) (v float64, when time.Time, ok bool) {
	n := s.upTo(at)
	i := n - 1 - x.first
	if n == s.gone || i < 0 || i >= len(x.samples) || at.Sub(s.scrapes[n-1-s.gone]) > lookback {
		return 0, time.Time{}, false
	}
	return x.samples[i], s.scrapes[n-1-s.gone], true
}

// grown is by how much a counter grew in the time before another. As where the platform keeps its metrics, and other than
// Prometheus has it, the sample before the window counts as its beginning, a series that came up in it began at 0, and
// nothing is extrapolated. ok is false where the window has no sample.
func (s *Store) grown(x *series, at time.Time, window time.Duration) (v float64, ok bool) {
	from, to := max(s.upTo(at.Add(-window)), x.first), min(s.upTo(at), x.first+len(x.samples))
	if from >= to {
		return 0, false
	}
	before := 0.0
	if from > x.first {
		before = x.samples[from-1-x.first]
	} else if s.gone > 0 && x.first == s.gone {
		before = x.samples[0] // what was before is forgotten
	}
	return x.samples[to-1-x.first] - before, true
}
