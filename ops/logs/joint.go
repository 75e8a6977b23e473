package logs

import (
	"hash/maphash"
	"time"
)

// joint keeps two sources that overlap from telling the same line twice. Lines have no identity that both sources know, but
// a time, a machine and a text: of lines that are alike in all three, as many are shown as the source that told most of them
// did. A source tells no line twice, but where it was begun again from an earlier time (again).
type joint struct {
	seed maphash.Seed
	told map[identity]*counts
}

// identity is what both sources say of a line. Whether both write all of a time's digits is not known.
type identity struct {
	milli   int64
	machine string
	text    uint64
}

type counts struct {
	shown int
	by    [2]int // source: how often it told it
}

// source is which of the two.
type source int

const (
	fromLive source = iota
	fromWeb
)

func newJoint() *joint {
	return &joint{seed: maphash.MakeSeed(), told: map[identity]*counts{}}
}

func (j *joint) identify(l *Line) identity {
	return identity{l.At.UnixMilli(), l.Machine, maphash.String(j.seed, l.Message)}
}

func (j *joint) of(l *Line) *counts {
	id := j.identify(l)
	c := j.told[id]
	if c == nil {
		c = &counts{}
		j.told[id] = c
	}
	return c
}

// shown notes a line that was shown before there was a joint, and came from a source.
func (j *joint) shown(l *Line, s source) {
	c := j.of(l)
	c.shown++
	c.by[s]++
}

// again notes that a source begins again from an earlier time: it may tell what it told already.
func (j *joint) again(s source) {
	for _, c := range j.told {
		c.by[s] = 0
	}
}

// fresh tells whether a line is to be shown.
func (j *joint) fresh(l *Line, s source) bool {
	// Without the platform's time there is nothing to know it by.
	if l.Unstamped {
		return true
	}
	c := j.of(l)
	c.by[s]++
	if c.by[s] <= c.shown {
		return false
	}
	c.shown++
	return true
}

// forget drops what is older than t.
func (j *joint) forget(t time.Time) {
	for id := range j.told {
		if id.milli < t.UnixMilli() {
			delete(j.told, id)
		}
	}
}
