package lower

import (
	"ops-console/ops/ecto"
)

// command is what Ecto's runner queues, or what happens between its commands.
type command struct {
	do        string // create, create_if_not_exists, alter, drop, drop_if_exists, rename, rename_column; execute; empty: ops
	object    *object
	subs      []sub
	cascade   bool
	to        *object
	column    text
	name      text // the new one
	up, down  *executable
	both      bool // execute/2
	ops       []ecto.Operation
	flush     bool
	dangling  *object
	at        ecto.Span
	marks     marks
	immediate bool // happens when it is reached
	flushed   bool // nothing is queued before it since a flush
	callback  string
}

// executable is an argument of execute: SQL, or what a function does.
type executable struct {
	sql      text
	function bool
	inner    []*command
	at       ecto.Span // of the argument
	env      *env
	list     bool // a charlist or iodata, which the PostgreSQL adapter refuses
	dynamic  bool
	many     bool // several statements in it are sent as they are: query_many
	here     unknown
}

// sub is a subcommand of create or alter.
type sub struct {
	do    string // add, add_if_not_exists, modify, remove, remove_if_exists
	name  text
	kind  value // atom, tuple, *object of references; nil: none was given
	opts  keyword
	at    ecto.Span
	marks marks
}

// queue keeps a command, with what is known of where it stands.
func (m *machine) queue(c *command) {
	if len(m.commands) >= mostCommands {
		m.note(c.at, "too-long", "too many operations: the rest is left out")
		return
	}
	c.marks = c.marks.and(m.marks)
	c.callback = m.callback
	if m.deferred {
		c.immediate = false
	}
	switch {
	case c.flush:
		m.flushed = true
	case c.immediate:
		c.flushed = m.flushed
	default:
		c.flushed = m.flushed
		m.flushed = false
	}
	m.commands = append(m.commands, c)
}

// collect queues what do does in a list of its own.
func (m *machine) collect(do func()) []*command {
	before := m.commands
	m.commands = nil
	do()
	out := m.commands
	m.commands = before
	return out
}
