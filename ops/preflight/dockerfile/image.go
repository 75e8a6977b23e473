package dockerfile

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Image is what a build comes to, as far as the file says.
type Image struct {
	Base       string           // the image that it all stands on; empty: there is no stage
	Stages     []*Stage         // that it is made from, the base's first
	Env        map[string]Value // by name
	Labels     map[string]Value
	Entrypoint Command
	Cmd        Command
	Workdir    string
	StopSignal Value
}

// Value is a text and where it was said.
type Value struct {
	Text string
	Line int
}

// Command is a CMD or an ENTRYPOINT. Line is 0 where there is none.
type Command struct {
	Line  int
	Words []string // of the JSON form
	Shell string   // of the other form, which a shell runs
}

// String is the command as it was written, in one line.
func (c Command) String() string {
	if c.Words == nil {
		return c.Shell
	}
	quoted := make([]string, len(c.Words))
	for i, w := range c.Words {
		if quoted[i] = w; w == "" || strings.ContainsAny(w, " \t\"'\n") {
			quoted[i] = strconv.Quote(w)
		}
	}
	return strings.Join(quoted, " ")
}

// Image is what the stage named target, or the last one where it is empty, comes to with values for arguments.
func (f *File) Image(target string, values map[string]string) Image {
	img := Image{Env: map[string]Value{}, Labels: map[string]Value{}}
	chain := f.chain(target)
	if len(chain) == 0 {
		return img
	}
	img.Stages, img.Base = chain, chain[0].From
	for _, s := range chain {
		img.stage(f, s, values)
	}
	return img
}

// chain is the stages that one stands on, the first first, and it.
func (f *File) chain(target string) []*Stage {
	at := len(f.Stages) - 1
	if target != "" {
		at = f.index(strings.ToLower(target), len(f.Stages))
	}
	var out []*Stage
	for at >= 0 {
		out = append(out, &f.Stages[at])
		at = f.index(strings.ToLower(f.Stages[at].From), at)
	}
	slices.Reverse(out)
	return out
}

// index is the last stage before one of a name, or with its number; -1: there is none.
func (f *File) index(name string, before int) int {
	for i := before - 1; i >= 0; i-- {
		if f.Stages[i].Name == name && name != "" {
			return i
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < before {
		return n
	}
	return -1
}

func (m *Image) stage(f *File, s *Stage, values map[string]string) {
	vars := scope{}
	for name, v := range m.Env {
		vars[name] = v.Text
	}
	global := scope{}
	for _, a := range f.Args {
		global[a.Name] = a.Default
	}
	maps.Copy(global, values)
	ownCmd := false
	for _, i := range s.Instructions {
		switch i.Name {
		case "ARG":
			for _, a := range args(i, vars) {
				if _, env := m.Env[a.Name]; env {
					continue // the environment is stronger
				}
				given, ok := global[a.Name]
				switch {
				case ok && (!a.Set || values[a.Name] != ""):
					vars[a.Name] = given
				case a.Set:
					vars[a.Name] = a.Default
				}
			}
		case "ENV":
			for name, v := range m.values(i, vars) {
				m.Env[name] = v
			}
			for name, v := range m.Env {
				vars[name] = v.Text
			}
		case "LABEL":
			maps.Copy(m.Labels, m.values(i, vars))
		case "WORKDIR":
			if w := vars.expand(i.Text); strings.HasPrefix(w, "/") || m.Workdir == "" {
				m.Workdir = w
			} else {
				m.Workdir = strings.TrimSuffix(m.Workdir, "/") + "/" + w
			}
		case "STOPSIGNAL":
			m.StopSignal = Value{vars.expand(i.Text), i.Line}
		case "CMD":
			m.Cmd, ownCmd = command(i), true
		case "ENTRYPOINT":
			m.Entrypoint = command(i)
			if !ownCmd {
				m.Cmd = Command{} // that of the base is for the base's entry point
			}
		}
	}
}

func command(i Instruction) Command {
	if i.Words != nil {
		return Command{Line: i.Line, Words: i.Words}
	}
	return Command{Line: i.Line, Shell: i.Text}
}

// values reads ENV and LABEL: NAME=VALUE …, or the old form of one NAME VALUE.
func (m *Image) values(i Instruction, vars scope) map[string]Value {
	out := map[string]Value{}
	name, rest, _ := cut(i.Text)
	if !strings.Contains(name, "=") && !strings.HasPrefix(name, `"`) {
		if name != "" {
			out[name] = Value{vars.expand(rest), i.Line}
		}
		return out
	}
	for _, w := range pairs(i.Text) {
		if name, value, ok := strings.Cut(w, "="); ok && name != "" {
			out[name] = Value{vars.expand(value), i.Line}
		}
	}
	return out
}

// Runs is the RUN instructions of every stage, whichever the image is made from: a builder's too.
func (f *File) Runs() []Instruction {
	var out []Instruction
	for _, s := range f.Stages {
		for _, i := range s.Instructions {
			if i.Name == "RUN" {
				out = append(out, i)
			}
		}
	}
	return out
}

// Copy is a COPY or ADD from the build's context: files of the project, and where they go.
type Copy struct {
	Line    int
	Sources []string
	Dest    string
	Text    *Heredoc // instead of sources: the file's text stands in the Dockerfile
}

// Copies are those of the stages that an image is made from.
func (m Image) Copies() []Copy {
	var out []Copy
	for _, s := range m.Stages {
		for _, i := range s.Instructions {
			if i.Name != "COPY" && i.Name != "ADD" || i.Flags["from"] != "" {
				continue
			}
			words := i.Words
			if words == nil {
				words = strings.Fields(i.Text)
			}
			if len(words) < 2 {
				continue
			}
			c := Copy{Line: i.Line, Sources: words[:len(words)-1], Dest: words[len(words)-1]}
			if len(i.Heredocs) > 0 {
				c.Text = &i.Heredocs[0]
			}
			out = append(out, c)
		}
	}
	return out
}
