package tui_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"go.uber.org/goleak"

	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui"
	"ops-console/tui/action"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/table"
	"ops-console/tui/tuitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rows is a pane of one table, as small as a pane can be.
type rows struct {
	name   string
	table  table.Table
	snap   *health.Snapshot
	seen   []tea.Msg
	detail bool
	ran    []string
	extra  []action.Action
}

func newRows(name string) *rows {
	p := &rows{name: name, snap: &health.Snapshot{}}
	in := func(i int) *health.Instance { return &p.snap.Instances[i] }
	p.table.Columns = []table.Column{
		{ID: "level", Width: 1, Tight: true, Draw: func(l *paint.Line, i, _ int) {
			m := paint.Level(l.Glyphs, in(i).Level)
			l.Text(m.Role, m.Glyph)
		}},
		{ID: "id", Title: "ID", Width: 14, Cell: func(i int) (string, themes.Role) { return in(i).ID, themes.Plain }},
		{
			ID: "region", Title: "REGION", Width: 6, Drop: 1, Cell: func(i int) (string, themes.Role) { return in(i).Region, themes.Muted },
			Compare: func(a, b int) int { return strings.Compare(in(a).Region, in(b).Region) },
		},
		{ID: "name", Title: "NAME", Width: 18, Flex: 1, Drop: 3, Cell: func(i int) (string, themes.Role) { return in(i).Name, themes.Muted }},
		{ID: "probe", Title: "PROBE", Width: 7, Align: paint.Right, Drop: 2, Cell: func(i int) (string, themes.Role) { return paint.Latency(in(i).Probe.Latency), themes.Muted }},
	}
	p.table.Key = func(i int) string { return in(i).ID }
	p.table.Text = func(i int) string { return in(i).ID + " " + in(i).Region + " " + in(i).Name }
	p.table.Empty = "no instance"
	return p
}

func (p *rows) Name() string  { return p.name }
func (p *rows) Short() string { return p.name[:4] }
func (p *rows) Badge() int    { return len(p.snap.Problems) }
func (p *rows) Back() bool    { was := p.detail; p.detail = false; return was }
func (p *rows) Address() string {
	id := ""
	if i, ok := p.table.Cursor(); ok {
		id = "?id=" + p.snap.Instances[i].ID
	}
	return strings.ToLower(p.name) + id
}

func (p *rows) Selected() (string, string) {
	if i, ok := p.table.Cursor(); ok {
		return "machine id", p.snap.Instances[i].ID
	}
	return "", ""
}

func (p *rows) Filter(text string) (n, total int) { return p.table.SetFilter(text) }

func (p *rows) Update(msg tea.Msg) tea.Cmd {
	p.seen = append(p.seen, msg)
	switch msg := msg.(type) {
	case pane.HealthMsg:
		if msg.Snapshot.Value != nil {
			p.snap = msg.Snapshot.Value
			p.table.SetLen(len(p.snap.Instances))
		}
	case pane.OpenMsg:
		_, id, _ := strings.Cut(msg.Address, "?id=")
		p.table.Select(id)
	case tea.MouseClickMsg:
		p.table.Click(msg.X, msg.Y)
	}
	return nil
}

func (p *rows) View(env *pane.Env, w, h int) []string { return p.table.View(env, w, h) }

func (p *rows) Actions() []action.Action {
	aa := []action.Action{
		{Name: "open", Help: "open", Keys: []string{"enter"}, Run: p.run("open")},
		{Name: "restart", Help: "restart this machine", Keys: []string{"R"}, Danger: action.Changes, Command: "ops-console restart 91857a", Run: p.run("restart")},
		{Name: "destroy", Help: "destroy this machine", Keys: []string{"D"}, Danger: action.Destroys, Run: p.run("destroy")},
		{Name: "explain", Help: "explain", Keys: []string{"x"}, Disabled: "nothing to explain", Run: p.run("explain")},
	}
	return append(append(aa, p.extra...), p.table.Actions()...)
}

func (p *rows) run(what string) func(string) tea.Cmd {
	return func(arg string) tea.Cmd {
		p.ran = append(p.ran, strings.TrimSpace(what+" "+arg))
		p.detail = p.detail || what == "open"
		return nil
	}
}

// console drives a model the way the program does, without a terminal.
type console struct {
	t    testing.TB
	m    *tui.Model
	msgs chan tea.Msg
	done chan struct{}
	now  time.Time
	all  []tea.Msg // what commands said that was not for the model
	pane *rows
	sess *tuitest.Session
}

