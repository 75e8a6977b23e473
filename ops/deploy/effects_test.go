package deploy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// permit checks what the platform checks before it changes a machine.
func (w *world) permit(in *Intent) (*fmachine, error) {
	m := w.find(in.Machine)
	if m == nil {
		return nil, fmt.Errorf("machine %s: %w", in.Machine, ErrGone)
	}
	if w.isDead(m) {
		return nil, errors.New("host unreachable")
	}
	if m.expires.After(w.now) && m.nonce != in.Nonce {
		if m.nonce == "other" {
			if in.Verb != VerbRelease && in.Verb != VerbRenew && !w.inLate {
				m.conflicts++
			}
			if m.conflicts > 1 && !w.inLate {
				w.v("I6 %s of %s again after its lease was lost", in.Verb, m.id)
			}
		}
		return nil, fmt.Errorf("lease held: %w", ErrConflict)
	}
	return m, nil
}

// effect is what a call does to the world.
func (w *world) effect(in Intent) (Answer, error) {
	switch in.Verb {
	case VerbGate:
		return Answer{Verdict: w.env.gate, Text: "asked"}, nil
	case VerbOpen:
		w.opens++
		rec := &ReleaseRecord{ID: "rel" + strconv.Itoa(w.opens), Version: w.opens, Status: "running"}
		w.record = rec
		return Answer{Record: &ReleaseRecord{ID: rec.ID, Version: rec.Version, Status: rec.Status}}, nil
	case VerbClose:
		if w.record != nil && w.record.ID == in.Record.ID {
			w.record.Status = in.Status
		}
		return Answer{}, nil
	case VerbPrepare:
		for _, r := range w.runs {
			if r.key == in.Tags[TagKey] && w.now.Sub(r.made) > modelTimings.Settle {
				w.v("I5 the release command's machine was made again though it is there")
			}
		}
		w.next++
		r := &frun{id: "r" + strconv.Itoa(w.next), key: in.Tags[TagKey], state: RunCreated, made: w.now}
		w.runs = append(w.runs, r)
		return Answer{Machine: r.id}, nil
	case VerbStartRun:
		return w.startRun(in)
	case VerbDiscard:
		return w.discard(in)
	case VerbCreate:
		for _, m := range w.ms {
			if m.key == in.Tags[TagKey] && !m.gone && w.now.Sub(m.made) > 0 && !w.inLate {
				w.v("I5 %s was made again though it is there", m.key)
			}
		}
		w.next++
		m := &fmachine{
			id: "m" + strconv.Itoa(w.next), region: in.Region, group: in.Group, n: 1, digest: newDigest, mark: in.Tags[TagMark], key: in.Tags[TagKey],
			changing: w.now.Add(4 * time.Second), cordoned: in.Cordoned, ours: true, stopped: in.SkipLaunch, made: w.now,
		}
		w.ms = append(w.ms, m)
		return Answer{Machine: m.id, Version: m.version()}, nil // its lease is taken like the others'
	case VerbLease:
		return w.lease(in)
	}
	m, err := w.permit(&in)
	if err != nil {
		return Answer{}, err
	}
	switch in.Verb {
	case VerbRenew:
		if !m.expires.After(w.now) || m.nonce != in.Nonce {
			return Answer{}, fmt.Errorf("no such lease: %w", ErrGone)
		}
		m.expires = w.now.Add(in.TTL)
	case VerbRelease:
		m.expires, m.nonce, m.desc = time.Time{}, "", ""
	case VerbClaim:
		if h, ok := in.Tags[TagHead]; ok {
			m.head = h
		}
	case VerbUpdate:
		return w.update(m, in)
	case VerbRestart:
		w.noteDown(m)
		m.restarted, m.stopped = true, false
		m.changing = w.now.Add(4 * time.Second)
	case VerbStart:
		if m.stopped {
			m.stopped, m.changing = false, w.now.Add(4*time.Second)
		}
	case VerbStop:
		m.stopped = true
	case VerbDestroy:
		if m.key != "" && w.cut {
			w.v("I14 green %s destroyed after cutover", m.id)
		}
		if m.key == "" && w.greens() == 0 && !w.stale {
			w.v("I14 old machine %s destroyed without a new one", m.id)
		}
		m.gone = true
	case VerbCordon:
		m.cordoned = true
	case VerbUncordon:
		m.cordoned = false
		if m.key != "" {
			w.cut = true
		}
	}
	return Answer{}, nil
}

