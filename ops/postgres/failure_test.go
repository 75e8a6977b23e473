package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ops-console/ops/postgres/pgcluster"
	"ops-console/wg"
)

// dialing is a network in which every dial fails, or does not.
type dialing func(context.Context) (net.Conn, error)

func (d dialing) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := d(ctx)
	if err != nil {
		err = &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return c, err
}

func fails(err error) Dialer {
	return dialing(func(context.Context) (net.Conn, error) { return nil, err })
}

func TestWhatIsWrongWhenNoSessionCanBeMade(t *testing.T) {
	l := newLab(t)
	p := l.cluster.Primary()
	tcp := "host=127.0.0.1 port=" + strconv.Itoa(l.port) + " "
	inside := at(t, "host=fdaa:0:1::3 port=5433")
	named := at(t, "host=db.internal port=5433")
	cold := FailNoHotStandby
	if v := open(t, as(t, p, ""), nil).Capabilities().Version; v < 140000 {
		cold = FailStarting // it says no more than that
	}
	silent := listener(t, nil)
	shut := listener(t, func(net.Conn) {})
	tests := []struct {
		name     string
		node     Node
		dialer   Dialer
		kind     FailureKind
		state    string
		text     string // part of it
		hint     string // part of it
		timesOut bool
	}{
		{name: "nothing listens", node: at(t, "host=127.0.0.1 port=1"), kind: FailRefused, text: "127.0.0.1:1 refuses connections", hint: "5433"},
		{name: "no socket", node: at(t, "host="+t.TempDir()), kind: FailRefused, text: "no server has its socket at"},
		{name: "nobody answers", node: at(t, "host=127.0.0.1 port="+silent), kind: FailTimeout, text: "127.0.0.1:" + silent + " did not answer within 2s", hint: "frozen or overloaded", timesOut: true},
		{name: "taken and closed", node: at(t, "host=127.0.0.1 port="+shut), kind: FailCut, text: "took the connection and closed it", hint: "HAProxy"},
		{name: "wrong password", node: as(t, p, "user=scram password=hunter2"), kind: FailAuth, state: "28P01", text: `password authentication failed for user "scram"`, hint: "set the password of scram with database.password_env"},
		{name: "no password", node: as(t, p, "user=scram"), kind: FailAuth, state: "28P01", hint: "~/.pgpass"},
		{name: "rejected", node: as(t, p, "user=rejected"), kind: FailAuth, state: "28000", text: "pg_hba.conf rejects connection", hint: "pg_hba.conf"},
		{name: "only with TLS", node: at(t, tcp+"user=tlsonly sslmode=disable"), kind: FailAuth, state: "28000", text: "pg_hba.conf", hint: "tlsonly may not connect from here"},
		{name: "no such role", node: as(t, p, "user=nobody_knows"), kind: FailAuth, state: "28000", text: `role "nobody_knows" does not exist`, hint: "database.user (now nobody_knows)"},
		{name: "no such database", node: as(t, p, "dbname=nowhere"), kind: FailAuth, state: "3D000", text: `database "nowhere" does not exist`, hint: "database.name (now nowhere)"},
		{name: "database that is closed", node: as(t, p, "user=plain dbname=closed_db"), kind: FailAuth, state: "42501", hint: `GRANT CONNECT ON DATABASE closed_db TO "plain"`},
		{name: "role's limit", node: as(t, p, "user=lim"), kind: FailTooMany, state: "53300", text: `too many connections for role "lim"`, hint: `ALTER ROLE "lim" CONNECTION LIMIT`},
		{name: "database's limit", node: as(t, p, "user=plain dbname=full_db"), kind: FailTooMany, state: "53300", text: `too many connections for database "full_db"`, hint: "ALTER DATABASE"},
		{name: "no hot standby", node: as(t, l.cluster.Node("cold"), ""), kind: cold, state: "57P03", hint: "hot_standby"},
		{name: "certificate of another host", node: at(t, tcp+"sslmode=verify-full sslrootcert="+l.ca), kind: FailAuth, text: "x509: cannot validate certificate for 127.0.0.1", hint: "must name the host that the certificate is for"},
		{name: "certificate of nobody known", node: at(t, tcp+"sslmode=verify-ca"), kind: FailAuth, text: "x509: certificate signed by unknown authority", hint: "sslrootcert"},
		{name: "no TLS", node: at(t, "host=fdaa:0:1::3 port=5433 sslmode=require"), dialer: relayTo(t, l.cluster.Node("r1")), kind: FailConfig, text: "[fdaa:0:1::3]:5433 does not speak TLS", hint: "leave sslmode out"},
		{name: "not joined", node: inside, kind: FailUnreachable, text: "[fdaa:0:1::3]:5433 is in the private network, which was not joined", hint: "wg status"},
		{name: "outside of the tunnel", node: inside, dialer: fails(fmt.Errorf("fdaa:0:1::3 is %w (10.0.0.0/8)", wg.ErrOutside)), kind: FailUnreachable, text: "fdaa:0:1::3 is not in this network (10.0.0.0/8)", hint: "database.via"},
		{name: "dead tunnel", node: inside, dialer: fails(wg.ErrDead{Cause: "no handshake since 12:01"}), kind: FailUnreachable, text: "no handshake since 12:01", hint: "wg status"},
		{name: "network left", node: inside, dialer: fails(wg.ErrClosed), kind: FailUnreachable, text: "the private network was left"},
		{name: "no route", node: inside, dialer: fails(syscall.EHOSTUNREACH), kind: FailUnreachable, text: "no route to [fdaa:0:1::3]:5433"},
		{name: "refused inside", node: inside, dialer: fails(syscall.ECONNREFUSED), kind: FailRefused, text: "[fdaa:0:1::3]:5433 refuses connections"},
		{name: "no such name", node: named, dialer: fails(&net.DNSError{Err: "no such host", Name: "db.internal", IsNotFound: true}), kind: FailUnreachable, text: "lookup db.internal: no such host", hint: "only in the private network"},
		{name: "DNS is silent", node: named, dialer: fails(&net.DNSError{Err: "i/o timeout", Name: "db.internal", IsTimeout: true}), kind: FailUnreachable, text: "i/o timeout", hint: "network's DNS"},
		{name: "gibberish", node: at(t, "sslmode=disable host=127.0.0.1 port="+listener(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n\x1b]0;x\x07")
			_, _ = io.Copy(io.Discard, c)
		})), kind: FailOther},
		{name: "a network that says nothing known", node: inside, dialer: fails(errors.New("odd \x1b[31mthing\nof two lines")), kind: FailOther, text: "odd thing of two lines"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			c, err := Connect(t.Context(), tt.node, tt.dialer)
			if err == nil {
				_ = c.Close(t.Context())
				t.Fatal("there is a session")
			}
			f := failure(t, err)
			if f.Kind != tt.kind || f.SQLState != tt.state || !strings.Contains(f.Text, tt.text) || !strings.Contains(f.Hint, tt.hint) || f.Err == nil {
				t.Errorf("got  %s %s %q, hint %q\nof   %v\nwant %s %s %q, hint %q", f.Kind, f.SQLState, f.Text, f.Hint, f.Err, tt.kind, tt.state, tt.text, tt.hint)
			}
			if strings.Contains(f.Text+f.Hint, "hunter2") || strings.ContainsAny(f.Text+f.Hint, "\x1b\n\x07") || f.Error() != f.Text {
				t.Errorf("not fit to be shown: %q %q", f.Text, f.Hint)
			}
			if took := time.Since(start); tt.timesOut && took > 3*ConnectTimeout {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestTLSIsCheckedAgainstTheHostOfTheURL(t *testing.T) {
	l := newLab(t)
	n := at(t, "host=db.example.com port="+strconv.Itoa(l.port)+" user=tlsonly sslmode=verify-full sslrootcert="+l.ca)
	n.Direct = false // by a network that knows where db.example.com is
	d := dialing(func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(l.port))
	})
	a, err := open(t, n, d).Ask(t.Context(), "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()", 0)
	if err != nil || a.Value != "true" {
		t.Errorf("got %q, %v", a.Value, err)
	}
	n = at(t, "host=other.example.com port="+strconv.Itoa(l.port)+" sslmode=verify-full sslrootcert="+l.ca)
	n.Direct = false
	if _, err := Connect(t.Context(), n, d); failure(t, err).Kind != FailAuth || !strings.Contains(err.Error(), "db.example.com, not other.example.com") {
		t.Errorf("another name: got %v", err)
	}
}

