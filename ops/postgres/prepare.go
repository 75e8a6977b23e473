package postgres

import "context"

// Prepare gives a query a name for the rest of the session: Ask("execute NAME") asks it without sending it again, and the
// server does not plan it again. It takes one round trip. Behind a pooler (Capabilities.Pooler) the name is soon lost; then
// Ask fails with SQLSTATE 26000. Errors are *Failure.
func (c *Conn) Prepare(ctx context.Context, name, query string) error {
	ctx, cancel := context.WithTimeout(ctx, QueryTimeout)
	defer cancel()
	doing := during{limit: QueryTimeout}
	select {
	case <-c.turn:
	case <-ctx.Done():
		return failed(ctx.Err(), c.node, doing)
	}
	defer func() { c.turn <- struct{}{} }()
	if _, err := c.pg.Prepare(ctx, name, query, nil); err != nil {
		c.recover()
		return failed(err, c.node, doing)
	}
	return nil
}
