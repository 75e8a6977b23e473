package logs

import (
	"context"
	"fmt"

	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// maxPages ends a reading whose log never ends.
const maxPages = 2000

// Read gives the past of the log, oldest first: from Options.Since up to now, or the newest hundred lines where that is not
// set. Each call of yield gets the lines of one answer, about a hundred; an error of it ends the reading and is returned.
// Only the platform's web API is asked. Each question has a deadline of its own besides that of ctx.
func Read(ctx context.Context, o Options, yield func([]Line) error) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	next, began := "", o.Now()
	if !o.Since.IsZero() {
		next = fly.LogsAfter(o.Since)
	}
	var before seen
	for range maxPages {
		p := o.ask(ctx, next, before)
		if p.err != nil {
			return readError(p.err)
		}
		if len(p.lines) > 0 {
			if err := yield(p.lines); err != nil {
				return err
			}
		}
		// What is written meanwhile is not the past.
		p.asked = began
		if p.end(next) || o.Since.IsZero() {
			return nil
		}
		next, before = p.next, p.seen
	}
	return fmt.Errorf("read the log of %s: there is no end of it after %d answers: ask for a shorter time", o.App, maxPages)
}

// readError is an error with what to do about it.
func readError(err error) error {
	if hint := fly.HintOf(err); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}

// Gap is what to say of lines that a reader missed or that were lost, in words; empty where there were none.
func Gap(n uint64) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 line is missing here"
	}
	return fmt.Sprintf("%d lines are missing here", n)
}

// Say is a state in one line of text, for people: where lines come from, and why not live.
func (s *State) Say() string {
	switch s.Source {
	case Live:
		return "lines come live"
	case Polled:
		if s.LiveFailure == nil {
			return "lines are polled until the live stream is there"
		}
		return "lines are polled: " + s.LiveFailure.say()
	}
	switch {
	case s.PollFailure != nil:
		return "no lines come: " + s.PollFailure.say()
	case s.LiveFailure != nil:
		return "no lines come yet: " + s.LiveFailure.say()
	}
	return "no lines come yet"
}

func (f *Failure) say() string {
	if f.Hint == "" {
		return f.Text
	}
	return plaintext.Line(f.Text+" ("+f.Hint+")", 2*maxFailure)
}
