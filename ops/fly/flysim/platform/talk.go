package platform

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"ops-console/ops/fly"
)

// sayEvery is how many requests pass for one that the log tells of.
const sayEvery = 8

// speech is what instances say. Its choices take turns: chance would change the ids of the world.
type speech struct {
	n      int // requests told of
	passed int // requests since
}

// requestID is another one each time, of the form that Phoenix gives them.
func (s *speech) requestID() string {
	s.n++
	x := uint64(s.n) * 0x9e3779b97f4a7c15
	return "GG" + strings.ToUpper(strconv.FormatUint(x|1<<63, 36))
}

// says is a line of the app's logger, in the format that Elixir's has.
func (s *speech) says(w *World, m *machine, level, format string, args ...any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	w.log(m, "info", "app", w.now.UTC().Format("15:04:05.000")+" ["+level+"] "+text)
}

// phoenix tells whether what runs on m is a Phoenix application.
func (m *machine) phoenix() bool {
	return m.app.role != rolePostgres && len(m.cfg.Schedule) == 0 && !m.cfg.job()
}

// module is the app's name as that of an Elixir module.
func (a *app) module() string {
	r := []rune(strings.ReplaceAll(a.name, "-", ""))
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

// saysPull is what the host tells before a machine starts.
func (w *World) saysPull(m *machine) {
	w.log(m, "info", "runner", "Pulling container image "+m.cfg.Image)
	w.log(m, "info", "runner", "Successfully prepared image "+m.cfg.Image+" ("+w.opts.Delays.Replace.String()+")")
	w.log(m, "info", "runner", "Configuring firecracker")
}

// saysStart is a machine that has come up, before its app listens.
func (w *World) saysStart(m *machine) {
	w.log(m, "info", "app", " INFO Starting init (commit: 5b8fb02)...")
	w.log(m, "info", "app", "Machine started")
	if m.phoenix() {
		w.log(m, "info", "app", " INFO Preparing to run: `/app/bin/server` as nobody")
	}
}

// saysReady is an app that begins to listen.
func (w *World) saysReady(m *machine) {
	if !m.phoenix() {
		return
	}
	s := &w.speech
	if len(m.cfg.Services) == 0 {
		s.says(w, m, "info", "%s.Worker is ready, queues: default, mailers, feeds", m.app.module())
		return
	}
	s.says(w, m, "info", "Running %sWeb.Endpoint with Bandit 1.8.0 at :::%d (http)", m.app.module(), m.cfg.Services[0].InternalPort)
	s.says(w, m, "info", "Access %sWeb.Endpoint at https://%s.example", m.app.module(), m.app.name)
}

// saysCrash is what an app writes before it ends by itself.
func (w *World) saysCrash(m *machine, c *crash) {
	if !m.phoenix() || c.oom {
		return
	}
	name := m.app.module()
	s := &w.speech
	if c.code == 0 {
		s.says(w, m, "notice", "Application %s exited: :normal", strings.ToLower(name))
		return
	}
	s.says(w, m, "error", "GenServer %s.Cache terminating", name)
	for _, line := range []string{
		"** (RuntimeError) could not read the signing key: environment variable SIGNING_KEY is missing",
		"    (" + m.app.name + " 1.0.0) lib/" + m.app.name + "/cache.ex:41: " + name + ".Cache.handle_info/2",
		"    (stdlib 6.2) gen_server.erl:2345: :gen_server.try_handle_info/3",
		"    (stdlib 6.2) proc_lib.erl:329: :proc_lib.init_p_do_apply/3",
		"Last message: :refresh",
	} {
		w.log(m, "info", "app", line)
	}
	s.says(w, m, "notice", "Application %s exited: shutdown", m.app.name)
	w.refused(m)
}

// saysStop is a machine that is told to end.
func (w *World) saysStop(m *machine) {
	w.log(m, "info", "runner", "Machine stopping")
	w.log(m, "info", "app", " INFO Sending signal SIGTERM to main child process w/ PID 628")
	if m.phoenix() {
		w.speech.says(w, m, "notice", "SIGTERM received - shutting down")
	}
}

// saysJob is what a release command writes that nobody really runs.
func (w *World) saysJob(m *machine, code int) {
	s, name := &w.speech, m.app.module()
	if code == 0 {
		s.says(w, m, "info", "Migrations already up")
		return
	}
	s.says(w, m, "info", "== Running 20261104101500 %s.Repo.Migrations.AddTranscripts.change/0 forward", name)
	s.says(w, m, "info", "create table transcripts")
	w.log(m, "info", "app", `** (Postgrex.Error) ERROR 42P07 (duplicate_table) relation "transcripts" already exists`)
	w.log(m, "info", "app", "    (ecto_sql 3.13.2) lib/ecto/adapters/sql.ex:1096: Ecto.Adapters.SQL.raise_sql_call_error/1")
}

// saysCheck is a check that has another result than before.
func (w *World) saysCheck(m *machine, c *check, before string) {
	switch {
	case c.status == fly.CheckCritical:
		w.log(m, "error", "health", fmt.Sprintf("Health check %q on port %d has failed. Your app is not responding properly.", c.name, c.port))
	case c.status == fly.CheckPassing && before != "":
		w.log(m, "info", "health", fmt.Sprintf("Health check %q on port %d is now passing.", c.name, c.port))
	}
}

// paths is what is asked for.
var paths = [...]string{"/", "/podcast", "/podcast/feed", "/news", "/episodes/620", "/search?q=elixir", "/friends/90", "/assets/app.css"}

// heard tells of one in some requests that an instance answered.
func (w *World) heard(m *machine, status int, took time.Duration) {
	s := &w.speech
	if s.passed++; s.passed < sayEvery || !m.phoenix() {
		return
	}
	s.passed = 0
	id, path := s.requestID(), paths[s.n%len(paths)]
	at := w.now.UTC().Format("15:04:05.000") + " request_id=" + id
	w.log(m, "info", "app", at+" [info] GET "+path)
	if w.behaviour(m).Hostile {
		w.log(m, "info", "app", "\x1b[2J\x1b[31mowned\x1b]0;owned\x07\u202egnp.exe\u202c"+strings.Repeat("\x1b[5m!", 200)+"\xff\xfe")
	}
	if status >= 500 {
		w.log(m, "info", "app", at+" [error] ** (DBConnection.ConnectionError) connection not available and request was dropped from queue after "+took.Round(time.Millisecond).String())
		w.log(m, "info", "app", "    (ecto_sql 3.13.2) lib/ecto/adapters/sql.ex:1096: Ecto.Adapters.SQL.raise_sql_call_error/1")
	}
	w.log(m, "info", "app", at+" [info] Sent "+strconv.Itoa(status)+" in "+elixirTime(took))
}

// elixirTime is how Phoenix writes how long an answer took.
func elixirTime(d time.Duration) string {
	if d < time.Millisecond {
		return strconv.FormatInt(d.Microseconds(), 10) + "µs"
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}
