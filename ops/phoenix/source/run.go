package source

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ownGroup makes a command end as a whole with its context: it is the head of a process group, and what it started itself
// ends with it, in whichever group that is. Erlang puts every program that it starts into a session of its own.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		pid := cmd.Process.Pid
		// Stopped processes start no others, so that each look finds all that the ones before had started.
		found := map[int]bool{pid: true}
		_ = syscall.Kill(-pid, syscall.SIGSTOP)
		for range 10 {
			more := false
			for _, p := range descendants(found) {
				more = true
				found[p] = true
				_ = syscall.Kill(p, syscall.SIGSTOP)
			}
			if !more {
				break
			}
		}
		for p := range found {
			if p != pid {
				_ = syscall.Kill(p, syscall.SIGKILL)
			}
		}
		err := syscall.Kill(-pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	cmd.WaitDelay = 5 * time.Second
}

// descendants of processes that are not among them yet.
func descendants(of map[int]bool) []int {
	parents := parentsOf()
	var out []int
	for p := range parents {
		for up, steps := p, 0; up > 1 && steps < 64; up, steps = parents[up], steps+1 {
			if of[up] && !of[p] {
				out = append(out, p)
				break
			}
		}
	}
	return out
}

// parentsOf all processes, as far as the system says.
func parentsOf() map[int]int {
	parents := map[int]int{}
	if entries, err := os.ReadDir("/proc"); err == nil && len(entries) > 0 {
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil {
				continue
			}
			text, err := os.ReadFile("/proc/" + e.Name() + "/stat")
			if err != nil {
				continue
			}
			// The name before it is in parentheses, and may have any characters.
			if f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])); len(f) > 1 {
				parents[pid], _ = strconv.Atoi(f[1])
			}
		}
		return parents
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 2 {
			pid, _ := strconv.Atoi(f[0])
			parents[pid], _ = strconv.Atoi(f[1])
		}
	}
	return parents
}

// bounded keeps the first bytes of what is written to it, and drops the rest. The buffer is no embedded one: its other ways of
// being written to know no bound.
type bounded struct {
	kept  bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.limit - b.kept.Len(); room > 0 {
		b.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// gate lets one at a time through, and who waits can give up. The zero value is open.
type gate struct {
	once sync.Once
	in   chan struct{}
}

func (g *gate) enter(ctx context.Context) error {
	g.once.Do(func() { g.in = make(chan struct{}, 1) })
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case g.in <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() { <-g.in }
