package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// execTimeout bounds one command: a release's rpc starts a virtual machine of its own.
const execTimeout = 20 * time.Second

// clusterFacts is which Erlang nodes the instances said they see.
type clusterFacts struct {
	reading
	answer *Cluster // nil: not asked
}

var errNobodySaid = errors.New("no instance answered")

// readCluster runs the profile's command in one machine after the other: the platform limits how often a command may
// be run, and each costs the instance a short-lived process.
func (c *collector) readCluster(ctx context.Context) error {
	if len(c.o.Cluster.Command) == 0 {
		return nil
	}
	f := c.known()
	answer := &Cluster{Command: plaintext.Line(strings.Join(c.o.Cluster.Command, " "), maxLine)}
	sees, addresses := map[string][]string{}, map[string]string{}
	for i := range f.platform.machines {
		m := &f.platform.machines[i]
		addresses[m.ID] = m.Address
		if m.Unmanaged || m.State != fly.StateStarted {
			continue
		}
		if m.HostStatus == fly.HostUnreachable {
			answer.Unknown = append(answer.Unknown, ClusterUnknown{Instance: m.ID, Error: "its host is unreachable"})
			continue
		}
		nodes, err := c.nodesOf(ctx, m.ID)
		if err != nil {
			answer.Unknown = append(answer.Unknown, ClusterUnknown{Instance: m.ID, Error: plaintext.Line(err.Error(), maxLine)})
			continue
		}
		sees[m.ID] = nodes
	}
	if len(sees) == 0 && len(answer.Unknown) == 0 {
		return nil
	}
	slices.SortFunc(answer.Unknown, func(a, b ClusterUnknown) int { return strings.Compare(a.Instance, b.Instance) })
	answer.At = c.o.Now()
	answer.Groups = clusterGroups(sees, addresses)
	var err error
	if len(sees) == 0 {
		err = errNobodySaid
	}
	c.learn(func(f *facts) {
		f.cluster.note(answer.At, err)
		f.cluster.answer = answer
	})
	return err
}

// nodesOf asks one instance.
func (c *collector) nodesOf(ctx context.Context, id string) ([]string, error) {
	if ctx.Err() != nil {
		return nil, errors.New("there was no time left")
	}
	res, err := c.o.Platform.Exec(ctx, c.o.App, id, c.o.Cluster.Command, execTimeout)
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
	release := map[string]int{}
	for _, b := range v.members {
		release[b.ID] = b.Release
	}
	in := map[int]int{} // how many groups have instances of a release
	var parts []string
	for _, g := range a.Groups {
		seen := map[int]bool{}
		for _, id := range g.Instances {
			if !seen[release[id]] {
				seen[release[id]] = true
				in[release[id]]++
			}
		}
		part := counted(len(g.Instances), "instance")
		if len(g.Instances) <= 2 {
			part = strings.Join(g.Instances, " and ")
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
