package phoenix

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// defaults are those that are neither on nor the first of their values, or that changed.
func defaults(a Axis, v Version, name string) string {
	switch name {
	case "database":
		return "postgres"
	case "adapter":
		if v.Before(MustVersion("1.7.11")) {
			return "cowboy"
		}
		return "bandit"
	case "live":
		if a == Project && v.Before(MustVersion("1.6.0-rc.0")) {
			return "false"
		}
		return "true"
	case "hashing_lib":
		return "bcrypt"
	case "umbrella", "binary_id", "verbose", "interactive", "from_elixir_install", "inside_docker_env", "merge_with_existing_context",
		"docker":
		return "false"
	}
	return "true"
}

// Default is what a release does where a flag is not given; false: it does not know the flag, or has none for it, as for
// names.
func (r Release) Default(a Axis, name string) (string, bool) {
	s, ok := r.Switch(a, name)
	if !ok || s.Value && !slices.Contains([]string{"database", "adapter", "hashing_lib"}, name) {
		return "", false
	}
	return defaults(a, r.Version, name), true
}

// ReadFlags reads flags as a command line has them: --no-ecto, --database mysql, --database=mysql.
func ReadFlags(words []string) (Flags, error) {
	f := Flags{}
	for i := 0; i < len(words); i++ {
		w, ok := strings.CutPrefix(words[i], "--")
		if !ok {
			return nil, fmt.Errorf("%.40q is not a flag of the generator: flags begin with --", words[i])
		}
		name, value, has := strings.Cut(w, "=")
		name = strings.ReplaceAll(name, "-", "_")
		switch {
		case has:
			f[name] = value
		case i+1 < len(words) && !strings.HasPrefix(words[i+1], "--"):
			i++
			f[name] = words[i]
		case strings.HasPrefix(name, "no_"):
			f[strings.TrimPrefix(name, "no_")] = "false"
		default:
			f[name] = "true"
		}
	}
	return f, nil
}

// unsafeFlags write what belongs to the machine that the generator runs on, or change nothing that can be compared.
var unsafeFlags = map[string]string{
	"from_elixir_install": "it writes paths of the machine that the generator runs on",
	"inside_docker_env":   "it depends on the machine that the generator runs on",
	"interactive":         "it asks",
	"install":             "dependencies are never installed",
	"version_check":       "it asks the network",
	"dev":                 "it is for the generator's own developers",
	"compile":             "the project is never compiled",
}

// AbsentError is that a version has no such generator.
type AbsentError struct {
	Axis    Axis
	Version Version
}

func (e *AbsentError) Error() string {
	since := map[Axis]string{Auth: " (it is there since 1.6, and for 1.5.2 and later as the package phx_gen_auth)", ReleaseFiles: " (it is there since 1.6.3)"}
	return fmt.Sprintf("phoenix %s has no %s%s", e.Version, e.Axis.Task(), since[e.Axis])
}

// Offered are the switches of a generator that may be given: all but those that depend on the machine that it runs on, or
// name the application.
func (r Release) Offered(a Axis) []Switch {
	var out []Switch
	for _, s := range r.switches[a] {
		if _, never := unsafeFlags[s.Name]; !never && !slices.Contains([]string{"app", "module"}, s.Name) {
			out = append(out, s)
		}
	}
	return out
}

// Fit gives the flags as a release's generator takes them: those that say its default are left out, so that equal trees have
// equal names. Flags that the release does not know are left out and named in notes when its behaviour is the same as what
// they ask for; otherwise they are an error.
func (r Release) Fit(a Axis, f Flags) (fit Flags, notes []string, err error) {
	if r.switches[a] == nil {
		return nil, nil, &AbsentError{Axis: a, Version: r.Version}
	}
	fit = Flags{}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		v := f[name]
		if why, ok := unsafeFlags[name]; ok {
			return nil, nil, fmt.Errorf("--%s is not taken: %s", strings.ReplaceAll(name, "_", "-"), why)
		}
		s, known := r.Switch(a, name)
		if !known {
			if v != "false" {
				return nil, nil, fmt.Errorf("version %s of Phoenix does not know %s; it knows %s", r.Version, Flags{name: v}, names(r.switches[a]))
			}
			notes = append(notes, fmt.Sprintf("%s does not know %s and has nothing of the kind", r.Version, Flags{name: v}))
			continue
		}
		if !s.Value && v != "true" && v != "false" {
			return nil, nil, fmt.Errorf("--%s takes no value", strings.ReplaceAll(name, "_", "-"))
		}
		if d, ok := r.Default(a, name); !ok || d != v {
			fit[name] = v
		}
	}
	return fit, notes, nil
}

func names(ss []Switch) string {
	var words []string
	for _, s := range ss {
		if _, never := unsafeFlags[s.Name]; !never {
			words = append(words, "--"+strings.ReplaceAll(s.Name, "_", "-"))
		}
	}
	return strings.Join(words, " ")
}

// Fair gives the flags with which from makes what to makes with f: where a default changed between them, what it is in to
// is asked of from. The notes say so.
func Fair(a Axis, from, to Release, f Flags) (Flags, []string) {
	out := maps.Clone(f)
	if out == nil {
		out = Flags{}
	}
	var notes []string
	for _, s := range to.switches[a] {
		if _, never := unsafeFlags[s.Name]; never || out[s.Name] != "" {
			continue
		}
		was, ok := from.Default(a, s.Name)
		is, ok2 := to.Default(a, s.Name)
		if ok && ok2 && was != is {
			out[s.Name] = is
			notes = append(notes, fmt.Sprintf("%s is the default since a version after %s: %s was generated with it", Flags{s.Name: is}, from.Version, from.Version))
		}
	}
	return out, notes
}
