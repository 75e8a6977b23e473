package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ops-console/ops/config"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/nearest"
	"ops-console/ops/phoenix/report"
	"ops-console/ops/plaintext"
)

type phxUpgradeFlags struct {
	phxFlags
	format, from, only         string
	authFrom, releaseFrom      string
	bases                      []string // FILE=VERSION
	apply, patch, all          bool
	markDone, markUndone, sure bool
}

func phxUpgradeCommand(e *env, t *target) *cobra.Command {
	o := &phxUpgradeFlags{}
	c := &cobra.Command{
		Use:   "upgrade TO [FILE[:HUNK,…]…]",
		Short: "Say what a version of Phoenix means for an application's own files, and take what is chosen",
		Long: `Sets every file of the application of --project, of the profile, or in the current directory
against what the generator made of it then and makes now: never touched, has it already,
merges cleanly, conflicts, new, dropped, absent. FILEs are shown hunk by hunk.

It writes nothing unless --apply says so: then the FILEs, or their hunks by number, or with
--all whatever takes cleanly. That needs a git work tree without changes, deletes nothing,
and leaves conflicts in the files in diff3 style. --patch writes the same as a patch.

An application's generated authentication (mix phx.gen.auth) and release files (mix
phx.gen.release) are part of it, where a source has them in both versions.

What an application's files hold of secrets is never shown, and is in no patch.

Exit status: 0 what is new takes cleanly, or is there; 1 something conflicts, or was written
with conflicts; 2 usage, or the work tree has changes; 3 a tree could not be had.`,
		Example: `  ops-console phx upgrade 1.8.8 --project ~/src/shop --source ~/src/phoenix-diff
  ops-console phx upgrade 1.8.8 lib/shop_web/endpoint.ex
  ops-console phx upgrade 1.8.8 lib/shop_web/endpoint.ex:0,2 config/dev.exs --apply
  ops-console phx upgrade 1.8.8 --from 1.6.16 --all --patch >upgrade.patch`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("upgrade takes the version to upgrade to")
			}
			return nil
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, s string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return phxVersionCompletion(c, args, s)
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), e, t, args[0], args[1:]) },
	}
	phxFormats(c, &o.format, "text", "json")
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "the version that the files come from (default: generator.base, or the one they are nearest to)")
	f.StringVar(&o.authFrom, "auth-from", "", "the version that generated authentication comes from (default: found out)")
	f.StringVar(&o.releaseFrom, "release-from", "", "the version that release files come from (default: found out)")
	f.StringArrayVar(&o.bases, "base", nil, "FILE=VERSION: a file that comes from another version; can be repeated")
	f.StringVar(&o.only, "only", "", "only files of one kind, or those that the application has: "+wordsOr(kindWords("mine")))
	f.BoolVar(&o.apply, "apply", false, "write the FILEs")
	f.BoolVar(&o.patch, "patch", false, "write a patch of the FILEs to standard output")
	f.BoolVar(&o.all, "all", false, "all files that take cleanly (for --apply and --patch)")
	f.BoolVar(&o.markDone, "done", false, "mark the FILEs as done")
	f.BoolVar(&o.markUndone, "not-done", false, "take the marks back")
	f.BoolVar(&o.sure, "yes", false, "write without asking (for --apply)")
	c.MarkFlagsMutuallyExclusive("apply", "patch", "done", "not-done")
	_ = c.RegisterFlagCompletionFunc("from", phxVersionCompletion)
	_ = c.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(kindWords("mine"), cobra.ShellCompDirectiveNoFileComp))
	o.flags(c)
	return c
}

func (o *phxUpgradeFlags) check(files []string) error {
	if err := checkWord("format", o.format, []string{"text", "json"}); err != nil {
		return err
	}
	if o.only != "" {
		if err := checkWord("only", o.only, kindWords("mine")); err != nil {
			return err
		}
	}
	switch {
	case o.all && !o.apply && !o.patch:
		return usage(errors.New("--all is for --apply and --patch"))
	case o.all && len(files) > 0:
		return usage(errors.New("--all and FILEs exclude each other"))
	case (o.apply || o.patch) && !o.all && len(files) == 0:
		return usage(errors.New("name the files to take, or say --all for those that take cleanly"))
	case (o.markDone || o.markUndone) && len(files) == 0:
		return usage(errors.New("name the files to mark"))
	}
	return nil
}

