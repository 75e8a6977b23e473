package source

import (
	"cmp"
	"slices"
	"strings"

	"ops-console/ops/fly/flytoml"
	"ops-console/ops/preflight/dockerfile"
	"ops-console/ops/preflight/shell"
)

// Kind is what a command does that matters here.
type Kind string

// The kinds.
const (
	StartsRelease Kind = "release" // bin/app start
	StartsMix     Kind = "mix"     // mix phx.server, mix run, iex -S mix
	Migrates      Kind = "migrate" // mix ecto.migrate, bin/app eval "….migrate"
	Evaluates     Kind = "eval"    // other code run in a release
	RunsMix       Kind = "task"    // another mix task
)

// Action is something that a command comes to.
type Action struct {
	Kind Kind
	Text string // the command, as it stands there
	At   Place
	// Exec says that it takes the place of the shell that runs it, so that signals reach it.
	Exec bool
	// Script says that a script runs it; Maybe, that it does so under a condition.
	Script, Maybe bool
}

// Boot is what a process group, or a release command, runs.
type Boot struct {
	Group   string
	Command Mention // as it stands there; empty: nothing says
	Actions []Action
	// Shell says that a shell runs the command: CMD in its text form.
	Shell bool
	// Unread are scripts that are run and are not in the tree, nor written by it.
	Unread []string
}

// Find is the first action of a kind.
func (b Boot) Find(kinds ...Kind) (Action, bool) {
	for _, a := range b.Actions {
		if slices.Contains(kinds, a.Kind) {
			return a, true
		}
	}
	return Action{}, false
}

// boots finds out what each process group runs. fly.toml is stronger than the image, as on the platform; where there is
// neither, the Procfile says it.
func (r *reader) boots() {
	t := r.tree
	if f := t.Fly; f != nil {
		if c := f.Deploy.ReleaseCommand; c != "" {
			t.Release = r.words("release_command", Mention{shownText(c), Place{t.FlyPath, f.Lines["deploy.release_command"]}}, shell.Words(c), t.Image.Entrypoint)
		}
		groups := make([]string, 0, len(f.Processes))
		for g := range f.Processes {
			groups = append(groups, g)
		}
		slices.Sort(groups)
		for _, g := range groups {
			if c := f.Processes[g]; c != "" {
				t.Boots = append(t.Boots, r.words(g, Mention{shownText(c), Place{t.FlyPath, f.Lines["processes."+g]}}, shell.Words(c), t.Image.Entrypoint))
			}
		}
		if len(t.Boots) > 0 {
			return
		}
		for _, e := range []struct {
			key   string
			words []string
		}{{"experimental.exec", f.Experimental.Exec}, {"experimental.cmd", f.Experimental.Cmd}, {"experimental.entrypoint", f.Experimental.Entrypoint}} {
			if len(e.words) == 0 {
				continue
			}
			entry := t.Image.Entrypoint
			if e.key != "experimental.cmd" {
				entry = dockerfile.Command{}
			}
			m := Mention{shown(e.words), Place{t.FlyPath, f.Lines[e.key]}}
			t.Boots = append(t.Boots, r.words(flytoml.DefaultGroup, m, e.words, entry))
			return
		}
	}
	if b, ok := r.dockerBoot(); ok {
		t.Boots = append(t.Boots, b)
		return
	}
	r.procfile()
}

// dockerBoot is what the image runs by itself.
func (r *reader) dockerBoot() (Boot, bool) {
	t := r.tree
	entry, cmd := t.Image.Entrypoint, t.Image.Cmd
	if entry.Line == 0 && cmd.Line == 0 {
		return Boot{}, false
	}
	line := cmp.Or(cmd.Line, entry.Line)
	text := strings.TrimSpace(entry.String() + " " + cmd.String())
	m := Mention{shownText(text), Place{t.Dockerfile, line}}
	if entry.Line == 0 || entry.Shell != "" {
		c := cmd
		if entry.Shell != "" {
			c = entry // the shell form of an entry point ignores CMD
		}
		b := Boot{Group: flytoml.DefaultGroup, Command: m}
		s := scan{r: r, boot: &b, seen: map[string]bool{}}
		if c.Words != nil {
			s.command(shell.Command{Words: c.Words, Line: c.Line}, t.Dockerfile, depth{first: true, exec: true})
		} else {
			b.Shell = true
			s.script(c.Shell, Place{t.Dockerfile, c.Line}, depth{first: true, inline: true})
		}
		return b, true
	}
	return r.words(flytoml.DefaultGroup, m, cmd.Words, entry), true
}

// words is a command that is run as it is, by the image's entry point where there is one.
func (r *reader) words(group string, m Mention, words []string, entry dockerfile.Command) Boot {
	b := Boot{Group: group, Command: m}
	s := scan{r: r, boot: &b, seen: map[string]bool{}}
	s.command(shell.Command{Words: append(slices.Clone(entry.Words), words...), Line: m.At.Line}, m.At.Path, depth{first: true, exec: true})
	return b
}

// procfile is what platforms of another kind start; fly.io's builders read it too.
func (r *reader) procfile() {
	src, ok := r.read("Procfile")
	if !ok {
		return
	}
	for i, l := range strings.Split(string(src), "\n") {
		group, command, ok := strings.Cut(l, ":")
		group, command = strings.TrimSpace(group), strings.TrimSpace(command)
		if !ok || command == "" || strings.HasPrefix(group, "#") {
			continue
		}
		b := Boot{Group: group, Command: Mention{shownText(command), Place{"Procfile", i + 1}}, Shell: true}
		s := scan{r: r, boot: &b, seen: map[string]bool{}}
		s.script(command, b.Command.At, depth{first: true, inline: true})
		if group == "release" {
			if r.tree.Release.Command.Text == "" {
				r.tree.Release = b
			}
			continue
		}
		r.tree.Boots = append(r.tree.Boots, b)
	}
}
