package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"ops-console/ops/config"
	released "ops-console/ops/deploy/watch"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/health"
	"ops-console/ops/logs"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/replication"
	"ops-console/ops/session"
	"ops-console/themes"
	"ops-console/tui"
	"ops-console/tui/backups"
	deploypane "ops-console/tui/deploy"
	"ops-console/tui/generator"
	"ops-console/tui/instances"
	logspane "ops-console/tui/logs"
	"ops-console/tui/migrations"
	"ops-console/tui/overview"
	"ops-console/tui/pane"
	replicationpane "ops-console/tui/replication"
)

// consoleFlags say how the console looks and what it may do. What is not given comes from the profile.
type consoleFlags struct {
	theme, glyphs, color, open     string
	readOnly, mouse, reducedMotion bool
}

func (o *consoleFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.theme, "theme", "", "theme by name, or auto for the terminal's own light or dark")
	f.StringVar(&o.glyphs, "glyphs", "", "auto, unicode, blocks or ascii")
	f.StringVar(&o.color, "color", "auto", "auto, true, 256, 16 or none")
	f.StringVar(&o.open, "open", "", "view to start with, as the console's copy menu gives it")
	f.BoolVar(&o.readOnly, "read-only", false, "cannot be armed: nothing outside can be changed")
	f.BoolVar(&o.mouse, "mouse", false, "take mouse events (hold shift to select text)")
	f.BoolVar(&o.reducedMotion, "reduce-motion", false, "no animation")
	for name, values := range map[string][]string{
		"theme":  append([]string{"auto"}, themes.Names(nil)...),
		"glyphs": {"auto", "unicode", "blocks", "ascii"},
		"color":  {"auto", "true", "256", "16", "none"},
	} {
		_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

func runConsole(ctx context.Context, e *env, t *target, o *consoleFlags) error {
	p, err := t.profile(e)
	if err != nil {
		return err
	}
	return openConsole(ctx, e, p, o)
}

func openConsole(ctx context.Context, e *env, p *config.Profile, o *consoleFlags) error {
	dir, err := config.UserPath(e.getenv)
	if err != nil {
		return usage(err)
	}
	err = tui.Run(ctx, tui.Options{
		App:           p.Name,
		Environment:   p.Environment,
		Panes:         []pane.Pane{overview.New(), instances.New(), replicationpane.New(), migrations.New(lint.Find), generator.New(), backups.New(p.Name), deploypane.New(p.Name), logspane.New()},
		Open:          o.open,
		Theme:         cmp.Or(o.theme, p.Console.Theme),
		ThemeDirs:     []string{filepath.Join(filepath.Dir(dir), "themes")},
		Color:         o.color,
		Glyphs:        cmp.Or(o.glyphs, p.Console.Glyphs),
		Mouse:         o.mouse || p.Console.Mouse,
		ReadOnly:      o.readOnly || p.Console.ReadOnly,
		ReducedMotion: o.reducedMotion || p.Console.ReducedMotion,
		Interval:      p.Interval.Probe,
		Notes:         p.Notes,
		Now:           e.now,
		Env:           os.Environ(),
		Connect: func(ctx context.Context) (tui.Session, error) {
			collectEarlier(e.getenv)
			s := session.Open(ctx, p, e.session())
			// The feeds outlive Connect: they end with the session, not with the call that made them.
			return goLive(context.WithoutCancel(ctx), e, s), nil
		},
	})
	if errors.Is(err, tui.ErrNoTerminal) {
		return usage(errors.Join(err, errors.New("ops-console status prints the same as text")))
	}
	return usage(err)
}

// collectEarlier halves what the garbage collector lets pile up, unless the user said something else: with 1,000 instances
// that is 30 MB and more for half a percent of a core. The first frame is there by then, which would otherwise pay for it.
func collectEarlier(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// live is a session with its feeds running.
type live struct {
	session     *session.Session
	health      *health.Watcher
	replication *replication.Watcher // nil: no database is configured
	migrations  *watch.Watcher       // nil: no project's directory is known
	generator   *compare.Watcher
	backups     *session.BackupWatch // nil: no store is configured
	deploys     *released.Watcher    // nil: there is no directory for their journals
	logs        *logs.Tap            // nil: it cannot be followed

	cancel context.CancelFunc // of regions
	wait   sync.WaitGroup
}

func goLive(ctx context.Context, e *env, s *session.Session) *live {
	ctx, cancel := context.WithCancel(ctx)
	l := &live{session: s, health: health.Watch(ctx, s.HealthOptions()), cancel: cancel}
	if o, ok := s.ReplicationOptions(); ok {
		l.replication = replication.Watch(ctx, o)
		l.wait.Go(func() { l.regions(ctx) })
	}
	if o, ok := s.MigrationOptions(); ok {
		l.migrations = watch.Watch(ctx, o)
	}
	l.generator = compare.Start(ctx, s.GeneratorOptions())
	record := func(ctx context.Context, what, target, command string, act func(context.Context) (string, error)) error {
		return e.recordAs(ctx, s.Profile, what, target, command, act)
	}
	if w, ok := s.WatchBackups(ctx, e.session(), e.now, e.operator(), record); ok {
		l.backups = w
	}
	if state, err := config.StateDir(e.getenv); err == nil {
		l.deploys = s.WatchDeploys(ctx, e.session(), e.now, e.operator(), state, record)
	}
	if t, err := s.WatchLogs(ctx); err == nil {
		l.logs = t
	}
	return l
}

// regions tells the replicas' watcher where instances run.
func (l *live) regions(ctx context.Context) {
	var last []string
	for {
		changed := l.health.Changed()
		if s := l.health.Latest().Value; s != nil {
			var codes []string
			for _, r := range s.Regions {
				codes = append(codes, r.Code)
			}
			if !slices.Equal(codes, last) {
				l.replication.AppRegions(codes)
				last = codes
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (l *live) Health() tui.Health { return l.health }

func (l *live) Network() tui.Network {
	if l.session.Network == nil {
		return nil
	}
	return l.session.Network
}

func (l *live) Replication() tui.Replication {
	if l.replication == nil {
		return nil
	}
	return l.replication
}

func (l *live) Migrations() tui.Migrations {
	if l.migrations == nil {
		return nil
	}
	return l.migrations
}

func (l *live) Generator() tui.Generator { return l.generator }

func (l *live) Backups() tui.Backups {
	if l.backups == nil {
		return nil
	}
	return l.backups
}

func (l *live) Deploys() tui.Deploys {
	if l.deploys == nil {
		return nil
	}
	return l.deploys
}

func (l *live) Logs() tui.Logs {
	if l.logs == nil {
		return nil
	}
	return l.logs
}

func (l *live) Refresh() {
	l.health.Refresh()
	if l.replication != nil {
		l.replication.Refresh()
	}
	if l.migrations != nil {
		l.migrations.Refresh()
	}
	l.generator.Refresh()
	if l.backups != nil {
		l.backups.Refresh()
	}
	if l.deploys != nil {
		l.deploys.Refresh()
	}
}

func (l *live) Close() error {
	l.cancel()
	l.wait.Wait()
	l.generator.Close()
	if l.logs != nil {
		l.logs.Close()
	}
	if l.deploys != nil {
		l.deploys.Close()
	}
	if l.backups != nil {
		l.backups.Close()
	}
	if l.migrations != nil {
		l.migrations.Close()
	}
	if l.replication != nil {
		l.replication.Close()
	}
	l.health.Close()
	return l.session.Close()
}
