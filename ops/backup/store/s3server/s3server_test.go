package s3server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops/backup/store"
)

// childEnv makes this test program a parent that dies: the value is the directory of its server.
const childEnv = "S3SERVER_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		die(dir)
	}
	goleak.VerifyTestMain(m)
}

// die starts a server, says its process, and waits to be killed.
func die(dir string) {
	s, err := Start(context.Background(), dir, Options{Temporary: true})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("pid", s.Pid())
	select {}
}

func start(t *testing.T, dir string, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), dir, o)
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func TestObjectsOutliveTheServerThatTookThem(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, Options{})
	st := openStore(t, s)
	if _, err := st.PutIfAbsent(t.Context(), "a/b", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	old := s.Pid()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Pid() == old || alive(old) {
		t.Errorf("it was process %d and is %d", old, s.Pid())
	}
	if b, _, err := store.Get(t.Context(), st, "a/b", 100); err != nil || string(b) != "kept" {
		t.Errorf("after a restart: %q, %v", b, err)
	}
	if b, err := os.ReadFile(filepath.Join(s.Data(), "a", "b")); err != nil || string(b) != "kept" {
		t.Errorf("the file beneath: %q, %v", b, err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	again := start(t, dir, Options{Keys: s.Keys()})
	if b, _, err := store.Get(t.Context(), openStore(t, again), "a/b", 100); err != nil || string(b) != "kept" {
		t.Errorf("from another server on the same directory: %q, %v", b, err)
	}
}

func openStore(t *testing.T, s *Server) store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), s.Address(""), store.Options{Keys: store.StaticKeys(s.Keys())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func TestWrongKeysAreRefused(t *testing.T) {
	s := start(t, t.TempDir(), Options{})
	for _, k := range []store.Keys{{Access: s.Keys().Access, Secret: "another"}, {Access: "another", Secret: s.Keys().Secret}} {
		st, err := store.Open(t.Context(), s.Address(""), store.Options{Keys: store.StaticKeys(k)})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		if _, err := st.PutIfAbsent(t.Context(), "k", nil); !errors.Is(err, store.ErrDenied) {
			t.Errorf("it gives %v, want ErrDenied", err)
		}
	}
}

func TestKeysAreNotInTheArguments(t *testing.T) {
	s := start(t, t.TempDir(), Options{})
	b, err := os.ReadFile("/proc/" + strconv.Itoa(s.Pid()) + "/cmdline")
	if errors.Is(err, os.ErrNotExist) {
		b, err = exec.CommandContext(t.Context(), "ps", "-o", "args=", "-p", strconv.Itoa(s.Pid())).Output()
	}
	if err != nil || len(b) == 0 {
		t.Fatal(err)
	}
	for _, k := range []string{s.Keys().Access, s.Keys().Secret} {
		if bytes.Contains(b, []byte(k)) {
			t.Errorf("a key is among %q", b)
		}
	}
}

func TestTheServerDiesWithUs(t *testing.T) {
	if _, err := Find(); err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(t.TempDir(), "s3")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, ok := strings.CutPrefix(strings.TrimSpace(line), "pid ")
	n, convErr := strconv.Atoi(pid)
	if err != nil || !ok || convErr != nil || !alive(n) {
		t.Fatalf("the child said %q: %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, out) //nolint:errcheck // it ends with the child
	cmd.Wait()               //nolint:errcheck // killed, as it should
	until(t, "the server is gone", func() bool { return !alive(n) })
	until(t, "its files are gone", func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestWhatIsSaidWhereItCannotBeStarted(t *testing.T) {
	if _, err := Start(t.Context(), t.TempDir(), Options{Program: "/nonexistent/versitygw"}); err == nil || !strings.Contains(err.Error(), "/nonexistent/versitygw") {
		t.Errorf("without a program: %v", err)
	}
	if _, err := Start(t.Context(), t.TempDir(), Options{Program: "/bin/false"}); !errors.Is(err, errEnded) {
		t.Errorf("with a program that ends at once: %v", err)
	}
	t.Setenv(Env, "/nonexistent/versitygw")
	if _, err := Find(); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "go install") {
		t.Errorf("with a wrong variable: %v", err)
	}
}

func TestSetupBuildsTheVersionThatTheTestsAreFor(t *testing.T) {
	b, err := os.ReadFile("../../../../.ci/setup")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "\nversitygw="+Version+"\n") {
		t.Errorf(".ci/setup does not name %s", Version)
	}
}
