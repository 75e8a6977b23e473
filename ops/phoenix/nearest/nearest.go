// Package nearest says which version of Phoenix the files of an application come from: by what survived of the lines that
// each version's generator wrote. An application's dependency says what it runs on, not what its files are like: those
// may be years older, and some of them newer than the rest.
//
// It reads no directory, runs nothing and changes nothing.
package nearest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
)

// Level is how far an answer can be trusted.
type Level string

// The levels. Where Low is the answer, somebody who knows the application should be asked.
const (
	High Level = "high"
	Fair Level = "fair"
	Low  Level = "low"
)

// The shares of surviving lines from which an answer is trusted. Below 0.4 wrong answers were seen, of applications whose
// history began elsewhere.
const (
	highRecall = 0.7
	fairRecall = 0.4
)

// lost is what a line that is missing counts against one that survived: applications lose lines for many reasons.
const lost = 0.3

// Match is how much of a generated tree an application still has.
type Match struct {
	Spec  phoenix.Spec
	Score float64 // weights of the surviving lines less those of the lost ones; comparable within one result

	Identical, Modified, Missing int // files that were compared
	Lines, Surviving             int // lines in those, and how many of them are in the application's file of that path
}

// Recall is the share of the generated lines that survived.
func (m Match) Recall() float64 {
	if m.Lines == 0 {
		return 0
	}
	return float64(m.Surviving) / float64(m.Lines)
}

// File is what one file of an application is most like.
type File struct {
	Path        string
	First, Last phoenix.Version // the oldest and the newest of the versions whose file it is most like
	Versions    int             // how many those are
	Likeness    int             // in percent; 100: the lines are the same
	Better      bool            // it is more like those than like the base's
}

// Result of a search.
type Result struct {
	Matches []Match           // by Score, best first
	Ties    []phoenix.Version // versions that match as well as the best: their files do not differ where they survived
	Level   Level
	Other   *Match // the best of another minor version; nil: there is none
	Files   []File // by path
}

// Best is the best match, of the newest version where several match as well.
func (r Result) Best() Match { return r.Matches[0] }

// Base is the version that an upgrade starts from: the newest that matches best, since what came between the tied ones is
// in the files already or never was in them.
func (r Result) Base() phoenix.Spec { return r.Best().Spec }

// ErrNothing is given where nothing of any tree is in the application.
var ErrNothing = errors.New("nothing in the application is like what any of the known versions generates")

// Find compares an application with generated trees, which need not have its names. The trees should be those that
// Candidates chose.
func Find(ctx context.Context, app App, mine *phoenix.Tree, trees []*phoenix.Tree) (Result, error) {
	if len(trees) == 0 {
		return Result{}, ErrNoTrees
	}
	f := &finder{mine: map[string]*text{}, known: map[known]*text{}, ids: map[string]int32{}, versions: versions(trees)}
	var all []entry
	for _, t := range trees {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		all = append(all, f.entry(app, mine, t))
	}
	f.weigh(all)
	var r Result
	for _, e := range all {
		r.Matches = append(r.Matches, f.match(e))
	}
	slices.SortStableFunc(r.Matches, func(a, b Match) int {
		if !tied(a, b) {
			return cmp.Compare(b.Score, a.Score)
		}
		return b.Spec.Version.Compare(a.Spec.Version)
	})
	best := r.Matches[0]
	if best.Surviving == 0 {
		return Result{}, ErrNothing
	}
	for _, m := range r.Matches {
		if tied(m, best) {
			r.Ties = append(r.Ties, m.Spec.Version)
		}
		if r.Other == nil && m.Spec.Version.Line() != best.Spec.Version.Line() {
			r.Other = &m
		}
	}
	slices.SortFunc(r.Ties, phoenix.Version.Compare)
	r.Ties = slices.Compact(r.Ties)
	r.Level = level(best)
	r.Files = f.files(all, best)
	return r, nil
}

func level(m Match) Level {
	switch recall := m.Recall(); {
	case recall >= highRecall:
		return High
	case recall >= fairRecall:
		return Fair
	}
	return Low
}

// tied is wide enough for sums in another order, and far less than any line weighs.
func tied(a, b Match) bool { return math.Abs(a.Score-b.Score) < 1e-6 }

func versions(trees []*phoenix.Tree) []phoenix.Version {
	var vv []phoenix.Version
	for _, t := range trees {
		vv = append(vv, t.Spec.Version)
	}
	slices.SortFunc(vv, phoenix.Version.Compare)
	return slices.Compact(vv)
}

// text is a file's lines: how often each is in it, by the number that the line has at its path.
type text struct {
	data  []byte
	lines map[int32]int
	total int
}

type known struct{ path, data string }

// entry is a generated tree as it is compared.
type entry struct {
	spec    phoenix.Spec
	version int // in finder.versions
	files   map[string]*text
	names   []string // sorted, so that sums are the same every time
}

type finder struct {
	versions []phoenix.Version
	known    map[known]*text  // generated texts: most are the same in many trees
	mine     map[string]*text // the application's, by path; nil: it does not have the file
	ids      map[string]int32 // of path and line
	in       []versionSet     // by id: in which versions the line is
	weight   []float64        // by id
}

// versionSet is indexes of finder.versions, as bits.
type versionSet []uint64

func (s *versionSet) add(i int) {
	for len(*s) <= i/64 {
		*s = append(*s, 0)
	}
	(*s)[i/64] |= 1 << (i % 64)
}

