package session

import (
	"context"

	"ops-console/ops/config"
	"ops-console/ops/phoenix/source"
	"ops-console/ops/phoenix/source/hex"
)

// GeneratorSource is where a profile has generated trees from, in order: its snapshots, and where the profile says so the
// user's own mix. ask is asked before a generator is run, unless the profile says always; nil: none is.
func GeneratorSource(p *config.Profile, getenv func(string) string, ask func(context.Context, source.Question) (bool, error)) source.Chain {
	cache := GeneratorCache(getenv)
	g := p.Generator
	var c source.Chain
	for _, at := range g.Snapshots {
		c = append(c, source.NewSnapshot(at, source.Options{Cache: cache}))
	}
	if g.Mix == "always" {
		ask = func(context.Context, source.Question) (bool, error) { return true, nil }
	}
	if g.Mix != "never" {
		c = append(c, source.Cached(cache, &source.Mix{
			Registry: hex.Registry{API: g.Registry, Repo: g.Packages}, Cache: cache, Ask: ask,
		}))
	}
	return c
}
