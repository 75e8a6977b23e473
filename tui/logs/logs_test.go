package logs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"ops-console/ops/logs"
	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/glyph"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

// screen is what the pane shows, as text.
func (l *log) screen(t testing.TB) string {
	t.Helper()
	return ansi.Strip(strings.Join(l.View(env(t), 120, 36), "\n"))
}

func (l *log) has(t testing.TB, want ...string) {
	t.Helper()
	s := l.screen(t)
	for _, w := range want {
		if !strings.Contains(s, w) {
			t.Errorf("%q is not on the screen:\n%s", w, s)
		}
	}
}

// shown is the lines on the screen, by their numbers.
func (l *log) shown(t testing.TB) []place {
	t.Helper()
	l.View(env(t), 120, 36)
	var out []place
	for _, i := range l.drawn {
		if i >= 0 {
			out = append(out, l.rows[i])
		}
	}
	return out
}

func TestWhatIsReadStaysWhereItIs(t *testing.T) {
	l := after(t, with(tuitest.Log{Lines: 400, Kept: 300}), "ctrl+u")
	before, at := l.shown(t), l.selected().Seq
	for range 40 {
		l.say(50) // far more than is kept
	}
	if got := l.shown(t); !slices.Equal(got, before) {
		t.Errorf("shown are %d to %d, want %d to %d", got[0], got[len(got)-1], before[0], before[len(before)-1])
	}
	if got := l.selected().Seq; got != at {
		t.Errorf("the cursor is on %d, want %d", got, at)
	}
	if n := len(l.rows); n > 2*300+2*256 {
		t.Errorf("%d rows are kept", n)
	}
	press(t, l.Pane, "f")
	if last := l.rows[len(l.rows)-1]; last != born+place(l.now.Last()) || l.cursor != len(l.rows)-1 {
		t.Errorf("after following again: at %d of %d", l.selected().Seq, l.now.Last())
	}
	if l.held.Len() != 0 {
		t.Error("what was read is still kept")
	}
}

func TestFollowingEndsAndBegins(t *testing.T) {
	for _, tt := range []struct {
		name    string
		keys    []string
		follows bool
	}{
		{"at first", nil, true},
		{"a line up", []string{"k"}, false},
		{"up and down to the same line", []string{"k", "j"}, false},
		{"and on", []string{"k", "j", "j"}, true},
		{"half a page up", []string{"ctrl+u"}, false},
		{"to the oldest", []string{"g"}, false},
		{"to the newest", []string{"g", "G"}, true},
		{"End", []string{"pgup", "end"}, true},
		{"f", []string{"k", "f"}, true},
		{"f where it follows", []string{"f"}, false},
		{"a problem above", []string{"N"}, false},
		{"a line is opened", []string{"enter"}, false},
		{"and closed", []string{"enter", "enter"}, true},
		{"opened while held", []string{"k", "enter", "enter"}, false},
		{"a level", []string{"l"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := after(t, with(tuitest.Log{Lines: 400}), tt.keys...)
			if l.following != tt.follows {
				t.Fatalf("follows: %v, want %v", l.following, tt.follows)
			}
			at := l.selected().Seq
			l.say(7)
			if moved := l.selected().Seq != at; moved != tt.follows {
				t.Errorf("moved with new lines: %v, want %v", moved, tt.follows)
			}
			if n, want := l.fresh(), 7; !tt.follows && n != want {
				t.Errorf("%d new lines, want %d", n, want)
			}
		})
	}
}

func TestNewLinesAreCountedUntilTheyAreRead(t *testing.T) {
	l := after(t, with(tuitest.Log{Lines: 400}), "k")
	l.has(t, "held  ")
	l.say(3)
	l.has(t, "held, 3 new lines")
	press(t, l.Pane, "j", "j")
	l.has(t, "held, 2 new lines")
	filtered("nowhere", l)
	l.has(t, "no line matches")
	filtered("", l)
	l.has(t, "held, 2 new lines")
}

func TestTheWheelScrollsAndFollowsAgainAtTheEnd(t *testing.T) {
	l := with(tuitest.Log{Lines: 400})
	up, down := tea.MouseWheelMsg{Button: tea.MouseWheelUp, Y: 10}, tea.MouseWheelMsg{Button: tea.MouseWheelDown, Y: 10}
	before := l.shown(t)
	l.Update(up)
	if got := l.shown(t); got[0] != before[0]-3 || l.following {
		t.Errorf("a notch up: from %d, want %d; follows: %v", got[0], before[0]-3, l.following)
	}
	l.Update(down)
	l.View(env(t), 120, 36)
	l.Update(down)
	l.View(env(t), 120, 36)
	l.Update(down)
	if got := l.shown(t); got[0] != before[0] || !l.following {
		t.Errorf("down to the end: from %d, want %d; follows: %v", got[0], before[0], l.following)
	}
}

