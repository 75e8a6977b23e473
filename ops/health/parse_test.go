package health

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseVMs(t *testing.T) {
	tests := []struct {
		in   []string
		want []dnsEntry
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{"48e0a1 iad,48e0a2 fra"}, []dnsEntry{{id: "48e0a1", region: "iad"}, {id: "48e0a2", region: "fra"}}},
		{[]string{" 48e0a1  iad , 48e0a2"}, []dnsEntry{{id: "48e0a1", region: "iad"}, {id: "48e0a2"}}},
		{[]string{"48e0a1 iad", "48e0a2 fra"}, []dnsEntry{{id: "48e0a1", region: "iad"}, {id: "48e0a2", region: "fra"}}},
		{[]string{"\x1b[2J iad,a/b fra,a.b syd,x y z,ok \x1b[m"}, []dnsEntry{{id: "ok"}}},
	}
	for _, tt := range tests {
		if got := parseVMs(tt.in); !slices.Equal(got, tt.want) {
			t.Errorf("parseVMs(%q) = %v, want %v", tt.in, got, tt.want)
		}
	}
	if n := len(parseVMs([]string{strings.Repeat("x iad,", 50_000)})); n != maxListed {
		t.Errorf("%d entries of a huge answer", n)
	}
}

func TestParseInstances(t *testing.T) {
	in := []string{
		"instance=48e0a1,app=changelog,ip=fdaa:0:18:a7b::2,region=iad;instance=48e0a2,app=other,ip=fdaa::3,region=fra",
		"instance=48e0a3,ip=nonsense;ip=fdaa::4;instance=\x1b[31m,ip=fdaa::5;instance=48e0a6,ip=fe80::1%eth0;nonsense",
	}
	want := []located{{"48e0a1", "changelog", "iad", "fdaa:0:18:a7b::2"}, {"48e0a2", "other", "fra", "fdaa::3"}}
	if got := parseInstances(in); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzDNS(f *testing.F) {
	for _, s := range []string{"48e0a1 iad,48e0a2 fra", "instance=a,app=b,ip=fdaa::1,region=c;", "", ",", "= ;,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, e := range parseVMs([]string{s}) {
			if !plainID(e.id) || e.region != "" && !plainID(e.region) {
				t.Errorf("entry %+v of %q", e, s)
			}
		}
		for _, l := range parseInstances([]string{s}) {
			if _, err := netip.ParseAddr(l.address); err != nil || !plainID(l.id) {
				t.Errorf("instance %+v of %q", l, s)
			}
		}
	})
}

func TestParseNodes(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"nonode@nohost\n", []string{"nonode@nohost"}},
		{"app@10.0.0.1\napp@10.0.0.2\n", []string{"app@10.0.0.1", "app@10.0.0.2"}},
		{`[:"app-01H@fdaa:0:1::2", :"app-01H@fdaa:0:1::3"]`, []string{"app-01H@fdaa:0:1::2", "app-01H@fdaa:0:1::3"}},
		{`{:"app@fdaa:0:1::2", [:a@host, :b@host.local]}`, []string{"app@fdaa:0:1::2", "a@host", "b@host.local"}},
		{`['app@fdaa::2','app@fdaa::3']`, []string{"app@fdaa::2", "app@fdaa::3"}},
		{"app@fdaa::2 app@fdaa::2", []string{"app@fdaa::2"}},
		{"warning: mail me@ or @you\nnode: app@fdaa::2.", []string{"app@fdaa::2"}},
		{"a@b@c", nil},
		{"\x1b[32m:\"app@fdaa::2\"\x1b[0m", []string{"app@fdaa::2"}},
		{strings.Repeat("x", 300) + "@host", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, parseNodes(tt.in)); diff != "" {
			t.Errorf("parseNodes(%q) (-want +got):\n%s", tt.in, diff)
		}
	}
}