func TestAnAnswerThatDoesNotComeBreaksTheSession(t *testing.T) {
	l := newLab(t)
	r := relayTo(t, l.cluster.Primary())
	c := open(t, at(t, "host=fdaa:0:1::3 port=5433"), r)
	r.holed.Store(true)
	start := time.Now()
	_, err := c.Ask(t.Context(), "select 1", 100*time.Millisecond)
	f := failure(t, err)
	if f.Kind != FailTimeout || f.SQLState != "" || f.Text != "[fdaa:0:1::3]:5433 did not answer within 100ms, and its own time limit did not end the question" {
		t.Errorf("got %s %q: %v", f.Kind, f.Text, f.Err)
	}
	if took := time.Since(start); !c.Broken() || took > 5*time.Second {
		t.Errorf("broken %v after %v", c.Broken(), took)
	}
}

func TestAConnectionThatBreaksInTheMiddle(t *testing.T) {
	l := newLab(t)
	r := relayTo(t, l.cluster.Primary())
	c := open(t, at(t, "host=fdaa:0:1::3 port=5433"), r)
	before := r.writes.Load()
	asked := make(chan error)
	go func() {
		_, err := c.Ask(t.Context(), "select pg_sleep(30)", 20*time.Second)
		asked <- err
	}()
	eventually(t, "the question is on its way", func() bool { return r.writes.Load() > before })
	r.cut()
	if f := failure(t, <-asked); f.Kind != FailCut || f.Text != "[fdaa:0:1::3]:5433 broke the connection off" || !c.Broken() {
		t.Errorf("got %s %q, broken %v: %v", f.Kind, f.Text, c.Broken(), f.Err)
	}
}

