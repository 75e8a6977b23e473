package source

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"ops-console/ops/preflight/shell"
)

const (
	maxScripts = 12   // that are followed from one command
	maxSteps   = 5000 // commands and tasks that are looked at
)

// scan follows a command into the scripts that it runs.
type scan struct {
	r    *reader
	boot *Boot
	seen map[string]bool

	steps int
}

// enough says that more was looked at than anybody writes.
func (s *scan) enough() bool {
	s.steps++
	return s.steps > maxSteps
}

// depth is how a command came to be run.
type depth struct {
	first  bool     // what runs it is the machine's first process, or has taken its place
	exec   bool     // it takes the place of what runs it, without being told to
	inline bool     // it stands in the text after sh -c, or in one like that
	script bool     // by a script
	maybe  bool     // under a condition
	alias  int      // how many aliases of mix led to it
	args   []string // that the script was given
}

// under is d for what a command runs.
func (d depth) under(c shell.Command) depth {
	d.maybe = d.maybe || c.Maybe
	return d
}

// script looks through a script's text.
func (s *scan) script(text string, at Place, d depth) {
	commands := shell.Parse(text, max(at.Line, 1))
	for i, c := range commands {
		sub := d
		// The only command of sh -c takes the shell's place with the shells that containers have; a script's does not.
		sub.exec = d.inline && len(commands) == 1 && i == 0
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
	words := given(c.Words, d.args)
	if len(words) == 0 || s.enough() || harmless[path.Base(words[0])] {
		return
	}
	c.Words = words
	at := Place{file, c.Line}
	if words[0] == "exec" {
		words, d.exec = words[1:], true
	}
	d.first = d.first && d.exec
	if len(words) == 0 {
		return
	}
	if s.enter(words, file, d.under(c)) {
		return
	}
	for i, w := range words {
		base := path.Base(w)
		switch {
		case shells[base]:
			sub := d
			sub.first = d.first && base != "su" && base != "runuser" // these wait for what they run
			sub.maybe = d.maybe || c.Maybe
			if s.inShell(words[i+1:], at, sub) {
				return
			}
		case base == "mix":
			s.mix(words[i+1:], c, at, d)
			return
		case base == "iex" || base == "elixir":
			continue // -S mix follows
		case i+1 < len(words) && starts[words[i+1]] && (strings.Contains(w, "/") || s.isRelease(base)):
			if i > 0 {
				s.before(words[0])
			}
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
	s.boot.Actions = append(s.boot.Actions, Action{Kind: k, Text: shown(c.Words), At: at, Exec: d.first, Script: d.script, Maybe: d.maybe || c.Maybe})
}

// given puts a script's arguments where it uses them.
func given(words, args []string) []string {
	var out []string
	for _, w := range words {
		if w == "$@" || w == "${@}" || w == "$*" {
			out = append(out, args...)
			continue
		}
		for n := 1; n <= 9 && strings.Contains(w, "$"); n++ {
			value := ""
			if n <= len(args) {
				value = args[n-1]
			}
			w = strings.NewReplacer(fmt.Sprintf("$%d", n), value, fmt.Sprintf("${%d}", n), value).Replace(w)
		}
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}

// inShell looks into the text after -c, or into the script that a shell is given; false where there is neither.
func (s *scan) inShell(words []string, at Place, d depth) bool {
	for i, w := range words {
		if len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.HasSuffix(w, "c") && i+1 < len(words) {
			s.script(words[i+1], at, depth{first: d.first, inline: true, script: d.script, maybe: d.maybe, alias: d.alias, args: d.args})
			return true
		}
	}
	for i, w := range words {
		if !strings.HasPrefix(w, "-") {
			return s.enter(words[i:], at.Path, d)
		}
	}
	return false
}

// enter looks through the script that the first word names; false where it is not to be found.
func (s *scan) enter(words []string, from string, d depth) bool {
	script, where, ok := s.r.script(words[0], from)
	if !ok {
		return false
	}
	if !s.seen[where.String()] && len(s.seen) < maxScripts {
		s.seen[where.String()] = true
		s.script(script, where, depth{first: d.first, script: true, maybe: d.maybe, alias: d.alias, args: words[1:]})
	}
	return true
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
	if s.enough() {
		return
	}
	switch task {
	case "phx.server", "phoenix.server":
		s.add(StartsMix, c, at, d)
		return
	case "run":
		switch {
		case slices.Contains(args, "--no-halt"):
			s.add(StartsMix, c, at, d)
		case strings.Contains(strings.ToLower(strings.Join(args, " ")), "migrat"):
			s.add(Migrates, c, at, d)
		default:
			s.add(RunsMix, c, at, d)
		}
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
	d = d.under(c)
	for i, w := range words {
		if path.Base(w) == "migrate" && strings.Contains(w, "/") {
			s.add(Migrates, c, at, d)
			return
		}
		if s.enter(words[i:], at.Path, d) {
			return
		}
	}
	if w := words[0]; d.exec || strings.Contains(w, "/") {
		if base := path.Base(w); base == "server" && strings.Contains(w, "/bin/") && s.builds() {
			s.add(StartsRelease, c, at, d) // phx.gen.release writes such a script
			return
		}
		if d.exec && !d.maybe {
			s.before(w)
		}
	}
}

// before notes a program that was not found, if its name may be a script's.
func (s *scan) before(w string) {
	if wrappers[path.Base(w)] || !strings.ContainsAny(w, "/.") || strings.Contains(w, "$") || slices.Contains(s.boot.Unread, w) {
		return
	}
	s.boot.Unread = append(s.boot.Unread, w)
}

// wrappers are programs that run what follows them, and nothing else.
var wrappers = map[string]bool{
	"tini": true, "dumb-init": true, "catatonit": true, "env": true, "sudo": true, "gosu": true, "su-exec": true, "setpriv": true,
	"nice": true, "timeout": true, "op": true, "doppler": true, "infisical": true, "litefs": true, "elixir": true, "erl": true,
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
