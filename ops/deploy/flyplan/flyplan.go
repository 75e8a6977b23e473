// Package flyplan makes the plan of a deployment or a rollback on Fly.io: from fly.toml, the machines as they run, and what
// is to go out. It asks nobody and changes nothing; what it is given is all it goes by, and the plan holds all that the
// deployment needs.
package flyplan

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"ops-console/ops/deploy"
	"ops-console/ops/deploy/flyplatform"
	"ops-console/ops/fly"
	"ops-console/ops/fly/flytoml"
	"ops-console/ops/plaintext"
	"ops-console/ops/preflight/shell"
)

// Input is what a plan is made from.
type Input struct {
	ID  string // ULID of the deployment
	App string
	By  string // user@host
	At  time.Time

	Artifact   deploy.Artifact // what is to go out; Image and Digest are needed
	Machines   []fly.Machine   // all of the app
	File       *flytoml.File   // nil: there is none, and configurations stay as they run
	Definition json.RawMessage // the same as JSON: see Definition
	Previous   json.RawMessage // fly.toml of the current release, as JSON; may be empty

	Strategy       deploy.Strategy // empty: as fly.toml says, else rolling
	MaxUnavailable float64         // a share where below 1, else a number; 0: as fly.toml says, else a third
	Timings        deploy.Timings  // zero values: those of deploy.DefaultTimings, and of fly.toml
	LeaveCold      bool            // machines that are stopped are not tried
	NoCommand      bool            // the release command is not run

	Migrations []deploy.Migration // that the release command is expected to run
	Old        deploy.Eligibility // of the old release on the schema after them
	Gates      []deploy.Gate
}

// Defaults of the platform's own client.
const (
	defaultShare   = 0.33
	commandTimeout = 5 * time.Minute
	commandMemory  = 512 // MB, at least
)

// Deploy plans to bring a release onto every machine. notes are what a reader should know besides: what of fly.toml is not
// carried out, and what is odd about the fleet.
func Deploy(in Input) (p deploy.Plan, notes []string, err error) {
	p, notes, err = in.plan(deploy.KindDeploy, func(m *fly.Machine, group string) (json.RawMessage, error) {
		return in.config(m.Config.Raw, group)
	})
	if err != nil {
		return p, notes, err
	}
	notes = append(notes, in.notCarriedOut()...)
	if in.File != nil && in.File.Deploy.ReleaseCommand != "" && !in.NoCommand {
		if p.Command, err = in.command(); err != nil {
			return p, notes, err
		}
	}
	if p.Command == nil {
		p.Migrations, p.Old = nil, deploy.Eligibility{Able: deploy.Able}
	}
	return p, append(notes, notKept(&p)...), nil
}

// notKept says, where it is so, that nobody else can go on with a deployment by this plan.
func notKept(p *deploy.Plan) []string {
	if _, err := p.Pack(); err != nil {
		return []string{"only from this computer can it be gone on with, once it is cut off: " + err.Error()}
	}
	return nil
}

// Rollback plans to give every machine back the configuration that it had in a release before. versions has what the
// platform remembers of each machine, newest first. Where it remembers none of that release, the machine keeps its
// configuration and gets the image.
func Rollback(in Input, to int, versions map[string][]fly.MachineVersion) (p deploy.Plan, notes []string, err error) {
	var without []string
	p, notes, err = in.plan(deploy.KindRollback, func(m *fly.Machine, group string) (json.RawMessage, error) {
		for _, v := range versions[m.ID] {
			if release(&v.Config) == to {
				old := in
				old.File = nil
				return old.config(v.Config.Raw, group)
			}
		}
		without = append(without, m.ID)
		old := in
		old.File = nil
		return old.config(m.Config.Raw, group)
	})
	if err == nil && len(without) > 0 {
		notes = append(notes, fmt.Sprintf("the platform remembers no configuration of release v%d for %s: they get its image and keep their configuration", to, list(without)))
	}
	p.Old = deploy.Eligibility{Able: deploy.Able}
	if err == nil {
		notes = append(notes, notKept(&p)...)
	}
	return p, notes, err
}

var errNoMachines = errors.New("the app has no machines: create the first ones with `fly deploy` or `ops-console scale`")

