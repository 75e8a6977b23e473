package tui

import (
	"errors"
	"fmt"
	"time"

	"ops-console/tui/action"
	"ops-console/tui/paint"
)

// The console stays armed for armedFor, and no longer than blurredFor while its terminal is not looked at.
const (
	armedFor   = 5 * time.Minute
	blurredFor = 2 * time.Minute
)

// arm says whether anything outside may be changed. The zero value is read-only.
type arm struct {
	until   time.Time
	blurred time.Time // since when the terminal has no focus; zero: it has, or does not tell
}

// left is how long the console stays armed; 0: it is not.
func (a *arm) left(now time.Time) time.Duration { return max(a.until.Sub(now), 0) }

// tick ends what has run out.
func (a *arm) tick(m *Model, now time.Time) {
	switch {
	case a.until.IsZero():
	case a.left(now) == 0:
		m.disarm("5 minutes are over")
	case !a.blurred.IsZero() && now.Sub(a.blurred) > blurredFor:
		m.disarm("nobody has looked here for 2 minutes")
	}
}

// toggle arms or disarms: the A key.
func (m *Model) toggleArm() {
	now := m.o.Now()
	switch {
	case m.o.ReadOnly:
		m.fail(errors.New("read-only: the console was started with --read-only"))
	case m.arm.left(now) > 0:
		m.disarm("")
	default:
		m.arm.until = now.Add(armedFor)
		m.say(fmt.Sprintf("armed for %s: actions that change things will ask, then act", paint.Duration(armedFor)))
	}
}

func (m *Model) disarm(why string) {
	if m.arm.until.IsZero() {
		return
	}
	m.arm.until = time.Time{}
	if c, asking := m.over.(*confirm); asking && c.act.Danger > action.Looks {
		m.over = nil
	}
	text := "read-only again"
	if why != "" {
		text += ": " + why
	}
	m.say(text)
}
