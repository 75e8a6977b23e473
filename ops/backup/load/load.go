// Package load gives an archive of pg_dump to pg_restore: as a stream that is
// counted on its way, or from a file. It says how far that is, and ends it at the
// first error that was not expected.
//
// It never writes to a disk what the archive holds, never shows rows, and never
// calls something loaded that was not read to its proven end.
package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"ops-console/ops/backup/archive"
	"ops-console/ops/postgres/client"
)

// Options of Stream and File.
type Options struct {
	// Run is a run of pg_restore against a database, or with --file=/dev/null among its Args to read only. What else it is
	// to be told, its input and what it says are set here.
	Run client.Command

	// Check looks at the table of contents before anything else is done; an error of it ends the matter. nil: anything goes.
	Check func(*archive.Contents) error
	// Skip leaves entries out. nil: none.
	Skip func(*archive.Entry) bool
	// Accept says of a message of pg_restore that it does no harm, and it may go on. nil: none does.
	Accept func(message string) bool
	// Progress is told now and then, by one goroutine at a time. nil: nobody is.
	Progress func(Progress)
}

// Progress is how far a load is.
type Progress struct {
	Entries, OfEntries int    // of the table of contents
	Bytes              int64  // of the archive, read
	Entry              string // what was begun last, safe to show; empty: nothing yet
}

// Result of a load that came to its end.
type Result struct {
	Counts   *archive.Counts
	Accepted []string // messages that did no harm, safe to show
}

// Refused is what pg_restore gave up for: its first error, without rows. It is safe to show.
type Refused struct{ Message string }

// Error implements error.
func (r *Refused) Error() string { return "pg_restore: " + r.Message }

// Stream loads what a reader gives, which open begins to read; it must fail once its ctx ends. An error of the reader comes
// back as it is, before whatever pg_restore thought of it.
func Stream(outer context.Context, o Options, open func(ctx context.Context) (io.ReadCloser, error)) (*Result, error) {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	in, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var head bytes.Buffer
	contents, err := archive.ReadContents(io.TeeReader(in, &head))
	if err != nil {
		return nil, err
	}
	l, err := begin(o, contents, cancel)
	if err != nil {
		return nil, err
	}
	defer l.close()
	counter := archive.NewCounter(archive.Options{})
	source := &source{from: io.MultiReader(&head, in), seen: io.MultiWriter(counter, l)}
	l.o.Run.Stdin = source
	failed := l.run(ctx)
	if failed != nil {
		// Nobody reads any more what is still to come.
		cancel(failed)
	} else {
		// pg_restore may end before the stream does, and only the stream's end says that it was whole.
		//nolint:errcheck // the source remembers
		io.Copy(io.Discard, source)
	}
	counts, countErr := counter.Close(source.end())
	readErr := source.failed()
	switch {
	case outer.Err() != nil:
		return nil, context.Cause(outer)
	case readErr != nil && (failed == nil || !errors.Is(readErr, context.Canceled)):
		return nil, readErr
	case failed != nil:
		return nil, failed
	case countErr != nil:
		return nil, countErr
	}
	return &Result{Counts: counts, Accepted: l.accepted}, nil
}

// File loads from a file that was counted before, with some sessions at once.
func File(outer context.Context, o Options, path string, counts *archive.Counts, jobs int) (*Result, error) {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	l, err := begin(o, counts.Contents, cancel)
	if err != nil {
		return nil, err
	}
	defer l.close()
	l.o.Run.Args = append(l.o.Run.Args, fmt.Sprintf("--jobs=%d", max(jobs, 1)), path)
	if err := l.run(ctx); err != nil {
		if outer.Err() != nil {
			err = context.Cause(outer)
		}
		return nil, err
	}
	return &Result{Counts: counts, Accepted: l.accepted}, nil
}

