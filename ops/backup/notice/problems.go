package notice

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"ops-console/ops"
	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/retain"
)

// The codes of what can be wrong with the backups of a database. They are stable: scripts match them.
const (
	codeUnread      = "backup.unread"
	codeNone        = "backup.none"
	codeLongOverdue = "backup.long_overdue"
	codeOverdue     = "backup.overdue"
	codeFailed      = "backup.failed"
	codeCheckFailed = "backup.check_failed"
	codeUnproven    = "backup.unproven"
	codeDamaged     = "backup.damaged"
	codeVanished    = "backup.vanished"
	codeClock       = "backup.clock"
)

// conditions is never written to. Its order is that of docs/backup-problems.md.
var conditions = []ops.Condition{
	{
		Code: codeUnread, Severity: ops.Unknown,
		Title: "what backups there are is not known",
		Hint:  "see whether the store answers and takes the credentials: `ops-console backup list`",
	},
	{
		Code: codeNone, Severity: ops.Critical,
		Title:     "there is no backup",
		Hint:      "take one: `ops-console backup run`; then have it done by schedule: `ops-console backup schedule`",
		DependsOn: []string{codeUnread},
	},
	{
		Code: codeLongOverdue, Severity: ops.Critical,
		Title:     "the newest backup is far too old",
		Hint:      "take one now: `ops-console backup run`; then see why the schedule does not: `ops-console backup schedule list`",
		DependsOn: []string{codeUnread},
	},
	{
		Code: codeOverdue, Severity: ops.Warning,
		Title:     "the newest backup is too old",
		Hint:      "see what runs the schedule and how its last run ended: `ops-console backup schedule list`",
		DependsOn: []string{codeUnread, codeLongOverdue},
	},
	{
		Code: codeFailed, Severity: ops.Warning,
		Title: "the newest backup run failed",
		Hint:  "nothing is removed by retention until one succeeds: mend the cause and run `ops-console backup run`",
	},
	{
		Code: codeCheckFailed, Severity: ops.Critical,
		Title: "the newest backup did not pass its check",
		Hint:  "take another one, and check again what the older ones are worth: `ops-console backup verify`",
	},
	{
		Code: codeUnproven, Severity: ops.Warning,
		Title:     "no recent backup was proven",
		Hint:      "`ops-console backup verify latest` with the level that is wanted; have it done after each run",
		DependsOn: []string{codeNone, codeLongOverdue, codeUnread},
	},
	{
		Code: codeDamaged, Severity: ops.Warning,
		Title: "a backup cannot be restored",
		Hint:  "its objects are gone, short or not readable: see who else writes to the store; remove it when nothing can be saved",
	},
	{
		Code: codeVanished, Severity: ops.Warning,
		Title: "a backup vanished or was changed",
		Hint:  "not by this program: see the store's own log, its lifecycle rules, and who has its keys",
	},
	{
		Code: codeClock, Severity: ops.Warning,
		Title: "a backup is of the future",
		Hint:  "the clock of this machine or of the one that took it is wrong: nothing is removed by retention meanwhile",
	},
}

// Conditions is a copy of the table of what can be wrong with backups.
func Conditions() []ops.Condition {
	cc := slices.Clone(conditions)
	for i := range cc {
		cc[i].DependsOn = slices.Clone(cc[i].DependsOn)
	}
	return cc
}

func condition(code string) ops.Condition {
	return conditions[slices.IndexFunc(conditions, func(c ops.Condition) bool { return c.Code == code })]
}

// Policy is what is wanted of the backups of a database.
type Policy struct {
	MaxAge    time.Duration // of the newest one; 0: DefaultMaxAge. Three times that is far too old
	Level     backup.Level  // to which one is to be proven; Present: no matter
	MaxProven time.Duration // how old the newest that is proven so far may be; 0: a week
}

// DefaultMaxAge is that of a daily backup, with some time to be late.
const DefaultMaxAge = 26 * time.Hour

// farTooOld is how many times MaxAge are critical.
const farTooOld = 3

// Overdue is whether the newest of the records, which are of one source and in any order, is older than wanted. There is none
// at all: ok, with a zero newest.
func Overdue(records []backup.Record, p Policy, now time.Time) (newest backup.Record, age time.Duration, ok bool) {
	for _, r := range records {
		// One that did not pass its check is no backup to wait for the next with.
		if _, broken := r.Broken(); !broken && retain.When(&r).After(retain.When(&newest)) {
			newest = r
		}
	}
	if newest.Manifest.ID == "" {
		return newest, 0, true
	}
	age = now.Sub(retain.When(&newest))
	return newest, age, age > p.maxAge()
}

func (p Policy) maxAge() time.Duration {
	if p.MaxAge <= 0 {
		return DefaultMaxAge
	}
	return p.MaxAge
}

