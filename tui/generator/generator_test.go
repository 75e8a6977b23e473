package generator

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/phoenixtest"
	"ops-console/tui/action"
	"ops-console/tui/pane"
)

func version(s string) phoenix.Version { return phoenix.MustVersion(s) }

func TestChangesAreWalkedThroughTheFiles(t *testing.T) {
	p := to(with(t, sample{}), "lib/orchard_web/router.ex")
	p.View(env(t), 120, 36)
	n := p.hunks(p.row())
	if n < 2 {
		t.Fatalf("the file has %d changes", n)
	}
	for range n {
		press(t, p, "j")
	}
	next := p.id()
	if next == "lib/orchard_web/router.ex" || p.hunk != 0 {
		t.Errorf("at change %d of %s", p.hunk, next)
	}
	press(t, p, "k")
	if p.id() != "lib/orchard_web/router.ex" || p.hunk != n-1 {
		t.Errorf("back at change %d of %s, want the last of the file before", p.hunk, p.id())
	}
	press(t, p, "g", "k")
	if p.id() != p.rows[0].id || p.hunk != 0 {
		t.Errorf("before the first: change %d of %s", p.hunk, p.id())
	}
}

func TestTheChangeComesIntoSight(t *testing.T) {
	for _, size := range [][2]int{{80, 16}, {120, 24}, {200, 30}} {
		p := to(with(t, sample{from: "1.5.8/live", to: "1.8.8/default"}), "mix.exs")
		e := env(t)
		for range p.hunks(p.row()) {
			p.View(e, size[0], size[1])
			at := p.drawn.hunks[p.hunk]
			if at < p.text.Top || at >= p.text.Top+p.text.Height {
				t.Errorf("%v: change %d begins on line %d, shown are %d from %d", size, p.hunk, at, p.text.Height, p.text.Top)
			}
			press(t, p, "j")
		}
	}
}

func TestAVersionIsChosen(t *testing.T) {
	p := with(t, sample{})
	p.View(env(t), 120, 36)
	press(t, p, "t")
	if p.pick == nil || p.pick.items[p.pick.cursor].version != version("1.7.14") {
		t.Fatalf("the cursor is not on what is chosen: %+v", p.pick)
	}
	if a, _ := action.Named(p.Actions(), "mine"); a.Disabled == "" {
		t.Error("other things can be done while something is chosen")
	}
	m, ok := press(t, p, "p", "enter").(pane.CompareMsg)
	want := compare.Choice{From: version("1.6.16"), To: version("1.8.8")}
	if !ok || !m.Choice.Equal(want) || p.pick != nil {
		t.Errorf("asked for %+v, want %+v", m, want)
	}
	// The next choice begins where this one ended, though nothing of it is there yet.
	m, _ = press(t, p, "f", "n", "enter").(pane.CompareMsg)
	if want.From = version("1.5.8"); !m.Choice.Equal(want) {
		t.Errorf("asked for %+v, want %+v", m, want)
	}
	press(t, p, "f")
	if !p.Back() || p.pick != nil {
		t.Error("esc does not leave the choice")
	}
}

func TestFlagsAreThoseThatTheVersionKnows(t *testing.T) {
	p := with(t, sample{})
	press(t, p, "F")
	var names []string
	for _, it := range p.pick.items {
		names = append(names, it.flag)
		if !it.missing {
			t.Errorf("--%s is offered as if there were a tree", it.flag)
		}
	}
	text := strings.Join(names, " ")
	for _, n := range []string{"ecto", "database", "adapter", "binary_id", "tailwind"} {
		if !strings.Contains(text, n) {
			t.Errorf("%s is not among %s", n, text)
		}
	}
	for _, n := range []string{"webpack", "brunch", "agents_md", "inside_docker_env", "module"} {
		if strings.Contains(text, n) {
			t.Errorf("%s is among %s", n, text)
		}
	}
	for p.pick.items[p.pick.cursor].flag != "ecto" {
		press(t, p, "j")
	}
	m, _ := press(t, p, "x").(pane.CompareMsg)
	if want := (phoenix.Flags{"ecto": "false"}); !m.Choice.Equal(compare.Choice{From: version("1.6.16"), To: version("1.7.14"), Flags: want}) {
		t.Errorf("asked for %+v", m)
	}
	if p.pick == nil || !p.pick.items[p.pick.cursor].on {
		t.Error("the flag is not shown as set, or the choice is over")
	}
	m, _ = press(t, p, "x").(pane.CompareMsg)
	if len(m.Choice.Flags) != 0 {
		t.Errorf("the default is not the default: %+v", m)
	}
}

