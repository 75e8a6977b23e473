// Package versions puts side by side what different places say of the versions of the tools that an application is built with
// and runs on, and says whether they agree. It reads nothing.
package versions

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ops-console/ops/preflight/source"
)

// The places that are not files of the tree.
const (
	FromImage  = "image"  // the image that is to go out
	FromFleet  = "fleet"  // the image that machines run
	FromServer = "server" // the database's own word
)

// Verdict is whether places agree.
type Verdict string

// The verdicts.
const (
	Agree    Verdict = "agree"    // as far as they are given
	Close    Verdict = "close"    // they differ in what seldom matters: 27.3.3 and 27.3.4
	Differ   Verdict = "differ"   // 1.17 and 1.18
	Violated Verdict = "violated" // a requirement is not fulfilled
	Alone    Verdict = "alone"    // one place says something
	Silent   Verdict = "silent"   // none does
)

// Row is one tool.
type Row struct {
	Tool    source.Tool
	Pins    []source.Pin // in the order of Sources
	Verdict Verdict
	Why     string // one line; empty where they agree
}

// order is in which places are shown: what people have, what CI has, what is built, what runs.
var order = []string{
	".tool-versions", "mise.toml", ".node-version", ".nvmrc", "elixir_buildpack.config", "phoenix_static_buildpack.config",
	"mix.exs", "mix.lock", "compose", "workflows", "Dockerfile", FromImage, FromFleet, FromServer,
}

// Sources are the places that say something, in the order in which they are shown.
func Sources(rows []Row) []string {
	var out []string
	for _, r := range rows {
		for _, p := range r.Pins {
			if !slices.Contains(out, p.From) {
				out = append(out, p.From)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(slices.Index(order, a), slices.Index(order, b)) })
	return out
}

// Matrix is a row for every tool.
func Matrix(pins []source.Pin) []Row {
	var out []Row
	for _, t := range source.Tools() {
		r := Row{Tool: t}
		for _, p := range pins {
			if p.Tool == t && !slices.ContainsFunc(r.Pins, func(q source.Pin) bool { return q.From == p.From && q.Version == p.Version }) {
				r.Pins = append(r.Pins, p)
			}
		}
		slices.SortStableFunc(r.Pins, func(a, b source.Pin) int {
			return cmp.Compare(slices.Index(order, a.From), slices.Index(order, b.From))
		})
		r.judge()
		out = append(out, r)
	}
	return out
}

// significant is how many numbers of a version have to be the same.
func significant(t source.Tool) int {
	if t == source.Elixir || t == source.Phoenix {
		return 2
	}
	return 1
}

func (r *Row) judge() {
	by := map[string][]string{}
	var places []string
	var requirements []source.Pin
	for _, p := range r.Pins {
		if p.Requirement {
			requirements = append(requirements, p)
			continue
		}
		if by[p.From] == nil {
			places = append(places, p.From)
		}
		by[p.From] = append(by[p.From], p.Version)
	}
	for _, q := range requirements {
		for _, from := range places {
			if !slices.ContainsFunc(by[from], func(v string) bool { yes, known := Satisfies(v, q.Version); return yes || !known }) {
				r.Verdict, r.Why = Violated, fmt.Sprintf("%s wants %s, %s has %s", q.From, q.Version, from, list(by[from]))
				return
			}
		}
	}
	switch len(places) + len(requirements) {
	case 0:
		r.Verdict = Silent
		return
	case 1:
		r.Verdict = Alone
		return
	}
	r.Verdict = Agree
	for i, a := range places {
		for _, b := range places[i+1:] {
			switch together(by[a], by[b], significant(r.Tool)) {
			case Differ:
				r.Verdict, r.Why = Differ, fmt.Sprintf("%s has %s, %s has %s", a, list(by[a]), b, list(by[b]))
				return
			case Close:
				if r.Verdict == Agree {
					r.Verdict, r.Why = Close, fmt.Sprintf("%s has %s, %s has %s", a, list(by[a]), b, list(by[b]))
				}
			}
		}
	}
}

// together is how the versions of two places go together; of several in one place, as CI tries them, one suffices.
func together(aa, bb []string, digits int) Verdict {
	best := Differ
	for _, a := range aa {
		for _, b := range bb {
			x, okA := parts(a)
			y, okB := parts(b)
			if !okA || !okB {
				continue
			}
			if _, same := compare(x, y); same {
				return Agree
			}
			if _, same := compare(x[:min(digits, len(x))], y[:min(digits, len(y))]); same {
				best = Close
			}
		}
	}
	return best
}

func list(vv []string) string { return strings.Join(vv, " and ") }

// OfImage is the versions that an image says of itself, in its labels or its environment.
func OfImage(labels, env map[string]string, from string, at source.Place) []source.Pin {
	found := map[source.Tool]string{}
	for _, e := range []struct {
		key  string
		tool source.Tool
	}{{"ELIXIR_VERSION", source.Elixir}, {"OTP_VERSION", source.Erlang}, {"ERLANG_VERSION", source.Erlang}, {"NODE_VERSION", source.Node}} {
		if v := strings.TrimPrefix(env[e.key], "v"); version(v) && found[e.tool] == "" {
			found[e.tool] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		key, v := strings.ToLower(name), strings.TrimPrefix(labels[name], "v")
		if !strings.HasSuffix(key, "version") || !version(v) {
			continue
		}
		for _, e := range []struct {
			part string
			tool source.Tool
		}{{"elixir", source.Elixir}, {"erlang", source.Erlang}, {"otp", source.Erlang}, {"node", source.Node}, {"phoenix", source.Phoenix}} {
			if strings.Contains(key, e.part) && found[e.tool] == "" {
				found[e.tool] = v
			}
		}
	}
	var out []source.Pin
	for _, t := range source.Tools() {
		if v := found[t]; v != "" {
			out = append(out, source.Pin{Tool: t, From: from, Version: v, At: at})
		}
	}
	return out
}

func version(s string) bool {
	_, ok := parts(s)
	return ok && len(s) < 40
}
