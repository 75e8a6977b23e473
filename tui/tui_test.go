package tui_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"pgregory.net/rapid"

	"ops-console/ops/health"
	"ops-console/tui"
	"ops-console/tui/action"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func connectTo(s tui.Session) func(context.Context) (tui.Session, error) {
	return func(context.Context) (tui.Session, error) { return s, nil }
}

func incident() *health.Snapshot { return tuitest.Snapshot(42, tuitest.Options{Incident: true}) }

func TestEveryFrameIsExact(t *testing.T) {
	worlds := []tuitest.Options{{}, {Incident: true}, {Hostile: true, Incident: true}, {Blackout: true}, {Offline: true, Incident: true, Hostile: true}}
	keys := []string{"?", "ctrl+p", "T", "y", "L", ":", "/", "z", "space", "A", "R", "D", "j", "G", "s", "1", "2", "tab", "esc", "enter", "x", "a", "backspace", "!", "~", "日"}
	rapid.Check(t, func(rt *rapid.T) {
		glyphs := rapid.SampledFrom([]string{"unicode", "ascii"}).Draw(rt, "glyphs")
		app := rapid.SampledFrom(append(tuitest.Hostile(), "changelog", strings.Repeat("long", 50))).Draw(rt, "app")
		c := newConsole(t, func(o *tui.Options) {
			o.App, o.Glyphs = app, glyphs
			o.Theme = rapid.SampledFrom([]string{"mono", "contrast", "terminal"}).Draw(rt, "theme")
			if rapid.Bool().Draw(rt, "broken") {
				o.Connect = func(context.Context) (tui.Session, error) {
					return nil, errors.New(strings.Join(tuitest.Hostile(), " "))
				}
			}
		})
		defer c.m.Close()
		world := rapid.SampledFrom(worlds).Draw(rt, "world")
		snap := tuitest.Snapshot(rapid.IntRange(0, 60).Draw(rt, "n"), world)
		for _, p := range []tea.Msg{pane.HealthMsg{Snapshot: tuitest.Feed(1, snap)}, pane.ToastMsg{Text: tuitest.Hostile()[2]}} {
			c.send(p)
		}
		for range rapid.IntRange(0, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				c.send(tea.WindowSizeMsg{Width: rapid.IntRange(1, 220).Draw(rt, "w"), Height: rapid.IntRange(1, 70).Draw(rt, "h")})
			case 1:
				c.send(tea.PasteMsg{Content: rapid.SampledFrom(tuitest.Hostile()).Draw(rt, "paste")})
			case 2:
				c.send(tea.MouseClickMsg{X: rapid.IntRange(0, 200).Draw(rt, "x"), Y: rapid.IntRange(0, 60).Draw(rt, "y")})
			case 3:
				c.later(time.Duration(rapid.IntRange(0, 400).Draw(rt, "s")) * time.Second)
			default:
				c.press(rapid.SampledFrom(keys).Draw(rt, "key"))
			}
		}
		w, h := rapid.IntRange(1, 220).Draw(rt, "last w"), rapid.IntRange(1, 70).Draw(rt, "last h")
		c.send(tea.WindowSizeMsg{Width: w, Height: h})
		if err := exact(w, h, c.m.Lines()); err != nil {
			rt.Fatal(err)
		}
		if v := c.m.View(); strings.ContainsAny(v.WindowTitle, "\x1b\x07\r\n\u009b") {
			rt.Fatalf("title %q", v.WindowTitle)
		}
	})
}

func TestKeysRunTheFirstActionThatHasThem(t *testing.T) {
	c := connected(t, incident(), nil)
	c.press("enter", "1", "j")
	if got := c.pane.ran; !slices.Equal(got, []string{"open"}) {
		t.Errorf("ran %v", got)
	}
	if !strings.Contains(c.row(1), "1 Overview") || !strings.Contains(c.row(-1), "? help") {
		t.Errorf("frame:\n%s", c.text())
	}
	c.press("2", "x")
	c.has("explain: nothing to explain")
	c.press("j")
	c.hasNot("nothing to explain")
	c.press("tab")
	c.press("shift+tab", "Ω")
	if k, ok := c.pane.seen[len(c.pane.seen)-1].(tea.KeyPressMsg); !ok || k.Text != "Ω" {
		t.Errorf("a key that nobody wants did not reach the pane: %v", c.pane.seen[len(c.pane.seen)-1])
	}
}

