package replication

import (
	"sort"
	"time"
)

// ringSize is how many marks a primary's ring has. At five a second without an idle moment the newest seven minutes are
// whole, and what is older gets coarser by half with every seven minutes more.
const ringSize = 4096

// mark is one answer: the flush LSN was that at some moment between sent and received.
type mark struct {
	sent, received time.Time
	lsn            LSN
}

func (m mark) middle() time.Time { return middle(m.sent, m.received) }

func middle(from, to time.Time) time.Time { return from.Add(to.Sub(from) / 2) }

// ring remembers when the primary had flushed how much. Both times and the LSN never fall from one mark to the next.
//
// An idle stretch is two marks, its first and its last. When the ring is full every second mark of its older half goes:
// any choice of marks gives bounds that are true, fewer of them give wider ones. The oldest mark stays for good.
type ring struct {
	size  int // 0: ringSize
	marks []mark
}

// add takes an answer in. One with a lower LSN that was asked for after the newest came begins the ring anew: another
// server, another timeline, a restored backup. One that cannot be put in order is dropped.
func (r *ring) add(m mark) (reset bool) {
	n := len(r.marks)
	if n > 0 {
		last := r.marks[n-1]
		if m.sent.Before(last.sent) || m.received.Before(last.received) {
			return false
		}
		if m.lsn < last.lsn {
			if m.sent.Before(last.received) {
				return false
			}
			r.marks, reset, n = r.marks[:0], true, 0
		}
	}
	if n >= 2 && r.marks[n-1].lsn == m.lsn && r.marks[n-2].lsn == m.lsn {
		r.marks[n-1] = m
		return false
	}
	if n >= r.limit() {
		r.halve()
	}
	r.marks = append(r.marks, m)
	return reset
}

func (r *ring) limit() int {
	if r.size == 0 {
		return ringSize
	}
	return max(r.size, 4)
}

func (r *ring) halve() {
	half, k := len(r.marks)/2, 0
	for i := 0; i < half; i += 2 {
		r.marks[k] = r.marks[i]
		k++
	}
	r.marks = append(r.marks[:k], r.marks[half:]...)
}

func (r *ring) reset() { r.marks = r.marks[:0] }

// adopt begins the ring of a promoted node with what its predecessor had flushed up to the fork: that is its own history.
func (r *ring) adopt(old *ring, fork LSN) {
	n := sort.Search(len(old.marks), func(i int) bool { return old.marks[i].lsn > fork })
	if len(r.marks) > 0 {
		first := r.marks[0]
		if first.lsn < fork {
			return
		}
		for n > 0 && (old.marks[n-1].received.After(first.received) || old.marks[n-1].sent.After(first.sent)) {
			n--
		}
	}
	if n == 0 {
		return
	}
	own := r.marks
	r.marks = make([]mark, 0, n+len(own))
	for _, m := range old.marks[:n] {
		r.add(m)
	}
	for _, m := range own {
		r.add(m)
	}
}

func (r *ring) newest() (mark, bool) {
	if len(r.marks) == 0 {
		return mark{}, false
	}
	return r.marks[len(r.marks)-1], true
}

// since is the first mark that was asked for at t or later.
func (r *ring) since(t time.Time) (mark, bool) {
	i := sort.Search(len(r.marks), func(i int) bool { return !r.marks[i].sent.Before(t) })
	if i == len(r.marks) {
		return mark{}, false
	}
	return r.marks[i], true
}

// moment is T of an LSN: the last moment at which the primary had flushed nothing beyond it. It lies between from and to;
// where one is zero, there is no bound on that side.
type moment struct {
	from, to, est time.Time
}

// when finds the moment of an LSN. In an empty ring it is not bounded at all.
func (r *ring) when(l LSN) moment {
	n := len(r.marks)
	if n == 0 {
		return moment{}
	}
	// What is asked for is most often near the end.
	i := n
	if step := 8; r.marks[n-1].lsn > l {
		low := n - step
		for low > 0 && r.marks[low].lsn > l {
			step *= 2
			low -= step
		}
		low = max(low, 0)
		i = low + sort.Search(n-low, func(k int) bool { return r.marks[low+k].lsn > l })
	}
	switch i {
	case n:
		return moment{from: r.marks[n-1].sent}
	case 0:
		return moment{to: r.marks[0].received}
	}
	a, b := r.marks[i-1], r.marks[i]
	from, to := a.middle(), b.middle()
	// After an idle stretch the next write can have been at any moment before it was seen. While there is traffic, bytes
	// tell time.
	part := 0.5
	if i < 2 || r.marks[i-2].lsn != a.lsn {
		part = float64(l-a.lsn) / float64(b.lsn-a.lsn)
	}
	return moment{from: a.sent, to: b.received, est: from.Add(time.Duration(part * float64(to.Sub(from))))}
}
