package store_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"

	"ops-console/ops/backup/store"
	"ops-console/ops/backup/store/storetest"
)

// childEnv makes this test program a process that dies while it writes: the value is the store's address.
const childEnv, childAccess, childSecret = "STORE_TEST_CHILD", "STORE_TEST_ACCESS", "STORE_TEST_SECRET"

// chunk is what it writes at once, and then says so.
const chunk = 64 << 10

// die writes until it is killed.
func die(address string) {
	s, err := store.Open(background, address, store.Options{Keys: store.EnvKeys(os.Getenv, childAccess, childSecret, "")})
	if err != nil {
		panic(err)
	}
	u, err := s.Begin(background, "app/db/dump", store.PutOpt{Expect: 1})
	if err != nil {
		panic(err)
	}
	for {
		if _, err := u.Write(storetest.Content(1, chunk)); err != nil {
			panic(err)
		}
		os.Stdout.WriteString(".") //nolint:errcheck // the parent counts them
	}
}

// writing starts such a process, waits until it has written so many chunks, and gives what kills it.
func writing(t *testing.T, address string, chunks int, env ...string) (kill func()) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(append(os.Environ(), childEnv+"="+address), env...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, chunks)); err != nil {
		t.Fatal(err)
	}
	return func() {
		child.Process.Kill()
		io.Copy(io.Discard, out)
		child.Wait()
	}
}

// TestAKilledUploadLeavesNoObject kills the process before its first part was full, while that is sent, and after several.
func TestAKilledUploadLeavesNoObject(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	s := open(t, server.Address("killed"), options(server))
	for _, mibs := range []int{1, 8, 9, 17, 26} {
		kill := writing(t, s.String(), mibs*mib/chunk, childAccess+"="+server.Keys().Access, childSecret+"="+server.Keys().Secret)
		kill()
		if _, err := s.Stat(t.Context(), "app/db/dump"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("killed after %d MiB: %v", mibs, err)
		}
		l, err := s.Sweep(t.Context(), "app/", 0)
		if err != nil || mibs > 9 && len(l) == 0 {
			t.Errorf("killed after %d MiB, a sweep gives %v, %v", mibs, l, err)
		}
		swept(t, s)
	}
	want(t, server.Data(), ".sgwtmp/multipart/")
}