func (w *world) noteDown(m *fmachine) { m.ours = true }

func (w *world) greens() int {
	n := 0
	for _, m := range w.ms {
		if m.key != "" && !m.gone && !m.cordoned && w.healthy(m) {
			n++
		}
	}
	return n
}

func (m *fmachine) version() string { return m.id + "v" + strconv.Itoa(m.n) }

func (w *world) update(m *fmachine, in Intent) (Answer, error) {
	if in.Version != m.version() {
		if in.Version == "" {
			w.v("I3 update of %s without its version", m.id)
		}
		return Answer{}, fmt.Errorf("version is %s: %w", m.version(), ErrConflict)
	}
	if in.Side == Old {
		if w.schema == 1 && w.env.unfit && !w.forced {
			w.v("I7 old code put on a schema it does not work with")
		}
		if w.alive() {
			w.v("I3 rolled back under a running release command")
		}
	}
	if w.cut && in.Side == Old {
		w.v("I14 back after cutover")
	}
	w.noteDown(m)
	m.n++
	m.mark, m.head, m.restarted = in.Tags[TagMark], in.Tags[TagHead], false
	m.changing = w.now.Add(4 * time.Second)
	m.undo = time.Time{}
	if in.Side == New {
		m.digest = newDigest
		if w.env.image == "reverted" {
			m.undo = w.now.Add(3 * time.Second)
		}
	} else {
		m.digest = oldDigest
	}
	if in.SkipLaunch {
		m.stopped = true
	}
	return Answer{Version: m.version()}, nil
}

func (w *world) lease(in Intent) (Answer, error) {
	m := w.find(in.Machine)
	if m == nil {
		return Answer{}, ErrGone
	}
	if w.isDead(m) {
		return Answer{}, errors.New("host unreachable")
	}
	if m.expires.After(w.now) {
		return Answer{}, fmt.Errorf("lease held: %w", ErrConflict)
	}
	w.nonces++
	m.nonce, m.desc, m.expires = "n"+strconv.Itoa(w.nonces), in.Description, w.now.Add(in.TTL)
	return Answer{Nonce: m.nonce}, nil
}

func (w *world) startRun(in Intent) (Answer, error) {
	for _, r := range w.runs {
		if r.id != in.Machine {
			continue
		}
		if r.state == RunCreated {
			if w.alive() {
				w.v("I3 two release commands at once")
			}
			for _, m := range w.ms {
				if w.inLate {
					break // it was sent while they were held
				}
				if !m.expires.After(w.now) || !strings.Contains(m.desc, "deploy D/") {
					if m.nonce != "other" && !w.isDead(m) {
						w.v("I6 release command begun while %s is not held", m.id)
					}
				}
			}
			for _, x := range w.runs {
				if x.key == "" && x.state == RunStarted {
					w.v("I3 begun beside another's release command")
				}
			}
			w.ran++
			r.state = RunStarted
			r.until = w.now.Add(4 * time.Second)
			if w.env.mig == "long" {
				r.until = w.now.Add(25 * time.Second)
			}
			if w.env.mig == "slow" {
				r.until = w.now.Add(2 * time.Hour)
			}
			if w.ran > 1 {
				w.v("I3 release command begun %d times", w.ran)
			}
		}
		return Answer{}, nil
	}
	return Answer{}, ErrGone
}

func (w *world) discard(in Intent) (Answer, error) {
	for i, r := range w.runs {
		if r.id == in.Machine {
			if r.state == RunStarted {
				w.v("I3 a running release command was ended")
			}
			if r.key == "" {
				w.v("I3 somebody else's release command was ended")
			}
			w.runs = append(w.runs[:i:i], w.runs[i+1:]...)
			return Answer{}, nil
		}
	}
	for _, m := range w.ms {
		if m.id == in.Machine && !m.gone {
			if m.key == "" {
				w.v("I5 a machine that was there before was discarded")
			}
			if w.cut && !m.cordoned {
				w.v("I14 a green with traffic was discarded")
			}
			m.gone = true
			return Answer{}, nil
		}
	}
	return Answer{}, ErrGone
}
