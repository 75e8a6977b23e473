// Package tui is the console: one Bubble Tea program around numbered panes. It draws the frame, runs the one table of
// actions, brings feeds to the panes as messages, and keeps the console read-only until it is armed. It never fetches
// anything itself, and starts no connection before its first frame is on the screen.
//
//	action     what can be done, as data
//	pane       the contract of a pane
//	overview   pane 1, and so on: one package for each pane
//	paint      lines of an exact width
//	page       texts longer than the screen
//	plot       lines over time
//	stack      sections above one another
//	table      rows by the thousand
//	menu       boxes with a list to choose from
//	prompt     one line being typed
//	glyph      shapes, in Unicode and in ASCII
//	ident      what instances are called
//	prose      sentences broken into lines
//	golden     frames compared with files, for tests
//	tuitest    what tests look at
package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/rehearse"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/merge"
	generated "ops-console/ops/phoenix/source"
	"ops-console/ops/replication"
	"ops-console/tui/pane"
	"ops-console/wg"
)

// ErrNoTerminal says that there is no terminal to open the console on, or one that can do too little. What a pane
// shows can still be printed.
var ErrNoTerminal = errors.New("the console needs a terminal")

// Session is a connected application.
type Session interface {
	Health() Health
	Network() Network // nil: the network could not be joined; the health snapshot says why
	// Replication is where the database's replicas are read from; nil: no database is configured.
	Replication() Replication
	// Migrations is where the project's migrations come from; nil: no project's directory is known.
	Migrations() Migrations
	// Generator is where comparisons of generated trees come from; nil: they are not offered.
	Generator() Generator
	// Backups is where the backups are kept; nil: no store is configured.
	Backups() Backups
	// Deploys is where releases and deployments come from; nil: they are not watched.
	Deploys() Deploys
	// Logs is where the application's log comes from; nil: it is not followed.
	Logs() Logs
	Refresh()     // asks for new readings now
	Close() error // ends the session and waits for it
}

// Health is where snapshots of the instances come from: a *feed.Feed.
type Health interface {
	Latest() feed.Snapshot[*health.Snapshot]
	Changed() <-chan struct{}
}

// Replication is where snapshots of the database's replicas come from: a *replication.Watcher.
type Replication interface {
	Latest() feed.Snapshot[*replication.Snapshot]
	Changed() <-chan struct{}
	Attend(looking bool) // must not block
	Probe(ctx context.Context) (*replication.ProbeResult, error)
}

// Migrations is where snapshots of the project's migrations come from: a *watch.Watcher.
type Migrations interface {
	Latest() feed.Snapshot[*watch.Snapshot]
	Changed() <-chan struct{}
	Suppress(path string, at ecto.Span, rule, reason string) error
	Rehearse(ctx context.Context, repo string, progress func(string)) ([]rehearse.Step, error)
}

// Generator is where comparisons of generated trees come from: a *compare.Watcher. Nothing but Mark, Rebase and Apply may
// block; the first two no longer than writing a small file takes.
type Generator interface {
	Latest() feed.Snapshot[*compare.Snapshot]
	Changed() <-chan struct{}
	Attend(looking bool)
	Ask(c compare.Choice)
	Mark(key string, done bool) error
	Rebase(key string, v phoenix.Version) error
	Apply(ctx context.Context, plan *merge.Plan, choices []merge.Choice) ([]merge.Written, error)
	Answer(q *generated.Question, run bool)
}

// Network is where the state of the private network comes from: a wg.Network.
type Network interface {
	Status() wg.Status
	Changed() <-chan struct{}
}

