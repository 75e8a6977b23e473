package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ops-console/ops/backup/store"
	"ops-console/ops/backup/store/chaos"
	"ops-console/ops/backup/store/storetest"
)

// once gives a fault to the first n requests that a condition holds for.
func once(n int, f chaos.Fault, is func(chaos.Request) bool) func(chaos.Request) chaos.Fault {
	var did atomic.Int64
	return func(r chaos.Request) chaos.Fault {
		if is(r) && did.Add(1) <= int64(n) {
			return f
		}
		return chaos.None
	}
}

// The requests of an upload.
var steps = []struct {
	name string
	is   func(chaos.Request) bool
}{
	{"start", func(r chaos.Request) bool { return r.Method == http.MethodPost && r.Query.Has("uploads") }},
	{"part", func(r chaos.Request) bool { return r.Method == http.MethodPut && r.Query.Get("partNumber") == "1" }},
	{"complete", func(r chaos.Request) bool { return r.Method == http.MethodPost && r.Query.Has("uploadId") }},
	{"look", func(r chaos.Request) bool { return r.Method == http.MethodHead }},
	{"single put", func(r chaos.Request) bool { return r.Method == http.MethodPut && !r.Query.Has("partNumber") }},
}

// TestEveryFaultAtEveryStepIsOvercome gives each fault to each request of an upload, twice, and then none: the object is
// there, and it is what was written.
func TestEveryFaultAtEveryStepIsOvercome(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	table := &table{}
	t.Cleanup(func() {
		t.Log(table.text("fault at step", "requests of that step", "unfinished uploads swept", "outcome"))
	})
	for _, step := range steps {
		for _, fault := range chaos.Transient() {
			t.Run(step.name+"/"+string(fault), func(t *testing.T) {
				t.Parallel()
				var tries atomic.Int64
				spoil := once(2, fault, step.is)
				s, p := through(t, server, chaos.Options{Pause: time.Millisecond, Script: func(r chaos.Request) chaos.Fault {
					if step.is(r) {
						tries.Add(1)
					}
					return spoil(r)
				}}, func(o *store.Options) {
					o.Stall, o.Timeout = 100*time.Millisecond, 100*time.Millisecond
				})
				content, size := storetest.Content(1, 100_000), int64(small)
				if step.name == "single put" || step.name == "look" {
					size = part
				}
				info, err := upload(t.Context(), s, "a/b", content, size)
				if err != nil {
					t.Fatal(err)
				}
				n := tries.Load()
				if info.Size != int64(len(content)) || !info.Confirmed {
					t.Errorf("Commit gives %+v", info)
				}
				if storetest.Sum(get(t, s, "a/b")) != storetest.Sum(content) {
					t.Error("what came back is not what was written")
				}
				if n := p.Counts()[fault]; n == 0 {
					t.Error("the fault did not happen")
				}
				// What a first try left, whose answer was lost.
				left, err := s.Sweep(t.Context(), "", 0)
				if err != nil {
					t.Error(err)
				}
				if l, err := s.Sweep(t.Context(), "", 0); err != nil || len(l) > 0 {
					t.Errorf("a sweep after the sweep gives %v, %v", l, err)
				}
				if !t.Failed() {
					table.row(step.name+": "+string(fault), n, len(left), "committed, same SHA-256")
				}
			})
		}
	}
}

// table is what a test saw, for people.
type table struct {
	mu   sync.Mutex // guards the field below
	rows []string
}

func (t *table) row(cells ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, strings.TrimSuffix(fmt.Sprintf(strings.Repeat("%v | ", len(cells)), cells...), " | "))
}

func (t *table) text(head ...string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.Sort(t.rows)
	return "\n" + strings.Join(head, " | ") + "\n" + strings.Join(t.rows, "\n")
}

// TestFaultsOfAnyKindLeaveAWholeObjectOrNone sends every request through a proxy that spoils some, by a seed: what is
// committed is what was written, and what is not is not there after a sweep.
func TestFaultsOfAnyKindLeaveAWholeObjectOrNone(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	var faults atomic.Int64
	table := &table{}
	t.Cleanup(func() {
		t.Log(table.text("requests spoilt, seed", "faults", "committed", "refused, nothing there", "refused, and there until deleted"))
		if faults.Load() < 50 {
			t.Errorf("only %d requests were spoilt", faults.Load())
		}
	})
	for _, rate := range []float64{0.25, 0.6, 0.9} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%.0f%%/%d", rate*100, seed), func(t *testing.T) {
				t.Parallel()
				s, p := through(t, server, chaos.Options{Seed: seed, Rate: rate, Pause: time.Millisecond}, func(o *store.Options) {
					o.Patience = 300 * time.Millisecond
					o.Stall, o.Timeout = 100*time.Millisecond, 200*time.Millisecond
				})
				direct := open(t, strings.Replace(s.String(), url.QueryEscape(p.Addr()), url.QueryEscape(server.Addr()), 1), options(server))
				outcomes := map[string]int{}
				for i := range 3 {
					key := fmt.Sprintf("db/%d/dump", i)
					content := storetest.Content(seed, []int{1000, big, 100_000}[i])
					_, err := upload(t.Context(), s, key, content, []int64{part, part, small}[i])
					outcomes[checkWholeOrNone(t, direct, key, content, err)]++
					// The manifest, which is written last and removed first.
					_, err = s.PutIfAbsent(t.Context(), key+".json", content[:1000])
					outcomes[checkWholeOrNone(t, direct, key+".json", content[:1000], err)]++
				}
				spoilt := 0
				for f, n := range p.Counts() {
					if f != chaos.None {
						spoilt += n
					}
				}
				faults.Add(int64(spoilt))
				table.row(fmt.Sprintf("%.0f%%, %d", rate*100, seed), spoilt, outcomes["committed"], outcomes["nothing"], outcomes["there"])
			})
		}
	}
}

