package guard

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/deploy"
	"ops-console/ops/metrics"
)

const (
	// window is over what time answers are counted, and before over what time they were before the deployment.
	window = "1m"
	before = "10m"
	// enough is how many answers a share needs to be one, and badEnough how many bad ones it takes to be over a limit: at a
	// hundredth, a single one among few is no sign of anything.
	enough, badEnough = 30, 5
	// enoughForP99 is how many answers it takes so that the slowest hundredth is more than one.
	enoughForP99 = 200
	// worse is how many times what was before counts as worse, where the limit is less than that.
	worse = 2
	// quick is a response time that is well whatever it was before.
	quick = 0.5
	// newest is how many of the new machines are looked at on their own.
	newest = 40
)

// theNew is how the machines with the new release are called.
const theNew = "the new machines"

// measured reads 5xx and the response time from the platform's metrics: of the app, and of the machines that have the new
// release already, of which a few among many do not show in the whole.
type measured struct {
	o      Options
	client *metrics.Client
	before *baseline // nil: not read yet
	past   bool      // the readings from before the first were given
}

// baseline is what was measured before the deployment began; NaN: not known.
type baseline struct{ errors, p99 float64 }

// read gives a reading of the share of 5xx and one of the response time.
func (m *measured) read(ctx context.Context, fleet []deploy.Machine) []reading {
	now := m.o.Now()
	s, err := m.sample(ctx, fleet, now)
	if err != nil {
		r := unknown(now, err.Error())
		return []reading{r, r}
	}
	out := []reading{errorsReading(s, m.o.Limits.Errors), p99Reading(s, m.o.Limits.P99)}
	if !m.past {
		m.past = true
		out[0].past = m.course(ctx, s.asked)
	}
	return out
}

// course is how the share of 5xx of the app went in the minutes before a time; nil: that is not known, and not needed either.
func (m *measured) course(ctx context.Context, to time.Time) []float64 {
	const steps = 12
	app := metrics.Equals("app", m.o.Plan.App)
	rr, err := m.client.QueryRange(ctx, "sum by (status) (increase(fly_app_http_responses_count{"+app+"}["+window+"]))", to.Add(-steps*every), to.Add(-every), every)
	if err != nil {
		return nil
	}
	tallies := make([]tally, steps)
	for _, r := range rr {
		for _, p := range r.Points {
			if i := int(p.At.Sub(to.Add(-steps*every)).Round(every) / every); i >= 0 && i < steps {
				tallies[i].count(metrics.Sample{Labels: r.Labels, Point: p})
			}
		}
	}
	out := make([]float64, steps)
	for i := range tallies {
		out[i] = tallies[i].share()
	}
	return out
}

// sample is what was measured at a time.
type sample struct {
	at     time.Time // of the newest scrape, by our clock
	age    time.Duration
	asked  time.Time // by the clock of who answers
	all    tally
	ofNew  tally
	before baseline
}

// tally is what a part of the app answered within the window.
type tally struct {
	answers, bad float64
	p99          float64 // seconds
}

func (m *measured) sample(ctx context.Context, fleet []deploy.Machine, now time.Time) (*sample, error) {
	if m.client == nil {
		c, err := m.o.Metrics(ctx)
		if err != nil {
			return nil, err
		}
		m.client = c
	}
	if err := m.baseline(ctx); err != nil {
		return nil, err
	}
	app := metrics.Equals("app", m.o.Plan.App)
	s := &sample{before: *m.before, all: tally{p99: math.NaN()}, ofNew: tally{p99: math.NaN()}}
	// The answer's own time says what now is by the clock that the scrapes have.
	when, err := m.client.Query(ctx, "max(timestamp(fly_app_http_responses_count{"+app+"}))", time.Time{})
	if err != nil {
		return nil, err
	}
	if len(when) != 1 || !metrics.Known(when[0].Value) {
		return nil, fmt.Errorf("the platform has no metrics of answers of %s in the last minutes", m.o.Plan.App)
	}
	s.age = max(when[0].At.Sub(time.UnixMilli(int64(when[0].Value*1000))), 0)
	s.at, s.asked = now.Add(-s.age), when[0].At
	counts, err := m.client.Query(ctx, "sum by (instance, status) (increase(fly_app_http_responses_count{"+app+"}["+window+"]))", time.Time{})
	if err != nil {
		return nil, err
	}
	ids := m.changed(fleet)
	isNew := map[string]bool{}
	for _, id := range ids {
		isNew[id] = true
	}
	for _, c := range counts {
		s.all.count(c)
		if isNew[c.Labels["instance"]] {
			s.ofNew.count(c)
		}
	}
	if m.o.Limits.P99.Mode == config.GuardOff {
		return s, nil
	}
	if s.all.p99, err = m.p99(ctx, app, window, time.Time{}); err != nil {
		return nil, err
	}
	if s.ofNew.answers >= enoughForP99 {
		s.ofNew.p99, err = m.p99(ctx, app+","+metrics.OneOf("instance", ids), window, time.Time{})
	}
	return s, err
}

// count adds the answers with one status.
func (t *tally) count(c metrics.Sample) {
	t.answers += c.Value
	if s := c.Labels["status"]; len(s) == 3 && s[0] == '5' {
		t.bad += c.Value
	}
}

