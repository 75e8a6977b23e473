package themes

import (
	"fmt"
	"image/color"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// look is one value of a theme file: at most one colour and any number of attributes. The zero value is what the
// terminal does anyway.
type look struct {
	set   bool // it is in the file
	hex   string
	name  int // 1 to 16: one of the terminal's own colours
	attrs []int
}

func (l look) empty() bool { return l.hex == "" && l.name == 0 && len(l.attrs) == 0 }

var names = []string{
	"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
	"bright-black", "bright-red", "bright-green", "bright-yellow", "bright-blue", "bright-magenta", "bright-cyan", "bright-white",
}

var attributes = map[string]int{"bold": 1, "faint": 2, "italic": 3, "underline": 4, "reverse": 7, "strikethrough": 9}

// UnmarshalText reads "#rrggbb", one of the sixteen colour names, attributes, or several of these.
func (l *look) UnmarshalText(b []byte) error {
	*l = look{set: true}
	for w := range strings.FieldsSeq(string(b)) {
		if a, ok := attributes[w]; ok {
			l.attrs = append(l.attrs, a)
			continue
		}
		if l.hex != "" || l.name != 0 {
			return fmt.Errorf("%q has two colours, want one", b)
		}
		if i := slices.Index(names, w); i >= 0 {
			l.name = i + 1
			continue
		}
		if _, err := parseHex(w); err != nil {
			return fmt.Errorf("%q is no colour (want #rrggbb, a name such as red or bright-black) and no attribute (bold, faint, italic, underline, reverse, strikethrough)", w)
		}
		l.hex = strings.ToLower(w)
	}
	return nil
}

func parseHex(s string) (color.RGBA, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "#"), 16, 32)
	if err != nil || len(s) != 7 || s[0] != '#' {
		return color.RGBA{}, fmt.Errorf("%q is not #rrggbb", s)
	}
	return color.RGBA{R: uint8(n >> 16), G: uint8(n >> 8), B: uint8(n), A: 0xff}, nil //nolint:gosec // 24 bits
}

// codes are the SGR parameters of a look as foreground.
func (l look) codes(p colorprofile.Profile) []string {
	var out []string
	for _, a := range l.attrs {
		out = append(out, strconv.Itoa(a))
	}
	return append(out, l.colour(p, 30, 38)...)
}

// ground are the SGR parameters of a look as background: its colour, reverse or underline.
func (l look) ground(p colorprofile.Profile) []string {
	out := l.colour(p, 40, 48)
	if slices.Contains(l.attrs, attributes["reverse"]) {
		out = append(out, "7")
	}
	if slices.Contains(l.attrs, attributes["underline"]) {
		out = append(out, "4")
	}
	return out
}

// colour is the parameters of a colour; base is the first of the eight, extended the prefix of the others.
func (l look) colour(p colorprofile.Profile, base, extended int) []string {
	if p <= colorprofile.ASCII {
		return nil
	}
	switch {
	case l.name > 8:
		return []string{strconv.Itoa(base + 60 + l.name - 9)}
	case l.name > 0:
		return []string{strconv.Itoa(base + l.name - 1)}
	case l.hex == "":
		return nil
	}
	rgb, err := parseHex(l.hex)
	if err != nil {
		return nil
	}
	if p == colorprofile.TrueColor {
		return []string{fmt.Sprintf("%d;2;%d;%d;%d", extended, rgb.R, rgb.G, rgb.B)}
	}
	if x, ok := p.Convert(rgb).(ansi.IndexedColor); ok {
		return []string{fmt.Sprintf("%d;5;%d", extended, x)}
	}
	return nil
}
