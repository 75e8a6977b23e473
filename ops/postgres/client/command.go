package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"ops-console/ops/plaintext"
)

// Command is one run of a program.
type Command struct {
	Program  Program
	Args     []string // never a secret: everybody on the machine can read them
	Forward  *Forward // nil: it talks to no server
	Database string   // empty: that of the forward's node
	Name     string   // application_name; empty: ops-console
	Settings []string // of the server's session: "statement_timeout=0"

	Stdin  io.Reader // nil: nothing
	Stdout io.Writer // nil: thrown away
	// Line gets every line of standard error, safe to show. It may be called until Run returns. nil: nobody is told.
	Line func(string)
	// Started is told the process's ID once it runs. nil: nobody is told.
	Started func(pid int)
	// Grace is how long it may take to end once it was told to; 0: 5 s.
	Grace time.Duration
}

// Failed is a program that did not end well.
type Failed struct {
	Program string
	Says    []string // the last lines of standard error, safe to show
	Err     error    // how it ended; that of ctx, of Stdin or of Stdout where those were first
}

// Error implements error.
func (f *Failed) Error() string {
	s := f.Program + ": " + f.Err.Error()
	if n := len(f.Says); n > 0 {
		s += ": " + plaintext.Line(strings.Join(f.Says[max(0, n-6):], "; "), 600)
	}
	return s
}

// Unwrap gives how it ended.
func (f *Failed) Unwrap() error { return f.Err }

// Run runs it to its end. When ctx ends, or Stdout takes no more, it is told to end with all that it started, and killed
// after Grace. It never outlives this process where the system can see to that. Errors of programs are *Failed.
func (c *Command) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("%s: %w", c.Program.Name, err)
	}
	defer r.Close()
	widen(w)
	says := &listener{line: c.Line, clean: c.clean}
	cmd := exec.CommandContext(ctx, c.Program.Path, c.Args...)
	cmd.Env, cmd.Dir = c.environment(), "/"
	var in *input
	if c.Stdin != nil {
		in = &input{from: c.Stdin}
		cmd.Stdin = in
	}
	cmd.Stdout, cmd.Stderr = w, says
	cmd.WaitDelay = c.Grace
	if cmd.WaitDelay <= 0 {
		cmd.WaitDelay = 5 * time.Second
	}
	group(cmd)

	copied := make(chan error, 1)
	go func() {
		err := drain(c.Stdout, r)
		if err != nil {
			cancel(err)
			r.Close()
		}
		copied <- err
	}()
	err = c.wait(ctx, cmd, w)
	w.Close()
	killGroup(cmd)
	wrote := <-copied
	last := says.end()
	switch cause := context.Cause(ctx); {
	case wrote != nil:
		err = wrote
	case in.failed() != nil:
		err = in.failed()
	case cause != nil && err != nil:
		err = cause
	}
	if err == nil {
		return nil
	}
	return &Failed{Program: c.Program.Name, Says: last, Err: err}
}

// input remembers why there was no more of it: the program only sees that it ended.
type input struct {
	from io.Reader
	mu   sync.Mutex
	err  error
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.from.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // an end, not something about one
		i.mu.Lock()
		i.err = err
		i.mu.Unlock()
	}
	return n, err
}

func (i *input) failed() error {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.err
}

// wait starts it and waits for its end, on one thread: a child is told of its parent's death when the thread that started
// it ends.
func (c *Command) wait(ctx context.Context, cmd *exec.Cmd, w *os.File) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			done <- err
			return
		}
		w.Close() // ours; the program has its own
		if c.Started != nil {
			c.Started(cmd.Process.Pid)
		}
		done <- cmd.Wait()
	}()
	err := <-done
	if errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil {
		return nil // it ended well; something that it started did not
	}
	return err
}

// drain copies what a program writes. An error is that of to.
func drain(to io.Writer, from io.Reader) error {
	if to == nil {
		to = io.Discard
	}
	b := make([]byte, pieces)
	for row := 0; ; row++ {
		n, err := from.Read(b)
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return nil //nolint:nilerr // at its end, or closed once the program was
		}
		if row > flow && n < small {
			time.Sleep(pause)
		}
	}
}

// environment is the program's.
func (c *Command) environment() []string {
	env := environment(c.Program.Path)
	f := c.Forward
	if f == nil {
		return env
	}
	database, name := c.Database, c.Name
	if database == "" {
		database = f.node.Config.Database
	}
	if name == "" {
		name = "ops-console"
	}
	env = append(env, "PGHOST="+f.dir, "PGPORT="+port, "PGUSER="+f.node.Config.User, "PGDATABASE="+database, "PGAPPNAME="+name,
		"PGCONNECT_TIMEOUT=20", "PGSSLMODE=disable", "PGGSSENCMODE=disable")
	if len(c.Settings) > 0 {
		escape := strings.NewReplacer(`\`, `\\`, ` `, `\ `)
		var options []string
		for _, s := range c.Settings {
			options = append(options, "-c", escape.Replace(s))
		}
		env = append(env, "PGOPTIONS="+strings.Join(options, " "))
	}
	return env
}

// clean makes a line of a program safe to show: a password that a server repeats is not, and the socket's directory says
// nothing to anybody.
func (c *Command) clean(line string) string {
	if f := c.Forward; f != nil {
		line = strings.ReplaceAll(line, f.dir+"/.s.PGSQL."+port, f.node.Name)
		line = strings.ReplaceAll(line, f.dir, f.node.Name)
		if p := f.node.Config.Password; len(p) > 2 {
			line = strings.ReplaceAll(line, p, "***")
		}
	}
	return plaintext.Line(line, 400)
}

// What is kept of standard error, however much there is.
const (
	maxLines = 20
	maxLine  = 4096
)

// listener takes lines apart, hands them on, and keeps the last of them.
type listener struct {
	line  func(string)
	clean func(string) string

	mu    sync.Mutex // guards the fields below; held while line is called
	part  []byte     // the line that has not ended
	over  bool       // it is longer than is kept
	lines []string
	ended bool // what comes is not heard any more
}

// Write never fails: a program must not wait for who listens to it.
func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0 && !l.ended; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			l.add(rest)
			break
		}
		l.add(rest[:i])
		l.flush()
		rest = rest[i+1:]
	}
	return len(p), nil
}

func (l *listener) add(p []byte) {
	if room := maxLine - len(l.part); len(p) > room {
		p, l.over = p[:room], true
	}
	l.part = append(l.part, p...)
}

// flush ends the line.
func (l *listener) flush() {
	text := l.clean(strings.ToValidUTF8(string(l.part), "?"))
	if l.over {
		text += "…"
	}
	l.part, l.over = l.part[:0], false
	if text == "" {
		return
	}
	if len(l.lines) == maxLines {
		l.lines = slices.Delete(l.lines, 0, 1)
	}
	l.lines = append(l.lines, text)
	if l.line != nil {
		l.line(text)
	}
}

// end stops listening, and gives the last lines. A program that was killed may have left somebody behind who still talks.
func (l *listener) end() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.flush()
		l.ended = true
	}
	return slices.Clone(l.lines)
}
