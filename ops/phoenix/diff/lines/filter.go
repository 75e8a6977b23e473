package lines

// Limits of the filter, as git has them.
const (
	maxCommon  = 1024 // a line that is there more often than this counts as common at any size
	scanWindow = 100  // lines looked at on either side of a common line
	commonRun  = 4    // a common line goes if fewer than one in so many of its run are common
)

// fate of a line before the comparison proper.
type fate byte

const (
	alone  fate = iota // the other side does not have it: it is changed, whatever else
	rare               // worth comparing
	common             // blank lines, "end": worth comparing unless it is among lines that are changed anyway
)

// filter leaves in kept what is worth comparing: not the equal lines at the two ends, nor those without a partner.
func filter(x, y *side) {
	start := 0
	n := min(len(x.ids), len(y.ids))
	for start < n && x.ids[start] == y.ids[start] {
		start++
	}
	tail := 0
	for tail < n-start && x.ids[len(x.ids)-1-tail] == y.ids[len(y.ids)-1-tail] {
		tail++
	}
	inX, inY := count(x.ids), count(y.ids)
	x.keep(start, len(x.ids)-tail, inY)
	y.keep(start, len(y.ids)-tail, inX)
}

func count(ids []int) map[int]int {
	m := make(map[int]int, len(ids))
	for _, id := range ids {
		m[id]++
	}
	return m
}

// keep marks or keeps the lines from start to before end, given how often the other side has each.
func (s *side) keep(start, end int, other map[int]int) {
	limit := min(root(len(s.ids)), maxCommon)
	fates := make([]fate, end-start)
	for i := range fates {
		switch n := other[s.ids[start+i]]; {
		case n == 0:
			fates[i] = alone
		case n < limit:
			fates[i] = rare
		default:
			fates[i] = common
		}
	}
	for i, f := range fates {
		if f == alone || f == common && amongAlone(fates, i) {
			s.changed[start+i] = true
			continue
		}
		s.kept = append(s.kept, start+i)
	}
}

// amongAlone says whether a common line sits in a run of lines most of which have no partner, on both sides of it.
func amongAlone(fates []fate, at int) bool {
	before, commonBefore := run(fates, at, -1)
	if before == 0 {
		return false
	}
	after, commonAfter := run(fates, at, +1)
	if after == 0 {
		return false
	}
	// The line itself counts once from either side.
	commons := commonBefore + commonAfter + 2
	return commons*commonRun < commons+before+after
}

// run counts the lines of a run of alone and common ones.
func run(fates []fate, at, step int) (alones, commons int) {
	for r := 1; r <= scanWindow; r++ {
		i := at + r*step
		if i < 0 || i >= len(fates) || fates[i] == rare {
			break
		}
		if fates[i] == alone {
			alones++
		} else {
			commons++
		}
	}
	return alones, commons
}

// root is a power of two near the square root of n, as git reckons it: 1, 2, 2, 2, 4 for 0, 1, 2, 3, 4.
func root(n int) int {
	r := 1
	for ; n > 0; n >>= 2 {
		r <<= 1
	}
	return r
}
