package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"ops-console/ops/audit"
	"ops-console/ops/config"
	"ops-console/ops/deploy"
	"ops-console/ops/page"
	"ops-console/ops/plaintext"
	"ops-console/ops/preflight/registry"
	"ops-console/ops/session"
)

// deployFlags say what goes out, and how.
type deployFlags struct {
	format, image, strategy            string
	unavailable                        float64
	noCommand, leaveCold               bool
	noBackup, noPreflight, dry, yes    bool
	soak, stable, grace, health, limit time.Duration
}

func (o *deployFlags) common(c *cobra.Command) {
	formatFlag(c, &o.format)
	f := c.Flags()
	f.StringVar(&o.strategy, "strategy", "", "rolling, canary, bluegreen or immediate (default: as fly.toml says)")
	f.Float64Var(&o.unavailable, "max-unavailable", 0, "machines of a group that may be out at a time: a share below 1, or a number (default: as fly.toml says)")
	f.BoolVar(&o.leaveCold, "leave-cold", false, "do not start machines that are stopped to see the new release healthy on them")
	f.BoolVar(&o.noPreflight, "no-preflight", false, "without the preflight checks")
	f.DurationVar(&o.stable, "stable", 0, "how long a machine has to be healthy without a break")
	f.DurationVar(&o.grace, "grace", 0, "after a start, in which failing checks do not count")
	f.DurationVar(&o.health, "health", 0, "how long a machine may take to become healthy")
	f.DurationVar(&o.limit, "limit", 0, "for all of it: past it, it goes back")
	f.BoolVarP(&o.dry, "plan", "n", false, "only show the plan")
	f.BoolVar(&o.yes, "yes", false, "without asking")
	_ = c.RegisterFlagCompletionFunc("strategy", cobra.FixedCompletions([]string{"rolling", "canary", "bluegreen", "immediate"}, cobra.ShellCompDirectiveNoFileComp))
}

const deployExit = `
Exit status: 0 deployed; 1 it went back, by itself or because that was asked for, stands still and
needs a decision, or was left; 2 usage; 3 it could not begin.

ctrl-c asks it to go back at the next point at which that is safe; a second one detaches: it
stays as it is, and "ops-console resume" goes on.`

