package schedule

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/fly"
)

// Metadata by which machines of ours are known. They have none of what the platform's own deploys go by, so that those leave
// them alone.
const (
	metaRole   = fly.MetaRole
	roleBackup = "backup"
	metaSource = "ops_console_backup_of"
	metaLaunch = "ops_console_launch"    // found again by it where the answer to a create was lost
	metaRun    = "ops_console_backup_id" // of the one backup that the machine is for; none: it has a schedule
)

// EnvID tells a run which ID its backup is to have, so that whoever started it knows where to look for it.
const EnvID = "OPS_CONSOLE_BACKUP_ID"

// Every is a schedule of the platform. It knows these only, and chooses the minute itself.
type Every string

// The schedules of the platform.
const (
	Hourly  Every = "hourly"
	Daily   Every = "daily"
	Weekly  Every = "weekly"
	Monthly Every = "monthly"
)

// ParseEvery reads the name of a schedule of the platform.
func ParseEvery(s string) (Every, error) {
	e := Every(strings.ToLower(strings.TrimSpace(s)))
	if !slices.Contains([]Every{Hourly, Daily, Weekly, Monthly}, e) {
		return "", fmt.Errorf("schedule %q: the platform knows hourly, daily, weekly and monthly, and chooses the time itself; for others use a timer or the daemon", s)
	}
	return e, nil
}

// Job is what a machine is to run.
type Job struct {
	Source  backup.Source
	Region  string            // that of the primary: the data crosses no ocean
	Image   string            // with this program and pg_dump in it
	Command []string          // whole, the program first; no secret in it
	Env     map[string]string // added to what the image and the app's secrets give; no secret in it
	Files   map[string][]byte // by path: a profile, as a rule; no secret in them
	Secrets []string          // of the app, by name, without which it cannot work
	Guest   fly.Guest         // zero: two shared CPUs and a gigabyte
}

// Machines makes, finds and removes machines for backups in one app. It never touches another machine.
type Machines struct {
	Client *fly.Client
	App    string // whose secrets the machines get
}

// Machine is a machine of ours, as the platform has it.
type Machine struct {
	ID     string
	Region string
	State  string
	Source string    // as backup.SourceDir writes it
	Every  Every     // empty: for one backup only
	Run    backup.ID // that one
	Image  string
	// Known is false where the machine's host cannot be reached: then what it runs is not known, and it is not gone.
	Known bool

	Created time.Time
	Started time.Time      // of the newest run; zero: none is known
	Exit    *fly.ExitEvent // of the newest run, where it ended
	Machine fly.Machine    // as it was read
}

// Runs says whether it is making a backup now, as far as is known.
func (m Machine) Runs() bool {
	switch m.State {
	case fly.StateStopped, fly.StateDestroyed, fly.StateDestroying, fly.StateFailed, fly.StateLaunchFailed, fly.StateSuspended, fly.StateReplaced, fly.StateMigrated:
		return false
	}
	return true
}

func (j Job) check() error {
	switch {
	case j.Region == "":
		return errors.New("which region the primary is in is not known: say which")
	case j.Image == "":
		return errors.New("no image is named that has this program and pg_dump in it: set backup.image in the profile")
	case len(j.Command) == 0:
		return errors.New("there is nothing to run")
	}
	for path, data := range j.Files {
		if secretWord.Match(data) {
			return fmt.Errorf("file %s: %w", path, ErrSecret)
		}
	}
	return noSecret(j.Command, j.Env)
}

// Config is what a machine for a job is made with, to be shown before it is.
func (j Job) Config(every Every) fly.MachineConfig {
	guest := j.Guest
	if guest == (fly.Guest{}) {
		guest = fly.Guest{CPUKind: "shared", CPUs: 2, MemoryMB: 1024}
	}
	env := maps.Clone(j.Env)
	if env == nil {
		env = map[string]string{}
	}
	env[EnvProgress] = fmt.Sprintf("[::]:%d", ProgressPort)
	var files []fly.File
	for _, path := range slices.Sorted(maps.Keys(j.Files)) {
		files = append(files, fly.File{GuestPath: path, RawValue: j.Files[path]})
	}
	return fly.MachineConfig{
		Image: j.Image, Init: &fly.Init{Exec: j.Command}, Env: env, Files: files, Guest: &guest, Schedule: string(every),
		Restart:     &fly.Restart{Policy: "no"}, // one that failed is tried again by the next, not at once and for ever
		AutoDestroy: every == "",
		DNS:         &fly.DNSConfig{SkipRegistration: true}, // it is no instance of the app
		// Time to give up an upload and leave a note.
		StopConfig: &fly.StopConfig{Signal: "SIGINT", Timeout: fly.Duration(time.Minute)},
		Metadata:   map[string]string{metaRole: roleBackup, metaSource: backup.SourceDir(j.Source)},
	}
}

