package merge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/phoenixtest"
)

func generated(t testing.TB, name string) *phoenix.Tree {
	return phoenixtest.Named(t, name, "orchard", "Orchard")
}

func upgrade(t testing.TB, o Options) Plan {
	t.Helper()
	p, err := Classify(generated(t, "1.6.16/default"), generated(t, "1.7.14/default"), phoenixtest.Orchard(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func file(t testing.TB, p Plan, at string) File {
	t.Helper()
	f, ok := p.File(at)
	if !ok {
		t.Fatalf("%s is not in the plan", at)
	}
	return f
}

func TestFilesOfAnApplication(t *testing.T) {
	want := map[string]State{
		".gitignore":                                            Untouched,
		"README.md":                                             Unchanged,
		"assets/css/phoenix.css":                                Dropped,
		"assets/js/app.js":                                      Applied,
		"assets/tailwind.config.js":                             New,
		"config/config.exs":                                     Conflicts,
		"config/dev.exs":                                        Merges,
		"config/prod.exs":                                       Untouched,
		"config/runtime.exs":                                    Merges,
		"config/test.exs":                                       Untouched, // its secret is its own, and no change
		"lib/orchard.ex":                                        Unchanged,
		"lib/orchard/mailer.ex":                                 Absent,
		"lib/orchard/telemetry.ex":                              Merges, // moved by the application
		"lib/orchard_web/endpoint.ex":                           Merges,
		"lib/orchard_web/router.ex":                             Conflicts,
		"lib/orchard_web/templates/layout/app.html.heex":        Untouched, // and moved by the generator
		"lib/orchard_web/templates/layout/live.html.heex":       Gone,
		"lib/orchard_web/templates/page/index.html.heex":        Conflicts,
		"lib/orchard_web/views/error_helpers.ex":                Kept,
		"lib/orchard_web/controllers/error_json.ex":             New,
		"priv/static/favicon.ico":                               Untouched,
		"priv/static/images/logo.svg":                           Own,
		"test/support/conn_case.ex":                             Has,
		"test/orchard_web/controllers/page_controller_test.exs": Untouched,
	}
	p := upgrade(t, Options{})
	got := map[string]State{}
	for at := range want {
		got[at] = file(t, p, at).State
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	total := 0
	for _, n := range p.Count() {
		total += n
	}
	if total != len(p.Files) || len(p.Files) != 45 {
		t.Errorf("%d files, %d counted", len(p.Files), total)
	}
	for _, f := range p.Files {
		if strings.Contains(f.Path(), "tree") {
			t.Errorf("%s is the application's own, and no business of the generator's", f.Path())
		}
	}
}

func TestHunksOfAnApplication(t *testing.T) {
	p := upgrade(t, Options{})
	for at, want := range map[string][]HunkState{
		"config/config.exs":          {Applies, Applies, Contended, Applies, Contended},
		"assets/js/app.js":           {Already, Already},
		"lib/orchard_web/router.ex":  {Applies, Contended, Applies, Applies},
		"lib/orchard_web/gettext.ex": nil,
	} {
		var got []HunkState
		for _, h := range file(t, p, at).Hunks {
			got = append(got, h.State)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", at, diff)
		}
	}
	want := Hunk{
		State: Contended, AtMine: 20, chunk: 3,
		Base: []string{`    get "/", PageController, :index`},
		Mine: []string{`    get "/", PageController, :index`, `    resources "/trees", TreeController`},
		New:  []string{`    get "/", PageController, :home`},
	}
	if diff := cmp.Diff(want, file(t, p, "lib/orchard_web/router.ex").Hunks[1], cmp.AllowUnexported(Hunk{})); diff != "" {
		t.Error(diff)
	}
}

func TestAHunkThatIsInTheFileElsewhereIsLikelyThere(t *testing.T) {
	tree := func(text string) *phoenix.Tree {
		return &phoenix.Tree{Files: map[string]phoenix.File{"mix.exs": {Data: []byte(text)}}}
	}
	p, err := Classify(tree("a\nb\nc\n"), tree("a\nnew\nc\n"), tree("new\na\nmine\nc\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f := p.Files[0]; f.State != Conflicts || len(f.Hunks) != 1 || f.Hunks[0].State != Likely {
		t.Errorf("%s %+v", f, f.Hunks)
	}
}

func TestAnApplicationAsGeneratedHasNoConflict(t *testing.T) {
	for i, from := range phoenixtest.Names {
		for _, to := range phoenixtest.Names[i+1:] {
			p, err := Classify(generated(t, from), generated(t, to), generated(t, from), Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range p.Files {
				if !slices.Contains([]State{Unchanged, Untouched, New, Dropped}, f.State) {
					t.Errorf("%s to %s: %s", from, to, f)
				}
			}
			p, err = Classify(generated(t, from), generated(t, to), generated(t, to), Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range p.Files {
				if !slices.Contains([]State{Unchanged, Has, Gone}, f.State) {
					t.Errorf("%s to %s, done already: %s", from, to, f)
				}
			}
		}
	}
}

func TestAnotherBaseForOneFile(t *testing.T) {
	mine := phoenixtest.Orchard(t)
	newer := generated(t, "1.7.14/default")
	at := "assets/js/app.js"
	mine.Files[at] = phoenix.File{Data: append(bytes.Clone(newer.Files[at].Data), "\n// ours\n"...)}
	base, new := generated(t, "1.6.16/default"), generated(t, "1.8.8/default")
	state := func(o Options) State {
		p, err := Classify(base, new, mine, o)
		if err != nil {
			t.Fatal(err)
		}
		return file(t, p, at).State
	}
	if got := state(Options{}); got != Conflicts {
		t.Errorf("%s without", got)
	}
	if got := state(Options{Bases: map[string]*phoenix.Tree{at: newer}}); got != Merges {
		t.Errorf("%s with the base that it comes from", got)
	}
}

func TestNothingToClassifyIsAnError(t *testing.T) {
	full := generated(t, "1.6.16/default")
	empty := &phoenix.Tree{}
	for _, c := range [][3]*phoenix.Tree{{empty, full, full}, {full, empty, full}, {full, full, empty}, {nil, full, full}, {full, full, nil}} {
		if p, err := Classify(c[0], c[1], c[2], Options{}); err == nil {
			t.Errorf("%d files", len(p.Files))
		}
	}
}

func TestCarriageReturnsAreKept(t *testing.T) {
	mine := phoenixtest.Orchard(t)
	for p, f := range mine.Files {
		if !diff.Binary(f.Data) {
			mine.Files[p] = phoenix.File{Data: bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))}
		}
	}
	p, err := Classify(generated(t, "1.6.16/default"), generated(t, "1.7.14/default"), mine, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(upgrade(t, Options{}).Count(), p.Count()); diff != "" {
		t.Error(diff)
	}
	for _, f := range p.Files {
		if !f.Actionable() || f.Mine == "" || diff.Binary(f.mine.Data) {
			continue
		}
		out, _, err := f.Result(p, nil)
		if err != nil || bytes.Count(out.Data, []byte("\n")) != bytes.Count(out.Data, []byte("\r\n")) {
			t.Errorf("%s: %v %q", f, err, out.Data)
		}
	}
}

// secrets of the application's, none of which may be shown.
var secrets = []string{"Qx81pear", "Orchard-dev-key", "Orchard-test-key", "golden-delicious", "Zk93plum", "quince", "crumble", "wk-apple-0042", "m4VwN0bk", "kb0NwV4m", "Fx6"}

func TestNoSecretOfTheApplicationIsShown(t *testing.T) {
	var shown strings.Builder
	for _, to := range []string{"1.7.14/default", "1.8.8/default"} {
		p, err := Classify(generated(t, "1.6.16/default"), generated(t, to), phoenixtest.Orchard(t), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var choices []Choice
		for _, f := range p.Files {
			if f.Actionable() {
				choices = append(choices, Choice{Path: f.Path()})
			}
		}
		if _, err := p.Patch(&shown, choices); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&shown, "%s %v %+v %#v", b, p, p, p)
		for _, f := range p.Files {
			for _, h := range f.Hunks {
				fmt.Fprintf(&shown, "%+v", h)
			}
		}
	}
	for _, s := range secrets {
		if at := strings.Index(shown.String(), s); at >= 0 {
			t.Errorf("%s is shown: …%s…", s, shown.String()[max(0, at-80):at+40])
		}
	}
	if !strings.Contains(shown.String(), "api_key: ") || !strings.Contains(shown.String(), diff.Hidden) {
		t.Error("nothing was hidden, or there was nothing to hide")
	}
}

func TestNewSecretsAreNew(t *testing.T) {
	old, new := generated(t, "1.5.8/live"), generated(t, "1.6.16/default")
	random := func(b byte) *bytes.Reader { return bytes.NewReader(bytes.Repeat([]byte{b}, 4096)) }
	text := func(b byte) string {
		p, err := Classify(old, new, old, Options{Rand: random(b)})
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := file(t, p, "config/dev.exs").Result(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(out.Data)
	}
	if a := text(1); strings.Contains(a, "Fx6dev") || !strings.Contains(a, `secret_key_base: "AQEBAQEB`) || a == text(2) {
		t.Errorf("%s", a)
	}
	if _, err := Classify(old, new, old, Options{Rand: bytes.NewReader(nil)}); err == nil {
		t.Error("no randomness, and no error")
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`password: "hunter2",`, `password: "…",`},
		{`config :x, secret_key_base: "abc", other: "shown"`, `config :x, secret_key_base: "…", other: "shown"`},
		{"secret_key_base:\n  \"abc\"", "secret_key_base:\n  \"…\""},
		{`url: "ecto://user:pw@host/db"`, `url: "ecto://…@host/db"`},
		{`"api_key" => "k"`, `"api_key" => "…"`},
		{`System.get_env("SECRET_KEY_BASE")`, `System.get_env("SECRET_KEY_BASE")`},
		{`System.get_env("API_TOKEN", "fallback")`, `System.get_env("API_TOKEN", "…")`},
		{`System.get_env("API_TOKEN") || "fallback"`, `System.get_env("API_TOKEN") || "…"`},
		{`token: ~s(abc)`, `token: …`},
		{"export STRIPE_SECRET=abc", "export STRIPE_SECRET=…"},
		{`x = "AKIAIOSFODNN7EXAMPLE"`, `x = "…"`},
		{`x = 'abcdefghijklmnopqrstuvwxyz0123456789'`, `x = '…'`},
		{"key: \"\"\"\n-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n\"\"\"", "key: \"\"\"\n-----BEGIN RSA PRIVATE KEY-----…\n…\n…-----END RSA PRIVATE KEY-----\n\"\"\""},
		{"password: \"\"\"\nab\ncd\n\"\"\", x: 1", "password: \"\"\"…\n…\n…\n…\"\"\", x: 1"},
		{"token: \"\"\"\nab", "token: \"\"\"…\n…"},
		{`{:secret_scan, "~> 0.1"}`, `{:secret_scan, "~> 0.1"}`},
		{`apiKey: '<%= key(@conn) %>'`, `apiKey: '<%= key(@conn) %>'`},
		{`github: "phoenixframework/phoenix_live_view", ref: "d47473d661ff0073ce4080ae04db1a439d78a62b"`, `github: "phoenixframework/phoenix_live_view", ref: "d47473d661ff0073ce4080ae04db1a439d78a62b"`},
		{"  plug :put_secure_browser_headers\n", "  plug :put_secure_browser_headers\n"},
		{`live "/users/reset_password", UserLive, :new`, `live "/users/reset_password", UserLive, :new`},
	} {
		if got := Mask(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestMaskKeepsLines(t *testing.T) {
	piece := rapid.SampledFrom([]string{"password", "secret: ", "token=", "\"", "'", "\n", "\r\n", "x", "~s(", ")", "://", "@", ":", "-----BEGIN PRIVATE KEY-----", "\"\"\"", strings.Repeat("A1", 25), ", ", "=> ", "  "})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(t, "text"), "")
		if got := Mask(text); strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q to %q", text, got)
		}
	})
}

func FuzzMask(f *testing.F) {
	f.Add("password: \"a\n\" token: \"\"\"\nb\n\"\"\"")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			return
		}
		if got := Mask(text); strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q to %q", text, got)
		}
	})
}

func TestStatesAreAllInOrder(t *testing.T) {
	seen := map[State]bool{}
	for _, s := range States {
		seen[s] = true
	}
	for s := range maps.Keys(upgrade(t, Options{}).Count()) {
		if !seen[s] {
			t.Errorf("%s has no place", s)
		}
	}
	if len(seen) != 14 || len(States) != 14 {
		t.Errorf("%d states", len(seen))
	}
}

func BenchmarkClassify(b *testing.B) {
	base, new, mine := generated(b, "1.6.16/default"), generated(b, "1.7.14/default"), phoenixtest.Orchard(b)
	for b.Loop() {
		if _, err := Classify(base, new, mine, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
