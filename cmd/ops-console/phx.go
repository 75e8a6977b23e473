package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"ops-console/ops/config"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/nearest"
	"ops-console/ops/phoenix/report"
	generated "ops-console/ops/phoenix/source"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

func phxCommand(e *env, t *target) *cobra.Command {
	c := &cobra.Command{
		Use:   "phx",
		Short: "Say what changed between two versions of Phoenix's generators, and what of it concerns your files",
		Long: `Compares what mix phx.new, phx.gen.auth and phx.gen.release generate in two versions of
Phoenix, and sets that against an application's own files.

The generated trees come from snapshots of them (--source, or generator.snapshots in the
configuration): directories, archives or git repositories, such as a clone of
https://github.com/phoenix-diff/phoenix-diff. Where those lack one, the published generator
can be run with your own Elixir (--mix), which is asked before; a public site is the last.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(phxVersionsCommand(e, t), phxDiffCommand(e, t), phxNearestCommand(e, t), phxUpgradeCommand(e, t), phxChangelogCommand(e, t))
	return c
}

// phxFlags say where generated trees come from.
type phxFlags struct {
	sources []string
	mix     string
	timeout time.Duration
}

func (o *phxFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&o.sources, "source", nil, "a snapshot of generated trees, a path or URL; can be repeated (default: generator.snapshots)")
	f.StringVar(&o.mix, "mix", "", "run the published generator for what no snapshot has: ask, always or never (default: generator.mix)")
	f.DurationVar(&o.timeout, "timeout", defaultPhxTimeout, "how long it may all take")
	_ = c.RegisterFlagCompletionFunc("mix", cobra.FixedCompletions([]string{"ask", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
}

// phx is what a command works with.
type phx struct {
	e       *env
	timeout time.Duration
	profile *config.Profile
	session.GeneratorSources
	dir string // of the project, absolute; empty: none was named
}

const defaultPhxTimeout = 5 * time.Minute

// load reads the profile. An application need not be named.
func (o *phxFlags) load(e *env, t *target) (*config.Profile, error) {
	p, err := config.Load(config.Options{Name: t.app, ConfigFile: t.config, ProjectDir: t.project, Env: e.getenv, Anonymous: true})
	if err != nil {
		return nil, usage(err)
	}
	return p, nil
}

// open reads the profile and its sources.
func (o *phxFlags) open(e *env, t *target) (*phx, error) {
	p, err := o.load(e, t)
	if err != nil {
		return nil, err
	}
	if len(o.sources) > 0 {
		p.Generator.Snapshots = o.sources
	}
	if o.mix != "" {
		if err := p.Set("generator.mix", o.mix, "--mix", ".", e.getenv); err != nil {
			return nil, usage(err)
		}
	}
	for _, s := range p.Notes {
		e.note(s)
	}
	x := &phx{e: e, timeout: o.timeout, profile: p, dir: p.Project}
	if x.dir != "" {
		if x.dir, err = filepath.Abs(x.dir); err != nil {
			return nil, usage(err)
		}
	}
	x.GeneratorSources = session.NewGeneratorSources(p, e.getenv, x.asker())
	if len(x.All) == 0 {
		return nil, usage(errors.New("nothing says where generated trees are: name a snapshot with --source or in generator.snapshots, see docs/generator.md"))
	}
	return x, nil
}

// asker asks at the terminal whether a generator may be run; nil: there is none to ask at.
func (x *phx) asker() func(context.Context, generated.Question) (bool, error) {
	if !term.IsTerminal(x.e.stdin.Fd()) {
		return nil
	}
	return func(_ context.Context, q generated.Question) (bool, error) {
		return x.e.confirm(false, plaintext.Line(q.String(), 1000)) == nil, nil
	}
}

func (e *env) note(s string) { fmt.Fprintln(e.stderr, "note: "+plaintext.Line(s, 500)) }

func (e *env) report() report.Options { return report.Options{Width: e.width(), Color: e.color()} }

// project reads the application that a command is about: the profile's, or the current directory's.
func (x *phx) project(ctx context.Context) (nearest.App, *phoenix.Tree, error) {
	if x.dir == "" {
		dir, err := filepath.Abs(".")
		if err != nil {
			return nearest.App{}, nil, usage(err)
		}
		x.dir = dir
	}
	mine, err := merge.Project(ctx, x.dir)
	if err != nil {
		return nearest.App{}, nil, usage(err)
	}
	app, err := nearest.Inspect(mine)
	if err != nil {
		return nearest.App{}, nil, usage(fmt.Errorf("%s: %w", x.dir, err))
	}
	mine.Spec.App, mine.Spec.Module = app.Name, app.Module
	return app, mine, nil
}

// unknown is why something could not be found out, with what to do about it.
func (x *phx) unknown(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %s (--timeout): %w", x.timeout, err)
	case errors.Is(err, generated.ErrNone):
		err = fmt.Errorf("%w; ops-console phx versions lists what there is, and --mix may make more", err)
	}
	return unknown(err)
}

// tree gets one from what is at hand or can be made here; where the flags are not there, the one that is nearest to them.
// The public site is asked where that has no tree of the version at all.
func (x *phx) tree(ctx context.Context, want phoenix.Spec, near phoenix.Flags) (*phoenix.Tree, []string, error) {
	t, notes, err := nearest.Tree(ctx, x.Local, want, near)
	if err == nil || ctx.Err() != nil || len(x.All) == len(x.Local) {
		return t, notes, err
	}
	t, notes, webErr := nearest.Tree(ctx, x.All[len(x.Local):], want, near)
	if webErr != nil {
		return nil, nil, fmt.Errorf("%w; %w", err, webErr)
	}
	return t, notes, nil
}

// nearest finds the version that an application's files come from.
func (x *phx) nearest(ctx context.Context, app nearest.App, mine *phoenix.Tree) (nearest.Result, []string, error) {
	r, notes, err := nearest.Search(ctx, app, mine, x.Snapshots)
	if errors.Is(err, nearest.ErrNoTrees) {
		return r, nil, usage(fmt.Errorf("%w with --source or in generator.snapshots, see docs/generator.md", err))
	}
	return r, notes, x.unknown(err)
}

// phxVersion reads a version of the command line, and says so where it is not known.
func phxVersion(s string) (phoenix.Version, error) {
	v, err := phoenix.ParseVersion(s)
	if err != nil {
		return v, usage(err)
	}
	return v, nil
}

func phxVersionCompletion(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, r := range slices.Backward(phoenix.Releases()) {
		out = append(out, r.Version.String()+"\t"+r.Date)
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// phxFormats adds --format with other values than most commands have.
func phxFormats(c *cobra.Command, format *string, values ...string) {
	c.Flags().StringVarP(format, "format", "f", values[0], wordsOr(values))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func wordsOr(ww []string) string {
	s := ww[0]
	for i, w := range ww[1:] {
		if i == len(ww)-2 {
			s += " or " + w
		} else {
			s += ", " + w
		}
	}
	return s
}

// checkWord says what is wrong with a flag that takes one of several words.
func checkWord(flag, value string, words []string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return usage(fmt.Errorf("--%s %s: want %s", flag, plaintext.Line(value, 40), wordsOr(words)))
}

// kindWords are what --only takes.
func kindWords(more ...string) []string {
	var out []string
	for _, k := range report.Kinds {
		out = append(out, string(k))
	}
	return append(out, more...)
}