func FuzzNodes(f *testing.F) {
	for _, s := range []string{`[:"app-01H@fdaa:0:1::2", :b@host]`, "a@b", "@", "a@", ":@:", "[]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		nodes := parseNodes(s)
		for _, n := range nodes {
			if !utf8.ValidString(n) || strings.Count(n, "@") != 1 || len(n) > maxNodeName || strings.ContainsAny(n, "\x1b\n\"' []") {
				t.Errorf("node %q of %q", n, s)
			}
		}
		if again := parseNodes(strings.Join(nodes, "\n")); !slices.Equal(again, nodes) {
			t.Errorf("%q gives %q, and these give %q", s, nodes, again)
		}
		sees := map[string][]string{"a": nodes, "b": nodes[len(nodes)/2:], "c": {"c@fdaa::3"}}
		n := 0
		groups, doubtful := newMesh(sees, map[string]string{"a": "fdaa::1", "b": "x", "c": "fdaa::3", "d": "fdaa::4"}).groups([]string{"d"})
		for _, g := range groups {
			n += len(g.Instances)
		}
		if n+len(doubtful) != 4 {
			t.Errorf("%d of 4 instances are in a group, %v in doubt", n, doubtful)
		}
	})
}

func TestClusterGroups(t *testing.T) {
	node := func(n int) string { return fmt.Sprintf("app@fdaa::%d", n) }
	addresses := map[string]string{"a": "fdaa::1", "b": "fdaa::2", "c": "fdaa::3", "d": "fdaa::4"}
	tests := []struct {
		name string
		sees map[string][]string
		want []ClusterGroup
	}{
		{"nobody", nil, nil},
		{
			"all",
			map[string][]string{"a": {node(1), node(2), node(3)}, "b": {node(2), node(1), node(3)}, "c": {node(3), node(1), node(2)}},
			[]ClusterGroup{{Instances: []string{"a", "b", "c"}, Nodes: []string{node(1), node(2), node(3)}}},
		},
		{
			"own node not first",
			map[string][]string{"a": {node(2), node(1)}, "b": {node(1), node(2)}},
			[]ClusterGroup{{Instances: []string{"a", "b"}, Nodes: []string{node(1), node(2)}}},
		},
		{
			"split",
			map[string][]string{"a": {node(1), node(2)}, "b": {node(2), node(1)}, "c": {node(3)}},
			[]ClusterGroup{{Instances: []string{"a", "b"}, Nodes: []string{node(1), node(2)}}, {Instances: []string{"c"}, Nodes: []string{node(3)}}},
		},
		{
			"only one side sees",
			map[string][]string{"a": {node(1), node(2)}, "b": {node(2)}},
			[]ClusterGroup{{Instances: []string{"a"}, Nodes: []string{node(1)}}, {Instances: []string{"b"}, Nodes: []string{node(2)}}},
		},
		{
			"seen through others",
			map[string][]string{"a": {node(1), node(2)}, "b": {node(2), node(1), node(3)}, "c": {node(3), node(2)}},
			[]ClusterGroup{{Instances: []string{"a", "b", "c"}, Nodes: []string{node(1), node(2), node(3)}}},
		},
		{
			"one was not asked, one is a stranger",
			map[string][]string{"a": {node(1), node(4), "console@elsewhere"}},
			[]ClusterGroup{{Instances: []string{"a"}, Nodes: []string{node(1), "console@elsewhere"}}},
		},
		{
			"names without addresses",
			map[string][]string{"a": {"x@one", "y@two"}, "b": {"y@two", "x@one"}},
			[]ClusterGroup{{Instances: []string{"a", "b"}, Nodes: []string{"x@one", "y@two"}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := newMesh(tt.sees, addresses).groups(nil)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClusterGroupsTakeInThoseThatWereNotAsked(t *testing.T) {
	node := func(n int) string { return fmt.Sprintf("app@fdaa::%d", n) }
	addresses := map[string]string{"a": "fdaa::1", "b": "fdaa::2", "c": "fdaa::3", "d": "fdaa::4", "e": "fdaa::5", "f": ""}
	sees := map[string][]string{
		"a": {node(1), node(3), node(4), "app@f.vm.app.internal"},
		"b": {node(2), node(4)},
	}
	groups, doubtful := newMesh(sees, addresses).groups([]string{"c", "d", "e", "f"})
	want := []ClusterGroup{
		{Instances: []string{"a", "c", "f"}, Nodes: []string{"app@f.vm.app.internal", node(1), node(3)}},
		{Instances: []string{"b"}, Nodes: []string{node(2)}},
	}
	slices.Sort(want[0].Nodes)
	if diff := cmp.Diff(want, groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	// Two groups see d, none sees e.
	if diff := cmp.Diff([]string{"d", "e"}, doubtful); diff != "" {
		t.Errorf("in doubt (-want +got):\n%s", diff)
	}
}

// normalised is what is left of a page.
func normalised(t testing.TB, page string, chunked bool, ignore ...string) string {
	t.Helper()
	n, err := newNormaliser(ignore)
	if err != nil {
		t.Fatal(err)
	}
	var r io.Reader = strings.NewReader(page)
	if chunked {
		r = iotest.OneByteReader(r)
	}
	var b bytes.Buffer
	if _, _, err := n.copy(&b, r, true); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestVolatilePartsAreIgnored(t *testing.T) {
	tests := []struct {
		name   string
		a, b   string
		ignore []string
		same   bool
	}{
		{"equal", "<p>x</p>", "<p>x</p>", nil, true},
		{"different", "<p>x</p>", "<p>y</p>", nil, false},
		{"meta token", `<meta name="csrf-token" content="AAA">x`, `<meta name="csrf-token" content="BBB">x`, nil, true},
		{"meta token, attributes turned", `<meta content="AAA" name='csrf-token' />x`, `<meta content="BBB" name='csrf-token' />x`, nil, true},
		{"meta token, other page", `<meta name="csrf-token" content="AAA">x`, `<meta name="csrf-token" content="BBB">y`, nil, false},
		{"form token", `<form><input type="hidden" name="_csrf_token" value="A"></form>`, `<form><input type="hidden" name="_csrf_token" value="B"></form>`, nil, true},
		{"token in a link", `<a href="/x?_csrf_token=AAA&b=1">`, `<a href="/x?_csrf_token=BBB&b=1">`, nil, true},
		{"button token", `<a data-csrf="AAA" data-method="delete">`, `<a data-csrf="BBB" data-method="delete">`, nil, true},
		{"live session", `<div id="phx-F1abcd_x-y" data-phx-main data-phx-session="A" data-phx-static="B">`, `<div id="phx-F9zzzz_x-y" data-phx-main data-phx-session="C" data-phx-static="D">`, nil, true},
		{"live child", `<div data-phx-id="m12-phx-F1abcd">`, `<div data-phx-id="m12-phx-F2abcd">`, nil, true},
		{"nonce", `<script nonce="abc">1</script>`, `<script nonce="def">1</script>`, nil, true},
		{"policy", `<meta http-equiv="csp" content="script-src 'nonce-AA=='">`, `<meta http-equiv="csp" content="script-src 'nonce-BB=='">`, nil, true},
		{"request id", `<meta name="x-request-id" content="F1">`, `<meta name="x-request-id" content="F2">`, nil, true},
		{"input is not dropped", `<input name="email" value="a">`, `<input name="email" value="b">`, nil, false},
		{"own rule", "built in 3ms", "built in 14ms", []string{`built in \d+ms`}, true},
		{"own rule does not match", "built in 3s", "built in 14s", []string{`built in \d+ms`}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, chunked := range []bool{false, true} {
				a, b := normalised(t, tt.a, chunked, tt.ignore...), normalised(t, tt.b, chunked, tt.ignore...)
				if (a == b) != tt.same {
					t.Errorf("%q and %q, same %t, want %t", a, b, a == b, tt.same)
				}
			}
		})
	}
}

func TestLargePagesAreComparedInPieces(t *testing.T) {
	t.Parallel()
	page := func(token string) string {
		var b strings.Builder
		for i := range 12_000 {
			fmt.Fprintf(&b, `<li id="%d"><input name="_csrf_token" value="%s"></li>`, i, token)
		}
		return b.String()
	}
	// The tokens differ in length, so the pieces are cut at different places.
	a, b := normalised(t, page("x"), false), normalised(t, page(strings.Repeat("y", 57)), false)
	if len(page("x")) < 2*chunkSize {
		t.Fatal("the page is too small")
	}
	if a != b {
		t.Error("pages that differ only in tokens do not agree")
	}
}

func TestBinaryContentIsLeftAlone(t *testing.T) {
	n, err := newNormaliser(nil)
	if err != nil {
		t.Fatal(err)
	}
	in := strings.Repeat("\x00nonce=\"abc\">", chunkSize/8)
	var b bytes.Buffer
	size, head, err := n.copy(&b, iotest.HalfReader(strings.NewReader(in)), false)
	if err != nil || size != len(in) || b.String() != in || len(head) != maxTitle {
		t.Errorf("size %d, %d written, head %d, %v", size, b.Len(), len(head), err)
	}
	if _, _, err := n.copy(&b, iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(in))), true); err == nil {
		t.Error("a broken body is taken for a whole one")
	}
}

func TestRulesAreBounded(t *testing.T) {
	for _, ignore := range [][]string{{"("}, {strings.Repeat("x", maxRuleLength+1)}, slices.Repeat([]string{"x"}, maxRules+1)} {
		if _, err := newNormaliser(ignore); err == nil {
			t.Errorf("%d rules, first %.20q: want an error", len(ignore), ignore[0])
		}
	}
}

func TestTitle(t *testing.T) {
	for in, want := range map[string]string{
		"<html><head><TITLE data-x>\n News &amp; more\n</TITLE>": "News & more",
		"<title>\x1b]0;x\x07Feed</title>":                        "Feed",
		"no title":                                               "",
		"<title>unclosed":                                        "",
	} {
		if got := title([]byte(in)); got != want {
			t.Errorf("title(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add([]byte(`<meta name="csrf-token" content="AAA"><p id="phx-F1abcd">`), 3)
	f.Add([]byte("no tags at all"), 1)
	f.Fuzz(func(t *testing.T, page []byte, cut int) {
		n, err := newNormaliser([]string{`\d+ms`})
		if err != nil {
			t.Fatal(err)
		}
		var whole, pieces bytes.Buffer
		if _, _, err := n.copy(&whole, bytes.NewReader(page), true); err != nil {
			t.Fatal(err)
		}
		cut = min(max(cut, 0), len(page))
		size, _, err := n.copy(&pieces, io.MultiReader(bytes.NewReader(page[:cut]), bytes.NewReader(page[cut:])), true)
		if err != nil || size != len(page) {
			t.Fatalf("size %d of %d, %v", size, len(page), err)
		}
		if len(page) < chunkSize && !bytes.Equal(whole.Bytes(), pieces.Bytes()) {
			t.Errorf("read whole %q, in pieces %q", whole.Bytes(), pieces.Bytes())
		}
		title(page)
	})
}

// BenchmarkNormalise is a page of 64 kB with a token in every form.
func BenchmarkNormalise(b *testing.B) {
	page := []byte(strings.Repeat(`<li><a href="/x">x</a><form action="/y"><input name="_csrf_token" value="abc"><p>`+strings.Repeat("text ", 100)+`</p></form></li>`, 110))
	n, err := newNormaliser(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := n.copy(io.Discard, bytes.NewReader(page), true); err != nil {
			b.Fatal(err)
		}
	}
}
