package deploy

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"ops-console/ops/deploy/journal"
)

// finding is an execution in which an invariant did not hold.
type finding struct {
	text   string
	env    env
	faults int
	pre    []int8
}

// story tells the execution again.
func (f finding) story(t *testing.T, off rules, lazy bool) {
	_, p := one(f.env, f.pre, f.faults, off, lazy)
	entries, _, err := journal.Decode(p.m.data)
	if err != nil {
		t.Log(err)
	}
	var b strings.Builder
	for _, e := range entries[1:] {
		fmt.Fprintf(&b, "%8.2f %-9s %s\n", e.At.Sub(epoch).Seconds(), e.Kind, e.Data)
	}
	t.Logf("%s\n%s", f.text, b.String())
}

// tally is what an exploration found.
type tally struct {
	paths, crashes, calls int
	lost                  int
	runs, states          int // what was gone through to know them all
	ends                  map[string]int
	viol                  map[string]finding // by invariant, the first of each
	took                  time.Duration
}

func (t *tally) add(o *tally) {
	t.paths += o.paths
	t.crashes += o.crashes
	t.lost += o.lost
	t.calls += o.calls
	t.runs += o.runs
	t.states += o.states
	for k, n := range o.ends {
		t.ends[k] += n
	}
	for k, v := range o.viol {
		if _, ok := t.viol[k]; !ok {
			t.viol[k] = v
		}
	}
}

func newTally() *tally { return &tally{ends: map[string]int{}, viol: map[string]finding{}} }

// search is what to look for, and where.
type search struct {
	faults int   // at most
	off    rules // that are broken
	lazy   bool  // the journal is a mutant's
	stop   bool  // at the first violation
	each   bool  // every execution is run whole: nothing is remembered
}

// explore tries every execution of an environment.
func explore(e env, x search) *tally {
	t := newTally()
	start := func(pre []int8) *path {
		return (&chooser{pre: pre, faults: x.faults, budget: x.faults}).start(e, x.off, x.lazy)
	}
	p := start(nil)
	var r *remembered
	if !x.each {
		r = remember(p)
	}
	for {
		p.goOn()
		t.runs++
		if r != nil {
			r.end(p)
		} else {
			t.paths++
			t.crashes += p.crashes
			t.lost += p.lost
			t.calls += p.w.calls
			t.ends[p.end()]++
		}
		c := p.w.c
		for _, v := range p.w.viol {
			k, _, _ := strings.Cut(v, " ")
			if _, ok := t.viol[k]; !ok {
				t.viol[k] = finding{v + "  <= " + e.name + ": " + strings.Join(c.trace, ", "), e, x.faults, slices.Clone(c.pre[:c.i])}
			}
		}
		i := c.i - 1
		for i >= 0 && c.pre[i]+1 >= c.widths[i] {
			i--
		}
		if r != nil {
			r.back(i, p)
		}
		if i < 0 || x.stop && len(t.viol) > 0 {
			break
		}
		pre := c.pre[:i+1]
		pre[i]++
		if r != nil {
			p = r.resume(pre)
		} else {
			p = start(pre)
		}
	}
	if r != nil {
		r.tell(t)
	}
	return t
}

func exploreAll(envs []env, x search) *tally {
	t := newTally()
	begin := time.Now()
	defer debug.SetGCPercent(debug.SetGCPercent(200)) // what is remembered stays; what comes between is garbage at once
	var mu sync.Mutex
	var wg sync.WaitGroup
	jobs := make(chan env)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for e := range jobs {
				one := explore(e, x)
				mu.Lock()
				t.add(one)
				mu.Unlock()
			}
		})
	}
	for _, e := range envs {
		mu.Lock()
		done := x.stop && len(t.viol) > 0
		mu.Unlock()
		if done {
			break
		}
		jobs <- e
	}
	close(jobs)
	wg.Wait()
	t.took = time.Since(begin)
	return t
}

func (t *tally) String() string {
	var ends []string
	for k, n := range t.ends {
		ends = append(ends, fmt.Sprintf("%s %d", k, n))
	}
	sort.Strings(ends)
	return fmt.Sprintf("%d executions with %d crashes and %d calls, %d violations; %d were run, through %d states, in %s; %s", t.paths, t.crashes, t.calls,
		len(t.viol), t.runs, t.states, t.took.Round(10*time.Millisecond), strings.Join(ends, ", "))
}
