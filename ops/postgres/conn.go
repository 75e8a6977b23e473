package postgres

import (
	"context"
	"errors"
	"time"
)

// Conn is one session with one node, read only, for one user at a time.
type Conn struct{}

// Connect makes a session with n and probes what can be asked there. Nodes that are not Direct are dialled through d.
// Errors are *Failure.
func Connect(ctx context.Context, n Node, d Dialer) (*Conn, error) {
	return nil, errors.New("not written yet")
}

// Capabilities is what was found out when the session was made.
func (c *Conn) Capabilities() Capabilities { return Capabilities{} }

// Answer is the one value that a query gave, in text form, and when on the local monotonic clock the query was sent and
// the answer received.
type Answer struct {
	Value          string
	Sent, Received time.Time
}

// Ask runs a query of one row and one column in a read-only transaction with a statement timeout, in one round trip. It
// works through a pooler in transaction mode. Errors are *Failure; after FailCut and FailTimeout the session is Broken.
func (c *Conn) Ask(ctx context.Context, query string, timeout time.Duration) (Answer, error) {
	return Answer{}, errors.New("not written yet")
}

// Broken says that the session is of no use any more.
func (c *Conn) Broken() bool { return true }

// Close ends the session.
func (c *Conn) Close(ctx context.Context) error { return nil }
