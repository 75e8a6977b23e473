package paint

import (
	"ops-console/ops"
	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/glyph"
)

// Mark is how a status looks: a shape, a role and a word, of which any one suffices to tell it.
type Mark struct {
	Glyph string
	Role  themes.Role
	Word  string
}

// Level is the mark of a health level. Anything it does not know is unknown.
func Level(g *glyph.Set, l health.Level) Mark {
	switch l {
	case health.LevelOK:
		return Mark{g.OK, themes.OK, "ok"}
	case health.LevelWarning:
		return Mark{g.Warn, themes.Warn, "warning"}
	case health.LevelCritical:
		return Mark{g.Crit, themes.Crit, "critical"}
	case health.LevelStopped:
		return Mark{g.Stopped, themes.Muted, "stopped"}
	}
	return Mark{g.Unknown, themes.Stale, "unknown"}
}

// Severity is the mark of a problem.
func Severity(g *glyph.Set, s ops.Severity) Mark {
	switch s {
	case ops.Critical:
		return Level(g, health.LevelCritical)
	case ops.Warning:
		return Level(g, health.LevelWarning)
	}
	return Level(g, health.LevelUnknown)
}
