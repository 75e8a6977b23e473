package take

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres/client"
)

// Names of the payloads, before what compression and encryption add.
const (
	dumpName    = "dump.pgc"
	globalsName = "globals.sql"
)

// grace is how long pg_dump gets to tell the server that it is leaving.
const grace = 2 * time.Second

// dump stores what pg_dump says of one snapshot.
func (r *run) dump(ctx context.Context, cancel context.CancelCauseFunc, c chosen, p client.Program) error {
	h, err := hold(ctx, r.o, c)
	if err != nil {
		return err
	}
	held := true
	letGo := func() {
		if held {
			held = false
			h.close()
			r.m.Timings.Snapshot = time.Since(h.began).Seconds()
		}
	}
	defer letGo()
	h.keep(ctx, cancel, r.o.Limits.MaxSnapshot)
	r.m.Server, r.m.SnapshotAt = h.server, h.at
	r.track.expect(h)

	f, err := client.NewForward(ctx, r.o.Dir, c.node, r.o.Dialer)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // what is left of it is an empty directory
	args := []string{"-Fc", "-Z0", "--no-password", "--lock-wait-timeout=" + strconv.FormatInt(max(1, r.o.Limits.LockTimeout.Milliseconds()), 10)}
	r.m.Tool.PgDump, r.m.Tool.Args = p.Version, args

	r.track.stage(Dumping)
	out, err := r.begin(ctx, dumpName, backup.Dump, r.expectStored(h))
	if err != nil {
		return err
	}
	r.track.follow(out.Writer)
	counter := archive.NewCounter(archive.Options{Contents: r.track.contents, Table: r.track.table})
	began := time.Now()
	cmd := client.Command{
		Program: p, Forward: f, Args: append(args[:len(args):len(args)], "--snapshot="+h.id), Name: application + string(r.o.ID), Settings: settings(r.o),
		Stdout: io.MultiWriter(counter, out), Line: r.warn, Grace: grace,
	}
	err = r.reword(ctx, h, cmd.Run(ctx), f)
	r.m.Timings.Dump = time.Since(began).Seconds()
	letGo()
	counts, wrong := counter.Close(err)
	if err == nil {
		err = whole(counts, wrong, out.Counts().Raw)
	}
	if err != nil {
		cancel(err) // ends a write that is under way
		out.abort(ctx, err)
		return err
	}
	r.track.stage(Storing)
	payload, err := out.commit(ctx, &r.written)
	if err != nil {
		cancel(err)
		out.abort(ctx, err)
		return fmt.Errorf("storing the dump: %w", err)
	}
	r.m.Timings.Upload = time.Since(began).Seconds()
	r.m.Payload = append(r.m.Payload, payload)
	r.m.Tables, r.m.LargeObj = h.merge(counts.Tables), counts.LargeObjects
	return nil
}

// whole is the last word on what pg_dump wrote, whatever its exit status was.
func whole(c *archive.Counts, wrong error, raw int64) error {
	switch {
	case raw == 0:
		return errors.New("pg_dump wrote nothing")
	case wrong != nil:
		return fmt.Errorf("what pg_dump wrote is no whole archive: %w", wrong)
	case c.Bytes != raw:
		return fmt.Errorf("what pg_dump wrote ends after %d of %d bytes", c.Bytes, raw)
	}
	return nil
}

// reword says what an end of pg_dump was about.
func (r *run) reword(ctx context.Context, h *snapshot, err error, f *client.Forward) error {
	if err == nil {
		return nil
	}
	failed := (*client.Failed)(nil)
	if !errors.As(err, &failed) {
		return err
	}
	says := strings.Join(failed.Says, "\n")
	switch {
	case f.Err() != nil:
		return fmt.Errorf("%w (%w)", f.Err(), err)
	case strings.Contains(says, "lock timeout"), strings.Contains(says, "statement timeout") && strings.Contains(says, "LOCK TABLE"):
		return h.lockedBy(ctx)
	case strings.Contains(says, "conflict with recovery"):
		return fmt.Errorf("%w: the replica ended it in favour of replay: set hot_standby_feedback on it, or dump the primary (backup.node)", err)
	}
	return err
}

// warn keeps what pg_dump has to say beside its errors.
func (r *run) warn(line string) {
	const most = 50
	if len(r.m.Notes) < most {
		r.m.Notes = append(r.m.Notes, plaintext.Line(line, 300))
	}
}

// expectStored is about how many bytes will be stored: as many as the last time, or a third of the tables.
func (r *run) expectStored(h *snapshot) int64 {
	if p := r.o.Prev; p != nil {
		if d, ok := p.Manifest.Dump(); ok {
			return d.Stored.Bytes
		}
	}
	var n int64
	for _, t := range h.tables {
		n += t.Bytes
	}
	return n * 35 / 100
}

// globalsTime bounds what is a matter of a second.
const globalsTime = 3 * time.Minute

// globals stores roles, without their passwords, and tablespaces. A role that may not read them, and a server that keeps
// them to itself, are no failure: the data can be restored without.
func (r *run) globals(ctx context.Context, c chosen) error {
	missing := func(err error) error {
		if ctx.Err() != nil {
			return err
		}
		r.warn("roles and tablespaces are not in it: " + err.Error())
		return nil
	}
	p, err := client.Find(ctx, "pg_dumpall", c.version/10_000)
	if err != nil {
		return missing(err)
	}
	f, err := client.NewForward(ctx, r.o.Dir, c.node, r.o.Dialer)
	if err != nil {
		return missing(err)
	}
	defer func() { _ = f.Close() }()
	own, cancel := context.WithTimeout(ctx, globalsTime)
	defer cancel()
	out, err := r.begin(own, globalsName, backup.Globals, 1<<20)
	if err != nil {
		return err
	}
	stored := &watched{to: out}
	cmd := client.Command{
		Program: p, Forward: f, Name: application + string(r.o.ID), Settings: settings(r.o), Stdout: stored,
		Args: []string{"--globals-only", "--no-role-passwords", "--no-password", "--lock-wait-timeout=" + strconv.FormatInt(max(1, r.o.Limits.LockTimeout.Milliseconds()), 10), "--database=" + c.node.Config.Database},
	}
	if err := cmd.Run(own); err != nil {
		cancel()
		out.abort(ctx, err)
		if stored.err != nil {
			return fmt.Errorf("storing roles and tablespaces: %w", stored.err)
		}
		return missing(err)
	}
	payload, err := out.commit(own, &r.written)
	if err != nil {
		cancel()
		out.abort(ctx, err)
		return fmt.Errorf("storing roles and tablespaces: %w", err)
	}
	r.m.Payload = append(r.m.Payload, payload)
	return nil
}

// watched remembers whether it was the store that failed.
type watched struct {
	to  io.Writer
	err error
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}