func TestDangerIsRefusedUntilArmedAndThenAsked(t *testing.T) {
	c := connected(t, incident(), nil)
	c.press("R")
	c.has("restart: read-only; A arms for 5 minutes")
	c.press("A")
	c.has(" ARMED 5:00 ")
	c.press("R")
	c.has("ops-console restart 91857a")
	c.press("R", "enter", "space")
	if len(c.pane.ran) > 0 {
		t.Fatalf("keys other than the answer ran %v", c.pane.ran)
	}
	c.press("y")
	if !slices.Equal(c.pane.ran, []string{"restart"}) {
		t.Fatalf("ran %v", c.pane.ran)
	}
	c.press("D")
	c.has("Type changelog prod to continue")
	c.press("y", "enter")
	c.send(tea.PasteMsg{Content: "changelog prod\n"})
	c.press("enter")
	if len(c.pane.ran) != 1 {
		t.Fatalf("ran %v: what cannot be undone ran without being typed", c.pane.ran)
	}
	c.press("backspace")
	c.typeText("changelog prod")
	c.press("enter")
	if !slices.Equal(c.pane.ran, []string{"restart", "destroy"}) {
		t.Errorf("ran %v", c.pane.ran)
	}
}

func TestArmingEndsByItself(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*console)
		why  string
	}{
		{"time", func(c *console) { c.later(4 * time.Minute); c.has("ARMED 1:00"); c.later(time.Minute) }, "5 minutes are over"},
		{"nobody looks", func(c *console) {
			c.send(tea.BlurMsg{})
			c.later(time.Minute)
			c.has("ARMED")
			c.later(61 * time.Second)
		}, "nobody has looked"},
		{"the key", func(c *console) { c.press("A") }, ""},
		{"the network", func(c *console) {
			c.sess.PublishNetwork(tuitest.Network(tuitest.Options{Offline: true}))
			c.until("network down", func() bool { return strings.Contains(c.text(), "network down") })
		}, "the network is dead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := connected(t, incident(), nil)
			x.press("A", "R")
			x.has("RESTART")
			if c.name == "the key" {
				x.press("esc")
			}
			c.do(x)
			x.hasNot("ARMED")
			x.hasNot("RESTART")
			x.has(strings.TrimSuffix("read-only again: "+c.why, ": "))
			x.press("R")
			x.has("read-only;")
		})
	}
	c := connected(t, incident(), nil)
	c.press("A")
	c.send(tea.BlurMsg{})
	c.later(time.Minute)
	c.send(tea.FocusMsg{})
	c.later(2 * time.Minute)
	c.has("ARMED 2:00")
}

func TestReadOnlyCannotBeArmed(t *testing.T) {
	c := connected(t, incident(), func(o *tui.Options) { o.ReadOnly = true })
	c.press("A")
	c.has("started with --read-only")
	c.press("R")
	c.has("started with --read-only")
	c.hasNot("ARMED")
}

func TestADialogThatCameByItselfIgnoresKeysOnTheirWay(t *testing.T) {
	c := connected(t, incident(), nil)
	c.press("A")
	a, _ := action.Named(c.pane.Actions(), "restart")
	c.send(pane.ConfirmMsg{Action: a, Arg: "91857a"})
	c.press("y", "esc")
	c.has("RESTART")
	if len(c.pane.ran) > 0 {
		t.Fatalf("ran %v", c.pane.ran)
	}
	c.now = c.now.Add(401 * time.Millisecond)
	c.press("y")
	if !slices.Equal(c.pane.ran, []string{"restart 91857a"}) {
		t.Errorf("ran %v", c.pane.ran)
	}
}

func TestFilterLine(t *testing.T) {
	c := connected(t, incident(), nil)
	c.press("/")
	c.typeText("fra")
	if got := c.row(-1); !strings.HasPrefix(got, " / fra█") || !strings.HasSuffix(got, "6/42") {
		t.Errorf("row %q", got)
	}
	c.press("enter")
	if got := c.row(-1); !strings.HasPrefix(got, " / fra 6/42  esc clear") {
		t.Errorf("row %q", got)
	}
	c.publish(tuitest.Snapshot(80, tuitest.Options{}))
	c.has("/ fra 10/80")
	c.press("esc")
	c.hasNot("/ fra")
	c.press("/")
	c.send(tea.PasteMsg{Content: "iad\nquit\n"})
	c.has("/ iad█")
	c.press("esc")
	c.hasNot("iad█")
}

func TestCommandLine(t *testing.T) {
	c := connected(t, incident(), nil)
	c.press(":")
	c.typeText("ov")
	c.has(": ov█erview")
	c.press("tab", "enter")
	if !strings.Contains(c.m.Lines()[1], "1 ") || c.pane.ran != nil {
		t.Error("overview was not opened")
	}
	c.press(":")
	c.typeText("theme contr")
	c.press("tab", "enter")
	c.press(":")
	c.typeText("nonsense")
	c.press("enter")
	c.has(`there is no command "nonsense"`)
	c.press(":", "up", "up")
	c.has(": theme contrast█")
	c.press("up", "up", "down", "down", "down", "down")
	c.has(": █")
	c.press("backspace")
	c.hasNot(": █")
	c.press("2", ":")
	c.typeText("sort region")
	c.press("enter")
	if id, _ := c.pane.table.Sort(); id != "region" {
		t.Errorf("sorted by %q", id)
	}
	c.press(":")
	c.typeText("restart")
	c.press("enter")
	c.has("read-only;")
}

