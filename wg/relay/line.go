package relay

import (
	"slices"
	"time"
)

// line delays the datagrams of one direction. One queue and one goroutine keep them in order: a timer for each would let
// them overtake one another, and TCP inside a tunnel takes reordering for loss.
type line struct {
	queue chan waiting
	done  <-chan struct{}
}

type waiting struct {
	due  time.Time
	data []byte
	pass func([]byte)
}

func newLine(done <-chan struct{}) *line {
	return &line{queue: make(chan waiting, 1<<14), done: done}
}

// send passes data on after delay, at once when there is none. It reports false when too much is under way already.
func (l *line) send(delay time.Duration, data []byte, pass func([]byte)) bool {
	if delay <= 0 && len(l.queue) == 0 {
		pass(data)
		return true
	}
	select {
	case l.queue <- waiting{time.Now().Add(delay), slices.Clone(data), pass}:
		return true
	default:
		return false
	}
}

func (l *line) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var w waiting
		select {
		case w = <-l.queue:
		case <-l.done:
			return
		}
		if wait := time.Until(w.due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-l.done:
				return
			}
		}
		w.pass(w.data)
	}
}