func TestQuickFilters(t *testing.T) {
	l := after(t, with(tuitest.Log{Lines: 400}), "k")
	at := l.selected()
	id, region := at.Machine, at.Region
	press(t, l.Pane, "m")
	if got := l.Address(); got != "logs?machine="+id {
		t.Errorf("address %s", got)
	}
	if l.selected() != at {
		t.Error("the cursor left its line")
	}
	l.has(t, "only "+l.names.Short(id)+" "+region)
	press(t, l.Pane, "m", "b", "l", "l")
	if got := l.Address(); got != "logs?level=warn&region="+region {
		t.Errorf("address %s", got)
	}
	for _, seq := range l.rows {
		if x := l.line(seq); x.Region != region || x.Level < logs.Warn {
			t.Errorf("%+v is shown", x)
		}
	}
	for _, want := range []string{"logs?region=" + region, "logs"} {
		if !l.Back() || l.Address() != want {
			t.Errorf("after esc: %s, want %s", l.Address(), want)
		}
	}
	if l.Back() {
		t.Error("there was something more to leave")
	}
	run := func(name, arg string) tea.Msg {
		a, ok := action.Named(l.Actions(), name)
		if !ok {
			t.Fatalf("no action %q", name)
		}
		if cmd := a.Run(arg); cmd != nil {
			return cmd()
		}
		return nil
	}
	run("machine", "91857a")
	run("level", "error")
	if got := l.Address(); got != "logs?level=error&machine=91857a" {
		t.Errorf("address %s", got)
	}
	if m, ok := run("level", "loud").(pane.ToastMsg); !ok || !strings.Contains(m.Err.Error(), `no level "loud"`) {
		t.Errorf("a level that does not exist: %+v", m)
	}
	run("level", "all")
	run("region", "lhr")
	if got := l.Address(); got != "logs?region=lhr" {
		t.Errorf("address %s", got)
	}
}

func TestAnAddressIsOpenedAsItWas(t *testing.T) {
	for _, address := range []string{"logs", "logs?machine=91857a0f", "logs?filter=sent&level=warn&region=lhr", "logs?filter=sent&view=context"} {
		l := open(address, after(t, with(tuitest.Log{Lines: 400}), "k", "enter"))
		if got := l.Address(); got != address {
			t.Errorf("%s, want %s", got, address)
		}
		if !l.following || l.open {
			t.Errorf("%s: follows %v, open %v", address, l.following, l.open)
		}
	}
}

func TestInContextEveryLineIsShownAndMatchesAreGoneTo(t *testing.T) {
	l := filtered("terminated", with(tuitest.Log{Lines: 400}))
	matches := slices.Clone(l.rows)
	press(t, l.Pane, "c")
	if n, total := l.Filter("terminated"); n != len(matches) || total != 400 || len(l.rows) != 400 {
		t.Errorf("%d of %d match, %d are shown", n, total, len(l.rows))
	}
	for i := len(matches) - 1; i >= 0; i-- {
		press(t, l.Pane, "N")
		if got := l.rows[l.cursor]; got != matches[i] {
			t.Fatalf("match %d: at %d, want %d", i, got, matches[i])
		}
	}
	if m, ok := press(t, l.Pane, "N").(pane.ToastMsg); !ok || m.Text != "no match above, of what is shown" {
		t.Errorf("above the first: %+v", m)
	}
	press(t, l.Pane, "n")
	if got := l.rows[l.cursor]; got != matches[1] {
		t.Errorf("at %d, want %d", got, matches[1])
	}
	if !l.Back() || l.inContext() || len(l.rows) != len(matches) {
		t.Error("esc does not leave the context")
	}
	if l.rows[l.cursor] != matches[1] {
		t.Error("the cursor left its line")
	}
}

func TestALineIsCopiedWhole(t *testing.T) {
	l := after(t, filtered("PR04", with(tuitest.Log{Lines: 400})), "k")
	what, text := l.Selected()
	x := l.selected()
	if want := x.At.Format("2006-01-02T15:04:05.000Z") + " " + x.Region + " " + x.Machine + " error " + x.Message; what != "line" || text != want {
		t.Errorf("%s %q, want %q", what, text, want)
	}
	got := map[string]string{}
	for _, c := range l.Copies() {
		got[c.What] = c.Text
	}
	if got["message"] != x.Message || got["machine id"] != x.Machine || got["request id"] != x.Request.ID || got["URL"] != x.Request.URL {
		t.Errorf("%v", got)
	}
	if n := strings.Count(got["the newest lines that are shown"], "\n"); n != len(l.rows) {
		t.Errorf("%d lines, want %d", n, len(l.rows))
	}
	m, ok := press(t, l.Pane, "S").(pane.SaveMsg)
	if !ok || m.Kind != "log.txt" || m.Text != got["the newest lines that are shown"] {
		t.Errorf("saved: %+v", m)
	}
	if text := with(tuitest.Log{Lines: 9000}).text(longestCopy); len(text) > longestCopy || len(text) < longestCopy*9/10 {
		t.Errorf("%d bytes of many lines", len(text))
	}
}

