package logs

import "iter"

const (
	// chunkLines is how many lines are stored, and dropped, together.
	chunkLines = 256
	// DefaultLines and DefaultBytes bound a Ring whose maker does not say how large it is to be.
	DefaultLines = 10_000
	DefaultBytes = 16 << 20
)

// Ring keeps the newest lines, up to a number and up to a size, and counts what it dropped. Lines get numbers (Seq) in the
// order in which they are added. Make one with NewRing. It is for one writer: the methods may not be called at the same
// time. The Views that it gives may be used by anybody, as long as they like.
type Ring struct {
	lines, bytes int
	chunks       []chunk // the last one has room, or there is none
	size         int     // bytes of all chunks
	last         uint64  // Seq of the newest line
}

// chunk is lines with successive numbers. What is in it does not change any more: only appending goes on.
type chunk struct {
	lines []Line
	size  int
}

// NewRing keeps at most that many lines, of together about so many bytes. What is 0 is DefaultLines or DefaultBytes.
func NewRing(lines, bytes int) *Ring {
	if lines <= 0 {
		lines = DefaultLines
	}
	if bytes <= 0 {
		bytes = DefaultBytes
	}
	return &Ring{lines: lines, bytes: bytes}
}

// lineSize is what a Line costs beside its message, roughly: the value, and the short strings that most lines share.
const lineSize = 192

// Add appends lines, oldest first, and numbers them.
func (r *Ring) Add(lines ...Line) {
	for i := range lines {
		n := len(r.chunks)
		if n == 0 || len(r.chunks[n-1].lines) == chunkLines || r.chunks[n-1].size > r.bytes/8 {
			r.chunks = append(r.chunks, chunk{lines: make([]Line, 0, chunkLines)})
			n++
		}
		c := &r.chunks[n-1]
		r.last++
		l := lines[i]
		l.Seq = r.last
		size := lineSize + len(l.Message)
		c.lines = append(c.lines, l)
		c.size += size
		r.size += size
	}
	r.drop()
}

// drop lets go of whole chunks that are not needed any more, never of the newest.
func (r *Ring) drop() {
	n := 0
	for n < len(r.chunks)-1 {
		oldest := r.chunks[n]
		without := r.last - oldest.lines[len(oldest.lines)-1].Seq
		if r.size <= r.bytes && without < uint64(r.lines) {
			break
		}
		r.size -= oldest.size
		n++
	}
	if n > 0 {
		// A new array: Views hold the old one.
		r.chunks = append([]chunk(nil), r.chunks[n:]...)
	}
}

// View is what the ring holds now. It costs as much as some dozen pointers.
func (r *Ring) View() View {
	v := View{last: r.last, first: r.last + 1, chunks: make([][]Line, len(r.chunks))}
	for i, c := range r.chunks {
		v.chunks[i] = c.lines[:len(c.lines):len(c.lines)]
	}
	if len(r.chunks) > 0 {
		v.first = r.chunks[0].lines[0].Seq
	}
	if kept := uint64(r.lines); v.last-v.first+1 > kept {
		v.first = v.last - kept + 1
	}
	return v
}

// View is what a Ring held at one moment: an immutable value, cheap to copy. The zero View is empty. The lines that it
// gives are the ring's own: they are not to be changed.
type View struct {
	chunks      [][]Line
	first, last uint64 // first is last+1 where it is empty
}

// Len is how many lines there are.
func (v View) Len() int {
	if len(v.chunks) == 0 {
		return 0
	}
	return int(v.last - v.first + 1)
}

// First is the number of the oldest line, Last that of the newest. Both are 0 where there never was one.
func (v View) First() uint64 {
	if v.Len() == 0 {
		return 0
	}
	return v.first
}

// Last is the number of the newest line; see First.
func (v View) Last() uint64 { return v.last }

// Dropped is how many lines were added and are not here any more.
func (v View) Dropped() uint64 { return v.last - uint64(v.Len()) }

// Line is the line of a number, or nil where it is not here: dropped already, or not there yet.
func (v View) Line(seq uint64) *Line {
	if v.Len() == 0 || seq < v.first || seq > v.last {
		return nil
	}
	c := v.chunk(seq)
	return &v.chunks[c][seq-v.chunks[c][0].Seq]
}

// chunk is the index of the one that a number is in, which has to be within the view.
func (v View) chunk(seq uint64) int {
	lo, hi := 0, len(v.chunks)
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		if v.chunks[mid][0].Seq <= seq {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// From is the lines with this number and above, oldest first: From(0) is all, From(last+1) what is new since last.
func (v View) From(seq uint64) iter.Seq[*Line] {
	return func(yield func(*Line) bool) {
		if v.Len() == 0 || seq > v.last {
			return
		}
		seq := max(seq, v.first)
		for c := v.chunk(seq); c < len(v.chunks); c++ {
			lines := v.chunks[c]
			for i := seq - lines[0].Seq; i < uint64(len(lines)); i++ {
				if !yield(&lines[i]) {
					return
				}
			}
			seq = lines[len(lines)-1].Seq + 1
		}
	}
}

// Back is the lines with this number and below, newest first: Back(v.Last()) is all.
func (v View) Back(seq uint64) iter.Seq[*Line] {
	return func(yield func(*Line) bool) {
		if v.Len() == 0 || seq < v.first {
			return
		}
		seq := min(seq, v.last)
		for c := v.chunk(seq); c >= 0; c-- {
			lines := v.chunks[c]
			for ; seq >= max(lines[0].Seq, v.first); seq-- {
				if !yield(&lines[seq-lines[0].Seq]) {
					return
				}
			}
		}
	}
}

// Tail is the newest n lines that a filter means, oldest first.
func (v View) Tail(f Filter, n int) []*Line {
	var out []*Line
	for l := range v.Back(v.last) {
		if len(out) >= n {
			break
		}
		if f.Match(l) {
			out = append(out, l)
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
