package flex

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/fly/flysim/platform"
)

// TargetHelp is how the target REPLICA of a fault can be written.
const TargetHelp = "REPLICA is a region with a replica, or the id of its machine; without it, the farthest one that streams from the primary"

// kind is a fault of one replica.
type kind struct {
	name, help string
	args       []platform.FaultArg
	apply      func(*state, platform.Args)
}

var kinds = []kind{
	{
		"replica-delay", "it replays what it has got some time later (recovery_min_apply_delay)",
		[]platform.FaultArg{{Name: "delay", Default: "3s", Help: "how much later"}},
		func(s *state, a platform.Args) { s.delay = a.Duration("delay") },
	},
	{
		"replica-latency", "its link to its upstream is slower",
		[]platform.FaultArg{{Name: "latency", Default: "300ms", Help: "one way, on top of the distance"}},
		func(s *state, a platform.Args) { s.latency = a.Duration("latency") },
	},
	{"replica-cut", "its link to its upstream is refused", nil, func(s *state, _ platform.Args) { s.cut = true }},
	{"replica-hole", "its link to its upstream swallows everything, without a word", nil, func(s *state, _ platform.Args) { s.hole = true }},
	{"replica-pause", "somebody has paused replay", nil, func(s *state, _ platform.Args) { s.paused = true }},
	{"replica-freeze", "its server stands still (SIGSTOP)", nil, func(s *state, _ platform.Args) { s.frozen = true }},
	{"replica-conflict", "a long query stands in the way of replay", nil, func(s *state, _ platform.Args) { s.blocked = true }},
	{"slot-loss", "its upstream has thrown away WAL that it needs", nil, func(s *state, _ platform.Args) { s.lost = true }},
	{"promote", "it is promoted, and the old primary does not know", nil, func(s *state, _ platform.Args) { s.promoted = true }},
}

// Faults is what can go wrong with the database that get gives; get gives nil where a world has none.
func Faults(get func() *Database) []platform.FaultKind {
	var out []platform.FaultKind
	add := func(name, target, help string, args []platform.FaultArg, apply func(*Database, platform.Fault, platform.Args) (func(), error)) {
		out = append(out, platform.FaultKind{Name: name, Target: target, Help: help, Args: args, Apply: func(f platform.Fault, a platform.Args) (func(), error) {
			d := get()
			if d == nil {
				return nil, ErrNone
			}
			return apply(d, f, a)
		}})
	}
	for _, k := range kinds {
		add(k.name, "[REPLICA]", k.help, k.args, func(d *Database, f platform.Fault, a platform.Args) (func(), error) {
			n := d.node(f.Target)
			if n == nil || n.upstream == nil {
				return nil, fmt.Errorf("%q: %w; %s", f.Target, ErrNoReplica, TargetHelp)
			}
			return d.wish(func(t *target) { k.apply(t.nodes[n.ID], a) })
		})
	}
	add("primary-freeze", "", "the primary's server stands still (SIGSTOP)", nil, func(d *Database, _ platform.Fault, _ platform.Args) (func(), error) {
		return d.wish(func(t *target) { t.nodes[d.nodes[0].ID].frozen = true })
	})
	add("db-readonly", "", "the application's database takes no writes, as when a disk is nearly full", nil, func(d *Database, _ platform.Fault, _ platform.Args) (func(), error) {
		return d.wish(func(t *target) { t.readOnly = true })
	})
	burst := []platform.FaultArg{{Name: "mb", Default: "64", Help: "of WAL, about"}}
	add("write-burst", "", "the application writes a lot at once", burst, func(d *Database, _ platform.Fault, a platform.Args) (func(), error) {
		d.traffic.burst.Store(int64(a.Int("mb")) << 20)
		return func() { d.traffic.burst.Store(0) }, nil
	})
	return out
}

// Resolve completes a fault of a replica: a target that names none is an argument, and where there is none the usual
// replica is meant, unless the fault is to be switched off. Faults of other kinds are given back as they are.
func (d *Database) Resolve(f platform.Fault, clear bool) platform.Fault {
	if !slices.ContainsFunc(kinds, func(k kind) bool { return k.name == f.Name }) {
		return f
	}
	if id := d.replica(f.Target); id != "" {
		f.Target = id
		return f
	}
	if f.Target != "" && isDuration(f.Target) {
		f.Args = append([]string{f.Target}, f.Args...)
		f.Target = ""
	}
	if f.Target == "" && !clear {
		f.Target = d.usual()
	}
	return f
}

func isDuration(s string) bool {
	_, err := time.ParseDuration(s)
	return err == nil
}

// replica is the id of the one that text names; empty: none, or several.
func (d *Database) replica(text string) string {
	var hits []string
	for _, n := range d.nodes[1:] {
		region := strings.TrimPrefix(text, "region:")
		if text != "" && (n.Region == region || n.ID == text || len(text) >= 4 && strings.HasPrefix(n.ID, text)) {
			hits = append(hits, n.ID)
		}
	}
	if len(hits) != 1 {
		return ""
	}
	return hits[0]
}

// usual is the replica that is meant where none is named: the farthest that streams from the primary itself.
func (d *Database) usual() string {
	home, _ := platform.RegionNamed(d.nodes[0].Region)
	far, id := -1.0, ""
	for _, n := range d.nodes[1:] {
		there, _ := platform.RegionNamed(n.Region)
		if km := platform.Distance(home, there); n.upstream == d.nodes[0] && km > far {
			far, id = km, n.ID
		}
	}
	return id
}
