package sixpn

import (
	"context"
	"strings"
	"testing"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"

	"github.com/google/go-cmp/cmp"
)

func TestClusterCommandNamesTheIsland(t *testing.T) {
	apart := func(i *platform.Instance) { i.Behaviour.Island = "b" }
	all := []platform.Instance{
		instance(1), instance(2), instance(3, apart), instance(4, apart),
		instance(5, func(i *platform.Instance) { i.Started = false }),
		instance(6, func(i *platform.Instance) { i.Behaviour.Dead = true }),
		instance(7, func(i *platform.Instance) { i.App = "pghero" }),
	}
	tests := []struct {
		of      int
		command []string
		want    fly.ExecResult
	}{
		{0, ClusterCommand("changelog"), fly.ExecResult{Stdout: "changelog@fdaa:0:2f:a7b:1:2:1:2\nchangelog@fdaa:0:2f:a7b:1:2:2:2\n"}},
		{2, ClusterCommand("changelog"), fly.ExecResult{Stdout: "changelog@fdaa:0:2f:a7b:1:2:3:2\nchangelog@fdaa:0:2f:a7b:1:2:4:2\n"}},
		{0, []string{"bin/changelog", "rpc", "IO.inspect({node(), Node.list()})"}, fly.ExecResult{Stdout: "{:\"changelog@fdaa:0:2f:a7b:1:2:1:2\", [:\"changelog@fdaa:0:2f:a7b:1:2:2:2\"]}\n"}},
		{5, ClusterCommand("changelog"), fly.ExecResult{ExitCode: 1, Stderr: "--rpc-eval : RPC failed with reason :nodedown\n"}},
		{0, []string{"hostname"}, fly.ExecResult{Stdout: all[0].ID + "\n"}},
		{0, []string{"psql"}, fly.ExecResult{ExitCode: 127, Stderr: "psql: not found\n"}},
		{0, nil, fly.ExecResult{ExitCode: 2, Stderr: "no command"}},
	}
	for _, tt := range tests {
		got := Exec(context.Background(), all, all[tt.of], tt.command)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", strings.Join(tt.command, " "), diff)
		}
	}
}

func TestHangingInstanceAnswersNoCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	i := instance(1, func(i *platform.Instance) { i.Behaviour.Hang = true })
	if got := Exec(ctx, nil, i, ClusterCommand("changelog")); got.ExitCode == 0 {
		t.Errorf("%+v, want a failure", got)
	}
}
