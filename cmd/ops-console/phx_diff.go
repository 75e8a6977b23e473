package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/nearest"
	"ops-console/ops/phoenix/report"
	generated "ops-console/ops/phoenix/source"
	"ops-console/ops/plaintext"
)

type phxDiffFlags struct {
	phxFlags
	phxAxis
	format, only string
	raw          bool
}

var phxDiffFormats = []string{"stat", "text", "patch", "json"}

func phxDiffCommand(e *env, t *target) *cobra.Command {
	o := &phxDiffFlags{}
	c := &cobra.Command{
		Use:   "diff FROM TO [CONTEXT SCHEMA PLURAL] [-- GENERATOR-FLAG…]",
		Short: "Compare what two versions of a generator make",
		Long: `Compares the generated trees of two versions, file by file: also those that moved, by the moves
that Phoenix made. Behind -- stand the generator's own flags, such as --no-ecto. Where a
default changed between the versions, the older tree is taken with the newer default, and a
note says so.

With --auth it is generated authentication that is compared, by default that of mix
phx.gen.auth Accounts User users, and with --release the files of mix phx.gen.release: what
those make or change in a project that mix phx.new of the same version just made.

With --project (or a profile that names one) names and flags are those of that application,
as its dependencies and files speak of them.

The patch is whole: git apply turns the first tree into the second with it, byte for byte.
The other formats leave out random values, and do not show vendored and binary files.

Exit status: 0, whether they differ or not; 2 usage; 3 a tree could not be had.`,
		Example: `  ops-console phx diff 1.7.14 1.8.8 --source ~/src/phoenix-diff
  ops-console phx diff 1.6.16 1.7.0 --format text --only config -- --no-ecto
  ops-console phx diff 1.7.14 1.8.8 --mix ask --auth Members Person people -- --no-live
  ops-console phx diff 1.7.14 1.8.8 --mix ask --release --docker
  ops-console phx diff 1.7.14 1.8.8 --project . --format patch | git apply --3way`,
		Args: func(c *cobra.Command, args []string) error {
			n := c.ArgsLenAtDash()
			if n < 0 {
				n = len(args)
			}
			if n != 2 && (n != 5 || !o.auth) {
				return errors.New("diff takes two versions, FROM and TO, with --auth a context, a schema and its plural too, and the generator's flags behind --")
			}
			return nil
		},
		ValidArgsFunction: phxVersionCompletion,
		RunE: func(c *cobra.Command, args []string) error {
			names, words := args[2:], []string(nil)
			if n := c.ArgsLenAtDash(); n >= 0 {
				names, words = args[2:n], args[n:]
			}
			return o.run(c.Context(), e, t, args[0], args[1], names, words)
		},
	}
	phxFormats(c, &o.format, phxDiffFormats...)
	f := c.Flags()
	o.phxAxis.flags(c)
	o.projectFlags(c)
	f.StringVar(&o.only, "only", "", "only files of one kind: "+wordsOr(kindWords()))
	f.BoolVar(&o.raw, "raw", false, "show random values as they are")
	_ = c.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(kindWords(), cobra.ShellCompDirectiveNoFileComp))
	o.phxFlags.flags(c)
	return c
}

func (o *phxDiffFlags) check() error {
	err := checkWord("format", o.format, phxDiffFormats)
	if err == nil && o.only != "" {
		err = checkWord("only", o.only, kindWords())
	}
	return err
}

// sides are the trees that are asked for.
type sides struct {
	old, new phoenix.Spec
	said     phoenix.Flags // on the command line: nothing but those will do; empty: what is closest will
	notes    []string
	fair     []string // notes on defaults that changed, where the older tree is the one with the newer default
}