// Schedule makes a machine that runs a job by schedule, or brings the one there is for the source up to date. A new one runs
// at once, which shows whether it works. ErrRuns where the old one is busy.
func (m *Machines) Schedule(ctx context.Context, j Job, every Every) (Machine, error) {
	if err := j.check(); err != nil {
		return Machine{}, fmt.Errorf("schedule backups: %w", err)
	}
	if err := m.checkSecrets(ctx, j); err != nil {
		return Machine{}, fmt.Errorf("schedule backups: %w", err)
	}
	there, err := m.List(ctx)
	if err != nil {
		return Machine{}, err
	}
	there = slices.DeleteFunc(there, func(o Machine) bool {
		return o.Run != "" || o.State == fly.StateDestroying || o.Source != backup.SourceDir(j.Source)
	})
	switch {
	case len(there) > 1:
		ids := make([]string, len(there))
		for i, o := range there {
			ids[i] = o.ID
		}
		return Machine{}, fmt.Errorf("schedule backups: there are %d machines for that already, %s: remove all but one", len(there), strings.Join(ids, ", "))
	case len(there) == 1 && there[0].Region == j.Region:
		return m.renew(ctx, there[0], j, every)
	case len(there) == 1:
		return Machine{}, fmt.Errorf("schedule backups: machine %s does it in %s, and the primary is in %s: remove it first", there[0].ID, there[0].Region, j.Region)
	}
	got, err := m.create(ctx, j, every, "")
	if err != nil {
		return Machine{}, fmt.Errorf("schedule backups: %w", err)
	}
	return describe(got), nil
}

// renew gives the machine of a schedule another configuration, where it has not that one.
func (m *Machines) renew(ctx context.Context, old Machine, j Job, every Every) (Machine, error) {
	want := j.Config(every)
	if !old.Known {
		return Machine{}, fmt.Errorf("schedule backups: the host of machine %s cannot be reached: try again later", old.ID)
	}
	have := old.Machine.Config
	if have.Image == want.Image && have.Schedule == want.Schedule && have.Init != nil && slices.Equal(have.Init.Exec, want.Init.Exec) &&
		maps.Equal(without(have.Env, EnvProgressWord), want.Env) && slices.EqualFunc(have.Files, want.Files, sameFile) && have.Guest != nil && *have.Guest == *want.Guest {
		return old, nil
	}
	if old.Runs() {
		return Machine{}, fmt.Errorf("schedule backups: machine %s: %w", old.ID, ErrRuns)
	}
	want.Env[EnvProgressWord] = rand.Text()
	want.Metadata[metaLaunch] = rand.Text()
	ref := fly.Ref{App: m.App, ID: old.ID}
	got, err := m.Client.Update(ctx, ref, old.Machine.InstanceID, fly.Launch{Config: want, SkipLaunch: true})
	if err != nil {
		return Machine{}, fmt.Errorf("schedule backups: %w", err)
	}
	return describe(got), nil
}

func sameFile(a, b fly.File) bool {
	return a.GuestPath == b.GuestPath && a.SecretName == b.SecretName && bytes.Equal(a.RawValue, b.RawValue)
}

func without(m map[string]string, key string) map[string]string {
	m = maps.Clone(m)
	delete(m, key)
	return m
}

// checkSecrets says which secrets the app lacks. Their values are never read.
func (m *Machines) checkSecrets(ctx context.Context, j Job) error {
	if len(j.Secrets) == 0 {
		return nil
	}
	have, err := m.Client.Secrets(ctx, m.App)
	if err != nil {
		return err
	}
	var lack []string
	for _, name := range j.Secrets {
		if !slices.ContainsFunc(have, func(s fly.Secret) bool { return s.Name == name }) {
			lack = append(lack, name)
		}
	}
	if len(lack) == 0 {
		return nil
	}
	return fmt.Errorf("%s has no secret %s, which the machine needs: fly secrets set --stage -a %s %s=…", m.App, strings.Join(lack, ", "), m.App, strings.Join(lack, "=… "))
}

