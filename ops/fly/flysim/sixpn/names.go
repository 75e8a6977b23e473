package sixpn

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"ops-console/ops/fly/flysim/platform"
)

// record is everything the zone holds for one name.
type record struct {
	addrs []netip.Addr
	text  string
}

// index is a View made ready for lookups; the tables are built at the first question, for most views are replaced
// before anybody asks.
type index struct {
	view View
	once sync.Once
	all  []platform.Instance // listed in DNS, by id
	apps map[string]*app
}

type app struct {
	name    string
	flycast netip.Addr
	all     []platform.Instance // also stopped ones
	started []platform.Instance
	byID    map[string]netip.Addr
}

func newIndex(v View) *index { return &index{view: v} }

func (ix *index) build() {
	ix.apps = map[string]*app{}
	for n, name := range ix.view.Apps {
		ix.apps[name] = &app{name: name, flycast: Flycast(ix.view.Prefix, n), byID: map[string]netip.Addr{}}
	}
	for _, i := range ix.view.sorted() {
		a := ix.apps[i.App]
		if a == nil || i.SkipDNS {
			continue
		}
		ix.all = append(ix.all, i)
		a.all = append(a.all, i)
		if i.Started {
			a.started = append(a.started, i)
			a.byID[strings.ToLower(i.ID)] = i.Addr
		}
	}
}

// lookup is what stands at a lower-case name without its trailing dot, and whether the name exists.
func (ix *index) lookup(name string) (record, bool) {
	ix.once.Do(ix.build)
	if base, ok := strings.CutSuffix(name, ".flycast"); ok {
		if a := ix.apps[base]; a != nil {
			return record{addrs: []netip.Addr{a.flycast}}, true
		}
		return record{}, false
	}
	base, ok := strings.CutSuffix(name, ".internal")
	if !ok {
		return record{}, false
	}
	if rec, ok := ix.network(base); ok {
		return rec, true
	}
	sub, last := "", base
	if i := strings.LastIndexByte(base, '.'); i >= 0 {
		sub, last = base[:i], base[i+1:]
	}
	a := ix.apps[last]
	if a == nil {
		return record{}, false
	}
	return a.lookup(sub, ix.view.Nearest)
}

// network answers the names that belong to no app.
func (ix *index) network(base string) (record, bool) {
	switch base {
	case "_api":
		return record{addrs: []netip.Addr{Server(ix.view.Prefix)}}, true
	case "_apps":
		names := slices.Sorted(slices.Values(ix.view.Apps))
		return record{text: strings.Join(names, ",")}, true
	case "_peer":
		var names []string
		for _, p := range ix.view.Peers {
			if !hidden(p) {
				names = append(names, p.Name)
			}
		}
		slices.Sort(names)
		return record{text: strings.Join(names, ",")}, true
	case "_instances":
		return record{text: describe(ix.all, false)}, true
	case "all._instances":
		return record{text: describe(ix.all, true)}, true
	}
	if peer, ok := strings.CutSuffix(base, "._peer"); ok {
		for _, p := range ix.view.Peers {
			if strings.EqualFold(p.Name, peer) && !hidden(p) {
				return record{addrs: []netip.Addr{p.Addr}}, true
			}
		}
	}
	return record{}, false
}

// hidden peers are those that command line clients make for one session.
func hidden(p Peer) bool { return strings.HasPrefix(p.Name, "interactive-") }

// lookup answers a name within one app. Names that every app has exist also while they are empty.
func (a *app) lookup(sub string, nearest []string) (record, bool) {
	switch sub {
	case "", "global":
		return record{addrs: addrs(a.started)}, true
	case "vms":
		return record{text: list(a.started)}, true
	case "all.vms":
		return record{text: list(a.all)}, true
	case "regions":
		return record{text: regions(a.started)}, true
	case "all.regions":
		return record{text: regions(a.all)}, true
	}
	if id, ok := strings.CutSuffix(sub, ".vm"); ok {
		ip, ok := a.byID[id]
		return record{addrs: []netip.Addr{ip}}, ok
	}
	if top, ok := strings.CutSuffix(sub, ".nearest.of"); ok {
		n, err := strconv.Atoi(strings.TrimPrefix(top, "top"))
		if err != nil || n < 1 || !strings.HasPrefix(top, "top") {
			return record{}, false
		}
		near := byDistance(a.started, nearest)
		return record{addrs: addrs(near[:min(n, len(near))])}, true
	}
	match := func(i platform.Instance) bool { return strings.EqualFold(i.Region, sub) }
	if group, ok := strings.CutSuffix(sub, ".process"); ok {
		match = func(i platform.Instance) bool { return strings.EqualFold(i.Group, group) }
	} else if kv, ok := strings.CutSuffix(sub, ".kv._metadata"); ok {
		dot := strings.LastIndexByte(kv, '.')
		if dot < 0 {
			return record{}, false
		}
		value, key := kv[:dot], kv[dot+1:]
		match = func(i platform.Instance) bool { return hasMeta(i.Metadata, key, value) }
	}
	var hits []platform.Instance
	for _, i := range a.started {
		if match(i) {
			hits = append(hits, i)
		}
	}
	return record{addrs: addrs(hits)}, len(hits) > 0
}

// hasMeta compares without case: a DNS name has lost it.
func hasMeta(meta map[string]string, key, value string) bool {
	for k, v := range meta {
		if strings.EqualFold(k, key) && strings.EqualFold(v, value) {
			return true
		}
	}
	return false
}

func byDistance(ii []platform.Instance, nearest []string) []platform.Instance {
	rank := func(i platform.Instance) int {
		if n := slices.Index(nearest, i.Region); n >= 0 {
			return n
		}
		return len(nearest)
	}
	out := slices.Clone(ii)
	slices.SortStableFunc(out, func(a, b platform.Instance) int { return rank(a) - rank(b) })
	return out
}

func addrs(ii []platform.Instance) []netip.Addr {
	out := make([]netip.Addr, len(ii))
	for n, i := range ii {
		out[n] = i.Addr
	}
	return out
}

// list is the form of vms.APP.internal: "id region,id region".
func list(ii []platform.Instance) string {
	out := make([]string, len(ii))
	for n, i := range ii {
		out[n] = i.ID + " " + i.Region
	}
	return strings.Join(out, ",")
}

// regions is the form of regions.APP.internal: "fra,iad".
func regions(ii []platform.Instance) string {
	var out []string
	for _, i := range ii {
		out = append(out, i.Region)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ",")
}

// describe is the form of _instances.internal: "instance=ID,app=A,ip=…,region=R;…".
func describe(ii []platform.Instance, stopped bool) string {
	var out []string
	for _, i := range ii {
		if i.Started || stopped {
			out = append(out, fmt.Sprintf("instance=%s,app=%s,ip=%s,region=%s", i.ID, i.App, i.Addr, i.Region))
		}
	}
	return strings.Join(out, ";")
}
