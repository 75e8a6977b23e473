package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops"
	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/retain"
)

var now = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)

// sample is a list with one of everything.
func sample(t *testing.T) *List {
	t.Helper()
	record := func(age time.Duration, size int64, reason backup.Reason) backup.Record {
		at := now.Add(-age)
		id, err := backup.NewID(at, bytes.NewReader(make([]byte, 16)))
		if err != nil {
			t.Fatal(err)
		}
		return backup.Record{Manifest: backup.Manifest{
			Format: 1, ID: id, Source: backup.Source{App: "shop", Database: "shop_prod"}, Reason: reason, SnapshotAt: at, Finished: at.Add(time.Minute),
			Server: backup.Server{Version: "15.18", Migrations: backup.Migrations{Max: 20260101120000, Count: 12}}, Tables: make([]backup.Table, 4),
			Payload: []backup.Payload{{Key: "dump.pgc.zst.age", Kind: backup.Dump, Raw: backup.Stage{Bytes: 5 * size}, Age: &backup.Age{}, Stored: backup.StoredAs{Bytes: size}}},
		}}
	}
	a, b, c := record(30*time.Minute, 489_094_828, backup.PreDeploy), record(26*time.Hour, 488_000_000, backup.Scheduled), record(50*time.Hour, 487_000_000, backup.Manual)
	a.Manifest.DeployID = "01JDEPLOY"
	a.Verifications = []backup.Verification{{Level: backup.Decoded, OK: true, At: now.Add(-29 * time.Minute)}}
	b.Verifications = []backup.Verification{{Level: backup.Restored, OK: true, At: now.Add(-25 * time.Hour)}, {Level: backup.Decoded, At: now.Add(-time.Hour), Failure: "the stored object is 12 bytes short"}}
	c.Pin = &backup.Pin{Why: "before the big move", By: "ana@laptop", At: now}
	l := &List{
		At: now, Store: "s3://backups/db", Source: a.Manifest.Source,
		Listing: catalog.Listing{
			Records:  []backup.Record{a, b, c},
			Failures: []backup.Failure{{ID: a.Manifest.ID, Source: a.Manifest.Source, Reason: backup.Scheduled, At: now.Add(-3 * time.Hour), Remote: "91857a", Why: "pg_dump ended with status 1"}},
			Problems: []catalog.Problem{{Kind: catalog.Orphan, ID: c.Manifest.ID, Detail: "objects without a manifest", Bytes: 4096}},
		},
		Problems: []ops.Problem{{Code: "backup.broken", Severity: ops.Critical, Title: "a backup is broken", Detail: "the stored object is 12 bytes short", Hint: "take another one"}},
	}
	l.Kept = retain.Decide(l.Listing.Records, nil, retain.Policy{Last: 1, MinKeep: 1, AtMost: 100}, now)
	return l
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (UPDATE_GOLDEN=1 writes it): %s", name, d)
	}
}

func sizes(l *List) map[backup.ID]int64 {
	m := map[backup.ID]int64{}
	for _, r := range l.Listing.Records {
		m[r.Manifest.ID] = r.Manifest.Stored()
	}
	return m
}

func TestGoldens(t *testing.T) {
	l := sample(t)
	policy := "last 1, min 1"
	later, err := backup.NewID(now.Add(-time.Minute), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Listing.Records[1].Verifications = l.Listing.Records[1].Verifications[:1]
	l.Listing.Records[2].Pin = nil
	frozen := retain.Decide(l.Listing.Records, []backup.Failure{{ID: later, Source: l.Source, Why: "pg_dump ended with status 1"}}, retain.Policy{Last: 1, MinKeep: 1, AtMost: 100}, now)
	l = sample(t)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"list-100.txt": func(b *bytes.Buffer) error { return ListText(b, l, Options{Width: 100, Now: now}) },
		"list-80.txt":  func(b *bytes.Buffer) error { return ListText(b, l, Options{Width: 80, Now: now, ASCII: true}) },
		"list.json":    func(b *bytes.Buffer) error { return ListJSON(b, l) },
		"none.txt": func(b *bytes.Buffer) error {
			return ListText(b, &List{At: now, Store: "/backups", Source: l.Source}, Options{Now: now})
		},
		"prune-dry.txt": func(b *bytes.Buffer) error {
			return PruneText(b, policy, l.Kept, sizes(l), true, Options{Width: 120, Now: now})
		},
		"prune-frozen.txt": func(b *bytes.Buffer) error {
			return PruneText(b, policy, frozen, sizes(l), true, Options{Width: 120, Now: now})
		},
		"prune.json": func(b *bytes.Buffer) error { return PruneJSON(b, policy, l.Kept, sizes(l), false) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
			if filepath.Ext(name) == ".json" && !json.Valid(b.Bytes()) {
				t.Error("not JSON")
			}
		})
	}
	if !l.Bad() || (&List{}).Bad() {
		t.Error("critical is bad, nothing is not")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestAnOutputThatFailsIsAnError(t *testing.T) {
	l := sample(t)
	for _, err := range []error{ListText(full{}, l, Options{Now: now}), ListJSON(full{}, l), PruneText(full{}, "", nil, nil, true, Options{}), PruneJSON(full{}, "", nil, nil, true)} {
		if err == nil {
			t.Error("nobody noticed")
		}
	}
}
