package notice

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops"
	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
)

var (
	shop = backup.Source{App: "shop", Database: "shop_prod"}
	now  = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
)

func idAt(t *testing.T, at time.Time) backup.ID {
	t.Helper()
	id, err := backup.NewID(at, bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// aged is a backup of so long ago, with the checks given.
func aged(t *testing.T, d time.Duration, checks ...backup.Verification) backup.Record {
	t.Helper()
	at := now.Add(-d)
	return backup.Record{
		Manifest: backup.Manifest{
			ID: idAt(t, at), Source: shop, Reason: backup.Scheduled, Started: at, SnapshotAt: at, Finished: at.Add(5 * time.Minute),
			Payload: []backup.Payload{{Kind: backup.Dump, Raw: backup.Stage{Bytes: 5000}, Stored: backup.StoredAs{Bytes: 1000}}},
		},
		Verifications: checks,
	}
}

func TestProblems(t *testing.T) {
	const day = 24 * time.Hour
	good := backup.Verification{Level: backup.Restored, OK: true, At: now}
	decoded := backup.Verification{Level: backup.Decoded, OK: true, At: now}
	bad := backup.Verification{Level: backup.Decoded, At: now, Failure: "a bit is not as it was"}
	for _, tc := range []struct {
		name   string
		list   catalog.Listing
		err    error
		policy Policy
		want   []string
	}{
		{"all is well", catalog.Listing{Records: []backup.Record{aged(t, time.Hour, good), aged(t, day)}}, nil, Policy{Level: backup.Restored}, nil},
		{"the store does not answer", catalog.Listing{}, errors.New("dial: password=hunter2 refused"), Policy{}, []string{"backup.unread: dial: [secret] refused"}},
		{"none", catalog.Listing{}, nil, Policy{Level: backup.Restored}, []string{"backup.none: none at all, or none that passed its check"}},
		{"none of this database", catalog.Listing{Records: []backup.Record{{Manifest: backup.Manifest{ID: idAt(t, now), Source: backup.Source{App: "blog"}}}}}, nil, Policy{}, []string{"backup.none: none at all, or none that passed its check"}},
		{"none that could be read", catalog.Listing{Problems: []catalog.Problem{{Kind: catalog.Unread, Source: shop, ID: "A", Detail: "no answer"}}}, nil, Policy{}, []string{"backup.unread: A: no answer"}},
		{"late", catalog.Listing{Records: []backup.Record{aged(t, 27*time.Hour)}}, nil, Policy{}, []string{"backup.overdue: 27 hours old, 26 hours is wanted"}},
		{"late by the policy", catalog.Listing{Records: []backup.Record{aged(t, 3*time.Hour)}}, nil, Policy{MaxAge: 90 * time.Minute}, []string{"backup.overdue: 3 hours old, 90 minutes is wanted"}},
		{"far too late", catalog.Listing{Records: []backup.Record{aged(t, 10*day), aged(t, 12*day)}}, nil, Policy{Level: backup.Restored}, []string{"backup.long_overdue: 10 days old, 26 hours is wanted"}},
		{"only broken ones are new", catalog.Listing{Records: []backup.Record{aged(t, time.Hour, bad), aged(t, 30*time.Hour)}}, nil, Policy{}, []string{"backup.overdue: 30 hours old, 26 hours is wanted", "backup.check_failed: " + string(idAt(t, now.Add(-time.Hour))) + ", " + backup.Decoded.String() + ": a bit is not as it was"}},
		{"the newest run failed", catalog.Listing{Records: []backup.Record{aged(t, 20*time.Hour)}, Failures: []backup.Failure{{ID: idAt(t, now), Source: shop, At: now, Why: "disk full"}}}, nil, Policy{}, []string{"backup.failed: disk full"}},
		{"an older run failed", catalog.Listing{Records: []backup.Record{aged(t, time.Hour)}, Failures: []backup.Failure{{ID: idAt(t, now.Add(-2*time.Hour)), Source: shop, Why: "disk full"}}}, nil, Policy{}, nil},
		{"none is proven", catalog.Listing{Records: []backup.Record{aged(t, time.Hour, decoded), aged(t, 9*day)}}, nil, Policy{Level: backup.Restored}, []string{"backup.unproven: none is " + backup.Restored.String()}},
		{"none is proven lately", catalog.Listing{Records: []backup.Record{aged(t, time.Hour, decoded), aged(t, 9*day, good)}}, nil, Policy{Level: backup.Restored}, []string{"backup.unproven: the newest that is " + backup.Restored.String() + " is 9 days old, 7 days is wanted"}},
		{"there was no time yet", catalog.Listing{Records: []backup.Record{aged(t, time.Hour)}}, nil, Policy{Level: backup.Restored}, nil},
		{"the clock", catalog.Listing{Records: []backup.Record{aged(t, -time.Hour)}}, nil, Policy{}, []string{"backup.clock: " + string(idAt(t, now.Add(time.Hour))) + " is of 2026-03-10 13:00Z, and the clock says 2026-03-10 12:00Z"}},
		{
			"what lies in the store",
			catalog.Listing{Records: []backup.Record{aged(t, time.Hour)}, Problems: []catalog.Problem{
				{Kind: catalog.Incomplete, Source: shop, ID: "A", Detail: "its dump is not there"},
				{Kind: catalog.Garbled, Source: shop, ID: "B", Detail: "garbled\x1b[2J"},
				{Kind: catalog.MissingPrev, Source: shop, ID: "C", Detail: "vanished"},
				{Kind: catalog.Orphan, Source: shop, ID: "D"},
				{Kind: catalog.Garbled, Source: backup.Source{App: "blog"}, ID: "E"},
			}},
			nil,
			Policy{},
			[]string{"backup.damaged: B: garbled, and 1 more", "backup.vanished: C: vanished"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, p := range Problems(tc.list, tc.err, shop, tc.policy, now) {
				got = append(got, p.Code+": "+p.Detail)
				if p.Since.After(now) {
					t.Errorf("%s since %v", p.Code, p.Since)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConditionsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Conditions() {
		if seen[c.Code] || !strings.HasPrefix(c.Code, "backup.") || c.Title == "" || c.Hint == "" {
			t.Errorf("%+v", c)
		}
		if !slices.Contains([]ops.Severity{ops.Critical, ops.Warning, ops.Unknown}, c.Severity) {
			t.Errorf("%s: severity %q", c.Code, c.Severity)
		}
		seen[c.Code] = true
	}
	for _, c := range Conditions() {
		for _, d := range c.DependsOn {
			if !seen[d] || d == c.Code {
				t.Errorf("%s depends on %s", c.Code, d)
			}
		}
	}
}

// TestProblemsAreDocumented keeps docs/backup-problems.md in step with the table; UPDATE_GOLDEN rewrites it.
func TestProblemsAreDocumented(t *testing.T) {
	const path = "../../../docs/backup-problems.md"
	var b bytes.Buffer
	b.WriteString(`# Problems of backups

What ` + "`ops-console backup list`" + `, pane 6 and the Overview can report of the backups of a database. The codes are stable. Critical
needs a human now, warning will need one; unknown is not a fault of the backups but of what can be found out about them. A
problem is not shown while one of those in the last column explains it.

This file is generated from the table in ops/backup/notice: ` + "`UPDATE_GOLDEN=1 go test ./ops/backup/notice -run TestProblemsAreDocumented`" + `.

| code | severity | what | what to do | explained by |
|---|---|---|---|---|
`)
	for _, c := range Conditions() {
		var by []string
		for _, d := range c.DependsOn {
			by = append(by, "`"+d+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.Code, c.Severity, c.Title, c.Hint, strings.Join(by, ", "))
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("docs/backup-problems.md (-file +table):\n%s", diff)
	}
}