// Options of the console.
type Options struct {
	App         string // as the user called it
	Environment string // empty: not said
	Panes       []pane.Pane
	Open        string // address to open first, as pane.Pane.Address makes them

	Theme         string   // a theme's name; "auto" or empty: by the terminal's background
	ThemeDirs     []string // where the user's own themes are
	Color         string   // auto (or empty), true, 256, 16, none
	Glyphs        string   // auto (or empty), unicode, ascii
	Mouse         bool
	ReadOnly      bool // cannot be armed
	ReducedMotion bool
	NoSync        bool                // never ask the terminal for synchronized output
	Keys          map[string][]string // other keys for actions, by "name" or "pane.name"

	Interval time.Duration // of readings; 0: not known
	SaveDir  string        // where frames are saved; empty: the working directory
	Notes    []string      // to be said at the start: what configuration was found and not used, and why

	// Connect opens the session. It is called once the first frame is on the screen, again after it failed, while its
	// network is missing, and when the user wants to connect again.
	Connect func(ctx context.Context) (Session, error)

	Now    func() time.Time // nil: time.Now
	Env    []string         // nil: os.Environ()
	Input  io.Reader        // nil: the terminal
	Output io.Writer        // nil: the terminal
	Size   [2]int           // columns and rows, where Output is not a terminal that knows
}

func (o *Options) getenv(key string) string {
	for i := len(o.Env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(o.Env[i], key+"="); ok {
			return v
		}
	}
	return ""
}

// Run opens the console and returns when it is closed, by its user or by the end of ctx. Where there is no terminal
// the error is ErrNoTerminal.
func Run(ctx context.Context, o Options) error {
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if err := usable(&o); err != nil {
		return err
	}
	m, err := New(o)
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }() // where the program failed, that is the error to tell
	s := newScreen(o.Output)
	m.drawn = s.drawn
	opts := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithFPS(framesPerSecond), tea.WithEnvironment(o.Env), tea.WithOutput(s.writer()),
	}
	if o.Size[0] > 0 {
		opts = append(opts, tea.WithWindowSize(o.Size[0], o.Size[1]))
	}
	if o.Input != nil {
		opts = append(opts, tea.WithInput(o.Input))
	}
	if m.look.fixed {
		opts = append(opts, tea.WithColorProfile(m.look.profile))
	}
	m.program = tea.NewProgram(m, opts...)
	_, err = m.program.Run()
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, tea.ErrInterrupted):
		return m.Close()
	}
	return fmt.Errorf("console: %w", err)
}

// usable refuses terminals that would show escape sequences instead of a screen.
func usable(o *Options) error {
	if t := o.getenv("TERM"); t == "dumb" || t == "" && o.Output == nil {
		return fmt.Errorf("%w, and TERM is %q", ErrNoTerminal, t)
	}
	if o.Output == nil && !term.IsTerminal(os.Stdout.Fd()) {
		return fmt.Errorf("%w: output does not go to one", ErrNoTerminal)
	}
	return nil
}

// profile is the colour profile that the options demand; false: the terminal is to be asked.
func profile(o *Options) (p colorprofile.Profile, fixed bool, err error) {
	switch o.Color {
	case "", "auto":
		// The specification of NO_COLOR says any value that is not empty.
		if o.getenv("NO_COLOR") != "" {
			return colorprofile.ASCII, true, nil
		}
		return colorprofile.TrueColor, false, nil
	case "true":
		return colorprofile.TrueColor, true, nil
	case "256":
		return colorprofile.ANSI256, true, nil
	case "16":
		return colorprofile.ANSI, true, nil
	case "none":
		return colorprofile.ASCII, true, nil
	}
	return 0, false, fmt.Errorf("color %q: want auto, true, 256, 16 or none", o.Color)
}

// screen passes output on and notices the first frame: the one that asks to be told of the terminal's focus.
type screen struct {
	out   io.Writer
	drawn chan struct{}
	once  sync.Once
}

func newScreen(out io.Writer) *screen {
	if out == nil {
		out = os.Stdout
	}
	return &screen{out: out, drawn: make(chan struct{})}
}

// Write implements io.Writer.
func (s *screen) Write(b []byte) (int, error) {
	n, err := s.out.Write(b)
	if bytes.Contains(b, []byte(ansi.SetModeFocusEvent)) {
		s.once.Do(func() { close(s.drawn) })
	}
	return n, err
}

// terminal is a screen that is a terminal: the program asks it for its size and mode.
type terminal struct {
	*os.File
	s *screen
}

// Write implements io.Writer.
func (t terminal) Write(b []byte) (int, error) { return t.s.Write(b) }

func (s *screen) writer() io.Writer {
	if f, ok := s.out.(*os.File); ok {
		return terminal{f, s}
	}
	return s
}
