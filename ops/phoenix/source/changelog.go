package source

import (
	"context"
	"errors"
	"fmt"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/changelog"
	"ops-console/ops/phoenix/source/hex"
)

// Changelogs has what Phoenix's authors wrote of their versions, out of the published packages of phoenix. They are fetched
// and verified as Mix does, and read: nothing of them is run.
type Changelogs struct {
	Registry hex.Registry
	Cache    *Cache // it must have a directory
}

// Between gives what is written of the versions after from, up to and with to, oldest first. Notes say which of the packages
// that it is in could not be had; the error is there when none could.
func (c *Changelogs) Between(ctx context.Context, from, to phoenix.Version) (all []changelog.Section, notes []string, err error) {
	if c.Cache == nil || c.Cache.Dir == "" {
		return nil, nil, fmt.Errorf("%w: what is written of versions needs the cache, which is off", ErrNone)
	}
	if !from.Before(to) {
		return nil, nil, fmt.Errorf("there is nothing between %s and %s, which is not newer", from, to)
	}
	var files []changelog.File
	var errs failures
	for _, v := range changelog.Needed(phoenix.Releases(), from, to) {
		text, err := c.of(ctx, v)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			errs = append(errs, err)
			notes = append(notes, fmt.Sprintf("what is written of %s is missing: %v", v.Line(), err))
			continue
		}
		files = append(files, changelog.Read(text))
	}
	if len(files) == 0 && len(errs) > 0 {
		return nil, nil, errs.err("the changelog of Phoenix")
	}
	return changelog.Between(files, from, to), notes, nil
}

func (c *Changelogs) of(ctx context.Context, v phoenix.Version) (string, error) {
	p, err := fetchPackage(ctx, c.Registry, c.Cache, "phoenix", v)
	if err != nil {
		return "", err
	}
	for _, f := range p.files {
		if f.Path == "CHANGELOG.md" {
			return string(f.Data), nil
		}
	}
	return "", errors.New("the package has no CHANGELOG.md")
}
