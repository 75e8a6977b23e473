package themes

import (
	"fmt"
	"math"
	"testing"
)

// vec is a colour in some space.
type vec [3]float64

func linear(t *testing.T, hex string) vec {
	t.Helper()
	c, err := parseHex(hex)
	if err != nil {
		t.Fatal(err)
	}
	f := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return vec{f(c.R), f(c.G), f(c.B)}
}

// ratio is the contrast of WCAG 2.
func ratio(t *testing.T, a, b string) float64 {
	lum := func(v vec) float64 { return 0.2126*v[0] + 0.7152*v[1] + 0.0722*v[2] }
	x, y := lum(linear(t, a)), lum(linear(t, b))
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

type matrix [3]vec

func (m matrix) mul(v vec) vec {
	var out vec
	for i := range m {
		out[i] = m[i][0]*v[0] + m[i][1]*v[1] + m[i][2]*v[2]
	}
	return out
}

// visions are the ways of seeing: the matrices of Machado, Oliveira and Fernandes (2009) at full severity, on linear
// RGB.
func visions() map[string]matrix {
	return map[string]matrix{
		"normal":       {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
		"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
		"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
	}
}

func lab(rgb vec) vec {
	for i := range rgb {
		rgb[i] = min(max(rgb[i], 0), 1)
	}
	xyz := matrix{{0.4124564, 0.3575761, 0.1804375}, {0.2126729, 0.7151522, 0.0721750}, {0.0193339, 0.1191920, 0.9503041}}.mul(rgb)
	f := func(x float64) float64 {
		if x > 216.0/24389 {
			return math.Cbrt(x)
		}
		return (24389.0/27*x + 16) / 116
	}
	x, y, z := f(xyz[0]/0.95047), f(xyz[1]), f(xyz[2]/1.08883)
	return vec{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// deltaE is the distance of CIE 1976 between two colours as somebody sees them.
func deltaE(t *testing.T, seen matrix, a, b string) float64 {
	x, y := lab(seen.mul(linear(t, a))), lab(seen.mul(linear(t, b)))
	return math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
}

func TestShippedThemesCanBeRead(t *testing.T) {
	for _, name := range Names(nil) {
		f, err := Load(name, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		d := &f.doc
		if d.UI.Bg.hex == "" {
			continue // the terminal's own colours
		}
		check := func(what string, l, on look, least float64) {
			if got := ratio(t, l.hex, on.hex); got < least {
				t.Errorf("%s: %s has contrast %.2f, want %.1f", name, what, got, least)
			}
		}
		for ground, on := range map[string]look{"base": d.UI.Bg, "surface": d.UI.Surface, "overlay": d.UI.Overlay, "selection": d.UI.SelBg} {
			full, part, quiet := 7.0, 4.5, 4.5
			if ground != "base" {
				full, part, quiet = 6.0, 3.5, 3.0
			}
			text := d.Text.Text
			if ground == "selection" {
				text = d.UI.SelFg
			}
			check("text on "+ground, text, on, full)
			check("muted on "+ground, d.Text.Muted, on, part)
			check("faint on "+ground, d.Text.Faint, on, quiet)
			for what, l := range map[string]look{
				"accent": d.UI.Accent, "ok": d.Status.OK, "warn": d.Status.Warn, "crit": d.Status.Crit, "info": d.Status.Info,
				"pending": d.Status.Pending, "stale": d.Status.Stale,
			} {
				check(what+" on "+ground, l, on, part)
			}
		}
		check("the active tab", d.UI.OnAccent, d.UI.Accent, 4.5)
		check("production", d.Status.ProdFg, d.Status.ProdBg, 4.5)
		check("added lines", d.Diff.Add, d.Diff.AddBg, 4.5)
		check("removed lines", d.Diff.Del, d.Diff.DelBg, 4.5)
		for i, l := range []look{d.Plot.P1, d.Plot.P2, d.Plot.P3, d.Plot.P4, d.Plot.P5, d.Plot.P6, d.Syntax.Keyword, d.Syntax.String, d.Syntax.Comment, d.Syntax.Number, d.Syntax.Type, d.Diff.Hunk} {
			check(fmt.Sprint("plot or syntax ", i), l, d.UI.Bg, 4.5)
		}
	}
}

func TestContrastKeepsStatusApartForEveryEye(t *testing.T) {
	f, err := Load("contrast", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &f.doc.Status
	for who, seen := range visions() {
		for pair, c := range map[string][2]look{"ok/crit": {s.OK, s.Crit}, "ok/warn": {s.OK, s.Warn}, "warn/crit": {s.Warn, s.Crit}} {
			if got := deltaE(t, seen, c[0].hex, c[1].hex); got < 20 {
				t.Errorf("%s under %s: distance %.0f, want 20", pair, who, got)
			}
		}
	}
}
