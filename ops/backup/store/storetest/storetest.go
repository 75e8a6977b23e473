// Package storetest is what every store must hold, as one suite of tests, and what tests of others need of stores: a real
// S3 server, and content that can be checked.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/backup/store"
	"ops-console/ops/backup/store/s3server"
)

// Server starts a real S3 server for a test, and ends it with it. The test is skipped where the program is not installed.
func Server(t testing.TB) *s3server.Server {
	t.Helper()
	return ServerWith(t, s3server.Options{})
}

// ServerWith is Server with options.
func ServerWith(t testing.TB, o s3server.Options) *s3server.Server {
	t.Helper()
	s, err := s3server.Start(t.Context(), t.TempDir(), o)
	if errors.Is(err, s3server.ErrMissing) {
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

// Content is n bytes that look random and are the same each time.
func Content(seed uint64, n int) []byte {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b) //nolint:errcheck // it never fails
	return b
}

// Sum is the SHA-256 of content, in hex.
func Sum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Run passes the suite on stores that open gives, each new and empty.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"nothing is there", nothing},
		{"small objects", small},
		{"one of many writers wins", winners},
		{"uploads of every size", sizes},
		{"nothing is visible before the commit", invisible},
		{"aborted", aborted},
		{"two uploads of one key", rivals},
		{"an upload to a key that is taken", taken},
		{"order and prefixes", order},
		{"a listing that is broken off", brokenOff},
		{"offsets", offsets},
		{"keys that no store takes", badKeys},
		{"deleting twice", deleting},
		{"contexts that ended", ended},
		{"closed", closed},
		{"helpers", helpers},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			c.test(t, s)
		})
	}
}

func nothing(t *testing.T, s store.Store) {
	if _, err := s.Stat(t.Context(), "a/b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Stat gives %v, want ErrNotFound", err)
	}
	if _, _, err := s.Open(t.Context(), "a/b", 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Open gives %v, want ErrNotFound", err)
	}
	if err := s.Delete(t.Context(), "a/b"); err != nil {
		t.Errorf("Delete gives %v", err)
	}
	want(t, s, "")
	sweeps(t, s)
}

// want checks what is beneath a prefix.
func want(t *testing.T, s store.Store, prefix string, keys ...string) {
	t.Helper()
	var got []string
	for i, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, i.Key)
	}
	if diff := cmp.Diff(keys, got); diff != "" {
		t.Errorf("List(%q) (-want +got):\n%s", prefix, diff)
	}
}

// sweeps checks that nothing is left to sweep.
func sweeps(t *testing.T, s store.Store) {
	t.Helper()
	l, err := s.Sweep(t.Context(), "", 0)
	if err != nil || len(l) > 0 {
		t.Errorf("Sweep gives %v, %v, want nothing", l, err)
	}
}

// sweepsClean is sweeps where parts were cut off that a server was taking: those may come back after Abort, until they are
// swept.
func sweepsClean(t *testing.T, s store.Store) {
	t.Helper()
	var l []store.Leftover
	var err error
	for range 10 {
		if l, err = s.Sweep(t.Context(), "", 0); err != nil || len(l) == 0 {
			break
		}
	}
	if err != nil || len(l) > 0 {
		t.Errorf("sweep after sweep gives %v, %v", l, err)
	}
}

