package wgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// insideEnv tells the test binary that it runs in the namespace already.
const insideEnv = "OPS_CONSOLE_WGTEST_INSIDE"

// Run runs f in a network and mount namespace of its own, by starting the test binary again for this test alone; the
// loopback interface is up there, and /run is empty, so that control sockets of the machine's own WireGuard devices are
// not seen. It needs root or unprivileged user namespaces, and skips the test with the reason where there are neither.
// What f logs, and how it ends, becomes the calling test's.
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		if err := enter(); err != nil {
			t.Fatal(err)
		}
		f(t)
		return
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip(8) of iproute2")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(part)+"$")
	}
	args := []string{"-test.run=" + strings.Join(parts, "/"), "-test.v", "-test.count=1"}
	if deadline, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+time.Until(deadline).Round(time.Second).String())
	}
	var out bytes.Buffer
	cmd, err := start(t.Context(), self, args, &out)
	if err != nil {
		t.Skipf("needs root or unprivileged user namespaces: %v", err)
	}
	err = cmd.Wait()
	text := out.String()
	switch {
	case err != nil:
		t.Errorf("in the namespace: %v\n%s", err, text)
	case strings.Contains(text, "--- SKIP: "+t.Name()):
		t.Skip(text)
	case !strings.Contains(text, "--- PASS: "+t.Name()):
		t.Errorf("the test did not run in the namespace:\n%s", text)
	default:
		t.Log(text)
	}
}

// start starts the binary in new namespaces: with the rights of root where we have them, else in a user namespace where
// we are root.
func start(ctx context.Context, self string, args []string, out *bytes.Buffer) (*exec.Cmd, error) {
	var errs []error
	for _, user := range []bool{false, true} {
		if !user && os.Geteuid() != 0 {
			continue
		}
		cmd := exec.CommandContext(ctx, self, args...)
		cmd.Env = append(os.Environ(), insideEnv+"=1")
		cmd.Stdout, cmd.Stderr = out, out
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
			Pdeathsig:  syscall.SIGKILL,
		}
		if user {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		err := cmd.Start()
		if err == nil {
			return cmd, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// enter makes the namespace fit to live in.
func enter() error {
	// Private first, or what is mounted here would be mounted outside as well.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	run, err := filepath.EvalSymlinks("/var/run")
	if err != nil {
		return fmt.Errorf("find /var/run: %w", err)
	}
	if err := unix.Mount("tmpfs", run, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount an empty %s: %w", run, err)
	}
	return ip("link", "set", "lo", "up")
}

// IP runs ip(8) with arguments, and fails the test when that fails.
func IP(t testing.TB, args ...string) {
	t.Helper()
	if err := ip(args...); err != nil {
		t.Fatal(err)
	}
}

func ip(args ...string) error {
	out, err := exec.CommandContext(context.Background(), "ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
