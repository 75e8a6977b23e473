package platform

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"ops-console/ops/fly"
)

// Logged is a line of an app's log.
type Logged struct {
	At       time.Time
	App      string
	Instance string // id of a machine; "": none
	Region   string
	Host     string
	Level    string
	Provider string // app, runner, proxy, health
	Message  string
	Proxied  *Proxied // of the proxy's lines
}

// Proxied is the request that a line of the proxy is about.
type Proxied struct {
	ID, Method, URL string
	Status          int
	Code            int // of the proxy's own error
	Error           string
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
	out := Logged{Instance: l.Instance, Level: l.Level, Provider: l.Provider, Message: l.Message}
	if m := w.machines[l.Instance]; m != nil {
		out.Region, out.Host = m.region, m.host
	}
	w.addLog(a, out)
	return nil
}

// TapLogs has tap told of every line from now on. It is called with the world locked: it may neither wait nor ask the world.
func (w *World) TapLogs(tap func(Logged)) {
	w.lock()
	defer w.unlock()
	w.tap = tap
}

func (w *World) log(m *machine, level, provider, message string) {
	w.addLog(m.app, Logged{Instance: m.id, Region: m.region, Host: m.host, Level: level, Provider: provider, Message: message})
}

func (w *World) addLog(a *app, l Logged) {
	l.At, l.App = w.now, a.name
	// Each line has a time of its own, because the cursor of a reader is a time.
	if n := len(a.logs); n > 0 && !l.At.After(a.logs[n-1].At) {
		l.At = a.logs[n-1].At.Add(1)
	}
	if len(a.logs) >= 2*keptLogs {
		a.logs = append([]Logged(nil), a.logs[len(a.logs)-keptLogs:]...)
	}
	a.logs = append(a.logs, l)
	if w.tap != nil {
		w.tap(l)
	}
}

// logFaults is what can be wrong with the log that is asked for.
func logFaults() []FaultKind {
	return []FaultKind{
		{Name: "log-history-down", Args: []FaultArg{{"status", "503", "the status"}}, Help: "the web interface has no log lines to give; those that come live come"},
		{
			Name: "log-flood", Target: "MACHINE", Args: []FaultArg{{"lines", "500", "a second, of each machine"}}, Help: "it writes very many lines",
			machine: func(w *World, m *machine, a *activeFault) error { w.flood(m, a); return nil },
		},
	}
}

// maxLogPage is how many lines one answer has.
const maxLogPage = 100

// webLogs is the lines after a token, which is a time in nanoseconds; without one, the newest of the last day.
func (c *call) webLogs() (reply, error) {
	if f := c.w.on("log-history-down"); f != nil {
		return reply{}, apiError{f.args.status(), "logs are not available at the moment", "unknown"}
	}
	q := c.URL.Query()
	after := c.w.now.Add(-24 * time.Hour)
	first := q.Get("next_token") == ""
	if !first {
		ns, err := strconv.ParseInt(q.Get("next_token"), 10, 64)
		if err != nil {
			return reply{}, errBadRequest("invalid next_token")
		}
		after = time.Unix(0, ns)
	}
	var lines []Logged
	for _, l := range c.app.logs {
		if !l.At.After(after) || q.Get("region") != "" && q.Get("region") != l.Region || q.Get("instance") != "" && q.Get("instance") != l.Instance {
			continue
		}
		lines = append(lines, l)
	}
	if len(lines) > maxLogPage {
		if first {
			lines = lines[len(lines)-maxLogPage:]
		} else {
			lines = lines[:maxLogPage]
		}
	}
	data := make([]any, 0, len(lines))
	next := after
	if first {
		next = c.w.now
	}
	for _, l := range lines {
		next = l.At
		meta := l.details()
		meta["instance"], meta["region"] = l.Instance, l.Region
		data = append(data, map[string]any{
			"id": strconv.FormatInt(l.At.UnixNano(), 10), "type": "log",
			"attributes": map[string]any{
				"timestamp": l.At.UTC().Format(time.RFC3339Nano), "message": l.Message, "level": l.Level,
				"instance": l.Instance, "region": l.Region, "meta": meta,
			},
		})
	}
	return ok(map[string]any{"data": data, "meta": map[string]any{"next_token": strconv.FormatInt(next.UnixNano(), 10)}})
}

// details is what both the log that is asked for and the one that comes live say in the same form.
func (l *Logged) details() map[string]any {
	out := map[string]any{"event": map[string]any{"provider": l.Provider}}
	if p := l.Proxied; p != nil {
		out["http"] = map[string]any{"request": map[string]any{"id": p.ID, "method": p.Method, "version": "2"}, "response": map[string]any{"status_code": p.Status}}
		out["error"] = map[string]any{"code": p.Code, "message": p.Error}
		out["url"] = map[string]any{"full": p.URL}
	}
	return out
}

// Live is the line as the live stream has it, to be written as JSON.
func (l *Logged) Live() map[string]any {
	out := l.details()
	out["fly"] = map[string]any{"app": map[string]any{"instance": l.Instance, "name": l.App}, "region": l.Region}
	out["host"] = l.Host
	out["log"] = map[string]any{"level": l.Level}
	out["message"] = l.Message
	out["timestamp"] = l.At.UTC().Format(time.RFC3339Nano)
	return out
}

// Accepts tells whether a token, without a scheme, is one of those that are let in.
func (w *World) Accepts(token string) bool {
	w.lock()
	defer w.unlock()
	if w.on("unauthorized") != nil {
		return false
	}
	_, ok := w.bearer("Bearer " + token)
	return ok
}

// refused is a request that the proxy could not hand to m.
func (w *World) refused(m *machine) {
	if len(m.cfg.Services) == 0 {
		return
	}
	const code = "PC01"
	text := "instance refused connection. is your app listening on 0.0.0.0:" + itoa(m.cfg.Services[0].InternalPort) + "?"
	w.addLog(m.app, Logged{
		Instance: m.id, Region: m.region, Host: m.host, Level: "error", Provider: "proxy", Message: "[" + code + "] " + text,
		Proxied: &Proxied{ID: w.speech.requestID(), Method: http.MethodGet, URL: "https://" + m.app.name + ".example/", Status: http.StatusBadGateway, Code: 1, Error: text},
	})
}

// flood lets m write very many lines, as long as the fault lasts.
func (w *World) flood(m *machine, f *activeFault) {
	const tick = 20 * time.Millisecond
	n, perTick := 0, max(1, f.args.Int("lines")*int(tick)/int(time.Second))
	var more func()
	more = func() {
		if n > 0 && !w.struck(f, m) {
			return
		}
		for range perTick {
			n++
			if m.state == fly.StateStarted {
				w.speech.says(w, m, "debug", "flood line %d", n)
			}
		}
		w.after(tick, more)
	}
	more()
}
