package lint

import (
	"slices"
	"testing"
)

func TestABaselineIsDividedAmongRepos(t *testing.T) {
	b := &Baseline{Path: "b.json", Entries: []BaselineEntry{
		{Rule: "r", Path: "priv/repo/migrations/1_a.exs"}, {Rule: "r", Path: "priv/repo/migrations_of_events/2_b.exs"}, {Rule: "r", Path: "config/config.exs"},
	}}
	paths := func(b *Baseline) (out []string) {
		for _, e := range b.Entries {
			out = append(out, e.Path)
		}
		return out
	}
	repo, events := []string{"priv/repo/migrations"}, []string{"priv/repo/migrations_of_events"}
	for _, tt := range []struct{ dirs, others, want []string }{
		{repo, events, []string{"priv/repo/migrations/1_a.exs", "config/config.exs"}},
		{events, repo, []string{"priv/repo/migrations_of_events/2_b.exs", "config/config.exs"}},
		{repo, nil, paths(b)},
		{[]string{"."}, nil, paths(b)},
	} {
		if got := b.For(tt.dirs, tt.others); !slices.Equal(paths(got), tt.want) || got.Path != b.Path {
			t.Errorf("of %q beside %q: %q, want %q", tt.dirs, tt.others, paths(got), tt.want)
		}
	}
	if (*Baseline)(nil).For(repo, nil) != nil {
		t.Error("none becomes one")
	}
}
