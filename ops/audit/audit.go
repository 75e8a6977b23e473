// Package audit keeps the record of everything that was done to an application from this account: who did what, with
// which command, to what, and how it ended. It is a file that only grows: each entry is synced to disk before the act that
// it announces, and carries the sum of the one before, so that a line that was changed or taken out is noticed.
//
// It holds no secrets: what is recorded is what the user could have typed, and callers give it nothing else.
package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"ops-console/ops/plaintext"
)

// Outcome is how far an act came.
type Outcome string

const (
	// Began stands before the act. One that no other entry of its run follows was cut off.
	Began Outcome = "began"
	Done  Outcome = "done"
	// Failed says that it was tried and came to nothing, or to less than was wanted.
	Failed Outcome = "failed"
	// Refused says that a rule or the user forbade it: nothing was touched.
	Refused Outcome = "refused"
	// Cancelled says that the user stopped it on the way.
	Cancelled Outcome = "cancelled"
	// Detached says that it goes on without this program, or can be resumed.
	Detached Outcome = "detached"
)

// Entry is one line of the record.
type Entry struct {
	At      time.Time `json:"at"`
	Run     string    `json:"run"`               // names the act: its entries share it
	App     string    `json:"app"`               // at the platform
	User    string    `json:"user"`              // login name and machine: "ana@laptop"
	Action  string    `json:"action"`            // deploy, rollback, scale, backup run, restart, …
	Command string    `json:"command,omitempty"` // the command line that does the same
	Target  string    `json:"target,omitempty"`  // what was touched: an image, a machine, a backup
	Outcome Outcome   `json:"outcome"`
	Detail  string    `json:"detail,omitempty"` // a sentence: why it failed, what came of it
	// Prev is the SHA-256 of the line before, in hex; empty in the first.
	Prev string `json:"prev"`
}

// Limits of an entry's texts, in bytes, and of the file that is read whole.
const (
	maxText = 1000
	maxLine = 16 << 10
	maxFile = 256 << 20
)

// lockWait is how long another process of this account may write.
const lockWait = 5 * time.Second

// Log is a record that can be added to. The zero value is of no use; see New.
type Log struct {
	path string
	now  func() time.Time
}

// New is the record in a file, which need not be there yet. now nil means the system's clock.
func New(path string, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{path: path, now: now}
}

// Path of an application's record beneath the directory of the program's state.
func Path(state, app string) string { return filepath.Join(state, "audit", app+".jsonl") }

// Append adds an entry and returns once it is on disk. At and Prev are filled in. An act must not begin where this fails:
// a full disk would leave it without a trace.
func (l *Log) Append(ctx context.Context, e Entry) error {
	if err := l.append(ctx, e); err != nil {
		return fmt.Errorf("record %q in %s: %w", e.Action, l.path, err)
	}
	return nil
}

func (l *Log) append(ctx context.Context, e Entry) (err error) {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(l.path + ".lock")
	if ok, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil || !ok {
		return errors.Join(errors.New("another ops-console has held it for too long"), err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()

	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	end, last, err := tail(f)
	if err != nil {
		return err
	}
	e.At, e.Prev = l.now().UTC(), ""
	if last != nil {
		e.Prev = sum(last)
	}
	e.Command, e.Target, e.Detail = clean(e.Command), clean(e.Target), clean(e.Detail)
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	// A line that was cut off when the machine died is written over: nobody was told that it was there.
	if err := f.Truncate(end); err != nil {
		return err
	}
	if _, err := f.WriteAt(b, end); err != nil {
		return errors.Join(err, f.Truncate(end))
	}
	return f.Sync()
}

func clean(s string) string { return plaintext.Line(s, maxText) }

func sum(line []byte) string {
	s := sha256.Sum256(line)
	return hex.EncodeToString(s[:])
}

// tail finds where the next line begins, and the last whole one without its newline; nil: there is none.
func tail(f *os.File) (end int64, last []byte, err error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, nil, err
	}
	b := make([]byte, min(size, 2*maxLine))
	if _, err := f.ReadAt(b, size-int64(len(b))); err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, err
	}
	n := bytes.LastIndexByte(b, '\n')
	if n < 0 {
		if size > int64(len(b)) {
			return 0, nil, errors.New("its end is no record: move the file away, and look who wrote to it")
		}
		return 0, nil, nil
	}
	return size - int64(len(b)) + int64(n) + 1, b[bytes.LastIndexByte(b[:n], '\n')+1 : n], nil
}