func (o *phxDiffFlags) run(ctx context.Context, e *env, t *target, from, to string, names, words []string) error {
	if err := o.check(); err != nil {
		return err
	}
	old, err := phxVersion(from)
	if err != nil {
		return err
	}
	new, err := phxVersion(to)
	if err != nil {
		return err
	}
	want, err := o.spec(names, words)
	if err != nil {
		return err
	}
	x, err := o.open(e, t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	s, err := o.sides(ctx, x, old, new, want)
	if err != nil {
		return err
	}
	d := &report.Diff{Notes: s.notes}
	if err := s.trees(ctx, x, d); err != nil {
		return x.unknown(err)
	}
	d.From, d.To = nearest.Beside(ctx, x.Local, d.From, d.To)
	if d.Pairs, err = diff.Trees(d.From, d.To, diff.Options{Raw: o.raw}); err != nil {
		return unknown(err)
	}
	if o.only != "" {
		d.Keep(report.Kind(o.only))
	}
	return unknown(o.write(e, d))
}

// sides says which trees are compared. A project's own flags are taken where nothing else was said.
func (o *phxDiffFlags) sides(ctx context.Context, x *phx, old, new phoenix.Version, want phoenix.Spec) (s sides, err error) {
	s.old, s.new, s.said = want, want, want.Flags
	s.old.Version, s.new.Version = old, new
	axis := want.Axis
	for _, v := range []phoenix.Version{old, new} {
		if phoenix.Knowledge(v).Switches(axis) == nil {
			return s, usage(&phoenix.AbsentError{Axis: axis, Version: v})
		}
	}
	known := phoenix.Knowledge(new)
	var app nearest.App
	if x.dir != "" {
		if app, _, err = x.project(ctx); err != nil {
			return s, err
		}
		for _, spec := range []*phoenix.Spec{&s.old, &s.new} {
			spec.App, spec.Module = app.Name, app.Module
		}
	}
	switch {
	case x.dir != "" && axis == phoenix.Project && len(want.Flags) == 0:
		s.old.Flags, s.new.Flags = app.For(old), app.Onward(old, new)
		s.notes = append(s.notes, "flags as the files of "+app.Name+" speak of them: "+app.Flags.String())
		return s, nil
	case x.dir != "" && axis != phoenix.Project:
		s.notes = append(s.notes, o.into(app, &s, want)...)
	}
	if _, _, err := generated.Fit(s.new); err != nil {
		return s, usage(err)
	}
	s.old.Flags, s.fair = phoenix.Fair(axis, phoenix.Knowledge(old), known, s.new.Flags)
	if axis != phoenix.Project && s.old.Within == nil {
		s.old.Within, _ = phoenix.Fair(phoenix.Project, phoenix.Knowledge(old), known, nil)
	}
	return s, nil
}

// into fills in what was not said of a generator from an application that it was run in.
func (o *phxDiffFlags) into(app nearest.App, s *sides, want phoenix.Spec) (notes []string) {
	if len(want.Within) == 0 {
		s.old.Within, s.new.Within = app.For(s.old.Version), app.Onward(s.old.Version, s.new.Version)
	}
	g, ok := app.Of(want.Axis)
	if !ok {
		return nil
	}
	if want.Names == (phoenix.Names{}) {
		s.old.Names, s.new.Names = g.Names, g.Names
	}
	if s.new.Names == g.Names && len(want.Flags) == 0 {
		s.new.Flags = g.For(s.new.Version)
		notes = append(notes, strings.TrimSpace("as the files of "+app.Name+" speak of it: mix "+g.String()+" "+g.Flags.String()))
	}
	return notes
}

// trees gets both at once.
func (s sides) trees(ctx context.Context, x *phx, d *report.Diff) error {
	g, gctx := errgroup.WithContext(ctx)
	notes := make([][]string, 2)
	for i, side := range []struct {
		spec phoenix.Spec
		to   **phoenix.Tree
	}{{s.old, &d.From}, {s.new, &d.To}} {
		g.Go(func() (err error) {
			if len(s.said) > 0 {
				*side.to, notes[i], err = s.exactly(gctx, x, side.spec)
				return err
			}
			*side.to, notes[i], err = x.tree(gctx, side.spec, side.spec.Flags)
			return err
		})
	}
	err := g.Wait()
	if len(notes[0]) == 0 {
		notes[0] = s.fair
	}
	d.Notes = slices.Concat(d.Notes, notes[0], notes[1])
	return err
}

// exactly gets a tree with the flags that were said, and those of a fair comparison, where that is there.
func (s sides) exactly(ctx context.Context, x *phx, want phoenix.Spec) (*phoenix.Tree, []string, error) {
	t, err := x.All.Tree(ctx, want)
	if err == nil || len(want.Flags) == len(s.said) {
		return t, nil, err
	}
	plain := want
	plain.Flags = s.said
	t, plainErr := x.All.Tree(ctx, plain)
	if plainErr != nil {
		return nil, nil, err
	}
	return t, []string{fmt.Sprintf("of %s there is no tree with %s: this is the one with %s", want.Version, want.Flags, s.said)}, nil
}

func (o *phxDiffFlags) write(e *env, d *report.Diff) error {
	switch o.format {
	case "text":
		return d.Text(e.stdout, e.report())
	case "json":
		return d.JSON(e.stdout)
	case "patch":
		for _, s := range d.Notes {
			e.note(s)
		}
		return e.patch(func(w io.Writer) error { return d.Patch(w) })
	}
	return d.Stat(e.stdout, e.report())
}

// patch writes a patch: as it is to a file or pipe, and safe to show to a terminal.
func (e *env) patch(write func(io.Writer) error) error {
	if e.width() == 0 {
		return write(e.stdout)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(e.stdout, plaintext.Block(line, 1, 2000)); err != nil {
			return err
		}
	}
	return nil
}