func (s versionSet) count() int {
	n := 0
	for _, w := range s {
		for ; w != 0; w &= w - 1 {
			n++
		}
	}
	return n
}

func (f *finder) entry(app App, mine, t *phoenix.Tree) entry {
	at, _ := slices.BinarySearchFunc(f.versions, t.Spec.Version, phoenix.Version.Compare)
	e := entry{spec: t.Spec, version: at, files: map[string]*text{}}
	for p, file := range t.Files {
		if passed(p) || bytes.IndexByte(file.Data, 0) >= 0 {
			continue
		}
		name := strings.ReplaceAll(p, t.Spec.App, app.Name)
		e.files[name] = f.generated(name, app, t.Spec, file.Data)
		e.names = append(e.names, name)
		if _, ok := f.mine[name]; !ok {
			f.mine[name] = nil
			if own, ok := mine.Files[name]; ok {
				f.mine[name] = f.read(name, own.Data)
			}
		}
	}
	slices.Sort(e.names)
	return e
}

func (f *finder) generated(name string, app App, from phoenix.Spec, data []byte) *text {
	k := known{name, string(data)}
	if t := f.known[k]; t != nil {
		return t
	}
	data = bytes.ReplaceAll(data, []byte(from.App), []byte(app.Name))
	data = bytes.ReplaceAll(data, []byte(from.Module), []byte(app.Module))
	t := f.read(name, data)
	f.known[k] = t
	return t
}

// shortest line that tells anything, in bytes: `end` and brackets are everywhere.
const shortest = 4

func (f *finder) read(name string, data []byte) *text {
	normal := diff.Normalise(name, string(data))
	t := &text{data: []byte(normal), lines: map[int32]int{}}
	for l := range strings.SplitSeq(normal, "\n") {
		l = strings.TrimSpace(l)
		if len(l) < shortest {
			continue
		}
		key := name + "\x00" + l
		id, ok := f.ids[key]
		if !ok {
			id = int32(len(f.ids))
			f.ids[key] = id
			f.in = append(f.in, nil)
		}
		t.lines[id]++
		t.total++
	}
	return t
}

// weigh gives each line what it tells: ln of the versions there are by the versions that have it.
func (f *finder) weigh(all []entry) {
	for _, e := range all {
		for _, t := range e.files {
			for id := range t.lines {
				f.in[id].add(e.version)
			}
		}
	}
	f.weight = make([]float64, len(f.in))
	for id, s := range f.in {
		if n := s.count(); n > 0 {
			f.weight[id] = math.Log(float64(len(f.versions)) / float64(n))
		}
	}
}

func (f *finder) match(e entry) Match {
	m := Match{Spec: e.spec}
	var hit, miss float64
	for _, name := range e.names {
		g, own := e.files[name], f.mine[name]
		switch {
		case own == nil:
			m.Missing++
		case bytes.Equal(g.data, own.data):
			m.Identical++
		default:
			m.Modified++
		}
		m.Lines += g.total
		m.Surviving += common(g, own)
		for id := range g.lines {
			if own != nil && own.lines[id] > 0 {
				hit += f.weight[id]
			} else {
				miss += f.weight[id]
			}
		}
	}
	// Rounded, since maps give their keys in any order, and sums depend on it.
	m.Score = math.Round((hit-lost*miss)*1e6) / 1e6
	return m
}

func common(a, b *text) int {
	if a == nil || b == nil {
		return 0
	}
	n := 0
	for id, k := range a.lines {
		n += min(k, b.lines[id])
	}
	return n
}

func likeness(a, b *text) int {
	if a.total+b.total == 0 {
		return 100
	}
	return 100 * 2 * common(a, b) / (a.total + b.total)
}

// files says of each of the application's what it is most like.
func (f *finder) files(all []entry, best Match) []File {
	names := map[string]bool{}
	for _, e := range all {
		for _, n := range e.names {
			names[n] = f.mine[n] != nil
		}
	}
	var out []File
	for name, has := range names {
		if !has {
			continue
		}
		if file, ok := f.file(name, all, best); ok {
			out = append(out, file)
		}
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func (f *finder) file(name string, all []entry, best Match) (File, bool) {
	most, base := -1, -1
	var at []phoenix.Version
	measured := map[*text]int{}
	for _, e := range all {
		g := e.files[name]
		if g == nil {
			continue
		}
		n, ok := measured[g]
		if !ok {
			n = likeness(g, f.mine[name])
			measured[g] = n
		}
		if n > most {
			most, at = n, at[:0]
		}
		if n == most {
			at = append(at, e.spec.Version)
		}
		if e.spec.Version == best.Spec.Version && e.spec.Flags.String() == best.Spec.Flags.String() {
			base = n
		}
	}
	if most <= 0 {
		return File{}, false
	}
	slices.SortFunc(at, phoenix.Version.Compare)
	at = slices.Compact(at)
	return File{Path: name, First: at[0], Last: at[len(at)-1], Versions: len(at), Likeness: most, Better: most > base}, true
}

// passed are files that tell nothing of the version: written by everybody, or not by the generator.
func passed(p string) bool {
	base := p[strings.LastIndexByte(p, '/')+1:]
	switch base {
	case "mix.exs", "README.md", "AGENTS.md", "phoenix.css", ".gitkeep", ".keep", "phoenix.js":
		return true
	}
	for _, dir := range []string{"priv/static/", "assets/static/", "assets/vendor/", "priv/gettext/", "web/static/"} {
		if strings.HasPrefix(p, dir) || strings.Contains(p, "/"+dir) {
			return true
		}
	}
	return false
}
