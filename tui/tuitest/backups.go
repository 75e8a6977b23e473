package tuitest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ops-console/ops"
	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/notice"
	"ops-console/ops/backup/retain"
	kept "ops-console/ops/backup/watch"
	"ops-console/ops/feed"
)

// Store says what a sample of backups has.
type Store struct {
	Now      time.Time // zero: Now()
	Count    int       // how many, hours and then days apart; 0: a dozen
	None     bool      // there is no backup at all
	Overdue  bool      // the newest is of four days ago
	Broken   bool      // the newest failed its check
	Failed   bool      // the newest run came to nothing, which freezes retention
	Strange  bool      // other things lie in the store
	Plain    bool      // not encrypted, and retention cannot be read
	Job      string    // "dump", "stuck", "stopping", "verify", "early": one runs; "failed", "cancelled", "restored", "pruned": one ended
	Schedule bool      // a machine takes backups
	Hostile  bool      // names and texts that a terminal must not see
}

// BackupsFeed is a good reading of a sample.
func BackupsFeed(seq uint64, s *kept.Snapshot) feed.Snapshot[*kept.Snapshot] {
	return feed.Snapshot[*kept.Snapshot]{Seq: seq, At: s.At, GoodAt: s.At, Value: s}
}

type keeper struct {
	Store
	seed   *rand.ChaCha8
	source backup.Source
}

// Backups is a sample of what there is to know of an application's backups.
func Backups(o Store) *kept.Snapshot {
	if o.Now.IsZero() {
		o.Now = Now()
	}
	if o.Count == 0 {
		o.Count = 12
	}
	k := &keeper{Store: o, seed: rand.NewChaCha8([32]byte{1}), source: backup.Source{App: "changelog", Database: "changelog_prod"}}
	if o.Hostile {
		k.source.Database = "prod\x1b[2J\u202e\n'; rm"
	}
	policy := retain.Policy{Last: 3, Hourly: 6, Daily: 4, Weekly: 2, PreDeploy: 1, AtMost: 100}
	s := &kept.Snapshot{
		At: o.Now.Add(-20 * time.Second), Store: "s3://changelog-backups/db?endpoint=https%3A%2F%2Ffly.storage.tigris.dev", Source: k.source,
		Encrypted: true, Policy: policy,
	}
	if !o.None {
		s.Listing.Records = k.records()
	}
	if o.Failed {
		s.Listing.Failures = []backup.Failure{
			k.failure(25*time.Minute, "pg_dump: error: server closed the connection unexpectedly; the snapshot of fra-1 was held for 41s"),
			k.failure(3*time.Hour+70*time.Minute, "the lock on public.events was not free within 10s: pid 4411 (changelog_web) holds AccessExclusiveLock"),
		}
	}
	if o.Strange {
		s.Listing.Problems = []catalog.Problem{
			{Kind: catalog.Orphan, Source: k.source, ID: k.id(6 * time.Hour), Detail: "objects without a manifest: a run that is going on, or that died", Bytes: 201_000_000, At: o.Now.Add(-6 * time.Hour)},
			{Kind: catalog.MissingPrev, Source: k.source, ID: k.id(30 * time.Hour), Detail: "the backup before this one is gone, and nobody removed it", At: o.Now.Add(-30 * time.Hour)},
		}
	}
	if o.Plain {
		s.Encrypted, s.PolicyErr = false, errors.New(`"hourly many": a number is wanted`)
	}
	if o.Schedule {
		s.Scheduled = []kept.Scheduled{{What: "machine 91857aef00d in fra", When: "daily", ID: "91857aef00d"}}
	}
	if s.PolicyErr == nil {
		s.Retention = retain.Decide(s.Listing.Records, s.Listing.Failures, policy, o.Now)
	}
	s.Problems = notice.Problems(s.Listing, nil, k.source, notice.Policy{Level: backup.Decoded}, o.Now)
	ops.SortProblems(s.Problems)
	s.Job = k.job(s)
	if o.Job == "restored" {
		s.Restored = s.Job.Restored
	}
	return s
}

