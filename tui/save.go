package tui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

type savedMsg struct {
	path string
	err  error
}

// text is the frame without its colours.
func (m *Model) text() string {
	var b strings.Builder
	for _, l := range m.base(m.env()) {
		b.WriteString(strings.TrimRight(ansi.Strip(l), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// save writes the frame to a file of its own, or to the one that was named; it never writes over one.
func (m *Model) save(name string) tea.Cmd {
	return m.writeTo(cmp.Or(name, m.fileName(".txt")), m.text())
}

// write is what a pane has to save.
func (m *Model) write(kind, text string) tea.Cmd { return m.writeTo(m.fileName("-"+kind), text) }

func (m *Model) fileName(end string) string {
	return "ops-console-" + safeName(m.o.App) + "-" + m.o.Now().UTC().Format("20060102T150405Z") + end
}

func (m *Model) writeTo(path, text string) tea.Cmd {
	if !filepath.IsAbs(path) {
		path = filepath.Join(m.o.SaveDir, path)
	}
	return m.jobs.cmd(func(context.Context) tea.Msg {
		return savedMsg{path, writeNew(path, text)}
	})
}

func writeNew(path, text string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("there is a file already, \":save NAME\" gives it another name: %s", path)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteString(text)
	return err
}

func (m *Model) saved(msg savedMsg) {
	if msg.err != nil {
		m.fail(fmt.Errorf("save: %w", msg.err))
		return
	}
	m.say("saved to " + msg.path)
}

// safeName keeps what is safe in a file name.
func safeName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(s))
	return s[:min(len(s), 60)]
}
