// Package scale brings a process group to a number of machines in each region, and does not believe that it is there before
// it has seen it: the platform answers well to requests of which nothing comes.
//
// It holds no state beside the platform's. What is to go is marked on the machine itself, and what was made carries a key,
// so that a run that was killed is simply run again. It never takes the last machine of a region unless it is told to, and
// never destroys one that still has traffic.
package scale

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/deploy"
	"ops-console/ops/fly"
)

// Metadata keys of machines that are being scaled.
const (
	KeyMade   = "ops_scale"        // "<id>:<region>:<n>": made by this run
	KeyRemove = "ops_scale_remove" // "<id>": it is to go
)

// Want is how many machines a group is to have, by region. Regions that are not named are left alone.
type Want struct {
	Group   string // empty: app
	Regions map[string]int
	// Empty lets a region, or the primary one, lose its last machine.
	Empty bool
}

// ParseRegions reads "ewr=2" and "ord=1,syd=0".
func ParseRegions(texts []string) (map[string]int, error) {
	out := map[string]int{}
	for _, t := range texts {
		for _, one := range strings.Split(t, ",") {
			region, count, ok := strings.Cut(strings.TrimSpace(one), "=")
			n, err := strconv.Atoi(count)
			switch {
			case !ok || err != nil || n < 0 || n > 1000 || !isRegion(region):
				return nil, fmt.Errorf("%q: want REGION=COUNT, as in ewr=2", one)
			}
			if before, twice := out[region]; twice && before != n {
				return nil, fmt.Errorf("%s is to have %d machines and %d", region, before, n)
			}
			out[region] = n
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no region is named: say --region REGION=COUNT")
	}
	return out, nil
}

func isRegion(s string) bool {
	return len(s) >= 2 && len(s) <= 6 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// Change is what becomes of one region.
type Change struct {
	Region  string   `json:"region"`
	Have    int      `json:"have"`    // machines of the group, those that are stopped included
	Running int      `json:"running"` // of those
	Want    int      `json:"want"`
	Start   []string `json:"start,omitempty"`  // machines that are stopped and are to run
	Create  int      `json:"create,omitempty"` // machines
	Remove  []string `json:"remove,omitempty"` // the first goes first
}

// Plan is what is to be done, region by region.
type Plan struct {
	App     string          `json:"app"`
	Group   string          `json:"group"`
	Changes []Change        `json:"changes"`
	From    string          `json:"from,omitempty"` // the machine whose configuration new ones get; empty: fly.toml's
	Config  json.RawMessage `json:"-"`
	Notes   []string        `json:"notes,omitempty"`
}

// Nothing says that there is nothing to do.
func (p *Plan) Nothing() bool {
	return !slices.ContainsFunc(p.Changes, func(c Change) bool { return len(c.Start)+c.Create+len(c.Remove) > 0 })
}

// Input of Make.
type Input struct {
	App      string
	Primary  string // region; empty: not known
	Machines []fly.Machine
	Want     Want
	// First is the configuration of the first machine of a group that has none; nil: it cannot be made.
	First json.RawMessage
}

var errLast = errors.New("it would lose its last machine: say --allow-empty if that is meant")

// Make says what is to be done. It asks nobody.
func Make(in Input) (Plan, error) {
	in.Want.Group = cmp.Or(in.Want.Group, "app")
	p := Plan{App: in.App, Group: in.Want.Group}
	group := ofGroup(in.Machines, in.Want.Group)
	for _, m := range group {
		if m.HostStatus != "" && m.HostStatus != fly.HostOK {
			p.Notes = append(p.Notes, fmt.Sprintf("the host of machine %s in %s cannot be reached: it counts, as it may be running", m.ID, m.Region))
		}
	}
	for _, region := range slices.Sorted(maps.Keys(in.Want.Regions)) {
		c := change(group, region, in.Want.Regions[region])
		if c.Want == 0 && c.Have > 0 && !in.Want.Empty {
			what := "region " + region
			if region == in.Primary {
				what = "the primary region " + region
			}
			return p, fmt.Errorf("%s: %w", what, errLast)
		}
		if c.Want == 0 && c.Have > 0 && region == in.Primary {
			p.Notes = append(p.Notes, "the primary region "+region+" will have no machine")
		}
		p.Changes = append(p.Changes, c)
	}
	if slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Create > 0 }) {
		if err := p.template(group, in.First); err != nil {
			return p, err
		}
	}
	return p, nil
}

func change(group []fly.Machine, region string, want int) Change {
	c := Change{Region: region, Want: want}
	var here, stopped []fly.Machine
	for _, m := range group {
		if m.Region != region {
			continue
		}
		here = append(here, m)
		switch {
		case m.State == fly.StateStarted:
			c.Running++
		case resting(&m):
			stopped = append(stopped, m)
		}
	}
	c.Have = len(here)
	if extra := c.Have - want; extra > 0 {
		slices.SortStableFunc(here, worse)
		for _, m := range here[:extra] {
			c.Remove = append(c.Remove, m.ID)
		}
	} else {
		c.Create = -extra
	}
	for _, m := range stopped {
		// Machines that the platform stops when they are idle are meant to be.
		if !slices.Contains(c.Remove, m.ID) && !autostops(m.Config) {
			c.Start = append(c.Start, m.ID)
		}
	}
	return c
}