// holds checks an object.
func holds(t *testing.T, s store.Store, key string, content []byte) {
	t.Helper()
	r, i, err := s.Open(t.Context(), key, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	if i.Size != int64(len(content)) || Sum(got) != Sum(content) {
		t.Errorf("%s has %d bytes (said to be %d) with sum %.8s, want %d with %.8s", key, len(got), i.Size, Sum(got), len(content), Sum(content))
	}
}

func crc(b []byte) string {
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

func small(t *testing.T, s store.Store) {
	for i, content := range [][]byte{nil, []byte("x"), Content(1, 70_000)} {
		key := "app/db/" + strconv.Itoa(i) + "/manifest.json"
		before := time.Now()
		info, err := s.PutIfAbsent(t.Context(), key, content)
		if err != nil {
			t.Fatal(err)
		}
		if info.Key != key || info.Size != int64(len(content)) || info.CRC32C != crc(content) {
			t.Errorf("PutIfAbsent gives %+v", info)
		}
		// S3 counts seconds.
		if info.ModTime.Before(before.Add(-2*time.Second)) || info.ModTime.After(time.Now().Add(2*time.Second)) {
			t.Errorf("it became visible at %v, it is %v", info.ModTime, before)
		}
		holds(t, s, key, content)
		if _, err := s.PutIfAbsent(t.Context(), key, []byte("other")); !errors.Is(err, store.ErrExists) {
			t.Errorf("the second PutIfAbsent gives %v, want ErrExists", err)
		}
		holds(t, s, key, content)
		st, err := s.Stat(t.Context(), key)
		if err != nil || st.Key != key || st.Size != int64(len(content)) || st.CRC32C != "" && st.CRC32C != crc(content) {
			t.Errorf("Stat gives %+v, %v", st, err)
		}
	}
	want(t, s, "", "app/db/0/manifest.json", "app/db/1/manifest.json", "app/db/2/manifest.json")
	sweeps(t, s)
}

func winners(t *testing.T, s store.Store) {
	const n = 8
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, errs[i] = s.PutIfAbsent(t.Context(), "who", []byte{byte(i)}) })
	}
	wg.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			t.Errorf("both %d and %d won", won, i)
		case err == nil:
			won = i
		case !errors.Is(err, store.ErrExists):
			t.Error(err)
		}
	}
	if won < 0 {
		t.Fatal("nobody won")
	}
	holds(t, s, "who", []byte{byte(won)})
	sweeps(t, s)
}

const mib = 1 << 20

func sizes(t *testing.T, s store.Store) {
	for _, c := range []struct{ size, chunk int }{
		{0, 1},
		{1, 1},
		{100_000, 999},
		{8*mib - 1, 1 << 16},
		{8 * mib, 3 * mib},
		{8*mib + 1, 1 << 20},
		{16 * mib, 16 * mib},
		{35*mib + 12345, 777_777},
	} {
		key := "sizes/" + strconv.Itoa(c.size)
		content := Content(uint64(c.size), c.size)
		u, err := s.Begin(t.Context(), key, store.PutOpt{Expect: 1, ContentType: "application/zstd"})
		if err != nil {
			t.Fatal(err)
		}
		for part := range slices.Chunk(content, c.chunk) {
			if n, err := u.Write(part); err != nil || n != len(part) {
				t.Fatalf("%s: Write gives %d, %v", key, n, err)
			}
		}
		info, err := u.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.Key != key || info.Size != int64(c.size) || info.CRC32C != crc(content) || info.ModTime.IsZero() {
			t.Errorf("Commit gives %+v", info)
		}
		if err := u.Abort(t.Context()); err != nil {
			t.Errorf("Abort after the commit gives %v", err)
		}
		holds(t, s, key, content)
	}
	sweeps(t, s)
}

