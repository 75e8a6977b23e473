package s3server

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// guard is a shell that outlives us by a moment: when our end of its pipe closes without a word, it ends the server and
// removes the files that are to be removed. The signal that the kernel sends to children of the dead cannot remove files,
// comes when the thread ends that started the child, and does not exist everywhere.
type guard struct {
	mu   sync.Mutex // guards the order of lines, and what follows
	pipe io.WriteCloser
	cmd  *exec.Cmd
	gone bool
}

const guardScript = `
pid=0
while read -r what n; do
	case $what in
	runs) pid=$n ;;
	done) exit 0 ;;
	esac
done
[ "$pid" = 0 ] || kill -KILL "$pid"
[ -n "$1" ] || exit 0
tries=0
until rm -rf -- "$1" || [ $tries -ge 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
`

// newGuard starts one. An empty directory means that nothing is to be removed.
func newGuard(dir string) (*guard, error) {
	cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", guardScript, "s3server-guard", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Dir = "/"
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the guard of the S3 server: %w", err)
	}
	return &guard{pipe: pipe, cmd: cmd}, nil
}

// runs says which process is the server; 0: none.
func (g *guard) runs(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.gone {
		fmt.Fprintf(g.pipe, "runs %d\n", pid)
	}
}

// close sends the guard home.
func (g *guard) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone {
		return
	}
	g.gone = true
	fmt.Fprintln(g.pipe, "done")
	g.pipe.Close() //nolint:errcheck // nothing to lose
	g.cmd.Wait()   //nolint:errcheck // it says nothing
}
