//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// The console's size in benchmarks.
const benchW, benchH = 120, 40

// frameEnd ends every frame: the console writes each as one synchronized update.
var frameEnd = []byte("\x1b[?2026l")

// program in a pseudo-terminal of its own, whose output is read as it comes. With an emulator it also gets the answers
// that a terminal gives.
type benched struct {
	cmd     *exec.Cmd
	tty     *os.File
	started time.Time
	over    sync.WaitGroup

	mu     sync.Mutex // guards what follows
	head   []byte     // until the first frame is there
	first  time.Time  // of the first frame
	bytes  int
	frames int
	tail   []byte // of the latest bytes, shorter than a frame's end
	screen *vt.Emulator
	wrote  chan struct{} // closed at the next write
}

// openBenched starts the console on a world.
func openBenched(b *testing.B, s *sim, env []string, emulate bool, more ...string) *benched {
	b.Helper()
	p := &benched{cmd: exec.Command(program, s.args(more...)...), wrote: make(chan struct{})}
	p.cmd.Env = append(env, "COLORTERM=truecolor")
	if emulate {
		p.screen = vt.NewEmulator(benchW, benchH)
	}
	p.started = time.Now()
	tty, err := pty.StartWithSize(p.cmd, &pty.Winsize{Cols: benchW, Rows: benchH})
	if err != nil {
		b.Fatal(err)
	}
	p.tty = tty
	p.over.Go(p.read)
	if emulate {
		p.over.Go(func() { _, _ = io.Copy(tty, p.screen) })
	}
	return p
}

func (p *benched) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := p.tty.Read(buf)
		if err != nil {
			return // the program ended
		}
		p.took(buf[:n])
	}
}

func (p *benched) took(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes += len(b)
	end := append(p.tail, b...)
	p.frames += bytes.Count(end, frameEnd)
	p.tail = bytes.Clone(end[max(0, len(end)-len(frameEnd)+1):])
	if p.first.IsZero() {
		p.head = append(p.head, b...)
		_, after, ok := bytes.Cut(p.head, []byte("\x1b[?1049h"))
		if ok && bytes.Contains(after, []byte("◆")) && bytes.Contains(after, frameEnd) {
			p.first, p.head = time.Now(), nil
		}
	}
	if p.screen != nil {
		_, _ = p.screen.Write(b)
	}
	close(p.wrote)
	p.wrote = make(chan struct{})
}

// when waits until a condition holds of what was written; it is called with mu held.
func (p *benched) when(b *testing.B, limit time.Duration, what string, ok func() bool) {
	b.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		p.mu.Lock()
		holds, next := ok(), p.wrote
		p.mu.Unlock()
		if holds {
			return
		}
		select {
		case <-next:
		case <-deadline.C:
			screen := ""
			if p.screen != nil {
				screen = p.screen.String()
			}
			p.kill(b)
			b.Fatalf("after %s no %s:\n%s", limit, what, screen)
		}
	}
}

// shows waits for a text on the screen.
func (p *benched) shows(b *testing.B, limit time.Duration, text string) {
	b.Helper()
	p.when(b, limit, text, func() bool { return bytes.Contains([]byte(p.screen.String()), []byte(text)) })
}

func (p *benched) firstFrame() bool { return !p.first.IsZero() }

// selected is the row of the screen in which the mark of a table's selected row stands, or -1.
func (p *benched) selected() int {
	const gutter, column = "▌", 1
	for y := range benchH {
		if c := p.screen.CellAt(column, y); c != nil && c.Content == gutter {
			return y
		}
	}
	return -1
}

// counted gives how many bytes and frames were written so far.
func (p *benched) counted() (written, frames int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes, p.frames
}

func (p *benched) press(b *testing.B, key string) {
	b.Helper()
	if _, err := p.tty.WriteString(key); err != nil {
		b.Fatal(err)
	}
}

// kill ends the program without a word to it, and gives the CPU time it had.
func (p *benched) kill(b *testing.B) time.Duration {
	b.Helper()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // killed, as it says
	_ = p.tty.Close()
	if p.screen != nil {
		_ = p.screen.Close()
	}
	p.over.Wait()
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}
