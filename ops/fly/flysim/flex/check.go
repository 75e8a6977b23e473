package flex

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"

	"github.com/jackc/pgx/v5"
)

// How the checks go: as often as the proxy looks for a primary, with as much patience, and in which of how many rounds
// the results that nobody routes by are brought up to date.
const (
	checkEvery   = time.Second
	checkTimeout = 1500 * time.Millisecond
	fullRound    = 15
)

// result is what one check found.
type result struct {
	passing bool
	output  string
}

func (r result) status() string {
	if r.passing {
		return fly.CheckPassing
	}
	return fly.CheckCritical
}

// watchChecks carries out the checks of a node for as long as ctx goes on.
func (d *Database) watchChecks(ctx context.Context, n *node) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	s := &prober{d: d, n: n}
	defer s.close()
	for round := 1; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		role := s.role(ctx)
		if ctx.Err() != nil {
			return
		}
		d.found(n, role)
		d.router.choose(d.nodes)
		if round%fullRound == 0 || !role.passing {
			d.tell3(n, role, s.pg(ctx))
		} else if err := d.o.Platform.Report(n.ID, "role", role.status(), role.output); err != nil {
			return // the machine is gone
		}
	}
}

// check carries out the checks of a node once.
func (d *Database) check(ctx context.Context, n *node) {
	s := &prober{d: d, n: n}
	defer s.close()
	role := s.role(ctx)
	d.found(n, role)
	d.tell3(n, role, s.pg(ctx))
}

func (d *Database) found(n *node, role result) {
	if role.passing {
		n.role.Store(role.output)
	} else {
		n.role.Store("")
	}
}

// tell3 reports all three checks. A machine that is gone needs no report.
func (d *Database) tell3(n *node, role, pg result) {
	for name, r := range map[string]result{"role": role, "pg": pg, "vm": vm()} {
		_ = d.o.Platform.Report(n.ID, name, r.status(), r.output)
	}
}

// prober asks one node, on a session that is kept.
type prober struct {
	d    *Database
	n    *node
	conn *pgx.Conn
}

func (p *prober) close() {
	if p.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = p.conn.Close(ctx) // nothing was written
	p.conn = nil
}

// ask runs a query in repmgr's database.
func (p *prober) ask(ctx context.Context, query string, into ...any) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if p.conn == nil || p.conn.IsClosed() {
		c, err := p.d.config(p.n, repmgrName, repmgrName)
		if err != nil {
			return err
		}
		if p.conn, err = pgx.ConnectConfig(ctx, c); err != nil {
			p.conn = nil
			return err
		}
	}
	err := p.conn.QueryRow(ctx, query).Scan(into...)
	if err != nil {
		p.close()
	}
	return err
}

// role is what repmgr on the node itself takes the node for, as the platform's image tells it.
func (p *prober) role(ctx context.Context) result {
	var kind string
	var active bool
	query := fmt.Sprintf("SELECT type, active FROM repmgr.nodes WHERE node_id = %d", p.n.repmgrID)
	if err := p.ask(ctx, query, &kind, &active); err != nil {
		return result{false, failure(err)}
	}
	switch {
	case kind == "standby":
		return result{true, "replica"}
	case kind == "primary" && active:
		return result{true, "primary"}
	}
	return result{true, "zombie"}
}

// pg is the count of connections, and on a primary whether writes are locked.
func (p *prober) pg(ctx context.Context) result {
	began := time.Now()
	var used, reserved, most int
	var locked bool
	err := p.ask(ctx, `SELECT (SELECT count(*) FROM pg_stat_activity), current_setting('superuser_reserved_connections')::int,
	  current_setting('max_connections')::int, EXISTS (SELECT FROM pg_db_role_setting WHERE 'default_transaction_read_only=on' = ANY (setconfig))`,
		&used, &reserved, &most, &locked)
	if err != nil {
		return result{false, failure(err)}
	}
	out := fmt.Sprintf("[✓] connections: %d used, %d reserved, %d max (%s)\n", used, reserved, most, time.Since(began).Round(10*time.Microsecond))
	if role, _ := p.n.role.Load().(string); role != "primary" {
		return result{true, out}
	}
	if locked {
		return result{false, out + "[✗] cluster-locks: `readonly.lock` detected (20µs)\n" +
			"[✗] disk-capacity: 92.4% - readonly mode enabled, extend your volume to re-enable writes (30µs)\n"}
	}
	return result{true, out + "[✓] cluster-locks: No active locks detected (20µs)\n" +
		"[✓] disk-capacity: 31.2% - readonly mode will be enabled at 90.0% (30µs)\n"}
}

