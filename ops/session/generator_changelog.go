package session

import (
	"ops-console/ops/config"
	"ops-console/ops/phoenix/source"
	"ops-console/ops/phoenix/source/hex"
)

// GeneratorChangelogs is where a profile has from what Phoenix's authors wrote of their versions.
func GeneratorChangelogs(p *config.Profile, getenv func(string) string) *source.Changelogs {
	return &source.Changelogs{
		Registry: hex.Registry{API: p.Generator.Registry, Repo: p.Generator.Packages}, Cache: GeneratorCache(getenv),
	}
}
