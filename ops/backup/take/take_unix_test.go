//go:build unix

package take

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
	"ops-console/ops/postgres/client"
)

// TestABackupGivesEverythingBack takes one, and restores it.
func TestABackupGivesEverythingBack(t *testing.T) {
	t.Parallel()
	b := newBase(t, 20_000)
	s := store.NewMem(nil)
	o := b.options(s)
	rec, ids := keyPair(t)
	o.Recipients, o.Reason, o.DeployID, o.AppImage = rec, backup.PreDeploy, "01JDEPLOY", "registry.example.com/shop@sha256:1"
	var told []Progress
	o.Progress = func(p Progress) { told = append(told, p) }
	before := time.Now()
	m, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}

	dir := backup.Dir(o.Source, m.ID)
	want := []string{dir + "/dump.pgc.zst.age", dir + "/globals.sql.zst.age", dir + "/manifest.json"}
	if d := cmp.Diff(want, keys(t, s)); d != "" {
		t.Error(d)
	}
	text, _, err := store.Get(t.Context(), s, dir+"/manifest.json", maxManifest)
	if err != nil {
		t.Fatal(err)
	}
	there, err := backup.ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, there, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("what was given is not what lies there: %s", d)
	}
	if bytes.Contains(text, []byte("s3cret")) {
		t.Error("the manifest has the password")
	}
	b.checkManifest(m, before)

	globals := string(contents(t, s, m, m.Payload[1], ids))
	if !strings.Contains(globals, "CREATE ROLE app;") || strings.Contains(globals, "SCRAM") {
		t.Errorf("roles:\n%s", globals)
	}
	if d := cmp.Diff(checksums(t, b.node.URL(b.name)), checksums(t, b.restore(s, m, ids))); d != "" {
		t.Errorf("what came back differs: %s", d)
	}
	checkProgress(t, told)
	b.free()
}

func (b *base) checkManifest(m backup.Manifest, before time.Time) {
	t := b.t
	t.Helper()
	tables := []backup.Table{
		{Name: `crm."Odd ""Name"`, Rows: 2},
		{Name: "public.events", Rows: 20_000, Est: 20_000},
		{Name: "public.nobody"},
		{Name: "public.parted_a", Rows: 31, Part: true},
		{Name: "public.parted_b", Rows: 20, Part: true},
		{Name: "public.schema_migrations", Rows: 2},
		{Name: "public.users", Rows: 500, Est: 500},
	}
	loose := cmp.Options{cmpopts.IgnoreFields(backup.Table{}, "Bytes"), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Est" }, cmp.Comparer(func(a, b int64) bool { return a == b || a <= 0 || b <= 0 }))}
	if d := cmp.Diff(tables, m.Tables, loose); d != "" {
		t.Error(d)
	}
	if e := m.Tables[1]; e.Bytes < 20_000*360 || e.Bytes > 20_000*400 {
		t.Errorf("%d bytes of events", e.Bytes)
	}
	server := backup.Server{
		Version: b.text("select current_setting('server_version')"), SystemID: b.text("select system_identifier::text from pg_control_system()"),
		Node: "primary", LSN: m.Server.LSN, Encoding: "UTF8", Collate: b.text("select datcollate from pg_database where datname = current_database()"),
		CollationVersion: m.Server.CollationVersion, Extensions: map[string]string{"plpgsql": "1.0"},
		Migrations: backup.Migrations{Max: 20260202000000, Count: 2}, AppImage: "registry.example.com/shop@sha256:1",
	}
	if d := cmp.Diff(server, m.Server); d != "" {
		t.Error(d)
	}
	if m.Format != 1 || m.Reason != backup.PreDeploy || m.DeployID != "01JDEPLOY" || m.LargeObj != 1 || m.Tool.Ops != "1.2.3" || len(m.Notes) > 0 {
		t.Errorf("%+v", m)
	}
	if d := cmp.Diff([]string{"-Fc", "-Z0", "--no-password", "--lock-wait-timeout=500"}, m.Tool.Args); d != "" || m.Server.LSN == "" {
		t.Error(d, m.Server.LSN)
	}
	if archive.Major(m.Tool.PgDump) < archive.Major(m.Server.Version) {
		t.Errorf("pg_dump %s of a server %s", m.Tool.PgDump, m.Server.Version)
	}
	order := []time.Time{before.Add(-time.Second), m.Started, m.SnapshotAt, m.Finished, time.Now()}
	if !slices.IsSortedFunc(order, time.Time.Compare) {
		t.Errorf("times out of order: %v", order)
	}
	if m.Timings.Dump <= 0 || m.Timings.Snapshot < m.Timings.Dump || m.Timings.Upload < m.Timings.Dump {
		t.Errorf("%+v", m.Timings)
	}
	for _, p := range m.Payload {
		if p.Raw.Bytes == 0 || p.Zstd.Bytes == 0 || p.Age == nil || p.Stored.CRC32C == "" || p.Stored.Bytes <= p.Zstd.Bytes {
			t.Errorf("%+v", p)
		}
	}
}

// checkProgress is what must hold of every run that ended well.
func checkProgress(t *testing.T, told []Progress) {
	t.Helper()
	last, rank := Progress{}, []Stage{"", Choosing, Checking, Dumping, Storing, Roles, Committing, Done}
	for i, p := range told {
		if p.Fraction < last.Fraction || p.Fraction > 1 || p.Fraction == 1 && p.Stage != Done || p.Bytes.Raw < last.Bytes.Raw && p.Stage == last.Stage {
			t.Errorf("step %d goes from %+v to %+v", i, last, p)
		}
		if slices.Index(rank, p.Stage) < slices.Index(rank, last.Stage) {
			t.Errorf("from %s back to %s", last.Stage, p.Stage)
		}
		last = p
	}
	if last.Stage != Done || last.Fraction != 1 || last.Node != "primary" || len(last.Tables) < 5 {
		t.Errorf("in the end: %+v", last)
	}
	for _, s := range last.Tables {
		if s.Name != largeObjects && (!s.Done || s.Rows < 0) {
			t.Errorf("%+v is not done", s)
		}
	}
}

// TestTypedByHand restores one with nothing of ours: age, zstd and pg_restore in a shell.
func TestTypedByHand(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"age", "zstd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: apt-get install %s", program, program)
		}
	}
	b := newBase(t, 2000)
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := b.options(s)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if o.Recipients, err = stream.ParseRecipients([]string{id.Recipient().String()}); err != nil {
		t.Fatal(err)
	}
	m, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	restore, err := client.Find(t.Context(), "pg_restore", 0)
	if err != nil {
		t.Fatal(err)
	}
	name := b.name + "_byhand"
	if err := b.node.Exec(t.Context(), "postgres", "create database "+name); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `age -d -i "$KEY" "$FILE" | zstd -dc | "$RESTORE" --exit-on-error -d "$URL"`)
	cmd.Env = append(os.Environ(), "KEY="+key, "FILE="+filepath.Join(dir, backup.Dir(m.Source, m.ID), m.Payload[0].Key), "RESTORE="+restore.Path, "URL="+b.node.URL(name))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if d := cmp.Diff(checksums(t, b.node.URL(b.name)), checksums(t, b.node.URL(name))); d != "" {
		t.Errorf("what came back differs: %s", d)
	}
}

