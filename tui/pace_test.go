package tui

import (
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
)

// The ticker has no name outside its package: a release that calls it something else is to be noticed here.
func TestThePaceOfTheProgramIsFound(t *testing.T) {
	var p pace
	if !p.follow(tea.NewProgram(nil)) {
		t.Error("bubbletea's ticker is not where it was: a console at rest costs more than it has to")
	}
}

func TestChangesAreDrawnSoonAndRestIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{ticker: time.NewTicker(time.Hour)}
		defer p.ticker.Stop()
		ticks := func(d time.Duration) int {
			n := 0
			for end := time.After(d); ; {
				select {
				case <-p.ticker.C:
					n++
				case <-end:
					return n
				}
			}
		}
		p.hurry()
		if n := ticks(busyFor); n < 4 {
			t.Errorf("%d looks at a frame that has changed", n)
		}
		if n := ticks(10 * time.Second); n < 39 || n > 41 {
			t.Errorf("%d looks in 10 s at rest, want 40", n)
		}
		changes := time.NewTicker(time.Millisecond)
		defer changes.Stop()
		looks := 0
		for end := time.After(time.Second); end != nil; {
			select {
			case <-changes.C:
				p.hurry()
			case <-p.ticker.C:
				looks++
			case <-end:
				end = nil
			}
		}
		if looks < 120 {
			t.Errorf("%d looks in a second of changes, want 125", looks)
		}
		p.stop()
	})
}
