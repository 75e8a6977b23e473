package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ops-console/ops/backup"
	"ops-console/ops/backup/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	shop  = backup.Source{App: "shop", Database: "shop_prod"}
	other = backup.Source{App: "shop", Database: "shop_prod2"} // one is the beginning of the other
	start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
)

// world is a store and the clock that it goes by.
type world struct {
	*store.Mem
	t   *testing.T
	now time.Time
	n   byte
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: start}
	w.Mem = store.NewMem(func() time.Time { return w.now })
	return w
}

func (w *world) id() backup.ID {
	w.t.Helper()
	w.n++
	id, err := backup.NewID(w.now, bytes.NewReader(bytes.Repeat([]byte{w.n}, 16)))
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) put(s backup.Source, id backup.ID, name string, v any) {
	w.t.Helper()
	b, raw := v.([]byte)
	if !raw {
		var err error
		if b, err = json.Marshal(v); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.PutIfAbsent(w.t.Context(), key(s, id, name), b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) manifest(s backup.Source, id backup.ID) backup.Manifest {
	return backup.Manifest{
		Format: backup.Format, ID: id, Source: s, Reason: backup.Manual,
		Started: w.now, SnapshotAt: w.now, Finished: w.now.Add(time.Minute),
		Payload: []backup.Payload{{Key: "dump.pgc.zst", Kind: backup.Dump, Stored: backup.StoredAs{Bytes: 4}}},
	}
}

// take puts a whole backup into the store.
func (w *world) take(s backup.Source, prev *backup.Record) backup.Record {
	w.t.Helper()
	m := w.manifest(s, w.id())
	if prev != nil {
		m.Prev, m.PrevSHA256 = prev.Manifest.ID, prev.SHA256
	}
	w.put(s, m.ID, "dump.pgc.zst", []byte("data"))
	w.put(s, m.ID, backup.ManifestName, m)
	return w.get(s, string(m.ID))
}

func (w *world) get(s backup.Source, which string) backup.Record {
	w.t.Helper()
	r, err := New(w).Get(w.t.Context(), s, which)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) list(s backup.Source) Listing {
	w.t.Helper()
	l, err := New(w).List(w.t.Context(), s)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// keys are all objects of a source.
func keysOf(t *testing.T, s store.Store, src backup.Source) []string {
	t.Helper()
	var all []string
	for info, err := range s.List(t.Context(), backup.SourceDir(src)+"/") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimPrefix(info.Key, backup.SourceDir(src)+"/"))
	}
	return all
}

func idsOf(l Listing) []backup.ID {
	var ids []backup.ID
	for _, r := range l.Records {
		ids = append(ids, r.Manifest.ID)
	}
	return ids
}

func kinds(l Listing) map[backup.ID]Kind {
	m := map[backup.ID]Kind{}
	for _, p := range l.Problems {
		m[p.ID] = p.Kind
	}
	return m
}

func TestListSaysWhatCountsAndWhatDoesNot(t *testing.T) {
	w := newWorld(t)
	a := w.take(shop, nil)
	w.now = w.now.Add(time.Hour)
	b := w.take(shop, &a)
	w.take(other, nil)

	want := map[backup.ID]Kind{}
	bad := func(k Kind, put func(id backup.ID)) {
		w.now = w.now.Add(time.Minute)
		id := w.id()
		want[id] = k
		put(id)
	}
	bad(Garbled, func(id backup.ID) { w.put(shop, id, backup.ManifestName, []byte("{")) })
	bad(Later, func(id backup.ID) {
		m := w.manifest(shop, id)
		m.Format = backup.Format + 1
		w.put(shop, id, backup.ManifestName, m)
	})
	bad(Misplaced, func(id backup.ID) { w.put(shop, id, backup.ManifestName, w.manifest(other, id)) })
	bad(Incomplete, func(id backup.ID) { w.put(shop, id, backup.ManifestName, w.manifest(shop, id)) })
	bad(Incomplete, func(id backup.ID) {
		w.put(shop, id, "dump.pgc.zst", []byte("too long"))
		w.put(shop, id, backup.ManifestName, w.manifest(shop, id))
	})
	bad(Orphan, func(id backup.ID) { w.put(shop, id, "dump.pgc.zst", []byte("data")) })
	bad(Tombstoned, func(id backup.ID) {
		w.put(shop, id, "dump.pgc.zst", []byte("data"))
		w.put(shop, id, backup.ManifestName, w.manifest(shop, id))
		w.put(shop, id, backup.TombstoneName, Tombstone{ID: id, Source: shop})
	})
	bad(MissingPrev, func(id backup.ID) {
		m := w.manifest(shop, id)
		m.Prev = w.id()
		w.put(shop, id, "dump.pgc.zst", []byte("data"))
		w.put(shop, id, backup.ManifestName, m)
	})
	bad(ChangedPrev, func(id backup.ID) {
		m := w.manifest(shop, id)
		m.Prev, m.PrevSHA256 = a.Manifest.ID, "00"
		w.put(shop, id, "dump.pgc.zst", []byte("data"))
		w.put(shop, id, backup.ManifestName, m)
	})
	if _, err := w.PutIfAbsent(t.Context(), "readme.txt", nil); err != nil {
		t.Fatal(err)
	}

	l := w.list(shop)
	if diff := cmp.Diff(want, kinds(l)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	counts := idsOf(l)
	// The last two are whole, whatever became of the one before them.
	if len(counts) != 4 || counts[2] != b.Manifest.ID || counts[3] != a.Manifest.ID {
		t.Errorf("what counts is %v, want two of the doubtful ones, then %s and %s", counts, b.Manifest.ID, a.Manifest.ID)
	}
	if got := len(w.list(backup.Source{}).Records); got != 5 {
		t.Errorf("%d backups of all sources, want 5", got)
	}
	for id, k := range want {
		if k == MissingPrev || k == ChangedPrev {
			continue
		}
		if _, err := l.Find(string(id)); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "counts") {
			t.Errorf("a %s backup was found, or not explained: %v", k, err)
		}
	}
}

func TestFind(t *testing.T) {
	w := newWorld(t)
	a := w.take(shop, nil)
	w.now = w.now.Add(48 * time.Hour)
	b := w.take(shop, &a)
	c := New(w)
	if err := c.AddVerification(t.Context(), shop, backup.Verification{ID: a.Manifest.ID, Level: backup.Restored, OK: true, At: w.now}); err != nil {
		t.Fatal(err)
	}
	if err := c.AddVerification(t.Context(), shop, backup.Verification{ID: b.Manifest.ID, Level: backup.Decoded, OK: false, At: w.now, Failure: "sum"}); err != nil {
		t.Fatal(err)
	}
	id := string(b.Manifest.ID)
	for which, want := range map[string]backup.ID{
		"latest": b.Manifest.ID, " Latest ": b.Manifest.ID, "latest verified": a.Manifest.ID, "latest-verified": a.Manifest.ID,
		id: b.Manifest.ID, strings.ToLower(id): b.Manifest.ID, id[:9]: b.Manifest.ID, id[20:]: b.Manifest.ID,
	} {
		if got, err := c.Get(t.Context(), shop, which); err != nil || got.Manifest.ID != want {
			t.Errorf("%q is %s, %v; want %s", which, got.Manifest.ID, err, want)
		}
	}
	if _, err := c.Get(t.Context(), shop, id[:4]); !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), id) {
		t.Errorf("the beginning that both share: %v", err)
	}
	if _, err := c.Get(t.Context(), shop, "01A"); err == nil {
		t.Error("three letters were enough")
	}
	if _, err := c.Get(t.Context(), shop, "ZZZZZZ"); !errors.Is(err, ErrNone) {
		t.Errorf("one that is not there: %v", err)
	}
	if _, err := c.Get(t.Context(), other, "latest"); !errors.Is(err, ErrNone) {
		t.Errorf("latest of nothing: %v", err)
	}
}

