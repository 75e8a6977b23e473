package generator

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/report"
	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/paint"
	"ops-console/tui/table"
)

// row is a file of the comparison.
type row struct {
	id   string // compare.Key: what its done mark goes by
	path string
	dir  string
	name string
	text string     // what the filter looks at
	pair *diff.Pair // nil: it is in neither tree under this path
	file *merge.File
	done bool
	base phoenix.Version // that it comes from, where somebody said another than the rest's; zero: the rest's
}

// state is what the file is to the application, in a word; empty: not known.
func (r *row) state() string {
	if r.file == nil {
		return ""
	}
	return states[r.file.State].word
}

// rows are the files that changed.
func rows(s *compare.Snapshot) []row {
	files := filesByKey(s)
	var out []row
	for i := range s.Pairs {
		p := &s.Pairs[i]
		if (p.Status == diff.Same || p.Only == diff.OnlyNoise) && !p.Moved() {
			continue
		}
		out = append(out, newRow(s, p.Path(), p, files[compare.Key(*p)]))
	}
	// Files of one directory stay together, before those of the directories in it.
	slices.SortStableFunc(out, func(a, b row) int { return strings.Compare(a.dir, b.dir) })
	return out
}

// mineRows are those of the application, what asks for a decision first.
func mineRows(s *compare.Snapshot) []row {
	if s.Plan == nil {
		return nil
	}
	pairs := map[string]*diff.Pair{}
	for i := range s.Pairs {
		pairs[compare.Key(s.Pairs[i])] = &s.Pairs[i]
	}
	var out []row
	for i := range s.Plan.Files {
		f := &s.Plan.Files[i]
		key := compare.FileKey(f)
		pair := pairs[key]
		_, own := s.Bases[key]
		if !own && (f.State == merge.Unchanged || f.State == merge.Absent && pair != nil && pair.Status == diff.Same) {
			continue // the generator changed nothing
		}
		out = append(out, newRow(s, f.Path(), pair, f))
	}
	slices.SortStableFunc(out, func(a, b row) int {
		return slices.Index(merge.States, a.file.State) - slices.Index(merge.States, b.file.State)
	})
	return out
}

func filesByKey(s *compare.Snapshot) map[string]*merge.File {
	out := map[string]*merge.File{}
	if s.Plan != nil {
		for i := range s.Plan.Files {
			out[compare.FileKey(&s.Plan.Files[i])] = &s.Plan.Files[i]
		}
	}
	return out
}

func newRow(s *compare.Snapshot, at string, p *diff.Pair, f *merge.File) row {
	key := diff.Key(at)
	switch {
	case p != nil:
		key = compare.Key(*p)
	case f != nil:
		key = compare.FileKey(f)
	}
	r := row{id: key, path: at, dir: path.Dir(at), name: path.Base(at), pair: p, file: f, done: s.Done[key], base: s.Bases[key]}
	words := []string{at, r.state()}
	if p != nil {
		words = append(words, string(p.Status), string(p.Only), p.Collapse, p.Old)
		if p.Moved() {
			words = append(words, "moved")
		}
	}
	if r.done {
		words = append(words, "done")
	}
	r.text = strings.Join(words, " ")
	return r
}

// kind is the shape of what happened to a file.
func (r *row) kind(g *glyph.Set) (string, themes.Role) {
	switch {
	case r.pair == nil:
		return " ", themes.Muted
	case r.pair.Status == diff.Added:
		return "+", themes.OK
	case r.pair.Status == diff.Removed:
		return minus(g), themes.Crit
	case r.pair.Moved():
		return g.Right, themes.Info
	}
	return "~", themes.Warn
}

func minus(g *glyph.Set) string {
	if g.ASCII {
		return "-"
	}
	return "−"
}

