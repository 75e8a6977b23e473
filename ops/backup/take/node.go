package take

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ops-console/ops/postgres"
)

// chosen is the node that is dumped.
type chosen struct {
	node    postgres.Node
	version int            // server_version_num
	replica bool           // it is one
	primary *postgres.Node // where the lock is taken; nil: it can not be reached
}

// state is what is asked of a node to choose by.
type state struct {
	node    postgres.Node
	version int
	pooler  bool

	Recovery bool         `json:"recovery"`
	LSN      postgres.LSN `json:"lsn"`
	Paused   bool         `json:"paused"`
	Feedback bool         `json:"feedback"`
	Delay    string       `json:"delay"`    // max_standby_streaming_delay
	Received bool         `json:"received"` // all that was received is replayed
	Age      float64      `json:"age"`      // of the last transaction that was replayed, in seconds
}

const stateQuery = `select json_build_object('recovery', pg_is_in_recovery(),
 'lsn', case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
 'paused', case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end,
 'feedback', current_setting('hot_standby_feedback')::bool, 'delay', current_setting('max_standby_streaming_delay'),
 'received', coalesce(pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn(), true),
 'age', coalesce(extract(epoch from now() - pg_last_xact_replay_timestamp()), 0))`

// Bounds of a replica that is fit: what it may lack of the log, and how old its data may be.
const (
	maxBehind = 64 << 20
	maxAge    = 60 // seconds
)

// unfit is why a replica should not be dumped; empty: nothing. first is the primary's position, 0: not known.
func (s *state) unfit(first postgres.LSN) string {
	switch {
	case s.Paused:
		return "its replay is paused"
	case !s.Feedback && s.Delay != "-1":
		return "it would cancel the dump after " + s.Delay + " (hot_standby_feedback is off)"
	case first > 0 && first.Sub(s.LSN) > maxBehind:
		return fmt.Sprintf("it is %d MB behind", first.Sub(s.LSN)>>20)
	case first == 0 && !s.Received && s.Age > maxAge:
		return fmt.Sprintf("it is %.0f s behind", s.Age)
	}
	return ""
}

// choose asks all nodes what they are, and takes one.
func choose(ctx context.Context, o Options) (chosen, error) {
	states, notes := look(ctx, o)
	var primaries, replicas []state
	for _, s := range states {
		if s.Recovery {
			replicas = append(replicas, s)
		} else {
			primaries = append(primaries, s)
		}
	}
	if len(primaries) > 1 {
		return chosen{}, fmt.Errorf("%w: %s and %s both say that they are the primary", ErrNoNode, primaries[0].node.Name, primaries[1].node.Name)
	}
	var c chosen
	var first postgres.LSN
	if len(primaries) == 1 {
		c.primary, first = &primaries[0].node, primaries[0].LSN
	}
	fit := func(s state) bool {
		why := s.unfit(first)
		if why != "" {
			notes = append(notes, fmt.Errorf("%s: %s", s.node.Name, why))
		}
		return why == ""
	}
	if o.Choice != Primary {
		replicas = slices.DeleteFunc(replicas, func(s state) bool { return !fit(s) })
		slices.SortStableFunc(replicas, func(a, b state) int { return cmp.Compare(b.LSN, a.LSN) })
		if len(replicas) > 0 {
			c.node, c.version, c.replica = replicas[0].node, replicas[0].version, true
			return c, pooled(replicas[0])
		}
	}
	if o.Choice != Replica && c.primary != nil {
		c.node, c.version = primaries[0].node, primaries[0].version
		return c, pooled(primaries[0])
	}
	if err := ctx.Err(); err != nil {
		return chosen{}, err
	}
	what := "no primary"
	if o.Choice == Replica {
		what = "no replica that is fit"
	}
	var texts []string
	for _, n := range notes {
		texts = append(texts, n.Error())
	}
	if len(texts) == 0 {
		texts = []string{fmt.Sprintf("%d nodes are known", len(o.Nodes))}
	}
	return chosen{}, fmt.Errorf("%w: %s (%s)%w", ErrNoNode, what, strings.Join(texts, "; "), silent{errors.Join(notes...)})
}

// silent is an error that can be asked for, and is said already.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

func pooled(s state) error {
	if s.pooler {
		return fmt.Errorf("%s: %w", s.node.Name, ErrPooler)
	}
	return nil
}

// look asks every node at once. What is told of those that did not answer is safe to show.
func look(ctx context.Context, o Options) ([]state, []error) {
	states, errs := make([]*state, len(o.Nodes)), make([]error, len(o.Nodes))
	var all sync.WaitGroup
	for i, n := range o.Nodes {
		all.Go(func() { states[i], errs[i] = lookAt(ctx, o, n) })
	}
	all.Wait()
	var found []state
	var notes []error
	for i, s := range states {
		if errs[i] != nil {
			notes = append(notes, fmt.Errorf("%s: %w", o.Nodes[i].Name, errs[i]))
			continue
		}
		found = append(found, *s)
	}
	return found, notes
}

func lookAt(ctx context.Context, o Options, n postgres.Node) (*state, error) {
	conn, err := postgres.Connect(ctx, n, o.Dialer)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	caps := conn.Capabilities()
	s := &state{node: n, version: caps.Version, pooler: caps.Pooler}
	a, err := conn.Ask(ctx, stateQuery, 5*time.Second)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(a.Value), s); err != nil {
		return nil, fmt.Errorf("an answer of another form: %w", err)
	}
	return s, nil
}
