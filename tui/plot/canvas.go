package plot

import (
	"math"

	"ops-console/tui/glyph"
)

// grain is how many dots a cell has.
type grain struct{ x, y int }

func grainOf(g *glyph.Set) grain {
	switch {
	case g.Braille:
		return grain{2, 4}
	case g.ASCII:
		return grain{1, 1}
	}
	return grain{2, 2}
}

// canvas is the dots of all lines, and which line each cell shows.
type canvas struct {
	grain
	w, h  int // cells
	bits  []uint8
	owner []int16 // index of a series, plus one
}

func (c *canvas) reset(g grain, w, h int) {
	c.grain, c.w, c.h = g, w, h
	n := w * h
	if cap(c.bits) < n {
		c.bits, c.owner = make([]uint8, n), make([]int16, n)
		return
	}
	c.bits, c.owner = c.bits[:n], c.owner[:n]
	clear(c.bits)
	clear(c.owner)
}

// braille are the bits of a cell of Braille: those of its left column from the top, then those of its right one.
var braille = [2][4]uint8{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}

// column sets the dots of column x from row a to row b, in any order.
func (c *canvas) column(x, a, b int, owner int16) {
	if a > b {
		a, b = b, a
	}
	cx := x / c.x
	if x < 0 || cx >= c.w {
		return
	}
	a, b = max(a, 0), min(b, c.h*c.y-1)
	for y := a; y <= b; y++ {
		i := y/c.y*c.w + cx
		c.bits[i] |= braille[x%c.x][y%c.y]
		c.owner[i] = owner
	}
}

// dashes say which columns of dots a line of each style has: where there is no colour, that tells them apart.
var dashes = [6]string{"#", "######..", "###...", "##..", "######..##..", "#..."}

// line draws the bins of a series. Column 0 of the canvas is the one with number first.
func (c *canvas) line(bb []bin, first int64, sc Scale, owner int16, style int, dashed bool) {
	m, top := sc.measure(), float64(c.h*c.y-1)
	row := func(v float64) float64 { return (1 - m.pos(v)) * top }
	dash := dashes[0]
	if dashed {
		dash = dashes[((style%len(dashes))+len(dashes))%len(dashes)]
	}
	put := func(x int, a, b float64) {
		ya, yb := int(math.Round(a)), int(math.Round(b))
		// What rises or falls is drawn whole: a spike must not fall into the blank of a dash.
		if ya-yb < 2 && yb-ya < 2 {
			n := int64(len(dash))
			if dash[((first+int64(x))%n+n)%n] == '.' {
				return
			}
		}
		c.column(x, ya, yb, owner)
	}
	var (
		width = c.w * c.x
		xLast int
		yLast float64 // of the bin before
	)
	for i := range bb {
		b := &bb[i]
		x := int(min(max(b.col-first, -1<<30), 1<<30))
		yFirst := row(b.first)
		if i > 0 && b.joined {
			c.join(xLast, yLast, x, yFirst, width, put)
		}
		xLast, yLast = x, yFirst
		if b.last != b.first {
			yLast = row(b.last)
		}
		if x < 0 || x >= width {
			continue
		}
		a, z := min(yFirst, yLast), max(yFirst, yLast)
		if b.max > b.first && b.max > b.last {
			a = row(b.max)
		}
		if b.min < b.first && b.min < b.last {
			z = row(b.min)
		}
		put(x, a, z)
	}
}

// join draws the straight line between two points that lie in different columns.
func (c *canvas) join(xa int, ya float64, xb int, yb float64, width int, put func(x int, a, b float64)) {
	slope := (yb - ya) / float64(xb-xa)
	at := func(x float64) float64 { return ya + slope*(min(max(x, float64(xa)), float64(xb))-float64(xa)) }
	for x := max(xa, 0); x <= min(xb, width-1); x++ {
		put(x, at(float64(x)-0.5), at(float64(x)+0.5))
	}
}

// Shapes of a cell by its bits, three bytes each.
const (
	braillePatterns = "⠀⠁⠂⠃⠄⠅⠆⠇⠈⠉⠊⠋⠌⠍⠎⠏⠐⠑⠒⠓⠔⠕⠖⠗⠘⠙⠚⠛⠜⠝⠞⠟⠠⠡⠢⠣⠤⠥⠦⠧⠨⠩⠪⠫⠬⠭⠮⠯⠰⠱⠲⠳⠴⠵⠶⠷⠸⠹⠺⠻⠼⠽⠾⠿" +
		"⡀⡁⡂⡃⡄⡅⡆⡇⡈⡉⡊⡋⡌⡍⡎⡏⡐⡑⡒⡓⡔⡕⡖⡗⡘⡙⡚⡛⡜⡝⡞⡟⡠⡡⡢⡣⡤⡥⡦⡧⡨⡩⡪⡫⡬⡭⡮⡯⡰⡱⡲⡳⡴⡵⡶⡷⡸⡹⡺⡻⡼⡽⡾⡿" +
		"⢀⢁⢂⢃⢄⢅⢆⢇⢈⢉⢊⢋⢌⢍⢎⢏⢐⢑⢒⢓⢔⢕⢖⢗⢘⢙⢚⢛⢜⢝⢞⢟⢠⢡⢢⢣⢤⢥⢦⢧⢨⢩⢪⢫⢬⢭⢮⢯⢰⢱⢲⢳⢴⢵⢶⢷⢸⢹⢺⢻⢼⢽⢾⢿" +
		"⣀⣁⣂⣃⣄⣅⣆⣇⣈⣉⣊⣋⣌⣍⣎⣏⣐⣑⣒⣓⣔⣕⣖⣗⣘⣙⣚⣛⣜⣝⣞⣟⣠⣡⣢⣣⣤⣥⣦⣧⣨⣩⣪⣫⣬⣭⣮⣯⣰⣱⣲⣳⣴⣵⣶⣷⣸⣹⣺⣻⣼⣽⣾⣿"
	quadrants = "   ▘▖▌▝▀▞▛▗▚▄▙▐▜▟█" // upper left, lower left, upper right, lower right; the blank is never drawn
)

// symbols are what the lines of each style are made of in ASCII.
const symbols = "*+x#o%"

// shape is what a cell with some bits looks like.
func (c *canvas) shape(bits uint8, style int) string {
	switch c.y {
	case 4:
		return braillePatterns[3*int(bits):][:3]
	case 2:
		return quadrants[3*int(bits&3|bits>>3&3<<2):][:3]
	}
	style = (style%len(symbols) + len(symbols)) % len(symbols)
	return symbols[style : style+1]
}
