package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/logs"
	"ops-console/ops/logs/report"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

// logsFlags say which lines are wanted, and what to do with them.
type logsFlags struct {
	machine, region, provider, level, grep string
	since                                  time.Duration
	follow                                 bool
	format                                 string
	limit                                  int
	timeout                                time.Duration
}

func logsCommand(e *env, t *target) *cobra.Command {
	o := &logsFlags{}
	c := &cobra.Command{
		Use:   "logs",
		Short: "Say what the instances say: the past of the log, or with --follow all that comes",
		Long: `Prints the log of the application: what its instances write, what their hosts and the
platform's proxy tell of them, oldest first. Without --since, the newest hundred lines.

With --follow it goes on with lines as they come, live over the private network, or polled
where that cannot be joined; on standard error it says which, and when that changes.

Exit status: 0 fine; 2 usage or configuration; 3 the log could not be had.`,
		Example: `  ops-console --app changelog logs --level error --since 2h
  ops-console --app changelog logs --follow --region syd --grep 'timeout|closed'
  ops-console --app changelog logs --follow --format json | jq -r .message`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), e, t) },
	}
	f := c.Flags()
	f.StringVar(&o.machine, "machine", "", "only of this machine: its id, or the beginning of it")
	f.StringVar(&o.region, "region", "", "only of this region: its code")
	f.StringVar(&o.provider, "provider", "", "only what app, runner or proxy tells")
	f.StringVar(&o.level, "level", "", "only lines that are at least so bad: debug, info, warn or error")
	f.StringVar(&o.grep, "grep", "", "only messages in which this regular expression is found; without upper case letters, it ignores case")
	f.DurationVar(&o.since, "since", 0, "the past from so long ago (90s, 2h); the platform keeps about seven days")
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with what comes")
	f.StringVar(&o.format, "format", "text", "text, or json: one object per line")
	f.IntVar(&o.limit, "limit", 0, "at most so many lines: the newest; with --follow, end after so many (0: all)")
	f.DurationVar(&o.timeout, "timeout", time.Minute, "how long finding out may take (not with --follow)")
	for name, values := range map[string][]string{
		"format": {"text", "json"}, "level": {"debug", "info", "warn", "error"}, "provider": {"app", "runner", "proxy"},
	} {
		_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return c
}

// wholeID is an id of a machine that is not the beginning of one: by it, the platform itself can be asked.
var wholeID = regexp.MustCompile(`^[0-9a-f]{14}$`)

// filter is what is wanted, of the flags.
func (o *logsFlags) filter() (logs.Filter, error) {
	out := logs.Filter{Machine: o.machine, Region: o.region, Provider: logs.Provider(o.provider)}
	var err error
	if o.level != "" {
		if out.Level, err = logs.ParseLevel(o.level); err != nil {
			return out, usage(fmt.Errorf("--level: %w", err))
		}
	}
	if out.Text, err = logs.Pattern(o.grep); err != nil {
		return out, usage(fmt.Errorf("--grep: %w", err))
	}
	switch {
	case o.limit < 0:
		return out, usage(fmt.Errorf("--limit %d: want a number from 0", o.limit))
	case o.since < 0:
		return out, usage(fmt.Errorf("--since %s: want a time that is over, such as 2h", o.since))
	}
	return out, nil
}

func (o *logsFlags) writer(e *env) (*report.Writer, error) {
	switch o.format {
	case "text":
		return report.Text(e.stdout, report.Options{Color: e.color()}), nil
	case "json":
		return report.JSON(e.stdout), nil
	}
	return nil, badFormat(o.format)
}

