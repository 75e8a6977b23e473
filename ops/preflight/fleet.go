package preflight

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flytoml"
)

func fleetChecks() []Check {
	return []Check{
		{"fleet.machines", GroupFleet, "The fleet is whole and of one release", "Fails where machines run different images, as after a deploy that broke off; warns where a host does not answer, a machine is out of the traffic or has failed, or there is none.", fleetMachines},
		{"fleet.primary", GroupFleet, "Two machines in the primary region", "Warns where the primary region has one machine, and fails where it has none.", fleetPrimary},
		{"fleet.replicas", GroupFleet, "Each region has a replica", "Warns where machines run in a region without a replica of the database.", fleetReplicas},
		{"fleet.limit", GroupFleet, "No region gets too many", "Fails where the strategy needs more machines in a region than --max-per-region allows.", fleetLimit},
		{"fleet.free", GroupFleet, "Nobody else is deploying", "Fails where somebody holds a machine's lease, a release command runs, or a release is under way; warns where one was left behind.", fleetFree},
		{"fleet.secrets", GroupFleet, "No secret waits to go out", "Warns where secrets were changed after the newest release: they go out with this one, and do not come back with a rollback.", fleetSecrets},
		{"fleet.volumes", GroupFleet, "There are volumes enough", "Fails where a region has more machines that want a volume than volumes; warns where one machine has the only one.", fleetVolumes},
	}
}

// reserved are the process groups that the platform's clients keep for themselves: they are no instances.
var reserved = map[string]bool{
	"fly_app_release_command": true, "fly_app_test_machine_command": true, "fly_app_console": true, "fly_app_seed_command": true,
}

const releaseGroup = "fly_app_release_command"

func config(m fly.Machine) *fly.MachineConfig {
	if m.Config != nil {
		return m.Config
	}
	return m.IncompleteConfig
}

func group(m fly.Machine) string {
	if c := config(m); c != nil {
		return cmp.Or(c.Metadata[fly.MetaProcessGroup], c.Metadata["process_group"], flytoml.DefaultGroup)
	}
	return flytoml.DefaultGroup
}

// instances are the machines of the application, without those that deploys make for themselves.
func (l Fleet) instances() []fly.Machine {
	return slices.DeleteFunc(slices.Clone(l.Machines), func(m fly.Machine) bool { return reserved[group(m)] || m.State == fly.StateDestroyed })
}

// serving are those that run, or that the platform starts when somebody asks.
func serving(m fly.Machine) bool {
	switch m.State {
	case fly.StateStarted, fly.StateStarting, fly.StateReplacing, fly.StateUpdating, fly.StateRestarting:
		return true
	case fly.StateStopped, fly.StateSuspended:
		c := config(m)
		return c != nil && slices.ContainsFunc(c.Services, func(s fly.Service) bool {
			return s.Autostart != nil && *s.Autostart && len(s.Autostop) > 0 && string(s.Autostop) != "false" && string(s.Autostop) != `"off"`
		})
	}
	return false
}

func machine(m fly.Machine, text string) Evidence {
	return Evidence{Machine: m.ID, Region: m.Region, Text: text}
}

const askPlatform = "name the application (--app), and log in: flyctl auth login, or FLY_ACCESS_TOKEN"

func (f *Facts) fleet() (Fleet, *verdict) {
	l, ok := f.Fleet.Get()
	if !ok {
		v := unknown(f.Fleet.Why(), askPlatform)
		return l, &v
	}
	return l, nil
}

func imageName(m fly.Machine) string {
	return cmp.Or(m.ImageRef.Digest, m.ImageRef.Repository+":"+m.ImageRef.Tag)
}