// columns of the list.
func (p *Pane) columns() []table.Column {
	dim := func(r *row, role themes.Role) themes.Role {
		if r.done {
			return themes.Faint
		}
		return role
	}
	count := func(n func(r *row) (string, int), role themes.Role) func(i int) (string, themes.Role) {
		return func(i int) (string, themes.Role) {
			r := &p.rows[i]
			sign, k := n(r)
			if r.pair == nil || k == 0 {
				return "", themes.Faint
			}
			return sign + strconv.Itoa(k), dim(r, role)
		}
	}
	return []table.Column{
		{ID: "done", Width: 1, Tight: true, Cell: func(i int) (string, themes.Role) {
			r := &p.rows[i]
			switch {
			case p.mine && p.picked.any(r.id):
				return chosenGlyph, themes.Accent
			case r.done:
				return p.glyphs.Done, themes.OK
			}
			return "", themes.Faint
		}},
		{ID: "kind", Width: 1, Tight: true, Cell: func(i int) (string, themes.Role) {
			s, role := p.rows[i].kind(p.glyphs)
			return s, dim(&p.rows[i], role)
		}},
		{ID: "file", Width: 20, Min: 8, Flex: 1, Tight: true, Draw: func(l *paint.Line, i, w int) {
			r := &p.rows[i]
			name := r.name
			if p.table.Group == nil || p.mine {
				name = short(r.path, p.glyphs.Ellipsis, w)
			}
			l.Text(dim(r, themes.Plain), name)
		}},
		{ID: "added", Width: 5, Align: paint.Right, Tight: true, Cell: count(func(r *row) (string, int) { return "+", r.added() }, themes.OK)},
		{ID: "removed", Width: 5, Align: paint.Right, Tight: true, Cell: count(func(r *row) (string, int) { return minus(p.glyphs), r.removed() }, themes.Crit)},
	}
}

func (r *row) added() int {
	if r.pair == nil {
		return 0
	}
	return r.pair.Added
}

func (r *row) removed() int {
	if r.pair == nil {
		return 0
	}
	return r.pair.Removed
}

// short is a path that fits in w characters, without what its beginning says.
func short(at, dots string, w int) string {
	for utf8.RuneCountInString(at) > w {
		_, rest, ok := strings.Cut(strings.TrimPrefix(at, dots+"/"), "/")
		if !ok {
			break
		}
		at = dots + "/" + rest
	}
	return at
}

// groupLine is the heading of a directory, or of a state.
func (p *Pane) groupLine(l *paint.Line, group string, items []int) {
	if !p.mine {
		l.Gap(2).Text(themes.Faint, group+"/")
		return
	}
	st := states[p.rows[items[0]].file.State]
	m := st.mark(l.Glyphs)
	l.Text(m.Role, m.Glyph).Gap(1).Text(themes.Strong, st.word).Gap(1).Text(themes.Muted, strconv.Itoa(len(items)))
}

// part of the files that is shown.
type part uint8

const (
	everything part = iota
	configuration
	authentication
	application
	undecided
	numParts
)

// keeps says which files each part has. The kinds are those of phx diff --only.
var keeps = [numParts]func(r *row) bool{
	everything:     func(*row) bool { return true },
	configuration:  func(r *row) bool { return report.Config.Of(r.path) },
	authentication: func(r *row) bool { return report.Auth.Of(r.path) },
	application:    func(r *row) bool { return r.file != nil && r.file.Mine != "" },
	undecided: func(r *row) bool {
		return !r.done && (r.file == nil || r.file.Actionable() || r.file.State == merge.Conflicts || r.file.State == merge.Marked)
	},
}

// of keeps the rows of the part.
func (k part) of(rr []row) []row {
	return slices.DeleteFunc(rr, func(r row) bool { return !keeps[k](&r) })
}

// partWords are what parts are called, and partNames how they are typed.
var (
	partWords = [numParts]string{"all files", "configuration only", "authentication only", "files that you have", "to decide"}
	partNames = [numParts]string{"all", "config", "auth", "mine", "undecided"}
)

// word is what the part is called.
func (k part) word() string { return partWords[k] }
