//go:build unix

package take

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"ops-console/ops/backup/store"
	"ops-console/ops/postgres/client"
)

// nowhere is a store that keeps the small objects alone.
type nowhere struct{ *store.Mem }

type discard struct {
	n    int64
	info func(int64) store.Info
}

func (d *discard) Write(p []byte) (int, error) { d.n += int64(len(p)); return len(p), nil }
func (d *discard) Abort(context.Context) error { return nil }
func (d *discard) Commit(context.Context) (store.Info, error) {
	return d.info(d.n), nil
}

type nowhereStore struct {
	nowhere
	sizes map[string]int64
}

func (s *nowhereStore) Begin(_ context.Context, key string, _ store.PutOpt) (store.Upload, error) {
	return &discard{info: func(n int64) store.Info { s.sizes[key] = n; return store.Info{Key: key, Size: n} }}, nil
}

func (s *nowhereStore) Stat(ctx context.Context, key string) (store.Info, error) {
	if n, ok := s.sizes[key]; ok {
		return store.Info{Key: key, Size: n}, nil
	}
	return s.Mem.Stat(ctx, key)
}

// cpu is what this process and its children that ended have used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// BenchmarkTake is runs beside a pg_dump of the same database that throws away what it writes: the most that COPY gives.
func BenchmarkTake(b *testing.B) {
	base := newBase(b, 1, "create table orders (id bigint primary key, at timestamptz, body jsonb, note text)",
		`insert into orders select i, now() - i * interval '1 second', jsonb_build_object('sku', md5((i % 5000)::text), 'qty', i % 17, 'price', (i % 9973) / 7.0,
  'lines', (select jsonb_agg(jsonb_build_object('n', j, 'name', 'product ' || (i * j) % 1000, 'tax', j % 3)) from generate_series(1, 8) j)),
  repeat('some text that repeats, as text does ', 4) || md5(i::text) from generate_series(1, 300000) i`, "alter table orders owner to app", "vacuum analyze orders")
	program, err := client.Find(b.Context(), "pg_dump", 0)
	if err != nil {
		b.Fatal(err)
	}
	cfg := base.at(base.node, "postgres").Config
	var raw int64
	b.Run("pg_dump", func(b *testing.B) {
		began := cpu(b)
		for b.Loop() {
			cmd := exec.CommandContext(b.Context(), "/bin/sh", "-c", fmt.Sprintf("exec %s -Fc -Z0 -h %s -p %d -U postgres %s >/dev/null", program.Path, cfg.Host, cfg.Port, base.name))
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatal(err, string(out))
			}
		}
		b.ReportMetric((cpu(b)-began).Seconds()/float64(b.N), "cpu-s/op")
	})
	rec, _ := keyPair(b)
	for _, c := range []struct {
		name  string
		level int
		seal  bool
	}{{"level=1", 1, false}, {"level=1,age", 1, true}, {"level=3", 3, false}, {"level=3,age", 3, true}} {
		b.Run(c.name, func(b *testing.B) {
			began := cpu(b)
			for b.Loop() {
				o := base.options(&nowhereStore{nowhere{store.NewMem(nil)}, map[string]int64{}})
				if o.Level = c.level; c.seal {
					o.Recipients = rec
				}
				m, err := Run(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				raw = m.Payload[0].Raw.Bytes
				b.ReportMetric(float64(m.Stored())/1e6, "stored-MB")
				b.ReportMetric(m.Timings.Dump, "dump-s")
			}
			b.SetBytes(raw)
			b.ReportMetric((cpu(b)-began).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
	b.Log(strings.TrimSpace(fmt.Sprintf("%d MB of pg_dump", raw/1e6)))
}
