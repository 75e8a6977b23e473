package restore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/backup/load"
	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
)

// only says that the original is all there is, and unchanged.
func (l *lab) only(t *testing.T, when string) {
	t.Helper()
	if diff := cmp.Diff([]string{"shop"}, l.databases(t)); diff != "" {
		t.Errorf("%s: databases (-want +got):\n%s", when, diff)
	}
	if got := l.value(t, "shop", "select count(*) from customers"); got != "500" {
		t.Errorf("%s: the original has %s rows", when, got)
	}
}

func TestWhatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	stop := errors.New("somebody pressed a key")
	for _, step := range []Step{Creating, Restoring, Analyzing, Comparing} {
		ctx, cancel := context.WithCancelCause(t.Context())
		o, _ := l.options(t)
		o.Progress = func(p Progress) {
			if p.Step == step && (step != Restoring || p.Entries > 40) {
				cancel(stop)
			}
		}
		p, err := Make(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(ctx, o, p); !errors.Is(err, stop) {
			t.Errorf("cancelled at %s: %v", step, err)
		}
		l.only(t, "cancelled at "+string(step))
		cancel(nil)
	}
	for name, c := range map[string]struct {
		change func(*Options, *store.Mem)
		want   func(error) bool
	}{
		"a bit flips": {func(o *Options, s *store.Mem) {
			s.Tamper(sample.Key(o.Record, o.Record.Manifest.Payload[0].Key), func(b []byte) []byte {
				c := slices.Clone(b)
				c[len(c)-10] ^= 1
				return c
			})
		}, func(err error) bool { return errors.As(err, new(*stream.Corrupt)) }},
		"the store breaks off": {func(o *Options, _ *store.Mem) { o.Store = &breaking{o.Store, 30_000} }, func(err error) bool { return errors.Is(err, store.ErrUnavailable) }},
		"a row too few in the manifest": {func(o *Options, _ *store.Mem) {
			o.Record.Manifest.Tables = slices.Clone(o.Record.Manifest.Tables)
			o.Record.Manifest.Tables[5].Rows++
		}, func(err error) bool { return errors.Is(err, ErrIncomplete) }},
		"its sessions are ended": {func(o *Options, _ *store.Mem) {
			once := false
			o.Progress = func(p Progress) {
				if p.Entries > 30 && !once {
					once = true
					l.value(t, "postgres", "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname like 'shop_restore%'")
				}
			}
		}, func(err error) bool { return errors.As(err, new(*load.Refused)) }},
	} {
		o, s := l.options(t)
		p, err := Make(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		c.change(&o, s)
		if _, err := Run(t.Context(), o, p); err == nil || !c.want(err) {
			t.Errorf("%s: %v", name, err)
		}
		l.only(t, name)
	}
	t.Run("SQL that the server refuses, without its rows", func(t *testing.T) {
		broken := &lab{&sample.Dump{Manifest: l.Manifest, Raw: bytes.Replace(l.Raw, []byte("c7@Example.com"), []byte("c7#Example.com"), 1), Globals: l.Globals}, l.cluster, l.identity}
		o, _ := broken.options(t)
		p, err := Make(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Run(t.Context(), o, p)
		if !errors.As(err, new(*load.Refused)) || strings.Contains(err.Error(), "c7#") || !strings.Contains(err.Error(), "customers") {
			t.Error(err)
		}
		l.only(t, "refused")
	})
}

// breaking is a store that breaks off.
type breaking struct {
	store.Store
	after int64
}

func (b *breaking) Open(ctx context.Context, key string, off int64) (io.ReadCloser, store.Info, error) {
	r, info, err := b.Store.Open(ctx, key, off)
	if err != nil {
		return nil, info, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, b.after), brokenOff{}), r}, info, nil
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, store.ErrUnavailable }

func TestAServerThatIsGoneLeavesWhatIsFoundLater(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	o, _ := l.options(t)
	p, err := Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	o.Progress = func(p Progress) {
		if p.Entries > 30 && !stopped {
			stopped = true
			if err := l.cluster.Primary().Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	_, err = Run(t.Context(), o, p)
	if err == nil || !strings.Contains(err.Error(), "could not be removed and is still there") {
		t.Errorf("%v", err)
	}
	if err := l.cluster.Primary().Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.leftover(t, o, p.Target)
}

// leftover says that a half-filled database is found as such, cannot be swapped, and is removed by name.
func (l *lab) leftover(t *testing.T, o Options, target string) {
	t.Helper()
	var made []Made
	until(t, "its session is gone", func() bool {
		var err error
		if made, err = Leftovers(t.Context(), o.Node, nil); err != nil {
			t.Fatal(err)
		}
		return len(made) == 1 && !made[0].Running
	})
	if made[0].Name != target || made[0].State != Filling || made[0].Original != "shop" {
		t.Errorf("%+v", made)
	}
	if _, err := MakeSwap(t.Context(), SwapOptions{Node: o.Node, Restored: target}); err == nil || !strings.Contains(err.Error(), "not restored to its end") {
		t.Errorf("%v", err)
	}
	if err := Drop(t.Context(), o.Node, nil, target); err != nil {
		t.Error(err)
	}
	l.only(t, "after the removal")
}

// The child of the next test restores until it is killed.
const childEnv = "RESTORE_TEST_CHILD"

type childInput struct {
	Dump   *sample.Dump
	URL    string
	Target string
}

// stuck is the test of the child, which wants something to fail.
type stuck struct{ testing.TB }

func (stuck) Helper() {}
func (stuck) Fatal(args ...any) {
	fmt.Println(args...)
	os.Exit(1)
}
func (stuck) Context() context.Context { return context.Background() }

func child(path string) {
	var in childInput
	text, err := os.ReadFile(path)
	if err := errors.Join(err, json.Unmarshal(text, &in)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s := store.NewMem(nil)
	o := Options{Store: s, Record: in.Dump.Stored(stuck{}, s), Node: nodeOf(stuck{}, in.URL)}
	p, err := Make(context.Background(), o)
	if err == nil {
		o.Progress = func(p Progress) {
			if p.Entries > 30 {
				fmt.Println("restoring")
				select {}
			}
		}
		fmt.Println(p.Target)
		_, err = Run(context.Background(), o, p)
	}
	fmt.Println(err)
	os.Exit(1)
}

func TestWhatAKilledRestoreLeavesIsFoundLater(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	text, err := json.Marshal(childInput{Dump: l.Dump, URL: l.cluster.Primary().URL("postgres")})
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/in"
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
	said := ""
	for buf := make([]byte, 1000); !strings.Contains(said, "restoring"); {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("%q %v", said, err)
		}
		said += string(buf[:n])
	}
	target, _, _ := strings.Cut(said, "\n")
	o, _ := l.options(t)
	made, err := Leftovers(t.Context(), o.Node, nil)
	if err != nil || len(made) != 1 || !made[0].Running {
		t.Errorf("%+v, %v", made, err)
	}
	if err := Drop(t.Context(), o.Node, nil, target); !errors.Is(err, ErrBusy) {
		t.Errorf("one that is at work was removed: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	l.leftover(t, o, target)
}