func TestASessionThatIsEnded(t *testing.T) {
	l := newLab(t)
	// By TCP: at a socket the driver fails to write before it reads the server's last words.
	c := open(t, at(t, "host=127.0.0.1 port="+strconv.Itoa(l.port)+" user=plain sslmode=disable"), nil)
	if err := l.cluster.Primary().Exec(t.Context(), "postgres", "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'plain'"); err != nil {
		t.Fatal(err)
	}
	_, err := c.Ask(t.Context(), "select 1", 0)
	if f := failure(t, err); f.Kind != FailShuttingDown || f.SQLState != "57P01" || !c.Broken() {
		t.Errorf("got %s %q, broken %v", f.Kind, f.Text, c.Broken())
	}
}

func TestAServerThatFreezesAndOneThatStops(t *testing.T) {
	newLab(t) // there are binaries
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cluster, err := pgcluster.Start(ctx, pgcluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	p := cluster.Primary()
	n := as(t, p, "")
	c, idle := open(t, n, nil), open(t, n, nil)
	if err := p.Freeze(pgcluster.WholeServer); err != nil {
		t.Fatal(err)
	}
	_, err = c.Ask(ctx, "select 1", 100*time.Millisecond)
	if f := failure(t, err); f.Kind != FailTimeout || f.SQLState != "" || !c.Broken() {
		t.Errorf("asked while frozen: %s %q", f.Kind, f.Text)
	}
	_, err = Connect(ctx, n, nil)
	if f := failure(t, err); f.Kind != FailTimeout {
		t.Errorf("connected while frozen: %s %q", f.Kind, f.Text)
	}
	if err := p.Thaw(); err != nil {
		t.Fatal(err)
	}
	if a, err := idle.Ask(ctx, "select 1", 0); err != nil || a.Value != "1" {
		t.Errorf("after the thaw: got %q, %v", a.Value, err)
	}
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = idle.Ask(ctx, "select 1", 0)
	if f := failure(t, err); f.Kind != FailShuttingDown && f.Kind != FailCut || !idle.Broken() {
		t.Errorf("asked while stopped: %s %q", f.Kind, f.Text)
	}
	_, err = Connect(ctx, n, nil)
	if f := failure(t, err); f.Kind != FailRefused {
		t.Errorf("connected while stopped: %s %q: %v", f.Kind, f.Text, f.Err)
	}
}

// What servers say that cannot be made to happen here at will.
func TestWhatServersSay(t *testing.T) {
	n := at(t, "postgres://ops@db.example.com/app")
	for _, tt := range []struct {
		pe   pgconn.PgError
		d    during
		kind FailureKind
		hint string
	}{
		{pgconn.PgError{Code: "57P03", Message: "the database system is starting up"}, during{connecting: true}, FailStarting, hintStarting},
		{pgconn.PgError{Code: "57P03", Message: "the database system is in recovery mode"}, during{connecting: true}, FailStarting, hintStarting},
		{pgconn.PgError{Code: "57P03", Message: "the database system is not yet accepting connections", Detail: "Consistent recovery state has not been yet reached."}, during{connecting: true}, FailStarting, hintStarting},
		{pgconn.PgError{Code: "57P03", Message: "the database system is not accepting connections", Detail: "Hot standby mode is disabled."}, during{connecting: true}, FailNoHotStandby, hintHot},
		{pgconn.PgError{Code: "57P03", Message: "the database system is shutting down"}, during{connecting: true}, FailShuttingDown, ""},
		{pgconn.PgError{Code: "53300", Message: "sorry, too many clients already"}, during{connecting: true}, FailTooMany, `no connection is free: end idle ones, raise max_connections, or GRANT pg_use_reserved_connections TO "ops" (PostgreSQL 16)`},
		{pgconn.PgError{Code: "57P02", Message: "terminating connection because of crash of another server process"}, during{}, FailCut, "another backend crashed and the server restarts"},
		{pgconn.PgError{Code: "57P05", Message: "terminating connection due to idle-session timeout"}, during{}, FailCut, "idle_session_timeout of ops is shorter than the interval of the questions"},
		{pgconn.PgError{Code: "40001", Message: "canceling statement due to conflict with recovery"}, during{}, FailOther, ""},
		{pgconn.PgError{Code: "0A000", Message: "Function pg_last_wal_receive_lsn() is currently not supported for Aurora"}, during{}, FailOther, ""},
		{pgconn.PgError{Code: "08P01", Message: "query_wait_timeout"}, during{}, FailTimeout, hintPooler},
		{pgconn.PgError{Code: "08P01", Message: "no more connections allowed (max_client_conn)"}, during{connecting: true}, FailTooMany, hintPooler},
	} {
		f := failed(fmt.Errorf("wrapped: %w", &tt.pe), n, tt.d)
		if f.Kind != tt.kind || f.Hint != tt.hint || f.SQLState != tt.pe.Code || !strings.HasPrefix(f.Text, tt.pe.Message) {
			t.Errorf("%s %s: got %s %q, hint %q", tt.pe.Code, tt.pe.Message, f.Kind, f.Text, f.Hint)
		}
	}
}

func TestPasswordsAreTakenOutOfWhateverSaysThem(t *testing.T) {
	n := at(t, `host=db.example.com user=u password='p@ss word'`)
	for _, say := range []string{"p@ss word", "p%40ss+word", "p@ss%20word"} {
		if f := failed(errors.New("cannot use "+say+"!"), n, during{}); f.Text != "cannot use ***!" {
			t.Errorf("got %q", f.Text)
		}
	}
	if f := failed(&Failure{Kind: FailConfig, Text: "x"}, n, during{}); f.Text != "x" || f.Kind != FailConfig {
		t.Errorf("a Failure is one already: got %+v", f)
	}
	if _, err := Connect(t.Context(), Node{Name: "x", Host: "h", Port: 1}, nil); failure(t, err).Kind != FailConfig {
		t.Errorf("without settings: got %v", err)
	}
	if filepath.Separator == '/' {
		if f := failed(&net.OpError{Op: "dial", Err: syscall.EACCES}, n, during{connecting: true}); f.Kind != FailAuth {
			t.Errorf("got %+v", f)
		}
	}
}
