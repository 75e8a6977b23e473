package replication

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ops-console/ops/feed"
	"ops-console/ops/postgres"
)

// fakeServer answers what a PostgreSQL server would be asked, from memory.
type fakeServer struct {
	name string

	mu       sync.Mutex // guards what follows
	primary  bool
	boot     time.Time
	flush    LSN // of a primary; of a replica what it has replayed
	readOnly []string
	monitor  bool
	neon     bool
	refuses  []string      // blocks
	delay    time.Duration // of each answer
	hung     bool          // answers nothing
	down     bool          // refuses connections, and breaks those there are
	asked    []time.Time   // for readings
	sampled  int
	named    int         // asked by name
	forgets  bool        // names
	room     int         // for sessions; 0: no limit
	tried    []time.Time // to connect
	open     int
	most     int // open at one time
	busy     int
}

// fakeWorld is servers by name, and a Locator of them.
type fakeWorld struct {
	servers []*fakeServer
	apart   bool // replicas are in another region than the primary

	mu    sync.Mutex // guards err, gone and asked
	err   error
	gone  []string // names that the list lacks
	asked []time.Time
}

func newFakeWorld(replicas int) *fakeWorld {
	w := &fakeWorld{}
	for i := range replicas + 1 {
		s := &fakeServer{name: fmt.Sprintf("r%d", i), boot: time.Now().UTC(), flush: 0x1000000, monitor: true}
		if i == 0 {
			s.name, s.primary = "primary", true
		}
		w.servers = append(w.servers, s)
	}
	return w
}

func (w *fakeWorld) server(name string) *fakeServer {
	return w.servers[slices.IndexFunc(w.servers, func(s *fakeServer) bool { return s.name == name })]
}

// Nodes implements postgres.Locator.
func (w *fakeWorld) Nodes(context.Context) ([]postgres.Node, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, time.Now())
	var nn []postgres.Node
	for _, s := range w.servers {
		if slices.Contains(w.gone, s.name) {
			continue
		}
		n := postgres.Node{Name: s.name, Host: s.name + ".example.com", Port: 5432, Expect: postgres.RoleReplica, Region: "iad"}
		if s.name == "primary" {
			n.Expect = postgres.RolePrimary
		} else if w.apart {
			n.Region = "syd"
		}
		nn = append(nn, n)
	}
	return nn, w.err
}

func (w *fakeWorld) with(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *fakeWorld) connect(ctx context.Context, n postgres.Node) (conn, error) {
	s := w.server(n.Name)
	s.mu.Lock()
	s.tried = append(s.tried, time.Now())
	down, hung := s.down, s.hung
	s.mu.Unlock()
	switch {
	case down:
		return nil, &postgres.Failure{Kind: postgres.FailRefused, Text: "connection refused"}
	case hung:
		return nil, wait(ctx, postgres.ConnectTimeout)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room > 0 && s.open == s.room {
		return nil, &postgres.Failure{Kind: postgres.FailTooMany, SQLState: "53300", Text: "too many connections for role"}
	}
	s.open++
	s.most = max(s.most, s.open)
	return &fakeConn{s: s, names: map[string]string{}}, nil
}

// wait is a server that answers nothing.
func wait(ctx context.Context, limit time.Duration) error {
	select {
	case <-ctx.Done():
	case <-time.After(limit):
	}
	return &postgres.Failure{Kind: postgres.FailTimeout, Text: "no answer"}
}

func (s *fakeServer) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

type fakeConn struct {
	s      *fakeServer
	names  map[string]string // of what was prepared
	broken bool
	closed bool
}

func (c *fakeConn) Capabilities() postgres.Capabilities {
	return postgres.Capabilities{Version: 150018, VersionText: "15.18", User: "console", Monitor: c.s.monitor, Neon: c.s.neon, Database: "app"}
}

func (c *fakeConn) Broken() bool { return c.broken }

func (c *fakeConn) Close(context.Context) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.s.open--
	}
	return nil
}

func (c *fakeConn) Exec(ctx context.Context, statement string, timeout time.Duration) (postgres.Answer, error) {
	return c.Ask(ctx, statement, timeout)
}

func (c *fakeConn) Prepare(_ context.Context, name, query string) error {
	c.names[name] = query
	return nil
}

