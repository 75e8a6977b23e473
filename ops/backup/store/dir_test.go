package store_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"ops-console/ops/backup/store"
	"ops-console/ops/backup/store/storetest"
)

func TestWhatAKilledProcessLeftIsSwept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	kill := writing(t, dir, 3)
	// It lives: whatever the age, it is left alone.
	if l, err := s.Sweep(t.Context(), "", 0); err != nil || len(l) > 0 {
		t.Errorf("a sweep beside it gives %v, %v", l, err)
	}
	kill()
	for i, c := range []struct {
		prefix string
		age    time.Duration
		found  int
	}{{"", time.Hour, 0}, {"other/", 0, 0}, {"app/", 0, 1}, {"", 0, 0}} {
		l, err := s.Sweep(t.Context(), c.prefix, c.age)
		if err != nil || len(l) != c.found {
			t.Errorf("sweep %d gives %v, %v", i, l, err)
		}
		for _, one := range l {
			if one.Key != "app/db/dump" || one.Size < 3*chunk || time.Since(one.Started) > time.Minute {
				t.Errorf("it gives %+v", one)
			}
		}
	}
	want(t, dir, ".incoming/")
}

// want checks what is in a directory, of directories those that are empty.
func want(t *testing.T, dir string, files ...string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entries, _ := os.ReadDir(path); d.IsDir() && len(entries) == 0 {
			rel += "/"
		} else if d.IsDir() {
			return nil
		}
		got = append(got, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("what is there (-want +got):\n%s", diff)
	}
}

func TestFilesAreTheirOwnersOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "store")
	s := open(t, dir, store.Options{Create: true})
	if _, err := s.PutIfAbsent(t.Context(), "a/b/c", []byte("x")); err != nil {
		t.Fatal(err)
	}
	want(t, dir, ".incoming/", "a/b/c")
	for path, mode := range map[string]os.FileMode{"": 0o700, "a": 0o700, "a/b": 0o700, ".incoming": 0o700, "a/b/c": 0o600} {
		if st, err := os.Stat(filepath.Join(dir, path)); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v, want %v", path, st.Mode(), err, mode)
		}
	}
	// The last of a directory goes with it.
	if err := s.Delete(t.Context(), "a/b/c"); err != nil {
		t.Fatal(err)
	}
	want(t, dir, ".incoming/")
}

func TestDirectoriesThatAreNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing := filepath.Join(dir, "not-mounted")
	s := open(t, missing, store.Options{})
	if _, err := s.PutIfAbsent(t.Context(), "k", nil); !errors.Is(err, store.ErrNoBucket) || !strings.Contains(err.Error(), "mount") {
		t.Errorf("it gives %v", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Error("it was made all the same")
	}
	for _, err := range s.List(t.Context(), "") {
		if !errors.Is(err, store.ErrNoBucket) {
			t.Errorf("List gives %v", err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, file, store.Options{}).Begin(t.Context(), "k", store.PutOpt{}); !errors.Is(err, store.ErrConfig) {
		t.Errorf("on a file: %v", err)
	}
}

// TestWhatElseLiesInTheDirectory is neither listed nor followed.
func TestWhatElseLiesInTheDirectory(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")),
		os.Symlink(outside, filepath.Join(dir, "dir")),
		unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
		os.WriteFile(filepath.Join(dir, ".hidden"), nil, 0o600),
		os.Mkdir(filepath.Join(dir, "empty"), 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, store.Options{})
	for i, err := range s.List(t.Context(), "") {
		t.Errorf("List gives %v, %v", i, err)
	}
	for _, key := range []string{"link", "pipe", "empty"} {
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Stat of %s gives %v", key, err)
		}
		if r, _, err := s.Open(t.Context(), key, 0); err == nil {
			r.Close()
			t.Errorf("%s can be opened", key)
		}
	}
}

// TestAFullDisk fills a small file system in memory where one can be mounted, and otherwise lowers the limit of a file's
// size, at which the system says EFBIG in place of ENOSPC.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=700"); err == nil {
		t.Cleanup(func() { unix.Unmount(dir, 0) })
		t.Log("on a tmpfs of 1 MiB")
	} else {
		t.Logf("with a limit of 1 MiB, for a tmpfs cannot be mounted: %v", err)
		var old syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: mib, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old) })
	}
	s := open(t, dir, store.Options{})
	if _, err := s.PutIfAbsent(t.Context(), "before", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, err := store.Put(t.Context(), s, "a/large", bytes.NewReader(storetest.Content(1, 2*mib)), store.PutOpt{})
		if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "prune") && !strings.Contains(err.Error(), "limit") {
			t.Errorf("it gives %v", err)
		}
		// Nothing is left that would keep it full.
		if l, err := s.Sweep(t.Context(), "", 0); err != nil || len(l) > 0 {
			t.Errorf("a sweep gives %v, %v", l, err)
		}
	}
	if _, err := store.Put(t.Context(), s, "a/small", bytes.NewReader(storetest.Content(1, mib/2)), store.PutOpt{}); err != nil {
		t.Errorf("what fits: %v", err)
	}
	if !bytes.Equal(get(t, s, "before"), []byte("kept")) {
		t.Error("what was there is not what it was")
	}
}

func TestAReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		// Who is root may write whatever the mode says; a file in the way stops everybody.
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, dir, store.Options{}).PutIfAbsent(t.Context(), "a/b", nil); !errors.Is(err, store.ErrConfig) {
			t.Errorf("with a file in the way: %v", err)
		}
		want(t, dir, ".incoming/", "a")
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir, store.Options{}).PutIfAbsent(t.Context(), "a/b", nil); !errors.Is(err, store.ErrDenied) {
		t.Errorf("it gives %v", err)
	}
}

// TestPruningBesideWriting removes the last file of a directory while others put one there.
func TestPruningBesideWriting(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), store.Options{})
	var wg sync.WaitGroup
	for _, key := range []string{"a/b/one", "a/b/two", "a/three"} {
		wg.Go(func() {
			for range 200 {
				if _, err := s.PutIfAbsent(t.Context(), key, []byte(key)); err != nil {
					t.Errorf("%s: %v", key, err)
					return
				}
				if err := s.Delete(t.Context(), key); err != nil {
					t.Errorf("%s: %v", key, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestRenamingWhereThereAreNoLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for i, content := range []string{"first", "second"} {
		if err := os.WriteFile(from, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := store.RenameIfAbsent(from, to)
		if errors.Is(err, syscall.ENOTSUP) {
			t.Logf("this system cannot: %v", err)
			return
		}
		if (i == 0) != (err == nil) || i == 1 && !errors.Is(err, os.ErrExist) {
			t.Errorf("try %d gives %v", i+1, err)
		}
	}
	if b, err := os.ReadFile(to); err != nil || string(b) != "first" {
		t.Errorf("it holds %q, %v", b, err)
	}
}

func TestAFileThatChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	if _, err := s.PutIfAbsent(t.Context(), "k", storetest.Content(1, 1000)); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{500, 2000} {
		r, _, err := s.Open(t.Context(), "k", 100)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(dir, "k"), size); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("cut or grown to %d it gives %v, want ErrCorrupt", size, err)
		}
		r.Close()
	}
}

func FuzzTempName(f *testing.F) {
	f.Add("a/b%2F~c", []byte("0123456789"))
	f.Add(strings.Repeat("long/", 60)+"é", []byte("0123456789"))
	f.Fuzz(func(t *testing.T, key string, nonce []byte) {
		if store.CheckKey(key) != nil || len(nonce) != 10 {
			return
		}
		name := store.TempName(key, nonce)
		if len(name) > 255 || strings.ContainsAny(name, "/\x00") {
			t.Errorf("%q is no name of a file", name)
		}
		got, whole := store.KeyOf(name)
		if whole && got != key || !whole && (!strings.HasPrefix(key, got) || got == "") {
			t.Errorf("the key of %q is %q, want %q", name, got, key)
		}
	})
}
