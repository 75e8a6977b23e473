package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/plaintext"
	"ops-console/ops/replication"
	"ops-console/ops/replication/report"
	"ops-console/ops/session"
)

// errNoDatabase says what a profile lacks.
var errNoDatabase = errors.New("the profile names no database: set database.app (a Fly Postgres app), database.url_env or database.url_file; see docs/configuration.md")

// replicationFlags say what to do with what is read.
type replicationFlags struct {
	format        string
	watch         bool
	timeout       time.Duration
	record, again string // files
	probe, yes    bool
}

func replicationCommand(e *env, t *target) *cobra.Command {
	o := &replicationFlags{}
	c := &cobra.Command{
		Use:   "replication",
		Short: "Say how far the database's replicas are behind, and why",
		Long: `Reads every node of the application's PostgreSQL for a few seconds, and prints the tree of
nodes with bounds of their lag, their slots, what somebody who writes from their regions
feels, and what a failover now would mean. It reads only. With --probe it writes one
message of a hundred bytes on the primary instead, and says how long that took to be
visible on each replica.

One reading tells what holds now, however short; since when, and what shows only over time,
is for --watch.

Exit status: 0 no critical problem; 1 a critical one; 3 the primary's state is unknown.`,
		Example: `  ops-console --app changelog replication --watch
  ops-console --app changelog replication --watch --record night.jsonl --format json >/dev/null
  ops-console replication --replay night.jsonl --watch`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), e, t) },
	}
	formatFlag(c, &o.format)
	f := c.Flags()
	f.BoolVarP(&o.watch, "watch", "w", false, "go on, and print again at every change")
	f.DurationVar(&o.timeout, "timeout", 20*time.Second, "how long finding out may take")
	f.StringVar(&o.record, "record", "", "keep every reading in this file, for --replay")
	f.StringVar(&o.again, "replay", "", "print what a recording shows instead of asking anybody")
	f.BoolVar(&o.probe, "probe", false, "measure write to visible instead, by writing on the primary")
	f.BoolVar(&o.yes, "yes", false, "write without asking (for --probe)")
	c.MarkFlagsMutuallyExclusive("record", "replay")
	c.MarkFlagsMutuallyExclusive("probe", "replay")
	c.MarkFlagsMutuallyExclusive("probe", "watch")
	return c
}

func (o *replicationFlags) run(ctx context.Context, e *env, t *target) (err error) {
	write, err := o.writer(e)
	if err != nil {
		return err
	}
	if o.again != "" {
		return o.replay(write)
	}
	p, err := t.profile(e)
	if err != nil {
		return err
	}
	for _, note := range p.Notes {
		fmt.Fprintln(e.stderr, "note: "+plaintext.Line(note, 300))
	}
	if !p.Database.Known() {
		return usage(errNoDatabase)
	}
	if o.probe {
		if err := e.confirm(o.yes, "write a message of a hundred bytes on the primary?"); err != nil {
			return err
		}
	}
	s := session.Open(ctx, p, e.session())
	defer func() { err = errors.Join(err, unknown(s.Close())) }()
	options, _ := s.ReplicationOptions()
	options.Now = e.now
	o.regions(ctx, e, s, &options)
	if o.record != "" {
		f, err := os.OpenFile(o.record, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return usage(fmt.Errorf("record: %w", err))
		}
		defer func() { err = errors.Join(err, unknown(f.Close())) }()
		options.Record = f
	}
	switch {
	case o.watch:
		return watchReplication(ctx, options, write)
	case o.probe:
		return o.measure(ctx, e, options)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	snapshot, err := replication.Read(ctx, options)
	if err != nil {
		return unknown(err)
	}
	return tell(snapshot, write)
}

// regions says where instances run, as far as that can be found out: without it what they feel is not said of regions
// that have no replica.
func (o *replicationFlags) regions(ctx context.Context, e *env, s *session.Session, options *replication.Options) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	codes, err := s.AppRegions(ctx)
	if err != nil {
		fmt.Fprintln(e.stderr, "note: where instances run is not known: "+plaintext.Line(err.Error(), 300))
		return
	}
	options.AppRegions = codes
}

