package generator

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/merge"
	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// picks are what was chosen to be taken, by row.id: changes by their index, or the whole file.
type picks map[string]map[int]bool

// whole is the index that stands for all of a file.
const whole = -1

// chosenGlyph stands before what was chosen. It is in every font.
const chosenGlyph = "*"

func (k picks) any(id string) bool { return len(k[id]) > 0 }

func (k picks) has(id string, i int) bool { return k[id][i] || k[id][whole] }

// set chooses change i of a file, or takes that back.
func (k picks) set(id string, i int, on bool) {
	if k[id] == nil {
		k[id] = map[int]bool{}
	}
	if delete(k[id], i); on {
		k[id][i] = true
	}
	if len(k[id]) == 0 {
		delete(k, id)
	}
}

// ready is what would become of the files that were chosen.
type ready struct {
	plan    *merge.Plan
	choices []merge.Choice
	touches []action.Touch
}

// touches say what would become of the files of choices. It takes merging them, so it is kept until others are chosen.
func (p *Pane) touches(cc []merge.Choice) []action.Touch {
	plan, r := p.value().Plan, &p.ready
	same := func(a, b merge.Choice) bool { return a.Path == b.Path && slices.Equal(a.Hunks, b.Hunks) }
	if r.plan != plan || !slices.EqualFunc(r.choices, cc, same) {
		*r = ready{plan, cc, touches(plan, cc)}
	}
	return r.touches
}

// taking is what was written last, and when.
type taking struct {
	msg pane.AppliedMsg
	at  time.Time
}

// takeable are the changes of a file that can be taken one by one; none, where only the whole file can.
func (p *Pane) takeable(r *row) []int {
	if r == nil || !p.byHunk(r) {
		return nil
	}
	var out []int
	for i := range r.file.Hunks {
		if r.file.Hunks[i].State != merge.Already {
			out = append(out, i)
		}
	}
	return out
}

// change is the index of the one under the cursor.
func (p *Pane) change(r *row) int { return max(min(p.hunk, p.hunks(r)-1), 0) }

// untakeable is why nothing of a file can be taken; empty: something can.
func (p *Pane) untakeable(r *row) string {
	switch why := p.unplanned(); {
	case why != "":
		return why
	case r == nil || r.file == nil:
		return p.none()
	case r.file.Actionable():
		return ""
	}
	return cmp.Or(refusals[r.file.State], "there is nothing to take")
}

// refusals say why nothing is taken of files in a state.
var refusals = map[merge.State]string{
	merge.Marked:  "conflict markers are in the file: resolve them first; e opens it",
	merge.Own:     "you have a file of your own there, and it would be lost: b says which version it comes from",
	merge.Differs: "it is not text: look at both, and take one by hand",
	merge.Absent:  "you do not have the file, and it is not made again",
	merge.Kept:    "the generator no longer makes it, and nothing is deleted from here",
	merge.Dropped: "the generator no longer makes it, and nothing is deleted from here",
}

// pickAll chooses a whole file, or takes that back.
func (p *Pane) pickAll(r *row, on bool) {
	delete(p.picked, r.id)
	if !on {
		return
	}
	p.picked.set(r.id, whole, true)
}

// pickOne chooses the change under the cursor, or takes that back; of a file that is taken whole only, the file.
func (p *Pane) pickOne(r *row) {
	can := p.takeable(r)
	if len(can) == 0 {
		p.pickAll(r, !p.picked.any(r.id))
		return
	}
	// What was chosen as a whole is chosen change by change from here on.
	if p.picked[r.id][whole] {
		delete(p.picked, r.id)
		for _, i := range can {
			p.picked.set(r.id, i, true)
		}
	}
	at := p.change(r)
	p.picked.set(r.id, at, !p.picked.has(r.id, at))
}

// pickClean chooses all that takes cleanly, or, where anything is chosen, nothing.
func (p *Pane) pickClean() {
	if len(p.picked) > 0 {
		p.picked = picks{}
		return
	}
	for _, r := range p.own {
		if !r.done && slices.Contains([]merge.State{merge.Untouched, merge.Merges, merge.New}, r.file.State) {
			p.picked.set(r.id, whole, true)
		}
	}
}

// keepPicks drops what was chosen of files that are others in a newer plan.
func (p *Pane) keepPicks(before *compare.Snapshot) {
	s := p.value()
	if len(p.picked) == 0 || before != nil && before.Plan == s.Plan {
		return
	}
	was, is := map[string]*merge.File{}, filesByKey(s)
	if before != nil {
		was = filesByKey(before)
	}
	maps.DeleteFunc(p.picked, func(id string, _ map[int]bool) bool {
		return was[id] == nil || is[id] == nil || !sameChanges(was[id], is[id])
	})
}

