package nearest

import (
	"cmp"
	"slices"

	"ops-console/ops/phoenix"
)

// renamed are flags by what they were called before.
var renamed = map[string][]string{"assets": {"brunch", "webpack"}}

// decisive flags change so much that a tree with another value tells little; the rest are mostly a few lines, and
// applications take them up, or drop them, later on.
var decisive = map[string]int{"umbrella": 1000, "html": 100, "ecto": 100, "assets": 40}

// slight are the others: what a difference in them counts for.
var slight = map[string]int{"docker": 50, "live": 10, "database": 8, "binary_id": 4, "mailer": 3, "dashboard": 3, "adapter": 2, "gettext": 2, "esbuild": 2, "tailwind": 2, "hashing_lib": 1}

// For gives an application's flags as a version's generator takes them: without those that it does not know, and without
// those that say its default.
func (a App) For(v phoenix.Version) phoenix.Flags {
	r := phoenix.Knowledge(v)
	known := phoenix.Flags{}
	for name, value := range a.Flags {
		for _, n := range append([]string{name}, renamed[name]...) {
			if _, ok := r.Switch(phoenix.Project, n); ok {
				known[n] = value
			}
		}
	}
	if known["ecto"] == "false" {
		delete(known, "database")
	}
	if known["html"] == "false" {
		delete(known, "live")
	}
	if known["assets"] == "false" {
		delete(known, "esbuild")
		delete(known, "tailwind")
	}
	fit, _, err := r.Fit(phoenix.Project, known)
	if err != nil {
		return phoenix.Flags{} // Fit refuses flags that are unknown, and those are gone
	}
	return fit
}

// Onward gives an application's flags as a newer version's generator takes them, when its files come from base: without
// those that base did not know. That an application has no Tailwind is no decision where there was none.
func (a App) Onward(base, to phoenix.Version) phoenix.Flags {
	then := phoenix.Knowledge(base)
	decided := App{Flags: phoenix.Flags{}}
	for name, value := range a.Flags {
		for _, n := range append([]string{name}, renamed[name]...) {
			if _, ok := then.Switch(phoenix.Project, n); ok {
				decided.Flags[name] = value
			}
		}
	}
	return decided.For(to)
}

// value of a flag in a tree.
func value(s phoenix.Spec, name string) string {
	r := phoenix.Knowledge(s.Version)
	for _, n := range append([]string{name}, renamed[name]...) {
		if v, ok := s.Flags[n]; ok {
			return v
		}
		if v, ok := r.Default(s.Axis, n); ok {
			return v
		}
	}
	return ""
}

// distance between what is wanted and a tree: what the flags that differ count for, apart in decisive ones and the rest.
// A flag that the version does not know is no difference: it has nothing of the kind, or has no other way.
func distance(want phoenix.Flags, s phoenix.Spec) (far, near int) {
	differ := func(name string) bool {
		v := value(s, name)
		return want[name] != "" && v != "" && v != want[name]
	}
	for name, n := range decisive {
		if differ(name) {
			far += n
		}
	}
	for name, n := range slight {
		if differ(name) {
			near += n
		}
	}
	return far, near
}

// Candidates are the trees of a source that an application is worth comparing with: of each version those that differ the
// least in what is decisive; in the other flags the comparison itself shows what fits.
func (a App) Candidates(specs []phoenix.Spec) []phoenix.Spec {
	least := map[phoenix.Version]int{}
	for _, s := range specs {
		if s.Axis != phoenix.Project {
			continue
		}
		far, _ := distance(a.Flags, s)
		if n, ok := least[s.Version]; !ok || far < n {
			least[s.Version] = far
		}
	}
	var out []phoenix.Spec
	for _, s := range specs {
		if far, _ := distance(a.Flags, s); s.Axis == phoenix.Project && far == least[s.Version] {
			out = append(out, s)
		}
	}
	return out
}

// Closest is that of the specs which has a version and the flags that differ the least from those wanted, where what is not
// said is the default; false: none has the version.
func Closest(specs []phoenix.Spec, a phoenix.Axis, v phoenix.Version, want phoenix.Flags) (phoenix.Spec, bool) {
	return closest(specs, phoenix.Spec{Axis: a, Version: v, Flags: want})
}

// closest is that of the specs which is for the generator and version of what is wanted, and differs the least from it: in
// the flags, and of the project that is generated into.
func closest(specs []phoenix.Spec, want phoenix.Spec) (phoenix.Spec, bool) {
	var of []phoenix.Spec
	for _, s := range specs {
		if s.Axis == want.Axis && s.Version == want.Version {
			of = append(of, s)
		}
	}
	if len(of) == 0 {
		return phoenix.Spec{}, false
	}
	full, within := filled(want), filled(project(want))
	far := func(s phoenix.Spec) int {
		xf, xn := distance(full, s)
		if s.Axis == phoenix.Project {
			return xf + xn
		}
		wf, wn := distance(within, project(s))
		return xf + xn + wf + wn
	}
	return slices.MinFunc(of, func(x, y phoenix.Spec) int {
		return cmp.Or(cmp.Compare(far(x), far(y)), cmp.Compare(len(x.Flags)+len(x.Within), len(y.Flags)+len(y.Within)),
			cmp.Compare(x.Flags.String(), y.Flags.String()), cmp.Compare(x.Within.String(), y.Within.String()))
	}), true
}

// project is the one that a tree is generated into.
func project(s phoenix.Spec) phoenix.Spec {
	return phoenix.Spec{Axis: phoenix.Project, Version: s.Version, Flags: s.Within}
}

// filled are flags with their defaults, of those that count.
func filled(s phoenix.Spec) phoenix.Flags {
	full := phoenix.Flags{}
	for _, weights := range []map[string]int{decisive, slight} {
		for name := range weights {
			full[name] = value(s, name)
		}
	}
	return full
}
