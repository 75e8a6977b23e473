package source

import (
	"regexp"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
)

// Two layouts of snapshots are read. The plain one is ours:
//
//	AXIS/VERSION/FLAGS/FILES…      new/1.7.14/no-ecto/mix.exs
//
// with AXIS new, auth or release, and FLAGS the words of the command line without their leading dashes, sorted and joined by
// +: default, no-ecto, binary-id+live, database=mysql. Of auth and release, the flags of the project that they were run in
// stand behind an @: no-live@binary-id. AXIS may be missing and is new then. The whole may stand in one
// directory, as archives have it. The other is that of the phoenix-diff project, priv/data/sample-app/VERSION/PRESET, whose
// presets are named by the same rule.

// place is where a tree of a snapshot is.
type place struct {
	dir  string // with slashes, without one at the end
	spec phoenix.Spec
}

var versionDir = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)

// placeOf says which tree a path of a snapshot belongs to, and its path there; false: to none.
func placeOf(p string) (at place, rest string, ok bool) {
	start := 0
	segment := func(from int) string {
		s, _, _ := strings.Cut(p[from:], "/")
		return s
	}
	for depth := 0; depth < 8; depth++ {
		s := segment(start)
		if start+len(s) >= len(p) {
			return place{}, "", false // that was the file's own name
		}
		if !versionDir.MatchString(s) {
			start += len(s) + 1
			continue
		}
		flags := segment(start + len(s) + 1)
		end := start + len(s) + 1 + len(flags)
		if end+1 >= len(p) {
			return place{}, "", false
		}
		spec, ok := specOf(strings.TrimSuffix(p[:start], "/"), s, flags)
		return place{dir: p[:end], spec: spec}, p[end+1:], ok
	}
	return place{}, "", false
}

// places is placeOf for the paths of a listing, in which those of one tree stand together.
type places struct {
	last place
	ok   bool
}

func (l *places) of(p string) (at place, rest string, ok bool) {
	if l.last.dir != "" && len(p) > len(l.last.dir)+1 && p[len(l.last.dir)] == '/' && strings.HasPrefix(p, l.last.dir) {
		return l.last, p[len(l.last.dir)+1:], l.ok
	}
	l.last, rest, l.ok = placeOf(p)
	return l.last, rest, l.ok
}

// specOf reads the names of the directories that a tree is in.
func specOf(parent, version, flags string) (phoenix.Spec, bool) {
	v, err := phoenix.ParseVersion(version)
	if err != nil {
		return phoenix.Spec{}, false
	}
	var dirs []string
	if parent != "" {
		dirs = strings.Split(parent, "/")
	}
	s := phoenix.Spec{Axis: phoenix.Project, Version: v}
	theirs := false
	switch n := len(dirs); {
	case n >= 2 && dirs[n-2] == "data" && dirs[n-1] == "sample-app":
		theirs = true
	case n >= 1 && isAxis(dirs[n-1]):
		s.Axis = phoenix.Axis(dirs[n-1])
		if n > 2 {
			return s, false
		}
	case n > 1:
		return s, false
	}
	if theirs && version == "1.5.0-rc.0" && flags == "default" {
		flags = "live" // as its files show: it was made with --live, like all of its trees of 1.5
	}
	own, within, in := strings.Cut(flags, "@")
	f, ok := flagsOfDir(own)
	if !ok || in && s.Axis == phoenix.Project {
		return s, false
	}
	s.Flags = f
	if in {
		if s.Within, ok = flagsOfDir(within); !ok {
			return s, false
		}
	}
	if s, _, err = Fit(s); err != nil {
		return s, false
	}
	s.App, s.Module, s.Names = "", "", phoenix.Names{}
	return s, true
}

func isAxis(dir string) bool {
	return slices.Contains(phoenix.Axes(), phoenix.Axis(dir))
}

// flagsOfDir reads the name of a directory of a snapshot.
func flagsOfDir(name string) (phoenix.Flags, bool) {
	if name == "default" {
		return phoenix.Flags{}, true
	}
	var words []string
	for w := range strings.SplitSeq(name, "+") {
		if w == "" || w[0] == '-' || w[0] == '.' {
			return nil, false
		}
		words = append(words, "--"+w)
	}
	f, err := phoenix.ReadFlags(words)
	return f, err == nil && len(f) == len(words)
}

// Dir is where a snapshot in the plain layout has a tree: new/1.7.14/no-ecto. It says nothing of names.
func Dir(s phoenix.Spec) string {
	dir := string(s.Axis) + "/" + s.Version.String() + "/" + flagsDir(s.Flags)
	if s.Axis != phoenix.Project && len(s.Within) > 0 {
		dir += "@" + flagsDir(s.Within)
	}
	return dir
}

func flagsDir(f phoenix.Flags) string {
	words := f.String()
	if words == "" {
		return "default"
	}
	return strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(words, "--"), " --", "+"), " ", "=")
}
