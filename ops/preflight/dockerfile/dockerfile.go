// Package dockerfile reads a Dockerfile as far as it says what an image is made from and what runs in it: stages, their
// bases, arguments, environment, labels, and commands. It builds nothing, fetches nothing, and knows nothing of what lies
// in a base image. No input makes it fail: what it does not understand it leaves out and names.
//
// The format is that of https://docs.docker.com/reference/dockerfile/.
package dockerfile

import (
	"encoding/json"
	"strings"
)

// MaxSize is how many bytes of a file are read, and maxStages how many stages. No Dockerfile written by people comes near.
const (
	MaxSize   = 1 << 20
	maxStages = 500
)

// File is a Dockerfile.
type File struct {
	Args   []Arg // before the first stage: they count in FROM
	Stages []Stage
	Notes  []Note // what was not understood
}

// Note is a line that was left out, and why.
type Note struct {
	Line int
	Text string
}

// Arg is an argument of the build.
type Arg struct {
	Name    string
	Default string // as it comes to with the defaults of those before it
	Set     bool   // it has a default
	Line    int
}

// Stage is what one FROM begins.
type Stage struct {
	Line         int
	Name         string // of AS, lower case; empty: it has none
	From         string // an image, or the name of an earlier stage, with the arguments' values put in
	Platform     string
	Instructions []Instruction
}

// Instruction is one instruction of a stage, its lines joined.
type Instruction struct {
	Line     int
	Name     string            // upper case
	Flags    map[string]string // --from=builder
	Text     string            // what follows the flags, as written
	Words    []string          // of the JSON form; nil: it is not in that form
	Heredocs []Heredoc
}

// Heredoc is text that follows an instruction.
type Heredoc struct {
	Name string // of its end
	Line int    // of its first line
	Text string
}

// Parse reads a Dockerfile.
func Parse(src []byte) *File {
	if len(src) > MaxSize {
		src = src[:MaxSize]
	}
	f := &File{}
	r := &lines{text: strings.Split(strings.TrimPrefix(string(src), "\ufeff"), "\n"), escape: '\\'}
	r.directives()
	global := scope{}
	for {
		i, ok := r.next()
		if !ok {
			return f
		}
		switch {
		case i.Name == "FROM":
			f.from(i, global)
		case len(f.Stages) == 0 && i.Name == "ARG":
			for _, a := range args(i, global) {
				global[a.Name] = a.Default
				f.Args = append(f.Args, a)
			}
		case len(f.Stages) == 0:
			f.Notes = append(f.Notes, Note{i.Line, i.Name + " before the first FROM"})
		case !known[i.Name]:
			f.Notes = append(f.Notes, Note{i.Line, "no instruction: " + i.Name})
		default:
			s := &f.Stages[len(f.Stages)-1]
			s.Instructions = append(s.Instructions, i)
		}
	}
}

// known are the instructions there are.
var known = map[string]bool{
	"ADD": true, "ARG": true, "CMD": true, "COPY": true, "ENTRYPOINT": true, "ENV": true, "EXPOSE": true, "HEALTHCHECK": true,
	"LABEL": true, "MAINTAINER": true, "ONBUILD": true, "RUN": true, "SHELL": true, "STOPSIGNAL": true, "USER": true,
	"VOLUME": true, "WORKDIR": true,
}

func (f *File) from(i Instruction, global scope) {
	words := strings.Fields(i.Text)
	if len(words) == 0 || len(f.Stages) == maxStages {
		f.Notes = append(f.Notes, Note{i.Line, "FROM without an image, or one too many"})
		return
	}
	s := Stage{Line: i.Line, From: global.expand(words[0]), Platform: global.expand(i.Flags["platform"])}
	if len(words) >= 3 && strings.EqualFold(words[1], "as") {
		s.Name = strings.ToLower(words[2])
	}
	f.Stages = append(f.Stages, s)
}

// args reads ARG, which can have several.
func args(i Instruction, s scope) []Arg {
	var out []Arg
	for _, w := range pairs(i.Text) {
		name, value, set := strings.Cut(w, "=")
		if name == "" {
			continue
		}
		a := Arg{Name: name, Default: s.expand(value), Set: set, Line: i.Line}
		out = append(out, a)
	}
	return out
}

// jsonWords reads the form that is a JSON array of strings.
func jsonWords(text string) []string {
	if !strings.HasPrefix(text, "[") {
		return nil
	}
	words := []string{}
	if json.Unmarshal([]byte(text), &words) != nil {
		return nil
	}
	return words
}
