package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ops-console/ops/fly/flysim"
)

// machineProgram runs this program as a machine of the simulated world does whose command it is: with that machine's
// environment and address, inside the network, on the profile of the world.
func machineProgram(profile func() string) func(context.Context, *flysim.Process) int {
	return func(ctx context.Context, p *flysim.Process) int {
		if len(p.Command) < 2 {
			fmt.Fprintln(p.Output, "ops-console: the machine's command has no arguments")
			return statusUsage
		}
		nobody, err := os.Open(os.DevNull)
		if err != nil {
			fmt.Fprintln(p.Output, "ops-console:", err)
			return statusUnknown
		}
		defer nobody.Close()
		home := filepath.Join(filepath.Dir(profile()), "machines", p.Instance.ID)
		e := &env{
			stdin: nobody, stdout: p.Output, stderr: p.Output, now: time.Now, args: p.Command[1:], network: p.Network,
			getenv: func(name string) string {
				if v, ok := p.Env[name]; ok {
					return v
				}
				// What a machine's image would have.
				switch name {
				case "HOME":
					return home
				case "USER":
					return "machine-" + p.Instance.ID
				case "PATH":
					return os.Getenv(name)
				}
				return ""
			},
			listen: func(_ context.Context, addr string) (net.Listener, error) {
				_, port, err := net.SplitHostPort(addr)
				if err != nil {
					return nil, err
				}
				n, err := strconv.ParseUint(port, 10, 16)
				if err != nil {
					return nil, fmt.Errorf("port of %s: %w", addr, err)
				}
				return p.Listen(uint16(n))
			},
		}
		c := root(e)
		c.SetArgs(append([]string{"--config", profile()}, p.Command[1:]...))
		return exitStatus(p.Output, c.ExecuteContext(ctx))
	}
}
