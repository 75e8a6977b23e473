package verify

import (
	"os"
	"sync"
	"testing"

	"filippo.io/age"
	"go.uber.org/goleak"

	"ops-console/ops/backup"
	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
	}
	goleak.VerifyTestMain(m)
}

// lab is a dump of the awkward database, made once for all tests.
type lab struct {
	*sample.Dump
	identity *age.X25519Identity
}

var made struct {
	sync.Mutex
	lab *lab
}

func newLab(tb testing.TB) *lab {
	tb.Helper()
	made.Lock()
	defer made.Unlock()
	if made.lab != nil {
		return made.lab
	}
	c := sample.Cluster(tb, nil)
	sample.Awkward(tb, c.Primary(), "testdata/awkward.sql")
	id, err := age.GenerateX25519Identity()
	if err != nil {
		tb.Fatal(err)
	}
	made.lab = &lab{sample.Take(tb, sample.Node(tb, c.Primary(), "shop"), "shop"), id}
	return made.lab
}

// options of a verification of an encrypted backup in a new store.
func (l *lab) options(tb testing.TB, level backup.Level) (Options, *store.Mem) {
	tb.Helper()
	s := store.NewMem(nil)
	return Options{
		Store: s, Record: l.Stored(tb, s, l.identity.Recipient().String()), Level: level, By: "test",
		Identities: []age.Identity{l.identity}, Scratch: Scratch{Dir: scratchDir(tb)},
	}, s
}

// scratchDir is a directory that the servers' user may pass through, and that must be empty at the end.
func scratchDir(tb testing.TB) string {
	tb.Helper()
	parent := ""
	if _, ok := memoryDir(1 << 30); ok {
		parent = memory
	}
	dir, err := os.MkdirTemp(parent, "verify-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			tb.Errorf("left behind: %v %v", left, err)
		}
		os.RemoveAll(dir)
	})
	return dir
}
