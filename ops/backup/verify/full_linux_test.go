package verify

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ops-console/ops/backup"
	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
)

// A server whose files may not grow any more is one with a full disk.
func TestAFullDiskSaysNothingOfTheBackup(t *testing.T) {
	c := sample.Cluster(t, nil)
	if err := c.Primary().Exec(t.Context(), "postgres", "create table big as select i, repeat(md5(i::text), 20) from generate_series(1, 12000) i"); err != nil {
		t.Fatal(err)
	}
	s := store.NewMem(nil)
	r := sample.Take(t, sample.Node(t, c.Primary(), "postgres"), "postgres").Stored(t, s)
	o := Options{Store: s, Record: r, Level: backup.Restored, Scratch: Scratch{Dir: scratchDir(t)}}
	started, limited := make(chan struct{}), make(chan struct{})
	o.Progress = func(p Progress) {
		if p.Step == Starting {
			close(started)
		}
		if p.Step == Restoring {
			<-limited
		}
	}
	go func() {
		defer close(limited)
		<-started
		until(t, "the server runs", func() bool {
			_, ok := postmaster(o.Scratch.Dir)
			return ok
		})
		pid, _ := postmaster(o.Scratch.Dir)
		limit(t, pid, "3145728:")
	}()
	if got, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "could not extend file") {
		t.Errorf("%+v, %v", got, err)
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("waiting for: " + what)
			return
		}
	}
}

// limit sets how large the files of a process and of its later children may become, as the user that it runs as.
func limit(t *testing.T, pid int, size string) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d", pid), &st); err != nil {
		t.Error(err)
		return
	}
	cmd := exec.Command("prlimit", fmt.Sprintf("--pid=%d", pid), "--fsize="+size)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: st.Uid, Gid: st.Gid}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s (install the package util-linux)", err, out)
	}
}
