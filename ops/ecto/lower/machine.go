package lower

import (
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// Bounds on what is followed. No migration that people write comes near them.
const (
	mostSteps    = 100_000 // expressions in one direction of one migration
	mostDepth    = 3_000   // expressions within each other
	mostCalls    = 60      // functions within each other
	mostElements = 5_000   // of a list or a range that is unrolled
	mostKeys     = 1_000   // of a map
	mostCommands = 5_000
	mostWeight   = 200_000 // of one value: its parts, and its text by the 64 bytes
)

// machine goes through one direction of a migration, as Elixir would, and keeps the commands that Ecto would queue.
type machine struct {
	low  *Lowering
	src  *source
	mod  *module
	path string

	down     bool // the direction that the migrator runs
	hasDown  bool // whether there is down/0
	backward bool // change is run the other way round

	steps, depth, calls int
	marks               marks
	deferred            bool   // within a function that is executed when the queue is flushed
	callback            string // after_begin, before_commit
	stopped             bool   // raise was reached

	open     *command // the create or alter that is being filled
	commands []*command
	objects  []*object
	flushed  bool // nothing is queued since a flush
	notes    []ecto.Note
	raises   []ecto.Note // that end it
	noted    map[ecto.Note]bool
}

// marks is how sure it is that an operation runs, and how often.
type marks struct{ conditional, repeated bool }

func (m marks) and(o marks) marks {
	return marks{m.conditional || o.conditional, m.repeated || o.repeated}
}

// env is where an expression stands.
type env struct {
	src   *source
	mod   *module
	vars  *scope
	outer *ecto.Span // the place in the migration that led here, for code of another file
	macro *env       // what unquote sees
}

// scope holds variables.
type scope struct {
	vars   map[string]value
	parent *scope
}

func (s *scope) get(name string) (value, bool) {
	for ; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v, true
		}
	}
	return nil, false
}

func (s *scope) set(name string, v value) {
	if s.vars == nil {
		s.vars = map[string]value{}
	}
	s.vars[name] = v
}

// inner is a place whose variables nobody outside sees.
func (e *env) inner() *env {
	c := *e
	c.vars = &scope{parent: e.vars}
	return &c
}

// at is where a node stands in the migration's own file.
func (e *env) at(n *elixir.Node) ecto.Span {
	if e.outer != nil {
		return *e.outer
	}
	return span(e.src, n.From, n.To)
}

func span(s *source, from, to int32) ecto.Span {
	a, b := s.file.Position(int(from)), s.file.Position(int(to))
	return ecto.Span{Line: int(a.Line), Column: int(a.Column), EndLine: int(b.Line), EndColumn: int(b.Column)}
}

// source is the text of an expression on one line.
func (e *env) source(n *elixir.Node) string { return e.src.oneLine(n.From, n.To) }

// longSource is how many characters of an expression are shown.
const longSource = 120

func (s *source) oneLine(from, to int32) string {
	if from < 0 || int(to) > len(s.file.Source) || from >= to {
		return "…"
	}
	line := strings.ToValidUTF8(s.file.Source[from:min(to, from+8*longSource)], "")
	line = strings.Join(strings.Fields(line), " ")
	if r := []rune(line); len(r) > longSource {
		line = string(r[:longSource]) + "…"
	}
	return line
}

// here is an expression by its place, which is read only where it is asked for.
func here(e *env, n *elixir.Node) unknown { return unknown{src: e.src, from: n.From, to: n.To} }

func (m *machine) unknown(e *env, n *elixir.Node) value { return here(e, n) }

// note says something about a place once.
func (m *machine) note(at ecto.Span, code, text string) {
	n := ecto.Note{At: at, Code: code, Text: text}
	if m.noted[n] {
		return
	}
	if m.noted == nil {
		m.noted = map[ecto.Note]bool{}
	}
	m.noted[n] = true
	m.notes = append(m.notes, n)
}

// under does something with further marks.
func (m *machine) under(k marks, do func()) {
	before := m.marks
	m.marks = m.marks.and(k)
	stopped := m.stopped
	do()
	if k.conditional || k.repeated {
		m.stopped = stopped // what may not have happened stops nothing
	}
	m.marks = before
}

// block evaluates expressions one after the other; its value is the last one's.
func (m *machine) block(e *env, nn []*elixir.Node) value {
	var v value = null
	for _, n := range nn {
		if m.stopped {
			return null
		}
		v = m.eval(e, n)
	}
	return v
}
