package health

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/ops"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

const (
	// execTimeout bounds one command: a release's rpc starts a virtual machine of its own. Where there is less time in
	// all, one that hangs does not take it from the others.
	execTimeout = 20 * time.Second
	// execsAtOnce is how many instances are asked at the same time.
	execsAtOnce = 4
	// clusterSample is how many instances are asked where there are more, and how many of those that they leave in
	// doubt are asked then. Each of them tells of all that it is connected to.
	clusterSample = 20
)

// clusterFacts is which Erlang nodes the instances said they see.
type clusterFacts struct {
	reading
	answer *Cluster // nil: not asked
}

var errNobodySaid = errors.New("no instance answered")

// readCluster runs the profile's command in the machines, or in a sample of them where they are many: each run costs
// the instance a short-lived process, and the platform limits how often a command may be run.
func (c *collector) readCluster(ctx context.Context) error {
	if len(c.o.Cluster.Command) == 0 {
		return nil
	}
	f := c.known()
	answer := &Cluster{Command: plaintext.Line(strings.Join(c.o.Cluster.Command, " "), maxLine)}
	addresses := map[string]string{}
	var able []*machine
	for i := range f.platform.machines {
		m := &f.platform.machines[i]
		addresses[m.ID] = m.Address
		switch {
		case m.Unmanaged || m.State != fly.StateStarted:
		case m.HostStatus == fly.HostUnreachable:
			answer.unknown(m.ID, "its host is unreachable")
		default:
			able = append(able, m)
		}
	}
	if len(able) == 0 && len(answer.Unknown) == 0 {
		return nil
	}
	first, others := sample(able, clusterSample)
	sees := map[string][]string{}
	c.askNodes(ctx, first, sees, answer)
	var err error
	if len(sees) == 0 {
		err = errNobodySaid
		answer.Groups = []ClusterGroup{}
	} else {
		_, doubtful := newMesh(sees, addresses).groups(others)
		more := doubtful[:min(len(doubtful), clusterSample)]
		c.askNodes(ctx, more, sees, answer)
		others = slices.DeleteFunc(others, func(id string) bool { return slices.Contains(more, id) })
		answer.Groups, doubtful = newMesh(sees, addresses).groups(others)
		for _, id := range doubtful {
			answer.unknown(id, "it was not asked, and those that were do not say where it belongs")
		}
	}
	if len(others) > 0 {
		answer.Asked = len(able) - len(others)
	}
	slices.SortFunc(answer.Unknown, func(a, b ClusterUnknown) int { return strings.Compare(a.Instance, b.Instance) })
	answer.At = c.o.Now()
	c.learn(func(f *facts) {
		f.cluster.note(answer.At, err)
		f.cluster.answer = answer
	})
	return err
}

func (c *Cluster) unknown(id, why string) {
	c.Unknown = append(c.Unknown, ClusterUnknown{Instance: id, Error: why})
}

// sample picks n machines, or all where there are no more: of every process group in every region at least one, so
// that a split along either is seen. They come by id, as do the others.
func sample(machines []*machine, n int) (picked, others []string) {
	if len(machines) > n {
		machines = slices.Clone(machines)
		turn := map[[2]string]int{}
		turns := make(map[string]int, len(machines)) // in which round a machine is picked
		slices.SortFunc(machines, func(a, b *machine) int { return strings.Compare(a.ID, b.ID) })
		for _, m := range machines {
			k := [2]string{m.Region, m.ProcessGroup}
			turns[m.ID] = turn[k]
			turn[k]++
		}
		n = max(n, len(turn))
		slices.SortStableFunc(machines, func(a, b *machine) int { return turns[a.ID] - turns[b.ID] })
	}
	for i, m := range machines {
		if i < n {
			picked = append(picked, m.ID)
		} else {
			others = append(others, m.ID)
		}
	}
	slices.Sort(picked)
	slices.Sort(others)
	return picked, others
}

// askNodes runs the command in some machines and puts what they printed into sees, or why not into answer.
func (c *collector) askNodes(ctx context.Context, ids []string, sees map[string][]string, answer *Cluster) {
	type reply struct {
		nodes []string
		err   error
	}
	replies := make([]reply, len(ids))
	var g errgroup.Group
	g.SetLimit(execsAtOnce)
	for i, id := range ids {
		g.Go(func() error {
			replies[i].nodes, replies[i].err = c.nodesOf(ctx, id)
			return nil
		})
	}
	_ = g.Wait() // none returns an error
	for i, r := range replies {
		if r.err != nil {
			answer.unknown(ids[i], plaintext.Line(r.err.Error(), maxLine))
			continue
		}
		sees[ids[i]] = r.nodes
	}
}

// nodesOf asks one instance.
func (c *collector) nodesOf(ctx context.Context, id string) ([]string, error) {
	if ctx.Err() != nil {
		return nil, errors.New("there was no time left")
	}
	res, err := c.o.Platform.Exec(ctx, c.o.App, id, c.o.Cluster.Command, share(ctx, execTimeout, 40))
	if err != nil {
		return nil, err
	}
	nodes := parseNodes(res.Stdout)
	switch {
	case res.ExitCode != 0:
		return nil, fmt.Errorf("the command ended with exit code %d: %s", res.ExitCode, either(res.Stderr, res.Stdout))
	case len(nodes) == 0:
		return nil, fmt.Errorf("the command printed no node name: %s", either(res.Stdout, res.Stderr))
	}
	return nodes, nil
}

// clusterFindings tell of a split among instances of one release. Releases keep apart by design where the node's name
// carries the image.
func (v *view) clusterFindings() []ops.Problem {
	a := v.cluster.answer
	switch {
	case a == nil:
		return nil
	case v.cluster.err != nil:
		detail := v.cluster.err.Error()
		if len(a.Unknown) > 0 {
			detail = a.Unknown[0].Instance + ": " + a.Unknown[0].Error
		}
		return []ops.Problem{condition(codeClusterUnknown).Of(ops.Subject{}, v.cluster.good, plaintext.Line(detail, maxLine))}
	case len(a.Groups) < 2 || v.deploying:
		return nil
	}
	release, region := map[string]int{}, map[string]string{}
	for _, b := range v.members {
		release[b.ID], region[b.ID] = b.Release, b.Region
	}
	in := map[int]int{} // how many groups have instances of a release
	var parts []string
	for _, g := range a.Groups {
		seen, regions := map[int]bool{}, map[string]bool{}
		for _, id := range g.Instances {
			if !seen[release[id]] {
				seen[release[id]] = true
				in[release[id]]++
			}
			regions[region[id]] = true
		}
		part := counted(len(g.Instances), "instance")
		if len(g.Instances) <= 2 {
			part = strings.Join(g.Instances, " and ")
		}
		if len(regions) <= 4 {
			part += " in " + strings.Join(slices.Sorted(maps.Keys(regions)), ", ")
		}
		parts = append(parts, part)
	}
	for _, n := range in {
		if n > 1 {
			detail := fmt.Sprintf("%d groups: %s", len(a.Groups), strings.Join(parts[:min(len(parts), 4)], " | "))
			return []ops.Problem{condition(codeClusterSplit).Of(ops.Subject{}, time.Time{}, plaintext.Line(detail, maxLine))}
		}
	}
	return nil
}
