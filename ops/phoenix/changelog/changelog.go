// Package changelog reads what Phoenix's authors wrote of their versions: the CHANGELOG.md that each release has, of which
// each covers one minor version, and cuts out what lies between two versions. It fetches nothing.
package changelog

import (
	"regexp"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
)

// Section is what is written of one version.
type Section struct {
	Version phoenix.Version `json:"version"`
	Date    string          `json:"date,omitempty"` // 2026-06-10; empty: not said
	Text    string          `json:"text"`           // Markdown, without the heading
}

// File is one CHANGELOG.md.
type File struct {
	Intro    string    // what stands before the first version: news of the minor version, and how to upgrade to it
	Sections []Section // newest first, as it stands there
}

var (
	release = regexp.MustCompile(`^## +v?([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?)(?:[ -]+\(?([0-9]{4}-[0-9]{2}-[0-9]{2})\)?)?`)
	older   = regexp.MustCompile(`^## +v[0-9]+\.[0-9]+ *$`)
)

// Read takes a file apart. Text that has no versions is all intro.
func Read(text string) File {
	var f File
	var lines []string
	flush := func() {
		body := strings.TrimRight(strings.TrimLeft(strings.Join(lines, "\n"), "\n"), "\n ")
		lines = nil
		if n := len(f.Sections); n > 0 {
			f.Sections[n-1].Text = body
			return
		}
		f.Intro = body
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		m := release.FindStringSubmatch(line)
		if older.MatchString(line) {
			break // where to read of the minor version before
		}
		if m == nil {
			lines = append(lines, line)
			continue
		}
		v, err := phoenix.ParseVersion(m[1])
		if err != nil {
			lines = append(lines, line)
			continue
		}
		flush()
		f.Sections = append(f.Sections, Section{Version: v, Date: m[2]})
	}
	flush()
	return f
}

// Between gives what came after from, up to and with to, oldest first. A version that was released after to is left out
// although its number lies between: what it fixed, to does not have.
func Between(files []File, from, to phoenix.Version) []Section {
	until := ""
	if r, ok := phoenix.FindRelease(to); ok {
		until = r.Date
	}
	var out []Section
	for _, f := range files {
		for _, s := range f.Sections {
			if s.Version == to && s.Date != "" {
				until = s.Date
			}
		}
	}
	for _, f := range files {
		for _, s := range f.Sections {
			if !from.Before(s.Version) || to.Before(s.Version) || until != "" && s.Date > until {
				continue
			}
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b Section) int { return a.Version.Compare(b.Version) })
	return slices.CompactFunc(out, func(a, b Section) bool { return a.Version == b.Version })
}

// Needed are the versions whose files cover what lies between two versions: to, and of each minor version before it down to
// from's own the newest that was released before to.
func Needed(releases []phoenix.Release, from, to phoenix.Version) []phoenix.Version {
	until := ""
	for _, r := range releases {
		if r.Version == to {
			until = r.Date
		}
	}
	newest := map[string]phoenix.Version{}
	for _, r := range releases {
		if !r.Version.Before(from) && r.Version.Before(to) && (until == "" || r.Date <= until) {
			newest[r.Version.Line()] = r.Version // they are sorted
		}
	}
	newest[to.Line()] = to
	var out []phoenix.Version
	for _, v := range newest {
		if v != from {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, phoenix.Version.Compare)
	return out
}
