package flysim

import (
	"testing"

	"ops-console/ops/config"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/source"
)

func TestGeneratedTreesAreAtHandAndNobodyIsAskedForOthers(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: t.TempDir()})
	p, err := config.Load(config.Options{Name: s.App(), ConfigFile: s.ProfilePath(), Dir: t.TempDir(), Env: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	if g := p.Generator; len(g.Snapshots) != 1 || g.Web || g.Mix != "never" {
		t.Fatalf("%+v", g)
	}
	vv, err := source.NewSnapshot(p.Generator.Snapshots[0], source.Options{Cache: &source.Cache{}}).Versions(t.Context(), phoenix.Project)
	if err != nil || len(vv) != 4 {
		t.Errorf("versions %v, %v", vv, err)
	}
}