// create makes a machine and finds it again where the answer was lost.
func (m *Machines) create(ctx context.Context, j Job, every Every, run backup.ID) (fly.Machine, error) {
	c, launch := j.Config(every), rand.Text()
	c.Env[EnvProgressWord] = rand.Text()
	c.Metadata[metaLaunch] = launch
	if run != "" {
		c.Env[EnvID], c.Metadata[metaRun] = string(run), string(run)
	}
	got, err := m.Client.Create(ctx, m.App, j.Region, "", fly.Launch{Config: c})
	if ambiguous := (*fly.AmbiguousError)(nil); !errors.As(err, &ambiguous) {
		return got, err
	}
	// What was made may be listed a little later.
	for try := range 4 {
		if try > 0 && !pause(ctx, time.Duration(try)*time.Second) {
			break
		}
		all, listErr := m.Client.MachinesWhere(ctx, m.App, fly.Where{Metadata: map[string]string{metaLaunch: launch}})
		if listErr != nil {
			continue
		}
		for _, o := range all {
			if o.Config != nil && o.Config.Metadata[metaLaunch] == launch {
				return o, nil
			}
		}
	}
	return fly.Machine{}, err
}

// pause waits, and says whether ctx did not end meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// List is the machines of ours in the app but for those that are gone or going, those with a schedule first, then the newest.
func (m *Machines) List(ctx context.Context) ([]Machine, error) {
	all, err := m.Client.MachinesWhere(ctx, m.App, fly.Where{Metadata: map[string]string{metaRole: roleBackup}})
	if err != nil {
		return nil, fmt.Errorf("list the machines for backups: %w", err)
	}
	var ours []Machine
	for _, o := range all {
		// One that is being destroyed takes no backup any more, however long that takes.
		if d := describe(o); mine(o) && o.State != fly.StateDestroyed && o.State != fly.StateDestroying {
			ours = append(ours, d)
		}
	}
	slices.SortFunc(ours, func(a, b Machine) int {
		if (a.Run == "") != (b.Run == "") {
			if a.Run == "" {
				return -1
			}
			return 1
		}
		return b.Created.Compare(a.Created)
	})
	return ours, nil
}

// mine says whether a machine is one of ours, by what it says of itself: a platform that does not know the question about
// metadata lists all of them.
func mine(o fly.Machine) bool { return config(o).Metadata[metaRole] == roleBackup }

func config(o fly.Machine) fly.MachineConfig {
	switch {
	case o.Config != nil:
		return *o.Config
	case o.IncompleteConfig != nil:
		return *o.IncompleteConfig
	}
	return fly.MachineConfig{}
}

func describe(o fly.Machine) Machine {
	c := config(o)
	d := Machine{
		ID: o.ID, Region: o.Region, State: o.State, Source: c.Metadata[metaSource], Every: Every(c.Schedule), Run: backup.ID(c.Metadata[metaRun]),
		Image: c.Image, Known: o.Config != nil, Created: o.CreatedAt, Machine: o,
	}
	for _, e := range o.Events { // newest first
		if d.Exit == nil && d.Started.IsZero() && e.Type == "exit" {
			d.Exit = e.Exit()
		}
		if d.Started.IsZero() && e.Type == "start" {
			d.Started = e.Time()
		}
	}
	return d
}

// Remove destroys a machine of ours. ErrRuns where it is making a backup, unless kill is set; ErrNotOurs for any other
// machine. One that is gone is removed already.
func (m *Machines) Remove(ctx context.Context, id string, kill bool) error {
	o, err := m.Client.Machine(ctx, m.App, id)
	switch {
	case errors.Is(err, fly.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("remove machine %s: %w", id, err)
	case !mine(o):
		return fmt.Errorf("remove machine %s: %w", id, ErrNotOurs)
	case o.State == fly.StateDestroyed || o.State == fly.StateDestroying:
		return nil
	case describe(o).Runs() && !kill:
		return fmt.Errorf("remove machine %s: %w", id, ErrRuns)
	}
	if err := m.Client.Destroy(ctx, fly.Ref{App: m.App, ID: id}, true); err != nil && !errors.Is(err, fly.ErrNotFound) {
		return fmt.Errorf("remove machine %s: %w", id, err)
	}
	return nil
}
