// Package report writes what is known of generated trees, and of an application against them: as text for people, as
// patches for git, and as JSON that stays stable (docs/phx-json.md).
//
// It finds nothing out and compares nothing. Text of files is made safe to show, except in patches, whose bytes are the
// files' own; of an application it only has what merge has masked.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/source"
	"ops-console/ops/plaintext"
)

// Options of texts for people.
type Options struct {
	Width int  // of a line, in cells; 0: as wide as it gets
	Color bool // beside the signs and words that say the same
}

// longest line, path and remark that are shown, in characters.
const (
	longLine = 2000
	longPath = 300
	longNote = 500
)

// code is a line of a file, safe to show. Its indentation stays.
func code(s string) string { return plaintext.Block(s, 1, longLine) }

func name(s string) string { return plaintext.Line(s, longPath) }

func note(s string) string { return plaintext.Line(s, longNote) }

func notes(ss []string) []string {
	out := []string{}
	for _, s := range ss {
		out = append(out, note(s))
	}
	return out
}

func cleaned(ss []string) []string {
	out := []string{}
	for _, s := range ss {
		out = append(out, code(s))
	}
	return out
}

// tree is a generated tree in JSON.
type tree struct {
	Axis        phoenix.Axis      `json:"axis"`
	Version     string            `json:"version"`
	Flags       map[string]string `json:"flags"`
	Names       []string          `json:"names,omitempty"`
	Within      map[string]string `json:"within,omitempty"`
	App         string            `json:"app"`
	Module      string            `json:"module"`
	Source      string            `json:"source"`
	Detail      string            `json:"detail"`
	Substituted bool              `json:"substituted"`
	Cached      bool              `json:"cached"`
	Notes       []string          `json:"notes"`
	Changelog   string            `json:"changelog"`
}

func treeOf(t *phoenix.Tree) tree {
	out := tree{
		Axis: t.Spec.Axis, Version: t.Spec.Version.String(), Flags: map[string]string{}, App: name(t.Spec.App), Module: name(t.Spec.Module),
		Source: note(t.Provenance.Source), Detail: note(t.Provenance.Detail),
		Substituted: t.Provenance.Substituted, Cached: t.Provenance.Cached, Notes: notes(t.Provenance.Notes),
		Changelog: Changelog(t.Spec.Version),
	}
	for k, v := range t.Spec.Flags {
		out.Flags[name(k)] = name(v)
	}
	if t.Spec.Axis == phoenix.Auth {
		out.Names = namesOf(t.Spec.Names)
	}
	if t.Spec.Axis != phoenix.Project {
		out.Within = map[string]string{}
		for k, v := range t.Spec.Within {
			out.Within[name(k)] = name(v)
		}
	}
	return out
}

// namesOf what phx.gen.auth was asked for: context, schema, plural.
func namesOf(n phoenix.Names) []string {
	return []string{name(n.Context), name(n.Schema), name(n.Plural)}
}

// Changelog is where the changes of a version are written down.
func Changelog(v phoenix.Version) string {
	return "https://github.com/phoenixframework/phoenix/blob/v" + v.String() + "/CHANGELOG.md"
}

func indented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// title of a tree for people, and where it is from.
func title(t *phoenix.Tree) string { return name(source.Title(t.Spec)) }

func origin(t *phoenix.Tree) string {
	words := []string{t.Provenance.Source}
	if t.Provenance.Detail != "" {
		words = append(words, t.Provenance.Detail)
	}
	if t.Provenance.Substituted {
		words = append(words, "names substituted")
	}
	if t.Provenance.Cached {
		words = append(words, "cached")
	}
	return note(strings.Join(words, ", "))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
