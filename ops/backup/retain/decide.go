package retain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/backup"
)

// Decision is what becomes of one backup.
type Decision struct {
	ID      backup.ID     `json:"id"`
	Source  backup.Source `json:"source"`
	At      time.Time     `json:"at"` // what its data is true of
	Keep    bool          `json:"keep"`
	Reasons []string      `json:"reasons"` // why it is kept, the rules first; why it may go, where it may
	// Frozen is why nothing of this source goes now, though the policy would let this one go; empty otherwise.
	Frozen string `json:"frozen,omitempty"`
}

// Skew is how far the clocks of two machines may be apart before the order of their backups is doubted.
const Skew = 5 * time.Minute

// candidate is a record with what the rules ask of it.
type candidate struct {
	*backup.Record
	at      time.Time
	broken  bool
	reasons []string
}

// Decide says of each record whether it stays, grouped by source, newest first. Failures are the runs that came to nothing:
// they count as no backup, and the newest of them freezes its source until a run ends well. Neither argument is changed.
func Decide(records []backup.Record, failures []backup.Failure, p Policy, now time.Time) []Decision {
	of := map[backup.Source][]*candidate{}
	for i := range records {
		r := &records[i]
		_, broken := r.Broken()
		of[r.Manifest.Source] = append(of[r.Manifest.Source], &candidate{Record: r, at: When(r), broken: broken})
	}
	sources := make([]backup.Source, 0, len(of))
	for s := range of {
		sources = append(sources, s)
	}
	slices.SortFunc(sources, func(a, b backup.Source) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Database, b.Database))
	})
	out := make([]Decision, 0, len(records))
	for _, s := range sources {
		out = append(out, decide(of[s], failures, s, p, now)...)
	}
	return out
}

// When is the time that the rules put a backup at: that of its snapshot, or of its start where it does not say.
func When(r *backup.Record) time.Time {
	return firstKnown(r.Manifest.SnapshotAt, r.Manifest.Started, r.Manifest.ID.Time())
}

func firstKnown(tt ...time.Time) time.Time {
	for _, t := range tt {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

func decide(cc []*candidate, failures []backup.Failure, s backup.Source, p Policy, now time.Time) []Decision {
	slices.SortFunc(cc, func(a, b *candidate) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(b.Manifest.ID, a.Manifest.ID))
	})
	good := make([]*candidate, 0, len(cc))
	for _, c := range cc {
		if !c.broken {
			good = append(good, c)
		}
	}
	keep(good, p)
	if len(good) < len(cc) {
		// One whose check failed stays as long as it would have stayed when good: the check may have been wrong. It takes
		// no place from the good ones, which were dealt out above.
		keepBroken(cc, p)
	}

	out := make([]Decision, len(cc))
	gone := 0
	for i, c := range cc {
		out[i] = Decision{ID: c.Manifest.ID, Source: s, At: c.at, Keep: len(c.reasons) > 0, Reasons: c.reasons}
		if !out[i].Keep {
			gone++
			out[i].Reasons = []string{"no rule keeps it"}
		}
	}
	if gone == 0 {
		return out
	}
	why := frozen(cc, failures, s, p, now, gone)
	if why == "" {
		return out
	}
	for i := range out {
		if !out[i].Keep {
			out[i].Keep, out[i].Frozen, out[i].Reasons = true, why, []string{"frozen: " + why}
		}
	}
	return out
}

// buckets are the calendar rules. The key of a bucket is what all times in it share.
var buckets = []struct {
	word string
	n    func(Policy) int
	key  func(time.Time) string
}{
	// The offset tells apart the two hours that are called the same when the clocks go back.
	{"hourly", func(p Policy) int { return p.Hourly }, func(t time.Time) string { return t.Format("2006-01-02 15h -0700") }},
	{"daily", func(p Policy) int { return p.Daily }, func(t time.Time) string { return t.Format("2006-01-02") }},
	{"weekly", func(p Policy) int { return p.Weekly }, func(t time.Time) string {
		y, w := t.ISOWeek()
		return fmt.Sprintf("%d week %d", y, w)
	}},
	{"monthly", func(p Policy) int { return p.Monthly }, func(t time.Time) string { return t.Format("2006-01") }},
	{"yearly", func(p Policy) int { return p.Yearly }, func(t time.Time) string { return t.Format("2006") }},
}

