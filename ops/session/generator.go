package session

import (
	"crypto/rand"
	"path/filepath"

	"ops-console/ops/config"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/source"
)

// GeneratorOptions is how generated trees are got, and compared with the project's files where there is a project. Where the
// profile says of nowhere that they come from, Source is nil. Whether a generator may be run is asked at the comparison's desk.
func (s *Session) GeneratorOptions() compare.Options {
	g := s.Profile.Generator
	o := compare.Options{Dir: s.Profile.Project, Rand: rand.Reader, Desk: &compare.Desk{}}
	sources := NewGeneratorSources(s.Profile, s.getenv, o.Desk.Ask)
	if len(sources.All) > 0 {
		o.Source = sources.All
	}
	if len(sources.Snapshots) > 0 {
		o.Listed, o.Whole = sources.Snapshots, len(sources.All) == len(sources.Snapshots)
	}
	if v, err := phoenix.ParseVersion(g.Base); err == nil {
		o.Base = v
	}
	if dir, err := config.StateDir(s.getenv); err == nil {
		o.State = filepath.Join(dir, "phx")
	}
	return o
}

// GeneratorCache is where generated trees, and what they come from, are kept: $XDG_CACHE_HOME/ops-console/phx. Where there is
// no home either, nothing is.
func GeneratorCache(getenv func(string) string) *source.Cache {
	dir := getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(dir) {
		home := getenv("HOME")
		if home == "" {
			return &source.Cache{}
		}
		dir = filepath.Join(home, ".cache")
	}
	return &source.Cache{Dir: filepath.Join(dir, "ops-console", "phx")}
}