func deployCommand(e *env, t *target) *cobra.Command {
	o := &deployFlags{}
	c := &cobra.Command{
		Use:   "deploy --image REF",
		Short: "Bring a release onto every machine, or take it back by itself",
		Long: `Plans, asks, then: leases on all machines, preflight, a backup where migrations are pending, the
release command once, machine after machine with health checks, the whole fleet verified. Where
that fails everything goes back to what it was, by itself, unless a migration forbids it.
` + deployExit,
		Example: `  ops-console --app changelog deploy --image registry.fly.io/changelog:deployment-42
  ops-console deploy --image REF --plan --format json
  ops-console deploy --image REF --yes --format json >events.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.image == "" {
				return usage(errors.New("which image is to be deployed is not said: --image REF"))
			}
			if _, err := registry.ParseRef(o.image); err != nil {
				return usage(err)
			}
			return o.run(c.Context(), e, t, "deploy", func(ctx context.Context, s *session.Session, so session.DeployOptions) (*session.Deployment, error) {
				return s.PlanDeploy(ctx, so)
			})
		},
	}
	o.common(c)
	f := c.Flags()
	f.StringVar(&o.image, "image", "", "what is to run")
	f.BoolVar(&o.noCommand, "no-release-command", false, "do not run the release command: nothing is migrated")
	f.BoolVar(&o.noBackup, "no-backup", false, "without a backup before migrations")
	f.DurationVar(&o.soak, "soak", 0, "how long the old release runs on the new schema first")
	return c
}

func rollbackCommand(e *env, t *target) *cobra.Command {
	o := &deployFlags{noBackup: true}
	c := &cobra.Command{
		Use:   "rollback [VERSION]",
		Short: "Put an earlier release back onto every machine",
		Long: `Goes back to a release, by default the newest before that of now which ended well and has another
image. Each machine gets the configuration that it had then, as far as the platform remembers it.
No release command is run: migrations, secrets and data stay as they are.
` + deployExit,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			to := 0
			if len(args) == 1 {
				n, err := strconv.Atoi(strings.TrimPrefix(args[0], "v"))
				if err != nil || n < 1 {
					return usage(fmt.Errorf("rollback %s: want the number of a release, as `ops-console releases` lists them", plaintext.Line(args[0], 40)))
				}
				to = n
			}
			return o.run(c.Context(), e, t, "rollback", func(ctx context.Context, s *session.Session, so session.DeployOptions) (*session.Deployment, error) {
				so.NoPreflight = true
				return s.PlanRollback(ctx, so, to)
			})
		},
	}
	o.common(c)
	return c
}

type planner func(context.Context, *session.Session, session.DeployOptions) (*session.Deployment, error)

func (o *deployFlags) run(ctx context.Context, e *env, t *target, action string, plan planner) error {
	if o.format != "text" && o.format != "json" {
		return badFormat(o.format)
	}
	return withSession(ctx, e, t, func(ctx context.Context, s *session.Session, p *config.Profile) error {
		dir, err := deployDir(e, p)
		if err != nil {
			return err
		}
		if err := noneUnfinished(dir, p); err != nil {
			return err
		}
		at := e.now()
		d, err := plan(ctx, s, session.DeployOptions{
			ID: ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String(), By: e.operator(), At: at, Image: o.image, Strategy: deploy.Strategy(o.strategy),
			MaxUnavailable: o.unavailable, NoCommand: o.noCommand, LeaveCold: o.leaveCold, NoBackup: o.noBackup, NoPreflight: o.noPreflight,
			Timings: deploy.Timings{Soak: o.soak, Stable: o.stable, Grace: o.grace, Health: o.health, Total: o.limit},
		})
		if err != nil {
			return unknown(err)
		}
		if err := d.Plan.Validate(); err != nil {
			return usage(err)
		}
		if err := o.show(e, d); err != nil || o.dry {
			return err
		}
		if err := e.confirm(o.yes, fmt.Sprintf("%s %s on %d machines?", action, plaintext.Line(d.Plan.Artifact.Image, 200), len(d.Plan.Targets))); err != nil {
			return err
		}
		return o.carryOut(ctx, e, s, p, dir, action, d)
	})
}

// withSession has f work with the application.
func withSession(ctx context.Context, e *env, t *target, f func(context.Context, *session.Session, *config.Profile) error) (err error) {
	p, err := t.profile(e)
	if err != nil {
		return err
	}
	for _, note := range p.Notes {
		fmt.Fprintln(e.stderr, "note: "+plaintext.Line(note, 300))
	}
	s := session.Open(ctx, p, e.session())
	defer func() { err = errors.Join(err, unknown(s.Close())) }()
	return f(ctx, s, p)
}

// deployDir is where the journals of an application lie.
func deployDir(e *env, p *config.Profile) (string, error) {
	state, err := config.StateDir(e.getenv)
	if err != nil {
		return "", usage(err)
	}
	dir := session.DeployDir(state, p.App)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", usage(err)
	}
	return dir, nil
}

// noneUnfinished refuses to begin another deployment beside one that wants a decision.
func noneUnfinished(dir string, p *config.Profile) error {
	ff, err := deploy.Unfinished(dir)
	if err != nil {
		return unknown(err)
	}
	switch {
	case len(ff) == 0:
		return nil
	case ff[0].Err != nil:
		return unreadable(ff[0])
	}
	return &exit{statusBadNews, fmt.Errorf("deployment %s has not ended: go on with `ops-console --app %s resume`, or end it with `ops-console --app %s abort`", ff[0].ID(), p.Name, p.Name)}
}

func (o *deployFlags) show(e *env, d *session.Deployment) error {
	if o.format == "json" {
		if !o.dry {
			return nil
		}
		out := json.NewEncoder(e.stdout)
		out.SetIndent("", "  ")
		return unknown(out.Encode(struct {
			Format int          `json:"format"`
			Hash   string       `json:"hash"`
			Notes  []string     `json:"notes"`
			Plan   *deploy.Plan `json:"plan"`
		}{1, d.Plan.Hash(), append([]string{}, d.Notes...), withoutConfigs(d.Plan)}))
	}
	return unknown(planText(e, d))
}

// withoutConfigs is a plan as it may be shown: configurations hold environments.
func withoutConfigs(p deploy.Plan) *deploy.Plan {
	p.Targets = append([]deploy.Target(nil), p.Targets...)
	for i := range p.Targets {
		p.Targets[i].Config, p.Targets[i].Prev.Config = nil, nil
	}
	if p.Command != nil {
		c := *p.Command
		c.Config = nil
		p.Command = &c
	}
	return &p
}

// aBoot is how long a machine is taken to start where a time is estimated.
const aBoot = 15 * time.Second

func planText(e *env, d *session.Deployment) error {
	p := &d.Plan
	g := page.New(page.Options{Width: e.width(), Color: e.color()})
	for _, f := range p.Facts(aBoot) {
		g.Labelled(f.Label, f.Text)
	}
	g.Labelled("digest", p.Artifact.Digest)
	for _, n := range d.Notes {
		g.Labelled("note", n)
	}
	g.Section("MACHINES", "in the order in which they change")
	t := page.NewTable(page.Column{Title: "MACHINE"}, page.Column{Title: "REGION"}, page.Column{Title: "GROUP"}, page.Column{Title: "RUNS"}, page.Column{Title: "CHECKS", Right: true}, page.Column{Title: "STATE"})
	for _, x := range p.Targets {
		state := string(x.Prev.State)
		if x.Prev.State == deploy.Started && !x.Prev.Healthy {
			state = "not healthy"
		}
		t.Row(x.Machine, x.Region, x.Group, "v"+strconv.Itoa(x.Prev.Release), strconv.Itoa(x.Checks), state)
	}
	g.Table(t)
	_, err := g.WriteTo(e.stdout)
	return err
}

// carryOut runs a plan that was agreed to.
func (o *deployFlags) carryOut(ctx context.Context, e *env, s *session.Session, p *config.Profile, dir, action string, d *session.Deployment) error {
	return e.record(ctx, p, action, d.Plan.Artifact.Image+" on "+strconv.Itoa(len(d.Plan.Targets))+" machines", func(ctx context.Context) (string, error) {
		dep, err := deploy.Start(dir, &d.Plan, e.now())
		if err != nil {
			return "", unknown(err)
		}
		return o.follow(ctx, e, s, p, dep, d.Definition)
	})
}

// follow carries a deployment on, tells of it, and says how it ended.
func (o *deployFlags) follow(ctx context.Context, e *env, s *session.Session, p *config.Profile, dep *deploy.Deployment, definition json.RawMessage) (string, error) {
	defer func() { _ = dep.Close() }() // each record is on disk already
	plan := dep.State().Plan
	tell := &eventTeller{e: e, json: o.format == "json"}
	ctx, stop := e.abortable(ctx, dep, tell)
	defer stop()
	platform := s.DeployPlatform(plan, definition, e.session(), e.now, func(text string) { tell.note(text) })
	err := dep.Run(ctx, deploy.Options{Platform: platform, Holder: e.operator(), Now: e.now, Emit: tell.event})
	state := dep.State()
	again := "ops-console --app " + p.Name
	switch {
	case errors.Is(err, deploy.ErrDetached):
		return "", &audit.Ended{Outcome: audit.Detached, Err: &exit{statusBadNews, fmt.Errorf("detached: it stays as it is; go on with `%s resume`, or go back with `%s abort`", again, again)}}
	case err != nil:
		return "", unknown(fmt.Errorf("%w (its journal is kept: `%s resume` goes on)", err, again))
	}
	return e.outcome(state, again)
}

// outcome is how a deployment ended, or why it stands still.
func (e *env) outcome(s *deploy.State, again string) (string, error) {
	if s.Outcome == "" {
		var cc []string
		for _, c := range s.Choices() {
			cc = append(cc, string(c))
		}
		return "", &exit{statusBadNews, fmt.Errorf("%s: %s; it stands still until somebody decides: `%s resume --choose %s`", s.Halt, s.Reason, again, strings.Join(cc, "|"))}
	}
	text := string(s.Outcome)
	for _, why := range []string{s.Back, s.Reason} {
		if why != "" && !strings.Contains(text, why) {
			text += ": " + why
		}
	}
	if s.Outcome == deploy.Deployed {
		return text, nil
	}
	return "", &exit{statusBadNews, errors.New(text)}
}

// abortable has the first ctrl-c ask for the way back, and the second detach. Its context ends with the second, or with
// SIGTERM and SIGHUP at once.
func (e *env) abortable(ctx context.Context, dep *deploy.Deployment, tell *eventTeller) (context.Context, func()) {
	free, cancel := context.WithCancel(context.WithoutCancel(ctx))
	// Whoever reads the output may end first (| head, or ctrl-c that ends | tee as well): the deployment goes on without.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		asked := false
		for {
			select {
			case <-free.Done():
				return
			case sig := <-signals:
				if sig != os.Interrupt || asked {
					cancel()
					return
				}
				asked = true
				if err := dep.Ask(deploy.Abort, e.operator(), e.now()); err != nil {
					tell.note("it cannot go back as it is: " + err.Error() + "; ctrl-c again detaches")
					continue
				}
				tell.note("going back at the next safe point; ctrl-c again detaches and leaves it as it is")
			}
		}
	}()
	return free, func() {
		signal.Stop(signals)
		cancel()
		<-done
	}
}

// eventTeller prints events: as lines for people, or as JSON for CI.
type eventTeller struct {
	e     *env
	json  bool
	last  string    // that was waited for
	said  time.Time // when a line was printed last
	began time.Time
}

func (t *eventTeller) event(v deploy.Event) {
	if t.json {
		if b, err := json.Marshal(v); err == nil {
			fmt.Fprintf(t.e.stdout, "%s\n", b)
		}
		return
	}
	if t.began.IsZero() {
		t.began = v.At
	}
	// What is waited for changes with every step; only what takes a while is news.
	if v.Kind == deploy.EventWaiting {
		if v.Text == t.last || v.At.Sub(t.said) < tediousAfter {
			return
		}
		t.last = v.Text
	}
	t.said = v.At
	fmt.Fprintf(t.e.stdout, "%7s  %-13s %s\n", v.At.Sub(t.began).Round(100*time.Millisecond), strings.ReplaceAll(string(v.Phase), "_", " "), plaintext.Line(v.Line(), 500))
}

// tediousAfter is how long nothing may be said.
const tediousAfter = 10 * time.Second

func (t *eventTeller) note(text string) {
	if !t.json {
		fmt.Fprintln(t.e.stdout, "         "+plaintext.Line(text, 400))
		return
	}
	fmt.Fprintln(t.e.stderr, "note: "+plaintext.Line(text, 400))
}