func (c *fakeConn) Ask(ctx context.Context, text string, timeout time.Duration) (postgres.Answer, error) {
	s := c.s
	s.mu.Lock()
	if name, ok := strings.CutPrefix(text, "execute "); ok {
		s.named++
		if text = c.names[name]; s.forgets {
			s.mu.Unlock()
			return postgres.Answer{}, &postgres.Failure{SQLState: lostName, Kind: postgres.FailOther, Text: "does not exist"}
		}
	}
	sent, delay, hung := time.Now(), s.delay, s.hung
	if strings.Contains(text, "json_build_object('core'") {
		s.asked = append(s.asked, sent)
	}
	s.busy++
	if s.busy > s.open {
		panic("two questions over one connection")
	}
	s.mu.Unlock()
	defer s.with(func() { s.busy-- })
	if hung {
		c.broken = true
		return postgres.Answer{}, wait(ctx, timeout+time.Second/2)
	}
	if delay > 0 {
		select {
		case <-ctx.Done():
			c.broken = true
			return postgres.Answer{}, &postgres.Failure{Kind: postgres.FailTimeout, Text: "cancelled"}
		case <-time.After(delay):
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		c.broken = true
		return postgres.Answer{}, &postgres.Failure{Kind: postgres.FailCut, Text: "unexpected EOF"}
	}
	value, err := s.answer(text)
	return postgres.Answer{Value: value, Sent: sent, Received: time.Now()}, err
}

// answer is what the server says; its lock is held.
func (s *fakeServer) answer(text string) (string, error) {
	switch {
	case text == sampleQuery && !s.primary:
		return "", &postgres.Failure{SQLState: recoveryEnded, Kind: postgres.FailOther, Text: "recovery is in progress"}
	case text == sampleQuery:
		s.sampled++
		return s.flush.String() + " " + s.flush.String(), nil
	case text == "select 1":
		return "1", nil
	case text == probeWrite:
		s.flush += 100
		return s.flush.String(), nil
	case strings.HasPrefix(text, "with recursive"):
		return "t", nil
	}
	for _, b := range blocks {
		if slices.Contains(s.refuses, b.name) && strings.Contains(text, b.sql) {
			return "", &postgres.Failure{SQLState: "0A000", Kind: postgres.FailOther, Text: "not supported"}
		}
	}
	wal := map[string]any{"replay": s.flush}
	if s.primary {
		wal = map[string]any{"flush": s.flush, "write": s.flush, "insert": s.flush}
	}
	seconds := func(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
	a := map[string]any{
		"core": map[string]any{
			"version": 150018, "recovery": !s.primary, "now": seconds(time.Now()), "boot": seconds(s.boot),
			"monitor": s.monitor,
		},
		"wal": wal, "read_only": map[string]any{"databases": s.readOnly},
		"control":  map[string]any{"system": "7710595403654443127", "timeline": 1, "checkpoint": seconds(s.boot)},
		"settings": map[string]any{"max_senders": 10, "max_slot_keep": -1, "segment_size": 1 << 24},
		"activity": map[string]any{"startup": "RecoveryWalStream", "watchers": 1, "sessions": 2},
	}
	if s.primary {
		a["timeline"] = "00000001"
	}
	for _, b := range blocks {
		if !strings.Contains(text, b.sql) {
			delete(a, b.name)
		}
	}
	text1, err := json.Marshal(a)
	return string(text1), err
}

// watchFake watches a world.
func watchFake(t *testing.T, w *fakeWorld, o Options) *Watcher {
	t.Helper()
	o.Locator = w
	watcher := watch(t.Context(), o, patience, w.connect)
	t.Cleanup(watcher.Close)
	return watcher
}

// until waits for a snapshot.
func until(t *testing.T, w *Watcher, what string, ok func(feed.Snapshot[*Snapshot]) bool) *Snapshot {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		changed := w.Changed()
		latest := w.Latest()
		if latest.Value != nil && ok(latest) {
			return latest.Value
		}
		select {
		case <-changed:
		case <-deadline:
			text, _ := json.MarshalIndent(latest.Value, "", " ")
			t.Fatalf("no snapshot with %s; the latest (%v) is\n%s", what, latest.Err, text)
		}
	}
}
