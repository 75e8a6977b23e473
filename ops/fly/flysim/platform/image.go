package platform

import (
	"strings"
	"time"
)

// trait is what is wrong with the app of an image. The last word of its tag says it, as in deployment-43-crash, so that
// whoever deploys to a simulated world can choose what is to go wrong.
type trait struct {
	help   string
	crash  *crash        // its process does not stay up
	health int           // status of its health path
	errors int           // how many of a hundred answers are 500, but for that of the health path
	slow   int           // how many of a hundred answers are late
	dead   bool          // it never listens
	after  time.Duration // it is well that long first
	revert bool          // it cannot be pulled
	gone   bool          // the registry does not have it
}

// traits is by the last word of a tag.
var traits = map[string]trait{
	"crash":      {help: "its process exits again and again", crash: &crash{after: 500 * time.Millisecond, wait: time.Second, code: 1}},
	"oom":        {help: "its process is killed for want of memory", crash: &crash{after: 2 * time.Second, wait: 2 * time.Second, oom: true}},
	"exit":       {help: "its process ends well at once, and stays so", crash: &crash{after: 500 * time.Millisecond, max: -1}},
	"unhealthy":  {help: "its health path answers 500", health: 500},
	"deaf":       {help: "it never listens", dead: true},
	"errors":     {help: "a fifth of its answers are 500, while its health path is well", errors: 20},
	"slow":       {help: "a fifth of its answers are two seconds late, while its health path is well", slow: 20},
	"late":       {help: "it is well for 20 seconds, then its health path answers 500", health: 500, after: 20 * time.Second},
	"unpullable": {help: "updates to it are taken back by the platform", revert: true},
	"missing":    {help: "the registry does not have it", gone: true},
}

// traitOf is that of an image.
func traitOf(tag string) trait { return traits[tag[strings.LastIndexByte(tag, '-')+1:]] }

// Traits is what a tag's last word has an image do, by word.
func Traits() map[string]string {
	out := make(map[string]string, len(traits))
	for word, t := range traits {
		out[word] = t.help
	}
	return out
}

// crashes is how m's process does not stay up: a fault's way before the image's.
func (m *machine) crashes() *crash {
	if m.crash != nil {
		return m.crash
	}
	if m.cfg.job() {
		return nil // what is wrong is wrong with the app, not with all that is in its image
	}
	return traitOf(m.image.Tag).crash
}

// sour lets the checks notice when the image turns bad.
func (w *World) sour(m *machine) {
	if t := traitOf(m.image.Tag); t.after > 0 {
		w.later(m, t.after, func() { w.evalChecks(m); w.touch(m) })
	}
}

// imageBehaviour is how the app of m's image answers at a time.
func (w *World) imageBehaviour(m *machine, b *Behaviour) {
	t := traitOf(m.image.Tag)
	if t.after > 0 && w.now.Sub(m.started) < t.after {
		return
	}
	b.Dead = b.Dead || t.dead
	b.Errors = max(b.Errors, t.errors)
	if t.slow > 0 {
		b.Slow, b.Late = t.slow, 2*time.Second
	}
	if t.health != 0 && b.Health == 0 {
		b.Health = t.health
	}
}