func TestHelpAndPaletteRunWhatIsChosen(t *testing.T) {
	c := connected(t, incident(), nil)
	c.press("?")
	c.has("Keys")
	c.has("Everywhere")
	c.has("nothing to explain")
	c.press("esc", "ctrl+p")
	c.typeText("zoom")
	c.press("enter")
	if strings.Contains(c.row(0), "changelog") {
		t.Errorf("not zoomed: %q", c.row(0))
	}
	c.press("esc")
	if !strings.Contains(c.row(0), "changelog") {
		t.Errorf("esc did not end the zoom: %q", c.row(0))
	}
	c.press("ctrl+p")
	c.typeText("qqqqqq")
	c.has("nothing matches")
	c.press("enter")
	c.hasNot("nothing matches")
}

func TestBackLeavesOneLevelAtATime(t *testing.T) {
	c := connected(t, incident(), nil)
	c.press("space", "z", "/", "f", "enter", "enter")
	c.has("FROZEN") // a zoomed pane hides the row that says so else
	if !c.pane.detail {
		t.Fatal("enter did not open")
	}
	for i, want := range []func() bool{
		func() bool { return !c.pane.detail },
		func() bool { n, total := c.pane.table.Len(); return n == total },
		func() bool { return strings.Contains(c.row(0), "changelog") },
		func() bool { return !strings.Contains(c.text(), "FROZEN") },
	} {
		c.press("esc")
		if !want() {
			t.Errorf("esc number %d did not leave its level", i+1)
		}
	}
}

func TestBackReturnsToThePaneThatOpenedThisOne(t *testing.T) {
	c := connected(t, incident(), nil)
	c.press("1")
	c.send(pane.OpenMsg{Address: "instances"})
	c.press("esc")
	if !strings.Contains(c.m.Address(), "overview") {
		t.Errorf("esc led to %s, want the overview", c.m.Address())
	}
	c.press("1")
	c.send(pane.OpenMsg{Address: "instances"})
	c.press("2", "esc")
	if !strings.Contains(c.m.Address(), "instances") {
		t.Errorf("esc led to %s, want to stay where the number led", c.m.Address())
	}
}

func TestThemesAreTriedBeforeTheyAreChosen(t *testing.T) {
	c := connected(t, incident(), nil)
	look := func() string { return c.m.Lines()[0] }
	before := look()
	c.press("T", "up")
	c.press("esc")
	if look() != before {
		t.Error("esc did not restore the theme")
	}
	c.press("T")
	c.typeText("solarized")
	c.press("enter")
	if look() == before {
		t.Error("the theme was not applied")
	}
}

func TestAThemeFileIsReadAgainWhenItChanges(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mine.toml")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("base = \"contrast\"\n")
	c := connected(t, incident(), func(o *tui.Options) { o.Theme, o.ThemeDirs = "mine", []string{dir} })
	frame := func() string { return strings.Join(c.m.Lines(), "\n") }
	put("base = \"contrast\"\n[text]\ntext = \"#123456\"\n")
	c.until("the new colour", func() bool { return strings.Contains(frame(), "38;2;18;52;86") })
	put("base = \"contrast\"\n[text]\ntext = \"purplish\"\n")
	c.until("the error", func() bool { return strings.Contains(c.row(-1), "mine.toml:3: text.text") })
	if !strings.Contains(frame(), "38;2;18;52;86") {
		t.Error("a broken file took the theme away")
	}
}

func TestCopyAndSave(t *testing.T) {
	dir := t.TempDir()
	c := connected(t, incident(), func(o *tui.Options) { o.SaveDir = dir })
	c.press("y")
	c.has("instances?id=")
	c.press("down", "enter")
	id := c.pane.snap.Instances[0].ID
	c.until("the clipboard", func() bool {
		return slices.ContainsFunc(c.all, func(m tea.Msg) bool { return toString(m) == id })
	})
	c.press("w")
	path := filepath.Join(dir, "ops-console-changelog-20260304T140732Z.txt")
	c.until("the file", func() bool { _, err := os.Stat(path); return err == nil && strings.Contains(c.row(-1), "saved to") })
	b, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(b), "changelog / prod") || strings.Contains(string(b), "\x1b") {
		t.Errorf("%v\n%s", err, b)
	}
	c.press("w")
	c.until("a refusal", func() bool { return strings.Contains(c.row(-1), "there is a file already") })
	c.press("L")
	c.has("there is a file already")
	c.has("copied: machine id")
}