// source is a stream that is looked at as it goes by, whoever reads it, and remembers what it ended with.
type source struct {
	mu   sync.Mutex // guards reading: a program's reader may still be at it when the program is gone
	from io.Reader
	seen io.Writer
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.from.Read(p)
	s.err = err
	if n > 0 {
		if _, err := s.seen.Write(p[:n]); err != nil {
			s.err = err
			return n, err
		}
	}
	return n, err
}

// failed is why it could not be read to its end; nil: it was, or was not tried.
func (s *source) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// end is why what was seen is not all of it; nil: it is.
func (s *source) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(s.err, io.EOF):
		return nil
	case s.err == nil:
		return context.Canceled
	}
	return s.err
}

// loading is one run of pg_restore.
type loading struct {
	o      Options
	list   string // file with the entries that are wanted; empty: all are
	cancel context.CancelCauseFunc

	mu       sync.Mutex // guards what follows
	progress Progress
	refused  *Refused
	accepted []string
}

func begin(o Options, c *archive.Contents, cancel context.CancelCauseFunc) (*loading, error) {
	if o.Check != nil {
		if err := o.Check(c); err != nil {
			return nil, err
		}
	}
	l := &loading{o: o, cancel: cancel}
	l.o.Run.Args = append([]string{"--format=custom", "--verbose", "--no-password"}, o.Run.Args...)
	l.o.Run.Line = l.hear
	var wanted strings.Builder
	left := false
	for i := range c.Entries {
		if o.Skip != nil && o.Skip(&c.Entries[i]) {
			left = true
			continue
		}
		l.progress.OfEntries++
		fmt.Fprintf(&wanted, "%d;\n", c.Entries[i].ID)
	}
	if !left {
		return l, nil
	}
	f, err := os.CreateTemp("", "ops-restore-list-")
	if err != nil {
		return nil, fmt.Errorf("a file for the list of what is restored: %w", err)
	}
	l.list = f.Name()
	_, err = f.WriteString(wanted.String())
	if err := errors.Join(err, f.Close()); err != nil {
		l.close()
		return nil, fmt.Errorf("write the list of what is restored: %w", err)
	}
	l.o.Run.Args = append(l.o.Run.Args, "--use-list="+l.list)
	return l, nil
}

func (l *loading) close() {
	if l.list != "" {
		os.Remove(l.list) //nolint:errcheck // it has numbers in it, no more
	}
}

// run gives why pg_restore did not do all of it; nil: it did.
func (l *loading) run(ctx context.Context) error {
	err := l.o.Run.Run(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	exit := (*exec.ExitError)(nil)
	switch {
	case l.refused != nil:
		return l.refused
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return err
	case exit.ExitCode() == 1 && len(l.accepted) > 0:
		return nil
	case exit.ExitCode() < 0:
		// A signal says nothing of what it read.
		return fmt.Errorf("pg_restore: %w", exit)
	}
	message := fmt.Sprintf("it ended with status %d and did not say why", exit.ExitCode())
	failed := (*client.Failed)(nil)
	if errors.As(err, &failed) && len(failed.Says) > 0 {
		message = failed.Says[len(failed.Says)-1]
	}
	return &Refused{Message: message}
}

// Write counts what was read, for the progress.
func (l *loading) Write(b []byte) (int, error) {
	const every = 1 << 20
	l.tell(func(p *Progress) bool {
		before := p.Bytes
		p.Bytes += int64(len(b))
		return p.Bytes/every != before/every
	})
	return len(b), nil
}

// tell changes the progress, and tells of it where that is worth it.
func (l *loading) tell(change func(*Progress) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if change(&l.progress) && l.o.Progress != nil {
		l.o.Progress(l.progress)
	}
}

// Retained copies an archive to w, counting it on the way.
func Retained(w io.Writer, r io.Reader) (*archive.Counts, error) {
	counter := archive.NewCounter(archive.Options{})
	_, err := io.Copy(io.MultiWriter(w, counter), r)
	counts, countErr := counter.Close(err)
	if err != nil {
		return nil, err
	}
	return counts, countErr
}
