// Package ident says how instances are called on the screen, and how a view of some of them is written down as an
// address. It knows nothing of how either is drawn.
package ident

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"ops-console/ops"
	"ops-console/ops/health"
)

// minShort is the shortest id that is shown: shorter ones do not look like an id any more.
const minShort = 6

// Names holds the short ids of a snapshot's instances: prefixes of equal length that tell all of them apart. The zero
// value shortens nothing that is not known to be unambiguous.
type Names struct {
	n      int
	region map[string]string // by id
}

// Of are the names for some instances.
func Of(ii []health.Instance) Names {
	ids := make([]string, 0, len(ii))
	region := make(map[string]string, len(ii))
	for i := range ii {
		ids = append(ids, ii[i].ID)
		region[ii[i].ID] = ii[i].Region
	}
	slices.Sort(ids)
	n := minShort
	for i := 1; i < len(ids); i++ {
		if ids[i] != ids[i-1] {
			n = max(n, shared(ids[i-1], ids[i])+1)
		}
	}
	return Names{n: n, region: region}
}

// shared is how many bytes a and b have in common at their start.
func shared(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// Short is the short form of an id.
func (n Names) Short(id string) string {
	if n.n == 0 || len(id) <= n.n {
		return id
	}
	end := n.n
	for end < len(id) && !utf8.RuneStart(id[end]) {
		end++
	}
	return id[:end]
}

// Len is how many bytes a short id has.
func (n Names) Len() int { return n.n }

// Region is where an instance runs; empty where that is not known.
func (n Names) Region(id string) string { return n.region[id] }

// Subject is what a problem is about, in few words: "jnb 91857a", "jnb", "/pricing", or whole where it is about all.
func (n Names) Subject(s ops.Subject, whole string) string {
	var parts []string
	region := s.Region
	if region == "" && s.Instance != "" {
		region = n.Region(s.Instance)
	}
	for _, p := range []string{region, n.Short(s.Instance), s.Path} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return whole
	}
	return strings.Join(parts, " ")
}

// Address is where a view is found: the pane's name and what it shows of its subject.
type Address struct {
	Pane   string
	Values url.Values
}

// String is "instances?id=91857a1c420e8d&region=jnb"; it is read by Parse.
func (a Address) String() string {
	v := url.Values{}
	for k, vv := range a.Values {
		for _, s := range vv {
			if s != "" {
				v.Add(k, s)
			}
		}
	}
	if len(v) == 0 {
		return a.Pane
	}
	return a.Pane + "?" + v.Encode()
}

// To is the address of a pane with pairs of keys and values; empty values are left out.
func To(pane string, pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return Address{pane, v}.String()
}

// Parse reads an address. What comes from a command line may be anything: pieces that cannot be read are left out.
func Parse(s string) Address {
	pane, query, _ := strings.Cut(strings.TrimSpace(s), "?")
	v, _ := url.ParseQuery(query)
	return Address{pane, v}
}