func (in *Input) plan(kind deploy.Kind, config func(*fly.Machine, string) (json.RawMessage, error)) (deploy.Plan, []string, error) {
	p := deploy.Plan{
		ID: in.ID, App: in.App, Kind: kind, By: in.By, At: in.At.UTC(), Artifact: in.Artifact,
		Strategy: in.strategy(), Migrations: in.Migrations, Old: in.Old, Gates: in.Gates,
	}
	if in.Artifact.Image == "" || in.Artifact.Digest == "" {
		return p, nil, errors.New("the image to deploy is not known by its digest: without it nobody can tell whether a machine runs it")
	}
	notes, err := left(in.Machines)
	if err != nil {
		return p, nil, err
	}
	var (
		warm  time.Duration
		count = map[string]int{} // machines of a group in a region
	)
	for _, m := range in.Machines {
		group := groupOf(&m)
		switch {
		case strings.HasPrefix(group, "fly_app_"), m.Config != nil && m.Config.Metadata[fly.MetaRole] != "":
			continue
		case m.State == fly.StateDestroying || m.State == fly.StateDestroyed:
			continue
		case m.HostStatus != "" && m.HostStatus != fly.HostOK || m.Config == nil:
			return p, nil, fmt.Errorf("machine %s in %s cannot be looked at (its host is %s): deploy when it can, or destroy the machine first", m.ID, m.Region, plaintext.Line(m.HostStatus, 30))
		}
		if in.File != nil && len(in.File.Processes) > 0 {
			if _, ok := in.File.Processes[group]; !ok {
				return p, nil, fmt.Errorf("machine %s is of the process group %q, which fly.toml does not name: destroy it, or name the group", m.ID, plaintext.Line(group, 40))
			}
		}
		t, err := in.target(&m, group, config)
		if err != nil {
			return p, nil, fmt.Errorf("machine %s: %w", m.ID, err)
		}
		var c fly.MachineConfig
		if err := json.Unmarshal(t.Config, &c); err != nil {
			return p, nil, fmt.Errorf("machine %s: %w", m.ID, err)
		}
		warm = max(warm, grace(&c))
		count[group+" "+m.Region]++
		p.Targets = append(p.Targets, t)
	}
	if len(p.Targets) == 0 {
		return p, nil, errNoMachines
	}
	in.order(p.Targets, count)
	p.Groups = in.groups(p.Targets)
	p.Timings = in.timings(warm)
	var odd []string
	p.From, odd = from(p.Targets)
	notes = append(notes, odd...)
	if in.File != nil {
		for group := range in.File.Processes {
			if !slices.ContainsFunc(p.Groups, func(g deploy.Group) bool { return g.Name == group }) {
				notes = append(notes, fmt.Sprintf("fly.toml names the process group %q, which has no machine: `ops-console scale` makes the first", group))
			}
		}
	}
	notes = append(notes, strategyNotes(&p)...)
	slices.Sort(notes)
	return p, notes, nil
}

func (in *Input) target(m *fly.Machine, group string, config func(*fly.Machine, string) (json.RawMessage, error)) (deploy.Target, error) {
	raw, err := config(m, group)
	if err != nil {
		return deploy.Target{}, err
	}
	var c fly.MachineConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return deploy.Target{}, err
	}
	state := deploy.Started // what is on its way up is to run: it is not stopped again afterwards
	switch m.State {
	case fly.StateFailed, fly.StateLaunchFailed:
		state = deploy.Failed
	case fly.StateCreated, fly.StateStopped, fly.StateStopping, fly.StateSuspended, fly.StateSuspending:
		state = deploy.Stopped
	}
	healthy := m.State == fly.StateStarted
	for _, k := range m.Checks {
		healthy = healthy && k.Status == fly.CheckPassing
	}
	return deploy.Target{
		Machine: m.ID, Name: plaintext.Line(m.Name, 100), Region: m.Region, Group: group,
		Prev: deploy.Snapshot{
			Version: cmp.Or(m.InstanceID, m.Version), Image: m.Config.Image, Digest: m.ImageRef.Digest, Release: release(m.Config),
			Config: unmarked(m.Config.Raw), State: state, Cordoned: m.Cordoned, Healthy: healthy, Mark: m.Config.Metadata[deploy.TagMark],
			Crashes: flyplatform.Crashes(m.Events),
		},
		Config: raw, Checks: countChecks(&c), AutoStop: autostops(&c),
		Try: state != deploy.Started && !in.LeaveCold && len(m.Config.Standbys) == 0,
	}, nil
}

// unmarked is a configuration without the mark of a deployment that has not ended, and without its plan: whatever else it
// has is put back as it was.
func unmarked(raw json.RawMessage) json.RawMessage {
	o, err := parse(raw)
	if err != nil {
		return raw
	}
	md := get[map[string]string](o, "metadata")
	if md[deploy.TagHead] == "" && md[deploy.TagPlan] == "" {
		return raw
	}
	delete(md, deploy.TagHead)
	delete(md, deploy.TagPlan)
	o.set("metadata", md)
	return o.raw()
}

