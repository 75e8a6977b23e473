package replication

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

// watchFunction does what fly_postgres' does, as far as anybody else can tell.
const watchFunction = `create function watch_for_lsn_change(from_lsn text, timeout real) returns text language plpgsql as
$$ begin perform pg_sleep(timeout); return null; end $$`

// auroraFunction has the columns of Aurora's own.
const auroraFunction = `create function pg_catalog.aurora_replica_status() returns table (server_id text, session_id text,
durable_lsn bigint, highest_lsn_rcvd bigint, current_read_lsn bigint, replica_lag_in_msec double precision, last_update_timestamp timestamptz)
language sql as $$ values
('one', 'MASTER_SESSION_ID', 8125378::bigint, null::bigint, null::bigint, null::double precision, '2026-11-21 12:00:00.5+00'::timestamptz),
('two', '5f1c', null, 8125378, 8125370, 17.5, '2026-11-21 12:00:00+00') $$`

func TestEveryVersionAnswersAll(t *testing.T) {
	t.Parallel()
	servers, err := pgcluster.Find()
	if err != nil {
		t.Skip("no PostgreSQL server: install the package postgresql")
	}
	for _, bin := range servers {
		t.Run(strconv.Itoa(bin.Version), func(t *testing.T) {
			c := startCluster(t, pgcluster.Options{Binaries: bin, Replicas: []pgcluster.Replica{{Name: "r1", Slot: "s1"}}})
			p, r1 := c.Primary(), c.Node("r1")
			err := p.Exec(t.Context(), "postgres", watchFunction, auroraFunction, "create role app login",
				"select pg_create_physical_replication_slot('s2', true)",
				"alter role app in database postgres set default_transaction_read_only = on",
				"create database other", "alter database other set default_transaction_read_only = yes")
			if err != nil {
				t.Fatal(err)
			}
			watcher, err := pgx.Connect(t.Context(), r1.URL("postgres"))
			if err != nil {
				t.Fatal(err)
			}
			defer watcher.Close(context.Background())
			eventually(t, "the function on the replica", func() bool {
				_, err := watcher.Exec(t.Context(), "SELECT watch_for_lsn_change('0/0', 0);", pgx.QueryExecModeSimpleProtocol)
				return err == nil
			})

			primary := readOnce(t, nodeAs(t, p, "postgres"))
			if primary.InRecovery || primary.Version/10000 != bin.Version || primary.WALFileTLI != 1 || primary.Positions.Flush == 0 ||
				primary.Positions.Insert < primary.Positions.Flush || primary.SystemID == "" || primary.SegmentSize == 0 || primary.WALLevel == "" {
				t.Errorf("the primary says %+v", primary)
			}
			if len(primary.Senders) != 1 || primary.Senders[0].Application != "r1" || primary.Senders[0].State != "streaming" || primary.Senders[0].Replay == 0 {
				t.Errorf("senders %+v", primary.Senders)
			}
			slices.SortFunc(primary.Slots, func(a, b SlotRow) int { return len(b.WALStatus+b.Name) - len(a.WALStatus+a.Name) })
			if len(primary.Slots) != 2 || primary.Slots[0].WALStatus != "reserved" || primary.Slots[0].Restart == 0 {
				t.Errorf("slots %+v", primary.Slots)
			}
			if !slices.Equal(primary.ReadOnly, []string{"other"}) {
				t.Errorf("read-only are %q", primary.ReadOnly)
			}
			want := []AuroraRow{
				{Server: "one", Writer: true, Durable: 8125378, At: time.Date(2026, 11, 21, 12, 0, 0, 500e6, time.UTC)},
				{Server: "two", Lag: 17500 * time.Microsecond, Read: 8125370, At: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)},
			}
			if !slices.Equal(primary.Aurora, want) {
				t.Errorf("Aurora says %+v", primary.Aurora)
			}

			var replica *Reading
			eventually(t, "replay that waits for more WAL", func() bool {
				replica = readOnce(t, nodeAs(t, r1, "postgres"))
				return replica.StartupWait != ""
			})
			if !replica.InRecovery || replica.Positions.Replay == 0 || replica.Watchers != 1 || replica.AppSessions != 0 ||
				replica.Conflicts != 0 || replica.FreeSenders < 1 || replica.Boot.IsZero() || replica.CheckpointAge == 0 {
				t.Errorf("the replica says %+v", replica)
			}
			v := replica.Receiver
			if v == nil || v.Status != "streaming" || v.TLI != 1 || v.Slot != "s1" || v.Written == 0 || v.LastGot.IsZero() {
				t.Errorf("its receiver %+v", v)
			}
			if err := r1.Pause(t.Context()); err != nil {
				t.Fatal(err)
			}
			if r := readOnce(t, nodeAs(t, r1, "app")); r.Paused != "paused" || r.Monitor || r.Watchers != -1 || r.Receiver == nil || r.Receiver.Status != "" {
				t.Errorf("paused, and without privileges, the replica says %+v", r)
			}
			// A default of the role is no default of the server.
			if r := readOnce(t, nodeAs(t, p, "app")); !slices.Equal(r.ReadOnly, []string{"other"}) || len(r.Slots) != 2 || r.Senders[0].Application != "r1" {
				t.Errorf("without privileges the primary says %+v", r)
			}
		})
	}
}

// TestASlowStatisticsCollectorHidesNothingElse is about servers before 15: later ones have none.
func TestASlowStatisticsCollectorHidesNothingElse(t *testing.T) {
	t.Parallel()
	servers, err := pgcluster.Find()
	servers = slices.DeleteFunc(servers, func(b pgcluster.Binaries) bool { return b.Version >= 15 })
	if len(servers) == 0 {
		t.Skipf("no PostgreSQL 13 or 14 (%v): make versions fetches one", err)
	}
	for _, bin := range servers {
		t.Run(strconv.Itoa(bin.Version), func(t *testing.T) {
			c := startCluster(t, pgcluster.Options{Binaries: bin, Replicas: []pgcluster.Replica{{Name: "r1"}}})
			r1 := c.Node("r1")
			if err := r1.Freeze("stats collector"); err != nil {
				t.Fatal(err)
			}
			conn, err := dial(nil)(t.Context(), nodeAs(t, r1, "postgres"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			s := newSession(conn)
			for range 3 {
				r, err := s.read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(r.Refused, []string{"cancelled queries", "the archiver"}) || r.Positions.Replay == 0 || r.Receiver == nil {
					t.Errorf("the replica says %+v", r)
				}
			}
		})
	}
}

// readOnce reads a node as a sampler does the second time, and fails where anything was refused.
func readOnce(t *testing.T, n postgres.Node) *Reading {
	t.Helper()
	c, err := dial(nil)(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	defer end(t.Context(), c)
	s := newSession(c)
	s.wait = "RecoveryConflictSnapshot" // so that all is asked
	first, err := s.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.wait = "RecoveryConflictSnapshot"
	r, err := s.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Refused != nil || s.plain || r.Boot != first.Boot {
		t.Errorf("%s refused %q; nothing could be prepared: %t", n.Name, r.Refused, s.plain)
	}
	return r
}
