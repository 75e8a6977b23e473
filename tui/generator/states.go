package generator

import (
	"ops-console/ops/phoenix/merge"
	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/paint"
)

// status is how a state of a file is said.
type status struct {
	word     string
	sentence string
	role     themes.Role
	shape    func(g *glyph.Set) string
}

func (s status) mark(g *glyph.Set) paint.Mark {
	if s.shape == nil {
		return paint.Mark{Glyph: g.Queued, Role: themes.Muted, Word: s.word}
	}
	return paint.Mark{Glyph: s.shape(g), Role: s.role, Word: s.word}
}

var (
	crit    = func(g *glyph.Set) string { return g.Crit }
	warn    = func(g *glyph.Set) string { return g.Warn }
	ok      = func(g *glyph.Set) string { return g.OK }
	done    = func(g *glyph.Set) string { return g.Done }
	unknown = func(g *glyph.Set) string { return g.Unknown }
	stopped = func(g *glyph.Set) string { return g.Stopped }
	plus    = func(*glyph.Set) string { return "+" }
)

var states = map[merge.State]status{
	merge.Marked:    {"unresolved", "Conflict markers are in it: resolve them, then mark it as done. e opens it at the first.", themes.Crit, crit},
	merge.Conflicts: {"conflicts", "You changed it, and some of what is new is where you changed it.", themes.Crit, crit},
	merge.Differs:   {"differs", "You changed it, and it is not text: look at both and take one.", themes.Warn, warn},
	merge.Own:       {"yours", "The generator makes it now, and you have a file of your own there.", themes.Warn, warn},
	merge.Merges:    {"merges cleanly", "You changed it, and what is new fits in beside your changes.", themes.OK, ok},
	merge.Untouched: {"take new", "You never changed it: the new one can be taken as it is.", themes.OK, ok},
	merge.New:       {"new", "The generator makes it now, and you have nothing there.", themes.Info, plus},
	merge.Absent:    {"absent", "You do not have it: you deleted it, or moved it beyond recognition. It changed all the same.", themes.Stale, unknown},
	merge.Kept:      {"dropped, yours", "The generator no longer makes it, and you changed it: what it said may be elsewhere now.", themes.Warn, warn},
	merge.Dropped:   {"dropped", "You never changed it; the new generator no longer makes it. Something of yours may still use it.", themes.Muted, stopped},
	merge.Applied:   {"has it all", "You changed it, and all that is new is there already.", themes.OK, done},
	merge.Has:       {"has it", "It is the new one already.", themes.OK, done},
	merge.Gone:      {"dropped, gone", "The generator no longer makes it, and you do not have it either.", themes.Faint, done},
	merge.Unchanged: {"unchanged", "The generator makes it as before.", themes.Faint, done},
}

// How the changes of a file are said.
var hunkStates = map[merge.HunkState]status{
	merge.Applies:   {"applies", "", themes.OK, ok},
	merge.Already:   {"there already", "", themes.Muted, done},
	merge.Likely:    {"probably there: every line it adds is somewhere in the file", "", themes.Info, done},
	merge.Contended: {"conflicts", "", themes.Crit, crit},
}
