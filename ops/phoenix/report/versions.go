package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
)

// Versions are those that are known or that a source has.
type Versions struct {
	Axis  phoenix.Axis
	Have  []phoenix.Version // that a source has
	Specs []phoenix.Spec    // trees of sources that have a list
	Notes []string
}

type row struct {
	version phoenix.Version
	release phoenix.Release
	known   bool
	have    bool
	flags   []string // with which there are trees
}

func (v *Versions) rows() []row {
	var all []phoenix.Version
	for _, r := range phoenix.Releases() {
		if r.Switches(v.Axis) != nil {
			all = append(all, r.Version)
		}
	}
	all = append(all, v.Have...)
	slices.SortFunc(all, phoenix.Version.Compare)
	flags := map[phoenix.Version][]string{}
	for _, s := range v.Specs {
		if s.Axis == v.Axis {
			flags[s.Version] = append(flags[s.Version], s.Flags.String())
		}
	}
	var out []row
	for _, version := range slices.Compact(all) {
		r, known := phoenix.FindRelease(version)
		out = append(out, row{version, r, known, slices.Contains(v.Have, version), flags[version]})
	}
	return out
}

// Text writes a line for each version, the newest first.
func (v *Versions) Text(w io.Writer, o Options) error {
	p := &printer{w: bufio.NewWriter(w), o: o}
	p.line(strong, "version       released    Elixir     trees at hand")
	for _, r := range slices.Backward(v.rows()) {
		date, elixir := r.release.Date, r.release.Elixir
		if !r.known {
			date, elixir = "-", "-"
		}
		at := "-"
		switch {
		case len(r.flags) > 0:
			at = withFlags(r.flags)
		case r.have:
			at = "any flags"
		}
		p.line("", fmt.Sprintf("%-12s  %-10s  %-9s  %s", r.version, date, name(elixir), name(at)))
	}
	for _, s := range v.Notes {
		p.wrapped("", "", "note: "+note(s))
	}
	return p.close()
}

func withFlags(ff []string) string {
	var out []string
	for _, f := range ff {
		if f == "" {
			f = "default"
		}
		out = append(out, f)
	}
	return strings.Join(out, ", ")
}

type versionJSON struct {
	Version   string       `json:"version"`
	Date      string       `json:"date,omitempty"`
	Installer string       `json:"installer,omitempty"`
	Elixir    string       `json:"elixir,omitempty"`
	Known     bool         `json:"known"`
	Available bool         `json:"available"`
	Trees     []string     `json:"trees"`
	Switches  []switchJSON `json:"switches"`
	Changelog string       `json:"changelog"`
}

type switchJSON struct {
	Name    string `json:"name"`
	Value   bool   `json:"value"`
	Default string `json:"default,omitempty"`
}

// JSON writes the versions as docs/phx-json.md says, the oldest first.
func (v *Versions) JSON(w io.Writer) error {
	out := struct {
		Axis     phoenix.Axis  `json:"axis"`
		Notes    []string      `json:"notes"`
		Versions []versionJSON `json:"versions"`
	}{v.Axis, notes(v.Notes), []versionJSON{}}
	for _, r := range v.rows() {
		j := versionJSON{
			Version: r.version.String(), Known: r.known, Available: r.have, Trees: []string{}, Switches: []switchJSON{},
			Changelog: Changelog(r.version),
		}
		for _, f := range r.flags {
			j.Trees = append(j.Trees, name(f))
		}
		if r.known {
			j.Date, j.Installer, j.Elixir = r.release.Date, r.release.Installer.String(), r.release.Elixir
		}
		knowledge := phoenix.Knowledge(r.version)
		for _, s := range knowledge.Switches(v.Axis) {
			d, _ := knowledge.Default(v.Axis, s.Name)
			j.Switches = append(j.Switches, switchJSON{s.Name, s.Value, d})
		}
		out.Versions = append(out.Versions, j)
	}
	return indented(w, out)
}
