package gather

import (
	"context"
	"errors"

	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/preflight"
)

// Catalog reads what a database says of a repo.
type Catalog func(ctx context.Context, r project.Repo) (*catalog.Snapshot, error)

// Migrations judges the pending migrations of a project. Without a catalog it only counts them, and missing is why there is
// none.
func Migrations(dir string, options lint.Options, read Catalog, missing string) func(context.Context) (preflight.Migrations, error) {
	return func(ctx context.Context) (preflight.Migrations, error) {
		p, err := project.Open(dir, project.Options{})
		if errors.Is(err, project.ErrNone) {
			return preflight.Migrations{Known: "there are none"}, nil
		}
		if err != nil {
			return preflight.Migrations{}, err
		}
		out := preflight.Migrations{Known: missing}
		told := false
		for _, r := range p.Repos {
			out.Total += len(r.Files)
			if read == nil {
				continue
			}
			live, err := read(ctx, r)
			switch {
			case err != nil:
				out.Known = err.Error()
				return out, nil //nolint:nilerr // it is why nothing is known
			case live.Unread != "":
				out.Known = live.Unread
				continue
			}
			in, err := lint.Load(ctx, p, r)
			if err != nil {
				return preflight.Migrations{}, err
			}
			if in.Live = live; len(p.Repos) > 1 && !watch.Belongs(in, live) {
				continue
			}
			told = true
			in.Options = options
			if err := judge(ctx, &out, in); err != nil {
				return preflight.Migrations{}, err
			}
		}
		if told {
			out.Known = ""
		} else if out.Known == "" {
			out.Known = "the database is not known to be this project's"
		}
		return out, nil
	}
}

// judge adds what one repo has pending.
func judge(ctx context.Context, out *preflight.Migrations, in lint.Input) error {
	at := map[int64]int{}
	for _, s := range lint.Statuses(in) {
		switch s.State {
		case lint.Down, lint.OutOfOrder:
			at[s.Version] = len(out.Pending)
			out.Pending = append(out.Pending, preflight.Pending{Path: s.Path, OutOfOrder: s.State == lint.OutOfOrder})
		case lint.FileNotFound:
			if !s.Dumped {
				out.Missing++
			}
		}
	}
	since := in.Options.Check
	in.Options.Check = func(v int64) bool {
		_, pending := at[v]
		return pending && (since == nil || since(v))
	}
	res, err := lint.Run(ctx, in)
	if err != nil {
		return err
	}
	for _, x := range res.Findings {
		i, pending := at[x.Version]
		if !pending || x.Suppressed != nil || x.Severity < lint.Warning {
			continue
		}
		out.Pending[i].Findings = append(out.Pending[i].Findings, preflight.Finding{Rule: x.Rule, Text: x.Text, Line: x.At.Line, Error: x.Severity == lint.Error})
	}
	return nil
}
