package restore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/tables"
)

// Whatever is done in whatever order, swaps that fail and that are killed among it, both databases are there, one of them
// has the original's name, and both can be connected to once what was killed is taken back.
func TestNoOrderOfSwapsLosesADatabase(t *testing.T) {
	t.Parallel()
	c := sample.Cluster(t, nil)
	node := sample.Node(t, c.Primary(), "postgres")
	exec := func(db string, sql ...string) {
		if err := c.Primary().Exec(t.Context(), db, sql...); err != nil {
			t.Fatal(err)
		}
	}
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // to be repeated
		exec("postgres", "create database shop", "create database back")
		exec("shop", "create table who as select 'original' as name")
		exec("back", "create table who as select 'restored' as name")
		exec("postgres", "comment on database back is "+tables.Literal(mark{State: Restored, Original: "shop", Backup: "X"}.String()))
		owner := map[string]string{"shop": "original", "back": "restored"} // the model
		done := []string{}
		for range 12 {
			other := ""
			for name := range owner {
				if name != "shop" {
					other = name
				}
			}
			o := SwapOptions{Node: node, Restored: other}
			look := MakeSwap
			if owner["shop"] == "restored" {
				look = MakeUndo
			}
			p, err := look(t.Context(), o)
			if err != nil || len(p.Problems) > 0 {
				t.Fatalf("seed %d, after %v: %v %+v", seed, done, err, p)
			}
			switch what := []string{"swap", "swap", "cancel", "kill", "session"}[random.IntN(5)]; what {
			case "kill":
				intent := p.incoming
				intent.State = Swapping
				conn := sample.Connect(t, c.Primary(), "postgres")
				if _, err := conn.PgConn().Exec(t.Context(), p.close(intent)).ReadAll(); err != nil {
					t.Fatal(err)
				}
				conn.Close(t.Context())
				done = append(done, what)
			default:
				ctx, cancel := context.WithCancelCause(t.Context())
				step, n := random.IntN(3), 0
				o.Step = func(string) {
					if n == step && what == "cancel" {
						cancel(errors.New("cancelled"))
					}
					if n == 0 && what == "session" {
						sample.Connect(t, c.Primary(), other)
					}
					n++
				}
				err := Swap(ctx, o, p)
				cancel(nil)
				if (err == nil) != (what != "cancel") {
					t.Fatalf("seed %d, after %v, %s at %d: %v", seed, done, what, step, err)
				}
				if err == nil {
					owner = map[string]string{"shop": owner[other], p.Aside: owner["shop"]}
				}
				done = append(done, fmt.Sprint(what, step))
			}
			if _, err := Recover(t.Context(), SwapOptions{Node: node}); err != nil {
				t.Fatalf("seed %d, after %v: %v", seed, done, err)
			}
			got := map[string]string{}
			for _, db := range databases(t, c.Primary().URL("postgres")) {
				conn, err := pgx.Connect(t.Context(), c.Primary().URL(db))
				if err != nil {
					t.Fatalf("seed %d, after %v: %v", seed, done, err)
				}
				var name string
				if err := conn.QueryRow(t.Context(), "select name from who").Scan(&name); err != nil {
					t.Fatal(err)
				}
				conn.Close(t.Context())
				got[db] = name
			}
			if diff := cmp.Diff(owner, got); diff != "" {
				t.Fatalf("seed %d, after %v (-want +got):\n%s", seed, done, diff)
			}
		}
		for db := range owner {
			exec("postgres", "drop database "+tables.Quote(db)+" with (force)")
		}
		if !strings.Contains(strings.Join(done, " "), "swap") {
			t.Errorf("seed %d did nothing: %v", seed, done)
		}
	}
}

func databases(t *testing.T, url string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "select datname from pg_database where datname <> 'postgres' and not datistemplate")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}
