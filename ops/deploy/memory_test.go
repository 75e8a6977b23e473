package deploy

import (
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestNothingIsLostByRemembering runs every execution whole, and sees that an exploration that remembers tells of the same:
// as many executions with as many crashes and calls, which come to the same ends, and the same invariants broken. Two
// states that are taken for alike and are not would show in those numbers. With one fault all environments are compared,
// with two one, and some with rules that are broken.
func TestNothingIsLostByRemembering(t *testing.T) {
	type compared struct {
		e env
		x search
	}
	var cc []compared
	for i, e := range slices.Concat(envs(), losing(), keeping()) {
		if raced && i%40 == 0 || !raced && (!e.lost && !e.kept || i%5 == 0) {
			cc = append(cc, compared{e, search{faults: 1}})
		}
	}
	if !raced {
		cc = append(cc, compared{envs()[0], search{faults: 2}})
	}
	for i, m := range mutants {
		if raced {
			break
		}
		cc = append(cc, compared{envs()[i%5], search{faults: 1, off: m.off, lazy: m.lazy}})
	}
	same := cmp.Options{
		cmp.AllowUnexported(tally{}), cmpopts.IgnoreFields(tally{}, "runs", "states", "took"),
		cmp.Transformer("invariants", func(m map[string]finding) map[string]bool {
			out := map[string]bool{}
			for k := range m {
				out[k] = true
			}
			return out
		}),
	}
	for i, c := range cc {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			each := c.x
			each.each = true
			if d := cmp.Diff(explore(c.e, each), explore(c.e, c.x), same); d != "" {
				t.Errorf("%s, at most %d faults, rules %b broken (- each, + remembered):\n%s", c.e.name, c.x.faults, c.x.off, d)
			}
		})
	}
}

// TestACopyIsNotChangedByWhatItIsACopyOf looks for memory that an execution and its copy share, and that somebody changes.
func TestACopyIsNotChangedByWhatItIsACopyOf(t *testing.T) {
	fixed := []string{
		"*deploy.Plan", "*deploy.Target", "map[string]*deploy.Target", "*deploy.Command", "*deploy.Head", "*deploy.Reading", "*deploy.ReleaseRecord",
		"[]deploy.Machine", "[]deploy.Check", "[]deploy.Run", "*deploy.Held", "*deploy.Exit", "[]deploy.Target", "[]deploy.Group", "[]deploy.Gate",
		"[]deploy.fleet", "map[string]string", "json.RawMessage",
		// What is only added to, behind what both have.
		"[]string", "[]uint8", "[]int8", "[]journal.Entry", "[]deploy.left",
		// What they remember together.
		"*deploy.remembered", "map[string]deploy.Record",
	}
	ee, n := envs(), 0
	if raced {
		ee = ee[:3]
	}
	for _, e := range ee {
		// Nothing goes wrong, and a call is not answered and its process killed.
		for _, pre := range [][]int8{nil, {0, 0, 0, 2, 0, 0, 1}} {
			p := (&chooser{pre: pre, faults: 2, budget: 2}).start(e, 0, false)
			r := remember(p)
			p.goOn()
			for _, at := range r.trail {
				if at.fork == nil {
					continue
				}
				n++
				x := at.fork.copy()
				shared := addresses(x)
				for at, what := range addresses(at.fork) {
					if _, both := shared[at]; both && !slices.Contains(fixed, what) {
						t.Fatalf("%s: a copy shares a %s", e.name, what)
					}
				}
				if x.w.record != nil && x.w.record == at.fork.w.record {
					t.Fatalf("%s: a copy shares the release record", e.name)
				}
			}
		}
	}
	if n < 10*len(ee) {
		t.Errorf("only %d copies were looked at", n)
	}
}

// addresses are those of everything that is reached, with its type.
func addresses(p *path) map[uintptr]string {
	out := map[uintptr]string{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice:
			if v.IsNil() || v.Kind() == reflect.Slice && v.Len() == 0 || out[v.Pointer()] == v.Type().String() {
				return
			}
			out[v.Pointer()] = v.Type().String()
		}
		switch v.Kind() {
		case reflect.Pointer:
			if v.Type() != reflect.TypeFor[*remembered]() {
				walk(v.Elem())
			}
		case reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Map:
			for i := v.MapRange(); i.Next(); {
				walk(i.Value())
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		}
	}
	walk(reflect.ValueOf(p))
	return out
}
