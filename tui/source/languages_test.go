package source

import (
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"

	"ops-console/themes"
	"ops-console/tui/golden"
)

var samples = map[string]string{
	"root.html.heex": `<!DOCTYPE html>
<%!-- who is it --%>
<html lang="en" class={["app", @dark && "dark"]}>
  <body :if={@user} phx-click={JS.push("lv:clear", value: %{key: 1})}>
    <.live_title suffix=" · Shop">
      <%= assigns[:page_title] || "Shop" %>
    </.live_title>
    {@inner_content} <!-- over
    two lines -->
  </body>
</html>
`,
	"app.js": "import \"phoenix_html\"\n// 'not a text'\nlet n = 0x1f, s = 'it\\'s', t = `over\ntwo ${lines}`\n/* and\n   over */ window.n = n // end\n",
	"app.css": `@import "tailwindcss" source(none);
/* a https://example.com */
.button-2 { color: #29d; margin: 4px 0.5rem; content: "}" }
`,
	"Dockerfile":    "# build\nARG ELIXIR=1.17\nFROM hexpm/elixir:${ELIXIR} AS builder\nRUN apt-get update -y \\\n  && echo \"from here\" # said\n",
	"package.json":  `{"name": "assets", "n": 12.5, "private": true, "x": null}` + "\n",
	"README.md":     "# Shop\n\nRun `mix setup`.\n\n## More\nIt's #1.\n",
	".gitignore":    "# built\n/_build/\n*.ez#not\n",
	"deploy.yml":    "on: push # now\nname: \"Deploy\"\n",
	"errors.pot":    "## comment\nmsgid \"can't be blank\"\nmsgstr \"\"\n",
	"endpoint.ex":   "defmodule Shop.Endpoint do\n  @session [key: \"_shop\", n: 1]\nend\n",
	"unknown.thing": "if true \"x\"\n",
}

func TestLanguagesInColours(t *testing.T) {
	f, err := themes.Load("catppuccin-mocha", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range samples {
		golden.Frame(t, strings.TrimPrefix(name, "."), frame(f.Compile(colorprofile.TrueColor), For(name, src), 72))
	}
}

// FuzzFor holds that pieces are in order, within the text, and none within another, whatever the text; and that a line is all
// of its stretches.
func FuzzFor(f *testing.F) {
	for name, src := range samples {
		f.Add(name, src)
		f.Add(name, src[:len(src)/2])
	}
	f.Add("x.heex", "<%= {<!-- \" {")
	f.Add("x.heex", "{}<% %><%!--<a b='")
	f.Add("x.js", "'\\")
	f.Fuzz(func(t *testing.T, name, src string) {
		s := For(name, src)
		at := 0
		for _, p := range s.pieces {
			if p.From < at || p.To < p.From || p.To > len(src) {
				t.Fatalf("%q: piece %+v after %d of %d bytes", src, p, at, len(src))
			}
			at = p.To
		}
		for n := range s.Len() {
			line, whole := s.Line(n+1), ""
			for st := range s.Roles(n + 1) {
				whole += line[st.From:st.To]
			}
			if whole != line {
				t.Fatalf("line %d is %q, its stretches are %q", n+1, line, whole)
			}
		}
	})
}

func TestHostileTextTakesNoLongerThanItIs(t *testing.T) {
	for _, c := range []struct{ name, text string }{{"x.heex", "{"}, {"x.heex", "<!--"}, {"x.heex", "<%!-- -->"}, {"x.heex", "<a '\""}, {"x.js", "/*"}, {"x.js", "'\\"}} {
		src := strings.Repeat(c.text, longest/len(c.text))
		if For(c.name, src).Len() != 1 {
			t.Error("there are lines")
		}
	}
}

// BenchmarkFor is a template of 30 kB.
func BenchmarkFor(b *testing.B) {
	src := strings.Repeat(samples["root.html.heex"], 80)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		For("x.heex", src)
	}
}