func TestCommandsTakeVersionsAndFlags(t *testing.T) {
	p := with(t, sample{})
	run := func(line string) tea.Msg {
		a, arg, ok := action.Parse(p.Actions(), line)
		if !ok || a.Disabled != "" {
			t.Fatalf("%q: %v %q", line, ok, a.Disabled)
		}
		return a.Run(arg)()
	}
	run("from 1.5.8")
	m, _ := run("flags --no-ecto --database mysql").(pane.CompareMsg)
	want := compare.Choice{From: version("1.5.8"), To: version("1.7.14"), Flags: phoenix.Flags{"ecto": "false", "database": "mysql"}}
	if !m.Choice.Equal(want) {
		t.Errorf("%+v, want %+v", m, want)
	}
	if e, ok := run("to newest").(pane.ToastMsg); !ok || e.Err == nil {
		t.Error("what is no version was taken")
	}
	a, _ := action.Named(p.Actions(), "to")
	if d := cmp.Diff([]string{"1.8.8", "1.7.14", "1.6.16", "1.5.8"}, a.Args("")); d != "" {
		t.Error(d)
	}
}

func TestAFileIsMarkedByItsKeyAndTheNextOneIsSelected(t *testing.T) {
	p := to(with(t, sample{done: []string{"config/dev.exs"}}), "mix.exs")
	m, ok := press(t, p, "x").(pane.MarkMsg)
	if !ok || m != (pane.MarkMsg{Key: "mix.exs", Done: true}) || p.id() == "mix.exs" {
		t.Errorf("%+v, at %s", m, p.id())
	}
	to(p, "config/dev.exs")
	if m := press(t, p, "x"); m != (pane.MarkMsg{Key: "config/dev.exs"}) || p.id() != "config/dev.exs" {
		t.Errorf("%+v, at %s", m, p.id())
	}
	press(t, p, "o", "o", "o", "o")
	for _, r := range p.rows {
		if r.done {
			t.Errorf("%s is done, and still to decide", r.path)
		}
	}
}

func TestTheCursorStaysOnItsFileWhenAnotherComparisonComes(t *testing.T) {
	p := to(with(t, sample{}), "mix.exs")
	p.Update(message(2, sample{from: "1.6.16/default", to: "1.8.8/default"}.make(t)))
	if p.id() != "mix.exs" {
		t.Errorf("at %s", p.id())
	}
	p.Update(message(1, sample{}.make(t)))
	if p.value().Choice.To != version("1.8.8") {
		t.Error("an older snapshot was taken")
	}
}

func TestEditOpensTheApplicationsFileAtTheChange(t *testing.T) {
	p := with(t, sample{})
	p.setMine(true)
	to(p, "lib/orchard_web/router.ex")
	m, ok := press(t, p, "j", "e").(pane.EditMsg)
	if !ok || m.Path != "/src/orchard/lib/orchard_web/router.ex" || m.Line != 20 {
		t.Errorf("%+v", m)
	}
	to(p, "lib/orchard_web/controllers/error_json.ex")
	if a, _ := action.Named(p.Actions(), "edit"); a.Disabled == "" {
		t.Error("the application has no such file")
	}
}

func TestAddressesLeadBack(t *testing.T) {
	for _, keys := range [][]string{nil, {"n"}, {"m"}, {"m", "n", "n"}, {"G"}} {
		p := with(t, sample{})
		press(t, p, keys...)
		other := with(t, sample{})
		if cmd := other.Update(pane.OpenMsg{Address: p.Address()}); cmd != nil {
			t.Errorf("%v: the same comparison was asked for again: %+v", keys, cmd())
		}
		if other.id() != p.id() || other.Address() != p.Address() {
			t.Errorf("%v: %s leads to %s", keys, p.Address(), other.Address())
		}
	}
	p := with(t, sample{})
	cmd := p.Update(pane.OpenMsg{Address: "generator?from=1.5.8&to=1.8.8&flags=--no-ecto"})
	want := compare.Choice{From: version("1.5.8"), To: version("1.8.8"), Flags: phoenix.Flags{"ecto": "false"}}
	if m, ok := cmd().(pane.CompareMsg); !ok || !m.Choice.Equal(want) {
		t.Errorf("asked for %+v, want %+v", m, want)
	}
}

