package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/rehearse"
	"ops-console/ops/ecto/report"
	"ops-console/ops/ecto/scope"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

// lintFlags say what is looked at, how it is judged, and how it is told.
type lintFlags struct {
	format, failOn          string
	explain                 string // a rule
	rules                   bool
	since                   int64
	pending, down, rehearse bool
	gitDiff                 string // a commit
	target                  int
	severity                []string // RULE=SEVERITY
	baseline, write         string   // files
	database                string   // auto or off
	suppressed              bool
	timeout                 time.Duration
}

func lintCommand(e *env, t *target) *cobra.Command {
	o := &lintFlags{}
	c := &cobra.Command{
		Use:   "lint [PATH…]",
		Short: "Say which Ecto migrations would hurt the database, and what to write instead",
		Long: `Reads migrations, without running anything of the project, and says what they would do to a
database in use: locks that stop traffic, tables that are written again, what fails, what
the running version cannot live with. A PATH is a file, a directory of migrations, or a
project; without one it is the project of --project, of the profile, or of the current
directory.

Where the profile names a database, it is read too: a table of a thousand rows is not one of
a hundred million. It is never needed, and never written to.

Exit status: 0 nothing that --fail-on counts; 1 findings, or a rehearsed statement fails;
2 usage or configuration; 3 the database that --pending needs, or the rehearsal, cannot be had.`,
		Example: `  ops-console lint
  ops-console lint priv/repo/migrations/20260112094500_index_plays.exs
  ops-console --app changelog lint --pending --rehearse
  ops-console lint --git-diff origin/main --format github
  ops-console lint --explain index-not-concurrent`,
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), e, t, args) },
	}
	f := c.Flags()
	f.StringVarP(&o.format, "format", "f", "text", "text, json, sarif, github or gitlab")
	f.StringVar(&o.failOn, "fail-on", "", "severity from which findings are bad news: error, warning or info (default warning)")
	f.Int64Var(&o.since, "since", 0, "only migrations of this version and later")
	f.BoolVar(&o.pending, "pending", false, "only migrations that have not run, as the database says")
	f.StringVar(&o.gitDiff, "git-diff", "", "only files that differ from this commit or branch")
	f.IntVar(&o.target, "target", 0, "major version of PostgreSQL (default: the live server's, or 15)")
	f.StringArrayVar(&o.severity, "severity", nil, "RULE=error, warning, info or off; a group of rules will do; can be repeated")
	f.BoolVar(&o.down, "down", false, "also the way back, for what it locks")
	f.StringVar(&o.baseline, "baseline", "", "findings in this file were there before, and do not count")
	f.StringVar(&o.write, "write-baseline", "", "write what is found into this file instead of telling it")
	f.BoolVar(&o.suppressed, "show-suppressed", false, "also tell findings that a comment or the baseline keeps quiet")
	f.BoolVar(&o.rehearse, "rehearse", false, "run the pending SQL on a throw-away server here, and measure what it locks")
	f.StringVar(&o.database, "database", "auto", "auto (asked, where the profile names one) or off")
	f.DurationVar(&o.timeout, "timeout", 0, "how long asking the database may take (default 5s, 20s with --pending or --rehearse)")
	f.StringVar(&o.explain, "explain", "", "tell all about one rule")
	f.BoolVar(&o.rules, "rules", false, "list the rules")
	c.MarkFlagsMutuallyExclusive("explain", "rules")
	c.MarkFlagsMutuallyExclusive("baseline", "write-baseline")
	_ = c.MarkFlagFilename("baseline", "json")
	for name, values := range map[string][]string{
		"format": slices.Sorted(maps.Keys(lintFormats)), "fail-on": {"error", "warning", "info"}, "database": {"auto", "off"},
	} {
		_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = c.RegisterFlagCompletionFunc("explain", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var ids []string
		for _, r := range lint.Rules() {
			ids = append(ids, r.ID+"\t"+r.Title)
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

// lintFormats are the forms of a report. Those that code hosts read name files from the root of the repository.
var lintFormats = map[string]struct {
	write func(w io.Writer, r *report.Report, o report.Options) error
	host  bool
}{
	"text":   {report.Text, false},
	"json":   {plain(report.JSON), false},
	"sarif":  {plain(report.SARIF), true},
	"github": {plain(report.GitHub), true},
	"gitlab": {plain(report.GitLab), true},
}

func plain(write func(io.Writer, *report.Report) error) func(io.Writer, *report.Report, report.Options) error {
	return func(w io.Writer, r *report.Report, _ report.Options) error { return write(w, r) }
}

func (o *lintFlags) run(ctx context.Context, e *env, t *target, paths []string) (err error) {
	format, ok := lintFormats[o.format]
	if !ok {
		return usage(fmt.Errorf("--format %s: want text, json, sarif, github or gitlab", plaintext.Line(o.format, 40)))
	}
	if o.rules || o.explain != "" {
		return o.document(e)
	}
	if o.database != "auto" && o.database != "off" {
		return usage(fmt.Errorf("--database %s: want auto or off", plaintext.Line(o.database, 40)))
	}
	s, err := openSource(e, t, paths)
	if err != nil {
		return err
	}
	options, failOn, err := o.options(s)
	if err != nil {
		return err
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := o.ask(ctx, e, s); err != nil {
		return err
	}
	r, err := o.judge(ctx, e, s, options)
	if err != nil {
		return err
	}
	r.FailOn = failOn
	if o.write != "" {
		return o.writeBaseline(e, s, r)
	}
	base, err := os.Getwd()
	if err != nil {
		return unknown(err)
	}
	for i := range r.Repos {
		dir := r.Repos[i].Dir
		if format.host {
			base = scope.Top(dir)
		}
		r.Repos[i].Prefix = prefix(base, dir)
	}
	if err := format.write(e.stdout, r, report.Options{Width: e.width(), Color: e.color(), Suppressed: o.suppressed}); err != nil {
		return unknown(err)
	}
	return lintVerdict(r)
}

// lintVerdict is the exit status of what was found.
func lintVerdict(r *report.Report) error {
	if r.Bad() {
		return &exit{status: statusBadNews}
	}
	for _, p := range r.Repos {
		if p.Rehearsal != nil && p.Rehearsal.Err != nil {
			return unknown(p.Rehearsal.Err)
		}
	}
	return nil
}

// document tells about the rules themselves.
func (o *lintFlags) document(e *env) error {
	options := report.Options{Width: e.width(), Color: e.color()}
	if o.format != "text" && o.format != "json" {
		return badFormat(o.format)
	}
	if o.rules {
		if o.format == "json" {
			return unknown(report.RulesJSON(e.stdout, lint.Rules()))
		}
		return unknown(report.Rules(e.stdout, lint.Rules(), options))
	}
	r, ok := lint.Find(o.explain)
	if !ok {
		return usage(fmt.Errorf("--explain %s: there is no such rule; --rules lists them", plaintext.Line(o.explain, 60)))
	}
	if o.format == "json" {
		return unknown(report.ExplainJSON(e.stdout, r))
	}
	return unknown(report.Explain(e.stdout, r, options))
}

// options join what the profile says with the flags.
func (o *lintFlags) options(s *source) (lint.Options, lint.Severity, error) {
	options := session.LintOptions(s.profile)
	options.Check = nil // made for each repo
	options.Down = o.down
	if o.target != 0 {
		options.Target = o.target
	}
	if options.Target < 0 || options.Target > 99 {
		return options, 0, usage(fmt.Errorf("--target %d: want a major version of PostgreSQL, like 16", o.target))
	}
	if o.since == 0 {
		o.since = int64(s.profile.Lint.Since)
	}
	for _, pair := range o.severity {
		name, word, ok := strings.Cut(pair, "=")
		severity, err := lint.ParseSeverity(word)
		if !ok || err != nil {
			return options, 0, usage(fmt.Errorf("--severity %s: want RULE=error, warning, info or off", plaintext.Line(pair, 80)))
		}
		options.Severity[name] = severity
	}
	for name := range options.Severity {
		if !knownRule(name) {
			return options, 0, usage(fmt.Errorf("severity of %s: there is no such rule and no such group; --rules lists them", plaintext.Line(name, 80)))
		}
	}
	word := o.failOn
	if word == "" {
		word = s.profile.Lint.FailOn
	}
	failOn, err := lint.ParseSeverity(word)
	if err != nil || failOn == lint.Off {
		return options, 0, usage(fmt.Errorf("--fail-on %s: want error, warning or info", plaintext.Line(word, 40)))
	}
	path := o.baseline
	if path == "" {
		path = s.profile.Lint.Baseline
	}
	if path == "" || o.write != "" {
		return options, failOn, nil
	}
	options.Baseline, err = lint.ReadBaseline(path)
	return options, failOn, usage(err)
}

func knownRule(name string) bool {
	return slices.ContainsFunc(lint.Rules(), func(r lint.Rule) bool { return r.ID == name || r.Group == name })
}

// ask reads the database, where there is one to be asked. Only --pending cannot do without.
func (o *lintFlags) ask(ctx context.Context, e *env, s *source) error {
	if o.database == "off" || !s.connect(ctx, e) {
		if o.pending {
			return usage(errors.New("--pending asks the database which migrations ran: name an application with --app whose profile has a database, and leave out --database off"))
		}
		return nil
	}
	s.read(ctx, o.patience())
	switch {
	case s.readErr != nil && o.pending:
		return unknown(fmt.Errorf("%w: %w", errNotRead, s.readErr))
	case s.readErr != nil:
		fmt.Fprintln(e.stderr, "note: the database was not read (--database off does without): "+plaintext.Line(s.readErr.Error(), 300))
	}
	s.edited(ctx)
	return nil
}

// patience is how long the database may take: what can do without it does not keep anybody waiting who edits a file.
func (o *lintFlags) patience() time.Duration {
	switch {
	case o.timeout > 0:
		return o.timeout
	case o.pending || o.rehearse:
		return 20 * time.Second
	}
	return 5 * time.Second
}

// judge has the rules look at what is meant.
func (o *lintFlags) judge(ctx context.Context, e *env, s *source, options lint.Options) (*report.Report, error) {
	r := &report.Report{Tool: version}
	for _, p := range s.repos {
		so := scope.Options{Since: o.since}
		if o.pending {
			if so.Pending = pending(p.in); so.Pending == nil {
				fmt.Fprintln(e.stderr, "note: left out, for no database says which of its migrations ran: "+plaintext.Line(p.name(), 100))
				continue
			}
		}
		if o.gitDiff != "" {
			changed, err := scope.Changed(ctx, p.scope.Project.Dir, o.gitDiff)
			if err != nil {
				return nil, usage(err)
			}
			so.Changed = changed
		}
		check, ok := p.scope.Check(p.in.Repo, so)
		if !ok && len(p.in.Repo.Files) > 0 && o.narrowed(p) {
			continue
		}
		p.in.Options = options
		p.in.Options.Check = check
		p.in.Options.Baseline = options.Baseline.For(p.in.Repo.Dirs, s.others(p))
		res, err := lint.Run(ctx, p.in)
		if err != nil {
			return nil, unknown(err)
		}
		out := report.Repo{Dir: p.scope.Project.Dir, Input: p.in, Result: res, Notes: p.notes(so.Changed)}
		if o.rehearse {
			out.Rehearsal = s.rehearsal(ctx, p.in)
		}
		r.Repos = append(r.Repos, out)
	}
	if o.pending && len(r.Repos) == 0 {
		return nil, unknown(errNotRead)
	}
	return r, nil
}

// narrowed says whether a repo without anything to be looked at is nobody's concern.
func (o *lintFlags) narrowed(p *repo) bool { return p.scope.Paths != nil || o.gitDiff != "" }

// rehearsal runs the pending migrations of a repo on a throw-away server.
func (s *source) rehearsal(ctx context.Context, in lint.Input) *report.Rehearsal {
	h := &report.Rehearsal{}
	options := rehearse.Options{Note: func(text string) { h.Notes = append(h.Notes, text) }}
	if s.session != nil {
		h.Steps, h.Err = s.session.Rehearse(ctx, in, options)
	} else {
		h.Steps, h.Err = rehearse.Run(ctx, in, options)
	}
	return h
}

// writeBaseline writes what was found into a file.
func (o *lintFlags) writeBaseline(e *env, s *source, r *report.Report) error {
	sources := map[string][]byte{}
	var found []lint.Finding
	for _, p := range r.Repos {
		if p.Dir != r.Repos[0].Dir {
			return usage(errors.New("--write-baseline: a baseline is of one project, and the paths are of several"))
		}
		maps.Copy(sources, p.Input.Sources)
		found = append(found, p.Result.Findings...)
	}
	b := lint.NewBaseline(sources, found, "there before")
	if err := b.Write(o.write); err != nil {
		return usage(err)
	}
	fmt.Fprintf(e.stdout, "findings that --baseline %s keeps quiet: %d\n", plaintext.Line(o.write, 300), len(b.Entries))
	return nil
}