func groupOf(m *fly.Machine) string {
	c := cmp.Or(m.Config, m.IncompleteConfig, &fly.MachineConfig{})
	return cmp.Or(c.Metadata[fly.MetaProcessGroup], c.Metadata["process_group"], flytoml.DefaultGroup)
}

// order puts the machine first whose failure hurts least: one of many in its region, not in the primary one.
func (in *Input) order(tt []deploy.Target, count map[string]int) {
	primary := ""
	if in.File != nil {
		primary = in.File.PrimaryRegion
	}
	rank := func(t deploy.Target) int {
		n := -count[t.Group+" "+t.Region]
		if t.Region == primary {
			n += 1 << 20
		}
		return n
	}
	slices.SortFunc(tt, func(a, b deploy.Target) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Machine, b.Machine))
	})
}

func (in *Input) groups(tt []deploy.Target) []deploy.Group {
	count := map[string]int{}
	for _, t := range tt {
		count[t.Group]++
	}
	share := in.MaxUnavailable
	if share <= 0 && in.File != nil {
		share = in.File.Deploy.MaxUnavailable
	}
	if share <= 0 {
		share = defaultShare
	}
	var out []deploy.Group
	for _, name := range slices.Sorted(maps.Keys(count)) {
		n := int(share)
		if share < 1 {
			n = int(math.Ceil(share * float64(count[name])))
		}
		out = append(out, deploy.Group{Name: name, MaxUnavailable: max(1, n)})
	}
	return out
}

func (in *Input) strategy() deploy.Strategy {
	if in.Strategy != "" {
		return in.Strategy
	}
	if in.File != nil && in.File.Deploy.Strategy != "" {
		return deploy.Strategy(strings.ToLower(in.File.Deploy.Strategy))
	}
	return deploy.StrategyRolling
}

func (in *Input) timings(grace time.Duration) deploy.Timings {
	t, d := in.Timings, deploy.DefaultTimings()
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if in.File != nil {
		def(&t.Health, in.File.Deploy.WaitTimeout)
		def(&t.Drain, in.File.KillTimeout)
	}
	def(&t.Grace, max(grace, d.Grace))
	def(&t.Health, max(d.Health, 2*t.Grace))
	for _, v := range []struct{ to, from *time.Duration }{
		{&t.Poll, &d.Poll},
		{&t.Settle, &d.Settle},
		{&t.Call, &d.Call},
		{&t.LeaseTTL, &d.LeaseTTL},
		{&t.LeaseWait, &d.LeaseWait},
		{&t.Stable, &d.Stable},
		{&t.Soak, &d.Soak},
		{&t.Drain, &d.Drain},
		{&t.Total, &d.Total},
	} {
		def(v.to, *v.from)
	}
	for _, v := range []struct{ to, from *int }{{&t.Good, &d.Good}, {&t.Bad, &d.Bad}, {&t.Tries, &d.Tries}, {&t.Parallel, &d.Parallel}} {
		if *v.to == 0 {
			*v.to = *v.from
		}
	}
	return t
}

// from is what most machines run, and what is odd where not all do.
func from(tt []deploy.Target) (deploy.Artifact, []string) {
	count, of := map[string]int{}, map[string]deploy.Artifact{}
	for _, t := range tt {
		count[t.Prev.Digest]++
		if t.Prev.Release >= of[t.Prev.Digest].Release {
			of[t.Prev.Digest] = deploy.Artifact{Image: t.Prev.Image, Digest: t.Prev.Digest, Release: t.Prev.Release}
		}
	}
	digests := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(of[b].Release, of[a].Release), cmp.Compare(a, b))
	})
	var notes []string
	if len(digests) > 1 {
		notes = append(notes, fmt.Sprintf("the fleet is mixed: %d of %d machines run v%d, the others something else; a rollback puts each back to what it runs now",
			count[digests[0]], len(tt), of[digests[0]].Release))
	}
	for _, t := range tt {
		if t.Prev.State == deploy.Started && !t.Prev.Healthy {
			notes = append(notes, fmt.Sprintf("machine %s in %s is not healthy as it is", t.Machine, t.Region))
		}
		if t.Prev.Cordoned {
			notes = append(notes, fmt.Sprintf("machine %s in %s is cordoned, and stays so", t.Machine, t.Region))
		}
	}
	return of[digests[0]], notes
}