func invisible(t *testing.T, s store.Store) {
	u, err := s.Begin(t.Context(), "a/big", store.PutOpt{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(Content(1, 20*mib)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "a/big"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Stat of an upload under way gives %v", err)
	}
	want(t, s, "")
	if _, err := u.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, s, "", "a/big")
	if _, err := u.Write([]byte("more")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Write after the commit gives %v, want ErrClosed", err)
	}
	if _, err := u.Commit(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("the second commit gives %v, want ErrClosed", err)
	}
	holds(t, s, "a/big", Content(1, 20*mib))
}

func aborted(t *testing.T, s store.Store) {
	for _, size := range []int{0, 1, 40 * mib} {
		u, err := s.Begin(t.Context(), "gone", store.PutOpt{Expect: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write(Content(2, size)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 {
			if err := u.Abort(ctx); err != nil {
				t.Errorf("Abort with %d bytes and a context that ended gives %v", size, err)
			}
		}
		if _, err := u.Write([]byte("x")); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Write after Abort gives %v, want ErrClosed", err)
		}
		if _, err := u.Commit(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Commit after Abort gives %v, want ErrClosed", err)
		}
		want(t, s, "")
		sweepsClean(t, s)
	}
}

func rivals(t *testing.T, s store.Store) {
	for _, size := range []int{10, 9 * mib} {
		key := "rivals/" + strconv.Itoa(size)
		var up [2]store.Upload
		for i := range up {
			u, err := s.Begin(t.Context(), key, store.PutOpt{Expect: 1})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := u.Write(Content(uint64(i), size)); err != nil {
				t.Fatal(err)
			}
			up[i] = u
		}
		if _, err := up[1].Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := up[0].Commit(t.Context()); !errors.Is(err, store.ErrExists) {
			t.Errorf("the second commit of %d bytes gives %v, want ErrExists", size, err)
		}
		for _, u := range up {
			if err := u.Abort(t.Context()); err != nil {
				t.Error(err)
			}
		}
		holds(t, s, key, Content(1, size))
	}
	sweeps(t, s)
}

func taken(t *testing.T, s store.Store) {
	if _, err := s.PutIfAbsent(t.Context(), "taken", []byte("first")); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{5, 17 * mib} {
		_, err := store.Put(t.Context(), s, "taken", bytes.NewReader(Content(3, size)), store.PutOpt{})
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("an upload of %d bytes gives %v, want ErrExists", size, err)
		}
	}
	holds(t, s, "taken", []byte("first"))
	sweeps(t, s)
}

func order(t *testing.T, s store.Store) {
	keys := []string{"a-b/x", "a.b/x", "a/b/c", "a/b-c", "a/b.c", "a0/x", "ab/c", "b", "é/ü ö", "a+b%2F&c=d", "a/b/d~e", "A", "a/b/" + string(bytes.Repeat([]byte("n"), 200))}
	for _, k := range keys {
		if _, err := s.PutIfAbsent(t.Context(), k, []byte(k)); err != nil {
			t.Fatalf("%q: %v", k, err)
		}
	}
	slices.Sort(keys)
	want(t, s, "", keys...)
	for _, prefix := range []string{"a", "a/", "a/b", "a/b/", "a-", "nothing", "é", "b", "b/"} {
		var under []string
		for _, k := range keys {
			if len(k) >= len(prefix) && k[:len(prefix)] == prefix {
				under = append(under, k)
			}
		}
		want(t, s, prefix, under...)
	}
	for _, k := range keys {
		holds(t, s, k, []byte(k))
	}
	for i, err := range s.List(t.Context(), "a/") {
		if err != nil || i.Size != int64(len(i.Key)) || i.ModTime.IsZero() {
			t.Errorf("List gives %+v, %v", i, err)
		}
	}
}

func brokenOff(t *testing.T, s store.Store) {
	for i := range 5 {
		if _, err := s.PutIfAbsent(t.Context(), strconv.Itoa(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for range s.List(t.Context(), "") {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d came", n)
	}
	// Deleting what is listed, while it is listed.
	for i, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), i.Key); err != nil {
			t.Fatal(err)
		}
	}
	want(t, s, "")
}

func offsets(t *testing.T, s store.Store) {
	content := Content(5, 3*mib)
	if _, err := store.Put(t.Context(), s, "o", bytes.NewReader(content), store.PutOpt{}); err != nil {
		t.Fatal(err)
	}
	size := int64(len(content))
	for _, off := range []int64{0, 1, size / 2, size - 1, size, size + 10} {
		r, info, err := s.Open(t.Context(), "o", off)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, content[min(off, size):]) || info.Size != size {
			t.Errorf("from %d come %d bytes of %d: %v", off, len(got), info.Size, err)
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("after the end come %d bytes, %v", n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := s.Open(t.Context(), "o", -1); !errors.Is(err, store.ErrConfig) {
		t.Errorf("offset -1 gives %v", err)
	}
	r, _, err := s.Open(t.Context(), "o", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing in the middle gives %v", err)
	}
}

func badKeys(t *testing.T, s store.Store) {
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", ".hidden", "a/.b", "a\x00b", "a\nb", "a\\b", "a\xffb", string(bytes.Repeat([]byte("x/"), 500)) + "y", string(bytes.Repeat([]byte("x"), 201))} {
		_, err1 := s.Begin(t.Context(), key, store.PutOpt{})
		_, err2 := s.PutIfAbsent(t.Context(), key, nil)
		_, err3 := s.Stat(t.Context(), key)
		_, _, err4 := s.Open(t.Context(), key, 0)
		err5 := s.Delete(t.Context(), key)
		for i, err := range []error{err1, err2, err3, err4, err5} {
			if !errors.Is(err, store.ErrConfig) {
				t.Errorf("call %d with the key %q gives %v, want ErrConfig", i+1, key, err)
			}
		}
	}
	want(t, s, "")
}

func deleting(t *testing.T, s store.Store) {
	for _, k := range []string{"d/e/one", "d/e/two", "d/f"} {
		if _, err := s.PutIfAbsent(t.Context(), k, []byte(k)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := s.Delete(t.Context(), "d/e/one"); err != nil {
			t.Errorf("Delete gives %v", err)
		}
	}
	for _, k := range []string{"d", "d/e", "d/f/g", "none/at/all"} {
		if err := s.Delete(t.Context(), k); err != nil {
			t.Errorf("Delete of %s, where nothing is, gives %v", k, err)
		}
	}
	want(t, s, "", "d/e/two", "d/f")
	// At once, and then the name is free again.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := s.Delete(t.Context(), "d/e/two"); err != nil {
				t.Errorf("one of four gives %v", err)
			}
		})
	}
	wg.Wait()
	if _, err := s.PutIfAbsent(t.Context(), "d/e/two", []byte("again")); err != nil {
		t.Error(err)
	}
	holds(t, s, "d/e/two", []byte("again"))
}

