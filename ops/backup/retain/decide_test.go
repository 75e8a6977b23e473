package retain

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/backup"
)

var shop = backup.Source{App: "shop", Database: "shop_prod"}

type fataler interface {
	Helper()
	Fatal(...any)
}

func record(t fataler, s backup.Source, at time.Time, seq int) backup.Record {
	t.Helper()
	var seed [16]byte
	binary.BigEndian.PutUint64(seed[:], uint64(seq))
	id, err := backup.NewID(at, bytes.NewReader(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return backup.Record{Manifest: backup.Manifest{
		ID: id, Source: s, Reason: backup.Scheduled, Started: at, SnapshotAt: at.Add(time.Second), Finished: at.Add(time.Minute),
	}}
}

// every is one backup after the other, the newest last.
func every(t fataler, d time.Duration, n int, last time.Time) []backup.Record {
	t.Helper()
	rr := make([]backup.Record, n)
	for i := range rr {
		rr[i] = record(t, shop, last.Add(-time.Duration(n-1-i)*d), i)
	}
	return rr
}

// all allows any number to go at once, and little is kept besides the rules.
func all(p Policy) Policy {
	p.AtMost, p.MinKeep = 100, 1
	return p
}

func mustParse(t *testing.T, text string) Policy {
	t.Helper()
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func kept(dd []Decision, layout string, loc *time.Location) []string {
	var at []string
	for _, d := range dd {
		if d.Keep {
			at = append(at, d.At.In(loc).Format(layout))
		}
	}
	return at
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestGrandfathers(t *testing.T) {
	now := at(t, "2026-03-03T12:30:00Z")
	rr := every(t, time.Hour, 24*100, at(t, "2026-03-03T12:00:00Z"))
	got := kept(Decide(rr, nil, mustParse(t, "hourly 3, daily 3, weekly 3, monthly 3, min 1, at-most 100%"), now), "01-02 15h", time.UTC)
	want := []string{
		"03-03 12h", "03-03 11h", "03-03 10h", // hours
		"03-02 23h", "03-01 23h", // days; the last hour of each. 1 March 2026 is a Sunday: a week ends with it
		"02-28 23h", // month
		"02-22 23h", // week
		"01-31 23h", // month
	}
	if d := diff.Diff(want, got); d != "" {
		t.Errorf("kept (-want +got):\n%s", d)
	}
}

// The clocks go back at three o'clock to two: the hour is there twice, and both count. They go forward at two: no hour is lost.
func TestHoursWhenTheClocksChange(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	p := all(Policy{Hourly: 5, Zone: paris})
	for _, tc := range []struct {
		last string
		want []string
	}{
		{"2026-10-25T02:30:00Z", []string{"03:30 +0100", "02:30 +0100", "02:30 +0200", "01:30 +0200", "00:30 +0200"}},
		{"2026-03-29T02:30:00Z", []string{"04:30 +0200", "03:30 +0200", "01:30 +0100", "00:30 +0100", "23:30 +0100"}},
	} {
		last := at(t, tc.last)
		rr := every(t, 30*time.Minute, 40, last)
		for i := range rr {
			rr[i].Manifest.SnapshotAt = time.Time{} // the start is what is left to go by
		}
		if d := diff.Diff(tc.want, kept(Decide(rr, nil, p, last.Add(time.Hour)), "15:04 -0700", paris)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.last, d)
		}
	}
}

func TestDaysAreThoseOfTheZone(t *testing.T) {
	last := at(t, "2026-03-31T23:30:00Z") // already April in Paris
	rr := every(t, 24*time.Hour, 60, last)
	for text, want := range map[string][]string{
		"monthly 2, min 1, at-most 100%":                    {"03-31", "02-28"},
		"monthly 2, min 1, at-most 100%, zone Europe/Paris": {"03-31", "03-30"}, // the first of April, the last of March
		"yearly 5, min 1, at-most 100%":                     {"03-31"},
	} {
		if d := diff.Diff(want, kept(Decide(rr, nil, mustParse(t, text), last.Add(time.Hour)), "01-02", time.UTC)); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
	// The last days of a year belong to the first week of the next.
	rr = every(t, 24*time.Hour, 14, at(t, "2026-01-04T12:00:00Z"))
	got := kept(Decide(rr, nil, all(Policy{Weekly: 2}), at(t, "2026-01-04T13:00:00Z")), "2006-01-02", time.UTC)
	if d := diff.Diff([]string{"2026-01-04", "2025-12-28"}, got); d != "" {
		t.Errorf("weeks (-want +got):\n%s", d)
	}
}

func TestHourliesNeverShieldDailies(t *testing.T) {
	now := at(t, "2026-03-10T12:30:00Z")
	rr := every(t, time.Hour, 24*10, at(t, "2026-03-10T12:00:00Z"))
	with := kept(Decide(rr, nil, all(Policy{Hourly: 24, Daily: 7}), now), time.RFC3339, time.UTC)
	for _, day := range kept(Decide(rr, nil, all(Policy{Daily: 7}), now), time.RFC3339, time.UTC) {
		if !slices.Contains(with, day) {
			t.Errorf("the daily of %s went because of the hourlies", day)
		}
	}
}

func reasonOf(dd []Decision, r backup.Record) string {
	for _, d := range dd {
		if d.ID == r.Manifest.ID && d.Source == r.Manifest.Source {
			return fmt.Sprintf("%v %s", d.Keep, strings.Join(d.Reasons, "; "))
		}
	}
	return "not decided"
}

func TestReasons(t *testing.T) {
	now := at(t, "2026-03-10T12:30:00Z")
	rr := every(t, 24*time.Hour, 30, at(t, "2026-03-10T12:00:00Z"))
	ok := func(i int, l backup.Level) {
		rr[i].Verifications = append(rr[i].Verifications, backup.Verification{Level: l, OK: true, At: now})
	}
	rr[0].Pin = &backup.Pin{Why: "before the move"}
	ok(1, backup.Restored)
	ok(2, backup.Counted)
	ok(3, backup.Decoded)
	ok(4, backup.Restored)
	rr[4].Verifications = append(rr[4].Verifications, backup.Verification{Level: backup.Present, Failure: "gone", At: now})
	rr[5].Manifest.Reason = backup.PreDeploy
	rr[6].Manifest.Reason = backup.PreDeploy
	rr[28].Verifications = []backup.Verification{{Level: backup.Decoded, Failure: "bit flip", At: now}}
	dd := Decide(rr, nil, mustParse(t, "daily 2, predeploy 1, last 1, min 1, at-most 100%, within 30h"), now)
	for i, want := range map[int]string{
		0:  "true pinned: before the move",
		1:  "true newest proven: restored",
		2:  "true newest proven: rows counted",
		3:  "true newest proven: " + backup.Decoded.String(),
		4:  "false no rule keeps it", // a later failure takes back what was proven
		5:  "false no rule keeps it",
		6:  "true predeploy 1 of 1",
		27: "true daily 2 of 2 (2026-03-08)",
		28: "true its check failed, yet it is not old enough to go; daily 2 of 2 (2026-03-09); within 30h",
		29: "true last 1 of 1; daily 1 of 2 (2026-03-10); within 30h",
	} {
		want = strings.ReplaceAll(want, "rows counted", backup.Counted.String())
		if got := reasonOf(dd, rr[i]); got != want {
			t.Errorf("%d: %s; want %s", i, got, want)
		}
	}
}

func TestFrozen(t *testing.T) {
	now := at(t, "2026-03-10T12:30:00Z")
	newest := at(t, "2026-03-10T12:00:00Z")
	loose := mustParse(t, "daily 7, at-most 100%")
	for _, tc := range []struct {
		name     string
		policy   Policy
		now      time.Time
		change   func([]backup.Record)
		failures []time.Time
		want     string // empty: not frozen
	}{
		{name: "all is well", policy: loose, now: now},
		{name: "the newest run failed", policy: loose, now: now, failures: []time.Time{newest.Add(-48 * time.Hour), newest.Add(time.Minute)}, want: "failed: disk full"},
		{name: "an earlier run failed", policy: loose, now: now, failures: []time.Time{newest.Add(-time.Minute)}},
		{name: "the clock went back", policy: loose, now: now.Add(-24 * time.Hour), want: "clock"},
		{name: "the clock is a little behind", policy: loose, now: newest.Add(-Skew + time.Minute)},
		{name: "the newest is of the future", policy: loose, now: now, want: "clock", change: func(rr []backup.Record) {
			rr[len(rr)-1].Manifest.Finished = now.Add(time.Hour)
		}},
		{name: "an old one is of the future", policy: loose, now: now, want: "clock", change: func(rr []backup.Record) {
			rr[0].Manifest.SnapshotAt = now.Add(time.Hour)
		}},
		{name: "the check of the newest failed", policy: loose, now: now, want: "bit flip", change: func(rr []backup.Record) {
			rr[len(rr)-1].Verifications = []backup.Verification{{Failure: "bit flip"}}
		}},
		{name: "too many would go", policy: mustParse(t, "daily 7"), now: now, want: "23 of 30 would go, more than 50 %"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rr := every(t, 24*time.Hour, 30, newest)
			if tc.change != nil {
				tc.change(rr)
			}
			var failures []backup.Failure
			for i, f := range tc.failures {
				failures = append(failures, backup.Failure{ID: record(t, shop, f, 100+i).Manifest.ID, Source: shop, Why: "disk full"})
			}
			elsewhere := backup.Failure{ID: record(t, shop, newest.Add(5*time.Minute), 7).Manifest.ID, Source: backup.Source{App: "blog"}, Why: "no"}
			dd := Decide(rr, append(failures, elsewhere), tc.policy, tc.now)
			gone, frozen := 0, ""
			for _, d := range dd {
				if !d.Keep {
					gone++
				}
				if d.Frozen != "" {
					frozen = d.Frozen
				}
			}
			if tc.want == "" && (gone != 23 || frozen != "") {
				t.Errorf("%d go, frozen: %q; want 23", gone, frozen)
			}
			if tc.want != "" && (gone != 0 || !strings.Contains(frozen, tc.want)) {
				t.Errorf("%d go, frozen: %q; want %q", gone, frozen, tc.want)
			}
		})
	}
}

// One comes and one goes, however few there are.
func TestASingleOneMayGo(t *testing.T) {
	now := at(t, "2026-03-10T12:30:00Z")
	dd := Decide(every(t, 24*time.Hour, 2, at(t, "2026-03-10T12:00:00Z")), nil, mustParse(t, "last 1, min 1, at-most 10%"), now)
	if !dd[0].Keep || dd[1].Keep {
		t.Errorf("%+v", dd)
	}
}

// draw is what a store may have: several sources, every reason, checks good and bad, pins.
func draw(t *rapid.T, now time.Time) []backup.Record {
	n := rapid.IntRange(0, 60).Draw(t, "n")
	rr := make([]backup.Record, n)
	for i := range rr {
		s := backup.Source{App: "shop", Database: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "db")}
		minutes := rapid.IntRange(61, 60*24*rapid.SampledFrom([]int{2, 40, 900}).Draw(t, "span")).Draw(t, "minutes")
		r := record(t, s, now.Add(-time.Duration(minutes)*time.Minute), i)
		r.Manifest.Reason = rapid.SampledFrom([]backup.Reason{backup.Manual, backup.Scheduled, backup.PreDeploy}).Draw(t, "reason")
		for range rapid.IntRange(0, 2).Draw(t, "checks") {
			ok := rapid.IntRange(0, 3).Draw(t, "ok") > 0
			r.Verifications = append(r.Verifications, backup.Verification{Level: backup.Level(rapid.IntRange(0, 3).Draw(t, "level")), OK: ok})
		}
		if rapid.IntRange(0, 9).Draw(t, "pin") == 0 {
			r.Pin = &backup.Pin{Why: "x"}
		}
		rr[i] = r
	}
	return rr
}

func drawNow(t *rapid.T) time.Time {
	// Around a change of the clocks as often as not.
	base := rapid.SampledFrom([]string{"2026-10-25T01:30:00Z", "2026-03-29T12:00:00Z", "2026-01-01T00:30:00Z", "2024-02-29T23:59:59Z", "2011-12-31T12:00:00Z"}).Draw(t, "now")
	v, err := time.Parse(time.RFC3339, base)
	if err != nil {
		t.Fatal(err)
	}
	return v.Add(time.Duration(rapid.IntRange(0, 48*60).Draw(t, "later")) * time.Minute)
}

// What must hold whatever the policy: everything is decided once; pins, the newest that was proven at each level, the newest
// min and the newest before deploys stay; broken ones take nobody's place.
func TestWhatMustStayStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, p := drawNow(t), drawPolicy(t)
		rr := draw(t, now)
		before := fmt.Sprintf("%+v", rr)
		dd := Decide(rr, nil, p, now)
		if fmt.Sprintf("%+v", rr) != before {
			t.Fatal("the records were changed")
		}
		keep := map[backup.ID]bool{}
		for _, d := range dd {
			if _, twice := keep[d.ID]; twice || len(d.Reasons) == 0 || (d.Frozen != "" && !d.Keep) {
				t.Fatalf("decided twice, or without a reason, or frozen and gone: %+v", d)
			}
			keep[d.ID] = d.Keep
		}
		if len(keep) != len(rr) {
			t.Fatalf("%d decided of %d", len(keep), len(rr))
		}
		for _, db := range []string{"a", "b"} {
			var mine []backup.Record
			for _, r := range rr {
				if r.Manifest.Database == db {
					mine = append(mine, r)
				}
			}
			slices.SortFunc(mine, func(a, b backup.Record) int {
				return cmp.Or(When(&b).Compare(When(&a)), strings.Compare(string(b.Manifest.ID), string(a.Manifest.ID)))
			})
			mustStay(t, mine, keep, p)
		}
	})
}

