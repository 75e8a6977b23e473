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
	trees := source.NewSnapshot(p.Generator.Snapshots[0], source.Options{Cache: &source.Cache{}})
	for axis, want := range map[phoenix.Axis]int{phoenix.Project: 4, phoenix.Auth: 2, phoenix.ReleaseFiles: 2} {
		if vv, err := trees.Versions(t.Context(), axis); err != nil || len(vv) != want {
			t.Errorf("versions of mix %s: %v, %v", axis.Task(), vv, err)
		}
	}
	server, err := trees.Tree(t.Context(), phoenix.Spec{Axis: phoenix.ReleaseFiles, Version: phoenix.MustVersion("1.8.8"), Flags: phoenix.Flags{"docker": "true"}})
	if err != nil || !server.Files["rel/overlays/bin/server"].Executable {
		t.Errorf("%v: a release could not be started", err)
	}
}
