package health

import (
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

// clusterGroups are the sets of instances that see each other, largest first. sees is what each instance printed, its
// own node first; addresses are those of the instances. A connection that only one side sees is none.
func clusterGroups(sees map[string][]string, addresses map[string]string) []ClusterGroup {
	if len(sees) == 0 {
		return []ClusterGroup{}
	}
	owner := map[string]string{} // node name to instance
	byAddress := map[netip.Addr]string{}
	for id, a := range addresses {
		if a, err := netip.ParseAddr(a); err == nil {
			byAddress[a] = id
		}
	}
	own := map[string]string{}
	for id, nodes := range sees {
		if len(nodes) > 0 {
			own[id] = ownNode(nodes, addresses[id])
			owner[own[id]] = id
		}
	}
	resolve := func(node string) (string, bool) {
		if id, ok := owner[node]; ok {
			return id, true
		}
		if a, ok := hostOf(node); ok {
			id, ok := byAddress[a]
			return id, ok
		}
		return "", false
	}
	edges := map[[2]string]bool{}
	for id, nodes := range sees {
		for _, n := range nodes {
			if other, ok := resolve(n); ok && other != id {
				edges[[2]string{id, other}] = true
			}
		}
	}
	instances := make([]string, 0, len(sees))
	for id := range sees {
		instances = append(instances, id)
	}
	slices.Sort(instances)
	var out []ClusterGroup
	placed := map[string]bool{}
	for _, id := range instances {
		if placed[id] {
			continue
		}
		g := reach(id, instances, edges, placed)
		nodes := map[string]bool{}
		for _, member := range g {
			for _, n := range sees[member] {
				// Nodes of instances in other groups are theirs, also where this side sees them.
				if other, ok := resolve(n); !ok || slices.Contains(g, other) {
					nodes[n] = true
				}
			}
		}
		names := make([]string, 0, len(nodes))
		for n := range nodes {
			names = append(names, n)
		}
		slices.Sort(names)
		out = append(out, ClusterGroup{Instances: g, Nodes: names})
	}
	slices.SortStableFunc(out, func(a, b ClusterGroup) int { return len(b.Instances) - len(a.Instances) })
	return out
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

// reach are the instances that can be reached from one over connections that both sides see.
func reach(from string, instances []string, edges map[[2]string]bool, placed map[string]bool) []string {
	group := []string{from}
	placed[from] = true
	for i := 0; i < len(group); i++ {
		for _, id := range instances {
			if !placed[id] && edges[[2]string{group[i], id}] && edges[[2]string{id, group[i]}] {
				placed[id] = true
				group = append(group, id)
			}
		}
	}
	slices.Sort(group)
	return group
}
