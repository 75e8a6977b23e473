package phoenix

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed releases.txt
var releasesText string

// Release is a version of Phoenix, and what its generators know.
type Release struct {
	Version   Version
	Date      string  // of the release, 2026-08-20; security releases come out of order
	Installer Version // of the package phx_new at that tag
	Elixir    string  // requirement: ~> 1.17
	switches  map[Axis][]Switch
}

// Switch is one that a generator knows.
type Switch struct {
	Name  string // binary_id
	Value bool   // it takes one; else it is --name or --no-name
}

// Switches of a generator at this release; nil: the release has no such generator.
func (r Release) Switches(a Axis) []Switch { return r.switches[a] }

// Switch by name, as the release knows it.
func (r Release) Switch(a Axis, name string) (Switch, bool) {
	i := slices.IndexFunc(r.switches[a], func(s Switch) bool { return s.Name == name })
	if i < 0 {
		return Switch{}, false
	}
	return r.switches[a][i], true
}

// Releases that are known, oldest first. The slice is shared: it is not to be changed.
var Releases = sync.OnceValue(func() []Release {
	rr, err := readReleases(releasesText)
	if err != nil {
		panic(err) // the text is part of the program, and a test reads it
	}
	return rr
})

// FindRelease finds a version's; false: it is newer than this program, or does not exist.
func FindRelease(v Version) (Release, bool) {
	i, ok := slices.BinarySearchFunc(Releases(), v, func(r Release, v Version) int { return r.Version.Compare(v) })
	if !ok {
		return Release{}, false
	}
	return Releases()[i], true
}

// Knowledge is the release whose switches hold for a version: its own, or for one that is newer than all that are known
// the newest.
func Knowledge(v Version) Release {
	i, ok := slices.BinarySearchFunc(Releases(), v, func(r Release, v Version) int { return r.Version.Compare(v) })
	if ok {
		return Releases()[i]
	}
	return Releases()[max(i-1, 0)]
}

// Latest is the newest release without a pre-release part.
func Latest() Release {
	rr := Releases()
	for _, r := range slices.Backward(rr) {
		if r.Version.Pre == "" {
			return r
		}
	}
	return rr[len(rr)-1]
}

func readReleases(text string) ([]Release, error) {
	sets := map[string][]Switch{"-": nil}
	var out []Release
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		switch len(f) {
		case 2:
			sets[f[0]] = readSwitches(f[1])
		case 7:
			r, err := readRelease(f, sets)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		default:
			return nil, fmt.Errorf("releases: %d fields in %q", len(f), line)
		}
	}
	return out, nil
}

func readSwitches(text string) []Switch {
	var ss []Switch
	for word := range strings.FieldsSeq(text) {
		name, value := strings.CutSuffix(word, "=")
		ss = append(ss, Switch{Name: name, Value: value})
	}
	return ss
}

func readRelease(f []string, sets map[string][]Switch) (r Release, err error) {
	if r.Version, err = ParseVersion(f[0]); err != nil {
		return r, err
	}
	if r.Installer, err = ParseVersion(f[2]); err != nil {
		return r, err
	}
	r.Date, r.Elixir, r.switches = f[1], f[6], map[Axis][]Switch{}
	for i, a := range Axes() {
		set, ok := sets[f[3+i]]
		if !ok {
			return r, fmt.Errorf("releases: no switches %q", f[3+i])
		}
		if f[3+i] != "-" {
			r.switches[a] = set
		}
	}
	return r, nil
}