func newConsole(t testing.TB, change func(*tui.Options)) *console {
	t.Helper()
	c := &console{t: t, msgs: make(chan tea.Msg), done: make(chan struct{}), now: tuitest.Now(), pane: newRows("Instances")}
	o := tui.Options{
		App: "changelog", Environment: "prod", Panes: []pane.Pane{newRows("Overview"), c.pane}, Open: "instances",
		Theme: themes.DefaultDark, Glyphs: "unicode", Color: "true", Interval: 2 * time.Second, Mouse: true,
		Now: func() time.Time { return c.now }, Env: []string{"TERM=xterm-256color", "LANG=C.UTF-8"},
	}
	if change != nil {
		change(&o)
	}
	m, err := tui.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.m = m
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		close(c.done)
	})
	c.do(m.Init())
	c.send(tea.WindowSizeMsg{Width: 120, Height: 30})
	return c
}

// do runs a command as the program would, in a goroutine of its own.
func (c *console) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		msg := cmd()
		if msg == nil {
			return
		}
		select {
		case c.msgs <- msg:
		case <-c.done:
		}
	}()
}

func (c *console) send(msgs ...tea.Msg) {
	for _, msg := range msgs {
		if batch, ok := msg.(tea.BatchMsg); ok {
			for _, cmd := range batch {
				c.do(cmd)
			}
			continue
		}
		c.all = append(c.all, msg)
		_, cmd := c.m.Update(msg)
		c.m.View()
		c.do(cmd)
	}
}

// press sends keys as Bubble Tea names them: "j", "enter", "ctrl+p".
func (c *console) press(keys ...string) {
	for _, k := range keys {
		c.send(keyMsg(k))
	}
}

func (c *console) typeText(s string) {
	for _, r := range s {
		if r == ' ' {
			c.press("space")
			continue
		}
		c.press(string(r))
	}
}

func keyMsg(k string) tea.KeyPressMsg {
	named := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "backspace": tea.KeyBackspace, "up": tea.KeyUp, "down": tea.KeyDown,
		"left": tea.KeyLeft, "right": tea.KeyRight, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd, "delete": tea.KeyDelete,
	}
	if k == "space" {
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	}
	var mod tea.KeyMod
	if rest, ok := strings.CutPrefix(k, "ctrl+"); ok {
		mod, k = tea.ModCtrl, rest
	} else if rest, ok := strings.CutPrefix(k, "shift+"); ok {
		mod, k = tea.ModShift, rest
	}
	if code, ok := named[k]; ok {
		return tea.KeyPressMsg{Code: code, Mod: mod}
	}
	r := []rune(k)[0]
	if mod != 0 {
		return tea.KeyPressMsg{Code: r, Mod: mod}
	}
	return tea.KeyPressMsg{Code: r, Text: k}
}

// until takes messages in until cond holds.
func (c *console) until(what string, cond func() bool) {
	c.t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for !cond() {
		select {
		case msg := <-c.msgs:
			c.send(msg)
		case <-deadline.C:
			c.t.Fatalf("never: %s\n%s", what, c.text())
		}
	}
}

// later moves the clock on and lets it strike.
func (c *console) later(d time.Duration) {
	c.now = c.now.Add(d)
	_, cmd := c.m.Update(tui.Tick())
	c.do(cmd)
}

func (c *console) text() string {
	return ansi.Strip(strings.Join(c.m.Lines(), "\n"))
}

// row is a line of the frame without its looks; negative ones count from the bottom.
func (c *console) row(y int) string {
	lines := c.m.Lines()
	if y < 0 {
		y += len(lines)
	}
	return strings.TrimRight(ansi.Strip(lines[y]), " ")
}

func (c *console) has(want string) {
	c.t.Helper()
	if !strings.Contains(c.text(), want) {
		c.t.Errorf("the frame does not say %q:\n%s", want, c.text())
	}
}

func (c *console) hasNot(want string) {
	c.t.Helper()
	if strings.Contains(c.text(), want) {
		c.t.Errorf("the frame says %q:\n%s", want, c.text())
	}
}

// publish gives the model a snapshot through a session.
func (c *console) publish(s *health.Snapshot) {
	c.t.Helper()
	c.sess.Publish(s)
	c.until("the snapshot", func() bool { return c.pane.snap == s })
}

// connected is a console with a session that has read a snapshot.
func connected(t testing.TB, s *health.Snapshot, change func(*tui.Options)) *console {
	t.Helper()
	sess := tuitest.NewSession()
	c := newConsole(t, func(o *tui.Options) {
		o.Connect = connectTo(sess)
		if change != nil {
			change(o)
		}
	})
	c.sess = sess
	c.publish(s)
	return c
}

func exact(w, h int, lines []string) error {
	if len(lines) != h {
		return fmt.Errorf("%d lines, want %d", len(lines), h)
	}
	for y, l := range lines {
		if a, b := ansi.StringWidth(l), ansi.StringWidthWc(l); a != w || b != w {
			return fmt.Errorf("line %d is %d cells by grapheme, %d by rune, want %d: %q", y, a, b, w, l)
		}
	}
	return nil
}
