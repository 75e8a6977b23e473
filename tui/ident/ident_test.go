package ident

import (
	"testing"

	"pgregory.net/rapid"

	"ops-console/ops"
	"ops-console/ops/health"
)

func TestShortIDsTellInstancesApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfDistinct(rapid.StringMatching(`[0-9a-c]{1,14}`), func(s string) string { return s }).Draw(t, "ids")
		ii := make([]health.Instance, len(ids))
		for i, id := range ids {
			ii[i].ID = id
		}
		names := Of(ii)
		seen := map[string]string{}
		for _, id := range ids {
			s := names.Short(id)
			if other, ok := seen[s]; ok {
				t.Fatalf("%q and %q are both called %q", id, other, s)
			}
			seen[s] = id
		}
	})
}

func TestSubjectNamesRegionInstanceAndPath(t *testing.T) {
	names := Of([]health.Instance{{ID: "91857a1c420e8d", Region: "jnb"}, {ID: "48e2991f703928", Region: "fra"}})
	for _, c := range []struct {
		s    ops.Subject
		want string
	}{
		{ops.Subject{}, "changelog"},
		{ops.Subject{Region: "jnb"}, "jnb"},
		{ops.Subject{Instance: "91857a1c420e8d"}, "jnb 91857a"},
		{ops.Subject{Region: "lhr", Instance: "91857a1c420e8d"}, "lhr 91857a"},
		{ops.Subject{Path: "/pricing"}, "/pricing"},
	} {
		if got := names.Subject(c.s, "changelog"); got != c.want {
			t.Errorf("Subject(%v) = %q, want %q", c.s, got, c.want)
		}
	}
}

func TestAddressesAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id, filter := rapid.String().Draw(t, "id"), rapid.String().Draw(t, "filter")
		a := Parse(To("instances", "id", id, "filter", filter))
		if a.Pane != "instances" || a.Values.Get("id") != id || a.Values.Get("filter") != filter {
			t.Fatalf("read back %v", a)
		}
	})
}