// sameChanges says whether two classifications of a file have the same to offer.
func sameChanges(a, b *merge.File) bool {
	return a.Path() == b.Path() && a.Target() == b.Target() && a.State == b.State && slices.EqualFunc(a.Hunks, b.Hunks, func(x, y merge.Hunk) bool {
		return x.State == y.State && x.AtMine == y.AtMine && slices.Equal(x.Mine, y.Mine) && slices.Equal(x.New, y.New)
	})
}

// choices are what was chosen, or what the cursor is on.
func (p *Pane) choices() []merge.Choice {
	var out []merge.Choice
	for i := range p.own {
		r := &p.own[i]
		if !p.picked.any(r.id) || !r.file.Actionable() {
			continue
		}
		c := merge.Choice{Path: r.file.Path()}
		if can := p.takeable(r); !p.picked[r.id][whole] && len(p.picked[r.id]) < len(can) {
			c.Hunks = slices.Sorted(maps.Keys(p.picked[r.id]))
		}
		out = append(out, c)
	}
	if len(out) > 0 {
		return out
	}
	r := p.row()
	if p.untakeable(r) != "" {
		return nil
	}
	c := merge.Choice{Path: r.file.Path()}
	if can := p.takeable(r); len(can) > 0 {
		at := p.change(r)
		if !slices.Contains(can, at) {
			return nil
		}
		if len(can) > 1 {
			c.Hunks = []int{at}
		}
	}
	return []merge.Choice{c}
}

// pickActions choose what is to be taken.
func (p *Pane) pickActions() []action.Action {
	do := func(f func(r *row)) func(string) tea.Cmd {
		return func(string) tea.Cmd {
			if r := p.row(); r != nil && p.untakeable(r) == "" {
				f(r)
			}
			return nil
		}
	}
	one := action.Action{Name: "choose", Help: "choose", About: "choose the change under the cursor to be taken, or take that back", Keys: []string{"v"}, Run: do(p.pickOne)}
	file := action.Action{
		Name: "choose file", Help: "choose file", About: "choose all of the file to be taken, or take that back", Keys: []string{"V"}, Hidden: true,
		Run: do(func(r *row) { p.pickAll(r, !p.picked.any(r.id)); p.move(1) }),
	}
	clean := action.Action{
		Name: "choose clean", Help: "choose all that takes cleanly", About: "choose all that takes cleanly, or, where something is chosen, nothing", Keys: []string{"*"}, Hidden: true,
		Run: func(string) tea.Cmd { p.pickClean(); return nil },
	}
	r := p.row()
	one.Disabled = p.untakeable(r)
	file.Disabled = one.Disabled
	if can := p.takeable(r); one.Disabled == "" && len(can) > 0 && !slices.Contains(can, p.change(r)) {
		one.Disabled = "this change is there already"
	}
	if s := p.value(); !p.mine || s == nil || s.Plan == nil {
		clean.Disabled = p.unplanned()
	}
	return []action.Action{one, p.applyAction(), file, clean}
}

// unplanned is why nothing can be taken at all.
func (p *Pane) unplanned() string {
	s := p.value()
	switch {
	case s == nil || len(s.Pairs) == 0:
		return p.none()
	case s.Dir == "":
		return "no project is known; --project says where it is"
	case s.Plan == nil:
		return "your files are not compared"
	case !p.mine:
		return "m shows your files: there, changes can be taken"
	}
	return ""
}

// applyAction writes what was chosen. What it touches is shown before it is confirmed.
func (p *Pane) applyAction() action.Action {
	a := action.Action{
		Name: "apply", Help: "apply", Keys: []string{"a"}, Danger: action.Changes,
		About: "write what is chosen, or the change under the cursor, into the project's files: git must have all that is there, and nothing is deleted",
		Run:   func(string) tea.Cmd { return nil },
	}
	if a.Disabled = p.unplanned(); a.Disabled != "" {
		return a
	}
	if p.applying {
		a.Disabled = "the last changes are being written"
		return a
	}
	cc := p.choices()
	if len(cc) == 0 {
		if a.Disabled = p.untakeable(p.row()); a.Disabled == "" {
			a.Disabled = "this change is there already"
		}
		return a
	}
	s := p.value()
	msg := pane.ApplyMsg{Plan: s.Plan, Choices: cc}
	a.Plan = "Writes 1 file in " + s.Dir + ". git must have what is there now, and nothing is deleted."
	if len(cc) > 1 {
		a.Plan = "Writes " + strconv.Itoa(len(cc)) + " files in " + s.Dir + ", all or none. git must have what is there now, and nothing is deleted."
	}
	a.Touches, a.Command = p.touches(cc), p.applyCommand(cc)
	a.Run = func(string) tea.Cmd {
		p.applying, p.taken = true, nil
		return func() tea.Msg { return msg }
	}
	return a
}

