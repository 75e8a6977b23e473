package postgres

import (
	"context"
	"maps"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// openTimeout bounds the making of a session that is meant to last.
const openTimeout = 15 * time.Second

// Open makes a session that its caller owns, for what Conn is not made for: transactions and locks that last. It reaches n
// as Connect does, asks for another database where database is not empty, and sends params beside application_name, which
// they may replace. Nothing is probed. Errors are *Failure; what fails later is told by Failed.
func Open(ctx context.Context, n Node, d Dialer, database string, params map[string]string) (*pgconn.PgConn, error) {
	if n.Config == nil {
		return nil, &Failure{Kind: FailConfig, Text: "no connection settings for " + n.Key()}
	}
	cfg := session(n, &wire{})
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&wire{direct: n.Direct, network: d}).dial(ctx, network, address)
	}
	if database != "" {
		cfg.Database = database
	}
	maps.Copy(cfg.RuntimeParams, params)
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	pg, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, failed(err, n, during{connecting: true, limit: openTimeout})
	}
	return pg, nil
}

// Failed says what an error of a session that Open made is about: without secrets, and safe to show. nil stays nil.
func (n Node) Failed(err error) error {
	if err == nil {
		return nil
	}
	return failed(err, n, during{})
}