func checkWholeOrNone(t *testing.T, direct store.Store, key string, content []byte, err error) (outcome string) {
	t.Helper()
	swept(t, direct)
	if err == nil {
		if got := get(t, direct, key); storetest.Sum(got) != storetest.Sum(content) {
			t.Errorf("%s was committed and is something else", key)
		}
		return "committed"
	}
	// Nothing is there, or what could not be asked for is: whole, and a second delete of it is as good as the first.
	outcome = "nothing"
	if got, _, e := store.Get(t.Context(), direct, key, 1<<30); e == nil {
		outcome = "there"
		if storetest.Sum(got) != storetest.Sum(content) {
			t.Errorf("%s is there in part after %v", key, err)
		}
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s is there after %v", key, err)
		}
	} else if !errors.Is(e, store.ErrNotFound) {
		t.Error(e)
	}
	for range 2 {
		if e := direct.Delete(t.Context(), key); e != nil {
			t.Error(e)
		}
	}
	if _, e := direct.Stat(t.Context(), key); !errors.Is(e, store.ErrNotFound) {
		t.Errorf("after it was deleted: %v", e)
	}
	return outcome
}

// TestRefusalsSayWhatToDo gives each fault that trying again does not help against to each step.
func TestRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	for _, c := range []struct {
		fault chaos.Fault
		kind  error
		says  string
	}{
		{chaos.Skewed, store.ErrClock, "clock is"},
		{chaos.Expired, store.ErrExpired, "Get new keys"},
		{chaos.Denied, store.ErrDenied, "Check the keys"},
		{chaos.Full, store.ErrFull, "Make room"},
	} {
		for _, step := range steps {
			t.Run(string(c.fault)+"/"+step.name, func(t *testing.T) {
				t.Parallel()
				if step.name == "look" && c.fault != chaos.Denied {
					return // HEAD has no body that would say more than its status
				}
				s, p := through(t, server, chaos.Options{Script: once(1000, c.fault, step.is)}, nil)
				content, size := storetest.Content(1, 100_000), int64(small)
				if step.name == "single put" {
					size = part
				}
				_, err := upload(t.Context(), s, "a/b", content, size)
				if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("it gives %v", err)
				}
				if n := p.Counts()[c.fault]; step.name != "look" && n != 1 {
					t.Errorf("it was tried %d times", n)
				}
				p.Script(func(chaos.Request) chaos.Fault { return chaos.None })
				if _, err := s.Sweep(t.Context(), "", 0); err != nil {
					t.Error(err)
				}
				if step.name == "look" { // it was committed, and then could be neither confirmed nor taken back
					return
				}
				if _, err := s.Stat(t.Context(), "a/b"); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
	}
}

// TestAnUploadThatCannotBeConfirmedIsTakenBack lets the look after a commit fail for good, and Abort work.
func TestAnUploadThatCannotBeConfirmedIsTakenBack(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	for _, size := range []int{1000, big} {
		s, _ := through(t, server, chaos.Options{Script: once(1, chaos.Denied, steps[3].is)}, nil)
		if _, err := upload(t.Context(), s, "a/b", storetest.Content(1, size), part); !errors.Is(err, store.ErrDenied) {
			t.Errorf("it gives %v", err)
		}
		if _, err := s.Stat(t.Context(), "a/b"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// TestKeysThatExpireAreReplaced changes the server's keys in the middle of an upload: new ones are asked for, and it goes
// on.
func TestKeysThatExpireAreReplaced(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	var asked, changed atomic.Bool
	newKeys := store.Keys{Access: "new-access", Secret: "new-secret"}
	s, _ := through(t, server, chaos.Options{Script: func(r chaos.Request) chaos.Fault {
		if changed.Load() && r.Signer != newKeys.Access {
			return chaos.Expired
		}
		return chaos.None
	}}, func(o *store.Options) {
		old := server.Keys()
		o.Keys = func(context.Context) (store.Keys, error) {
			if changed.Load() {
				asked.Store(true)
				return newKeys, nil
			}
			return old, nil
		}
	})
	u, err := s.Begin(t.Context(), "k", store.PutOpt{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort(t.Context())
	store.PartSize(u, part)
	content := storetest.Content(1, 3*part)
	if _, err := u.Write(content[:part+1]); err != nil {
		t.Fatal(err)
	}
	store.Settle(u) // what is on its way is signed with the old ones
	changed.Store(true)
	if err := server.ChangeKeys(t.Context(), newKeys); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(content[part+1:]); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(get(t, s, "k"), content) || !asked.Load() {
		t.Error("the keys were not asked for again, or something else arrived")
	}
}

// TestCancellingAtAnyPointLeavesNothing ends an upload's context while its requests are under way.
func TestCancellingAtAnyPointLeavesNothing(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	for n := 1; n <= 8; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var seen atomic.Int64
			s, _ := through(t, server, chaos.Options{Script: func(chaos.Request) chaos.Fault {
				if seen.Add(1) == int64(n) {
					cancel()
				}
				return chaos.None
			}}, nil)
			_, err := upload(ctx, s, "k", storetest.Content(1, 3*part), part)
			if err == nil {
				if ctx.Err() != nil && n < 6 {
					t.Error("it was committed all the same")
				}
				return
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it gives %v", err)
			}
			if _, err := s.Stat(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("afterwards: %v", err)
			}
			if _, err := s.Sweep(t.Context(), "", 0); err != nil {
				t.Error(err)
			}
		})
	}
}