func fleetMachines(f *Facts) verdict {
	l, v := f.fleet()
	if v != nil {
		return *v
	}
	mm := l.instances()
	if l.Counted > 0 && len(l.Machines) == 0 {
		return unknown(fmt.Sprintf("the platform lists no machine, and counts %d", l.Counted), "ask again in a minute")
	}
	if len(mm) == 0 {
		return warn("there is no machine: a first deploy makes them", "nothing, where this is the first")
	}
	images := map[string][]Evidence{}
	var odd []Evidence
	problem := ""
	for _, m := range mm {
		images[imageName(m)] = append(images[imageName(m)], machine(m, short(imageName(m))))
		note := func(what string) {
			odd = append(odd, machine(m, what))
			problem = cmp.Or(problem, what)
		}
		switch {
		case m.HostStatus != "" && m.HostStatus != fly.HostOK:
			note("its host is " + m.HostStatus)
		case m.Cordoned:
			note("it is out of the traffic (cordoned)")
		case m.State == fly.StateFailed || m.State == fly.StateLaunchFailed:
			note("it has failed")
		case len(critical(m)) > 0 && m.State == fly.StateStarted:
			note("its check " + critical(m) + " fails")
		}
	}
	if len(images) > 1 {
		var ee []Evidence
		for _, name := range slices.Sorted(maps.Keys(images)) {
			ee = append(ee, images[name][0])
		}
		return fail(fmt.Sprintf("%s run %d different images: a deploy broke off, or is under way", plural(len(mm), "machine"), len(images)),
			"finish that deploy or take it back first (ops-console resume); bluegreen refuses to begin like this", ee...)
	}
	if len(odd) > 0 {
		return warn(fmt.Sprintf("%s of %d: %s", plural(len(odd), "machine"), len(mm), problem), "see ops-console status; mend it first, so that the deploy is not blamed for it", odd...)
	}
	return pass(fmt.Sprintf("%s in %s, all of one image", plural(len(mm), "machine"), plural(len(regionsOf(mm)), "region")))
}

func critical(m fly.Machine) string {
	for _, c := range m.Checks {
		if c.Status == fly.CheckCritical {
			return c.Name
		}
	}
	return ""
}

// regionsOf counts machines by region.
func regionsOf(mm []fly.Machine) map[string]int {
	out := map[string]int{}
	for _, m := range mm {
		out[m.Region]++
	}
	return out
}

// primary is the primary region; empty: not known.
func (f *Facts) primary() string {
	if t, ok := f.Source.Get(); ok && t.Fly != nil {
		return cmp.Or(t.Fly.PrimaryRegion, t.Fly.Env["PRIMARY_REGION"])
	}
	if l, ok := f.Fleet.Get(); ok {
		for _, m := range l.Machines {
			if c := config(m); c != nil && c.Env["PRIMARY_REGION"] != "" {
				return c.Env["PRIMARY_REGION"]
			}
		}
	}
	return ""
}

func fleetPrimary(f *Facts) verdict {
	l, v := f.fleet()
	if v != nil {
		return *v
	}
	mm := l.instances()
	primary := f.primary()
	switch {
	case len(mm) == 0:
		return unknown("there is no machine", "")
	case primary == "":
		return unknown("no file says which region is the primary", `primary_region = "CODE" at the top of fly.toml`)
	}
	n := 0
	for _, m := range mm {
		c := config(m)
		if m.Region == primary && serving(m) && (c == nil || len(c.Services) > 0 || len(c.Standbys) == 0) {
			n++
		}
	}
	switch n {
	case 0:
		return fail("no machine runs in "+primary, "fly scale count, or another primary_region", Evidence{Region: primary})
	case 1:
		return warn("one machine runs in "+primary+": when its host fails, so does the region", "ops-console scale --region "+primary+"=2", Evidence{Region: primary})
	}
	return pass(fmt.Sprintf("%d in %s", n, primary), Evidence{Region: primary})
}