// Record is what a file holds.
type Record struct {
	Entries []Entry // oldest first
	// Flaws say where lines were changed, taken out or cut off, as "line 7: …".
	Flaws []string
}

// Read gives the whole record. A file that is not there is an empty one.
func Read(path string) (Record, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, fmt.Errorf("read the record of actions: %w", err)
	}
	defer f.Close()
	r, err := parse(io.LimitReader(f, maxFile))
	if err != nil {
		return Record{}, fmt.Errorf("read the record of actions %s: %w", path, err)
	}
	return r, nil
}

func parse(in io.Reader) (Record, error) {
	var (
		r    Record
		prev string
	)
	br := bufio.NewReaderSize(in, maxLine)
	for n := 1; ; n++ {
		line, err := br.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return r, fmt.Errorf("line %d is longer than any that is written here", n)
		case err != nil && !errors.Is(err, io.EOF):
			return r, err
		case err != nil && len(line) == 0:
			return r, nil //nolint:nilerr // the end of the file
		case err != nil:
			r.Flaws = append(r.Flaws, fmt.Sprintf("line %d: cut off", n))
			return r, nil //nolint:nilerr // the end of the file
		}
		line = line[:len(line)-1]
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			r.Flaws = append(r.Flaws, fmt.Sprintf("line %d: no entry", n))
		} else {
			if e.Prev != prev {
				r.Flaws = append(r.Flaws, fmt.Sprintf("line %d: what stood before it was changed or taken out", n))
			}
			e.App, e.User, e.Action = clean(e.App), clean(e.User), clean(e.Action)
			e.Command, e.Target, e.Detail = clean(e.Command), clean(e.Target), clean(e.Detail)
			r.Entries = append(r.Entries, e)
		}
		prev = sum(line)
	}
}

// Act is something that was done: the entries of one run together.
type Act struct {
	Entry           // as it began, with the Outcome and Detail of its end
	Ended time.Time // zero: nothing says that it did, so it goes on or was cut off
}

// Acts joins what began with how it ended, newest first.
func (r Record) Acts() []Act {
	var acts []Act
	at := map[string]int{}
	for _, e := range r.Entries {
		i, known := at[e.Run]
		if !known || e.Outcome == Began {
			at[e.Run] = len(acts)
			acts = append(acts, Act{Entry: e})
			if e.Outcome != Began {
				acts[len(acts)-1].Ended = e.At
			}
			continue
		}
		acts[i].Outcome, acts[i].Detail, acts[i].Ended = e.Outcome, e.Detail, e.At
	}
	slices.Reverse(acts)
	return acts
}

// Do records e, acts, and records how that ended. Where act fails with context.Canceled it was Cancelled, and where it
// returns an error that says its own outcome, as Ended does, that. detail is what came of it where it went well.
func (l *Log) Do(ctx context.Context, e Entry, act func(context.Context) (detail string, err error)) error {
	e.Outcome = Began
	if err := l.Append(ctx, e); err != nil {
		return err
	}
	detail, err := act(ctx)
	e.Outcome, e.Detail = Done, detail
	if err != nil {
		e.Outcome, e.Detail = outcome(err), err.Error()
	}
	// How it ended is worth knowing above all where the context has ended.
	return errors.Join(err, l.Append(context.WithoutCancel(ctx), e))
}

// Ended is an error that says which outcome it is.
type Ended struct {
	Outcome Outcome
	Err     error
}

// Error implements error.
func (e *Ended) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Ended) Unwrap() error { return e.Err }

func outcome(err error) Outcome {
	var e *Ended
	switch {
	case errors.As(err, &e):
		return e.Outcome
	case errors.Is(err, context.Canceled):
		return Cancelled
	}
	return Failed
}

// Text is how a record reads, newest first.
func Text(w io.Writer, r Record) error {
	var b strings.Builder
	for _, f := range r.Flaws {
		fmt.Fprintf(&b, "! %s\n", f)
	}
	for _, a := range r.Acts() {
		fmt.Fprintf(&b, "%s  %-9s  %-12s  %s", a.At.Format("2006-01-02 15:04:05Z"), a.Outcome, a.Action, a.User)
		if a.Target != "" {
			b.WriteString("  " + a.Target)
		}
		if !a.Ended.IsZero() && a.Ended.After(a.At) {
			b.WriteString("  " + a.Ended.Sub(a.At).Round(100*time.Millisecond).String())
		}
		b.WriteByte('\n')
		for _, more := range []string{a.Command, a.Detail} {
			if more != "" {
				b.WriteString("    " + more + "\n")
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