func (o *phxUpgradeFlags) run(ctx context.Context, e *env, t *target, to string, files []string) error {
	if err := o.check(files); err != nil {
		return err
	}
	version, err := phxVersion(to)
	if err != nil {
		return err
	}
	x, err := o.open(e, t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	u, err := o.plan(ctx, x, version)
	if err != nil {
		return err
	}
	choices, err := choose(u.Plan, files, o.all)
	if err != nil {
		return usage(err)
	}
	kept, err := x.progress(u)
	if err != nil {
		return usage(err)
	}
	switch {
	case o.patch:
		return o.export(e, u, choices)
	case o.apply:
		return o.write(ctx, x, u, choices, kept)
	case o.markDone || o.markUndone:
		for _, c := range choices {
			f, _ := u.Plan.File(c.Path)
			if err := kept.Mark(doneKey(f), o.markDone); err != nil {
				return unknown(err)
			}
		}
		if err := x.begin(u); err != nil {
			return unknown(err)
		}
	default:
		for _, c := range choices {
			u.Show = append(u.Show, c.Path)
		}
	}
	return o.tell(e, u, kept)
}

// plan gets the trees and classifies the application's files.
func (o *phxUpgradeFlags) plan(ctx context.Context, x *phx, to phoenix.Version) (*report.Upgrade, error) {
	app, mine, err := x.project(ctx)
	if err != nil {
		return nil, err
	}
	u := &report.Upgrade{Dir: x.dir, App: app, Notes: app.Notes}
	base, err := o.base(ctx, x, mine, to, u)
	if err != nil {
		return nil, err
	}
	if to.Before(base) {
		return nil, usage(fmt.Errorf("the files come from %s (%s), which is newer than %s", base, u.BaseFrom, to))
	}
	for _, side := range []struct {
		spec phoenix.Spec
		to   **phoenix.Tree
	}{{app.Spec(base, app.For(base)), &u.Base}, {app.Spec(to, app.Onward(base, to)), &u.New}} {
		t, notes, err := x.tree(ctx, side.spec, side.spec.Flags)
		if err != nil {
			return nil, x.unknown(err)
		}
		*side.to, u.Notes = t, append(u.Notes, notes...)
	}
	if err := o.over(ctx, x, u, mine); err != nil {
		return nil, err
	}
	bases, err := o.others(ctx, x, u, mine)
	if err != nil {
		return nil, err
	}
	if u.Plan, err = merge.Classify(u.Base, u.New, mine, merge.Options{Bases: bases, Rand: rand.Reader}); err != nil {
		return nil, unknown(err)
	}
	return u, nil
}

// over makes what other generators made for the application part of both trees.
func (o *phxUpgradeFlags) over(ctx context.Context, x *phx, u *report.Upgrade, mine *phoenix.Tree) error {
	said := map[phoenix.Axis]phoenix.Version{}
	for axis, text := range map[phoenix.Axis]string{phoenix.Auth: o.authFrom, phoenix.ReleaseFiles: o.releaseFrom} {
		if text == "" {
			continue
		}
		v, err := phxVersion(text)
		if err != nil {
			return err
		}
		if _, ok := u.App.Of(axis); !ok {
			return usage(fmt.Errorf("the application has nothing that mix %s made, so that it comes from no version", axis.Task()))
		}
		said[axis] = v
	}
	base, next, notes, err := u.App.Over(ctx, x.Local, mine, u.Base, u.New, said)
	if err != nil {
		return x.unknown(err)
	}
	u.Base, u.New, u.Notes = base, next, append(u.Notes, notes...)
	return nil
}

// base is the version that the files come from: said, configured, kept since the upgrade began, or found.
func (o *phxUpgradeFlags) base(ctx context.Context, x *phx, mine *phoenix.Tree, to phoenix.Version, u *report.Upgrade) (phoenix.Version, error) {
	for _, said := range []struct{ text, by string }{{o.from, "said by --from"}, {x.profile.Generator.Base, "said by generator.base"}} {
		if said.text != "" {
			u.BaseFrom = said.by
			return phxVersion(said.text)
		}
	}
	state, err := x.state()
	if err != nil {
		return phoenix.Version{}, usage(err)
	}
	if v, ok, err := merge.KeptBase(state, x.dir, to); ok || err != nil {
		u.BaseFrom = "where this upgrade began"
		return v, usage(err)
	}
	r, notes, err := x.nearest(ctx, u.App, mine)
	if err != nil {
		return phoenix.Version{}, fmt.Errorf("find the version that the files come from (or say it with --from): %w", err)
	}
	u.Nearest, u.BaseFrom, u.Notes = &r, report.Found(r), append(u.Notes, notes...)
	if r.Level == nearest.Low {
		u.Notes = append(u.Notes, "little speaks for that base: if you know better, say it with --from")
	}
	return r.Base().Version, nil
}

// others are the bases of single files: those that the console was told, and those that --base says.
func (o *phxUpgradeFlags) others(ctx context.Context, x *phx, u *report.Upgrade, mine *phoenix.Tree) (map[string]*phoenix.Tree, error) {
	kept, err := x.progress(u)
	if err != nil {
		return nil, usage(err)
	}
	said := kept.Bases()
	for _, s := range o.bases {
		file, version, ok := strings.Cut(s, "=")
		if !ok || file == "" {
			return nil, usage(fmt.Errorf("--base %s: want FILE=VERSION", plaintext.Line(s, 200)))
		}
		v, err := phxVersion(version)
		if err != nil {
			return nil, err
		}
		said[filepath.ToSlash(file)] = v
	}
	out, trees := map[string]*phoenix.Tree{}, map[phoenix.Version]*phoenix.Tree{}
	for _, file := range slices.Sorted(maps.Keys(said)) {
		v := said[file]
		if trees[v] == nil {
			if trees[v], err = x.whole(ctx, u.App, mine, v); err != nil {
				return nil, x.unknown(err)
			}
		}
		out[file] = trees[v]
		if _, ok := kept.Bases()[file]; ok {
			u.Notes = append(u.Notes, file+" comes from "+v.String()+", as was said in the console or by --base")
		}
	}
	return out, nil
}

// whole is all that a version generates for an application.
func (x *phx) whole(ctx context.Context, app nearest.App, mine *phoenix.Tree, v phoenix.Version) (*phoenix.Tree, error) {
	t, _, err := x.tree(ctx, app.Spec(v, app.For(v)), app.Flags)
	if err != nil {
		return nil, err
	}
	t, _, _, err = app.Over(ctx, x.Local, mine, t, t, map[phoenix.Axis]phoenix.Version{phoenix.Auth: v, phoenix.ReleaseFiles: v})
	return t, err
}

// choose turns FILE and FILE:0,2 into choices; all: whatever takes cleanly.
func choose(p merge.Plan, files []string, all bool) ([]merge.Choice, error) {
	var out []merge.Choice
	if all {
		for _, f := range p.Files {
			if slices.Contains([]merge.State{merge.Untouched, merge.Merges, merge.New}, f.State) {
				out = append(out, merge.Choice{Path: f.Path()})
			}
		}
		return out, nil
	}
	for _, word := range files {
		at, numbers, ok := strings.Cut(word, ":")
		c := merge.Choice{Path: strings.TrimPrefix(filepath.ToSlash(at), "./")}
		f, known := p.File(c.Path)
		if !known {
			return nil, fmt.Errorf("%s is no file of this upgrade", plaintext.Line(at, 200))
		}
		c.Path = f.Path()
		if ok {
			for n := range strings.SplitSeq(numbers, ",") {
				i, err := strconv.Atoi(n)
				if err != nil || i < 0 || i >= len(f.Hunks) {
					return nil, fmt.Errorf("%s has %d hunks, counted from 0, and none is called %s", c.Path, len(f.Hunks), plaintext.Line(n, 20))
				}
				c.Hunks = append(c.Hunks, i)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// doneKey names a file in what is kept: by the generator's path, so that it stays when the application moves the file.
func doneKey(f merge.File) string { return diff.Key(cmp.Or(f.New, f.Base)) }

// state is the directory in which is kept how far an upgrade is.
func (x *phx) state() (string, error) {
	dir, err := config.StateDir(x.e.getenv)
	return filepath.Join(dir, "phx"), err
}

func (x *phx) progress(u *report.Upgrade) (*merge.Progress, error) {
	dir, err := x.state()
	if err != nil {
		return nil, err
	}
	return merge.OpenProgress(filepath.Join(dir, merge.ProgressName(u.Dir, u.Base.Spec, u.New.Spec)))
}

// begin keeps what the upgrade begins from, since it cannot be found any more when it has.
func (x *phx) begin(u *report.Upgrade) error {
	dir, err := x.state()
	if err != nil {
		return err
	}
	return merge.KeepBase(dir, u.Dir, u.Base.Spec.Version, u.New.Spec.Version)
}

func (o *phxUpgradeFlags) export(e *env, u *report.Upgrade, choices []merge.Choice) error {
	var left []merge.Withheld
	err := e.patch(func(w io.Writer) (err error) {
		left, err = u.Plan.Patch(w, choices)
		return err
	})
	for _, l := range left {
		where := l.Path
		if l.Line > 0 {
			where += ":" + strconv.Itoa(l.Line)
		}
		e.note(where + " is left out of the patch: a secret is in it, or right beside it; --apply takes it")
	}
	return usage(err)
}

func (o *phxUpgradeFlags) write(ctx context.Context, x *phx, u *report.Upgrade, choices []merge.Choice, kept *merge.Progress) error {
	e := x.e
	if len(choices) == 0 {
		return usage(errors.New("nothing takes cleanly: name the files to write"))
	}
	question := fmt.Sprintf("write %d files in %s?", len(choices), plaintext.Line(u.Dir, 200))
	if err := e.confirm(o.sure, question); err != nil {
		return err
	}
	if err := x.begin(u); err != nil {
		return unknown(err)
	}
	var err error
	if u.Written, err = u.Plan.Apply(ctx, u.Dir, choices, kept); err != nil {
		return usage(err)
	}
	conflicts := 0
	for i, c := range choices {
		f, _ := u.Plan.File(c.Path)
		conflicts += u.Written[i].Conflicts
		if u.Written[i].Conflicts == 0 && c.Hunks == nil {
			if err := kept.Mark(doneKey(f), true); err != nil {
				return unknown(err)
			}
		}
	}
	if o.format == "json" {
		err = u.JSON(e.stdout)
	} else {
		err = u.Wrote(e.stdout, e.report())
	}
	if err == nil && conflicts > 0 {
		return &exit{status: statusBadNews}
	}
	return unknown(err)
}

// tell prints the classification.
func (o *phxUpgradeFlags) tell(e *env, u *report.Upgrade, kept *merge.Progress) error {
	for _, f := range u.Plan.Files {
		if kept.Done(doneKey(f)) {
			u.Done = append(u.Done, f.Path())
		}
	}
	counts := u.Plan.Count()
	switch o.only {
	case "":
	case "mine":
		u.Mine()
	default:
		u.Keep(report.Kind(o.only))
	}
	var err error
	if o.format == "json" {
		err = u.JSON(e.stdout)
	} else {
		err = u.Text(e.stdout, e.report())
	}
	if err != nil {
		return unknown(err)
	}
	for _, s := range []merge.State{merge.Conflicts, merge.Differs, merge.Own, merge.Marked} {
		if counts[s] > 0 {
			return &exit{status: statusBadNews}
		}
	}
	return nil
}