// share is that of the bad answers; NaN: there are too few answers to say.
func (t *tally) share() float64 {
	if !(t.answers >= enough) || !metrics.Known(t.bad) {
		return math.NaN()
	}
	return t.bad / t.answers
}

// changed are the ids of machines that run the new release, the first of many.
func (m *measured) changed(fleet []deploy.Machine) []string {
	var ids []string
	mark := deploy.Mark(m.o.Plan.ID, deploy.New)
	for i := range fleet {
		if f := &fleet[i]; f.Mark == mark && f.State == deploy.Started && len(ids) < newest {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

func (m *measured) p99(ctx context.Context, labels, over string, at time.Time) (float64, error) {
	ss, err := m.client.Query(ctx, "histogram_quantile(0.99, sum by (le) (rate(fly_app_http_response_time_seconds_bucket{"+labels+"}["+over+"])))", at)
	if err != nil || len(ss) != 1 {
		return math.NaN(), err
	}
	return ss[0].Value, nil
}

// baseline reads what was before the deployment, once: the platform remembers it, so that whoever takes a deployment up again
// compares with the same.
func (m *measured) baseline(ctx context.Context) error {
	if m.before != nil {
		return nil
	}
	at, app := m.o.Plan.At, metrics.Equals("app", m.o.Plan.App)
	b := baseline{errors: math.NaN(), p99: math.NaN()}
	var t tally
	// What began a minute ago is small in ten minutes, and what a deployment is to mend may just have begun.
	for _, over := range []string{window, before} {
		counts, err := m.client.Query(ctx, "sum by (status) (increase(fly_app_http_responses_count{"+app+"}["+over+"]))", at)
		if err != nil {
			return err
		}
		t = tally{}
		for _, c := range counts {
			t.count(c)
		}
		if s := t.share(); !(s <= b.errors) && metrics.Known(s) {
			b.errors = s
		}
	}
	if m.o.Limits.P99.Mode != config.GuardOff && t.answers >= enoughForP99 {
		var err error
		if b.p99, err = m.p99(ctx, app, before, at); err != nil {
			return err
		}
	}
	m.before = &b
	return nil
}

// tooOld says why a sample is none.
func (s *sample) tooOld() string {
	if s.age <= stale {
		return ""
	}
	return fmt.Sprintf("the platform's metrics are %s old", s.age.Round(time.Second))
}

// errorsReading is the share of 5xx, of the part that is worse off.
func errorsReading(s *sample, l config.Guard) reading {
	limit := l.Limit
	if b := worse * s.before.errors; b > limit {
		limit = b
	}
	out := reading{at: s.at, value: math.NaN(), limit: limit, limits: percent(limit), why: s.tooOld()}
	if metrics.Known(s.before.errors) {
		out.before = percent(s.before.errors)
	}
	if out.why != "" {
		return out
	}
	for _, p := range []struct {
		t     tally
		where string
	}{{s.all, ""}, {s.ofNew, theNew}} {
		share := p.t.share()
		over := share > limit && p.t.bad >= badEnough
		if !metrics.Known(share) || out.over && !over || over == out.over && !math.IsNaN(out.value) && share <= out.value {
			continue
		}
		out.value, out.text, out.where, out.over = share, percent(share), p.where, over
	}
	if math.IsNaN(out.value) {
		out.why = fmt.Sprintf("%.0f answers in a minute, it takes %d", s.all.answers, enough)
	}
	return out
}

// p99Reading is the response time that one answer of a hundred exceeds, of the part that is worse off.
func p99Reading(s *sample, l config.Guard) reading {
	out := reading{at: s.at, value: math.NaN(), why: s.tooOld(), limit: l.Limit}
	if l.Times > 0 && metrics.Known(s.before.p99) {
		out.limit = max(l.Times*s.before.p99, quick)
	}
	if out.limit > 0 {
		out.limits = inTime(out.limit)
	}
	if metrics.Known(s.before.p99) {
		out.before = inTime(s.before.p99)
	}
	if out.why != "" {
		return out
	}
	if s.all.answers >= enoughForP99 && metrics.Known(s.all.p99) {
		out.value = s.all.p99
	}
	if v := s.ofNew.p99; metrics.Known(v) && !(v <= out.value) {
		out.value, out.where = v, theNew
	}
	if math.IsNaN(out.value) {
		out.why = fmt.Sprintf("%.0f answers in a minute, it takes %d", s.all.answers, enoughForP99)
		return out
	}
	out.text, out.over = inTime(out.value), out.limit > 0 && out.value > out.limit
	return out
}

// percent is a share for people: with two decimals where it is less than one percent.
func percent(v float64) string {
	v *= 100
	decimals := 1
	if v > 0 && v < 1 {
		decimals = 2
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if r := math.Round(v); math.Abs(v-r) < 1e-9 {
		s = strconv.FormatFloat(r, 'f', 0, 64)
	}
	return s + "%"
}

// inTime is a time in seconds for people.
func inTime(v float64) string {
	if v < 1 {
		return strconv.Itoa(int(math.Round(v*1000))) + "ms"
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + "s"
}
