package action

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() []Action {
	return []Action{
		{Name: "sort", Keys: []string{"s"}, Args: func(string) []string { return []string{"region", "release"} }},
		{Name: "sort reverse", Keys: []string{"S"}},
		{Name: "quit", Keys: []string{"q", "ctrl+c"}},
	}
}

func TestParseTakesTheLongestName(t *testing.T) {
	for _, c := range []struct {
		line, name, arg string
		ok              bool
	}{
		{"sort", "sort", "", true},
		{"  sort   region ", "sort", "region", true},
		{"sort reverse", "sort reverse", "", true},
		{"sorted", "", "", false},
		{"quit now", "", "", false},
		{"quit", "quit", "", true},
		{"", "", "", false},
	} {
		a, arg, ok := Parse(sample(), c.line)
		if a.Name != c.name || arg != c.arg || ok != c.ok {
			t.Errorf("%q is %q %q %v, want %q %q %v", c.line, a.Name, arg, ok, c.name, c.arg, c.ok)
		}
	}
}

func TestComplete(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"so", []string{"sort", "sort reverse"}},
		{"sort ", []string{"sort reverse", "sort region", "sort release"}},
		{"sort rel", []string{"sort release"}},
		{"quit ", nil},
		{"x", nil},
	} {
		if d := cmp.Diff(c.want, Complete(sample(), c.line, 10)); d != "" {
			t.Errorf("%q: %s", c.line, d)
		}
	}
	if got := Complete(sample(), "", 2); len(got) != 2 {
		t.Errorf("limit 2 gave %v", got)
	}
}

func TestConflictsNameBothActions(t *testing.T) {
	global := Group{"console", sample()}
	if err := Conflicts([]Group{global, {"a", []Action{{Name: "x", Keys: []string{"x"}}}}, {"b", []Action{{Name: "x", Keys: []string{"x"}}}}}); err != nil {
		t.Errorf("two panes may share a key: %v", err)
	}
	for want, g := range map[string]Group{
		`key "q" runs both "console quit" and "a x"`: {"a", []Action{{Name: "x", Keys: []string{"q"}}}},
		`key "x" runs both "a x" and "a y"`:          {"a", []Action{{Name: "x", Keys: []string{"x"}}, {Name: "y", Keys: []string{"x"}}}},
		`there are two actions called "a quit"`:      {"a", []Action{{Name: "quit"}}},
	} {
		if err := Conflicts([]Group{global, g}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestRemapPrefersTheGroupsName(t *testing.T) {
	aa := sample()
	Remap("a", aa, map[string][]string{"sort": {"x"}, "a.sort": {"y"}, "quit": {}})
	if aa[0].Keys[0] != "y" || len(aa[2].Keys) != 0 {
		t.Errorf("got %v %v", aa[0].Keys, aa[2].Keys)
	}
	if d := cmp.Diff([]string{"b.sort", "nope"}, Strangers([]Group{{"a", aa}}, map[string][]string{"nope": nil, "b.sort": nil, "a.sort": nil})); d != "" {
		t.Error(d)
	}
}

func TestFind(t *testing.T) {
	if a, ok := Find(sample(), "ctrl+c"); !ok || a.Name != "quit" {
		t.Errorf("got %v %v", a.Name, ok)
	}
	if _, ok := Find(sample(), "Q"); ok {
		t.Error("Q runs something")
	}
}