// strategyNotes say what a strategy means for these machines.
func strategyNotes(p *deploy.Plan) []string {
	if p.Strategy != deploy.StrategyBlueGreen && p.Strategy != deploy.StrategyCanary {
		return nil
	}
	var notes []string
	unchecked, mounted := map[string]bool{}, false
	for _, t := range p.Targets {
		unchecked[t.Group] = unchecked[t.Group] || t.Checks == 0
		var c fly.MachineConfig
		mounted = mounted || json.Unmarshal(t.Config, &c) == nil && len(c.Mounts) > 0
	}
	if mounted {
		notes = append(notes, fmt.Sprintf("machines have volumes, which the new ones of a %s deployment cannot have: choose rolling", p.Strategy))
	}
	for g, none := range unchecked {
		if none && p.Strategy == deploy.StrategyBlueGreen {
			notes = append(notes, fmt.Sprintf("group %q has no health checks: old and new run side by side, and the new ones count as healthy when they run; what it does by schedule happens twice meanwhile", plaintext.Line(g, 40)))
		}
	}
	return notes
}

// notCarriedOut names the sections of fly.toml that changed with this release and that a deployment here leaves as they
// run.
func (in *Input) notCarriedOut() []string {
	if in.File == nil || len(in.Previous) == 0 {
		return nil
	}
	var before, now object
	if json.Unmarshal(in.Previous, &before) != nil || json.Unmarshal(in.Definition, &now) != nil {
		return nil
	}
	var out []string
	for _, key := range []string{"vm", "mounts", "metrics", "statics", "files", "restart"} {
		if now[key] != nil && !same(before[key], now[key]) {
			out = append(out, fmt.Sprintf("[%s] of fly.toml changed since the last release; machines keep what they have of it (`fly deploy` applies it)", key))
		}
	}
	return out
}

// Definition is a fly.toml as JSON, as a release record wants it.
func Definition(file []byte) (json.RawMessage, error) {
	var v map[string]any
	if err := toml.Unmarshal(file, &v); err != nil {
		return nil, fmt.Errorf("fly.toml: %w", err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("fly.toml: %w", err) // a number that is none
	}
	return b, nil
}

func same(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, err1 := json.Marshal(x)
	q, err2 := json.Marshal(y)
	return err1 == nil && err2 == nil && string(p) == string(q)
}

// command is the machine that runs the release command, as the platform's own client makes it.
func (in *Input) command() (*deploy.Command, error) {
	f := in.File
	words := shell.Words(f.Deploy.ReleaseCommand)
	if len(words) == 0 {
		return nil, fmt.Errorf("release_command %q of fly.toml has no words", plaintext.Line(f.Deploy.ReleaseCommand, 80))
	}
	env := maps.Clone(f.Env)
	if env == nil {
		env = map[string]string{}
	}
	region := f.PrimaryRegion
	guest := fly.Guest{CPUKind: "shared", CPUs: 2, MemoryMB: commandMemory}
	for _, m := range in.Machines {
		if m.Config == nil || groupOf(&m) != defaultGroup(f) {
			continue
		}
		if g := m.Config.Guest; g != nil && g.MemoryMB > guest.MemoryMB {
			guest = *g
		}
		region = cmp.Or(region, m.Region)
	}
	env["RELEASE_COMMAND"], env["FLY_PROCESS_GROUP"] = "1", "fly_app_release_command"
	if region != "" {
		env["PRIMARY_REGION"] = cmp.Or(f.PrimaryRegion, region)
	}
	o := object{}
	o.set("image", in.Artifact.Image)
	o.set("env", env)
	o.set("guest", guest)
	o.set("init", map[string]any{"cmd": words})
	o.set("metadata", map[string]string{fly.MetaPlatformVersion: "v2", fly.MetaProcessGroup: "fly_app_release_command"})
	o.set("auto_destroy", true)
	o.set("restart", map[string]string{"policy": "no"})
	o.set("dns", map[string]bool{"skip_registration": true})
	stop(o, f)
	return &deploy.Command{
		Text: plaintext.Line(f.Deploy.ReleaseCommand, 300), Region: region, Config: o.raw(),
		Timeout: cmp.Or(f.Deploy.ReleaseCommandTimeout, commandTimeout),
	}, nil
}

func list(ids []string) string {
	if len(ids) > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:3], ", "), len(ids)-3)
	}
	return strings.Join(ids, ", ")
}