// vm is the check of the machine itself, which is simulated: it is well.
func vm() result {
	return result{true, "[✓] checkDisk: 6.7 GB (68.8%) free space on /data/ (40µs)\n[✓] checkLoad: load averages: 0.08 0.05 0.01 (60µs)\n" +
		"[✓] memory: system spent 0s of the last 60s waiting on memory (30µs)\n[✓] cpu: system spent 720ms of the last 60s waiting on cpu (20µs)\n" +
		"[✓] io: system spent 120ms of the last 60s waiting on io (20µs)\n"}
}

// failure is the text of a check that could not be carried out. It holds no connection string.
func failure(err error) string {
	text := "failed to connect to local node: "
	switch msg := err.Error(); {
	case strings.Contains(msg, "deadline"), strings.Contains(msg, "timeout"):
		return text + "context deadline exceeded"
	case strings.Contains(msg, "starting up"):
		return text + "FATAL: the database system is starting up (SQLSTATE 57P03)"
	case strings.Contains(msg, "shutting down"):
		return text + "FATAL: the database system is shutting down (SQLSTATE 57P03)"
	}
	return text + "connection refused"
}

// Checks answers what the platform's image does on its port for checks.
func (d *Database) Checks(w http.ResponseWriter, r *http.Request, i platform.Instance) {
	n := d.node(i.ID)
	if n == nil || !d.up() {
		http.Error(w, "failed to connect to local node: connection refused", http.StatusInternalServerError)
		return
	}
	s := &prober{d: d, n: n}
	defer s.close()
	checks := map[string]func(context.Context) result{
		"/flycheck/role": s.role, "/flycheck/pg": s.pg, "/flycheck/vm": func(context.Context) result { return vm() },
	}
	check := checks[r.URL.Path]
	if check == nil {
		http.NotFound(w, r)
		return
	}
	found := check(r.Context())
	if !found.passing {
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = w.Write([]byte(found.output))
}

func (d *Database) node(id string) *node {
	for _, n := range d.nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// router knows the primary that port 5432 leads to, as the checks have it.
type router struct {
	mu   sync.Mutex // guards all below
	now  *lead
	fell int // rounds in a row without the primary of now
}

// lead is a time during which a node is the primary.
type lead struct {
	node *node
	over chan struct{} // closed when it ends because the node is no primary any more: its sessions are shut down
}

// fall is after how many rounds without an answer a primary is none any more: a round is each check of each node.
const fall = 12

// choose finds the primary by what the checks said last. Of several the one that was promoted last leads.
func (r *router) choose(nodes []*node) {
	var best *node
	for _, n := range nodes {
		role, _ := n.role.Load().(string)
		if role == "primary" && (best == nil || cmp.Compare(n.rank.Load(), best.rank.Load()) > 0) {
			best = n
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case best == nil && r.now != nil && r.fell < fall:
		r.fell++
		return
	case r.now != nil && best == r.now.node:
		r.fell = 0
		return
	}
	if r.now != nil {
		// Sessions with one that still says it is a primary go on: that is how two of them come apart.
		if role, _ := r.now.node.role.Load().(string); role != "primary" {
			close(r.now.over)
		}
		r.now = nil
	}
	r.fell = 0
	if best != nil {
		r.now = &lead{best, make(chan struct{})}
	}
}

// primary is who leads now, or nil.
func (r *router) primary() *lead {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}