// keep gives its reasons to each of cc, which are of one source, trusted, and newest first.
func keep(cc []*candidate, p Policy) {
	for _, c := range cc {
		pinned(c)
	}
	newest(cc, p.Last, "last", nil)
	for _, b := range buckets {
		seen := map[string]bool{}
		for _, c := range cc {
			key := b.key(c.at.In(p.zone()))
			if seen[key] || len(seen) >= b.n(p) {
				continue
			}
			seen[key] = true
			c.reasons = append(c.reasons, fmt.Sprintf("%s %d of %d (%s)", b.word, len(seen), b.n(p), key))
		}
	}
	if len(cc) > 0 && p.Within > 0 {
		// Counted from the newest and not from now: where no backups are taken any more, and where the clock ran ahead, age
		// alone takes none away.
		for _, c := range cc {
			if cc[0].at.Sub(c.at) <= p.Within {
				c.reasons = append(c.reasons, "within "+spell(p.Within))
			}
		}
	}
	newest(cc, p.PreDeploy, "predeploy", func(c *candidate) bool { return c.Manifest.Reason == backup.PreDeploy })
	proven(cc)
	// Said only where nothing else is.
	for i, c := range cc[:min(p.minKeep(), len(cc))] {
		if len(c.reasons) == 0 {
			c.reasons = []string{fmt.Sprintf("min %d of %d", i+1, p.minKeep())}
		}
	}
}

// proven keeps the newest that was proven at every level: one that was restored is not outdone by one that was read.
func proven(cc []*candidate) {
	var said *candidate
	for level := backup.Restored; level >= backup.Present; level-- {
		for _, c := range cc {
			if v, ok := c.Proven(); !ok || v.Level < level {
				continue
			}
			if c != said {
				said = c
				c.reasons = append(c.reasons, "newest proven: "+level.String())
			}
			break
		}
	}
}

func pinned(c *candidate) {
	if c.Pin == nil {
		return
	}
	why := "pinned"
	if c.Pin.Why != "" {
		why += ": " + c.Pin.Why
	}
	c.reasons = append(c.reasons, why)
}

func newest(cc []*candidate, n int, word string, fits func(*candidate) bool) {
	i := 0
	for _, c := range cc {
		if i >= n {
			return
		}
		if fits == nil || fits(c) {
			i++
			c.reasons = append(c.reasons, fmt.Sprintf("%s %d of %d", word, i, n))
		}
	}
}

// keepBroken asks the rules what they would say were all of cc good, and takes from it what concerns the broken ones.
func keepBroken(cc []*candidate, p Policy) {
	as := make([]*candidate, len(cc))
	for i, c := range cc {
		as[i] = &candidate{Record: c.Record, at: c.at}
	}
	keep(as, p)
	for i, c := range cc {
		if c.broken && len(as[i].reasons) > 0 {
			c.reasons = append([]string{"its check failed, yet it is not old enough to go"}, as[i].reasons...)
		}
	}
}

// frozen is why nothing goes; empty: nothing speaks against it. cc are newest first and not empty.
func frozen(cc []*candidate, failures []backup.Failure, s backup.Source, p Policy, now time.Time, gone int) string {
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
	var last time.Time // when the newest run that ended well began
	for _, c := range cc {
		begun := firstKnown(c.Manifest.Started, c.at)
		if begun.After(last) {
			last = begun
		}
		for _, t := range []time.Time{c.at, c.Manifest.Started, c.Manifest.Finished, c.Manifest.ID.Time()} {
			if t.After(now.Add(Skew)) {
				return fmt.Sprintf("backup %s is of %s and the clock says %s: one of them is wrong", c.Manifest.ID, stamp(t), stamp(now))
			}
		}
	}
	var failed backup.Failure
	for _, f := range failures {
		if f.Source == s && f.ID.Time().After(failed.ID.Time()) {
			failed = f
		}
	}
	if failed.ID != "" && failed.ID.Time().After(last) {
		return fmt.Sprintf("the newest run, of %s, failed: %s", stamp(failed.ID.Time()), strings.TrimSpace(failed.Why))
	}
	if v, broken := cc[0].Broken(); broken {
		return fmt.Sprintf("the check of the newest backup failed: %s", strings.TrimSpace(v.Failure))
	}
	// One at a time is how retention goes on from day to day, however few there are.
	if gone > 1 && gone*100 > p.atMost()*len(cc) {
		return fmt.Sprintf("%d of %d would go, more than %d %%; if that is meant, say \"at-most\" in the policy", gone, len(cc), p.atMost())
	}
	return ""
}
