package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// releaseFindings are those about what the instances run.
func (v *view) releaseFindings() []ops.Problem {
	var pp []ops.Problem
	if p, ok := v.mixed(); ok {
		pp = append(pp, p)
	}
	if ll := v.releases.list; v.releases.running && len(ll) > 0 && !v.deploying {
		pp = append(pp, condition(codeReleaseStuck).Of(ops.Subject{}, ll[0].At, fmt.Sprintf("v%d is %s", ll[0].Version, ll[0].Status)))
	}
	return pp
}

// mixed is the finding that machines of one process group run different releases while no deploy is under way. It
// names the smaller shares.
func (v *view) mixed() (ops.Problem, bool) {
	if v.deploying {
		return ops.Problem{}, false
	}
	type share struct {
		n     int
		since time.Time // the newest change among its machines
	}
	groups := map[string]map[int]*share{}
	for _, b := range v.members {
		if b.m == nil || b.Unmanaged || b.Release == 0 || b.State != fly.StateStarted {
			continue
		}
		g := groups[b.ProcessGroup]
		if g == nil {
			g = map[int]*share{}
			groups[b.ProcessGroup] = g
		}
		if g[b.Release] == nil {
			g[b.Release] = &share{}
		}
		g[b.Release].n++
		g[b.Release].since = later(g[b.Release].since, b.StartedAt)
	}
	var details []string
	var since time.Time
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		if len(g) < 2 {
			continue
		}
		versions := slices.SortedFunc(maps.Keys(g), func(a, b int) int {
			return cmp.Or(cmp.Compare(g[b].n, g[a].n), cmp.Compare(b, a))
		})
		var parts []string
		for _, r := range versions {
			parts = append(parts, fmt.Sprintf("v%d on %d", r, g[r].n))
		}
		details = append(details, strings.TrimSpace(name+" "+strings.Join(parts, ", ")))
		since = earlier(since, g[slices.Max(versions)].since)
	}
	if len(details) == 0 {
		return ops.Problem{}, false
	}
	if ll := v.releases.list; len(ll) > 0 && ll[0].Status != "" && ll[0].Status != "complete" {
		details = append(details, fmt.Sprintf("v%d is %s", ll[0].Version, ll[0].Status))
	}
	return condition(codeReleaseMixed).Of(ops.Subject{}, since, plaintext.Line(strings.Join(details, "; "), maxLine)), true
}
