package action

import (
	"fmt"
	"slices"
	"strings"
)

// Find is the action that a key runs, the first of several.
func Find(aa []Action, key string) (Action, bool) {
	for i := range aa {
		if slices.Contains(aa[i].Keys, key) {
			return aa[i], true
		}
	}
	return Action{}, false
}

// Named is the action of a name.
func Named(aa []Action, name string) (Action, bool) {
	for i := range aa {
		if aa[i].Name == name {
			return aa[i], true
		}
	}
	return Action{}, false
}

// Parse splits a command line into the action it names and its argument: the longest name that the line begins with
// counts, so that "sort" and "sort reverse" can both exist.
func Parse(aa []Action, line string) (a Action, arg string, ok bool) {
	line = strings.TrimSpace(line)
	for i := range aa {
		rest, found := strings.CutPrefix(line, aa[i].Name)
		if !found || rest != "" && rest[0] != ' ' || len(aa[i].Name) < len(a.Name) {
			continue
		}
		rest = strings.TrimSpace(rest)
		if rest != "" && aa[i].Args == nil {
			continue
		}
		a, arg, ok = aa[i], rest, true
	}
	return a, arg, ok
}

// Complete are the whole lines that a line being typed can become, at most limit of them.
func Complete(aa []Action, line string, limit int) []string {
	line = strings.TrimLeft(line, " ")
	var out []string
	add := func(s string) {
		if s != line && !slices.Contains(out, s) && len(out) < limit {
			out = append(out, s)
		}
	}
	for i := range aa {
		if strings.HasPrefix(aa[i].Name, line) {
			add(aa[i].Name)
		}
	}
	for i := range aa {
		arg, ok := strings.CutPrefix(line, aa[i].Name+" ")
		if !ok || aa[i].Args == nil {
			continue
		}
		for _, s := range aa[i].Args(arg) {
			if strings.HasPrefix(s, arg) {
				add(aa[i].Name + " " + s)
			}
		}
	}
	return out
}

// Group is a set of actions that are active together with the global ones.
type Group struct {
	Name    string
	Actions []Action
}

// Conflicts are the keys that two actions of one group, or one of a group and a global one, both want; and the names
// that are there twice. The first group is the global one.
func Conflicts(groups []Group) error {
	if len(groups) == 0 {
		return nil
	}
	var bad []string
	for g, group := range groups {
		keys, names := map[string]string{}, map[string]bool{}
		claim := func(where string, aa []Action, report bool) {
			for _, a := range aa {
				name := where + " " + a.Name
				if names[a.Name] && report {
					bad = append(bad, fmt.Sprintf("there are two actions called %q", name))
				}
				names[a.Name] = true
				for _, k := range a.Keys {
					if other, taken := keys[k]; taken && report {
						bad = append(bad, fmt.Sprintf("key %q runs both %q and %q", k, other, name))
						continue
					}
					keys[k] = name
				}
			}
		}
		claim(groups[0].Name, groups[0].Actions, g == 0)
		if g > 0 {
			claim(group.Name, group.Actions, true)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("keys: %s", strings.Join(bad, "; "))
}

// Remap gives actions other keys: keys has a list for "name" or "group.name", of which the latter wins; an empty list
// takes the action off the keyboard. It changes aa.
func Remap(group string, aa []Action, keys map[string][]string) {
	for i := range aa {
		if kk, ok := keys[aa[i].Name]; ok {
			aa[i].Keys = kk
		}
		if kk, ok := keys[group+"."+aa[i].Name]; ok {
			aa[i].Keys = kk
		}
	}
}

// Strangers are the entries of keys that no action of any group goes by, sorted.
func Strangers(groups []Group, keys map[string][]string) []string {
	known := map[string]bool{}
	for _, g := range groups {
		for _, a := range g.Actions {
			known[a.Name], known[g.Name+"."+a.Name] = true, true
		}
	}
	var out []string
	for k := range keys {
		if !known[k] {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}
