package platform

import (
	"math/rand/v2"
	"strings"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/proxymetrics"
)

// traffic is what the platform's proxy sends to instances, and what it counts of their answers. World.mu guards it.
type traffic struct {
	store    proxymetrics.Store
	rand     *rand.Rand // apart from the world's, so that ids do not hang on visitors
	scraping bool
	routed   []*machine // room for the answer of World.routed
	visitors int        // counts calls of Visitors: only those of the latest come
}

// Answer is how one request for a page is answered besides what the page says: with a status of its own (0: the page's), and
// so much later. intN is a source of chance.
func (b Behaviour) Answer(intN func(n int) int) (status int, late time.Duration) {
	if b.Slow > 0 && intN(100) < b.Slow {
		late = b.Late
	}
	if b.Errors > 0 && intN(100) < b.Errors {
		status = 500
	}
	return status, late
}

// Served counts an answer that an instance gave to the proxy. One that is not there any more is left out.
func (w *World) Served(id string, status int, took time.Duration) {
	w.lock()
	defer w.unlock()
	if m := w.machines[id]; m != nil && !m.gone() {
		w.served(m, status, took)
	}
}

func (w *World) served(m *machine, status int, took time.Duration) {
	w.heard(m, status, took)
	w.traffic.store.Served(proxymetrics.Instance{App: m.app.name, Region: m.region, Host: m.host, ID: m.id}, status, took)
	if !w.traffic.scraping {
		w.traffic.scraping = true
		w.after(proxymetrics.Every, w.scrape)
	}
}

// scrape is the metrics coming in.
func (w *World) scrape() {
	if w.on("metrics-stale") == nil {
		w.traffic.store.Forget(func(id string) bool { m := w.machines[id]; return m != nil && !m.gone() })
		w.traffic.store.Scrape(w.now)
	}
	w.after(proxymetrics.Every, w.scrape)
}

// Route is the instance of an app to which the proxy sends a request: any that is up, in the traffic, and fails no check of
// its service. false: there is none.
func (w *World) Route(app string) (Instance, bool) {
	w.lock()
	defer w.unlock()
	mm := w.routed(app)
	if len(mm) == 0 {
		return Instance{}, false
	}
	return w.instance(mm[w.chance().IntN(len(mm))]), true
}

// routed are the machines of an app that get requests.
func (w *World) routed(app string) []*machine {
	a := w.apps[app]
	if a == nil {
		return nil
	}
	mm := w.traffic.routed[:0]
	for _, m := range a.machines {
		if m.routed() {
			mm = append(mm, m)
		}
	}
	w.traffic.routed = mm
	return mm
}

func (w *World) chance() *rand.Rand {
	if w.traffic.rand == nil {
		w.traffic.rand = rand.New(rand.NewPCG(7, 11))
	}
	return w.traffic.rand
}

// routed says whether m gets requests.
func (m *machine) routed() bool {
	if m.state != fly.StateStarted || !m.booted || m.cordoned || m.unreachable || len(m.cfg.Services) == 0 || m.cfg.job() {
		return false
	}
	for _, c := range m.checks {
		if c.status == fly.CheckCritical && strings.HasPrefix(c.name, "servicecheck-") {
			return false
		}
	}
	return true
}

// Visitors lets so many requests a second come to an app, for a world without listeners, or one whose past is being told:
// what they get follows from the instances' Behaviour. 0: none come any more.
func (w *World) Visitors(app string, perSecond int) {
	w.lock()
	defer w.unlock()
	w.traffic.visitors++
	turn := w.traffic.visitors
	var come func()
	come = func() {
		if w.traffic.visitors != turn || w.closed {
			return
		}
		mm := w.routed(app)
		for range perSecond * min(len(mm), 1) {
			w.visit(mm[w.chance().IntN(len(mm))])
		}
		w.after(time.Second, come)
	}
	if perSecond > 0 {
		w.after(time.Second, come)
	}
}

func (w *World) visit(m *machine) {
	b, chance := w.behaviour(m), w.chance()
	if b.Dead || b.Hang || b.Silent {
		return // the proxy counts no answer
	}
	status, late := b.Answer(chance.IntN)
	if status == 0 {
		status = 200
	}
	w.served(m, status, b.Delay+late+time.Duration(4+chance.IntN(28))*time.Millisecond)
}

// metricsFaults is what can be wrong with the platform's metrics, and with what they show.
func metricsFaults() []FaultKind {
	kind := func(name, help string, mod func(Args) func(*Behaviour), args ...FaultArg) FaultKind {
		return FaultKind{
			Name: name, Target: "MACHINE", Args: args, Help: help,
			machine: func(w *World, m *machine, a *activeFault) error { m.mods[name] = mod(a.args); w.behaves(m); return nil },
			restore: func(w *World, m *machine) { delete(m.mods, name); w.behaves(m) },
		}
	}
	return []FaultKind{
		kind("errors", "a share of its answers is 500, while its health path is well", func(a Args) func(*Behaviour) {
			n := a.Int("percent")
			return func(b *Behaviour) { b.Errors = n }
		}, FaultArg{"percent", "20", "how many of a hundred"}),
		kind("sluggish", "a share of its answers comes late, but for its health path's", func(a Args) func(*Behaviour) {
			n, by := a.Int("percent"), a.Duration("by")
			return func(b *Behaviour) { b.Slow, b.Late = n, by }
		}, FaultArg{"percent", "20", "how many of a hundred"}, FaultArg{"by", "2s", "how late"}),
		{Name: "metrics-stale", Help: "the platform's metrics do not come in any more; what came in before is still answered"},
		{Name: "metrics-down", Help: "the platform's metrics cannot be asked: 503"},
	}
}
