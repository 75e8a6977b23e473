package flysim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/flex"
	"ops-console/ops/postgres/pgcluster"
	"ops-console/wg"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// lab is a world with a database, and a way into it.
type lab struct {
	t       *testing.T
	sim     *Sim
	network wg.Network
	members map[string]flex.Member // by region; the one next to the primary is "standby"

	mu       sync.Mutex // guards sessions
	sessions map[string]*pgx.Conn
	patience time.Duration
}

// near is a world whose regions answer as if next door, for what has nothing to do with distance.
var near = Options{Scenario: "big", Regions: 5, Instances: 12}

// patience is with a server that should answer, on a machine that may have no time; brief is with one that is thought not
// to.
const (
	patience = 20 * time.Second
	brief    = 500 * time.Millisecond
)

func startLab(t *testing.T, o Options) *lab {
	t.Helper()
	if _, err := pgcluster.Find(); err != nil {
		t.Skipf("%v: apt-get install postgresql", err)
	}
	o.Database = true
	s := start(t, o)
	l := &lab{t: t, sim: s, network: open(t, s, "udp"), members: map[string]flex.Member{}, sessions: map[string]*pgx.Conn{}, patience: patience}
	t.Cleanup(func() {
		for _, conn := range l.sessions {
			conn.Close(context.Background())
		}
	})
	began := time.Now()
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: database after another %s", o.Scenario, time.Since(began))
	for n, m := range s.database.Members() {
		if n == 1 {
			l.members["standby"] = m
			continue
		}
		l.members[m.Region] = m
	}
	return l
}

// in is the lab in a test within another.
func (l *lab) in(t *testing.T) *lab {
	return &lab{t: t, sim: l.sim, network: l.network, members: l.members, sessions: l.sessions, patience: l.patience}
}

// dial logs in at a machine through the tunnel, as who knows its name only.
func (l *lab) dial(region string, port int, role, database string) (*pgx.Conn, error) {
	return l.login(fmt.Sprintf("%s.vm.%s.internal", l.members[region].ID, DatabaseApp), port, role, l.sim.database.Password(role), database)
}

func (l *lab) login(host string, port int, role, password, database string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.t.Context()), l.patience)
	defer cancel()
	c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=disable", host, port, role, database))
	if err != nil {
		return nil, err
	}
	c.Password = password
	c.DialFunc = l.network.DialContext
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	return pgx.ConnectConfig(ctx, c)
}

// ask gives the one value of a query at a machine's own server, in text form.
func (l *lab) ask(region, query string) (string, error) {
	return l.askAt(region, flex.PortDirect, query)
}

func (l *lab) askAt(region string, port int, query string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.t.Context()), l.patience)
	defer cancel()
	key := fmt.Sprint(region, port)
	l.mu.Lock()
	conn := l.sessions[key]
	delete(l.sessions, key)
	l.mu.Unlock()
	if conn == nil || port == flex.PortPrimary {
		if conn != nil {
			conn.Close(ctx) // only a new one tells who is the primary now
		}
		var err error
		if conn, err = l.dial(region, port, flex.SuperRole, flex.DatabaseName); err != nil {
			return "", err
		}
	}
	var out string
	if err := conn.QueryRow(ctx, "SELECT ("+query+")::text").Scan(&out); err != nil {
		conn.Close(ctx)
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sessions[key] == nil {
		l.sessions[key] = conn
	} else {
		conn.Close(ctx)
	}
	return out, nil
}

