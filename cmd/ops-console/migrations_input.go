package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/scope"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

// source is the migrations that a command is about, and what a database says of them.
type source struct {
	scopes  []scope.Scope
	profile *config.Profile
	session *session.Session // nil: no database is configured, or it is not to be asked
	repos   []*repo
	readErr error // why the database was not read
}

// repo is one Ecto repo of a scope.
type repo struct {
	scope scope.Scope
	in    lint.Input
	first bool // of its project
}

// openSource finds the projects and their profile. An application need not be named.
func openSource(e *env, t *target, paths []string) (*source, error) {
	o := config.Options{Name: t.app, ConfigFile: t.config, ProjectDir: t.project, Env: e.getenv, Anonymous: true}
	s := &source{}
	var err error
	if len(paths) > 0 {
		if s.scopes, err = scope.Find(paths); err != nil {
			return nil, usage(err)
		}
		if o.ProjectDir == "" {
			o.ProjectDir = s.scopes[0].Project.Dir
		}
	}
	if s.profile, err = config.Load(o); err != nil {
		return nil, usage(err)
	}
	if len(paths) == 0 {
		if s.scopes, err = scope.Of(s.profile.Project); err != nil {
			return nil, usage(err)
		}
	}
	for _, note := range s.profile.Notes {
		fmt.Fprintln(e.stderr, "note: "+plaintext.Line(note, 300))
	}
	return s, nil
}

// load reads the files.
func (s *source) load(ctx context.Context) error {
	for _, sc := range s.scopes {
		for i, r := range sc.Project.Repos {
			in, err := lint.Load(ctx, sc.Project, r)
			if err != nil {
				return unknown(err)
			}
			s.repos = append(s.repos, &repo{scope: sc, in: in, first: i == 0})
		}
	}
	return nil
}

// connect opens a session where the profile names a database that can be one project's. The caller closes it.
func (s *source) connect(ctx context.Context, e *env) bool {
	if len(s.scopes) != 1 || s.profile.Name == "" || !s.profile.Database.Known() {
		return false
	}
	s.profile.Project = s.scopes[0].Project.Dir
	s.session = session.Open(ctx, s.profile, e.session())
	return true
}

// close ends the session, if there is one.
func (s *source) close() error {
	if s.session == nil {
		return nil
	}
	return unknown(s.session.Close())
}

// read asks the database about each repo. What went wrong stays in readErr.
func (s *source) read(ctx context.Context, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	o, _ := s.session.MigrationOptions()
	type versions struct{ table, schema string }
	known := map[versions]*catalog.Snapshot{}
	for _, r := range s.repos {
		settings := r.in.Repo.Settings
		key := versions{settings.Source, settings.Prefix}
		if known[key] == nil {
			snapshot, err := o.Catalog(ctx, r.in.Repo)
			if err != nil {
				s.readErr = err
				return
			}
			known[key] = snapshot
		}
		if len(s.repos) == 1 || watch.Belongs(r.in, known[key]) {
			r.in.Live = known[key]
		}
	}
}

// edited says when files changed after they were added, as far as git knows.
func (s *source) edited(ctx context.Context) {
	for _, r := range s.repos {
		if r.in.Live == nil {
			continue
		}
		if changed, err := scope.Edited(ctx, r.scope.Project.Dir, r.in.Repo.Dirs...); err == nil {
			r.in.Changed = changed
		}
	}
}

// pending is the versions that have not run; nil where no database says so.
func pending(in lint.Input) map[int64]bool {
	if in.Live == nil || in.Live.Unread != "" {
		return nil
	}
	out := map[int64]bool{}
	for _, st := range lint.Statuses(in) {
		if st.State == lint.Down || st.State == lint.OutOfOrder {
			out[st.Version] = true
		}
	}
	return out
}

// others are the directories of the other repos of the same project.
func (s *source) others(of *repo) []string {
	var out []string
	for _, r := range s.repos {
		if r != of && r.scope.Project == of.scope.Project {
			out = append(out, r.in.Repo.Dirs...)
		}
	}
	return out
}

// notes are those of a repo's project, once, and the files that Ecto passes over: as far as they are among the paths that
// are meant, and among those that changed.
func (r *repo) notes(changed map[string]bool) []project.Note {
	var out []project.Note
	if r.first {
		out = slices.Clone(r.scope.Project.Notes)
	}
	return slices.DeleteFunc(append(out, r.in.Repo.Skipped...), func(n project.Note) bool {
		return !r.scope.Has(n.Path) || changed != nil && !changed[n.Path]
	})
}

// name is the module, or where its migrations are.
func (r *repo) name() string {
	if r.in.Repo.Module != "" {
		return r.in.Repo.Module
	}
	return strings.Join(r.in.Repo.Dirs, ", ")
}

// prefix is what makes paths of a project relative to base, or absolute where the project is not below it.
func prefix(base, project string) string {
	rel, err := filepath.Rel(base, project)
	if err != nil || !filepath.IsLocal(rel) {
		return filepath.ToSlash(project)
	}
	if rel == "." {
		return ""
	}
	return filepath.ToSlash(rel)
}

var errNotRead = errors.New("no database says which migrations ran")