func fleetReplicas(f *Facts) verdict {
	l, v := f.fleet()
	if v != nil {
		return *v
	}
	regions := regionsOf(l.instances())
	if len(regions) <= 1 {
		return pass("there is one region")
	}
	r, ok := f.Replication.Get()
	if !ok {
		return unknown(f.Replication.Why(), databaseMend)
	}
	has := map[string]bool{r.Primary: true}
	for _, x := range r.Replicas {
		has[x.Region] = true
	}
	if len(has) == 1 && has[""] {
		return unknown("in which regions the database is, is not known", "")
	}
	var missing []string
	var ee []Evidence
	for _, code := range slices.Sorted(maps.Keys(regions)) {
		if !has[code] {
			missing = append(missing, code)
			ee = append(ee, Evidence{Region: code, Text: plural(regions[code], "machine")})
		}
	}
	if len(missing) > 0 {
		return warn(strings.Join(missing, ", ")+": machines there, and no replica: each query goes to another region", "add a replica there (fly machine clone --region), or take the machines away", ee...)
	}
	return pass(plural(len(regions), "region") + ", each with one")
}

// most is how many machines of a region a strategy has at once, of n.
func most(strategy string, n int) int {
	switch strategy {
	case "bluegreen":
		return 2 * n
	case "canary":
		return n + 1
	}
	return n
}

func (f *Facts) strategy() string {
	if t, ok := f.Source.Get(); ok && t.Fly != nil {
		return cmp.Or(t.Fly.Deploy.Strategy, "rolling")
	}
	return "rolling"
}

func fleetLimit(f *Facts) verdict {
	l, v := f.fleet()
	if v != nil {
		return *v
	}
	if t, ok := f.Source.Get(); f.MaxPerRegion > 0 && (!ok || t.Fly == nil) {
		return unknown("which strategy is meant is not known: bluegreen has twice as many machines for a while", flyMend)
	}
	strategy := f.strategy()
	top, region := 0, ""
	var over []Evidence
	regions := regionsOf(l.instances())
	for _, code := range slices.Sorted(maps.Keys(regions)) {
		n := most(strategy, regions[code])
		if n > top {
			top, region = n, code
		}
		if f.MaxPerRegion > 0 && n > f.MaxPerRegion {
			over = append(over, Evidence{Region: code, Text: fmt.Sprintf("%d now, %d at most during %s", regions[code], n, strategy)})
		}
	}
	switch {
	case len(over) > 0:
		return fail(fmt.Sprintf("%s would have up to %d machines in %s, and %d are allowed", strategy, top, region, f.MaxPerRegion), "deploy with strategy rolling, scale down first, or allow more", over...)
	case region == "":
		return pass("there is no machine")
	case f.MaxPerRegion == 0:
		return pass(fmt.Sprintf("none is set; %s has at most %d at once, in %s", strategy, top, region))
	}
	return pass(fmt.Sprintf("at most %d at once, in %s; %d are allowed", top, region, f.MaxPerRegion))
}

// abandoned is from when on a release that is under way is taken to be left behind.
const abandoned = time.Hour