// ofGroup are the machines that count: of the group, not on their way out, and no standby of another.
func ofGroup(mm []fly.Machine, group string) []fly.Machine {
	var out []fly.Machine
	for _, m := range mm {
		c := cmp.Or(m.Config, m.IncompleteConfig, &fly.MachineConfig{})
		name := cmp.Or(c.Metadata[fly.MetaProcessGroup], c.Metadata["process_group"], "app")
		if name != group || c.Metadata[fly.MetaRole] != "" || len(c.Standbys) > 0 || m.State == fly.StateDestroying || m.State == fly.StateDestroyed {
			continue
		}
		out = append(out, m)
	}
	return out
}

func resting(m *fly.Machine) bool {
	return m.State == fly.StateStopped || m.State == fly.StateCreated || m.State == fly.StateSuspended || m.State == fly.StateFailed
}

func autostops(c *fly.MachineConfig) bool {
	if c == nil {
		return false
	}
	return slices.ContainsFunc(c.Services, func(s fly.Service) bool {
		v := strings.Trim(string(s.Autostop), `"`)
		return v != "" && v != "null" && v != "false" && v != "off"
	})
}

// healthy says that a machine runs and passes its checks.
func healthy(m *fly.Machine) bool {
	if m.State != fly.StateStarted || m.HostStatus != "" && m.HostStatus != fly.HostOK {
		return false
	}
	return !slices.ContainsFunc(m.Checks, func(c fly.CheckStatus) bool { return c.Status != fly.CheckPassing })
}

func release(m *fly.Machine) int {
	c := cmp.Or(m.Config, m.IncompleteConfig, &fly.MachineConfig{})
	n, err := strconv.Atoi(c.Metadata[fly.MetaReleaseVersion])
	if err != nil {
		return 0
	}
	return n
}

// worse orders machines by which is to go first: those marked already, the sick, the old release, the newest.
func worse(a, b fly.Machine) int {
	marked := func(m *fly.Machine) int {
		if m.Config != nil && m.Config.Metadata[KeyRemove] != "" {
			return 0
		}
		return 1
	}
	well := func(m *fly.Machine) int {
		if healthy(m) {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(marked(&a), marked(&b)), cmp.Compare(well(&a), well(&b)), cmp.Compare(release(&a), release(&b)),
		b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID),
	)
}

// template chooses the machine that new ones are copies of: healthy, and of the newest release.
func (p *Plan) template(group []fly.Machine, first json.RawMessage) error {
	var best *fly.Machine
	for i := range group {
		m := &group[i]
		if m.Config == nil || !healthy(m) || m.Config.Metadata["fly_canary"] != "" {
			continue
		}
		if best == nil || release(m) > release(best) || release(m) == release(best) && m.ID < best.ID {
			best = m
		}
	}
	raw := first
	switch {
	case best != nil:
		if len(best.Config.Mounts) > 0 {
			return fmt.Errorf("machines of %s have a volume each, and this does not make volumes: `fly scale count` does", p.Group)
		}
		p.From, raw = best.ID, best.Config.Raw
	case len(group) > 0:
		return fmt.Errorf("no machine of %s is healthy: a new one would be a copy of what does not work; mend or deploy first", p.Group)
	case raw == nil:
		return fmt.Errorf("the group %s has no machine to copy, and fly.toml does not say what one is like: deploy first", p.Group)
	}
	config := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &config); err != nil {
		return fmt.Errorf("the configuration for new machines: %w", err)
	}
	md := map[string]string{}
	if m := config["metadata"]; m != nil {
		if err := json.Unmarshal(m, &md); err != nil {
			return fmt.Errorf("the configuration for new machines: %w", err)
		}
	}
	for _, k := range []string{KeyMade, KeyRemove, deploy.TagKey, deploy.TagHead, deploy.TagPlan} {
		delete(md, k)
	}
	var err error
	if config["metadata"], err = json.Marshal(md); err != nil {
		return err
	}
	p.Config, err = json.Marshal(config)
	return err
}

// Timings are the waits of a run. Zero values are those of DefaultTimings.
type Timings struct {
	Poll   time.Duration // between looks
	Settle time.Duration // until a machine that was made is to be seen
	Stable time.Duration // that all has to be well for
	Drain  time.Duration // from the end of new traffic to the stop
	Total  time.Duration // for all of it
	Tries  int           // of making one machine
}

// DefaultTimings are for machines that boot within half a minute.
func DefaultTimings() Timings {
	return Timings{Poll: time.Second, Settle: 15 * time.Second, Stable: 5 * time.Second, Drain: 10 * time.Second, Total: 10 * time.Minute, Tries: 5}
}
