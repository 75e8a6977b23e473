package backups

import (
	"slices"
	"strings"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/retain"
	"ops-console/ops/backup/watch"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/table"
)

// row is a backup as the table shows it.
type row struct {
	*backup.Record
	decision retain.Decision // zero: there is none
	at       time.Time       // what its data is true of
	proven   backup.Verification
	known    bool // proven is one
	broken   string
	text     string // what the filter looks at
}

// rows are the backups of a snapshot, newest first.
func rows(s *watch.Snapshot) []row {
	decided := make(map[backup.ID]retain.Decision, len(s.Retention))
	for _, d := range s.Retention {
		decided[d.ID] = d
	}
	out := make([]row, 0, len(s.Listing.Records))
	for i := range s.Listing.Records {
		r := row{Record: &s.Listing.Records[i], at: retain.When(&s.Listing.Records[i])}
		m := &r.Manifest
		r.decision = decided[m.ID]
		r.proven, r.known = r.Proven()
		if v, bad := r.Broken(); bad {
			r.broken = v.Failure
			if r.broken == "" {
				r.broken = "it failed its check"
			}
		}
		words := []string{string(m.ID), why(m), m.Remote, m.Server.Node, m.Server.Version, r.decision.Brief(), r.broken, r.at.UTC().Format("2006-01-02 15:04")}
		if r.known {
			words = append(words, r.proven.Level.String())
		} else {
			words = append(words, "unproven")
		}
		if r.Pin != nil {
			words = append(words, "pinned", r.Pin.Why, r.Pin.By)
		}
		r.text = strings.Join(words, " ")
		out = append(out, r)
	}
	return out
}

// goes says that retention lets it go.
func (r *row) goes() bool { return r.decision.ID != "" && !r.decision.Keep && r.decision.Frozen == "" }

// only is which backups are shown, by what becomes of them.
type only uint8

const (
	everything only = iota
	going
	staying
	pinned
	doubtful
)

// onlys are the words for them, in the order that the key goes through.
var onlys = []struct {
	only  only
	word  string // in addresses and on the ":" line
	means string
}{
	{everything, "all", "all of them"},
	{going, "going", "retention lets them go"},
	{staying, "kept", "retention keeps them"},
	{pinned, "pinned", "somebody pinned them"},
	{doubtful, "doubtful", "broken, or not proven beyond their size"},
}

func (o only) String() string { return onlys[o].word }

// onlyNamed is the one of a name; everything where there is none.
func onlyNamed(word string) only {
	if i := slices.IndexFunc(onlys, func(x struct {
		only        only
		word, means string
	},
	) bool {
		return x.word == word
	}); i >= 0 {
		return onlys[i].only
	}
	return everything
}

func (o only) lets(r *row) bool {
	switch o {
	case going:
		return r.goes()
	case staying:
		return !r.goes()
	case pinned:
		return r.Pin != nil
	case doubtful:
		return r.broken != "" || !r.known || r.proven.Level < backup.Decoded
	}
	return true
}

// why is what a backup was taken for.
func why(m *backup.Manifest) string {
	switch {
	case m.Reason == backup.PreDeploy && m.DeployID != "":
		return "before deploy " + m.DeployID
	case m.Reason == backup.PreDeploy:
		return "before a deploy"
	}
	return string(m.Reason)
}

// mark is how good a backup is. One that is only known to be there is not known to be good.
func (p *Pane) mark(r *row) paint.Mark {
	switch {
	case r.broken != "":
		return paint.Mark{Glyph: p.glyphs.Crit, Role: themes.Crit, Word: "broken"}
	case r.known && r.proven.Level >= backup.Decoded:
		return paint.Mark{Glyph: p.glyphs.OK, Role: themes.OK, Word: r.proven.Level.String()}
	}
	return paint.Mark{Glyph: p.glyphs.Unknown, Role: themes.Stale, Word: "not proven"}
}

