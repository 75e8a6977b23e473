package generator

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
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

// picker is a choice being made: of a generator, of a version, of flags, of the version that a file comes from.
type picker struct {
	what   choosing
	cursor int
	top    int
	height int
	items  []item
	file   string // row.id of the file whose version is chosen
}

type choosing uint8

const (
	chooseFrom choosing = iota
	chooseTo
	chooseFlags
	chooseAxis
	chooseBase
)

// pickTitles are the headings of the choices.
var pickTitles = map[choosing]string{chooseFrom: "FROM", chooseTo: "TO", chooseFlags: "FLAGS", chooseAxis: "GENERATOR", chooseBase: "COMES FROM"}

// item is something to choose.
type item struct {
	version phoenix.Version // of a version,
	axis    phoenix.Axis    // or of a generator,
	flag    string          // or of a flag with
	value   string          // what it would be set to by choosing it
	text    string
	note    string
	on      bool // it is what is chosen now, or not the default
	missing bool // there is no tree of it
	far     bool // there may be one, though none is at hand
	near    bool // the file is like that version's
}

// fixed flags change no file.
var fixed = []string{"verbose", "merge_with_existing_context"}

// values of the flags that have some.
var values = map[string][]string{
	"database":    {"postgres", "mysql", "sqlite3", "mssql"},
	"adapter":     {"bandit", "cowboy"},
	"hashing_lib": {"bcrypt", "pbkdf2", "argon2"},
}

// begin opens a choice, with the cursor on what is chosen.
func (p *Pane) begin(what choosing) {
	p.pick = &picker{what: what}
	if r := p.row(); r != nil && what == chooseBase {
		p.pick.file = r.id
	}
	p.offer()
	p.pick.cursor = max(slices.IndexFunc(p.pick.items, func(i item) bool { return i.on && what != chooseFlags }), 0)
	if near := slices.IndexFunc(p.pick.items, func(i item) bool { return i.near }); what == chooseBase && p.pick.cursor == 0 && near > 0 {
		p.pick.cursor = near
	}
	p.pick.top = max(p.pick.cursor-ahead, 0)
}

// ahead is how many choices are shown above the one that the cursor is on at first.
const ahead = 5

// offer makes the items anew.
func (p *Pane) offer() {
	s := p.value()
	if p.pick == nil || s == nil {
		return
	}
	c := p.choice()
	switch p.pick.what {
	case chooseFlags:
		p.pick.items = flagItems(s, c)
	case chooseAxis:
		p.pick.items = axisItems(s, c)
	case chooseBase:
		p.pick.items = p.baseItems(s)
	case chooseFrom:
		p.pick.items = versionItems(s, c.From)
	case chooseTo:
		p.pick.items = versionItems(s, c.To)
	}
	p.pick.move(0)
}

// versionItems are all versions, newest first.
func versionItems(s *compare.Snapshot, now phoenix.Version) []item {
	var out []item
	for _, v := range slices.Backward(offered(s)) {
		it := item{version: v, text: v.String(), on: v == now}
		if r, ok := phoenix.FindRelease(v); ok {
			it.note = r.Date
		}
		if slices.Contains(s.Others, v) {
			it.far, it.note = true, "not at hand  "+it.note
		}
		out = append(out, it)
	}
	return out
}

// offered are the versions that there are trees of, and those that there may be, oldest first.
func offered(s *compare.Snapshot) []phoenix.Version {
	all := slices.Concat(s.Versions, s.Others)
	slices.SortFunc(all, phoenix.Version.Compare)
	return all
}

// axisItems are the generators.
func axisItems(s *compare.Snapshot, c compare.Choice) []item {
	what := map[phoenix.Axis]string{phoenix.Project: "a project", phoenix.Auth: "authentication", phoenix.ReleaseFiles: "release files"}
	var out []item
	for _, a := range phoenix.Axes() {
		it := item{axis: a, text: a.Task(), note: what[a], on: a == c.Generator()}
		if len(versionsOf(s, a)) == 0 {
			it.missing, it.far, it.note = s.Whole, !s.Whole, ""
		}
		out = append(out, it)
	}
	return out
}

