package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
)

func TestCancelledAtAnyStepItLeavesNothing(t *testing.T) {
	l := newLab(t)
	stop := errors.New("somebody pressed a key")
	for _, step := range []Step{Looking, Reading, Starting, Restoring, Asserting} {
		ctx, cancel := context.WithCancelCause(t.Context())
		o, _ := l.options(t, backup.Restored)
		o.Assertions = []string{"select true"}
		o.Progress = func(p Progress) {
			if p.Step == step {
				cancel(stop)
			}
		}
		if got, err := Run(ctx, o); !errors.Is(err, stop) {
			t.Errorf("at %s: %+v, %v", step, got, err)
		}
		if left, err := os.ReadDir(o.Scratch.Dir); err != nil || len(left) > 0 {
			t.Errorf("at %s: left behind: %v %v", step, left, err)
		}
		cancel(nil)
	}
}

// postmaster is the process of the throw-away server below a directory.
func postmaster(dir string) (int, bool) {
	found, err := filepath.Glob(filepath.Join(dir, prefix+"*", "*", "d0", "postmaster.pid"))
	if err != nil || len(found) != 1 {
		return 0, false
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	return pid, err == nil
}

func TestAServerThatDiesSaysNothingOfTheBackup(t *testing.T) {
	l := newLab(t)
	for _, step := range []Step{Restoring, Comparing} {
		o, _ := l.options(t, backup.Restored)
		o.Assertions = []string{"select true"}
		killed := false
		o.Progress = func(p Progress) {
			if pid, ok := postmaster(o.Scratch.Dir); ok && p.Step == step && !killed {
				killed = true
				syscall.Kill(pid, syscall.SIGQUIT)
			}
		}
		if got, err := Run(t.Context(), o); err == nil || !killed {
			t.Errorf("at %s (killed: %t): %+v", step, killed, got)
		}
	}
}

func TestOnlyItsOwnerMayEnterWhereThePlaintextLies(t *testing.T) {
	l := newLab(t)
	o, _ := l.options(t, backup.Restored)
	o.Scratch.Jobs = 2
	files, told := 0, false
	o.Progress = func(p Progress) {
		told = told || p.Step == Starting && strings.Contains(p.Text, o.Scratch.Dir)
		if p.Step != Restoring {
			return
		}
		err := filepath.WalkDir(o.Scratch.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == o.Scratch.Dir {
				return nil //nolint:nilerr // files come and go
			}
			info, err := d.Info()
			if err != nil {
				return nil //nolint:nilerr // as above
			}
			files++
			mode := info.Mode().Perm()
			if d.IsDir() && filepath.Dir(path) == o.Scratch.Dir && os.Getuid() == 0 {
				if mode != 0o711 {
					t.Errorf("%s has mode %o", path, mode)
				}
				return nil
			}
			// Sockets are open to all by nature, in a directory that is not.
			if mode&0o077 != 0 && info.Mode()&fs.ModeSocket == 0 {
				t.Errorf("%s has mode %o", path, mode)
			}
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if got, err := Run(t.Context(), o); err != nil || !got.OK || files == 0 || !told {
		t.Errorf("%+v, %v; %d files looked at, told: %t", got, err, files, told)
	}
}

// The child of the next test verifies until it is killed.
const childEnv = "VERIFY_TEST_CHILD"

type childInput struct {
	Manifest backup.Manifest
	Dir      string
	Objects  map[string][]byte
	Identity string
}

func child(path string) {
	var in childInput
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	s := store.NewMem(nil)
	for key, b := range in.Objects {
		if _, e := store.Put(context.Background(), s, key, bytes.NewReader(b), store.PutOpt{}); e != nil {
			err = e
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, err = Run(context.Background(), Options{
		Store: s, Record: backup.Record{Manifest: in.Manifest}, Level: backup.Restored, Scratch: Scratch{Dir: in.Dir},
		Progress: func(p Progress) {
			if p.Step == Restoring {
				fmt.Println("restoring")
				select {}
			}
		},
	})
	fmt.Println(err)
	os.Exit(1)
}

func TestWhatAKilledVerificationLeavesIsSwept(t *testing.T) {
	l := newLab(t)
	o, s := l.options(t, backup.Restored)
	in := childInput{Dir: o.Scratch.Dir, Objects: map[string][]byte{}}
	r := l.plain(t, s)
	in.Manifest = r.Manifest
	for _, p := range r.Manifest.Payload {
		b, _, err := store.Get(t.Context(), s, sample.Key(r, p.Key), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		in.Objects[sample.Key(r, p.Key)] = b
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 100)
	n, err := out.Read(said)
	if err != nil || !strings.HasPrefix(string(said[:n]), "restoring") {
		t.Fatalf("%q %v", said[:n], err)
	}
	if removed, err := Sweep(o.Scratch.Dir); err != nil || len(removed) > 0 {
		t.Errorf("one that is at work was removed: %v %v", removed, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	var removed []string
	for deadline := time.Now().Add(20 * time.Second); len(removed) == 0; time.Sleep(10 * time.Millisecond) {
		if removed, err = Sweep(o.Scratch.Dir); err != nil || time.Now().After(deadline) {
			t.Fatalf("nothing was removed: %v", err)
		}
	}
	if left, err := os.ReadDir(o.Scratch.Dir); err != nil || len(left) > 0 || len(removed) != 1 {
		t.Errorf("removed %v, left %v, %v", removed, left, err)
	}
}

// plain is a record of the same dump without encryption, in the same store.
func (l *lab) plain(t *testing.T, s *store.Mem) backup.Record {
	t.Helper()
	d := *l.Dump
	id, err := backup.NewID(time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Manifest.ID = id
	d.Manifest.Tables = slices.Clone(d.Manifest.Tables)
	return d.Stored(t, s)
}

func TestSweepLeavesWhatIsNotItsOwn(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "other"), 0o700), os.WriteFile(filepath.Join(dir, prefix+"file"), nil, 0o600),
		os.Mkdir(filepath.Join(dir, prefix+"new"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if removed, err := Sweep(dir); err != nil || len(removed) > 0 {
		t.Errorf("%v %v", removed, err)
	}
}