// touches say what becomes of each file.
func touches(plan *merge.Plan, cc []merge.Choice) []action.Touch {
	var out []action.Touch
	for _, c := range cc {
		f, ok := plan.File(c.Path)
		if !ok {
			continue
		}
		t := action.Touch{What: f.Target()}
		_, conflicts, err := f.Result(*plan, c.Hunks)
		switch {
		case err != nil:
			t.How, t.Warn = err.Error(), true
		case conflicts > 0:
			t.How, t.Warn = changesOf(&f, c)+", "+paint.Count(conflicts, "conflict", "conflicts")+" between markers", true
		case f.State == merge.New:
			t.How = "new file"
		case f.Mine != f.Target():
			t.How = "moves here, the old one stays"
		case f.State == merge.Untouched:
			t.How = "you never changed it"
		default:
			t.How = changesOf(&f, c)
		}
		out = append(out, t)
	}
	return out
}

// changesOf is how many of a file's changes are taken.
func changesOf(f *merge.File, c merge.Choice) string {
	n := 0
	for i := range f.Hunks {
		if f.Hunks[i].State != merge.Already {
			n++
		}
	}
	if c.Hunks != nil && len(c.Hunks) < n {
		return strconv.Itoa(len(c.Hunks)) + " of " + paint.Count(n, "change", "changes")
	}
	return paint.Count(n, "change", "changes")
}

// applyCommand does the same on a command line.
func (p *Pane) applyCommand(cc []merge.Choice) string {
	var words []string
	for _, c := range cc {
		word := c.Path
		for i, h := range c.Hunks {
			word += map[bool]string{true: ":", false: ","}[i == 0] + strconv.Itoa(h)
		}
		words = append(words, word)
	}
	return upgradeCommand(p.value().Choice, append(words, "--apply")...)
}

// took takes what was written, or why nothing was. What was chosen is kept where it was not.
func (p *Pane) took(msg pane.AppliedMsg) {
	p.applying = false
	p.taken = &taking{msg, p.now}
	if msg.Err == nil || len(msg.Written) > 0 {
		p.picked = picks{}
	}
}

// takenWords are what was written last, and what is left to do.
func (p *Pane) takenWords() []paint.Part {
	if p.applying {
		return []paint.Part{{Role: themes.Info, Text: p.glyphs.Running[0] + " writing into " + p.value().Dir}}
	}
	if p.taken == nil {
		return nil
	}
	m := &p.taken.msg
	ago := ", " + paint.Ago(p.now, p.taken.at)
	if m.Err != nil && len(m.Written) == 0 {
		return []paint.Part{{Role: themes.Crit, Text: p.glyphs.Crit + " nothing was written" + ago + ": " + m.Err.Error()}}
	}
	var conflicts, left []string
	for _, w := range m.Written {
		if w.Conflicts > 0 {
			conflicts = append(conflicts, w.Path)
		}
		if w.Left != "" {
			left = append(left, w.Left)
		}
	}
	text := p.glyphs.Done + " wrote " + paint.Count(len(m.Written), "file", "files")
	if len(m.Written) == 1 {
		text = p.glyphs.Done + " wrote " + m.Written[0].Path
	}
	out := []paint.Part{{Role: themes.OK, Text: text + ago + "; git status and git diff show it"}}
	if m.Err != nil {
		out = append(out, paint.Part{Role: themes.Warn, Text: p.glyphs.Warn + " but " + m.Err.Error()})
	}
	if len(conflicts) > 0 {
		out = append(out, paint.Part{Role: themes.Warn, Text: p.glyphs.Warn + " conflicts between markers to resolve: " + strings.Join(conflicts, ", ")})
	}
	if len(left) > 0 {
		out = append(out, paint.Part{Role: themes.Muted, Text: p.glyphs.Dot + " moved on, and still there: " + strings.Join(left, ", ")})
	}
	return out
}
