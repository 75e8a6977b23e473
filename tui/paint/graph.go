package paint

import (
	"math"

	"ops-console/themes"
)

// Spark appends a sparkline of exactly n cells: the newest values at its right end, older ones to the left, blank
// where there are none. top is the value of a full cell; 0 or less takes the largest value shown. NaN is a gap, and
// so is +Inf.
func (l *Line) Spark(r themes.Role, values []float64, n int, top float64) *Line {
	n = min(n, l.Rest())
	if n <= 0 {
		return l
	}
	if len(values) > n {
		values = values[len(values)-n:]
	}
	if top <= 0 {
		for _, v := range values {
			if v > top && !math.IsInf(v, 1) {
				top = v
			}
		}
	}
	l.style(r)
	l.spaces(n - len(values))
	bars := l.Glyphs.Spark
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			l.spaces(1)
			continue
		}
		i := 0
		if top > 0 {
			i = int(v / top * float64(len(bars)))
		}
		l.buf = append(l.buf, bars[min(max(i, 0), len(bars)-1)]...)
		l.x++
	}
	return l
}

// Bar appends a bar of exactly n cells, of which part (0 to 1) is full.
func (l *Line) Bar(full, empty themes.Role, part float64, n int) *Line {
	n = min(n, l.Rest())
	if n <= 0 {
		return l
	}
	if math.IsNaN(part) {
		part = 0
	}
	bars := l.Glyphs.Bar
	steps := len(bars) - 1
	eighths := int(math.Round(min(max(part, 0), 1) * float64(n*steps)))
	l.Repeat(full, bars[steps], eighths/steps)
	done := eighths / steps
	if rem := eighths % steps; rem > 0 {
		l.Repeat(full, bars[rem], 1)
		done++
	}
	return l.Repeat(empty, bars[0], n-done)
}

// Spinner is the frame of the spinner for a moment given in eighths of a second; a still one where motion is unwanted.
func (l *Line) Spinner(r themes.Role, eighth int64, still bool) *Line {
	frames := l.Glyphs.Running
	if still {
		eighth = 0
	}
	return l.Text(r, frames[int(uint64(eighth)%uint64(len(frames)))])
}
