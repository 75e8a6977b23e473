//go:build unix

package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/deploy"
	"ops-console/ops/deploy/journal"
)

// points are records of a journal at which somebody without it has the most to find out, by name, with how many records there
// are then. After a call is where its answer is not written down.
func points(entries []journal.Entry) map[string]int {
	out := map[string]int{}
	at := func(name string, n int) {
		if out[name] == 0 {
			out[name] = n
		}
	}
	verbs := map[int]deploy.Intent{}
	updates := 0
	for i, e := range entries {
		var r deploy.Record
		if json.Unmarshal(e.Data, &r) != nil {
			continue
		}
		if in := r.Intent; in != nil {
			verbs[in.N] = *in
			switch {
			case in.Verb == deploy.VerbUpdate && in.Side == deploy.Old:
				at("putting back", i+1)
			case in.Verb == deploy.VerbUpdate:
				if updates++; updates == 2 {
					at("changing the second", i+1)
				}
			case in.Verb == deploy.VerbStartRun, in.Verb == deploy.VerbCreate, in.Verb == deploy.VerbUncordon, in.Verb == deploy.VerbDestroy, in.Verb == deploy.VerbCordon:
				at(string(in.Verb), i+1)
			}
		}
		if r.Word == deploy.Done {
			at("after "+string(verbs[r.N].Verb), i+1)
		}
		switch k := deploy.RecordKind(e.Kind); k {
		case deploy.RecMigrated, deploy.RecSoaked, deploy.RecCutover, deploy.RecCommit, deploy.RecBack, deploy.RecVerified, deploy.RecHealthy:
			at(e.Kind, i+1)
		}
	}
	for _, name := range []string{"after gate", "after lease"} {
		delete(out, name)
	}
	return out
}

// TestKilledAndItsStateIsLost kills a real process where it matters, deletes all that it knew, and has somebody else with an
// empty directory go on: not as long as its leases last, and then to the end that it would have had.
func TestKilledAndItsStateIsLost(t *testing.T) {
	small := func(toml string) fleet { return fleet{toml: toml, app: 3, delays: quickly} }
	kk := []killing{
		{"rolling", small(rollingToml), "42", wasDeployed(``)},
		{"rolling and back", small(rollingToml), "42-unhealthy", wentBack(``)},
		{"bluegreen", small(bluegreenToml), "42", wasDeployed(``)},
		{"bluegreen and back", small(bluegreenToml), "42-unhealthy", wentBack(``)},
	}
	if os.Getenv(longEnv) == "long" {
		kk = append(kk,
			killing{"canary", small(with(rollingToml, `"rolling"`, `"canary"`)), "42", wasDeployed(``)},
			killing{"all at once and back", small(with(rollingToml, `"rolling"`, `"immediate"`)), "42-unhealthy", wentBack(``)},
		)
	}
	if raced {
		kk = []killing{kk[1], kk[2]}
	}
	for _, k := range kk {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			m := k.die(t, 0, false)
			entries, err := journal.Read(deploy.Path(m.dir, m.plan.ID))
			m.close()
			if err != nil || !m.done {
				t.Fatalf("it does not even end when nobody kills it: %v", err)
			}
			var g errgroup.Group
			g.SetLimit(4)
			for i, name := range slices.Sorted(maps.Keys(points(entries))) {
				n := points(entries)[name]
				if raced && i%12 != 0 {
					continue
				}
				for _, after := range []bool{false, true} {
					if after && (raced || entries[n-1].Kind != string(deploy.RecIntent)) {
						continue
					}
					g.Go(func() error {
						t.Run(fmt.Sprintf("%s,after=%t", name, after), func(t *testing.T) { k.lose(t, n, after) })
						return nil
					})
				}
			}
			_ = g.Wait()
		})
	}
}

// lose kills a process, deletes what it has written, and has somebody else take the deployment over.
func (k killing) lose(t *testing.T, n int, after bool) {
	m := k.die(t, n, after)
	defer m.close()
	st, err := deploy.Read(deploy.Path(m.dir, m.plan.ID))
	if err != nil {
		t.Fatal(err)
	}
	ended := m.done || st.Outcome != ""
	if err := os.RemoveAll(m.dir); err != nil {
		t.Fatal(err)
	}
	b := m.console(ben)
	to := deploy.Takeover{Platform: platformOf(m.client, m.now), App: appName, Deploy: m.plan.ID, Dir: m.dir, Holder: ben, Now: m.now}
	held := new(deploy.HeldError)
	_, err = deploy.TakeOver(t.Context(), to)
	switch {
	case err != nil && strings.Contains(err.Error(), "no machine carries its mark"):
		// Either nothing was begun, or nothing is left to do.
		m.later()
		m.whole(ended0(k, m, st))
		return
	case ended:
		t.Fatalf("it has ended, and can be taken over: %v", err)
	case !errors.As(err, &held) || !strings.Contains(held.By, ana):
		t.Fatalf("while its leases last: %v", err)
	}
	m.later()
	d, err := deploy.TakeOver(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	b.emit(deploy.Event{At: time.Now()})
	if err := d.Run(t.Context(), deploy.Options{Platform: to.Platform, Holder: ben, Emit: b.emit, Now: m.now}); err != nil {
		t.Fatal(err)
	}
	st = d.State()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	b.ends(st, k.want)
	m.noOpenRecords()
}

// ended0 is what is there where a deployment has left no mark: it has not begun, or has done all.
func ended0(k killing, m *mortal, st *deploy.State) ended {
	if st.Commit || st.Verified[1] || m.done {
		return k.want
	}
	return ended{outcome: deploy.Unchanged, tag: "41"}
}

// Whoever goes on where the process was killed has its leases, and does not wait for them. A copy of its directory has not.
func TestKilledAndGoneOnAtOnce(t *testing.T) {
	t.Parallel()
	k := killing{"rolling", fleet{toml: rollingToml, app: 3, delays: quickly}, "42", wasDeployed(``)}
	m := k.die(t, 0, false)
	entries, err := journal.Read(deploy.Path(m.dir, m.plan.ID))
	m.close()
	if err != nil {
		t.Fatal(err)
	}
	m = k.die(t, points(entries)["changing the second"], false)
	defer m.close()
	path := deploy.Path(m.dir, m.plan.ID)
	kept := strings.TrimSuffix(path, ".jsonl") + ".leases"
	info, err := os.Stat(kept)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("what it kept: %v %v", info, err)
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(m.dir)); err != nil {
		t.Fatal(err)
	}
	// A copy holds nothing, and waits for the leases of before.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	other, err := deploy.Open(deploy.Path(copied, m.plan.ID))
	if err != nil {
		t.Fatal(err)
	}
	waits := ""
	err = other.Run(ctx, deploy.Options{Platform: platformOf(m.client, m.now), Holder: ana, Now: m.now, Progress: func(p deploy.Progress) {
		if strings.Contains(p.Waiting, "lease") {
			waits = p.Waiting
			cancel()
		}
	}})
	if !errors.Is(err, deploy.ErrDetached) || !strings.Contains(waits, "our own lease of machine") {
		t.Errorf("with a copy: %v, waiting for %q", err, waits)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	begun := time.Now()
	d, err := deploy.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Run(t.Context(), deploy.Options{Platform: platformOf(m.client, m.now), Holder: ana, Emit: m.c.emit, Now: m.now}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > quick.LeaseTTL/2 {
		t.Errorf("it took %s", took)
	}
	m.c.ends(d.State(), k.want)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(kept); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what it kept is still there: %v", err)
	}
}