// toString is the text of the clipboard message, which has no exported type.
func toString(m tea.Msg) string { return fmt.Sprint(m) }

func TestMouse(t *testing.T) {
	c := connected(t, incident(), nil)
	click := func(x, y int) { c.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft}) }
	click(5, 6)
	if i, _ := c.pane.table.Cursor(); i != 2 {
		t.Errorf("a click on the third row selected %d", i)
	}
	click(3, 1)
	c.press("j")
	if got := c.m.Lines()[1]; !strings.Contains(got, "1 ") {
		t.Error(got)
	}
	if i, _ := c.pane.table.Cursor(); i != 2 {
		t.Error("the first tab was not opened by a click")
	}
	off := connected(t, incident(), func(o *tui.Options) { o.Mouse = false })
	off.send(tea.MouseClickMsg{X: 5, Y: 6})
	if i, _ := off.pane.table.Cursor(); i != 0 {
		t.Error("a click did something with the mouse off")
	}
	if off.m.View().MouseMode != tea.MouseModeNone {
		t.Error("the terminal was asked for the mouse")
	}
}

func TestKeysCanBeRemappedWithoutConflict(t *testing.T) {
	c := connected(t, incident(), func(o *tui.Options) {
		o.Keys = map[string][]string{"zoom": {"Z"}, "instances.down": {"n"}, "help": {"f1"}}
	})
	c.press("n", "z")
	if i, _ := c.pane.table.Cursor(); i != 1 {
		t.Errorf("n moved to row %d", i)
	}
	c.has("Z zoom")
	for want, keys := range map[string]map[string][]string{
		`key "q" runs both "console quit" and "instances restart"`: {"instances.restart": {"q"}},
		"there is no action called nonsense":                       {"nonsense": {"q"}},
		`key "?" runs both`:                                        {"zoom": {"?"}},
	} {
		_, err := tui.New(tui.Options{Panes: []pane.Pane{newRows("Instances")}, Keys: keys, Env: []string{}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", keys, err, want)
		}
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for want, o := range map[string]tui.Options{
		`there is no theme "nope"`: {Theme: "nope"},
		`color "blue"`:             {Color: "blue"},
		`glyphs "emoji"`:           {Glyphs: "emoji"},
	} {
		if _, err := tui.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, env := range [][]string{{"TERM=dumb"}, {}} {
		if err := tui.Run(t.Context(), tui.Options{Env: env}); !errors.Is(err, tui.ErrNoTerminal) {
			t.Errorf("%v: got %v, want %v", env, err, tui.ErrNoTerminal)
		}
	}
}

func TestNoColorOfAnyValueMeansNone(t *testing.T) {
	c := connected(t, incident(), func(o *tui.Options) { o.Color, o.Env = "", append(o.Env, "NO_COLOR=yes") })
	for _, l := range c.m.Lines() {
		if strings.Contains(l, "38;") || strings.Contains(l, "48;") || strings.Contains(l, ";3") {
			t.Fatalf("%q has a colour", l)
		}
	}
	if !strings.Contains(strings.Join(c.m.Lines(), ""), "\x1b[0;7m") {
		t.Error("the selected row cannot be told")
	}
}

func TestAutoThemeFollowsTheBackground(t *testing.T) {
	c := newConsole(t, func(o *tui.Options) { o.Theme = "auto" })
	dark := c.m.Lines()[0]
	c.send(tea.BackgroundColorMsg{Color: white{}})
	if c.m.Lines()[0] == dark {
		t.Error("a light background kept the dark theme")
	}
	hinted := newConsole(t, func(o *tui.Options) { o.Theme, o.Env = "", append(o.Env, "COLORFGBG=0;15") })
	if hinted.m.Lines()[0] == dark {
		t.Error("COLORFGBG of a light terminal kept the dark theme")
	}
}

type white struct{}

func (white) RGBA() (r, g, b, a uint32) { return 0xffff, 0xffff, 0xffff, 0xffff }

func TestAnUnchangedFrameIsNotDrawnAgain(t *testing.T) {
	c := connected(t, incident(), nil)
	first := c.m.View()
	c.send(tea.MouseMotionMsg{X: 1, Y: 1}, tea.KeyReleaseMsg{Code: 'a'})
	if n := testing.AllocsPerRun(100, func() { c.m.View() }); n != 0 {
		t.Errorf("an unchanged View allocates %v times", n)
	}
	if second := c.m.View(); second.Content != first.Content {
		t.Error("the frame changed")
	}
}
