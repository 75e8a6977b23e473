package rehearse

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"ops-console/ops/postgres"
	"ops-console/ops/postgres/client"
)

// maxDump is how large a schema may be. One of 5,000 tables is about 10 MB.
const maxDump = 128 << 20

// dump is the definitions of the live database, as SQL, from a pg_dump that goes the way that the console itself takes.
func (s *scratch) dump(ctx context.Context) (string, error) {
	conn, err := postgres.Connect(ctx, *s.o.Live, s.o.Network)
	if err != nil {
		return "", err
	}
	caps := conn.Capabilities()
	if err := conn.Close(ctx); err != nil {
		return "", err
	}
	if caps.Pooler {
		return "", errors.New("it is behind a pooler, which must not be dumped through: pg_dump changes settings that the next client would inherit")
	}
	program, err := client.Find(ctx, "pg_dump", caps.Version/10_000)
	if err != nil {
		return "", err
	}
	f, err := client.NewForward(ctx, s.cluster.Dir(), *s.o.Live, s.o.Network)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // its directory goes with the throw-away at the latest
	out := limited{left: maxDump}
	cmd := client.Command{
		Program: program, Forward: f, Stdout: &out,
		Args: []string{
			"--schema-only", "--no-owner", "--no-privileges", "--no-tablespaces", "--no-comments",
			"--no-security-labels", "--no-publications", "--no-subscriptions", "--lock-wait-timeout=2s", "--no-password",
		},
		Settings: []string{"default_transaction_read_only=on", "statement_timeout=60000"},
	}
	if err := cmd.Run(ctx); err != nil {
		return "", fmt.Errorf("dump the definitions of %s: %w", s.o.Live.Name, err)
	}
	return out.to.String(), nil
}

// limited takes no more than so much.
type limited struct {
	to   bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errors.New("more than was reckoned with")
	}
	l.left -= len(p)
	return l.to.Write(p)
}
