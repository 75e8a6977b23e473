package session

import (
	"context"

	"ops-console/ops/config"
	"ops-console/ops/phoenix/source"
	"ops-console/ops/phoenix/source/hex"
)

// GeneratorSources are where a profile has generated trees from.
type GeneratorSources struct {
	Snapshots source.Chain // at hand, or fetched once; what they have can be listed, and read by the hundred
	Local     source.Chain // those, and the user's own mix
	All       source.Chain // those, and a public site, which is asked for one tree at a time
}

// NewGeneratorSources makes them as a profile says. ask is asked before a generator is run, unless the profile says always;
// nil: none is.
func NewGeneratorSources(p *config.Profile, getenv func(string) string, ask func(context.Context, source.Question) (bool, error)) GeneratorSources {
	cache := GeneratorCache(getenv)
	g := p.Generator
	var c source.Chain
	for _, at := range g.Snapshots {
		c = append(c, source.NewSnapshot(at, source.Options{Cache: cache}))
	}
	s := GeneratorSources{Snapshots: c[:len(c):len(c)]}
	if g.Mix == "always" {
		ask = func(context.Context, source.Question) (bool, error) { return true, nil }
	}
	if g.Mix != "never" {
		c = append(c, source.Cached(cache, &source.Mix{
			Registry: hex.Registry{API: g.Registry, Repo: g.Packages}, Cache: cache, Ask: ask,
		}))
	}
	s.Local = c[:len(c):len(c)]
	if g.Web {
		c = append(c, source.Cached(cache, &source.Web{}))
	}
	s.All = c
	return s
}
