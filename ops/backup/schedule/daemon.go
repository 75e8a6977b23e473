package schedule

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Daemon takes backups by schedule for as long as it runs. After the machine slept, or the daemon was away, it makes up for
// what was missed once. Two of them for one database do no harm: the second to come finds that it is done, or being done.
type Daemon struct {
	When   When
	Jitter time.Duration // at most, added to every time; two daemons do not start at the same moment
	// Last is when the newest run of the database began, whoever started it, wherever, and however it ended; zero: there
	// was none.
	Last func(ctx context.Context) (time.Time, error)
	// Run takes a backup. ErrBusy, wrapped or not: somebody else is taking one.
	Run func(ctx context.Context) error
	// Retry is how long after a run that failed the next is tried, twice; 0: ten minutes.
	Retry time.Duration
	// Now is the wall clock; nil: the system's.
	Now    func() time.Time
	Logger *slog.Logger // nil: nobody
}

// ErrBusy says that a backup of the database is being taken already.
var ErrBusy = errors.New("a backup of this database is being taken already")

// tries is how often a run is tried for one time of the schedule.
const tries = 3

// glance is how often the wall clock is looked at: while a machine sleeps, timers stand still and the clock does not.
const glance = 30 * time.Second

// Serve runs until ctx ends. An error: it could not even begin.
func (d *Daemon) Serve(ctx context.Context) error {
	if d.When.IsZero() {
		return errors.New("serve a schedule: it is not said when")
	}
	log := d.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	last, ok := d.begun(ctx, log)
	if !ok {
		return nil
	}
	for ctx.Err() == nil {
		nominal, due := d.next(last)
		log.Info("next backup", "due", due)
		if !d.until(ctx, due) {
			return nil
		}
		newest, ok := d.begun(ctx, log)
		if !ok {
			return nil
		}
		// One that began since is as good, whoever began it. The clock of another machine may be a little behind.
		if !newest.Before(nominal.Add(-time.Minute)) && !newest.After(d.now()) {
			last = newest
			continue
		}
		d.run(ctx, log)
		// However often it was missed, it is made up for once; and one that takes longer than the time between two does not
		// begin again at once.
		last = d.now()
	}
	return nil
}

func (d *Daemon) now() time.Time {
	now := time.Now
	if d.Now != nil {
		now = d.Now
	}
	// Without the monotonic reading, which stands still while the machine sleeps.
	return now().Round(0)
}

// next is the time of the schedule after a run that began at last, and when to come for it.
func (d *Daemon) next(last time.Time) (nominal, due time.Time) {
	now := d.now()
	switch {
	case last.IsZero():
		return now, now // there is no backup at all
	case last.After(now):
		last = now // of a clock that is ahead: else none might be taken for years
	}
	nominal = d.When.Next(last)
	due = nominal
	if d.Jitter > 0 {
		due = due.Add(rand.N(d.Jitter))
	}
	return nominal, due
}

// begun asks when the newest run began, until there is an answer: a store that is away at the moment keeps nobody from
// waiting. It says whether ctx did not end before.
func (d *Daemon) begun(ctx context.Context, log *slog.Logger) (time.Time, bool) {
	for wait := 5 * time.Second; ; wait = min(2*wait, 5*time.Minute) {
		t, err := d.Last(ctx)
		if err == nil {
			return t, true
		}
		if ctx.Err() == nil {
			log.Warn("the backups there are cannot be read", "err", err, "again_in", wait)
		}
		if !pause(ctx, wait) {
			return time.Time{}, false
		}
	}
}

// until waits for a time by the wall clock, and says whether ctx did not end meanwhile.
func (d *Daemon) until(ctx context.Context, at time.Time) bool {
	for {
		left := at.Sub(d.now())
		if left <= 0 {
			return ctx.Err() == nil
		}
		if !pause(ctx, min(left, glance)) {
			return false
		}
	}
}

// run takes a backup, and tries again where that fails.
func (d *Daemon) run(ctx context.Context, log *slog.Logger) {
	retry := d.Retry
	if retry == 0 {
		retry = 10 * time.Minute
	}
	for try := 1; ; try++ {
		err := d.Run(ctx)
		switch {
		case err == nil:
			log.Info("backup taken")
			return
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrBusy):
			log.Info("somebody else takes this backup")
			return
		}
		log.Error("backup failed", "err", err, "try", try, "of", tries)
		if try == tries || !pause(ctx, retry) {
			return
		}
	}
}
