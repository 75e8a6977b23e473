package tui

import (
	"reflect"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// A changed frame is on the screen within busyPace, which is looked for busyFor long; then restPace does.
const (
	busyPace = 8 * time.Millisecond
	busyFor  = 40 * time.Millisecond
	restPace = 250 * time.Millisecond
)

// framesPerSecond is what the program looks for changed frames at where its pace cannot be set.
const framesPerSecond = 60

// pace is how often the program looks for a changed frame. Bubble Tea does so by a ticker of a constant rate: one that
// answers a key in time wakes the whole process for nothing all day, which costs more than everything else a console at
// rest does. So its ticker is slowed down between changes. The zero value changes nothing.
type pace struct {
	ticker *time.Ticker

	mu    sync.Mutex // guards the following
	until time.Time  // it is fast until then; zero: it is slow
	rest  *time.Timer
}

// follow takes the program's ticker over. It has to be called on the program's own goroutine, once it runs. The ticker
// has no name outside its package; where it cannot be found the rate stays as it is, and follow says false.
func (p *pace) follow(program *tea.Program) bool {
	f := reflect.ValueOf(program).Elem().FieldByName("ticker")
	if !f.IsValid() || f.Type() != reflect.TypeFor[*time.Ticker]() {
		return false
	}
	p.ticker = (*time.Ticker)(f.UnsafePointer())
	return true
}

// hurry makes the next frame come soon. While it is fast already the ticker is left alone: setting it starts its
// period again, and a stream of changes would keep it from ever ending.
func (p *pace) hurry() {
	if p.ticker == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until.IsZero() {
		p.ticker.Reset(busyPace)
		if p.rest == nil {
			p.rest = time.AfterFunc(busyFor, p.relax)
		} else {
			p.rest.Reset(busyFor)
		}
	}
	p.until = time.Now().Add(busyFor)
}

// relax slows the ticker down, unless there was a change since.
func (p *pace) relax() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until.IsZero() {
		return
	}
	if left := time.Until(p.until); left > 0 {
		p.rest.Reset(left)
		return
	}
	p.until = time.Time{}
	p.ticker.Reset(restPace)
}

// stop leaves the ticker alone from now on.
func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Time{}
	if p.rest != nil {
		p.rest.Stop()
	}
}