func mustStay(t *rapid.T, mine []backup.Record, keep map[backup.ID]bool, p Policy) {
	good, pre := 0, 0
	proven := map[backup.Level]bool{}
	for i := range mine {
		r := &mine[i]
		_, broken := r.Broken()
		why := ""
		if r.Pin != nil {
			why = "pinned"
		}
		if !broken {
			if good < p.minKeep() {
				why = "one of the newest"
			}
			good++
			if r.Manifest.Reason == backup.PreDeploy {
				if pre < p.PreDeploy {
					why = "before a deploy"
				}
				pre++
			}
			if v, ok := r.Proven(); ok {
				for l := backup.Present; l <= v.Level; l++ {
					if !proven[l] {
						why = "newest proven"
					}
					proven[l] = true
				}
			}
		}
		if why != "" && !keep[r.Manifest.ID] {
			t.Fatalf("%s went: it is %s", r.Manifest.ID, why)
		}
	}
}

// Two databases are decided each as if the other were not there, and the order in which records come says nothing.
func TestSourcesAreApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, p := drawNow(t), drawPolicy(t)
		rr := draw(t, now)
		together := Decide(rapid.Permutation(rr).Draw(t, "order"), nil, p, now)
		var apart []Decision
		for _, db := range []string{"a", "b"} {
			var mine []backup.Record
			for _, r := range rr {
				if r.Manifest.Database == db {
					mine = append(mine, r)
				}
			}
			apart = append(apart, Decide(mine, nil, p, now)...)
		}
		if d := diff.Diff(apart, together); d != "" && len(rr) > 0 {
			t.Fatalf("(-apart +together):\n%s", d)
		}
	})
}

