package restore

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/tables"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
	}
	goleak.VerifyTestMain(m)
}

// lab is a server with the awkward database, and a dump of it.
type lab struct {
	*sample.Dump
	cluster  *pgcluster.Cluster
	identity *age.X25519Identity
}

// dumped is made once: a dump does not change.
var dumped struct {
	sync.Mutex
	dump *sample.Dump
}

// newLab has a server of its own.
func newLab(tb testing.TB) *lab {
	tb.Helper()
	c := sample.Cluster(tb, map[string]string{"max_prepared_transactions": "5"})
	sample.Awkward(tb, c.Primary(), sample.Script())
	if err := c.Primary().Exec(tb.Context(), "postgres", `alter database shop set search_path to "Größe", public`, "alter role shop_owner in database shop set work_mem = '5MB'",
		"grant create on database shop to shop_owner", "comment on database shop is 'the shop''s'", "alter database shop connection limit 77"); err != nil {
		tb.Fatal(err)
	}
	id := newLabIdentity(tb)
	dumped.Lock()
	defer dumped.Unlock()
	if dumped.dump == nil {
		dumped.dump = sample.Take(tb, sample.Node(tb, c.Primary(), "shop"), "shop")
	}
	return &lab{dumped.dump, c, id}
}

// own makes the dump one of the lab's own server, whose contents have random parts.
func (l *lab) own(tb testing.TB) {
	tb.Helper()
	l.Dump = sample.Take(tb, sample.Node(tb, l.cluster.Primary(), "shop"), "shop")
}

// options of a restore to the lab's own server.
func (l *lab) options(tb testing.TB) (Options, *store.Mem) {
	tb.Helper()
	s := store.NewMem(nil)
	return Options{
		Store: s, Record: l.Stored(tb, s, l.identity.Recipient().String()), Identities: []age.Identity{l.identity},
		Node: sample.Node(tb, l.cluster.Primary(), "shop"),
	}, s
}

func (l *lab) databases(tb testing.TB) []string {
	tb.Helper()
	s, err := maintain(tb.Context(), sample.Node(tb, l.cluster.Primary(), "postgres"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer s.close()
	rows, err := s.ask(tb.Context(), "select datname from pg_database where datname <> 'postgres' and not datistemplate order by 1")
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for _, r := range rows {
		all = append(all, r[0])
	}
	return all
}

func (l *lab) content(tb testing.TB, database string) *tables.Content {
	tb.Helper()
	c, err := tables.Read(tb.Context(), sample.Connect(tb, l.cluster.Primary(), database).PgConn(), tables.Options{Sums: true})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func (l *lab) value(tb testing.TB, database, sql string) string {
	tb.Helper()
	s, err := open(tb.Context(), sample.Node(tb, l.cluster.Primary(), database), nil, "")
	if err != nil {
		tb.Fatal(err)
	}
	defer s.close()
	v, err := s.value(tb.Context(), sql)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// restored runs a restore that succeeds.
func (l *lab) restored(tb testing.TB) *Result {
	tb.Helper()
	o, _ := l.options(tb)
	p, err := Make(tb.Context(), o)
	if err != nil || len(p.Problems) > 0 {
		tb.Fatal(err, p)
	}
	r, err := Run(tb.Context(), o, p)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatal("waiting for: " + what)
		}
	}
}

func contains(list []string, part string) bool {
	for _, s := range list {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

func newLabIdentity(tb testing.TB) *age.X25519Identity {
	tb.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

// nodeOf is the server at a connection string.
func nodeOf(tb testing.TB, url string) postgres.Node {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		tb.Fatal(err)
	}
	return postgres.Node{Name: "db1", Host: cfg.Host, Port: cfg.Port, Direct: true, Config: cfg}
}
