package generator

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ops-console/ops/feed"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/nearest"
	"ops-console/ops/phoenix/phoenixtest"
	"ops-console/ops/phoenix/source"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

// sample says what a comparison has.
type sample struct {
	from, to  string // trees of phoenixtest; empty: 1.6.16 and 1.7.14
	noProject bool
	broken    bool // the project could not be read
	loading   bool
	hostile   bool
	marked    bool // conflict markers are in a file
	done      []string
	rebased   string // a file that comes from 1.5.8
	near      string // a file that is more like 1.5.8 and 1.6.16
	asked     bool   // a generator waits to be run
	reachable bool   // there may be other trees
}

// made are the comparisons of samples: many tests look at the same one, and none changes what it points to.
var made sync.Map

// make is the comparison of the sample.
func (o sample) make(t testing.TB) *compare.Snapshot {
	t.Helper()
	key := fmt.Sprintf("%+v", o)
	s, ok := made.Load(key)
	if !ok {
		s, _ = made.LoadOrStore(key, o.compare(t))
	}
	own := *s.(*compare.Snapshot)
	return &own
}

func (o sample) compare(t testing.TB) *compare.Snapshot {
	t.Helper()
	if o.from == "" {
		o.from, o.to = "1.6.16/default", "1.7.14/default"
	}
	app, module := "orchard", "Orchard"
	if o.noProject {
		app, module = phoenixtest.App, phoenixtest.Module
	}
	old, new := phoenixtest.Named(t, o.from, app, module), phoenixtest.Named(t, o.to, app, module)
	mine := phoenixtest.Orchard(t)
	if o.marked {
		f := mine.Files["config/dev.exs"]
		f.Data = append([]byte("# A note.\n<<<<<<< yours\na\n||||||| phoenix 1.6.16\nb\n=======\nc\n>>>>>>> phoenix 1.7.14\n"), f.Data...)
		mine.Files["config/dev.exs"] = f
	}
	if o.hostile {
		for _, tree := range []*phoenix.Tree{old, new, mine} {
			vandalise(tree)
		}
	}
	s := &compare.Snapshot{
		At: tuitest.Now(), Source: "snapshot ~/trees", Whole: true, Choice: compare.Choice{From: old.Spec.Version, To: new.Spec.Version},
		Old:  compare.Side{Spec: old.Spec, Provenance: phoenix.Provenance{Source: "snapshot ~/trees", Detail: o.from}},
		New:  compare.Side{Spec: new.Spec, Provenance: phoenix.Provenance{Source: "snapshot ~/trees", Detail: o.to, Substituted: !o.noProject}},
		Done: map[string]bool{},
	}
	for _, name := range phoenixtest.Names {
		v, flags, _ := strings.Cut(name, "/")
		spec := phoenix.Spec{Axis: phoenix.Project, Version: phoenix.MustVersion(v)}
		if flags == "live" {
			spec.Flags = phoenix.Flags{"live": "true"}
		}
		s.Versions, s.Specs = append(s.Versions, spec.Version), append(s.Specs, spec)
	}
	s.Wanted = s.Choice
	var err error
	if s.Pairs, err = diff.Trees(old, new, diff.Options{}); err != nil {
		t.Fatal(err)
	}
	switch {
	case o.noProject:
	case o.broken:
		s.Dir, s.ProjectErr = "/src/orchard", errors.New("read the application in /src/orchard: it has no mix.exs; give the directory that has one")
	default:
		options := merge.Options{Rand: strings.NewReader(strings.Repeat("0123456789", 1000))}
		if o.rebased != "" {
			options.Bases = map[string]*phoenix.Tree{o.rebased: phoenixtest.Named(t, "1.5.8/live", app, module)}
			s.Bases = map[string]phoenix.Version{o.rebased: phoenix.MustVersion("1.5.8")}
		}
		p, err := merge.Classify(old, new, mine, options)
		if err != nil {
			t.Fatal(err)
		}
		s.Dir, s.App, s.Plan, s.Base = "/src/orchard", "orchard", &p, "71 % of its lines are in the project (confidence: high)"
	}
	for _, path := range o.done {
		s.Done[path] = true
	}
	if o.near != "" {
		s.Nearer = map[string]nearest.File{o.near: {Path: o.near, First: s.Versions[0], Last: s.Versions[1], Versions: 2, Likeness: 83, Better: true}}
	}
	if o.reachable {
		s.Whole, s.Others = false, []phoenix.Version{phoenix.MustVersion("1.6.0"), phoenix.MustVersion("1.8.7")}
	}
	if o.asked {
		s.Loading, s.Wanted.To = true, phoenix.MustVersion("1.8.7")
		s.Question = &source.Question{Package: "phx_new", Version: "1.8.7", URL: "https://repo.example.com/phx_new-1.8.7.tar", SHA256: strings.Repeat("ab12", 16), Elixir: "1.18.4", Program: "/usr/bin/elixir"}
	}
	if o.loading {
		s.Loading, s.Wanted.To = true, phoenix.MustVersion("1.8.8")
	}
	return s
}

// vandalise puts into a tree what a terminal must not see.
func vandalise(t *phoenix.Tree) {
	bad := strings.Join(tuitest.Hostile(), " ")
	for p, f := range t.Files {
		if strings.HasSuffix(p, ".ex") || strings.HasSuffix(p, ".heex") {
			f.Data = []byte(strings.Replace(string(f.Data), "\n", "\n"+bad+t.Spec.Version.String()+"\n", 2))
			t.Files[p] = f
		}
	}
	t.Files["lib/\x1b[31mred\u202e.ex"] = phoenix.File{Data: []byte("x" + t.Spec.Version.String() + "\n")}
	t.Files["lib/日本語の長い名前のファイル.ex"] = phoenix.File{Data: []byte("日本語 \U0001f469\u200d\U0001f469\u200d\U0001f467 " + t.Spec.Version.String() + "\n")}
}

func message(seq uint64, s *compare.Snapshot) pane.GeneratorMsg {
	return pane.GeneratorMsg{Snapshot: feed.Snapshot[*compare.Snapshot]{Seq: seq, At: s.At, GoodAt: s.At, Value: s}}
}

// with is a pane that has taken a comparison.
func with(t testing.TB, o sample) *Pane {
	t.Helper()
	p := New()
	p.now = tuitest.Now()
	p.Update(message(1, o.make(t)))
	return p
}

// bare is a comparison that has loaded nothing.
func bare(change func(s *compare.Snapshot)) *compare.Snapshot {
	s := &compare.Snapshot{At: tuitest.Now().Add(-3 * time.Second), Source: "snapshot ~/trees"}
	change(s)
	return s
}