// Adding a rule, or a number to one, never takes a backup away; nor does a backup that failed its check
// take away a good one.
func TestMoreIsNeverLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, p := drawNow(t), drawPolicy(t)
		p.AtMost = 100
		rr := draw(t, now)
		more := p
		n := rapid.SampledFrom([]*int{&more.Last, &more.Hourly, &more.Daily, &more.Weekly, &more.Monthly, &more.Yearly, &more.PreDeploy}).Draw(t, "rule")
		*n += rapid.IntRange(1, 3).Draw(t, "by")
		contains(t, Decide(rr, nil, p, now), Decide(rr, nil, more, now))

		bad := record(t, backup.Source{App: "shop", Database: "a"}, now.Add(-time.Duration(rapid.IntRange(2, 60*24*40).Draw(t, "bad"))*time.Minute), 999)
		bad.Verifications = []backup.Verification{{Failure: "bit flip"}}
		good := slices.DeleteFunc(Decide(rr, nil, p, now), func(d Decision) bool { return strings.Contains(d.Reasons[0], "its check failed") })
		contains(t, good, Decide(append(slices.Clone(rr), bad), nil, p, now))
	})
}

func contains(t *rapid.T, small, large []Decision) {
	keep := map[backup.ID]bool{}
	for _, d := range large {
		keep[d.ID] = d.Keep
	}
	for _, d := range small {
		if d.Keep && !keep[d.ID] {
			t.Fatalf("%s stayed with less (%v) and went with more", d.ID, d.Reasons)
		}
	}
}

// Pruning after every backup ends where pruning once at the end does: what the calendar will want is never gone before.
func TestPruningOftenIsPruningOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		end, p := drawNow(t), drawPolicy(t)
		p.AtMost = 100
		rr := draw(t, end)
		for i := range rr {
			rr[i].Verifications = nil
			rr[i].Manifest.Source = shop
		}
		slices.SortFunc(rr, func(a, b backup.Record) int { return When(&a).Compare(When(&b)) })
		var have []backup.Record
		for _, r := range rr {
			have = append(have, r)
			gone := map[backup.ID]bool{}
			for _, d := range Decide(have, nil, p, r.Manifest.Finished) {
				gone[d.ID] = !d.Keep
			}
			have = slices.DeleteFunc(slices.Clone(have), func(r backup.Record) bool { return gone[r.Manifest.ID] })
		}
		contains(t, Decide(rr, nil, p, end), Decide(have, nil, p, end))
	})
}
