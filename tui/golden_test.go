package tui_test

import (
	"fmt"
	"testing"

	tea "charm.land/bubbletea/v2"

	"ops-console/tui"
	"ops-console/tui/golden"
	"ops-console/tui/tuitest"
)

func TestGoldenFrames(t *testing.T) {
	for _, c := range []struct {
		name, theme, glyphs string
		w, h                int
		world               tuitest.Options
		keys                []string
	}{
		{name: "incident", theme: "catppuccin-mocha", w: 120, h: 20, world: tuitest.Options{Incident: true}},
		{name: "incident", theme: "solarized-light", w: 80, h: 24, world: tuitest.Options{Incident: true}},
		{name: "incident", theme: "mono", glyphs: "ascii", w: 160, h: 18, world: tuitest.Options{Incident: true}},
		{name: "calm", theme: "contrast", w: 60, h: 15},
		{name: "offline", theme: "gruvbox-dark", w: 100, h: 16, world: tuitest.Options{Offline: true}},
		{name: "small", theme: "terminal", w: 52, h: 9, world: tuitest.Options{Incident: true}},
		{name: "help", theme: "catppuccin-mocha", w: 100, h: 24, keys: []string{"?"}},
		{name: "confirm", theme: "mono", w: 100, h: 24, world: tuitest.Options{Incident: true}, keys: []string{"A", "D"}},
		{name: "command", theme: "mono", w: 100, h: 15, keys: []string{":", "t"}},
	} {
		name := fmt.Sprintf("%s-%s-%dx%d", c.name, c.theme, c.w, c.h)
		t.Run(name, func(t *testing.T) {
			x := connected(t, tuitest.Snapshot(24, c.world), func(o *tui.Options) {
				o.Theme = c.theme
				if c.glyphs != "" {
					o.Glyphs = c.glyphs
				}
			})
			x.sess.PublishNetwork(tuitest.Network(c.world))
			x.send(tea.WindowSizeMsg{Width: c.w, Height: c.h})
			x.press(c.keys...)
			x.later(0)
			lines := x.m.Lines()
			if err := exact(c.w, c.h, lines); err != nil {
				t.Error(err)
			}
			golden.Frame(t, name, lines)
		})
	}
}
