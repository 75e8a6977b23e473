package verify

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"ops-console/ops/backup"
	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
)

// benchMB is about how much COPY writes of the database that is verified; $OPS_CONSOLE_BENCH_MB makes it another size.
func benchMB(b *testing.B) int {
	if s := os.Getenv("OPS_CONSOLE_BENCH_MB"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return 50
}

// BenchmarkVerify is the time that each level takes, of a database of events with JSON, and the CPU of this process and of
// what it started: servers and programs.
func BenchmarkVerify(b *testing.B) {
	c := sample.Cluster(b, nil)
	p := c.Primary()
	if err := p.Exec(b.Context(), "postgres", "create database shop"); err != nil {
		b.Fatal(err)
	}
	rows := benchMB(b) * 1_000_000 / 265
	for _, sql := range []string{
		fmt.Sprintf(`create table events as select i as id, now() - i * interval '1 second' as at, md5(i::text) as session,
			jsonb_build_object('path', '/posts/' || i %% 1000, 'agent', 'Mozilla/5.0 (X11; Linux x86_64)', 'ref', md5((i %% 5000)::text), 'ms', i %% 977, 'user', i %% 10000) as data,
			repeat(chr(97 + i %% 26), 40) as note from generate_series(1, %d) i`, rows),
		"alter table events add primary key (id)", "create index on events (at)",
	} {
		if err := p.Exec(b.Context(), "shop", sql); err != nil {
			b.Fatal(err)
		}
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		b.Fatal(err)
	}
	d := sample.Take(b, sample.Node(b, p, "shop"), "shop")
	s := store.NewMem(nil)
	r := d.Stored(b, s, id.Recipient().String())
	for _, bench := range []struct {
		name  string
		level backup.Level
		jobs  int
	}{{"decoded", backup.Decoded, 1}, {"counted", backup.Counted, 1}, {"restored", backup.Restored, 1}, {"restored-j2", backup.Restored, 2}} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(d.Raw)))
			own, others, began := cpu(b, syscall.RUSAGE_SELF), cpu(b, syscall.RUSAGE_CHILDREN), time.Now()
			for b.Loop() {
				got, err := Run(b.Context(), Options{
					Store: s, Record: r, Level: bench.level, Identities: []age.Identity{id}, Scratch: Scratch{Jobs: bench.jobs},
				})
				if err != nil || !got.OK {
					b.Fatal(err, got)
				}
			}
			b.ReportMetric((cpu(b, syscall.RUSAGE_SELF)-own).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric((cpu(b, syscall.RUSAGE_CHILDREN)-others).Seconds()/float64(b.N), "children-cpu-s/op")
			b.ReportMetric(time.Since(began).Seconds()/float64(b.N), "s/op")
		})
	}
}

func cpu(b *testing.B, who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