// answer is the first answer to a query that comes. Where the primary's checks are late, the router takes it for dead, and
// ends sessions until they are not.
func (l *lab) answer(region string, port int, query string) (string, error) {
	deadline := time.Now().Add(late)
	for {
		got, err := l.askAt(region, port, query)
		if err == nil || time.Now().After(deadline) {
			return got, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// is says whether a query gives a value.
func (l *lab) is(region, query, want string) bool {
	got, err := l.ask(region, query)
	return err == nil && got == want
}

// well waits until the whole cluster is as in a calm world.
func (l *lab) well() {
	l.t.Helper()
	var primary string
	until(l.t, "the primary's position", func() bool {
		var err error
		primary, err = l.askAt("fra", flex.PortPrimary, "SELECT pg_current_wal_flush_lsn() WHERE NOT pg_is_in_recovery() AND current_setting('cluster_name') = 'primary'")
		return err == nil
	})
	var wg sync.WaitGroup
	for region := range l.members {
		if region == primaryRegion {
			continue
		}
		wg.Go(func() {
			last := ""
			deadline := time.Now().Add(late)
			for time.Now().Before(deadline) {
				got, err := l.ask(region, "SELECT concat_ws(' ', pg_is_in_recovery(), pg_is_wal_replay_paused(), pg_last_wal_replay_lsn() >= '"+primary+
					"', (SELECT status FROM pg_stat_wal_receiver), current_setting('recovery_min_apply_delay'))")
				if last = got; err != nil {
					last = err.Error()
				}
				if last == "t f t streaming 0" {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			l.t.Errorf("%s is not well after %s (in recovery, paused, has replayed, receives, delay): %s\n%s", region, late, last, tailOf(l.sim.database.Log(l.members[region].ID)))
		})
	}
	wg.Wait()
	if l.t.Failed() {
		l.t.FailNow()
	}
}

const replayWaits = "SELECT max(wait_event) FROM pg_stat_activity WHERE backend_type = 'startup'"

func TestDatabaseAnswersThroughTheTunnelOnly(t *testing.T) {
	t.Parallel()
	l := startLab(t, near)
	t.Run("each machine is a server", func(t *testing.T) {
		var wg sync.WaitGroup
		for region, m := range l.members {
			wg.Go(func() {
				name := m.ID
				if m.Upstream == "" {
					name = "primary"
				}
				for port, want := range map[int]string{flex.PortDirect: name, flex.PortPrimary: "primary"} {
					if got, err := l.answer(region, port, "SELECT current_setting('cluster_name')"); err != nil || got != want {
						t.Errorf("%s at %d: %q %v, want %s", region, port, got, err, want)
					}
				}
			})
		}
		wg.Wait()
	})
	t.Run("names", func(t *testing.T) {
		for name, want := range map[string]string{
			"changelog-db.internal": "", "top1.nearest.of.changelog-db.internal": primaryRegion, "sin.changelog-db.internal": "sin",
		} {
			conn, err := l.login(name, flex.PortDirect, flex.ConsoleRole, l.sim.database.Password(flex.ConsoleRole), flex.DatabaseName)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var in bool
			if err := conn.QueryRow(t.Context(), "SELECT pg_is_in_recovery()").Scan(&in); err != nil || want == "sin" && !in {
				t.Errorf("%s: in recovery %v %v", name, in, err)
			}
			conn.Close(t.Context())
		}
		texts, err := l.network.Resolver().LookupTXT(t.Context(), "vms.changelog-db.internal")
		if err != nil || strings.Count(strings.Join(texts, ""), ",") != 4 {
			t.Errorf("vms: %q %v, want five machines", texts, err)
		}
	})
	t.Run("passwords", func(t *testing.T) {
		host := l.members["fra"].ID + ".vm.changelog-db.internal"
		for role, want := range map[string]string{flex.ConsoleRole: "28P01", flex.SuperRole: "28P01", flex.OwnerRole: "28P01", "postgres": "28000", "nobody": "28000"} {
			conn, err := l.login(host, flex.PortDirect, role, "wrong", flex.DatabaseName)
			var refused *pgconn.PgError
			if err == nil {
				conn.Close(t.Context())
			}
			if !errors.As(err, &refused) || refused.Code != want {
				t.Errorf("%s with a wrong password: %v, want %s", role, err, want)
			}
		}
	})
	t.Run("what a console may see", func(t *testing.T) {
		b, err := os.ReadFile(l.sim.Dir() + "/database")
		if err != nil {
			t.Fatal(err)
		}
		u, err := pgx.ParseConfig(strings.TrimSpace(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := l.login(u.Host, int(u.Port), u.User, u.Password, "repmgr")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		rows, err := conn.Query(t.Context(), `SELECT s.application_name || ' ' || n.location || ' ' || s.state || ' ' || (r.slot_name = n.slot_name)
		  FROM repmgr.nodes n JOIN pg_stat_replication s ON s.application_name = n.node_name JOIN pg_replication_slots r ON r.active_pid = s.pid ORDER BY n.location`)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		var want []string
		for _, region := range []string{"fra", "standby", "sin"} {
			m := l.members[region]
			want = append(want, m.ID+" "+m.Region+" streaming true")
		}
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("replicas of the primary %q %v, want %q", got, err, want)
		}
	})
	t.Run("watchers", func(t *testing.T) {
		for region, want := range map[string]string{"ord": "0", "standby": "0", "fra": "1", "sin": "1", "syd": "1"} {
			until(t, "the watcher of "+region, func() bool {
				return l.is(region, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT watch_for_lsn_change(%' AND application_name LIKE 'changelog@%'", want)
			})
		}
	})
	t.Run("checks", func(t *testing.T) {
		var mm []fly.Machine
		if status, err := platformGet(t, l.sim, "/v1/apps/changelog-db/machines", &mm); err != nil || status != http.StatusOK {
			t.Fatal(status, err)
		}
		roles := map[string]int{}
		for _, m := range mm {
			for _, c := range m.Checks {
				if c.Status != fly.CheckPassing {
					t.Errorf("%s: check %s is %s: %s", m.ID, c.Name, c.Status, c.Output)
				}
				if c.Name == "role" {
					roles[c.Output]++
				}
			}
			if m.State != fly.StateStarted || len(m.Checks) != 3 || len(m.Config.Mounts) != 1 || m.ImageRef.Labels["fly.pg-manager"] != "repmgr" {
				t.Errorf("machine %+v", m)
			}
		}
		if roles["primary"] != 1 || roles["replica"] != 4 {
			t.Errorf("roles %v", roles)
		}
		tr := &http.Transport{DialContext: l.network.DialContext, DisableKeepAlives: true}
		resp, err := (&http.Client{Transport: tr, Timeout: 5 * time.Second}).Get("http://" + l.members["syd"].ID + ".vm.changelog-db.internal:5500/flycheck/role")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "replica" {
			t.Errorf("role in syd by the machine's own port: %q %v", b, err)
		}
	})
	t.Run("nothing listens outside", func(t *testing.T) {
		for region := range l.members {
			if got, err := l.ask(region, "SELECT current_setting('listen_addresses')"); err != nil || got != "" {
				t.Errorf("%s listens at %q %v", region, got, err)
			}
		}
		for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
			b, err := os.ReadFile(file)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, port := range []string{":1539 ", ":157C "} { // 5433 and 5500
				for _, line := range strings.Split(string(b), "\n") {
					if f := strings.Fields(line); len(f) > 3 && f[3] == "0A" && strings.HasSuffix(f[1]+" ", port) {
						t.Errorf("listener of the machine: %s", line)
					}
				}
			}
		}
		i, _ := l.sim.World().Instance(l.members["fra"].ID)
		to := netip.AddrPortFrom(i.Addr, flex.PortDirect).String()
		// A dial outlives the request that it was for.
		tr := &http.Transport{DialContext: (&net.Dialer{Timeout: 200 * time.Millisecond}).DialContext}
		if resp, err := (&http.Client{Transport: tr, Timeout: 200 * time.Millisecond}).Get("http://" + to); err == nil {
			resp.Body.Close()
			t.Errorf("%s answers without the tunnel", to)
		}
	})
}

// TestDatabaseFaultsAndBack lets everything go wrong that can, and then be as before.
func TestDatabaseFaultsAndBack(t *testing.T) {
	t.Parallel()
	l := startLab(t, near)
	ask := func(region, query, want string) func() bool {
		return func() bool { return l.is(region, query, want) }
	}
	both := func(a, b func() bool) func() bool { return func() bool { return a() && b() } }
	refused := func(region string) func() bool {
		hasty := l.in(t)
		hasty.patience, hasty.sessions = brief, map[string]*pgx.Conn{}
		return func() bool { _, err := hasty.ask(region, "SELECT 1"); return err != nil }
	}
	row := func(region string) string {
		return "SELECT count(*) FROM pg_stat_replication WHERE application_name = '" + l.members[region].ID + "'"
	}
	// Replay that stands still while the primary goes on.
	still := func(region string) func() bool {
		var seen string
		return func() bool {
			at, err := l.ask(region, "SELECT pg_last_wal_replay_lsn()")
			here, err2 := l.ask(primaryRegion, "SELECT pg_current_wal_flush_lsn() - '"+at+"'::pg_lsn > 1000")
			same := at == seen
			seen = at
			return err == nil && err2 == nil && here == "true" && same
		}
	}
	for _, tt := range []struct {
		fault  string
		effect func() bool
	}{
		{"replica-delay 3s", both(ask("sin", "SELECT current_setting('recovery_min_apply_delay')", "3s"), ask("sin", replayWaits, "RecoveryApplyDelay"))},
		{"replica-delay fra 2500ms", ask("fra", "SELECT current_setting('recovery_min_apply_delay')", "2500ms")},
		{"replica-latency fra 400ms", ask(primaryRegion, "SELECT count(*) FROM pg_stat_replication WHERE application_name = '"+l.members["fra"].ID+"' AND replay_lag > '800ms'", "1")},
		{"replica-cut", both(ask(primaryRegion, row("sin"), "0"), ask("sin", "SELECT count(*) FROM pg_stat_wal_receiver", "0"))},
		{"replica-hole", both(ask(primaryRegion, row("sin"), "1"), still("sin"))},
		{"replica-pause syd", ask("syd", "SELECT pg_get_wal_replay_pause_state()", "paused")},
		{"replica-freeze fra", refused("fra")},
		{"replica-conflict", ask("sin", replayWaits, "RecoveryConflictSnapshot")},
		{"slot-loss", ask(primaryRegion, "SELECT coalesce(wal_status, 'lost') = 'lost' FROM pg_replication_slots s, pg_stat_activity a WHERE s.slot_name NOT IN (SELECT slot_name FROM pg_replication_slots WHERE active) LIMIT 1", "true")},
		{"promote", both(
			ask("sin", "SELECT pg_is_in_recovery()", "false"),
			func() bool {
				got, err := l.askAt("fra", flex.PortPrimary, "SELECT current_setting('cluster_name')")
				return err == nil && got == l.members["sin"].ID
			})},
		{"db-readonly", func() bool {
			conn, err := l.dial("fra", flex.PortPrimary, flex.OwnerRole, flex.DatabaseName)
			if err != nil {
				return false
			}
			defer conn.Close(t.Context())
			_, err = conn.Exec(t.Context(), "INSERT INTO podcasts (name, slug, inserted_at, updated_at) VALUES ('x', 'x', now(), now())")
			var refused *pgconn.PgError
			return errors.As(err, &refused) && refused.Code == "25006"
		}},
		{"primary-freeze", refused(primaryRegion)},
		{"stopped " + l.members["sin"].ID, both(refused("sin"), ask(primaryRegion, row("sin"), "0"))},
		{"host-unreachable " + l.members["fra"].ID, both(refused("fra"), ask(primaryRegion, row("fra"), "1"))},
	} {
		words := strings.Fields(tt.fault)
		t.Run(words[0], func(t *testing.T) {
			l := l.in(t)
			began := time.Now()
			t.Cleanup(func() {
				if t.Failed() {
					_ = Control(context.Background(), l.sim.Dir(), []string{"clear"}, io.Discard) // for those that come after
				}
			})
			control(t, l.sim, append([]string{"fault"}, words...)...)
			commanded := time.Since(began)
			until(t, "the effect of "+tt.fault, tt.effect)
			suffered := time.Since(began)
			control(t, l.sim, "clear", words[0])
			cleared := time.Since(began)
			l.well()
			t.Logf("command %s, effect %s, clear %s, well %s", commanded.Round(time.Millisecond), suffered.Round(time.Millisecond),
				(cleared - suffered).Round(time.Millisecond), (time.Since(began) - cleared).Round(time.Millisecond))
		})
	}
	t.Run("write-burst", func(t *testing.T) {
		l := l.in(t)
		before, err := l.ask(primaryRegion, "SELECT pg_current_wal_flush_lsn()")
		if err != nil {
			t.Fatal(err)
		}
		control(t, l.sim, "fault", "write-burst", "mb=8")
		until(t, "much WAL", func() bool {
			return l.is(primaryRegion, "SELECT pg_current_wal_flush_lsn() - '"+before+"'::pg_lsn > 4000000", "true")
		})
		control(t, l.sim, "clear", "write-burst")
		l.well()
	})
	// What a promotion leaves behind cannot be cleared away at once where a server does not answer.
	for name, steps := range map[string][]string{
		"promotion cleared while the primary stands still": {"fault promote", "fault primary-freeze", "clear promote", "clear primary-freeze"},
		"promotion cleared while the cascade is stopped":   {"fault stopped " + l.members["syd"].ID, "fault promote", "clear promote", "clear stopped"},
		"slot loss cleared while the primary stands still": {"fault slot-loss", "fault primary-freeze", "clear slot-loss", "clear primary-freeze"},
		"promotion cleared while its replica stands still": {"fault promote", "fault replica-freeze sin", "clear promote", "clear replica-freeze"},
	} {
		t.Run(name, func(t *testing.T) {
			l := l.in(t)
			for _, step := range steps {
				control(t, l.sim, strings.Fields(step)...)
			}
			l.well()
		})
	}
	t.Run("at once", func(t *testing.T) {
		l := l.in(t)
		var wg sync.WaitGroup
		for _, f := range []string{"replica-delay fra", "replica-cut", "replica-pause syd", "replica-freeze fra", "promote", "db-readonly", "replica-hole syd"} {
			wg.Go(func() {
				for _, verb := range []string{"fault", "clear", "fault"} {
					// Another's clear may have come first.
					_ = Control(t.Context(), l.sim.Dir(), append([]string{verb}, strings.Fields(f)...), io.Discard)
				}
			})
		}
		wg.Wait()
		control(t, l.sim, "clear")
		l.well()
	})
	for _, args := range []string{"fault replica-cut nowhere", "fault replica-cut " + primaryRegion + " 3s", "fault replica-delay soon", "clear replica-cut"} {
		if err := Control(t.Context(), l.sim.Dir(), strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
}

func TestWorldsWithoutDatabase(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "replica-lag"})
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	for _, a := range s.World().Apps() {
		if a.Name == DatabaseApp {
			t.Error("the app of a database that there is not")
		}
	}
	err := Control(t.Context(), s.Dir(), []string{"fault", "replica-cut"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("a fault of the database: %v", err)
	}
	control(t, s, "scenario", "failover")
}

func TestScenariosOfTheDatabase(t *testing.T) {
	t.Parallel()
	l := startLab(t, Options{Scenario: "incident"})
	conn, err := l.dial("sin", flex.PortDirect, flex.ConsoleRole, flex.DatabaseName)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = conn.Ping(t.Context())
	if took, want := time.Since(began), 226*time.Millisecond; took < want || err != nil {
		t.Errorf("to sin and back in %s %v, want %s at least", took, err, want)
	}
	conn.Close(t.Context())
	until(t, "incident: replay in syd held up by a query", func() bool { return l.is("syd", replayWaits, "RecoveryConflictSnapshot") })
	control(t, l.sim, "scenario", "failover")
	until(t, "two primaries, one of them blind to the other", func() bool {
		return l.is("sin", "SELECT pg_is_in_recovery()", "false") && l.is(primaryRegion, "SELECT pg_is_in_recovery()", "false")
	})
	fork, err := l.ask("sin", "SELECT pg_last_wal_replay_lsn()")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]string{primaryRegion: "SELECT max(id) FROM oban_jobs", "sin": "SELECT max(id) FROM events"}
	for region, count := range counts {
		before, err := l.answer(region, flex.PortDirect, count)
		if err != nil {
			t.Fatal(err)
		}
		until(t, "rows written in "+region+" after the promotion at "+fork, func() bool {
			return l.is(region, "("+count+") > "+before, "true")
		})
	}
	control(t, l.sim, "scenario", "replica-lag")
	until(t, "replay in sin held up by a query", func() bool { return l.is("sin", replayWaits, "RecoveryConflictSnapshot") })
	control(t, l.sim, "scenario", "calm")
	l.well()
}

func tailOf(s string) string { return s[max(0, len(s)-1500):] }
