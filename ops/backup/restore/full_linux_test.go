package restore

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ops-console/ops/backup/sample"
)

// A server whose files may not grow any more says what one with a full disk says, from the same place in its code.
func TestAFullDiskLeavesNothing(t *testing.T) {
	t.Parallel()
	c := sample.Cluster(t, nil)
	p := c.Primary()
	if err := p.Exec(t.Context(), "postgres", "create database shop"); err != nil {
		t.Fatal(err)
	}
	if err := p.Exec(t.Context(), "shop", "create table customers as select i, repeat('x', 500) from generate_series(1, 500) i", "create table big as select i, repeat(md5(i::text), 20) from generate_series(1, 12000) i"); err != nil {
		t.Fatal(err)
	}
	id := newLabIdentity(t)
	l := &lab{sample.Take(t, sample.Node(t, p, "shop"), "shop"), c, id}
	o, _ := l.options(t)
	plan, err := Make(t.Context(), o)
	if err != nil || len(plan.Problems) > 0 {
		t.Fatal(err, plan)
	}
	// What the original has must not be what fails: reading it made its pages dirty.
	if err := p.Exec(t.Context(), "postgres", "checkpoint"); err != nil {
		t.Fatal(err)
	}
	limit(t, p.PID(), "3145728:")
	_, err = Run(t.Context(), o, plan)
	if err == nil || !strings.Contains(err.Error(), "could not extend file") {
		t.Errorf("%v", err)
	}
	limit(t, p.PID(), "unlimited:")
	l.only(t, "a full disk")
}

// limit sets how large the files of a process and of its later children may become, as the user that it runs as.
func limit(t *testing.T, pid int, size string) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d", pid), &st); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("prlimit", fmt.Sprintf("--pid=%d", pid), "--fsize="+size)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: st.Uid, Gid: st.Gid}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s (install the package util-linux)", err, out)
	}
}
