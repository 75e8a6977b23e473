package tui

import (
	"context"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"ops-console/themes"
	"ops-console/tui/glyph"
)

// askBackground is how long the terminal may take to say how bright its background is.
const askBackground = 150 * time.Millisecond

// look is how things are drawn: the theme that was asked for, and what the terminal can do of it.
type look struct {
	wanted  string // a theme's name, or "auto"
	dark    bool   // the terminal's background, as far as known
	asking  bool   // it has not answered yet
	profile colorprofile.Profile
	fixed   bool // the profile was asked for, the terminal has no say
	theme   *themes.Theme
	glyphs  *glyph.Set
	err     string // why the theme is not the one that was asked for
}

type (
	backgroundTimeoutMsg struct{}
	themesChangedMsg     struct{}
)

func newLook(o *Options) (look, error) {
	l := look{wanted: o.Theme, dark: true}
	if l.wanted == "" {
		l.wanted = "auto"
	}
	var err error
	if l.profile, l.fixed, err = profile(o); err != nil {
		return l, err
	}
	if l.glyphs, err = glyph.Choose(o.Glyphs, o.getenv); err != nil {
		return l, err
	}
	// Some terminals say it without being asked: "15;0" is white on black.
	if v := o.getenv("COLORFGBG"); v != "" {
		if n, err := strconv.Atoi(v[strings.LastIndexByte(v, ';')+1:]); err == nil {
			l.dark = n < 7 || n == 8
		}
	}
	l.asking = l.wanted == "auto"
	l.theme, err = l.load(l.wanted, o.ThemeDirs)
	return l, err
}

// load compiles a theme for this terminal.
func (l *look) load(name string, dirs []string) (*themes.Theme, error) {
	if name == "auto" {
		name = themes.DefaultLight
		if l.dark {
			name = themes.DefaultDark
		}
	}
	f, err := themes.Load(name, dirs)
	if err != nil {
		return nil, err
	}
	return f.Compile(l.profile), nil
}

// apply makes name the theme; where that fails, the theme stays as it is.
func (m *Model) apply(name string) error {
	t, err := m.look.load(name, m.o.ThemeDirs)
	if err != nil {
		return err
	}
	m.look.theme, m.look.wanted, m.look.err = t, name, ""
	return nil
}

// reapply loads the theme again: the terminal or the file has changed.
func (m *Model) reapply() {
	if err := m.apply(m.look.wanted); err != nil && err.Error() != m.look.err {
		m.look.err = err.Error()
		m.fail(err)
	}
}

// learn takes in what the terminal says of itself.
func (m *Model) learn(msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.ColorProfileMsg:
		if !m.look.fixed && m.look.profile != msg.Profile {
			m.look.profile = msg.Profile
			m.reapply()
		}
	case tea.BackgroundColorMsg:
		dark := msg.IsDark()
		changed := dark != m.look.dark
		m.look.dark, m.look.asking = dark, false
		if changed && m.look.wanted == "auto" {
			m.reapply()
		}
	case backgroundTimeoutMsg:
		m.look.asking = false
	}
}

// watchThemes waits for the next change of the user's theme files.
func (m *Model) watchThemes() tea.Cmd {
	w := m.watcher
	if w == nil {
		return nil
	}
	return m.jobs.cmd(func(ctx context.Context) tea.Msg {
		select {
		case <-w.Changed():
			return themesChangedMsg{}
		case <-ctx.Done():
			return nil
		}
	})
}
