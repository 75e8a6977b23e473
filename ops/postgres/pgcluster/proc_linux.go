package pgcluster

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// attributes of a process that runs as an account, beside our own group, and is told to end when we die.
func attributes(a account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: a.credential, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}

// children of a process with their titles. Servers' processes leave their parent's group, so that the table of
// processes is the only way to find them.
func children(parent int) map[int]string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	found := map[int]string{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		// pid (name) state ppid …; the name may hold anything, a parenthesis too.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err != nil {
			continue
		}
		found[pid] = strings.TrimRight(string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})), " ")
	}
	return found
}
