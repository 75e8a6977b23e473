package platform

import (
	"fmt"
	"time"
)

// logLine is one line of an app's log.
type logLine struct {
	at       time.Time
	instance string
	region   string
	level    string
	provider string // app, runner or proxy
	message  string
}

// keptLogs is how many lines of an app are kept.
const keptLogs = 5000

// LogLine is a line to add to an app's log.
type LogLine struct {
	App      string // the first app
	Instance string // id of a machine; "": none
	Level    string
	Provider string // app, runner or proxy
	Message  string
}

// AddLog adds a line to the log that the web REST interface answers with.
func (w *World) AddLog(l LogLine) error {
	w.lock()
	defer w.unlock()
	a, err := w.appNamed(l.App)
	if err != nil {
		return fmt.Errorf("add log line: %w", err)
	}
	region := ""
	if m := w.machines[l.Instance]; m != nil {
		region = m.region
	}
	w.addLog(a, logLine{w.now, l.Instance, region, l.Level, l.Provider, l.Message})
	return nil
}

func (w *World) log(m *machine, level, provider, message string) {
	w.addLog(m.app, logLine{w.now, m.id, m.region, level, provider, message})
}

func (w *World) addLog(a *app, l logLine) {
	// Each line has a time of its own, because the cursor of a reader is a time.
	if n := len(a.logs); n > 0 && !l.at.After(a.logs[n-1].at) {
		l.at = a.logs[n-1].at.Add(1)
	}
	a.logs = append(a.logs, l)
	if len(a.logs) >= 2*keptLogs {
		a.logs = append([]logLine(nil), a.logs[len(a.logs)-keptLogs:]...)
	}
}
