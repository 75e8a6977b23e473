package versions

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/preflight/source"
)

func TestRequirements(t *testing.T) {
	for _, tc := range []struct {
		version, requirement string
		want, known          bool
	}{
		{"1.18.3", "~> 1.18", true, true},
		{"1.17.9", "~> 1.18", false, true},
		{"2.0.0", "~> 1.18", false, true},
		{"1.18.3", "~> 1.18.3", true, true},
		{"1.19.0", "~> 1.18.3", false, true},
		{"1.18.2", "~> 1.18.3", false, true},
		{"1.6.1", "~> 1.6 or ~> 1.7", true, true},
		{"1.8.0", ">= 1.7.0 and < 1.8.0", false, true},
		{"1.7.9", ">= 1.7.0 and < 1.8.0", true, true},
		{"1.7.9", "1.7.9", true, true},
		{"1.7.9", "== 1.7.8", false, true},
		{"1.7.9", "!= 1.7.9", false, true},
		{"1.7.9", "> 1.7.8", true, true},
		{"1.7.9", "<= 1.7.9", true, true},
		{"27", ">= 27.1.0", true, true}, // some 27 does
		{"1.18.0-rc.1", "~> 1.18", true, true},
		{"v1.18.0", "~> 1.18", true, true},
		{"latest", "~> 1.18", false, false},
		{"1.18.0", "soon", false, false},
		{"1.18.0", "~> 1", false, false},
		{"1.18.0", "", false, false},
	} {
		got, known := Satisfies(tc.version, tc.requirement)
		if got != tc.want || known != tc.known {
			t.Errorf("%s %s: got %v, %v, want %v, %v", tc.version, tc.requirement, got, known, tc.want, tc.known)
		}
	}
}

func TestRequirementsAreTakenApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.StringMatching(`[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,2}`).Draw(t, "version")
		for _, op := range []string{"==", ">=", "<=", "~>"} {
			if yes, known := Satisfies(v, op+" "+v); !yes || !known {
				t.Fatalf("%s %s: %v, %v", op, v, yes, known)
			}
		}
		other := rapid.StringMatching(`[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,2}`).Draw(t, "other")
		less, _ := Satisfies(v, "< "+other)
		more, _ := Satisfies(v, ">= "+other)
		if less == more {
			t.Fatalf("%s is both or neither of < and >= %s", v, other)
		}
	})
}

func pin(tool source.Tool, from, version string) source.Pin {
	return source.Pin{Tool: tool, From: from, Version: version}
}

func TestPlacesAgreeOrDoNot(t *testing.T) {
	requires := source.Pin{Tool: source.Elixir, From: "mix.exs", Version: "~> 1.18", Requirement: true}
	for _, tc := range []struct {
		name string
		pins []source.Pin
		want Verdict
		why  string
	}{
		{"nobody", nil, Silent, ""},
		{"one", []source.Pin{pin(source.Elixir, "Dockerfile", "1.18.3")}, Alone, ""},
		{"part of another", []source.Pin{pin(source.Elixir, "Dockerfile", "1.18"), pin(source.Elixir, ".tool-versions", "1.18.3")}, Agree, ""},
		{"another patch", []source.Pin{pin(source.Elixir, "Dockerfile", "1.18.2"), pin(source.Elixir, ".tool-versions", "1.18.3")}, Close, ".tool-versions has 1.18.3, Dockerfile has 1.18.2"},
		{"another minor", []source.Pin{pin(source.Elixir, "Dockerfile", "1.17.2"), pin(source.Elixir, ".tool-versions", "1.18.3")}, Differ, ".tool-versions has 1.18.3, Dockerfile has 1.17.2"},
		{"one of several", []source.Pin{pin(source.Elixir, "workflows", "1.17"), pin(source.Elixir, "workflows", "1.18"), pin(source.Elixir, "Dockerfile", "1.18.2")}, Agree, ""},
		{"fulfilled", []source.Pin{requires, pin(source.Elixir, "Dockerfile", "1.18.2")}, Agree, ""},
		{"not fulfilled", []source.Pin{requires, pin(source.Elixir, "Dockerfile", "1.17.2")}, Violated, "mix.exs wants ~> 1.18, Dockerfile has 1.17.2"},
		{"by none of several", []source.Pin{requires, pin(source.Elixir, "workflows", "1.17"), pin(source.Elixir, "workflows", "1.16")}, Violated, "mix.exs wants ~> 1.18, workflows has 1.17 and 1.16"},
	} {
		r := Matrix(tc.pins)[0]
		if r.Verdict != tc.want || r.Why != tc.why {
			t.Errorf("%s: got %s %q, want %s %q", tc.name, r.Verdict, r.Why, tc.want, tc.why)
		}
	}
	erlang := Matrix([]source.Pin{pin(source.Erlang, "Dockerfile", "27.1"), pin(source.Erlang, ".tool-versions", "27.3.3")})[1]
	if erlang.Verdict != Close {
		t.Errorf("minor versions of Erlang: %s", erlang.Verdict)
	}
}

func TestImagesSayVersions(t *testing.T) {
	got := OfImage(map[string]string{"com.example.elixir-version": "1.18.3", "otp.version": "v27.3", "version": "9", "phoenix_version": "soon"},
		map[string]string{"NODE_VERSION": "22.1.0", "ELIXIR_VERSION": "v1.18.4"}, FromImage, source.Place{Path: "x"})
	var texts []string
	for _, p := range got {
		texts = append(texts, string(p.Tool)+" "+p.Version)
	}
	if diff := cmp.Diff([]string{"elixir 1.18.4", "erlang 27.3", "node 22.1.0"}, texts); diff != "" {
		t.Error(diff)
	}
}

func FuzzSatisfies(f *testing.F) {
	f.Add("1.18.3", ">= 1.0.0 and < 2.0.0 or ~> 3.1")
	f.Add("", "~>")
	f.Fuzz(func(_ *testing.T, v, r string) { Satisfies(v, r) })
}