// Problems is what is wrong with the backups of a source. listErr is why there is no listing.
func Problems(l catalog.Listing, listErr error, s backup.Source, p Policy, now time.Time) []ops.Problem {
	if listErr != nil {
		return []ops.Problem{condition(codeUnread).Of(ops.Subject{}, time.Time{}, clean(listErr.Error()))}
	}
	v := view{policy: p, now: now}
	for _, r := range l.Records {
		if r.Manifest.Source == s {
			v.records = append(v.records, r)
		}
	}
	slices.SortStableFunc(v.records, func(a, b backup.Record) int { return retain.When(&b).Compare(retain.When(&a)) })
	v.found(l.Problems, s)
	v.clock()
	v.age()
	v.failed(l.Failures, s)
	v.checked()
	v.proven()
	return v.unexplained()
}

// unexplained leaves out what follows from another problem.
func (v *view) unexplained() []ops.Problem {
	holds := map[string]bool{}
	for _, p := range v.problems {
		holds[p.Code] = true
	}
	return slices.DeleteFunc(v.problems, func(p ops.Problem) bool {
		return slices.ContainsFunc(condition(p.Code).DependsOn, func(code string) bool { return holds[code] })
	})
}

// view is a listing of one source while it is looked at.
type view struct {
	policy   Policy
	now      time.Time
	records  []backup.Record // newest first
	problems []ops.Problem
}

func (v *view) add(code string, since time.Time, format string, args ...any) {
	v.problems = append(v.problems, condition(code).Of(ops.Subject{}, since, clean(fmt.Sprintf(format, args...))))
}

// codes are the conditions of what lies in the store.
var codes = map[catalog.Kind]string{
	catalog.Garbled: codeDamaged, catalog.Misplaced: codeDamaged, catalog.Incomplete: codeDamaged,
	catalog.MissingPrev: codeVanished, catalog.ChangedPrev: codeVanished,
	catalog.Unread: codeUnread,
}

// found is what the catalogue found, one problem of each kind with the newest as its detail.
func (v *view) found(problems []catalog.Problem, s backup.Source) {
	type tally struct {
		n      int
		newest catalog.Problem
	}
	of := map[string]tally{}
	for _, p := range problems {
		code := codes[p.Kind]
		if code == "" || p.Source != s {
			continue
		}
		t := of[code]
		t.n++
		if t.n == 1 || p.ID > t.newest.ID {
			t.newest = p
		}
		of[code] = t
	}
	for _, c := range conditions {
		t, ok := of[c.Code]
		if !ok {
			continue
		}
		more := ""
		if t.n > 1 {
			more = fmt.Sprintf(", and %d more", t.n-1)
		}
		v.add(c.Code, t.newest.At, "%s: %s%s", t.newest.ID, t.newest.Detail, more)
	}
}

func (v *view) clock() {
	for i := range v.records {
		if at := retain.When(&v.records[i]); at.After(v.now.Add(retain.Skew)) {
			v.add(codeClock, time.Time{}, "%s is of %s, and the clock says %s", v.records[i].Manifest.ID, stamp(at), stamp(v.now))
			return
		}
	}
}

func (v *view) age() {
	newest, age, overdue := Overdue(v.records, v.policy, v.now)
	limit := v.policy.maxAge()
	switch {
	case newest.Manifest.ID == "":
		v.add(codeNone, time.Time{}, "none at all, or none that passed its check")
	case age > farTooOld*limit:
		v.add(codeLongOverdue, retain.When(&newest).Add(limit), "%s old, %s is wanted", short(age), short(limit))
	case overdue:
		v.add(codeOverdue, retain.When(&newest).Add(limit), "%s old, %s is wanted", short(age), short(limit))
	}
}

func (v *view) failed(failures []backup.Failure, s backup.Source) {
	var newest backup.Failure
	for _, f := range failures {
		if f.Source == s && f.ID > newest.ID {
			newest = f
		}
	}
	for i := range v.records {
		if v.records[i].Manifest.ID > newest.ID {
			return
		}
	}
	if newest.ID != "" {
		v.add(codeFailed, newest.At, "%s", newest.Why)
	}
}

func (v *view) checked() {
	if len(v.records) == 0 {
		return
	}
	if c, broken := v.records[0].Broken(); broken {
		v.add(codeCheckFailed, c.At, "%s, %s: %s", v.records[0].Manifest.ID, c.Level, c.Failure)
	}
}

func (v *view) proven() {
	if v.policy.Level == backup.Present || len(v.records) == 0 {
		return
	}
	limit := v.policy.MaxProven
	if limit <= 0 {
		limit = 7 * 24 * time.Hour
	}
	for i := range v.records {
		c, ok := v.records[i].Proven()
		if !ok || c.Level < v.policy.Level {
			continue
		}
		if at := retain.When(&v.records[i]); v.now.Sub(at) > limit {
			v.add(codeUnproven, at.Add(limit), "the newest that is %s is %s old, %s is wanted", v.policy.Level, short(v.now.Sub(at)), short(limit))
		}
		return
	}
	oldest := retain.When(&v.records[len(v.records)-1])
	if v.now.Sub(oldest) > limit {
		v.add(codeUnproven, oldest.Add(limit), "none is %s", v.policy.Level)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

// short is a duration in its largest unit that still says something.
func short(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}

// errNoURL: what was given is no address to send to.
var errNoURL = errors.New("not an address that notices can be sent to")
