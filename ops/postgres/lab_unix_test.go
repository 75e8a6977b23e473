//go:build unix

package postgres

import (
	"os"
	"os/exec"
	"syscall"
)

// sameOwner gives a file to whom another belongs to: the servers do not run as root.
func sameOwner(path, as string) error {
	fi, err := os.Stat(as)
	if err != nil {
		return err
	}
	st := fi.Sys().(*syscall.Stat_t)
	return os.Lchown(path, int(st.Uid), int(st.Gid))
}

// runAs makes a command run as whom a file belongs to.
func runAs(cmd *exec.Cmd, as string) error {
	fi, err := os.Stat(as)
	if err != nil {
		return err
	}
	if st := fi.Sys().(*syscall.Stat_t); os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: st.Uid, Gid: st.Gid}}
	}
	return nil
}
