package paint

import "ops-console/tui/glyph"

// Cut is as much of s as fits in n cells, between graphemes, and the rest of it. At least one grapheme is taken, so that
// cutting again and again comes to an end.
func Cut(s string, n int, g *glyph.Set) (head, rest string) {
	switch k := asciiPrefix(s, n+1); {
	case k == len(s) && k <= n:
		return s, ""
	case k > n && n > 0: // nothing joins what is before it
		return s[:n], s[n:]
	}
	used, at := 0, 0
	for at < len(s) {
		_, w, k := next(s[at:], g.ASCII)
		if used+w > n && at > 0 {
			break
		}
		used += w
		at += k
	}
	return s[:at], s[at:]
}
