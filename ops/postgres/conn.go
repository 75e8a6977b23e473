package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// applicationName is what pg_stat_activity shows.
	applicationName = "ops-console"
	// answerGrace is how long an answer is waited for beyond the server's own time limit: the way there and back.
	answerGrace = 500 * time.Millisecond
	// maxMessage bounds one answer. The replication snapshot of a primary with 20 standbys is 12 kB.
	maxMessage = 16 << 20
)

// Conn is one session with one node. Questions are asked one at a time: one that comes while another is being answered
// waits for it. All methods are safe for concurrent use.
type Conn struct {
	node Node
	pg   *pgconn.PgConn
	wire *wire
	caps Capabilities
	turn chan struct{} // holds a token while nobody uses pg
	done atomic.Bool
}

// Connect makes a session with n and probes what can be asked there, within ConnectTimeout and QueryTimeout. Nodes that
// are not Direct are dialled through d. Of n.Config it uses the address, the names, the password and how TLS is done;
// whatever else it says (target_session_attrs, parameters of the session) has no part here. Errors are *Failure.
func Connect(ctx context.Context, n Node, d Dialer) (*Conn, error) {
	if n.Config == nil {
		return nil, &Failure{Kind: FailConfig, Text: "no connection settings for " + n.Key()}
	}
	w := &wire{direct: n.Direct, network: d}
	start, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	pg, err := pgconn.ConnectConfig(start, session(n, w))
	if err != nil {
		return nil, failed(err, n, during{connecting: true, limit: ConnectTimeout})
	}
	w.settled.Store(true)
	c := &Conn{node: n, pg: pg, wire: w, turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	if err := c.probe(ctx); err != nil {
		_ = c.Close(ctx)
		return nil, err
	}
	return c, nil
}

// session is the driver's configuration for a node. The only parameter it sends is application_name: PgBouncer refuses
// the others.
func session(n Node, w *wire) *pgconn.Config {
	cfg := n.Config.Config.Copy()
	cfg.Host, cfg.Port = n.Host, n.Port
	for _, f := range cfg.Fallbacks { // the same server without TLS, or with
		f.Host, f.Port = n.Host, n.Port
	}
	cfg.ConnectTimeout = 0 // the context has it
	cfg.DialFunc = w.dial
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	cfg.RuntimeParams = map[string]string{"application_name": applicationName}
	cfg.MaxProtocolMessageBodyLen = maxMessage
	cfg.ValidateConnect, cfg.AfterConnect, cfg.AfterNetConnect = nil, nil, nil
	cfg.OnNotice, cfg.OnNotification = nil, nil
	return cfg
}

// wire dials for one session, and can break what it dialled.
type wire struct {
	direct  bool
	network Dialer
	settled atomic.Bool // no more connections
	conn    net.Conn    // the last one dialled; not written once settled
}

// errNoCancel keeps the driver from dialling again to cancel a question: the statement timeout ends it at the server, and
// a node that does not answer would not answer that either.
var errNoCancel = errors.New("questions are ended by their statement timeout")

// errNoNetwork says that a node is in the private network and that there is none.
var errNoNetwork = errors.New("it is in the private network, which was not joined")

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if w.settled.Load() {
		return nil, errNoCancel
	}
	var c net.Conn
	var err error
	switch {
	case w.direct || network == "unix":
		c, err = (&net.Dialer{}).DialContext(ctx, network, address)
	case w.network == nil:
		err = errNoNetwork
	default:
		c, err = w.network.DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	w.conn = c
	return c, nil
}

// Capabilities is what was found out when the session was made.
func (c *Conn) Capabilities() Capabilities { return c.caps }

// Node is who the session is with.
func (c *Conn) Node() Node { return c.node }

// Answer is the one value that a query gave, in text form (NULL is the empty text), and when on the local monotonic clock
// the query was sent and the answer received.
type Answer struct {
	Value          string
	Sent, Received time.Time
}

// Ask runs a query of one row and one column in a read-only transaction with a statement timeout (0: QueryTimeout), in one
// round trip. The query is a single statement without a semicolon. It works through a pooler in transaction mode: nothing
// outlives the transaction. Names without a schema are the server's own. Errors are *Failure; after one, Broken tells whether the session can still be used.
func (c *Conn) Ask(ctx context.Context, query string, timeout time.Duration) (Answer, error) {
	return c.transact(ctx, "begin read only", query, timeout)
}

// Exec runs a statement that gives one row of one column in a transaction that may write. It exists for one thing: the
// probe that somebody asked for, pg_logical_emit_message, which puts about a hundred bytes into the primary's log and uses
// one transaction number. All else is Ask.
func (c *Conn) Exec(ctx context.Context, statement string, timeout time.Duration) (Answer, error) {
	return c.transact(ctx, "begin read write", statement, timeout)
}

// ownNames keeps functions that others made from taking the place of the server's own: one whose arguments fit better than
// a variadic one's would be called with our rights.
const ownNames = "set local search_path=pg_catalog,pg_temp"

func (c *Conn) transact(ctx context.Context, begin, query string, timeout time.Duration) (Answer, error) {
	if timeout <= 0 {
		timeout = QueryTimeout
	}
	ms := strconv.FormatInt(max(1, timeout.Milliseconds()), 10)
	var a Answer
	err := c.use(ctx, timeout, func(ctx context.Context) (err error) {
		a, err = c.run(ctx, begin+";set local statement_timeout="+ms+";"+ownNames+";"+query+";commit")
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	return a, nil
}

// Prepare gives a query a name for the rest of the session: Ask("execute NAME") asks it without sending it again, and the
// server does not plan it again. It takes one round trip. Behind a pooler (Capabilities.Pooler) the name is soon lost; then
// Ask fails with SQLSTATE 26000. Errors are *Failure.
func (c *Conn) Prepare(ctx context.Context, name, query string) error {
	return c.use(ctx, QueryTimeout, func(ctx context.Context) error {
		_, err := c.pg.Prepare(ctx, name, query, nil)
		return err
	})
}

// use does something with the server while nobody else does. The server has the time limit, and we wait a little longer.
func (c *Conn) use(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit+answerGrace)
	defer cancel()
	select {
	case <-c.turn:
	case <-ctx.Done():
		return failed(ctx.Err(), c.node, during{limit: limit})
	}
	defer func() { c.turn <- struct{}{} }()
	if err := do(ctx); err != nil {
		c.recover()
		return failed(err, c.node, during{limit: limit})
	}
	return nil
}

// run sends statements as one message, and reads the value that one of them gives.
func (c *Conn) run(ctx context.Context, statements string) (a Answer, err error) {
	a.Sent = time.Now()
	rows := 0
	results := c.pg.Exec(ctx, statements)
	for results.NextResult() {
		r := results.ResultReader()
		for r.NextRow() {
			if rows++; rows == 1 && len(r.Values()) == 1 {
				a.Value, a.Received = string(r.Values()[0]), time.Now()
			}
			if len(r.Values()) != 1 {
				rows += 2 // not what was asked for, however many there are
			}
		}
	}
	if err := results.Close(); err != nil {
		return Answer{}, err
	}
	if rows != 1 {
		return Answer{}, errors.New("the server did not give the one value that was asked for")
	}
	return a, nil
}

// recover makes the session fit for the next question after an error, or breaks it.
func (c *Conn) recover() {
	if !c.pg.IsClosed() && c.pg.TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.Background(), answerGrace)
		defer cancel()
		_ = c.pg.Exec(ctx, "rollback").Close()
	}
	if c.pg.IsClosed() || c.pg.TxStatus() != 'I' {
		c.end()
	}
}