func TestChecksAndPinsLieBeside(t *testing.T) {
	w := newWorld(t)
	r := w.take(shop, nil)
	c, id := New(w), r.Manifest.ID
	v1 := backup.Verification{ID: id, Level: backup.Decoded, OK: true, At: w.now.Add(time.Hour), By: "x"}
	v2 := backup.Verification{ID: id, Level: backup.Restored, OK: true, At: w.now.Add(time.Hour), By: "y"}
	for _, v := range []backup.Verification{v1, v2} {
		if err := c.AddVerification(t.Context(), shop, v); err != nil {
			t.Fatal(err)
		}
	}
	pin := backup.Pin{Why: "before the move", By: "op", At: w.now}
	for range 2 {
		if err := c.Pin(t.Context(), shop, id, pin); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Get(t.Context(), shop, "latest")
	if err != nil || len(got.Verifications) != 2 || got.Pin == nil || *got.Pin != pin {
		t.Fatalf("got %+v, %v", got, err)
	}
	tomb := Tombstone{ID: id, Source: shop, At: w.now, By: "op", Why: "retention"}
	if err := c.Remove(t.Context(), tomb); !errors.Is(err, ErrPinned) {
		t.Errorf("removing what is pinned: %v", err)
	}
	if err := c.Unpin(t.Context(), shop, id); err != nil {
		t.Fatal(err)
	}
	if got := w.get(shop, "latest"); got.Pin != nil {
		t.Errorf("still pinned: %v", got.Pin)
	}
	for range 2 {
		if err := c.Remove(t.Context(), tomb); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Pin(t.Context(), shop, id, pin); !errors.Is(err, ErrRemoved) {
		t.Errorf("pinning what was removed: %v", err)
	}
	if err := c.AddVerification(t.Context(), shop, v1); !errors.Is(err, ErrRemoved) {
		t.Errorf("a check of what was removed: %v", err)
	}
	if err := c.Remove(t.Context(), Tombstone{ID: w.id(), Source: shop}); !errors.Is(err, ErrNone) {
		t.Errorf("removing what never was: %v", err)
	}
	if diff := cmp.Diff([]string{"2026/03/" + string(id) + "/tombstone.json"}, keysOf(t, w, shop)); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

func TestTheOneAfterARemovedOneMissesNothing(t *testing.T) {
	w := newWorld(t)
	a := w.take(shop, nil)
	w.now = w.now.Add(time.Hour)
	b := w.take(shop, &a)
	c := New(w)
	if err := c.Remove(t.Context(), Tombstone{ID: a.Manifest.ID, Source: shop}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(365 * 24 * time.Hour)
	if _, err := c.Sweep(t.Context(), shop, Ages{}, w.now); err != nil {
		t.Fatal(err)
	}
	if l := w.list(shop); len(l.Problems) != 0 || len(l.Records) != 1 {
		t.Errorf("problems %v, records %v", l.Problems, idsOf(l))
	}
	// When nobody names it any more its tombstone goes, once there is a newer backup.
	w.take(shop, nil)
	if err := c.Remove(t.Context(), Tombstone{ID: b.Manifest.ID, Source: shop}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(365 * 24 * time.Hour)
	done, err := c.Sweep(t.Context(), shop, Ages{}, w.now)
	if err != nil || !slices.Equal(done.Tombstones, []backup.ID{a.Manifest.ID, b.Manifest.ID}) {
		t.Errorf("swept %+v, %v", done, err)
	}
}

func TestSweepLeavesWhatMayStillGoOn(t *testing.T) {
	w := newWorld(t)
	good := w.take(shop, nil)
	w.now = w.now.Add(time.Hour)
	orphan, failed, foreign := w.id(), w.id(), w.id()
	w.put(shop, orphan, "dump.pgc.zst", []byte("data"))
	w.put(other, foreign, "dump.pgc.zst", []byte("data"))
	f := backup.Failure{ID: failed, Source: shop, At: w.now, Why: "disk full"}
	c := New(w)
	if err := c.AddFailure(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	for _, s := range []backup.Source{shop, other} {
		u, err := w.Begin(t.Context(), key(s, w.id(), "dump.pgc.zst"), store.PutOpt{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	before := keysOf(t, w, shop)
	w.now = w.now.Add(47 * time.Hour)
	done, err := c.Sweep(t.Context(), shop, Ages{}, w.now)
	if err != nil || cmp.Diff(Swept{}, done) != "" || !slices.Equal(before, keysOf(t, w, shop)) {
		t.Fatalf("swept %+v, %v", done, err)
	}
	// A clock that runs ahead of the store's is not believed: the objects are young by the store's own word.
	w.put(shop, orphan, "globals.sql.zst", []byte("data"))
	done, err = c.Sweep(t.Context(), shop, Ages{Uploads: 1000 * time.Hour}, w.now.Add(2*time.Hour))
	if err != nil || cmp.Diff(Swept{}, done) != "" {
		t.Fatalf("swept %+v, %v", done, err)
	}
	w.now = w.now.Add(49 * time.Hour)
	done, err = c.Sweep(t.Context(), shop, Ages{}, w.now)
	if err != nil || len(done.Uploads) != 1 || len(done.Orphans) != 1 || done.Orphans[0].ID != orphan || done.Orphans[0].Bytes != 8 {
		t.Fatalf("swept %+v, %v", done, err)
	}
	// The note of the newest run stays, however old, while no run ended well after it.
	w.now = w.now.Add(365 * 24 * time.Hour)
	if _, err := c.Sweep(t.Context(), shop, Ages{}, w.now); err != nil {
		t.Fatal(err)
	}
	if l := w.list(shop); len(l.Failures) != 1 || cmp.Diff(f, l.Failures[0]) != "" || len(l.Problems) != 0 {
		t.Errorf("failures %+v, problems %+v", l.Failures, l.Problems)
	}
	w.take(shop, &good)
	done, err = c.Sweep(t.Context(), shop, Ages{}, w.now)
	if err != nil || !slices.Equal(done.Failures, []backup.ID{failed}) {
		t.Errorf("swept %+v, %v", done, err)
	}
	if l := w.list(shop); len(l.Failures) != 0 || len(l.Problems) != 0 || len(l.Records) != 2 {
		t.Errorf("%+v", l)
	}
	if w.Pending() != 1 || len(keysOf(t, w, other)) != 1 {
		t.Error("something of another database went")
	}
	if _, err := c.Sweep(t.Context(), backup.Source{}, Ages{}, w.now); err == nil {
		t.Error("the rubbish of nobody was swept")
	}
}

// A pin that came between a removal's look and its tombstone holds, also when the removal died there.
func TestAPinOutlivesARemovalThatDied(t *testing.T) {
	w := newWorld(t)
	r := w.take(shop, nil)
	id := r.Manifest.ID
	w.put(shop, id, backup.PinName, backup.Pin{Why: "keep"})
	w.put(shop, id, backup.TombstoneName, Tombstone{ID: id, Source: shop})
	w.now = w.now.Add(2 * time.Hour)
	done, err := New(w).Sweep(t.Context(), shop, Ages{}, w.now)
	if err != nil || !slices.Equal(done.Revived, []backup.ID{id}) {
		t.Fatalf("swept %+v, %v", done, err)
	}
	if got := w.get(shop, "latest"); got.Pin == nil || got.Manifest.ID != id {
		t.Errorf("got %+v", got)
	}
}

func TestListReadsOnlyWhatIsNew(t *testing.T) {
	w := newWorld(t)
	a := w.take(shop, nil)
	counted := &mortal{Store: w}
	c := New(counted)
	for range 3 {
		if l, err := c.List(t.Context(), shop); err != nil || len(l.Records) != 1 {
			t.Fatal(l, err)
		}
	}
	if counted.opens != 1 {
		t.Errorf("%d objects read for one manifest in three listings, want 1", counted.opens)
	}
	if err := c.Remove(t.Context(), Tombstone{ID: a.Manifest.ID, Source: shop}); err != nil {
		t.Fatal(err)
	}
	if l, err := c.List(t.Context(), shop); err != nil || len(l.Records) != 0 || len(c.read) != 0 {
		t.Errorf("after removal: %v, %v, %d remembered", idsOf(l), err, len(c.read))
	}
}

func TestWhatCannotBeReadIsSaidToBe(t *testing.T) {
	w := newWorld(t)
	a := w.take(shop, nil)
	l, err := New(&mortal{Store: w, blind: true}).List(t.Context(), shop)
	if err != nil || len(l.Records) != 0 || kinds(l)[a.Manifest.ID] != Unread {
		t.Errorf("%+v, %v", l, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(w).List(ctx, shop); err == nil {
		t.Error("a listing that was given up is one of nothing")
	}
}

// mortal is a store whose user is killed at one of the calls that change something: before it is applied, or after.
type mortal struct {
	store.Store
	left  int  // calls until death; below zero: none
	after bool // the last one is applied
	armed bool
	blind bool // nothing can be read

	mu    sync.Mutex // guards opens
	opens int
}

var errKilled = errors.New("killed")

func (m *mortal) step(do func() error) error {
	if !m.armed {
		return do()
	}
	m.left--
	switch {
	case m.left > 0:
		return do()
	case m.left == 0 && m.after:
		return errors.Join(do(), errKilled)
	}
	return errKilled
}

func (m *mortal) PutIfAbsent(ctx context.Context, key string, b []byte) (i store.Info, err error) {
	return i, m.step(func() error { i, err = m.Store.PutIfAbsent(ctx, key, b); return err })
}

func (m *mortal) Delete(ctx context.Context, key string) error {
	return m.step(func() error { return m.Store.Delete(ctx, key) })
}

func (m *mortal) Open(ctx context.Context, key string, off int64) (io.ReadCloser, store.Info, error) {
	m.mu.Lock()
	m.opens++
	m.mu.Unlock()
	if m.blind {
		return nil, store.Info{}, store.ErrUnavailable
	}
	return m.Store.Open(ctx, key, off)
}

func (m *mortal) List(ctx context.Context, prefix string) iter.Seq2[store.Info, error] {
	if m.armed && m.left <= 0 {
		return func(yield func(store.Info, error) bool) { yield(store.Info{}, errKilled) }
	}
	return m.Store.List(ctx, prefix)
}

// Wherever a removal dies, the backup is either there whole or counts no more; a sweep brings what was begun to its end; and
// nothing else is touched.
func TestRemovalSurvivesDeathAtEveryCall(t *testing.T) {
	for calls := 1; ; calls++ {
		done := false
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprint(calls, after), func(t *testing.T) {
				w := newWorld(t)
				keep := w.take(shop, nil)
				w.take(other, nil)
				w.now = w.now.Add(time.Hour)
				r := w.take(shop, &keep)
				id := r.Manifest.ID
				w.put(shop, id, "globals.sql.zst", []byte("data"))
				if err := New(w).AddVerification(t.Context(), shop, backup.Verification{ID: id, OK: true, At: w.now}); err != nil {
					t.Fatal(err)
				}
				w.now = w.now.Add(time.Hour)
				w.take(shop, &r)
				foreign := keysOf(t, w, other)

				m := &mortal{Store: w, armed: true, left: calls, after: after}
				err := New(m).Remove(t.Context(), Tombstone{ID: id, Source: shop, At: w.now})
				done = err == nil
				if done == errors.Is(err, errKilled) {
					t.Fatalf("died of %v", err)
				}
				l := w.list(shop)
				switch n := len(l.Records); {
				case n == 3:
					if len(l.Problems) != 0 {
						t.Errorf("whole, and yet %v", l.Problems)
					}
				case n != 2:
					t.Errorf("%d backups", n)
				case !done && kinds(l)[id] != Tombstoned && len(l.Problems) != 0:
					t.Errorf("problems %v", l.Problems)
				}
				w.now = w.now.Add(2 * time.Hour)
				if _, err := New(w).Sweep(t.Context(), shop, Ages{}, w.now); err != nil {
					t.Fatal(err)
				}
				after := w.list(shop)
				if len(after.Problems) != 0 || len(after.Records) != len(l.Records) || after.Records[len(after.Records)-1].Manifest.ID != keep.Manifest.ID {
					t.Errorf("after the sweep: %v, %v", idsOf(after), after.Problems)
				}
				if !slices.Equal(foreign, keysOf(t, w, other)) {
					t.Error("something of another database went")
				}
			})
		}
		if done {
			if calls < 5 {
				t.Errorf("only %d calls that change something: the test is not about what it says", calls)
			}
			return
		}
	}
}

// Wherever a sweep dies, the next one ends it.
func TestSweepSurvivesDeathAtEveryCall(t *testing.T) {
	for calls := 1; ; calls++ {
		done := false
		for _, after := range []bool{false, true} {
			w := newWorld(t)
			w.take(shop, nil)
			orphan := w.id()
			w.put(shop, orphan, "dump.pgc.zst", []byte("data"))
			w.put(shop, orphan, "globals.sql.zst", []byte("data"))
			half := w.id()
			w.put(shop, half, backup.TombstoneName, Tombstone{ID: half, Source: shop})
			w.put(shop, half, "dump.pgc.zst", []byte("data"))
			w.now = w.now.Add(72 * time.Hour)
			_, err := New(&mortal{Store: w, armed: true, left: calls, after: after}).Sweep(t.Context(), shop, Ages{}, w.now)
			done = err == nil
			w.now = w.now.Add(72 * time.Hour)
			if _, err := New(w).Sweep(t.Context(), shop, Ages{}, w.now); err != nil {
				t.Fatal(err)
			}
			if l := w.list(shop); len(l.Problems) != 0 || len(l.Records) != 1 {
				t.Errorf("died at %d (applied: %v): %v, %v", calls, after, idsOf(l), l.Problems)
			}
		}
		if done {
			return
		}
	}
}

func FuzzParseTombstone(f *testing.F) {
	f.Add([]byte(`{"id":"01KGGX5XZ30000000000000000","app":"shop","db":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := ParseTombstone(b); err == nil && n.ID == "" {
			t.Errorf("%q passed without an ID", b)
		}
	})
}

// meddler lets something happen just before a tombstone is written.
type meddler struct {
	store.Store
	before func()
}

func (m *meddler) PutIfAbsent(ctx context.Context, key string, b []byte) (store.Info, error) {
	if strings.HasSuffix(key, "/"+backup.TombstoneName) && m.before != nil {
		m.before()
	}
	return m.Store.PutIfAbsent(ctx, key, b)
}

func TestAPinThatComesInBetweenHolds(t *testing.T) {
	w := newWorld(t)
	r := w.take(shop, nil)
	id := r.Manifest.ID
	m := &meddler{Store: w, before: func() {
		if err := New(w).Pin(t.Context(), shop, id, backup.Pin{Why: "keep"}); err != nil {
			t.Error(err)
		}
	}}
	before := len(keysOf(t, w, shop))
	if err := New(m).Remove(t.Context(), Tombstone{ID: id, Source: shop}); !errors.Is(err, ErrPinned) {
		t.Errorf("removed: %v", err)
	}
	if got := w.get(shop, "latest"); got.Pin == nil || len(keysOf(t, w, shop)) != before+1 {
		t.Errorf("left: %v, %+v", keysOf(t, w, shop), got)
	}
	// What is pinned already is not even marked.
	m.before = func() { t.Error("a tombstone was written for what is pinned") }
	if err := New(m).Remove(t.Context(), Tombstone{ID: id, Source: shop}); !errors.Is(err, ErrPinned) {
		t.Errorf("removed: %v", err)
	}
}

// A pin that comes once the tombstone is there is refused, and does not stay.
func TestAPinThatComesTooLateIsTakenBack(t *testing.T) {
	w := newWorld(t)
	id := w.take(shop, nil).Manifest.ID
	late := &pinner{Store: w, after: func() { w.put(shop, id, backup.TombstoneName, Tombstone{ID: id, Source: shop}) }}
	if err := New(late).Pin(t.Context(), shop, id, backup.Pin{Why: "keep"}); !errors.Is(err, ErrRemoved) {
		t.Errorf("pinned: %v", err)
	}
	if _, err := w.Stat(t.Context(), key(shop, id, backup.PinName)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the pin is still there: %v", err)
	}
}

// pinner lets something happen just before a pin is written.
type pinner struct {
	store.Store
	after func()
}

func (p *pinner) PutIfAbsent(ctx context.Context, key string, b []byte) (store.Info, error) {
	if strings.HasSuffix(key, "/"+backup.PinName) {
		p.after()
	}
	return p.Store.PutIfAbsent(ctx, key, b)
}

// A run that was taken for dead and writes its manifest in that moment keeps its backup.
func TestARunThatEndsWhileItIsSwept(t *testing.T) {
	w := newWorld(t)
	id := w.id()
	w.put(shop, id, "dump.pgc.zst", []byte("data"))
	man := w.manifest(shop, id)
	w.now = w.now.Add(100 * time.Hour)
	m := &meddler{Store: w, before: func() { w.put(shop, id, backup.ManifestName, man) }}
	done, err := New(m).Sweep(t.Context(), shop, Ages{}, w.now)
	if err != nil || cmp.Diff(Swept{}, done) != "" {
		t.Errorf("swept %+v, %v", done, err)
	}
	if got := w.get(shop, "latest"); got.Manifest.ID != id || len(w.list(shop).Problems) != 0 {
		t.Errorf("left %v", keysOf(t, w, shop))
	}
}

// A store whose clock is far behind says of what was just written that it is old.
func TestAStoreWhoseClockIsBehind(t *testing.T) {
	w := newWorld(t)
	id := w.id()
	w.now = w.now.Add(-1000 * time.Hour)
	w.put(shop, id, "dump.pgc.zst", []byte("data"))
	done, err := New(w).Sweep(t.Context(), shop, Ages{}, start.Add(time.Hour))
	if err != nil || cmp.Diff(Swept{}, done) != "" {
		t.Errorf("swept %+v, %v", done, err)
	}
}

// The same in a directory of the machine.
func TestTheSameInADirectory(t *testing.T) {
	s, err := store.Open(t.Context(), t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := newWorld(t)
	for range 3 {
		w.now = w.now.Add(time.Hour)
		m := w.manifest(shop, w.id())
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Put(t.Context(), s, key(shop, m.ID, "dump.pgc.zst"), strings.NewReader("data"), store.PutOpt{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutIfAbsent(t.Context(), key(shop, m.ID, backup.ManifestName), b); err != nil {
			t.Fatal(err)
		}
	}
	c := New(s)
	latest, err := c.Get(t.Context(), shop, "latest")
	if err != nil {
		t.Fatal(err)
	}
	id := latest.Manifest.ID
	for _, err := range []error{
		c.AddVerification(t.Context(), shop, backup.Verification{ID: id, Level: backup.Decoded, OK: true, At: w.now}),
		c.Pin(t.Context(), shop, id, backup.Pin{Why: "keep"}),
		c.Unpin(t.Context(), shop, id),
		c.Unpin(t.Context(), shop, id),
		c.Remove(t.Context(), Tombstone{ID: id, Source: shop}),
		c.Remove(t.Context(), Tombstone{ID: id, Source: shop}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	l, err := c.List(t.Context(), shop)
	if err != nil || len(l.Records) != 2 || len(l.Problems) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := c.Sweep(t.Context(), shop, Ages{}, time.Now()); err != nil {
		t.Error(err)
	}
	want := []string{"2026/03/" + string(id) + "/tombstone.json"}
	if got := keysOf(t, s, shop); len(got) != 5 || !slices.Contains(got, want[0]) {
		t.Errorf("left %v", got)
	}
}
