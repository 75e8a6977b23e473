package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/source/hex"
)

// pack is a package that is what the registry published.
type pack struct {
	version phoenix.Version
	sum     string
	elixir  string
	retired string
	files   []hex.File
}

// fetchPackage gives a package, from the cache or from the registry.
func fetchPackage(ctx context.Context, registry hex.Registry, c *Cache, name string, v phoenix.Version) (*pack, error) {
	dir := filepath.Join(c.Dir, "packages", name+"-"+v.String())
	at := filepath.Join(dir, "package.tar")
	if was, ok := readStamp(dir); ok {
		if data, err := readFile(at, hex.MaxTarball); err == nil && hex.Sum(data) == was.SHA256 {
			if p, err := openPackage(data, name, v); err == nil {
				touch(dir)
				return p, nil
			}
		}
	}
	rel, err := registry.Release(ctx, name, v.String())
	if err != nil {
		return nil, err
	}
	data, err := registry.Tarball(ctx, name, v.String(), rel.SHA256)
	if err != nil {
		return nil, err
	}
	p, err := openPackage(data, name, v)
	if err != nil {
		return nil, err
	}
	p.retired = rel.Retired
	work, remove, err := c.temp("package")
	if err != nil {
		return nil, err
	}
	defer remove()
	if err := os.WriteFile(filepath.Join(work, "package.tar"), data, 0o600); err != nil {
		return nil, err
	}
	if err := writeStamp(work, stamped{URL: show(registry.TarballURL(name, v.String())), SHA256: p.sum, At: time.Now()}); err != nil {
		return nil, err
	}
	return p, swap(work, dir)
}

func openPackage(data []byte, name string, v phoenix.Version) (*pack, error) {
	p, err := hex.Open(data)
	if err != nil {
		return nil, err
	}
	if p.Name != name || p.Version != v.String() {
		return nil, fmt.Errorf("the package says that it is %.40q %.40q, not %s %s", p.Name, p.Version, name, v)
	}
	return &pack{version: v, sum: hex.Sum(data), elixir: p.Elixir, files: p.Files}, nil
}
