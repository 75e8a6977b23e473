package tui

import (
	"strconv"
	"time"

	"ops-console/tui/menu"
	"ops-console/tui/paint"
)

// A toast is shown for toastFor; the log keeps the last longestLog of them.
const (
	toastFor   = 4 * time.Second
	longestLog = 500
)

// entry is something the console said.
type entry struct {
	at   time.Time
	text string
	err  bool
}

// say shows a toast.
func (m *Model) say(text string) {
	m.toast = entry{at: m.o.Now(), text: text}
	m.note(m.toast)
}

// sayNotes says what there is to say at the start: the first in a toast, all of them in the log.
func (m *Model) sayNotes() {
	for i := len(m.o.Notes) - 1; i >= 0; i-- {
		m.say(m.o.Notes[i])
	}
	if n := len(m.o.Notes) - 1; n > 0 {
		m.toast.text += " (" + m.keyOf("messages", "L") + ": " + strconv.Itoa(n) + " more)"
	}
}

// fail shows an error, until a key.
func (m *Model) fail(err error) {
	m.toast = entry{at: m.o.Now(), text: err.Error(), err: true}
	m.note(m.toast)
}

func (m *Model) note(e entry) {
	if len(m.log) >= longestLog {
		m.log = append(m.log[:0], m.log[len(m.log)-longestLog+1:]...)
	}
	m.log = append(m.log, e)
}

// openLog shows what was said, the newest first.
func (m *Model) openLog() {
	now := m.o.Now()
	items := make([]menu.Item, 0, len(m.log))
	for i := len(m.log) - 1; i >= 0; i-- {
		e := m.log[i]
		it := menu.Item{Key: paint.Clock(now, e.at), Text: e.text}
		if e.err {
			it.Note = "error"
		}
		items = append(items, it)
	}
	mn := menu.New("Messages", items)
	mn.Empty, mn.Reading = "nothing was said yet", true
	m.over = &list{menu: mn, wide: true}
}
