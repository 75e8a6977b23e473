package tui_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"

	"ops-console/tui"
	"ops-console/tui/instances"
	"ops-console/tui/overview"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

// screen is a terminal emulator that a console runs in, from its first byte to its last.
type screen struct {
	t    testing.TB
	em   *vt.SafeEmulator
	w, h int
	pane *rows
	sess *tuitest.Session
	end  context.CancelFunc
	over chan error

	cells sync.Mutex // guards the emulator's cells, which it hands out as pointers
	mu    sync.Mutex // guards what follows
	raw   bytes.Buffer
	count int
	wrote chan struct{} // closed at the next write
}

// Write implements io.Writer: what the console writes.
func (s *screen) Write(b []byte) (int, error) {
	// A line feed returns the carriage too, as it does on a terminal that is not in raw mode: the program counts on it
	// where its input is none.
	s.cells.Lock()
	_, err := s.em.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))
	s.cells.Unlock()
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count += len(b)
	s.raw.Write(b)
	close(s.wrote)
	s.wrote = make(chan struct{})
	return len(b), nil
}

func start(t testing.TB, w, h int, change func(*tui.Options)) *screen {
	t.Helper()
	s := &screen{t: t, em: vt.NewSafeEmulator(w, h), w: w, h: h, pane: newRows("Instances"), sess: tuitest.NewSession(), over: make(chan error, 1), wrote: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	s.end = cancel
	o := tui.Options{
		App: "changelog", Environment: "prod", Panes: []pane.Pane{newRows("Overview"), s.pane}, Open: "instances",
		Theme: "catppuccin-mocha", Glyphs: "unicode", Color: "true", Interval: 2 * time.Second, Now: tuitest.Now,
		Env: []string{"TERM=xterm-256color", "LANG=C.UTF-8", "SSH_TTY=/dev/pts/1"}, Connect: connectTo(s.sess), Input: s.em, Output: s,
		Size: [2]int{w, h},
	}
	if change != nil {
		change(&o)
	}
	go func() { s.over <- tui.Run(ctx, o) }()
	t.Cleanup(s.stop)
	return s
}

func (s *screen) stop() {
	s.end()
	select {
	case <-s.over:
	case <-time.After(10 * time.Second):
		s.t.Error("the console does not end")
	}
	if p, ok := s.em.InputPipe().(io.Closer); ok {
		_ = p.Close() // ends the console's reader
	}
}

func (s *screen) text() string {
	s.cells.Lock()
	defer s.cells.Unlock()
	var b strings.Builder
	for y := range s.h {
		for x := range s.w {
			if c := s.em.CellAt(x, y); c != nil && c.Content != "" {
				b.WriteString(c.Content)
			} else if c == nil || c.Width == 1 {
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// bare is a cell that shows the terminal's own background.
func (s *screen) bare() (x, y int, ok bool) {
	s.cells.Lock()
	defer s.cells.Unlock()
	for y := range s.h {
		for x := range s.w {
			if c := s.em.CellAt(x, y); c == nil || c.Style.Bg == nil {
				return x, y, true
			}
		}
	}
	return 0, 0, false
}

func (s *screen) until(what string, cond func() bool) {
	s.t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		next := s.wrote
		s.mu.Unlock()
		if cond() {
			return
		}
		select {
		case <-next:
		case <-deadline.C:
			s.t.Fatalf("never: %s\n%s", what, s.text())
		}
	}
}

func (s *screen) shows(text string) {
	s.t.Helper()
	s.until(text, func() bool { return strings.Contains(s.text(), text) })
}

// next is closed at the next write.
func (s *screen) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrote
}

func (s *screen) bytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

func (s *screen) written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

func TestOnATerminal(t *testing.T) {
	connected := make(chan struct{})
	var s *screen
	s = start(t, 120, 30, func(o *tui.Options) {
		connect := o.Connect
		o.Connect = func(ctx context.Context) (tui.Session, error) {
			if !strings.Contains(s.written(), "changelog") {
				t.Error("the network was used before the first frame was on the screen")
			}
			close(connected)
			return connect(ctx)
		}
	})
	s.shows("changelog / prod")
	<-connected
	s.sess.Publish(incident())
	s.shows("3 critical")
	if x, y, bare := s.bare(); bare {
		t.Errorf("cell %d,%d has no background", x, y)
	}
	s.em.SendText("/syd")
	s.shows("/ syd█")
	s.em.SendText("\r")
	s.shows("/ syd 5/42")
	s.em.SendText("?")
	s.shows("Everywhere")
	if w := s.written(); !strings.Contains(w, "\x1b[?2026h") || !strings.Contains(w, "\x1b[?2026l") {
		t.Error("frames are not synchronized over SSH")
	}
	s.em.SendText("\x1b")
	s.until("the box to go", func() bool { return !strings.Contains(s.text(), "Everywhere") })
	s.em.SendText("q")
	if err := <-s.over; err != nil {
		t.Error(err)
	}
	s.over <- nil
	if !s.sess.Closed() {
		t.Error("the session was left open")
	}
	if w := s.written(); !strings.Contains(w, "\x1b[?1049l") {
		t.Error("the alternate screen was not left")
	}
}

// The panes are painted to their edges: what shows the terminal's own background would be a hole in another theme.
func TestRealPanesLeaveNoCellBare(t *testing.T) {
	s := start(t, 160, 45, func(o *tui.Options) {
		o.Panes, o.Open = []pane.Pane{overview.New(), instances.New()}, ""
	})
	s.sess.Publish(incident())
	s.shows("NEEDS ATTENTION")
	s.shows("3 critical")
	if x, y, bare := s.bare(); bare {
		t.Errorf("overview: cell %d,%d is bare", x, y)
	}
	s.em.SendText("2\r")
	s.shows("INSTANCES")
	if x, y, bare := s.bare(); bare {
		t.Errorf("instances: cell %d,%d is bare", x, y)
	}
}

func TestHostileTextStaysInItsCellsOnATerminal(t *testing.T) {
	s := start(t, 100, 30, nil)
	s.sess.Publish(tuitest.Snapshot(60, tuitest.Options{Hostile: true, Incident: true}))
	s.shows("091857a0000000")
	lines := strings.Split(s.text(), "\n")
	if !strings.HasPrefix(lines[0], " ◆ changelog/prod") || !strings.Contains(lines[29], "? help") {
		t.Errorf("the frame was torn:\n%s", s.text())
	}
	for _, bad := range []string{"\x1b]0;title", "\x1b[2J\x1b[H\x1b", "\x1b[31mred"} {
		if strings.Contains(s.written(), bad) {
			t.Errorf("%q reached the terminal", bad)
		}
	}
}

func TestTheEndOfTheContextEndsTheConsole(t *testing.T) {
	s := start(t, 80, 24, nil)
	s.shows("changelog/prod")
	s.end()
	if err := <-s.over; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	s.over <- nil
}