func TestABrokenTextLosesNothing(t *testing.T) {
	g := glyph.Unicode()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.RuneFrom([]rune("ab cö日 "))).Draw(t, "text")
		w := rapid.IntRange(2, 9).Draw(t, "cells")
		lines := broken(s, w, 1<<20, g)
		blanks := strings.NewReplacer(" ", "")
		if got := blanks.Replace(strings.Join(lines, "")); got != blanks.Replace(s) {
			t.Fatalf("%q, of %q", lines, s)
		}
	})
}

func TestFollowingAnewBeginsAnew(t *testing.T) {
	l := after(t, with(tuitest.Log{Lines: 400}), "k")
	other := &log{Pane: l.Pane, ring: tuitest.NewLog(tuitest.Log{Lines: 600}), seq: l.seq}
	other.say(1)
	if got := l.rows; len(got) != 601 || got[0] != born+1 || !l.following {
		t.Errorf("%d rows from %d, follows: %v", len(got), got[0], l.following)
	}
	other.Update(pane.LogsMsg{Known: true, Snapshot: tuitest.LogFeed(logs.Snapshot{Seq: other.seq + 1})})
	if len(l.rows) != 0 || l.now.Len() != 0 {
		t.Errorf("%d rows of a log that is not followed any more", len(l.rows))
	}
	l.has(t, "being asked for the newest lines")
}

func TestALateReadingIsDropped(t *testing.T) {
	l := with(tuitest.Log{Lines: 10})
	late := l.ring.Snapshot(l.seq)
	l.say(5)
	l.Update(pane.LogsMsg{Known: true, Snapshot: tuitest.LogFeed(late)})
	if len(l.rows) != 15 {
		t.Errorf("%d rows, want 15", len(l.rows))
	}
}

// answered is a log of one machine whose past has come: n lines, ten minutes before all others, one of them much later.
func answered(t testing.TB, n int) *log {
	t.Helper()
	id := tuitest.Snapshot(8, tuitest.Options{}).Instances[3].ID
	l := with(tuitest.Log{Lines: 400, Kept: 500})
	ask, ok := l.Update(pane.OpenMsg{Address: "logs?machine=" + id})().(pane.PastMsg)
	if want := (pane.PastMsg{Machine: id}); !ok || ask != want {
		t.Fatalf("asked %+v, want %+v", ask, want)
	}
	m := pane.PastKnownMsg{Machine: id}
	for i := range n {
		m.Lines = append(m.Lines, logs.Line{At: tuitest.Now().Add(-10*time.Minute + time.Duration(i)*time.Second), Machine: id, Region: "lhr", Level: logs.Info, Provider: logs.App, Message: fmt.Sprintf("long ago, %d", i)})
	}
	m.Lines = append(m.Lines, logs.Line{At: tuitest.Now(), Machine: id, Region: "lhr", Message: "this one is known already"})
	l.Update(m)
	return l
}

func TestThePastOfAMachineIsAskedFor(t *testing.T) {
	l := answered(t, 20)
	if l.Update(pane.OpenMsg{Address: l.Address()}) != nil || l.say(1).askPast() != nil {
		t.Error("it is asked for again")
	}
	if n := len(l.past.lines); n != 20 {
		t.Errorf("%d lines of the past, want 20", n)
	}
	press(t, l.Pane, "g")
	l.has(t, "long ago, 0")
	if s := l.screen(t); strings.Contains(s, "known already") || strings.Contains(s, "let go") {
		t.Errorf("what is known is there twice, or something seems to be missing:\n%s", s)
	}
	l.say(700)
	press(t, l.Pane, "f", "g")
	l.has(t, "long ago, 19", "lines were let go of here")
	l.Back()
	l.say(1)
	if len(l.past.lines) != 0 {
		t.Error("the past of what is not shown any more is kept")
	}
}