func (o *replicationFlags) writer(e *env) (func(*replication.Snapshot) error, error) {
	switch o.format {
	case "text":
		return func(s *replication.Snapshot) error {
			return report.Text(e.stdout, s, report.Options{Width: e.width(), Color: e.color(), Now: e.now()})
		}, nil
	case "json":
		return func(s *replication.Snapshot) error { return report.JSON(e.stdout, s) }, nil
	}
	return nil, badFormat(o.format)
}

// tell prints a snapshot and gives its verdict.
func tell(s *replication.Snapshot, write func(*replication.Snapshot) error) error {
	if err := write(s); err != nil {
		return unknown(err)
	}
	return replicationVerdict(s)
}

func replicationVerdict(s *replication.Snapshot) error {
	switch s.Verdict {
	case replication.Healthy:
		return nil
	case replication.Unhealthy:
		return &exit{status: statusBadNews}
	}
	return &exit{status: statusUnknown}
}

// watchReplication prints every snapshot that says something else than the one before, until interrupted.
func watchReplication(ctx context.Context, o replication.Options, write func(*replication.Snapshot) error) error {
	w := replication.Watch(ctx, o)
	defer w.Close()
	w.Attend(true)
	var last *replication.Snapshot
	for {
		changed := w.Changed()
		latest := w.Latest()
		if latest.Value == nil && latest.Err != nil {
			return unknown(latest.Err)
		}
		if now := latest.Value; now != nil && (last == nil || !now.Same(last)) {
			if err := write(now); err != nil {
				return unknown(err)
			}
			last = now
		}
		select {
		case <-ctx.Done():
			if last == nil {
				return unknown(errors.New("nothing was found out before the interrupt"))
			}
			return replicationVerdict(last)
		case <-changed:
		}
	}
}

// measure reads until the nodes are known, writes once, and prints how long that took to be visible.
func (o *replicationFlags) measure(ctx context.Context, e *env, options replication.Options) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	w := replication.Watch(ctx, options)
	defer w.Close()
	w.Attend(true)
	if err := untilRead(ctx, w); err != nil {
		return unknown(err)
	}
	result, err := w.Probe(ctx)
	if err != nil {
		return unknown(fmt.Errorf("probe: %w", err))
	}
	if o.format == "json" {
		err = report.ProbeJSON(e.stdout, result)
	} else {
		err = report.ProbeText(e.stdout, result)
	}
	if err != nil {
		return unknown(err)
	}
	for _, seconds := range result.Visible {
		if seconds == nil {
			return &exit{status: statusBadNews}
		}
	}
	return nil
}

// untilRead waits until every node was read or has failed.
func untilRead(ctx context.Context, w *replication.Watcher) error {
	for {
		changed := w.Changed()
		latest := w.Latest()
		if latest.Value == nil && latest.Err != nil {
			return latest.Err
		}
		if s := latest.Value; s != nil && !slices.ContainsFunc(s.Nodes, func(n replication.Node) bool {
			return n.Address != "" && n.ReadAt.IsZero() && n.Failure == nil
		}) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("read the replicas: %w", ctx.Err())
		case <-changed:
		}
	}
}

// replay prints a recording: every change with --watch, what it ended with otherwise.
func (o *replicationFlags) replay(write func(*replication.Snapshot) error) error {
	f, err := os.Open(o.again)
	if err != nil {
		return usage(fmt.Errorf("replay: %w", err))
	}
	defer f.Close()
	var last, shown *replication.Snapshot
	for s, err := range replication.Replay(f, replication.Settings{}) {
		if err != nil {
			return usage(fmt.Errorf("replay %s: %w", o.again, err))
		}
		last = s
		if o.watch && (shown == nil || !s.Same(shown)) {
			if err := write(s); err != nil {
				return unknown(err)
			}
			shown = s
		}
	}
	switch {
	case last == nil:
		return unknown(fmt.Errorf("replay %s: nothing was recorded", o.again))
	case o.watch:
		return replicationVerdict(last)
	}
	return tell(last, write)
}