func TestOneFollowsAnother(t *testing.T) {
	t.Parallel()
	b := newBase(t, 1000)
	s := store.NewMem(nil)
	first, err := Run(t.Context(), b.options(s))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Run(t.Context(), b.options(s))
	if err != nil {
		t.Fatal(err)
	}
	if first.Prev != "" || second.Prev != first.ID || len(second.PrevSHA256) != 64 {
		t.Errorf("%q and then %q %q", first.Prev, second.Prev, second.PrevSHA256)
	}
	if second.Payload[0].Age != nil || !strings.HasSuffix(second.Payload[0].Key, ".zst") {
		t.Errorf("%+v", second.Payload[0])
	}
	o := b.options(s)
	o.ID = second.ID
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("an ID was used twice")
	}
	if n := len(keys(t, s)); n != 6 {
		t.Errorf("%d objects, want 6: the failed one took some away, or left some", n)
	}
}

// TestAReplicaIsDumped is one that is fit, beside one that is not.
func TestAReplicaIsDumped(t *testing.T) {
	t.Parallel()
	b := newBase(t, 1000)
	c := cluster(t)
	lsn := b.text("select pg_current_wal_lsn()::text")
	for _, r := range []string{"r1", "r2"} {
		at := &base{t: t, name: "postgres", node: c.Node(r)}
		waitFor(t, "the replica", func() bool { return at.text("select (pg_last_wal_replay_lsn() >= '"+lsn+"')::text") == "true" })
	}
	for _, choice := range []Choice{Replica, Auto} {
		s := store.NewMem(nil)
		o := b.options(s)
		o.Choice = choice
		o.Nodes = append(o.Nodes, b.at(c.Node("r2"), "app"), b.at(c.Node("r1"), "app"))
		m, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if m.Server.Node != "r1" || !m.Server.InRecovery || m.Server.LSN == "" || m.Tables[1].Rows != 1000 {
			t.Errorf("%s: %+v", choice, m.Server)
		}
	}
	o := b.options(store.NewMem(nil))
	o.Choice = Replica
	o.Nodes = append(o.Nodes, b.at(c.Node("r2"), "app"))
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "r2: it would cancel the dump after 30s") {
		t.Error(err)
	}
	o.Choice = Auto
	if m, err := Run(t.Context(), o); err != nil || m.Server.Node != "primary" {
		t.Errorf("%+v, %v", m.Server, err)
	}
}

// TestTheRateIsKept sends what takes two seconds at the rate it is given.
func TestTheRateIsKept(t *testing.T) {
	t.Parallel()
	b := newBase(t, 10_000)
	s := store.NewMem(nil)
	m, err := Run(t.Context(), b.options(s))
	if err != nil {
		t.Fatal(err)
	}
	o := b.options(s)
	o.Limits.Rate = int(m.Stored() / 2)
	began := time.Now()
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d < 1200*time.Millisecond {
		t.Errorf("%d bytes at %s a second took %s", m.Stored(), strconv.Itoa(o.Limits.Rate), d)
	}
}
