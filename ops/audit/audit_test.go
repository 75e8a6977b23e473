package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)

func newLog(t *testing.T) *Log {
	t.Helper()
	n := 0
	var mu sync.Mutex
	return New(Path(t.TempDir(), "shop"), func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		n++
		return noon.Add(time.Duration(n) * time.Second)
	})
}

func add(t *testing.T, l *Log, e Entry) {
	t.Helper()
	if err := l.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, l *Log) Record {
	t.Helper()
	r, err := Read(l.path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnActIsRecordedBeforeAndAfter(t *testing.T) {
	boom := errors.New("machine 1 is unhealthy")
	for name, c := range map[string]struct {
		err  error
		want Outcome
		says string
	}{
		"well":      {nil, Done, "3 machines"},
		"failed":    {boom, Failed, boom.Error()},
		"cancelled": {fmt.Errorf("deploy: %w", context.Canceled), Cancelled, "deploy: context canceled"},
		"detached":  {&Ended{Detached, boom}, Detached, boom.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t)
			err := l.Do(t.Context(), Entry{Run: "1", App: "shop", User: "ana@laptop", Action: "deploy"}, func(context.Context) (string, error) {
				if got := read(t, l).Acts(); len(got) != 1 || got[0].Outcome != Began || !got[0].Ended.IsZero() {
					t.Errorf("while it runs: %+v", got)
				}
				return "3 machines", c.err
			})
			if !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			got := read(t, l).Acts()
			if len(got) != 1 || got[0].Outcome != c.want || got[0].Detail != c.says || got[0].Ended.Sub(got[0].At) != time.Second {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestNothingIsDoneWithoutATrace(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "audit"), nil, 0o600); err != nil { // where the directory should be
		t.Fatal(err)
	}
	l := New(Path(dir, "shop"), nil)
	err := l.Do(t.Context(), Entry{Action: "deploy"}, func(context.Context) (string, error) {
		t.Error("it was done")
		return "", nil
	})
	if err == nil || !strings.Contains(err.Error(), `record "deploy"`) {
		t.Errorf("error %v", err)
	}
}

func TestEntriesOfManyAtOnceAreAChain(t *testing.T) {
	l := newLog(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := l.Append(t.Context(), Entry{Run: fmt.Sprint(i), Action: "restart", Outcome: Done}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	r := read(t, l)
	if len(r.Entries) != 20 || len(r.Flaws) != 0 {
		t.Errorf("%d entries, flaws %q", len(r.Entries), r.Flaws)
	}
	fi, err := os.Stat(l.path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}

func TestWhatWasTamperedWithIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(lines []string) []string
		want   []string
		left   int
	}{
		"nothing":   {func(l []string) []string { return l }, nil, 4},
		"changed":   {func(l []string) []string { l[1] = strings.Replace(l[1], "two", "zwo", 1); return l }, []string{"line 3: what stood before it was changed or taken out"}, 4},
		"taken out": {func(l []string) []string { return append(l[:1], l[2:]...) }, []string{"line 2: what stood before it was changed or taken out"}, 3},
		"garbled":   {func(l []string) []string { l[2] = "{\x00"; return l }, []string{"line 3: no entry", "line 4: what stood before it was changed or taken out"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t)
			for _, target := range []string{"one", "two", "three", "four"} {
				add(t, l, Entry{Run: target, Target: target, Outcome: Done})
			}
			b, err := os.ReadFile(l.path)
			if err != nil {
				t.Fatal(err)
			}
			lines := c.change(strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"))
			if err := os.WriteFile(l.path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := read(t, l)
			if d := cmp.Diff(c.want, r.Flaws); d != "" || len(r.Entries) != c.left {
				t.Errorf("%d entries; %s", len(r.Entries), d)
			}
		})
	}
}

func TestALineThatWasCutOffIsWrittenOver(t *testing.T) {
	l := newLog(t)
	add(t, l, Entry{Run: "1", Outcome: Done})
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"at":"2026`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if r := read(t, l); len(r.Entries) != 1 || !cmp.Equal(r.Flaws, []string{"line 2: cut off"}) {
		t.Errorf("%d entries, flaws %q", len(r.Entries), r.Flaws)
	}
	add(t, l, Entry{Run: "2", Outcome: Done})
	if r := read(t, l); len(r.Entries) != 2 || len(r.Flaws) != 0 {
		t.Errorf("%d entries, flaws %q", len(r.Entries), r.Flaws)
	}
}

func TestTextIsSafeAndNewestFirst(t *testing.T) {
	l := newLog(t)
	add(t, l, Entry{Run: "1", User: "ana@laptop", Action: "deploy", Target: "image:\x1b[2J1", Outcome: Began})
	add(t, l, Entry{Run: "2", User: "bo@desk", Action: "restart", Target: "e784", Outcome: Done, Detail: "it answers again"})
	var b strings.Builder
	if err := Text(&b, read(t, l)); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.ContainsRune(got, 0x1b) || strings.Index(got, "restart") > strings.Index(got, "deploy") || !strings.Contains(got, "it answers again") {
		t.Errorf("got %q", got)
	}
}

func TestNoRecordIsAnEmptyOne(t *testing.T) {
	r, err := Read(filepath.Join(t.TempDir(), "none"))
	if err != nil || len(r.Entries)+len(r.Flaws) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("{\"at\":\"2026-02-03T12:00:00Z\",\"run\":\"1\",\"prev\":\"\"}\n{}\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parse(strings.NewReader(text))
		if err != nil {
			return
		}
		if n := strings.Count(text, "\n"); len(r.Entries) > n {
			t.Errorf("%d entries in %d lines", len(r.Entries), n)
		}
		if len(r.Acts()) > len(r.Entries) {
			t.Error("more acts than entries")
		}
	})
}
