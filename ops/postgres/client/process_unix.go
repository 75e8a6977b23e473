//go:build unix && !linux

package client

import (
	"os"
	"os/exec"
	"syscall"
)

// group makes a program the first of a group of its own. What writes to us ends when we do, by the pipe that breaks.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// killGroup ends what a program left behind.
func killGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}

func widen(*os.File) {}