// columns are those of the table. What is most worth knowing at 80 columns has no Drop.
func (p *Pane) columns() []table.Column {
	at := func(i int) *row { return &p.rows[i] }
	return []table.Column{
		{ID: "", Width: 1, Tight: true, Cell: func(i int) (string, themes.Role) {
			m := p.mark(at(i))
			return m.Glyph, m.Role
		}},
		{ID: "age", Title: "AGE", Width: 7, Align: paint.Right, Cell: func(i int) (string, themes.Role) {
			return paint.Duration(p.now.Sub(at(i).at).Truncate(time.Second)), p.quiet(at(i))
		}},
		{ID: "taken", Title: "TAKEN", Width: 17, Drop: 2, Cell: func(i int) (string, themes.Role) {
			return at(i).at.UTC().Format("2006-01-02 15:04Z"), themes.Muted
		}},
		{ID: "size", Title: "SIZE", Width: 7, Align: paint.Right, Cell: func(i int) (string, themes.Role) {
			return paint.Bytes(at(i).Manifest.Stored()), p.quiet(at(i))
		}},
		{ID: "proven", Title: "PROVEN", Width: 21, Min: 16, Draw: func(l *paint.Line, i, _ int) { p.provenCell(l, at(i)) }},
		{ID: "why", Title: "WHY", Width: 12, Min: 8, Drop: 1, Cell: func(i int) (string, themes.Role) {
			return strings.TrimPrefix(why(&at(i).Manifest), "before "), themes.Muted
		}},
		{ID: "kept", Title: "KEPT AS", Width: 14, Min: 12, Flex: 1, Draw: func(l *paint.Line, i, _ int) { p.keptCell(l, at(i)) }},
		{ID: "id", Title: "ID", Width: 8, Drop: 3, Cell: func(i int) (string, themes.Role) { return tail(at(i).Manifest.ID), themes.Faint }},
	}
}

// tail is the end of an ID, by which commands take it, too. The beginning of all that were taken in the same hours is the
// same.
func tail(id backup.ID) string {
	if len(id) <= 8 {
		return string(id)
	}
	return string(id[len(id)-8:])
}

// quiet is how a fact of a backup looks: only those of backups that are not well are brighter than the rest.
func (p *Pane) quiet(r *row) themes.Role {
	if r.broken != "" {
		return themes.Plain
	}
	return themes.Muted
}

// levels is how many steps there are to what is proven best.
const levels = int(backup.Restored) + 1

// provenCell is how far a backup is proven, as steps and a word, and how long ago that was.
func (p *Pane) provenCell(l *paint.Line, r *row) {
	m := p.mark(r)
	switch {
	case r.broken != "":
		l.Text(m.Role, "BROKEN").Gap(1).Text(themes.Plain, r.broken)
		return
	case !r.known:
		l.Repeat(themes.Faint, l.Glyphs.StepOff, levels).Gap(1).Text(m.Role, m.Word)
		return
	}
	steps := int(r.proven.Level) + 1
	role := themes.Muted
	if r.proven.Level < backup.Decoded {
		role = themes.Stale
	}
	l.Repeat(m.Role, l.Glyphs.StepOn, steps).Repeat(themes.Faint, l.Glyphs.StepOff, levels-steps).Gap(1).Text(role, r.proven.Level.String())
	l.Gap(1).Text(themes.Faint, paint.Short(p.now.Sub(r.proven.At))+" ago")
}

func (p *Pane) keptCell(l *paint.Line, r *row) {
	switch {
	case r.Pin != nil:
		l.Text(themes.Accent, "pinned").Text(themes.Muted, ": "+r.Pin.Why)
	case r.decision.ID == "":
		l.Text(themes.Faint, l.Glyphs.Dash)
	case r.decision.Frozen != "":
		l.Text(themes.Stale, r.decision.Brief())
	case r.goes():
		l.Text(themes.Warn, r.decision.Brief())
	default:
		l.Text(themes.Muted, r.decision.Brief())
	}
}
