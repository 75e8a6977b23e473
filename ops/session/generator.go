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
// profile says of nowhere that they come from, Source is nil.
func (s *Session) GeneratorOptions() compare.Options {
	g := s.Profile.Generator
	o := compare.Options{Dir: s.Profile.Project, Rand: rand.Reader}
	var sources source.Chain
	for _, at := range g.Snapshots {
		sources = append(sources, source.NewSnapshot(at, source.Options{Cache: GeneratorCache(s.getenv)}))
	}
	if len(sources) > 0 {
		o.Source = sources
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