func (o *logsFlags) run(ctx context.Context, e *env, t *target) (err error) {
	out, err := o.writer(e)
	if err != nil {
		return err
	}
	filter, err := o.filter()
	if err != nil {
		return err
	}
	p, err := t.profile(e)
	if err != nil {
		return err
	}
	for _, note := range p.Notes {
		fmt.Fprintln(e.stderr, "note: "+plaintext.Line(note, 300))
	}
	// Whoever reads may have read enough (| head): writing then fails, and ends nothing but this.
	signal.Ignore(syscall.SIGPIPE)
	restrict := func(s *session.Session) logs.Options {
		in := s.LogOptions()
		in.Region, in.Now = o.region, e.now
		if wholeID.MatchString(o.machine) {
			in.Machine = o.machine
		}
		if o.since > 0 {
			in.Since = e.now().Add(-o.since)
		}
		return in
	}
	if !o.follow {
		// The past is the platform's to tell: the network need not be joined for it.
		s := session.Session{Profile: p, Platform: session.Platform(p, e.session(), nil)}
		defer s.Platform.Close()
		in := restrict(&s)
		in.Token = p.TokenSource(e.getenv)
		ctx, cancel := context.WithTimeout(ctx, o.timeout)
		defer cancel()
		return piped(o.past(ctx, in, filter, out))
	}
	s := session.Open(ctx, p, e.session())
	defer func() { err = errors.Join(err, unknown(s.Close())) }()
	return piped(o.come(ctx, e, restrict(s), filter, out))
}

// piped is no error where the reader of the output is gone.
func piped(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// past prints the past.
func (o *logsFlags) past(ctx context.Context, in logs.Options, filter logs.Filter, out *report.Writer) error {
	var kept []*logs.Line
	err := logs.Read(ctx, in, func(lines []logs.Line) error {
		for i := range lines {
			if filter.Match(&lines[i]) {
				kept = append(kept, &lines[i])
			}
		}
		if o.limit > 0 {
			// The newest are known only at the end.
			kept = kept[max(0, len(kept)-o.limit):]
			return nil
		}
		err := out.Write(kept...)
		kept = kept[:0]
		return err
	})
	if err != nil {
		return unknown(err)
	}
	return unknown(out.Write(kept...))
}

// come prints what comes until the interrupt, or until there was enough of it.
func (o *logsFlags) come(ctx context.Context, e *env, in logs.Options, filter logs.Filter, out *report.Writer) error {
	stream, err := logs.Start(ctx, in)
	if err != nil {
		return unknown(err)
	}
	defer stream.Close()
	var (
		last    uint64 // line that was looked at
		printed int
		said    notes
	)
	for {
		changed := stream.Changed()
		now := stream.Latest()
		if first := now.Lines.First(); first > last+1 {
			fmt.Fprintln(e.stderr, "note: "+logs.Gap(first-last-1)+": they came faster than they were read")
		}
		var ll []*logs.Line
		for l := range now.Lines.From(last + 1) {
			if last = l.Seq; !filter.Match(l) {
				continue
			}
			if ll = append(ll, l); o.limit > 0 && printed+len(ll) == o.limit {
				return unknown(out.Write(ll...))
			}
		}
		if err := out.Write(ll...); err != nil {
			return unknown(err)
		}
		printed += len(ll)
		said.tell(e, &now.State)
		if f := now.State.PollFailure; f != nil && f.Denied && now.State.Source == logs.NoSource {
			return unknown(errors.New(now.State.Say()))
		}
		select {
		case <-ctx.Done():
			if now.State.Source == logs.NoSource && last == 0 {
				return unknown(errors.New(now.State.Say()))
			}
			return nil
		case <-changed:
		}
	}
}

// notes are what was said on standard error.
type notes struct {
	state string
	lost  uint64
}

// tell says where lines come from, when that changes, and how many were lost.
func (n *notes) tell(e *env, s *logs.State) {
	if n.lost != s.Lost {
		fmt.Fprintf(e.stderr, "note: %s: they came faster than they could be taken\n", logs.Gap(s.Lost-n.lost))
		n.lost = s.Lost
	}
	// Before it is known whether lines come live, there is nothing to say.
	if s.Source == logs.Polled && s.LiveFailure == nil || s.Source == logs.NoSource && s.PollFailure == nil {
		return
	}
	if state := s.Say(); state != n.state {
		n.state = state
		fmt.Fprintln(e.stderr, "note: "+plaintext.Line(state, 900))
	}
}