func fleetFree(f *Facts) verdict {
	l, v := f.fleet()
	if v != nil {
		return *v
	}
	for _, m := range l.Machines {
		lease, ok := l.Leases[m.ID]
		ours := f.Own != "" && strings.Contains(lease.Description, f.Own)
		if !ok || ours || lease.ExpiresAt <= f.At.Unix() {
			continue
		}
		who := cmp.Or(lease.Description, lease.Owner, "somebody")
		return fail(fmt.Sprintf("%s is held by %s for %s more", m.ID, who, time.Unix(lease.ExpiresAt, 0).Sub(f.At).Round(time.Second)), "wait, or ask them", machine(m, who))
	}
	for _, m := range l.Machines {
		if group(m) == releaseGroup && m.State != fly.StateDestroyed && m.State != fly.StateDestroying {
			if m.State == fly.StateStopped || m.State == fly.StateFailed {
				return warn(fmt.Sprintf("the machine of a release command, %s, was left behind %s", m.ID, m.State), "fly machine destroy "+m.ID, machine(m, m.State))
			}
			return fail(fmt.Sprintf("a release command runs in %s since %s", m.ID, ago(f, m.CreatedAt)), "wait for its end: another deploy would kill it", machine(m, m.State))
		}
	}
	if l.Unread != "" {
		return unknown("who holds the machines could not be asked: "+l.Unread, askPlatform)
	}
	releases, ok := f.Releases.Get()
	if !ok {
		return unknown("the releases could not be asked for: "+f.Releases.Why(), askPlatform)
	}
	for _, r := range releases[:min(len(releases), 5)] {
		ours := f.Own != "" && r.ImageRef == f.ImageRef
		if ours || !r.InProgress && r.Status != "running" && r.Status != "pending" {
			continue
		}
		e := Evidence{Text: fmt.Sprintf("v%d %s", r.Version, r.Status)}
		if f.At.Sub(r.CreatedAt) > abandoned {
			return warn(fmt.Sprintf("v%d is %s since %s, and nobody holds a machine: it was left behind", r.Version, r.Status, ago(f, r.CreatedAt)), "look whether the fleet is whole; the next release replaces it", e)
		}
		return fail(fmt.Sprintf("v%d is %s since %s, by %s", r.Version, r.Status, ago(f, r.CreatedAt), cmp.Or(r.User.Name, r.User.Email, "somebody")), "wait, or ask them", e)
	}
	return pass("no lease, no release command, no release under way")
}

func fleetSecrets(f *Facts) verdict {
	ss, ok := f.Secrets.Get()
	if !ok {
		return unknown(f.Secrets.Why(), askPlatform)
	}
	releases, ok := f.Releases.Get()
	if !ok {
		return unknown(f.Releases.Why(), askPlatform)
	}
	if len(releases) == 0 {
		return pass("this is the first release: all secrets go out with it")
	}
	newest := releases[0].CreatedAt
	var staged []string
	var ee []Evidence
	for _, s := range ss {
		changed := s.UpdatedAt
		if s.CreatedAt.After(changed) {
			changed = s.CreatedAt
		}
		if changed.After(newest) {
			staged = append(staged, s.Name)
			ee = append(ee, Evidence{Text: s.Name + ", changed " + ago(f, changed)})
		}
	}
	if len(staged) > 0 {
		return warn(fmt.Sprintf("%s changed since v%d: %s. They go out with this release, and a rollback does not bring the old values back", plural(len(staged), "secret"), releases[0].Version, names(staged)),
			"see that they are meant to (fly secrets list)", ee...)
	}
	return pass(fmt.Sprintf("%s, none changed since v%d", plural(len(ss), "secret"), releases[0].Version))
}

func fleetVolumes(f *Facts) verdict {
	l, v := f.fleet()
	if v != nil {
		return *v
	}
	want := map[string]int{}
	for _, m := range l.instances() {
		if c := config(m); c != nil && len(c.Mounts) > 0 {
			want[m.Region]++
		}
	}
	if len(want) == 0 {
		return pass("no machine has one")
	}
	vv, ok := f.Volumes.Get()
	if !ok {
		return unknown(f.Volumes.Why(), askPlatform)
	}
	have := map[string]int{}
	for _, x := range vv {
		switch x.State {
		case "scheduling_destroy", "pending_destroy", "destroying", "destroyed", "waiting_for_detach":
		default:
			have[x.Region]++
		}
	}
	total := 0
	for _, code := range slices.Sorted(maps.Keys(want)) {
		total += want[code]
		if have[code] < want[code] {
			return fail(fmt.Sprintf("%s: %s with a volume, and %s", code, plural(want[code], "machine"), plural(have[code], "volume")), "fly volumes create --region "+code, Evidence{Region: code})
		}
	}
	if total == 1 {
		return warn("one machine with one volume, on one host: while it is replaced nobody answers, and when the host fails, neither", "two machines with a volume each, if the application can bear that")
	}
	return pass(fmt.Sprintf("%d for %d machines", len(vv), total))
}
