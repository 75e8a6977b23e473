//go:build unix && !linux

package pgcluster

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// attributes of a process that runs as an account, beside our own group. When we die, the guard ends it.
func attributes(a account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: a.credential, Setpgid: true}
}

// children of a process with their titles.
func children(parent int) map[int]string {
	out, err := exec.CommandContext(context.Background(), "ps", "-A", "-o", "pid=,ppid=,command=").Output()
	if err != nil {
		return nil
	}
	found := map[int]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(f[0]); err == nil {
			found[pid] = strings.Join(f[2:], " ")
		}
	}
	return found
}
