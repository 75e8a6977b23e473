package platform

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ops-console/ops/fly"
)

// exec runs a command in a machine.
func (c *call) exec() (reply, error) {
	var in struct {
		Cmd     string   `json:"cmd"`
		Command []string `json:"command"`
		Timeout int      `json:"timeout"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	command := in.Command
	if len(command) == 0 {
		words, err := splitWords(in.Cmd)
		if err != nil {
			return reply{}, errBadRequest("invalid_argument: cmd: %v", err)
		}
		command = words
	}
	if len(command) == 0 {
		return reply{}, errBadRequest("invalid_argument: command is missing")
	}
	c.w.lock()
	run, i, state, unreachable := c.w.opts.Exec, c.w.instance(c.m), c.m.state, c.m.unreachable
	c.w.unlock()
	switch {
	case unreachable:
		return reply{}, apiError{503, "unavailable: the host of machine " + c.m.id + " is unreachable", "unknown"}
	case state != fly.StateStarted:
		return reply{}, errPrecondition("machine not running")
	case run == nil:
		return ok(fly.ExecResult{Stderr: command[0] + ": not found\n", ExitCode: 127})
	}
	timeout := 30 * time.Second
	if in.Timeout > 0 {
		timeout = min(time.Duration(in.Timeout)*time.Second, time.Minute)
	}
	ctx, cancel := context.WithTimeout(c.Context(), timeout)
	defer cancel()
	result := run(ctx, i, command)
	if ctx.Err() != nil {
		return reply{}, apiError{408, "deadline_exceeded: the command did not end in time", "unknown"}
	}
	return ok(result)
}

// splitWords splits a command line as a shell does, without anything but quotes and backslashes.
func splitWords(s string) ([]string, error) {
	var words []string
	var b strings.Builder
	in, quote := false, rune(0)
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			b.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, in = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			b.WriteRune(r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if in {
				words = append(words, b.String())
				b.Reset()
				in = false
			}
		default:
			b.WriteRune(r)
			in = true
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("unfinished quote")
	}
	if in {
		words = append(words, b.String())
	}
	return words, nil
}