func TestCopiedPatchesApply(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("install git")
	}
	p := to(with(t, sample{noProject: true}), "mix.exs")
	copies := map[string]string{}
	for _, c := range p.Copies() {
		copies[c.What] = c.Text
	}
	for what, patch := range map[string]string{"patch of mix.exs": copies["patch of mix.exs"], "patch of the 36 files": copies["patch of the 36 files"]} {
		dir := t.TempDir()
		phoenixtest.Write(t, dir, phoenixtest.Tree(t, "1.6.16/default").Files)
		c := exec.CommandContext(t.Context(), git, "apply", "-")
		c.Dir, c.Stdin = dir, strings.NewReader(patch)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", what, err, out)
		}
		want := string(phoenixtest.Tree(t, "1.7.14/default").Files["mix.exs"].Data)
		if got, err := os.ReadFile(filepath.Join(dir, "mix.exs")); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s", what, err, cmp.Diff(want, string(got)))
		}
	}
	if c := copies["change"]; !strings.HasPrefix(c, "@@ -") || !strings.Contains(c, "\n-") {
		t.Errorf("change %q", c)
	}
	if copies["command"] != "ops-console phx diff 1.6.16 1.7.14" {
		t.Errorf("command %q", copies["command"])
	}
}

func TestPatchesForTheApplicationApplyToIt(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("install git")
	}
	p := with(t, sample{})
	p.setMine(true)
	to(p, "lib/orchard_web/endpoint.ex")
	p.hunk = p.hunks(p.row()) - 1
	tried := 0
	for _, c := range p.Copies() {
		if !strings.HasPrefix(c.What, "patch that takes") {
			continue
		}
		tried++
		dir := t.TempDir()
		phoenixtest.Write(t, dir, phoenixtest.Orchard(t).Files)
		cmd := exec.CommandContext(t.Context(), git, "apply", "-")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(c.Text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", c.What, err, out, c.Text)
		}
	}
	if tried != 2 {
		t.Errorf("%d patches are offered, want 2", tried)
	}
}

func TestPartsOfTheFiles(t *testing.T) {
	for path, want := range map[string][]part{
		"config/dev.exs": {configuration},
		"mix.exs":        {configuration},
		"lib/shop_web/controllers/user_session_controller.ex": {authentication},
		"lib/shop/accounts.ex":                                {authentication},
		"lib/shop_web/user_auth.ex":                           {authentication},
		"lib/shop_web/router.ex":                              nil,
		"assets/js/app.js":                                    nil,
	} {
		var got []part
		for _, k := range []part{configuration, authentication} {
			if len(k.of([]row{{path: path}})) > 0 {
				got = append(got, k)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
	p := with(t, sample{})
	a, _ := action.Named(p.Actions(), "part")
	for _, name := range partNames {
		a.Run(name)
		if p.part.word() == "" || len(p.rows) == 0 && name != "auth" {
			t.Errorf("%s has %d files", name, len(p.rows))
		}
		for _, r := range p.rows {
			if name == "mine" && (r.file == nil || r.file.Mine == "") {
				t.Errorf("the application does not have %s", r.path)
			}
		}
	}
	if m, ok := a.Run("everything")().(pane.ToastMsg); !ok || m.Err == nil {
		t.Error("what is no part was taken")
	}
}

func TestSecretsOfTheApplicationAreNotShown(t *testing.T) {
	p := with(t, sample{})
	p.setMine(true)
	e := env(t)
	secrets := secretsOf(t)
	for range p.rows {
		p.context = all
		text := strings.Join(p.View(e, 200, 400), "\n")
		for _, c := range p.Copies() {
			if !strings.HasPrefix(c.What, "patch of") { // those are the generator's
				text += c.Text
			}
		}
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s: %q is shown", p.id(), s)
			}
		}
		press(t, p, "n")
	}
}

// secretsOf are the values that the application's files have and the generator's trees do not.
func secretsOf(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, f := range phoenixtest.Orchard(t).Files {
		for l := range strings.Lines(string(f.Data)) {
			for _, name := range []string{"secret_key_base: \"", "signing_salt: \"", "password: \""} {
				if _, rest, ok := strings.Cut(l, name); ok {
					v, _, _ := strings.Cut(rest, `"`)
					if len(v) >= 8 && v != "postgres" {
						out = append(out, v)
					}
				}
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("the application has no secret")
	}
	return out
}

func TestShortPaths(t *testing.T) {
	for _, c := range []struct {
		w    int
		want string
	}{{40, "lib/shop_web/router.ex"}, {20, "…/shop_web/router.ex"}, {12, "…/router.ex"}, {3, "…/router.ex"}} {
		if got := short("lib/shop_web/router.ex", "…", c.w); got != c.want {
			t.Errorf("%d: %q, want %q", c.w, got, c.want)
		}
	}
}
