package store_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/backup/store"
	"ops-console/ops/backup/store/chaos"
	"ops-console/ops/backup/store/s3server"
	"ops-console/ops/backup/store/storetest"
)

const (
	mib = 1 << 20
	// part is the smallest that a server takes that is not the last, and big an object of two.
	part  = 5 * mib
	big   = part + 100_000
	small = -1
)

// through opens the server's bucket by way of a proxy.
func through(t testing.TB, s *s3server.Server, o chaos.Options, change func(*store.Options)) (store.Store, *chaos.Proxy) {
	t.Helper()
	p, err := chaos.New(s.Addr(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	so := options(s)
	so.Patience = 20 * time.Second
	if change != nil {
		change(&so)
	}
	return open(t, s.AddressAt(p.Addr(), strings.ReplaceAll(t.Name(), "/", "_")), so), p
}

func get(t testing.TB, s store.Store, key string) []byte {
	t.Helper()
	b, _, err := store.Get(t.Context(), s, key, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// upload writes an object in parts of a size. That of small is one part, however little it is.
func upload(ctx context.Context, s store.Store, key string, content []byte, part int64) (store.Info, error) {
	u, err := s.Begin(ctx, key, store.PutOpt{Expect: 1})
	if err != nil {
		return store.Info{}, err
	}
	defer u.Abort(ctx)
	if part == small {
		err = store.InParts(u)
	} else {
		store.PartSize(u, part)
	}
	if err != nil {
		return store.Info{}, err
	}
	if _, err := u.Write(content); err != nil {
		return store.Info{}, err
	}
	return u.Commit(ctx)
}

// swept sweeps until nothing is left: a part that was cut off while the server took it may bring its upload back.
func swept(t *testing.T, s store.Store) {
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

func TestReadingGoesOnWhereItWasCut(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	content := storetest.Content(4, 3*mib)
	if _, err := open(t, server.Address(strings.ReplaceAll(t.Name(), "/", "_")), options(server)).PutIfAbsent(t.Context(), "k", content); err != nil {
		t.Fatal(err)
	}
	var reads atomic.Int64
	s, p := through(t, server, chaos.Options{Script: func(r chaos.Request) chaos.Fault {
		if r.Method != http.MethodGet || r.Query.Has("list-type") {
			return chaos.None
		}
		// Each gets half of what is left.
		return []chaos.Fault{chaos.Truncate, chaos.SlowDown, chaos.Trickle, chaos.Truncate, chaos.ResetBefore, chaos.Hang, chaos.Truncate, chaos.None}[min(reads.Add(1)-1, 7)]
	}, Pause: time.Millisecond}, func(o *store.Options) { o.Stall, o.Timeout = 200*time.Millisecond, 200*time.Millisecond })
	for _, off := range []int64{0, 12345} {
		r, _, err := s.Open(t.Context(), "k", off)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, content[off:]) {
			t.Errorf("from %d come %d bytes: %v", off, len(got), err)
		}
		r.Close()
	}
	if c := p.Counts(); c[chaos.Truncate] != 3 || c[chaos.Trickle] != 1 || c[chaos.Hang] != 1 {
		t.Errorf("%v happened", c)
	}
}

func TestAnObjectThatChangesWhileItIsReadIsNoticed(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	s, p := through(t, server, chaos.Options{Script: once(1, chaos.Truncate, func(r chaos.Request) bool { return r.Method == http.MethodGet && !r.Query.Has("list-type") })}, nil)
	put := func(seed uint64) {
		if err := s.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutIfAbsent(t.Context(), "k", storetest.Content(seed, mib)); err != nil {
			t.Fatal(err)
		}
	}
	put(1)
	r, _, err := s.Open(t.Context(), "k", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	put(2)
	if _, err := io.ReadAll(r); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("it gives %v, want ErrCorrupt", err)
	}
	if p.Counts()[chaos.Truncate] != 1 {
		t.Error("it was not cut")
	}
}

func TestListingInPages(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	s, _ := through(t, server, chaos.Options{Seed: 1, Rate: 0.3, Faults: []chaos.Fault{chaos.SlowDown, chaos.ResetAfter, chaos.Truncate}}, nil)
	var keys []string
	for i := range 23 {
		keys = append(keys, fmt.Sprintf("k/%02d", i))
		if _, err := s.PutIfAbsent(t.Context(), keys[i], nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int{1, 5, 23, 24} {
		store.PageSize(s, size)
		var got []string
		for i, err := range s.List(t.Context(), "k/") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, i.Key)
		}
		if diff := cmp.Diff(keys, got); diff != "" {
			t.Errorf("in pages of %d (-want +got):\n%s", size, diff)
		}
	}
}

// TestSweepFindsWhatWasLeft leaves uploads behind as a killed process does, and sweeps by age and prefix.
func TestSweepFindsWhatWasLeft(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	o := options(server)
	s := open(t, server.Address("sweep"), o)
	ctx, cancel := context.WithCancel(t.Context())
	var all []string
	for i := range 5 {
		key := fmt.Sprintf("a/%d", i)
		if i >= 3 {
			key = fmt.Sprintf("b/%d", i)
		}
		u, err := s.Begin(ctx, key, store.PutOpt{})
		if err != nil {
			t.Fatal(err)
		}
		store.PartSize(u, part)
		if _, err := u.Write(storetest.Content(1, big)); err != nil {
			t.Fatal(err)
		}
		store.Settle(u)
		all = append(all, key)
	}
	cancel() // nobody aborts them
	if l, err := s.Sweep(t.Context(), "", time.Hour); err != nil || len(l) != 0 {
		t.Errorf("a sweep of what is older than an hour gives %v, %v", l, err)
	}
	// This machine's clock says tomorrow, the store's does not: the store's counts.
	o.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	if l, err := open(t, server.Address("sweep"), o).Sweep(t.Context(), "", time.Hour); err != nil || len(l) != 0 {
		t.Errorf("with a clock that is a day ahead a sweep gives %v, %v", l, err)
	}
	if l, err := open(t, server.Address("swee"), options(server)).Sweep(t.Context(), "", 0); err != nil || len(l) != 0 {
		t.Errorf("a sweep of another prefix gives %v, %v", l, err)
	}
	store.PageSize(s, 2)
	sweep := func(prefix string) (keys []string) {
		l, err := s.Sweep(t.Context(), prefix, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range l {
			if one.ID == "" || time.Since(one.Started).Abs() > time.Minute {
				t.Errorf("it gives %+v", one)
			}
			keys = append(keys, one.Key)
		}
		return keys
	}
	if diff := cmp.Diff(all[:3], sweep("a/")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(all[3:], sweep("")); diff != "" {
		t.Error(diff)
	}
	if got := sweep(""); got != nil {
		t.Errorf("%v are left", got)
	}
	left := 0
	filepath.WalkDir(server.Data(), func(path string, d os.DirEntry, err error) error { //nolint:errcheck // nothing it gives is one
		if err == nil && d.Type().IsRegular() {
			left++
		}
		return nil
	})
	if left > 0 {
		t.Errorf("%d files are left beneath", left)
	}
}

func TestTheServerGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	s := open(t, server.Address("restart"), options(server))
	u, err := s.Begin(t.Context(), "k", store.PutOpt{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort(t.Context())
	store.PartSize(u, part)
	content := storetest.Content(1, 21*mib)
	if _, err := u.Write(content[:11*mib]); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	back := make(chan error, 1)
	go func() { back <- server.Restart(t.Context()) }()
	if _, err := u.Write(content[11*mib:]); err != nil {
		t.Error(err)
	}
	if err := <-back; err != nil {
		t.Fatal(err)
	}
	if _, err := u.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(get(t, s, "k"), content) {
		t.Error("something else arrived")
	}
}

// TestADiskThatIsFull runs the server with a limit of the size of files, at which writing fails as it does on a full disk.
func TestADiskThatIsFull(t *testing.T) {
	t.Parallel()
	server := storetest.ServerWith(t, s3server.Options{FileSize: 8 * mib})
	o := options(server)
	o.Patience = 100 * time.Millisecond
	s := open(t, server.Address("full"), o)
	if _, err := upload(t.Context(), s, "small", storetest.Content(1, 7*mib), part); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{part, 9 * mib, 16 * mib} {
		_, err := upload(t.Context(), s, "large", storetest.Content(1, 15*mib), size)
		if err == nil {
			t.Fatalf("in parts of %d it was committed", size)
		}
		if _, err := s.Stat(t.Context(), "large"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after %v it is there: %v", err, err)
		}
		if _, err := s.Sweep(t.Context(), "", 0); err != nil {
			t.Error(err)
		}
	}
	if got := get(t, s, "small"); !bytes.Equal(got, storetest.Content(1, 7*mib)) {
		t.Error("the one that was there is not what it was")
	}
}

func TestBucketsThatAreMissing(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	address := strings.Replace(server.Address("p"), "s3://backups", "s3://nobody-made-it", 1)
	s := open(t, address, options(server))
	_, err1 := s.Stat(t.Context(), "k")
	_, err2 := s.PutIfAbsent(t.Context(), "k", nil)
	_, err3 := upload(t.Context(), s, "k", storetest.Content(1, big), part)
	_, _, err4 := s.Open(t.Context(), "k", 0)
	_, err5 := s.Sweep(t.Context(), "", 0)
	var err6 error
	for _, err := range s.List(t.Context(), "") {
		err6 = err
	}
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		if !errors.Is(err, store.ErrNoBucket) {
			t.Errorf("call %d gives %v, want ErrNoBucket", i+1, err)
		}
	}
	o := options(server)
	o.Create = true
	for range 2 {
		s := open(t, address, o)
		if err := s.Delete(t.Context(), "k"); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.PutIfAbsent(t.Context(), "k", nil); err != nil {
		t.Error(err)
	}
}

// TestMakingABucketTwiceIsNoError loses the answer of the first try.
func TestMakingABucketTwiceIsNoError(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	for i, f := range []chaos.Fault{chaos.ResetAfter, chaos.ErrorAfter, chaos.HangAfter} {
		p, err := chaos.New(server.Addr(), chaos.Options{Script: once(1, f, func(r chaos.Request) bool { return r.Method == http.MethodPut })})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		o := options(server)
		o.Create, o.Timeout = true, 300*time.Millisecond
		address := strings.Replace(server.AddressAt(p.Addr(), ""), "s3://backups", fmt.Sprintf("s3://made-%d", i), 1)
		if _, err := open(t, address, o).PutIfAbsent(t.Context(), "k", nil); err != nil {
			t.Errorf("after %s: %v", f, err)
		}
	}
}

func TestMorePartsThanTheStoreTakes(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	s := open(t, server.Address("parts")+"&max_parts=3", options(server))
	if info, err := upload(t.Context(), s, "fits", storetest.Content(1, 3*part), part); err != nil || info.Parts != 3 || info.PartSize != part {
		t.Errorf("3 parts give %+v, %v", info, err)
	}
	_, err := upload(t.Context(), s, "large", storetest.Content(1, 3*part+1), part)
	if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("4 parts give %v", err)
	}
	swept(t, s)
}

func TestAStoreWithoutConditionalWrites(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	s := open(t, server.Address("unconditional")+"&conditional=no", options(server))
	for _, size := range []int{10, big} {
		key := fmt.Sprint(size)
		if _, err := upload(t.Context(), s, key, storetest.Content(1, size), part); err != nil {
			t.Fatal(err)
		}
		if _, err := upload(t.Context(), s, key, storetest.Content(2, size), part); !errors.Is(err, store.ErrExists) {
			t.Errorf("the second gives %v", err)
		}
		if _, err := s.PutIfAbsent(t.Context(), key, nil); !errors.Is(err, store.ErrExists) {
			t.Errorf("PutIfAbsent gives %v", err)
		}
		if !bytes.Equal(get(t, s, key), storetest.Content(1, size)) {
			t.Error("the first was written over")
		}
	}
}

// TestMemoryStaysWithinItsBound uploads much more than the buffers hold through a slow reader, and looks at the heap.
func TestMemoryStaysWithinItsBound(t *testing.T) {
	server := storetest.Server(t)
	o := options(server)
	o.Threads, o.Memory = 2, 16*mib
	s := open(t, server.Address("memory"), o)
	u, err := s.Begin(t.Context(), "k", store.PutOpt{Expect: 1}) // in parts of 8 MiB
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort(t.Context())
	chunk := storetest.Content(1, mib)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := heap(), uint64(0)
	for i := range 200 {
		if _, err := u.Write(chunk); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			most = max(most, heap())
		}
	}
	if _, err := u.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	const slack = 8 * mib
	if most > before+16*mib+slack {
		t.Errorf("the heap grew by %d MiB with buffers of 16 MiB", (most-before)/mib)
	}
	if after := heap(); after > before+slack {
		t.Errorf("%d MiB are still held", (after-before)/mib)
	}
}

func TestTheRateIsKept(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	o := options(server)
	o.Rate = 2 * mib
	s := open(t, server.Address("rate"), o)
	began := time.Now()
	if _, err := upload(t.Context(), s, "k", storetest.Content(1, mib), part); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("1 MiB at 2 MiB/s took %v", took)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	target, err := url.Parse("http://" + server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host }})
	defer front.Close()
	front.Config.ErrorLog = nil
	at := func(scheme string) string {
		return strings.Replace(server.AddressAt(strings.TrimPrefix(front.URL, "https://"), "tls"), "http%3A", scheme+"%3A", 1)
	}
	o := options(server)
	o.TLS = front.Client().Transport.(*http.Transport).TLSClientConfig
	content := storetest.Content(1, big)
	s := open(t, at("https"), o)
	if _, err := upload(t.Context(), s, "k", content, part); err != nil || !bytes.Equal(get(t, s, "k"), content) {
		t.Errorf("over TLS: %v", err)
	}
	var unknown x509.UnknownAuthorityError
	if _, err := open(t, at("https"), options(server)).Stat(t.Context(), "k"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "certificate is not trusted") {
		t.Errorf("with a certificate that nobody trusts: %v", err)
	}
	if _, err := open(t, server.AddressAt(server.Addr(), "")+"", options(server)).Stat(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("plain: %v", err)
	}
	plain := strings.Replace(server.Address(""), "http%3A", "https%3A", 1)
	if _, err := open(t, plain, o).Stat(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("TLS to a server without: %v", err)
	}
}

func TestTriesAreTold(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	var mu sync.Mutex
	var told []store.Retry
	s, _ := through(t, server, chaos.Options{Script: once(3, chaos.SlowDown, steps[1].is)}, func(o *store.Options) {
		o.OnRetry = func(r store.Retry) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, r)
		}
	})
	if _, err := upload(t.Context(), s, "a/b", storetest.Content(1, big), part); err != nil {
		t.Fatal(err)
	}
	if len(told) != 3 {
		t.Fatalf("%d were told", len(told))
	}
	for i, r := range told {
		if r.Op != "send part 1 of" || r.Key != "a/b" || r.Try != i+1 || r.Wait <= 0 || !errors.Is(r.Err, store.ErrUnavailable) {
			t.Errorf("told %+v", r)
		}
	}
}

func TestAStoreThatIsNotThereIsGivenUpSoon(t *testing.T) {
	o := store.Options{Keys: store.StaticKeys(store.Keys{Access: "a", Secret: "secret-key"}), Wait: time.Millisecond, Patience: 50 * time.Millisecond}
	s := open(t, "s3://bkt/p?endpoint=http://127.0.0.1:1", o)
	_, err := s.PutIfAbsent(t.Context(), "k", nil)
	if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "secret-key") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("it gives %v", err)
	}
}

// TestWhatComesAtTheVeryEndOfItsTime is there, or it timed out; it is not both.
func TestWhatComesAtTheVeryEndOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 500 {
			var of context.Context
			cancel, err := store.Within(t.Context(), time.Second, func(ctx context.Context) error {
				of = ctx
				time.Sleep(time.Second)
				return nil
			})
			synctest.Wait()
			if (err == nil) != (of.Err() == nil) {
				t.Fatalf("it gives %v, and its context %v", err, of.Err())
			}
			if cancel != nil {
				cancel(nil)
			}
		}
	})
}
