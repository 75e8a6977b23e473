package take

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ops-console/ops/postgres"
)

// session is a connection of our own, whose transactions and locks last.
type session struct {
	node postgres.Node
	mu   sync.Mutex // held while something is asked
	pg   *pgconn.PgConn
}

// application is how a run's sessions are named in pg_stat_activity.
const application = "ops-backup/"

// settings of every session of a run. A server whose client vanished without a word, as a killed console behind a tunnel
// does, would else keep lock and snapshot for two hours.
func settings(o Options) []string {
	return []string{
		"statement_timeout=0", "idle_in_transaction_session_timeout=0", "default_transaction_read_only=on",
		"lock_timeout=" + strconv.FormatInt(max(1, o.Limits.LockTimeout.Milliseconds()), 10),
		"tcp_keepalives_idle=20", "tcp_keepalives_interval=5", "tcp_keepalives_count=5", "tcp_user_timeout=60000", "search_path=pg_catalog",
	}
}

// open makes a session.
func open(ctx context.Context, o Options, n postgres.Node) (*session, error) {
	pg, err := postgres.Open(ctx, n, o.Dialer, "", map[string]string{
		"application_name": application + string(o.ID), "options": "-c " + strings.Join(settings(o), " -c "),
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	s := &session{node: n, pg: pg}
	if err := s.do(ctx, lasting); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// lasting takes away limits that only later versions have, and that a role or a database may have been given.
const lasting = "select set_config(name, '0', false) from pg_settings where name in ('transaction_timeout', 'idle_session_timeout')"

// close ends the session, and with it what it holds.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.pg.Close(ctx)
}

// closed says that the session is no more.
func (s *session) closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pg.IsClosed()
}

// do runs statements that need no answer.
func (s *session) do(ctx context.Context, sql string) error {
	_, err := s.text(ctx, sql)
	return err
}

// answerTime bounds any one answer: a path that died says nothing, and through a tunnel a connection would wait for ever.
const answerTime = 5 * time.Minute

// text asks for one value; of several statements the last.
func (s *session) text(ctx context.Context, sql string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	results, err := s.pg.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", s.wrap(err)
	}
	value := ""
	for _, r := range results {
		if len(r.Rows) > 0 && len(r.Rows[0]) > 0 {
			value = string(r.Rows[0][0])
		}
	}
	return value, nil
}

// json asks for one value and takes it apart.
func (s *session) json(ctx context.Context, to any, sql string) error {
	text, err := s.text(ctx, sql)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), to); err != nil {
		return fmt.Errorf("%s: an answer of another form: %w", s.node.Name, err)
	}
	return nil
}

// wrap makes an error of the server safe to show.
func (s *session) wrap(err error) error {
	return fmt.Errorf("%s: %w", s.node.Name, s.node.Failed(err))
}

// sqlState of an error of the server; empty: it is none.
func sqlState(err error) string {
	if f := (*postgres.Failure)(nil); errors.As(err, &f) {
		return f.SQLState
	}
	return ""
}
