package source

import (
	"path"
	"slices"
	"strings"

	"ops-console/ops/preflight/shell"
)

// maxScripts is how many scripts are followed from one command.
const maxScripts = 12

// scan follows a command into the scripts that it runs.
type scan struct {
	r    *reader
	boot *Boot
	seen map[string]bool
}

// depth is how a command came to be run.
type depth struct {
	exec   bool // in the place of the container's first process
	shell  bool // by a shell
	script bool // by a script
	maybe  bool // under a condition
	alias  int  // how many aliases of mix led to it
}

// script looks through a script's text.
func (s *scan) script(text string, at Place, d depth) {
	commands := shell.Parse(text, max(at.Line, 1))
	for i, c := range commands {
		sub := d
		// The last command of sh -c takes the shell's place with the shells that containers have; a script's does not.
		sub.exec = d.shell && !d.script && len(commands) == 1 && i == 0
		s.command(c, at.Path, sub)
	}
}

// harmless are commands whose arguments may look like commands.
var harmless = map[string]bool{
	"echo": true, "printf": true, "apt": true, "apt-get": true, "apk": true, "cp": true, "mv": true, "rm": true, "ls": true, "which": true,
	"chmod": true, "chown": true, "mkdir": true, "ln": true, "test": true, "[": true, "[[": true, "type": true, "curl": true, "export": true,
	"cd": true, "source": true, "grep": true, "sed": true,
}

// shells run the word after -c, or a script. su and its kin do the former too.
var shells = map[string]bool{"sh": true, "bash": true, "ash": true, "dash": true, "zsh": true, "su": true, "runuser": true}

func (s *scan) command(c shell.Command, file string, d depth) {
	if len(c.Words) == 0 || harmless[path.Base(c.Words[0])] {
		return
	}
	words := c.Words
	at := Place{file, c.Line}
	if words[0] == "exec" {
		words, d.exec = words[1:], true
	}
	if len(words) == 0 || words[0] == "$@" || words[0] == "${@}" {
		return
	}
	for i, w := range words {
		base := path.Base(w)
		switch {
		case shells[base]:
			if s.inShell(words[i+1:], at, d, c.Maybe) {
				return
			}
		case base == "mix":
			s.mix(words[i+1:], c, at, d)
			return
		case base == "iex" || base == "elixir":
			continue // -S mix follows
		case i+1 < len(words) && starts[words[i+1]] && (strings.Contains(w, "/") || s.isRelease(base)):
			s.add(StartsRelease, c, at, d)
			return
		case i+2 < len(words) && (words[i+1] == "eval" || words[i+1] == "rpc") && !strings.HasPrefix(w, "-"):
			kind := Evaluates
			if strings.Contains(strings.ToLower(strings.Join(words[i+2:], " ")), "migrat") {
				kind = Migrates
			}
			s.add(kind, c, at, d)
			return
		}
	}
	s.follow(words, c, at, d)
}

// starts are the commands of a release's own script that start it.
var starts = map[string]bool{
	"start": true, "start_iex": true, "daemon": true, "daemon_iex": true, "foreground": true, "console": true,
}

// isRelease says whether a name is that of the application or of one of its releases.
func (s *scan) isRelease(name string) bool {
	m := s.r.tree.Mix
	return m != nil && (name == m.App || slices.ContainsFunc(m.Releases, func(r MixRelease) bool { return r.Name == name }))
}

func (s *scan) add(k Kind, c shell.Command, at Place, d depth) {
	s.boot.Actions = append(s.boot.Actions, Action{Kind: k, Text: c.String(), At: at, Exec: d.exec, Script: d.script, Maybe: d.maybe || c.Maybe})
}

// inShell looks into the text after -c; false where there is none.
func (s *scan) inShell(words []string, at Place, d depth, maybe bool) bool {
	for i, w := range words {
		if len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.HasSuffix(w, "c") && i+1 < len(words) {
			// What it runs is another process than the first, unless it is the only command of a plain shell in its place.
			s.script(words[i+1], at, depth{shell: true, script: d.script || !d.exec, maybe: d.maybe || maybe, alias: d.alias})
			return true
		}
	}
	return false
}

// mix looks at what comes after the word mix: tasks, several after do.
func (s *scan) mix(words []string, c shell.Command, at Place, d depth) {
	if len(words) > 0 && words[0] == "do" {
		words = words[1:]
	} else if len(words) > 0 {
		s.task(words[0], words[1:], c, at, d)
		return
	}
	next := true
	for _, w := range words {
		if next {
			s.task(strings.TrimSuffix(w, ","), nil, c, at, d)
		}
		next = w == "+" || strings.HasSuffix(w, ",")
	}
}

// maxAliases bounds aliases of mix that name each other.
const maxAliases = 8

func (s *scan) task(task string, args []string, c shell.Command, at Place, d depth) {
	switch task {
	case "phx.server", "phoenix.server", "run":
		s.add(StartsMix, c, at, d)
		return
	case "ecto.migrate", "ecto.migrate.all", "ash.migrate", "ash_postgres.migrate", "ash.setup":
		s.add(Migrates, c, at, d)
		return
	}
	if m := s.r.tree.Mix; m != nil && d.alias < maxAliases {
		if runs, ok := m.Aliases[task]; ok {
			d.alias++
			for _, run := range runs {
				if words := shell.Words(run); len(words) > 0 {
					s.task(words[0], words[1:], c, at, d)
				}
			}
			return
		}
	}
	if task == "ecto.setup" || task == "ecto.reset" {
		s.add(Migrates, c, at, d)
		return
	}
	if task != "" && !strings.HasPrefix(task, "-") {
		s.add(RunsMix, c, at, d)
	}
}

// follow looks for the script that a command is.
func (s *scan) follow(words []string, c shell.Command, at Place, d depth) {
	for _, w := range words {
		base := path.Base(w)
		if base == "migrate" && strings.Contains(w, "/") {
			s.add(Migrates, c, at, d)
			return
		}
		script, where, ok := s.r.script(w)
		if !ok {
			continue
		}
		if s.seen[where.String()] || len(s.seen) >= maxScripts {
			return
		}
		s.seen[where.String()] = true
		s.script(script, where, depth{shell: true, script: true, maybe: d.maybe || c.Maybe, alias: d.alias})
		return
	}
	if w := words[0]; d.exec || strings.Contains(w, "/") {
		if base := path.Base(w); base == "server" && strings.Contains(w, "/bin/") && s.builds() {
			s.add(StartsRelease, c, at, d) // phx.gen.release writes such a script
			return
		}
		if d.exec && !slices.Contains(s.boot.Unread, w) {
			s.boot.Unread = append(s.boot.Unread, w)
		}
	}
}

// builds says whether the Dockerfile makes a release.
func (s *scan) builds() bool {
	if s.r.tree.Docker == nil {
		return false
	}
	for _, run := range s.r.tree.Docker.Runs() {
		if strings.Contains(run.Text, "mix release") {
			return true
		}
	}
	return false
}
