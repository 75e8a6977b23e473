package diff

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
)

// sources are the paths from which the table is followed: those that were left, and for 1.3, when half of lib/x.ex became
// lib/x/application.ex, those of modules named like the application.
func sources(t *phoenix.Tree, left map[string]bool) []string {
	set := map[string]bool{}
	for p := range left {
		set[p] = true
	}
	if app := appOf(t); app != "" {
		if p := "lib/" + app + ".ex"; len(t.Files[p].Data) > 0 {
			set[p] = true
		}
	}
	return sorted(set)
}

// follow finds the files of a later tree to which the rules lead, in the order of their versions; a path may go through
// several. A rule that leads to a file that is there ends the way, unless a later one leads on to another that is.
func follow(held []rule, from, app string, later *phoenix.Tree) []lead {
	type state struct {
		at       string
		absorbed bool
		next     int // rule
	}
	var out []lead
	seen := map[string]bool{from: true}
	todo := []state{{at: from}}
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		for i := s.next; i < len(held); i++ {
			r := held[i]
			to, ok := r.step(s.at, app)
			if !ok || seen[to] {
				continue
			}
			seen[to] = true
			absorbed := s.absorbed || r.absorbed
			if _, there := later.Files[to]; there {
				out = append(out, lead{from, to, r.at, absorbed, i})
			}
			todo = append(todo, state{to, absorbed, i + 1})
		}
	}
	return out
}

// sortLeads puts moves before absorptions, and otherwise keeps to the table's order.
func sortLeads(ll []lead) {
	rank := func(l lead) int {
		if l.absorbed {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(ll, func(a, b lead) int {
		return cmp.Or(rank(a)-rank(b), a.order-b.order, strings.Compare(a.from, b.from), strings.Compare(a.to, b.to))
	})
}

var appLine = regexp.MustCompile(`(?m)^\s*app: :(\w+)`)

// appOf is the name of a tree's application.
func appOf(t *phoenix.Tree) string {
	if t.Spec.App != "" {
		return t.Spec.App
	}
	if m := appLine.FindSubmatch(t.Files["mix.exs"].Data); m != nil {
		return string(m[1])
	}
	return ""
}
