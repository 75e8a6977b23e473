package health

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

const (
	maxNodes    = 2000
	maxNodeName = 255
)

// parseNodes finds the Erlang node names in what a command printed, in order and without repetitions: bare, one per
// line, or as Elixir terms such as [:"app-01H@fdaa:0:1::2", :b@host]. The first is taken for the node's own.
func parseNodes(out string) []string {
	var nodes []string
	seen := map[string]bool{}
	for i := 0; i < len(out) && len(nodes) < maxNodes; {
		if !nodeByte(out[i]) {
			i++
			continue
		}
		start := i
		for i < len(out) && nodeByte(out[i]) {
			i++
		}
		n := nodeName(out[start:i])
		if n != "" && !seen[n] {
			seen[n] = true
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func nodeByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("@:._-+", b) >= 0
}

// nodeName is the node name in a word, or empty. The colon of an unquoted atom is not part of it.
func nodeName(s string) string {
	s = strings.TrimRight(strings.TrimLeft(s, ":."), ".:")
	name, host, ok := strings.Cut(s, "@")
	if !ok || name == "" || host == "" || len(s) > maxNodeName || strings.ContainsAny(name, ":") || strings.Contains(host, "@") {
		return ""
	}
	return s
}

// hostOf is the address in a node's name, if its host is one.
func hostOf(node string) (netip.Addr, bool) {
	_, host, _ := strings.Cut(node, "@")
	a, err := netip.ParseAddr(host)
	return a, err == nil
}

// mesh is which instances see each other, made of what the nodes of those that were asked printed.
type mesh struct {
	sees      map[string][]string // what each instance printed
	own       map[string]string   // the node of each instance that was asked, by its name
	byAddress map[netip.Addr]string
	byID      map[string]bool
	asked     []string                   // sorted
	edges     map[string]map[string]bool // from each instance that was asked to those it sees, itself among them
}

// newMesh takes what each instance printed, its own node first, and the addresses of all instances.
func newMesh(sees map[string][]string, addresses map[string]string) *mesh {
	m := &mesh{
		sees:      sees,
		own:       make(map[string]string, len(sees)),
		byAddress: make(map[netip.Addr]string, len(addresses)),
		byID:      make(map[string]bool, len(addresses)),
		asked:     slices.Sorted(maps.Keys(sees)),
		edges:     make(map[string]map[string]bool, len(sees)),
	}
	for id, a := range addresses {
		m.byID[id] = true
		if a, err := netip.ParseAddr(a); err == nil {
			m.byAddress[a] = id
		}
	}
	for _, id := range m.asked {
		if nodes := sees[id]; len(nodes) > 0 {
			m.own[ownNode(nodes, addresses[id])] = id
		}
	}
	for _, id := range m.asked {
		seen := make(map[string]bool, len(sees[id]))
		for _, n := range sees[id] {
			if other, ok := m.instance(n); ok {
				seen[other] = true
			}
		}
		m.edges[id] = seen
	}
	return m
}

// instance is the one that a node runs in, as far as its name tells: one that was asked said so itself, others are
// known by the address or the id in the name's host.
func (m *mesh) instance(node string) (string, bool) {
	if id, ok := m.own[node]; ok {
		return id, true
	}
	if a, ok := hostOf(node); ok {
		id, ok := m.byAddress[a]
		return id, ok
	}
	_, host, _ := strings.Cut(node, "@")
	id, _, _ := strings.Cut(host, ".")
	return id, m.byID[id]
}

// groups are the sets of instances that see each other, largest first. A connection between two that were asked and
// that only one side sees is none. Each of others, which were not asked, is in the group that sees it; those that no
// group sees, or more than one, are in doubt.
func (m *mesh) groups(others []string) (out []ClusterGroup, doubtful []string) {
	in := make(map[string]int, len(m.asked)+len(others)) // instance to its group
	for _, id := range m.asked {
		if _, ok := in[id]; !ok {
			out = append(out, ClusterGroup{Instances: m.reach(id, len(out), in)})
		}
	}
	for _, id := range others {
		seenBy := map[int]bool{}
		group := 0
		for _, a := range m.asked {
			if m.edges[a][id] {
				group = in[a]
				seenBy[group] = true
			}
		}
		if len(seenBy) != 1 {
			doubtful = append(doubtful, id)
			continue
		}
		in[id] = group
		out[group].Instances = append(out[group].Instances, id)
	}
	for i := range out {
		g := &out[i]
		nodes := map[string]bool{}
		for _, id := range g.Instances {
			for _, n := range m.sees[id] {
				nodes[n] = true
			}
		}
		// Nodes of instances in other groups are theirs, also where this side sees them.
		maps.DeleteFunc(nodes, func(n string, _ bool) bool {
			other, ok := m.instance(n)
			if !ok {
				return false
			}
			group, ok := in[other]
			return !ok || group != i
		})
		slices.Sort(g.Instances)
		g.Nodes = slices.AppendSeq(make([]string, 0, len(nodes)), maps.Keys(nodes))
		slices.Sort(g.Nodes)
	}
	slices.SortStableFunc(out, func(a, b ClusterGroup) int { return len(b.Instances) - len(a.Instances) })
	return out, doubtful
}

// reach puts the instances that can be reached from one, over connections that both sides see, into a group.
func (m *mesh) reach(from string, group int, in map[string]int) []string {
	found := []string{from}
	in[from] = group
	for i := 0; i < len(found); i++ {
		for id := range m.edges[found[i]] {
			if _, placed := in[id]; !placed && m.edges[id][found[i]] {
				in[id] = group
				found = append(found, id)
			}
		}
	}
	return found
}

// ownNode is the node at the instance's own address, else the first.
func ownNode(nodes []string, address string) string {
	if own, err := netip.ParseAddr(address); err == nil {
		for _, n := range nodes {
			if a, ok := hostOf(n); ok && a == own {
				return n
			}
		}
	}
	return nodes[0]
}
