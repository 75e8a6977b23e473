package themes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/colorprofile"
)

// Compile makes the escape sequences of every role on every ground for what a terminal can show. Where that is only
// sixteen colours, a theme of other colours would be guesswork: the terminal theme takes its place, and the mono theme
// where there is no colour at all.
func (f *File) Compile(p colorprofile.Profile) *Theme {
	doc := &f.doc
	switch {
	case p <= colorprofile.ASCII:
		doc = builtin(Mono)
	case p == colorprofile.ANSI && slices.ContainsFunc(doc.looks(), func(l keyed) bool { return l.look.hex != "" }):
		doc = builtin(Terminal)
	}
	t := &Theme{Name: f.Name, Dark: doc.Kind != "light", Mono: doc.mono(), Background: doc.UI.Bg.hex, Foreground: doc.Text.Text.hex}
	base, backs := roles(doc)
	grounds := [numGrounds]look{
		Base: doc.UI.Bg, Selection: doc.UI.SelBg, Raised: doc.UI.Surface, Over: doc.UI.Overlay,
		Added: or(doc.Diff.AddBg, doc.UI.Bg), Removed: or(doc.Diff.DelBg, doc.UI.Bg),
		AddedWord: stronger(doc.Diff.AddBg, doc.Diff.Add), RemovedWord: stronger(doc.Diff.DelBg, doc.Diff.Del),
	}
	for g := range numGrounds {
		for r := range numRoles {
			fg, bg := base[r], grounds[g]
			if own, ok := backs[r]; ok && g != Selection && g < Added && !own.empty() {
				bg = own
			}
			if r == Plain && g == Selection {
				fg = doc.UI.SelFg
			}
			back := bg.ground(p)
			if g >= Added && p == colorprofile.ANSI256 && bg.hex != "" {
				back = []string{"48;5;" + strconv.Itoa(few[g-Added][doc.Kind])}
			}
			t.sgr[g][r] = sequence(fg.codes(p), back)
		}
	}
	for g := range numGrounds {
		t.sgr[g][Selected] = t.sgr[Selection][Plain]
		t.sgr[g][Overlay] = t.sgr[Over][Plain]
	}
	return t
}

// roles are the looks of the roles, and the backgrounds that some have of their own.
func roles(d *document) (fg [numRoles]look, bg map[Role]look) {
	fg = [numRoles]look{
		Plain: d.Text.Text, Muted: d.Text.Muted, Faint: d.Text.Faint, Border: d.UI.Border, Accent: d.UI.Accent,
		Title: embolden(d.Text.Muted), Strong: embolden(d.Text.Text), Active: embolden(d.UI.OnAccent),
		OK: d.Status.OK, Warn: d.Status.Warn, Crit: d.Status.Crit, Info: d.Status.Info, Pending: d.Status.Pending,
		Stale: d.Status.Stale, Prod: embolden(d.Status.ProdFg),
		Add: d.Diff.Add, Del: d.Diff.Del, Hunk: d.Diff.Hunk,
		Keyword: d.Syntax.Keyword, String: d.Syntax.String, Comment: d.Syntax.Comment, Number: d.Syntax.Number, Type: d.Syntax.Type,
		Plot1: d.Plot.P1, Plot2: d.Plot.P2, Plot3: d.Plot.P3, Plot4: d.Plot.P4, Plot5: d.Plot.P5, Plot6: d.Plot.P6,
	}
	// A theme of the terminal's own colours says "reverse" where others give a background.
	accent := look{hex: d.UI.Accent.hex}
	return fg, map[Role]look{Add: d.Diff.AddBg, Del: d.Diff.DelBg, Prod: d.Status.ProdBg, Active: accent}
}

// few are the grounds of a diff among 256 colours, of which the one nearest to a dark tint may well be a loud one: by ground
// and kind of theme.
var few = [numGrounds - Added]map[string]int{
	{"dark": 22, "light": 194, "any": 22},
	{"dark": 52, "light": 224, "any": 52},
	{"dark": 28, "light": 157, "any": 28},
	{"dark": 88, "light": 217, "any": 88},
}

func or(l, m look) look {
	if l.empty() {
		return m
	}
	return l
}

// stronger is a background with a third of a colour in it; where there is none to mix, what is on it is underlined.
func stronger(bg, with look) look {
	a, aErr := parseHex(bg.hex)
	b, bErr := parseHex(with.hex)
	if aErr != nil || bErr != nil {
		return look{attrs: []int{attributes["underline"]}}
	}
	mix := func(x, y uint8) int { return (2*int(x) + int(y)) / 3 }
	return look{hex: fmt.Sprintf("#%02x%02x%02x", mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B))}
}

// mono says that the lines of plots are not told apart by colour.
func (d *document) mono() bool {
	return !slices.ContainsFunc([]look{d.Plot.P1, d.Plot.P2, d.Plot.P3, d.Plot.P4, d.Plot.P5, d.Plot.P6}, func(l look) bool {
		return l.hex != "" || l.name != 0
	})
}

func embolden(l look) look {
	if slices.Contains(l.attrs, attributes["bold"]) {
		return l
	}
	l.attrs = append([]int{attributes["bold"]}, l.attrs...)
	return l
}

// sequence is one escape sequence that ends whatever was before it.
func sequence(fg, bg []string) string {
	var codes []string
	for _, c := range append(slices.Clone(fg), bg...) {
		if !slices.Contains(codes, c) {
			codes = append(codes, c)
		}
	}
	if len(codes) == 0 {
		return ""
	}
	return "\x1b[0;" + strings.Join(codes, ";") + "m"
}

// builtin is a shipped theme, which a test has shown to parse.
func builtin(name string) *document {
	f, err := Load(name, nil)
	if err != nil {
		return &document{}
	}
	return &f.doc
}