func (k *keeper) id(ago time.Duration) backup.ID {
	id, err := backup.NewID(k.Now.Add(-ago), k.seed)
	if err != nil {
		panic(err) // the entropy is endless
	}
	return id
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func (k *keeper) failure(ago time.Duration, why string) backup.Failure {
	f := backup.Failure{ID: k.id(ago), Source: k.source, Reason: backup.Scheduled, At: k.Now.Add(-ago + time.Minute), Why: why}
	if k.Hostile {
		f.Why, f.Remote = "\x1b]0;owned\x07 why \u202e"+why, "9185\r7a"
	}
	return f
}

// records are newest first: an hour apart at first, then half a day.
func (k *keeper) records() []backup.Record {
	var out []backup.Record
	ago := 3*time.Hour + 12*time.Minute
	if k.Overdue {
		ago += 93 * time.Hour
	}
	for i := range k.Count {
		out = append(out, k.record(i, ago))
		if i < 4 {
			ago += time.Hour + 17*time.Minute
		} else {
			ago += 11*time.Hour + 3*time.Minute
		}
	}
	return out
}

func (k *keeper) record(i int, ago time.Duration) backup.Record {
	at := k.Now.Add(-ago)
	stored := int64(489_214_000 - 3_100_000*(i%40))
	raw := stored * 51 / 10
	m := backup.Manifest{
		Format: backup.Format, ID: k.id(ago), Source: k.source, Reason: backup.Scheduled,
		Started: at, SnapshotAt: at.Add(2 * time.Second), Finished: at.Add(41 * time.Second),
		Server: backup.Server{
			Version: "15.18", SystemID: "7312345678901234567", Node: "fra-1", LSN: "16/B375B213", Encoding: "UTF8", Collate: "en_US.utf8", CollationVersion: "2.36",
			Extensions: map[string]string{"pg_trgm": "1.6", "citext": "1.6"}, Migrations: backup.Migrations{Max: 20261101120000, Count: 214},
			AppImage: "registry.example.com/changelog@sha256:" + sum("image")[:12],
		},
		Tool: backup.Tool{PgDump: "15.18", Args: []string{"-Fc", "-Z0", "--no-password", "--lock-wait-timeout=10s"}, Ops: "0.4.1"},
		Payload: []backup.Payload{
			{
				Key: "dump.pgc.zst.age", Kind: backup.Dump, Raw: backup.Stage{Bytes: raw, SHA256: sum(fmt.Sprint("raw", i))},
				Zstd:   backup.Zstd{Bytes: stored - 120_000, SHA256: sum(fmt.Sprint("zstd", i)), Level: 3, Checksum: true},
				Age:    &backup.Age{Recipients: []string{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"}, Bytes: stored},
				Stored: backup.StoredAs{Bytes: stored, SHA256: sum(fmt.Sprint("age", i)), Part: 16 << 20, Parts: 30},
			},
			{Key: "globals.sql.zst.age", Kind: backup.Globals, Raw: backup.Stage{Bytes: 2211}, Zstd: backup.Zstd{Bytes: 800, Level: 3, Checksum: true}, Stored: backup.StoredAs{Bytes: 1034}},
		},
		Tables: []backup.Table{
			{Name: "public.events", Rows: 4_000_000, Bytes: raw / 2},
			{Name: "public.accounts", Rows: 1_212_004, Bytes: raw / 4},
			{Name: "public.orders", Rows: 812_121, Bytes: raw / 8},
			{Name: "public.schema_migrations", Rows: 214, Bytes: 5_778},
			{Name: `public."Odd name"`, Rows: -1},
		},
		LargeObj: 3, Timings: backup.Timings{Dump: 38.2, Snapshot: 38.4},
	}
	r := backup.Record{SHA256: sum(fmt.Sprint("manifest", i))}
	if k.Plain {
		m.Payload[0].Age, m.Payload[0].Key = nil, "dump.pgc.zst"
		m.Notes = []string{"the roles could not be had: permission denied for table pg_authid"}
	}
	verified := func(level backup.Level, after time.Duration, failure string) {
		r.Verifications = append(r.Verifications, backup.Verification{
			ID: m.ID, Level: level, OK: failure == "", At: at.Add(after), Seconds: 6.4 * float64(level+1), By: "ops-console 0.4.1", Failure: failure,
			Tables: []backup.Table{{Name: `public."Odd name"`, Rows: 7}},
		})
	}
	switch {
	case i == 0 && k.Broken:
		verified(backup.Decoded, time.Minute, "dump.pgc.zst.age: its sha256 is 9f2c…, the manifest says "+r.SHA256[:8])
	case i == 5:
	case i == 7:
		verified(backup.Present, time.Minute, "")
	default:
		verified(backup.Decoded, time.Minute, "")
	}
	if i == 0 && !k.Broken || i == 4 {
		verified(backup.Counted, 20*time.Minute, "")
	}
	if i == 1 {
		m.Remote = "91857aef00d"
		verified(backup.Restored, 40*time.Minute, "")
		r.Verifications[1].Asserted = []string{"SELECT count(*) > 0 FROM events"}
	}
	switch i {
	case 2:
		m.Reason, m.DeployID = backup.PreDeploy, "v1482"
	case 3:
		m.Reason = backup.Manual
	case 9:
		r.Pin = &backup.Pin{Why: "the books of the second quarter were closed with it", By: "on-call@bastion", At: k.Now.Add(-80 * time.Hour)}
	}
	if k.Hostile {
		bad := "\x1b[31mX\u202e\u0007\ty\u200b" + string(rune(0xfeff))
		m.Server.Node, m.Server.Version, m.DeployID, m.Remote = bad, bad, bad, bad
		m.Tables[0].Name, m.Payload[0].Key, m.Notes = bad, bad, []string{bad}
		r.Pin = &backup.Pin{Why: bad, By: bad}
		if len(r.Verifications) > 0 {
			r.Verifications[0].Failure, r.Verifications[0].By = bad, bad
			r.Verifications[0].OK = i%2 == 0
		}
	}
	r.Manifest = m
	return r
}

// job is the one that runs or ran last.
func (k *keeper) job(s *kept.Snapshot) *kept.Job {
	var newest backup.ID
	if len(s.Listing.Records) > 0 {
		newest = s.Listing.Records[0].Manifest.ID
	}
	j := &kept.Job{Started: k.Now.Add(-73 * time.Second)}
	end := func(outcome string, err error) {
		j.Ended, j.Outcome, j.Err = k.Now.Add(-9*time.Second), outcome, err
	}
	switch k.Job {
	case "early":
		j.Kind, j.Title, j.Step, j.Text = kept.Take, "take a backup", "choosing", ""
	case "dump", "stuck", "stopping":
		j.Kind, j.Title = kept.Take, "take a backup"
		j.Progress = kept.Progress{
			Step: "dumping", Text: "fra-1, 1.1 GB read, 201 MB stored", Done: 432, Total: 1000, Rate: 38.2e6, ETA: 41 * time.Second,
			Tables: []kept.Table{
				{Name: "public.accounts", Done: 623e6, Total: 612e6, State: kept.Finished},
				{Name: "public.events", Done: 455e6, Total: 1_216e6, State: kept.Running},
				{Name: "public.orders", Total: 301e6},
				{Name: "public.schema_migrations", Total: 5_778},
				{Name: "public.settings", Done: 812, Total: 800, State: kept.Finished},
				{Name: "public.sessions"},
				{Name: "public.tags", Total: 90e3},
				{Name: "public.users", Total: 70e6},
				{Name: "audit.log", Total: 22e6},
				{Name: "audit.who", Total: 20e6},
			},
		}
	case "verify":
		j.Kind, j.Backup, j.Title = kept.Verify, newest, "verify "+string(newest)+": restored"
		j.Progress = kept.Progress{Step: "restore", Text: "public.events", Done: 812e6, Total: 2_495e6}
	case "failed":
		j.Kind, j.Title = kept.Take, "take a backup"
		end("", errors.New("pg_dump of fra-1: server closed the connection unexpectedly: the network went away in the middle; nothing was left in the store. Take it again once wg is up"))
	case "cancelled":
		j.Kind, j.Title = kept.Take, "take a backup"
		end("", errors.New("it was cancelled"))
	case "restored":
		made := &kept.Restored{Server: "fra-1", Database: k.source.Database + "_restore_20260304140700", Original: k.source.Database}
		j.Kind, j.Backup, j.Title, j.Restored = kept.Restore, newest, "restore "+string(newest), made
		end(made.Database+" holds it: 5 tables in 38.2 s", nil)
	case "pruned":
		j.Kind, j.Title = kept.Prune, "remove 3 backups"
		end("3 of 3 removed", nil)
	default:
		return nil
	}
	j.Moved, j.Stopping = k.Now, k.Job == "stopping" || k.Job == "cancelled"
	if k.Job == "stuck" {
		j.Moved = k.Now.Add(-47 * time.Second)
	}
	if k.Hostile {
		j.Text, j.Step = "\x1b[1m\u202e"+j.Text, "st\rep"
		if j.Err != nil {
			j.Err = errors.New("\x1b[2J\n" + j.Err.Error())
		}
	}
	return j
}
