package preflight

import (
	"fmt"
	"strings"

	"ops-console/ops/fly"
	"ops-console/ops/preflight/source"
	"ops-console/ops/preflight/versions"
)

func toolChecks() []Check {
	const doc = "Warns where places name different versions; fails where a version does not fulfil a requirement. Unknown where only one place names it."
	var out []Check
	for _, t := range []struct {
		tool source.Tool
		name string
	}{{source.Elixir, "Elixir"}, {source.Erlang, "Erlang"}, {source.Node, "Node"}, {source.PostgreSQL, "PostgreSQL"}, {source.Phoenix, "Phoenix"}} {
		out = append(out, Check{"tools." + string(t.tool), GroupTools, t.name + " is the same everywhere", doc, func(f *Facts) verdict { return toolVersions(f, t.tool) }})
	}
	return out
}

// Matrix is what every place that is known says of versions.
func Matrix(f *Facts) []versions.Row {
	var pins []source.Pin
	if t, ok := f.Source.Get(); ok {
		pins = append(pins, t.Pins...)
	}
	if img, ok := f.Image.Get(); ok {
		place := source.Place{Path: f.ImageRef}
		own := versions.OfImage(img.Labels, img.Env, versions.FromImage, place)
		pins = append(pins, own...)
	}
	if l, ok := f.Fleet.Get(); ok {
		pins = append(pins, running(l)...)
	}
	if s, ok := f.Server.Get(); ok && s.Version != "" {
		pins = append(pins, source.Pin{Tool: source.PostgreSQL, From: versions.FromServer, Version: s.Version, At: source.Place{Path: s.Node}})
	}
	return versions.Matrix(pins)
}

// running is what the images of machines say, each image once.
func running(l Fleet) []source.Pin {
	var out []source.Pin
	seen := map[string]bool{}
	for _, m := range l.instances() {
		if name := imageName(m); !seen[name] && m.State == fly.StateStarted {
			seen[name] = true
			out = append(out, versions.OfImage(m.ImageRef.Labels, nil, versions.FromFleet, source.Place{Path: m.ID})...)
		}
	}
	return out
}

func toolVersions(f *Facts, tool source.Tool) verdict {
	for _, r := range Matrix(f) {
		if r.Tool != tool {
			continue
		}
		var said []string
		var ee []Evidence
		for i, p := range r.Pins {
			if i > 0 && r.Pins[i-1].From == p.From {
				said[len(said)-1] += " and " + p.Version
			} else {
				said = append(said, p.From+" "+p.Version)
			}
			ee = append(ee, at(p.At, p.Version))
		}
		switch r.Verdict {
		case versions.Agree:
			return pass(strings.Join(said, ", "), ee...)
		case versions.Close:
			return pass(r.Why+": that seldom matters", ee...)
		case versions.Differ:
			return warn(r.Why, "make them the same; ops-console versions shows them side by side", ee...)
		case versions.Violated:
			return fail(r.Why, "raise the version, or loosen the requirement", ee...)
		case versions.Alone:
			return verdict{Unknown, fmt.Sprintf("only %s names it: there is nothing to compare it with", said[0]), "", ee}
		}
	}
	t, ok := f.Source.Get()
	switch {
	case !ok:
		return unknown(f.Source.Why(), noProject)
	case tool == source.Node && t.Mix != nil && !t.Assets:
		return pass("nothing here is built with it")
	case tool == source.PostgreSQL && t.Mix != nil && (!ecto(t) || sqlite(t)):
		return pass("nothing here uses it")
	case tool == source.Phoenix && t.Mix != nil && !t.Has("phoenix"):
		return pass("it is not among the dependencies")
	}
	if tool == source.Phoenix {
		return unknown("no place names a version: it comes from git or a path, or there is no mix.lock", "")
	}
	return unknown("no place names a version", "name it in .tool-versions")
}
