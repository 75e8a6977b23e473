package themes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestErrorsNameFileLineAndKey(t *testing.T) {
	whole, err := shipped.ReadFile("files/catppuccin-mocha.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"no toml", "kind = \n", "bad.toml:1: "},
		{"unknown key", "base = \"contrast\"\n[ui]\nsurfase = \"#000000\"\n", "bad.toml:3: unknown key ui.surfase"},
		{"bad colour", "base = \"contrast\"\n\n[text]\ntext = \"greenish\"\n", `bad.toml:4: text.text: "greenish" is no colour`},
		{"short hex", "base = \"contrast\"\n[text]\ntext = \"#fff\"\n", `bad.toml:3: text.text: "#fff" is no colour`},
		{"two colours", "base = \"contrast\"\n[text]\ntext = \"red blue\"\n", "bad.toml:3: text.text: \"red blue\" has two colours"},
		{"a number", "base = \"contrast\"\n[text]\ntext = 7\n", `"7" is no colour`},
		{"kind", strings.Replace(string(whole), `"dark"`, `"darkish"`, 1), `kind is "darkish"`},
		{"missing", "kind = \"dark\"\n[text]\ntext = \"\"\n", "ui.bg, ui.surface"},
		{"base", "base = \"../../etc/passwd\"\n", "none of the shipped themes"},
		{"twice", "base = \"contrast\"\nbase = \"mono\"\n", "bad.toml:2: "},
		{"huge", strings.Repeat("#", largest+1), "a theme has at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "bad.toml", c.text)
			_, err := Load("bad", []string{dir})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "bad") {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is not one line", err)
			}
		})
	}
	for _, name := range []string{"", "../x", "A", "nope"} {
		if _, err := Load(name, nil); err == nil {
			t.Errorf("theme %q was loaded", name)
		}
	}
}

func TestAUsersThemeGoesBeforeAShippedOneAndMayBaseItselfOnIt(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "contrast.toml", "base = \"contrast\"\n[status]\nok = \"#00ff00 bold\"\n")
	write(t, dir, "mine.toml", "base = \"mono\"\n")
	f, err := Load("contrast", []string{"/nonexistent", dir})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Compile(colorprofile.TrueColor).On(OK), "\x1b[0;1;38;2;0;255;0;48;2;0;0;0m"; got != want {
		t.Errorf("ok is %q, want %q", got, want)
	}
	want := []string{"catppuccin-mocha", "contrast", "gruvbox-dark", "mine", "mono", "solarized-light", "terminal"}
	if d := cmp.Diff(want, Names([]string{dir})); d != "" {
		t.Error(d)
	}
}

func TestCompileFitsTheTerminal(t *testing.T) {
	f, err := Load(DefaultDark, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    colorprofile.Profile
		role Role
		on   Ground
		want string
	}{
		{colorprofile.TrueColor, Muted, Base, "\x1b[0;38;2;166;173;200;48;2;30;30;46m"},
		{colorprofile.TrueColor, Crit, Selection, "\x1b[0;1;38;2;243;139;168;48;2;57;59;79m"},
		{colorprofile.ANSI256, OK, Base, "\x1b[0;38;5;151;48;5;235m"},
		{colorprofile.ANSI, Crit, Base, "\x1b[0;1;31m"},
		{colorprofile.ANSI, Plain, Base, ""},
		{colorprofile.ANSI, Crit, Selection, "\x1b[0;1;31;7m"},
		{colorprofile.ASCII, Crit, Base, "\x1b[0;1;4m"},
		{colorprofile.ASCII, Plain, Selection, "\x1b[0;7m"},
		{colorprofile.NoTTY, OK, Base, ""},
	} {
		if got := f.Compile(c.p).OnGround(c.on, c.role); got != c.want {
			t.Errorf("%v role %d on %d: %q, want %q", c.p, c.role, c.on, got, c.want)
		}
	}
	var none *Theme
	if none.On(Crit) != "" || none.OnGround(99, 99) != "" {
		t.Error("no theme has a look")
	}
}

func TestMonoHasNoColour(t *testing.T) {
	f, err := Load(Mono, nil)
	if err != nil {
		t.Fatal(err)
	}
	th := f.Compile(colorprofile.TrueColor)
	for g := range numGrounds {
		for r := range numRoles {
			if s := th.OnGround(g, r); strings.ContainsAny(s, "38") && s != "" {
				t.Errorf("role %d on %d is %q", r, g, s)
			}
		}
	}
}

func TestWatcherTellsOfChangesAndOfADirectoryThatAppears(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "themes")
	w, err := Watch(t.Context(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	wait := func(what string) {
		t.Helper()
		select {
		case <-w.Changed():
		case <-time.After(10 * time.Second):
			t.Fatalf("%s went unnoticed", what)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	wait("the directory")
	write(t, dir, "mine.toml", "base = \"mono\"\n")
	wait("a new file")
	tmp := write(t, dir, "x", "base = \"contrast\"\n")
	if err := os.Rename(tmp, filepath.Join(dir, "mine.toml")); err != nil {
		t.Fatal(err)
	}
	wait("a replaced file")
}

func FuzzParse(f *testing.F) {
	b, _ := shipped.ReadFile("files/mono.toml")
	f.Add(b)
	f.Add([]byte("base = \"contrast\"\n[ui]\nbg = \"#12345\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := parse("fuzz", "fuzz.toml", b)
		if err != nil {
			if !strings.Contains(err.Error(), "fuzz.toml") {
				t.Errorf("%v does not name the file", err)
			}
			return
		}
		file.Compile(colorprofile.TrueColor)
	})
}
