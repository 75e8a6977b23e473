package postgres

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops/postgres/conninfo"
	"ops-console/ops/postgres/pgcluster"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if c := theLab.cluster; c != nil {
		if err := c.Close(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

// lab is a primary that speaks TCP and TLS besides its socket, a replica, and a standby that takes no connections. Tests
// that harm a server start one of their own.
type lab struct {
	cluster *pgcluster.Cluster
	port    int    // of the primary on 127.0.0.1
	ca      string // file with the certificate that its own is signed by; it is for db.example.com
	err     error
}

var (
	theLab   lab
	labBuilt sync.Once
)

func newLab(t testing.TB) *lab {
	t.Helper()
	labBuilt.Do(func() { theLab.err = theLab.build() })
	if errors.Is(theLab.err, pgcluster.ErrNoBinaries) {
		t.Skip("no PostgreSQL server: install the package postgresql")
	}
	if theLab.err != nil {
		t.Fatal(theLab.err)
	}
	return &theLab
}

func (l *lab) build() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	l.port = free.Addr().(*net.TCPAddr).Port
	free.Close()
	l.cluster, err = pgcluster.Start(ctx, pgcluster.Options{
		Settings: map[string]string{"listen_addresses": "127.0.0.1", "port": strconv.Itoa(l.port), "password_encryption": "scram-sha-256"},
		HBA: []string{
			"local all scram scram-sha-256",
			"local all rejected reject",
			"local all nowhere_db_user trust",
			"hostssl all tlsonly 127.0.0.1/32 trust",
			"host all tlsonly 127.0.0.1/32 reject",
			"host all scram 127.0.0.1/32 scram-sha-256",
		},
		Replicas: []pgcluster.Replica{
			{Name: "r1", Settings: map[string]string{"listen_addresses": ""}},
			{Name: "cold", Settings: map[string]string{"listen_addresses": "", "hot_standby": "off"}},
		},
	})
	if err != nil {
		return err
	}
	if err := l.certify(); err != nil {
		return err
	}
	return l.cluster.Primary().Exec(ctx, "postgres",
		"create role scram login password 'p@ss:word/1'",
		"create role rejected login",
		"create role plain login",
		"create role tlsonly login",
		"create role watcher login in role pg_monitor",
		"create role lim login connection limit 0",
		"create database full_db connection limit 0",
		"create database closed_db",
		"revoke connect on database closed_db from public",
		"create database app",
	)
}

// certify gives the primary a certificate and turns TLS on.
func (l *lab) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "db.example.com"}, DNSNames: []string{"db.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	p := l.cluster.Primary()
	l.ca = filepath.Join(p.DataDir(), "server.crt")
	for name, b := range map[string]*pem.Block{"server.crt": {Type: "CERTIFICATE", Bytes: der}, "server.key": {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		path := filepath.Join(p.DataDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			return err
		}
		if err := sameOwner(path, p.DataDir()); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.Exec(ctx, "postgres", "alter system set ssl = on", "select pg_reload_conf()"); err != nil {
		return err
	}
	for { // the postmaster reads its files when it gets to it
		n, err := reach("host=127.0.0.1 port=" + strconv.Itoa(l.port) + " user=postgres sslmode=require")
		if err != nil {
			return err
		}
		c, err := Connect(ctx, n, nil)
		if err == nil {
			return c.Close(ctx)
		}
		if ctx.Err() != nil {
			return err
		}
	}
}

// reach is the node of a connection string, as a profile's would be.
func reach(s string) (Node, error) {
	c, err := conninfo.Parse(s)
	if err != nil {
		return Node{}, err
	}
	hh, err := c.Hosts()
	if err != nil {
		return Node{}, err
	}
	fill(c, "user", defaultUser)
	fill(c, "dbname", defaultDatabase)
	return target{host: hh[0], settings: c, via: "auto"}.node()
}

func at(t *testing.T, s string) Node {
	t.Helper()
	n, err := reach(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// as is a node of the cluster for a role and a database.
func as(t *testing.T, n *pgcluster.Node, more string) Node {
	t.Helper()
	c, err := conninfo.Parse(n.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	own, err := conninfo.Parse(more)
	if err != nil {
		t.Fatal(err)
	}
	return at(t, own.Over(c).Keywords())
}

func open(t *testing.T, n Node, d Dialer) *Conn {
	t.Helper()
	c, err := Connect(t.Context(), n, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// failure is err as what every error here is.
func failure(t *testing.T, err error) *Failure {
	t.Helper()
	f := (*Failure)(nil)
	if !errors.As(err, &f) {
		t.Fatalf("got %v (%T), want a *Failure", err, err)
	}
	return f
}

// relay is a private network in which every address is one server, and whose wire can be harmed.
type relay struct {
	dial   func(context.Context) (net.Conn, error)
	writes atomic.Int64 // messages of the client, once it is connected
	holed  atomic.Bool
	mu     sync.Mutex
	conns  []net.Conn
	wait   sync.WaitGroup
}

// relayTo is a relay to a node; its goroutines end with the test.
func relayTo(t *testing.T, n *pgcluster.Node) *relay {
	r := &relay{dial: n.Dial}
	t.Cleanup(func() { r.cut(); r.wait.Wait() })
	return r
}

// DialContext implements Dialer.
func (r *relay) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	server, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	ours, client := net.Pipe()
	r.mu.Lock()
	r.conns = append(r.conns, server, ours)
	r.mu.Unlock()
	r.wait.Go(func() { r.copy(server, ours, &r.writes) })
	r.wait.Go(func() { r.copy(ours, server, nil) })
	return client, nil
}

// copy carries what comes until either end is closed; in a hole it is swallowed.
func (r *relay) copy(to, from net.Conn, count *atomic.Int64) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if count != nil {
			count.Add(1)
		}
		if r.holed.Load() {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}

// listener answers nobody: it takes connections and hands them to each, if that is not nil.
func listener(t *testing.T, each func(net.Conn)) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer c.Close()
				if each != nil {
					each(c)
					return
				}
				_, _ = io.Copy(io.Discard, c) // until the client has had enough
			})
		}
	})
	t.Cleanup(func() { l.Close(); wait.Wait() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