func ended(t *testing.T, s store.Store) {
	if _, err := s.PutIfAbsent(t.Context(), "there", []byte("x")); err != nil {
		t.Fatal(err)
	}
	why := errors.New("why it ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	u, err := s.Begin(ctx, "under/way", store.PutOpt{Expect: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(Content(9, 9*mib)); err != nil {
		t.Fatal(err)
	}
	cancel(why)
	_, err1 := s.Begin(ctx, "k", store.PutOpt{})
	_, err2 := s.PutIfAbsent(ctx, "k", nil)
	_, err3 := s.Stat(ctx, "there")
	r, _, err4 := s.Open(ctx, "there", 0)
	if err4 == nil { // the reader may say so instead
		_, err4 = io.ReadAll(r)
		r.Close()
	}
	err5 := s.Delete(ctx, "there")
	_, err6 := s.Sweep(ctx, "", 0)
	var err7 error
	for _, err := range s.List(ctx, "") {
		err7 = err
	}
	_, err8 := u.Write(Content(9, 20*mib))
	_, err9 := u.Commit(t.Context())
	for i, err := range []error{err1, err2, err3, err4, err5, err6, err7, err8, err9} {
		if !errors.Is(err, context.Canceled) && !errors.Is(err, why) {
			t.Errorf("call %d gives %v", i+1, err)
		}
	}
	if err := u.Abort(ctx); err != nil {
		t.Error(err)
	}
	want(t, s, "", "there")
	sweepsClean(t, s)
}

func closed(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "k"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Stat gives %v, want ErrClosed", err)
	}
	if _, err := s.Begin(t.Context(), "k", store.PutOpt{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Begin gives %v, want ErrClosed", err)
	}
	for _, err := range s.List(t.Context(), "") {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("List gives %v, want ErrClosed", err)
		}
	}
}

func helpers(t *testing.T, s store.Store) {
	content := Content(7, 10_000)
	info, err := store.Put(t.Context(), s, "k", bytes.NewReader(content), store.PutOpt{})
	if err != nil || info.Size != 10_000 {
		t.Fatalf("Put gives %+v, %v", info, err)
	}
	if got, _, err := store.Get(t.Context(), s, "k", 10_000); err != nil || !bytes.Equal(got, content) {
		t.Errorf("Get gives %d bytes, %v", len(got), err)
	}
	if _, _, err := store.Get(t.Context(), s, "k", 9_999); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Get of more than it may gives %v", err)
	}
	broken := io.MultiReader(bytes.NewReader(content), failing{})
	if _, err := store.Put(t.Context(), s, "broken", broken, store.PutOpt{}); !errors.Is(err, errReader) {
		t.Errorf("Put from a reader that fails gives %v", err)
	}
	want(t, s, "", "k")
	sweeps(t, s)
}

var errReader = errors.New("the reader failed")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errReader }