// versionsOf are those of which trees of a generator are at hand.
func versionsOf(s *compare.Snapshot, a phoenix.Axis) []phoenix.Version {
	var out []phoenix.Version
	for i := range s.Specs {
		if v := s.Specs[i].Version; s.Specs[i].Axis == a && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// baseItems are the versions that the file under the cursor may come from, that of the rest first.
func (p *Pane) baseItems(s *compare.Snapshot) []item {
	r := p.row()
	if r == nil || r.id != p.pick.file {
		return nil
	}
	out := []item{{text: s.Choice.From.String() + ", like the rest", on: r.base == phoenix.Version{}}}
	near, known := s.Nearer[r.path]
	for _, it := range versionItems(s, r.base) {
		if it.version == s.Choice.From {
			continue
		}
		if v := it.version; known && !v.Before(near.First) && !near.Last.Before(v) {
			it.near, it.note = true, strconv.Itoa(near.Likeness)+" % alike  "+it.note
		}
		out = append(out, it)
	}
	return out
}

// flagItems are the flags that the new version knows.
func flagItems(s *compare.Snapshot, c compare.Choice) []item {
	r := phoenix.Knowledge(c.To)
	var out []item
	for _, sw := range r.Offered(c.Generator()) {
		def, ok := r.Default(c.Generator(), sw.Name)
		if !ok || slices.Contains(fixed, sw.Name) {
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
		if !has(s.Specs, c.With(it.flag, it.value)) {
			it.missing, it.far = s.Whole, !s.Whole
		}
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

// has says whether there are trees of both sides, within whatever project.
func has(all []phoenix.Spec, c compare.Choice) bool {
	old, new := c.Specs()
	for _, spec := range []phoenix.Spec{old, new} {
		fit, _, err := source.Fit(spec)
		if err != nil || !slices.ContainsFunc(all, func(s phoenix.Spec) bool {
			return s.Axis == fit.Axis && s.Version == fit.Version && maps.Equal(s.Flags, fit.Flags)
		}) {
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
	s, it, c := p.value(), k.items[k.cursor], p.choice()
	switch k.what {
	case chooseFrom:
		c.From, p.pick = it.version, nil
	case chooseTo:
		c.To, p.pick = it.version, nil
	case chooseFlags:
		c = c.With(it.flag, it.value)
	case chooseAxis:
		if it.missing {
			return func() tea.Msg {
				return pane.ToastMsg{Err: errors.New(s.Source + " has no tree of mix " + it.axis.Task())}
			}
		}
		p.pick = nil
		return p.turnTo(it.axis)
	case chooseBase:
		msg := pane.RebaseMsg{Key: k.file, Version: it.version}
		p.pick = nil
		return func() tea.Msg { return msg }
	}
	cmd := p.ask(c)
	p.offer()
	return cmd
}

// turnTo asks for another generator's trees, of the versions that are compared now where those are at hand, or where none
// is and they have such a generator.
func (p *Pane) turnTo(a phoenix.Axis) tea.Cmd {
	s, now := p.value(), p.choice()
	if a == now.Generator() {
		return nil
	}
	c, have := compare.Choice{Axis: a}, versionsOf(s, a)
	fits := func(v phoenix.Version) bool {
		return slices.Contains(have, v) || len(have) == 0 && phoenix.Knowledge(v).Switches(a) != nil
	}
	if fits(now.From) && fits(now.To) {
		c.From, c.To = now.From, now.To
	}
	return p.ask(c)
}

// axisWord is a choice's generator as addresses and commands have it; empty: that of projects.
func axisWord(c compare.Choice) string {
	if c.Generator() == phoenix.Project {
		return ""
	}
	return string(c.Generator())
}

// choiceOf reads a choice as an address has it.
func choiceOf(v url.Values) (compare.Choice, bool) {
	a, errA := phoenix.ParseVersion(v.Get("from"))
	b, errB := phoenix.ParseVersion(v.Get("to"))
	f, errF := phoenix.ReadFlags(strings.Fields(v.Get("flags")))
	n, errN := readNames(v.Get("names"))
	axis := phoenix.Axis(v.Get("axis"))
	if errA != nil || errB != nil || errF != nil || errN != nil || axis != "" && !slices.Contains(phoenix.Axes(), axis) {
		return compare.Choice{}, false
	}
	return compare.Choice{Axis: axis, From: a, To: b, Flags: f, Names: n}, true
}

// readNames reads what phx.gen.auth is asked for; nothing is the zero value.
func readNames(text string) (phoenix.Names, error) {
	w := strings.Fields(text)
	switch len(w) {
	case 0:
		return phoenix.Names{}, nil
	case 3:
		return phoenix.Names{Context: w[0], Schema: w[1], Plural: w[2]}, nil
	}
	return phoenix.Names{}, fmt.Errorf("names: want a context, a schema and its plural, such as %s", phoenix.DefaultNames)
}

// pickSection is the open choice.
func (p *Pane) pickSection(env *pane.Env, w int) stack.Section {
	k := p.pick
	return stack.Section{Least: 4, Most: max(len(k.items), 1) + 2, Draw: func(b *paint.Block, w, x, y int) {
		title := pickTitles[k.what]
		if r := p.row(); k.what == chooseBase && r != nil && w >= besideAt/2 {
			title += ": " + short(r.path, env.Glyphs.Ellipsis, w/2)
		}
		b.Line().Rule(title, paint.Part{Role: themes.Accent, Text: env.Glyphs.Enter}, paint.Part{Role: themes.Muted, Text: " chooses  "}, paint.Part{Role: themes.Accent, Text: "esc"}, paint.Part{Role: themes.Muted, Text: " leaves"})
		if len(k.items) == 0 {
			b.Line().Gap(2).Text(themes.Muted, "there is nothing to choose from")
			return
		}
		h := b.Rest()
		k.height = h
		k.top = max(min(k.top, k.cursor, len(k.items)-h), k.cursor-h+1, 0)
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
	if it.missing || it.far {
		role = themes.Faint
	}
	if it.near {
		role = themes.Strong
	}
	l.Text(themes.Accent, mark).Gap(1)
	if it.flag != "" {
		l.Text(role, "--")
	}
	l.Text(role, it.text)
	note := it.note
	switch {
	case it.missing:
		note = "no tree"
	case it.far && note == "":
		note = "not at hand"
	}
	l.Right(paint.Part{Role: themes.Faint, Text: note + " "})
}
