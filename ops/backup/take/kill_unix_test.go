//go:build unix

package take

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
	"ops-console/ops/postgres"
)

// childEnv makes the test binary take a backup, as a process that can be killed.
const childEnv = "OPS_CONSOLE_TAKE_CHILD"

// order is what the child is told.
type order struct {
	URL, Database, Store, Tmp string
	Rate                      int
}

func child() {
	var o order
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &o); err != nil {
		panic(err)
	}
	ctx := context.Background()
	cfg, err := pgx.ParseConfig(o.URL)
	if err != nil {
		panic(err)
	}
	s, err := store.Open(ctx, o.Store, store.Options{})
	if err != nil {
		panic(err)
	}
	last := Stage("")
	_, err = Run(ctx, Options{
		Nodes: []postgres.Node{{Name: "primary", Host: cfg.Host, Port: cfg.Port, Direct: true, Config: cfg}},
		Store: s, Source: backup.Source{App: "shop", Database: o.Database}, Dir: o.Tmp, Limits: Limits{Rate: o.Rate},
		Progress: func(p Progress) {
			if p.Stage != last {
				last = p.Stage
				fmt.Println(last)
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// TestKilledAtAnyTime kills the whole process with SIGKILL, in every stage and somewhere in between. What is in the store
// then is, once swept, as it was before or a backup more that can be read; nothing of it runs on or keeps a lock.
func TestKilledAtAnyTime(t *testing.T) {
	t.Parallel()
	b := newBase(t, 3000)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir, tmp := t.TempDir(), t.TempDir()
	s, err := store.Open(ctx, dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(order{URL: b.node.URL(b.name), Database: b.name, Store: dir, Tmp: tmp, Rate: 300_000})
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	whole := 0
	for _, at := range []Stage{Choosing, Checking, Dumping, Dumping, Dumping, Storing, Roles, Committing, Done} {
		after := time.Duration(rng.IntN(150)) * time.Millisecond
		if at != Dumping && at != Checking {
			after = time.Duration(rng.IntN(3000)) * time.Microsecond
		}
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), childEnv+"="+string(text))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said = append(said, lines.Text())
			if lines.Text() == string(at) {
				break
			}
		}
		time.Sleep(after) // the point is random, not waited for
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil && !strings.Contains(err.Error(), "killed") {
			t.Errorf("%s: the run failed by itself: %v: %q", at, err, said)
		}
		waitFor(t, "pg_dump to end", func() bool { return len(strays(t, b.name)) == 0 })
		b.free()
		n := b.check(ctx, s)
		if n < whole || n > whole+1 {
			t.Errorf("killed while %s: %d backups, and %d before", at, n, whole)
		}
		t.Logf("killed %s into %q: %d backup(s)", after, at, n-whole)
		whole = n
	}
	if whole == 0 {
		t.Error("not even the run that was done when it was killed left a backup")
	}
	if _, err := Run(ctx, b.options(s)); err != nil {
		t.Errorf("the next run: %v", err)
	}
}

// check sweeps a store and reads every backup in it to its end.
func (b *base) check(ctx context.Context, s store.Store) int {
	b.t.Helper()
	c := catalog.New(s)
	source := backup.Source{App: "shop", Database: b.name}
	now := catalog.Ages{Uploads: 1, Orphans: 1, Removals: 1, Failures: 1, Tombstones: 1}
	if _, err := c.Sweep(ctx, source, now, time.Now().Add(time.Second)); err != nil {
		b.t.Fatal(err)
	}
	l, err := c.List(ctx, source)
	if err != nil || len(l.Problems) > 0 {
		b.t.Fatalf("%+v, %v", l.Problems, err)
	}
	objects := 0
	for _, r := range l.Records {
		objects += 1 + len(r.Manifest.Payload)
		for _, p := range r.Manifest.Payload {
			if err := readable(ctx, s, r.Manifest, p); err != nil {
				b.t.Errorf("%s: %v", p.Key, err)
			}
		}
	}
	got := slices.DeleteFunc(keys(b.t, s), func(k string) bool { return strings.HasSuffix(k, "/"+backup.TombstoneName) })
	if len(got) != objects {
		b.t.Errorf("%d objects are left of %d backups, want %d: %v", len(got), len(l.Records), objects, got)
	}
	return len(l.Records)
}

func readable(ctx context.Context, s store.Store, m backup.Manifest, p backup.Payload) error {
	stored, _, err := s.Open(ctx, backup.Dir(m.Source, m.ID)+"/"+p.Key, 0)
	if err != nil {
		return err
	}
	defer stored.Close()
	r, err := stream.NewReader(stored, p, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// strays are programs of a run of a database, whoever their parents are.
func strays(t *testing.T, database string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(all) == 0 {
		t.Skip("needs /proc")
	}
	var found []string
	for _, path := range all {
		env, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) && !errors.Is(err, os.ErrPermission) {
			t.Fatal(err)
		}
		if strings.Contains(string(env), "PGAPPNAME="+application) && strings.Contains(string(env), "PGDATABASE="+database+"\x00") {
			found = append(found, path)
		}
	}
	return found
}