// end breaks the connection and waits until the driver has let go of it.
func (c *Conn) end() {
	c.done.Store(true)
	if c.pg.IsClosed() {
		c.wire.conn.Close() // ends the driver's farewell, for which it would take 15 s
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), answerGrace)
		defer cancel()
		_ = c.pg.Close(ctx)
	}
	<-c.pg.CleanupDone()
}

// Broken says that the session is of no use any more.
func (c *Conn) Broken() bool { return c.done.Load() }

// Close ends the session. A question that is being answered is waited for until ctx ends, and then cut off. It is
// idempotent.
func (c *Conn) Close(ctx context.Context) error {
	select {
	case <-c.turn:
	default:
		select {
		case <-c.turn:
		case <-ctx.Done():
			c.wire.conn.Close()
			<-c.turn
		}
	}
	defer func() { c.turn <- struct{}{} }()
	if !c.done.Load() {
		c.end()
	}
	return nil
}

// probe finds out what the server can be asked.
func (c *Conn) probe(ctx context.Context) error {
	a, err := c.Ask(ctx, capabilityQuery, QueryTimeout)
	if err != nil {
		return err
	}
	caps, pid, err := readCapabilities(a.Value)
	if err != nil {
		return failed(fmt.Errorf("read what the server can be asked: %w", err), c.node, during{})
	}
	// PgBouncer and its like make the key data up: they have many backends to one client.
	caps.Pooler = pid != c.pg.PID()
	c.caps = caps
	return nil
}

// quoted is a name as it stands in SQL.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
