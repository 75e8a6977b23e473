package pgcluster

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// guard is a shell that outlives us by a moment: when our end of its pipe closes without a word, it ends the servers and
// removes the files. The signal that the kernel sends to children of the dead cannot do that: a frozen server does not
// take it, its processes are not our children, some systems have no such signal, and files stay.
type guard struct {
	mu      sync.Mutex // guards the fields below and the order of lines
	pipe    io.WriteCloser
	cmd     *exec.Cmd
	servers map[int]bool
	frozen  map[int]bool
}

const guardScript = `
servers= frozen=
while read -r what pids; do
	case $what in
	servers) servers=$pids ;;
	frozen) frozen=$pids ;;
	done) exit 0 ;;
	esac
done
[ -z "$servers" ] || kill -QUIT $servers
[ -z "$servers$frozen" ] || kill -CONT $servers $frozen
tries=0
until rm -rf -- "$@" || [ $tries -ge 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
`

func newGuard(dirs []string) (*guard, error) {
	cmd := exec.CommandContext(context.Background(), "/bin/sh", append([]string{"-c", guardScript, "pgcluster-guard"}, dirs...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Dir = "/"
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the guard of the cluster: %w", err)
	}
	return &guard{pipe: pipe, cmd: cmd, servers: map[int]bool{}, frozen: map[int]bool{}}, nil
}

// server says that a server runs, or does no more.
func (g *guard) server(pid int, runs bool) { g.set("servers", g.servers, runs, pid) }

// freeze says that processes are stopped, or are no more.
func (g *guard) freeze(pids []int, stopped bool) { g.set("frozen", g.frozen, stopped, pids...) }

func (g *guard) set(what string, all map[int]bool, in bool, pids ...int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range pids {
		if in {
			all[p] = true
		} else {
			delete(all, p)
		}
	}
	var line strings.Builder
	line.WriteString(what)
	list := make([]int, 0, len(all))
	for p := range all {
		list = append(list, p)
	}
	slices.Sort(list)
	for _, p := range list {
		fmt.Fprintf(&line, " %d", p)
	}
	line.WriteByte('\n')
	//nolint:errcheck // a guard that somebody ended is missed by nobody until we die
	io.WriteString(g.pipe, line.String())
}

// close sends the guard home.
func (g *guard) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	//nolint:errcheck // as above
	io.WriteString(g.pipe, "done\n")
	g.pipe.Close() //nolint:errcheck // nothing to lose
	g.cmd.Wait()   //nolint:errcheck // it says nothing
}
