package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/postgres"
)

// conn is what a session needs of a connection: a *postgres.Conn is one.
type conn interface {
	Capabilities() postgres.Capabilities
	Ask(ctx context.Context, query string, timeout time.Duration) (postgres.Answer, error)
	Exec(ctx context.Context, statement string, timeout time.Duration) (postgres.Answer, error)
	Prepare(ctx context.Context, name, query string) error
	Broken() bool
	Close(ctx context.Context) error
}

// connect opens a connection to a node.
type connect func(context.Context, postgres.Node) (conn, error)

// closing is how long the end of a session may take.
const closing = 500 * time.Millisecond

// session reads one node over one connection, and remembers what that does not answer.
type session struct {
	c       conn
	blocks  []block // of the core and what is not refused
	refused []string
	text    string // the query of blocks, without those that are asked only while replay is held up
	held    string // the query of all of them
	wait    string // what replay waited for in the latest reading

	// What is asked again and again is prepared before the second time: otherwise the text would be twenty times what the
	// answer of a replica is, and planning it half of the server's work.
	names map[string]string // of queries, by text; empty: asked once
	plain bool              // nothing can be prepared here
}

// lostName is invalid_sql_statement_name: the session has another backend than the one that prepared it.
const lostName = "26000"

func newSession(c conn) *session {
	caps := c.Capabilities()
	s := &session{c: c, blocks: ask(caps), names: map[string]string{}, plain: caps.Pooler}
	s.compose()
	return s
}

func (s *session) compose() {
	s.held = query(s.blocks)
	s.text = query(slices.DeleteFunc(slices.Clone(s.blocks), func(b block) bool { return b.held }))
}

// heldUp tells whether replay waits for a query.
func heldUp(wait string) bool { return strings.HasPrefix(wait, "RecoveryConflict") }

// tooSlow is query_canceled: the statement timeout ended the question. collectorGone is the first version without a
// statistics collector.
const (
	tooSlow       = "57014"
	collectorGone = 150000
)

// read asks for everything in one round trip. Where the server refuses a part, that is found out in a few more, and not
// asked for over this connection again; nor is what the statistics collector does not answer in time. Errors are
// *postgres.Failure.
func (s *session) read(ctx context.Context) (*Reading, error) {
	r, err := s.try(ctx)
	f := failure(err)
	switch {
	case f == nil:
		return r, nil
	case f.SQLState == recoveryEnded: // once: the next question finds a primary
		return s.try(ctx)
	case f.SQLState == tooSlow && s.c.Capabilities().Version < collectorGone:
		if !s.leave(func(b block) bool { return b.collected }) {
			return nil, f
		}
		return s.try(ctx)
	case !refused(f):
		return nil, f
	}
	if err := s.reduce(ctx); err != nil {
		return nil, err
	}
	return s.try(ctx)
}

// leave leaves blocks out from now on, and tells whether there were any.
func (s *session) leave(out func(block) bool) bool {
	before := len(s.blocks)
	refused := slices.Clone(s.refused)
	for _, b := range s.blocks {
		if out(b) && !slices.Contains(refused, b.about) {
			refused = append(refused, b.about)
		}
	}
	s.blocks = slices.DeleteFunc(slices.Clone(s.blocks), out)
	s.refused = refused
	s.compose()
	return len(s.blocks) < before
}

func (s *session) try(ctx context.Context) (*Reading, error) {
	text := s.text
	if heldUp(s.wait) {
		text = s.held
	}
	a, err := s.ask(ctx, text)
	if err != nil {
		return nil, err
	}
	r, err := decodeReading(a.Value)
	if err != nil {
		return nil, err
	}
	r.Sent, r.Received = a.Sent, a.Received
	r.Capabilities, r.Refused = s.c.Capabilities(), s.refused
	s.wait = r.StartupWait
	return r, nil
}

// ask asks by name from the second time on, where that can be done.
func (s *session) ask(ctx context.Context, text string) (postgres.Answer, error) {
	name, again := s.names[text]
	if again && name == "" && !s.plain {
		name = fmt.Sprintf("ops_console_%d", len(s.names))
		if err := s.c.Prepare(ctx, name, text); err == nil {
			s.names[text] = name
		} else if s.plain = true; s.c.Broken() {
			return postgres.Answer{}, err
		}
	}
	if s.plain || !again {
		s.names[text] = ""
		return s.c.Ask(ctx, text, postgres.QueryTimeout)
	}
	a, err := s.c.Ask(ctx, "execute "+name, postgres.QueryTimeout)
	if f := failure(err); f != nil && f.SQLState == lostName {
		s.plain = true
		return s.c.Ask(ctx, text, postgres.QueryTimeout)
	}
	return a, err
}

// reduce finds the blocks that the server refuses, by halves, and leaves them out.
func (s *session) reduce(ctx context.Context) error {
	bad, err := s.search(ctx, s.blocks)
	if err != nil {
		return err
	}
	s.leave(func(b block) bool { return slices.Contains(bad, b.name) })
	return nil
}

// search gives the names of those of bb that the server refuses. That the core is one of them is an error.
func (s *session) search(ctx context.Context, bb []block) ([]string, error) {
	_, err := s.c.Ask(ctx, query(bb), postgres.QueryTimeout)
	f := failure(err)
	switch {
	case f == nil:
		return nil, nil
	case !refused(f) || len(bb) == 1 && bb[0].name == core:
		return nil, f
	case len(bb) == 1:
		return []string{bb[0].name}, nil
	}
	left, err := s.search(ctx, bb[:len(bb)/2])
	if err != nil {
		return nil, err
	}
	right, err := s.search(ctx, bb[len(bb)/2:])
	return append(left, right...), err
}

// sample asks a primary for its flush LSN.
func sample(ctx context.Context, c conn) (Sample, error) {
	a, err := c.Ask(ctx, sampleQuery, postgres.QueryTimeout)
	if err != nil {
		return Sample{}, err
	}
	return decodeSample(a)
}

// decodeSample reads the answer to sampleQuery.
func decodeSample(a postgres.Answer) (Sample, error) {
	flush, insert, _ := strings.Cut(a.Value, " ")
	s := Sample{Sent: a.Sent, Received: a.Received}
	var err error
	if s.Flush, err = postgres.ParseLSN(flush); err != nil {
		return Sample{}, err
	}
	if s.Insert, err = postgres.ParseLSN(insert); err != nil {
		return Sample{}, err
	}
	return s, nil
}

// end closes a connection although ctx may have ended.
func end(ctx context.Context, c conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	_ = c.Close(ctx) // there is nobody who could do anything about it
}

// failure is why err came about; nil for nil.
func failure(err error) *postgres.Failure {
	if err == nil {
		return nil
	}
	if f := (*postgres.Failure)(nil); errors.As(err, &f) {
		return f
	}
	return &postgres.Failure{
		Kind: postgres.FailOther, Text: err.Error(), Err: err,
		Hint: "the server is not a PostgreSQL that this program knows, or something in between changes what it says",
	}
}
