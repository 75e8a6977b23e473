package sixpn

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
)

// ClusterCommand asks an instance of app, through its release, for its own node name and those it sees, one a line.
func ClusterCommand(app string) []string {
	return []string{"/app/bin/" + app, "rpc", "Enum.each([node() | Node.list()], &IO.puts/1)"}
}

// Node is the Erlang node name of an instance.
func Node(i platform.Instance) string { return fmt.Sprintf("%s@%s", i.App, i.Addr) }

// Exec runs a command in instance i, among the instances all. It knows a release's rpc with expressions about the
// cluster, and a few commands of a shell; anything else is not found, as in an image that holds nothing else.
func Exec(ctx context.Context, all []platform.Instance, i platform.Instance, command []string) fly.ExecResult {
	if i.Behaviour.Hang {
		<-ctx.Done()
		return fly.ExecResult{ExitCode: -1, ExitSignal: 9, Stderr: "killed: timeout"}
	}
	if len(command) == 0 {
		return fly.ExecResult{ExitCode: 2, Stderr: "no command"}
	}
	switch name := path.Base(command[0]); {
	case name == i.App && len(command) == 3 && command[1] == "rpc":
		return rpc(all, i, command[2])
	case name == "hostname":
		return fly.ExecResult{Stdout: i.ID + "\n"}
	case name == "true":
		return fly.ExecResult{}
	case name == "echo":
		return fly.ExecResult{Stdout: strings.Join(command[1:], " ") + "\n"}
	}
	return fly.ExecResult{ExitCode: 127, Stderr: fmt.Sprintf("%s: not found\n", command[0])}
}

func rpc(all []platform.Instance, i platform.Instance, expr string) fly.ExecResult {
	if i.Behaviour.Dead || !i.Started {
		return fly.ExecResult{ExitCode: 1, Stderr: "--rpc-eval : RPC failed with reason :nodedown\n"}
	}
	if i.Behaviour.Hostile {
		return fly.ExecResult{Stdout: strings.Repeat(nasty, 64)}
	}
	self, seen := Node(i), peersOf(all, i)
	quoted := make([]string, len(seen))
	for n, s := range seen {
		quoted[n] = `:"` + s + `"`
	}
	list := "[" + strings.Join(quoted, ", ") + "]"
	// What is understood of Elixir: these expressions, written without spaces.
	switch strings.ReplaceAll(expr, " ", "") {
	case `Enum.each([node()|Node.list()],&IO.puts/1)`, `IO.puts(Enum.join([node()|Node.list()],"\n"))`:
		return fly.ExecResult{Stdout: strings.Join(append([]string{self}, seen...), "\n") + "\n"}
	case `IO.inspect({node(),Node.list()})`, `IO.inspect({node(),Node.list()},limit::infinity)`:
		return fly.ExecResult{Stdout: fmt.Sprintf("{:%q, %s}\n", self, list)}
	case `IO.inspect(Node.list())`:
		return fly.ExecResult{Stdout: list + "\n"}
	case `IO.inspect(node())`:
		return fly.ExecResult{Stdout: fmt.Sprintf(":%q\n", self)}
	}
	return fly.ExecResult{ExitCode: 1, Stderr: "** (CompileError) nofile:1: this simulated release understands node() and Node.list() only\n"}
}

// peersOf is the nodes that i is connected to: those of its island that run.
func peersOf(all []platform.Instance, i platform.Instance) []string {
	var nodes []string
	for _, o := range all {
		b := o.Behaviour
		if o.ID == i.ID || o.App != i.App || !o.Started || b.Dead || b.Silent || b.Island != i.Behaviour.Island {
			continue
		}
		nodes = append(nodes, Node(o))
	}
	slices.Sort(nodes)
	return nodes
}
