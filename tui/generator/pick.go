package generator

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/source"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// picker is a choice being made: of a version, or of flags.
type picker struct {
	what   choosing
	cursor int
	top    int
	height int
	items  []item
}

type choosing uint8

const (
	chooseFrom choosing = iota
	chooseTo
	chooseFlags
)

// item is something to choose.
type item struct {
	version phoenix.Version // of a version,
	flag    string          // or of a flag with
	value   string          // what it would be set to by choosing it
	text    string
	note    string
	on      bool // it is what is chosen now, or not the default
	missing bool // there is no tree of it
}

// fixed flags change no file, or would let the machine into the files.
var fixed = []string{"app", "module", "web_module", "prefix", "verbose", "install", "version_check", "interactive", "from_elixir_install", "inside_docker_env"}

// values of the flags that have some.
var values = map[string][]string{
	"database": {"postgres", "mysql", "sqlite3", "mssql"},
	"adapter":  {"bandit", "cowboy"},
}

// begin opens a choice, with the cursor on what is chosen.
func (p *Pane) begin(what choosing) {
	p.pick = &picker{what: what}
	p.offer()
	p.pick.cursor = max(slices.IndexFunc(p.pick.items, func(i item) bool { return i.on && what != chooseFlags }), 0)
}

// offer makes the items anew.
func (p *Pane) offer() {
	s := p.value()
	if p.pick == nil || s == nil {
		return
	}
	c := p.choice()
	if p.pick.what == chooseFlags {
		p.pick.items = flagItems(s, c)
		return
	}
	now := c.From
	if p.pick.what == chooseTo {
		now = c.To
	}
	p.pick.items = p.pick.items[:0]
	for _, v := range slices.Backward(s.Versions) {
		it := item{version: v, text: v.String(), on: v == now}
		if r, ok := phoenix.FindRelease(v); ok {
			it.note = r.Date
		}
		p.pick.items = append(p.pick.items, it)
	}
}

// flagItems are the flags that the new version knows.
func flagItems(s *compare.Snapshot, c compare.Choice) []item {
	r := phoenix.Knowledge(c.To)
	trees := map[string]bool{}
	for _, spec := range s.Specs {
		trees[source.Dir(spec)] = true
	}
	var out []item
	for _, sw := range r.Switches(phoenix.Project) {
		if slices.Contains(fixed, sw.Name) {
			continue
		}
		def, ok := r.Default(phoenix.Project, sw.Name)
		if !ok {
			continue
		}
		now, given := c.Flags[sw.Name]
		if !given {
			now = def
		}
		it := item{flag: sw.Name, on: now != def, text: strings.ReplaceAll(sw.Name, "_", "-")}
		switch {
		case sw.Value:
			it.text, it.value = it.text+" "+now, next(values[sw.Name], now)
		case def == "true":
			it.text, it.value = "no-"+it.text, opposite(now)
		default:
			it.value = opposite(now)
		}
		it.missing = s.Whole && !has(trees, c.With(it.flag, it.value))
		out = append(out, it)
	}
	return out
}

func opposite(b string) string {
	if b == "true" {
		return "false"
	}
	return "true"
}

// next of the values after one.
func next(vv []string, v string) string {
	if len(vv) == 0 {
		return v
	}
	return vv[(slices.Index(vv, v)+1)%len(vv)]
}

// has says whether there are trees of both sides.
func has(trees map[string]bool, c compare.Choice) bool {
	old, new := c.Specs()
	for _, spec := range []phoenix.Spec{old, new} {
		fit, _, err := source.Fit(spec)
		if err != nil || !trees[source.Dir(fit)] {
			return false
		}
	}
	return true
}

func (k *picker) move(n int) { k.cursor = max(min(k.cursor+n, len(k.items)-1), 0) }

// point puts the cursor on line y of the choices, and says whether there is one.
func (k *picker) point(y int) bool {
	if y < 0 || y >= k.height || k.top+y >= len(k.items) {
		return false
	}
	k.cursor = k.top + y
	return true
}

// choose takes what is under the cursor. A version closes the choice, flags stay open for more.
func (p *Pane) choose() tea.Cmd {
	k := p.pick
	if k == nil || k.cursor >= len(k.items) {
		p.pick = nil
		return nil
	}
	it, c := k.items[k.cursor], p.choice()
	switch k.what {
	case chooseFrom:
		c.From, p.pick = it.version, nil
	case chooseTo:
		c.To, p.pick = it.version, nil
	case chooseFlags:
		c = c.With(it.flag, it.value)
	}
	cmd := p.ask(c)
	p.offer()
	return cmd
}

// choiceOf reads a choice as an address has it.
func choiceOf(from, to, flags string) (compare.Choice, bool) {
	a, errA := phoenix.ParseVersion(from)
	b, errB := phoenix.ParseVersion(to)
	f, errF := phoenix.ReadFlags(strings.Fields(flags))
	if errA != nil || errB != nil || errF != nil {
		return compare.Choice{}, false
	}
	return compare.Choice{From: a, To: b, Flags: f}, true
}

// pickSection is the open choice.
func (p *Pane) pickSection(env *pane.Env, w int) stack.Section {
	k := p.pick
	title := map[choosing]string{chooseFrom: "FROM", chooseTo: "TO", chooseFlags: "FLAGS"}[k.what]
	return stack.Section{Least: 4, Most: max(len(k.items), 1) + 2, Draw: func(b *paint.Block, w, x, y int) {
		b.Line().Rule(title, paint.Part{Role: themes.Accent, Text: env.Glyphs.Enter}, paint.Part{Role: themes.Muted, Text: " chooses  "}, paint.Part{Role: themes.Accent, Text: "esc"}, paint.Part{Role: themes.Muted, Text: " leaves"})
		if len(k.items) == 0 {
			b.Line().Gap(2).Text(themes.Muted, "there is nothing to choose from")
			return
		}
		h := b.Rest()
		k.height = h
		k.top = max(min(k.top, k.cursor), k.cursor-h+1, 0)
		p.hits = append(p.hits, hit{inChoices, x, y + 1, w, h})
		for i := k.top; i < len(k.items) && b.Rest() > 0; i++ {
			p.drawItem(b.Line(), &k.items[i], i == k.cursor)
		}
	}}
}

func (p *Pane) drawItem(l *paint.Line, it *item, selected bool) {
	if selected {
		l.On(themes.Selection).Text(themes.Accent, l.Glyphs.Gutter)
	}
	l.To(2)
	mark := " "
	if it.on {
		mark = l.Glyphs.OK
	}
	role := themes.Plain
	if it.missing {
		role = themes.Faint
	}
	l.Text(themes.Accent, mark).Gap(1)
	if it.flag != "" {
		l.Text(role, "--")
	}
	l.Text(role, it.text)
	note := it.note
	if it.missing {
		note = "no tree"
	}
	l.Right(paint.Part{Role: themes.Faint, Text: note + " "})
}