func TestThePastWaitsForTheLog(t *testing.T) {
	l := &log{Pane: New(), ring: tuitest.NewLog(tuitest.Log{Lines: 40})}
	if l.Update(pane.OpenMsg{Address: "logs?region=lhr"}) != nil {
		t.Error("it is asked for before there is a log")
	}
	s := l.ring.Snapshot(1)
	s.State.Primed = false
	if l.Update(pane.LogsMsg{Known: true, Snapshot: tuitest.LogFeed(s)}) != nil {
		t.Error("it is asked for before the log is there")
	}
	l.seq = 1
	cmd := l.Update(pane.LogsMsg{Known: true, Snapshot: tuitest.LogFeed(l.ring.Snapshot(2))})
	if cmd == nil || cmd() != (pane.PastMsg{Region: "lhr"}) {
		t.Fatal("it is not asked for")
	}
	l.has(t, "reading what came before")
	l.Update(pane.PastKnownMsg{Region: "fra", Lines: []logs.Line{{Message: "of another"}}})
	l.Update(pane.PastKnownMsg{Region: "lhr", Err: errors.New("503 Service Unavailable")})
	l.has(t, "What came before is not known: 503 Service Unavailable")
}

// TestRowsAreWhatMatches presses keys and adds lines in any order. Whatever happens, the rows are the lines that are kept
// and match, in order and once each, and the cursor is on one of them.
func TestRowsAreWhatMatches(t *testing.T) {
	keys := []string{"j", "k", "ctrl+d", "ctrl+u", "pgdown", "pgup", "g", "G", "f", "m", "b", "l", "c", "n", "N", "W", "enter", "esc"}
	filters := []string{"", "sent", "!info", "terminated", "fra", `~tmt`, `5\d`, "nowhere"}
	rapid.Check(t, func(t *rapid.T) {
		l := with(tuitest.Log{Lines: rapid.IntRange(1, 600).Draw(t, "lines"), Kept: 300})
		e := &pane.Env{Theme: &themes.Theme{}, Glyphs: glyph.Unicode(), Now: tuitest.Now()}
		t.Repeat(map[string]func(*rapid.T){
			"say":    func(t *rapid.T) { l.say(rapid.IntRange(0, 700).Draw(t, "n")) },
			"filter": func(t *rapid.T) { l.Filter(rapid.SampledFrom(filters).Draw(t, "text")) },
			"key": func(t *rapid.T) {
				k := rapid.SampledFrom(keys).Draw(t, "key")
				if k == "esc" {
					l.Back()
					return
				}
				if _, ok := action.Find(l.Actions(), k); ok {
					press(t, l.Pane, k)
				}
			},
			"wheel": func(t *rapid.T) {
				b := rapid.SampledFrom([]tea.MouseButton{tea.MouseWheelUp, tea.MouseWheelDown}).Draw(t, "wheel")
				l.Update(tea.MouseWheelMsg{Button: b, Y: rapid.IntRange(0, 40).Draw(t, "y")})
			},
			"click": func(t *rapid.T) {
				l.Update(tea.MouseClickMsg{Button: tea.MouseLeft, Y: rapid.IntRange(0, 40).Draw(t, "y")})
			},
			"past": func(t *rapid.T) {
				m := pane.PastKnownMsg{Machine: l.past.machine, Region: l.past.region}
				for i := range rapid.IntRange(0, 100).Draw(t, "n") {
					m.Lines = append(m.Lines, logs.Line{At: tuitest.Now().Add(time.Duration(i-90) * time.Minute), Machine: m.Machine, Region: m.Region, Message: "long ago"})
				}
				l.Update(m)
			},
			"look": func(t *rapid.T) {
				l.View(e, rapid.IntRange(40, 200).Draw(t, "w"), rapid.IntRange(3, 60).Draw(t, "h"))
				if len(l.rows) > 0 && !l.whole && l.height > 2 && !slices.Contains(l.drawn, l.cursor) {
					t.Fatalf("the line under the cursor, %d, is not on the screen: %v", l.cursor, l.drawn)
				}
			},
			"": func(t *rapid.T) {
				var want []place
				base := l.past.base()
				add := func(x *logs.Line) {
					if l.only.Match(x) && (l.inContext() || l.match.Match(searched(x))) {
						want = append(want, base+place(x.Seq))
					}
				}
				if l.past.is(l.only) {
					for i := range l.past.lines {
						add(&l.past.lines[i])
					}
				}
				base = born
				for x := range l.held.From(0) {
					if x.Seq < l.now.First() {
						add(x)
					}
				}
				for x := range l.now.From(0) {
					add(x)
				}
				if !slices.Equal(want, l.rows) {
					t.Fatalf("%s, want %s", span(l.rows), span(want))
				}
				if l.following && (l.held.Len() > 0 || len(l.rows) > 0 && l.cursor != len(l.rows)-1) {
					t.Fatalf("follows, and is on %d of %d, with %d held", l.cursor, len(l.rows), l.held.Len())
				}
				if len(l.rows) > 0 && l.selected() == nil {
					t.Fatalf("the cursor is on %d of %d", l.cursor, len(l.rows))
				}
			},
		})
	})
}

func span(rr []place) string {
	if len(rr) == 0 {
		return "no rows"
	}
	return fmt.Sprintf("%d rows, %d to %d", len(rr), rr[0], rr[len(rr)-1])
}
