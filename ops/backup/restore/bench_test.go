package restore

import (
	"bytes"
	"fmt"
	"testing"

	"filippo.io/age"

	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/tables"
	"ops-console/ops/postgres/client"
)

// BenchmarkRestore is the time to get about 50 MB back beside the original, statistics and counting included, beside that of
// pg_restore alone from memory, and to sum up what a database holds, by which two are compared.
func BenchmarkRestore(b *testing.B) {
	c := sample.Cluster(b, nil)
	p := c.Primary()
	if err := p.Exec(b.Context(), "postgres", "create database shop"); err != nil {
		b.Fatal(err)
	}
	for _, sql := range []string{
		`create table events as select i as id, now() - i * interval '1 second' as at, md5(i::text) as session,
			jsonb_build_object('path', '/posts/' || i % 1000, 'agent', 'Mozilla/5.0 (X11; Linux x86_64)', 'ref', md5((i % 5000)::text), 'ms', i % 977, 'user', i % 10000) as data,
			repeat(chr(97 + i % 26), 40) as note from generate_series(1, 190000) i`,
		"alter table events add primary key (id)", "create index on events (at)",
	} {
		if err := p.Exec(b.Context(), "shop", sql); err != nil {
			b.Fatal(err)
		}
	}
	id := newLabIdentity(b)
	node := sample.Node(b, p, "shop")
	d := sample.Take(b, node, "shop")
	s := store.NewMem(nil)
	o := Options{Store: s, Record: d.Stored(b, s, id.Recipient().String()), Identities: []age.Identity{id}, Node: node}
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(len(d.Raw)))
		for b.Loop() {
			plan, err := Make(b.Context(), o)
			if err != nil || len(plan.Problems) > 0 {
				b.Fatal(err, plan)
			}
			r, err := Run(b.Context(), o, plan)
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := Drop(b.Context(), node, nil, r.Database); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
	b.Run("pg_restore-alone", func(b *testing.B) {
		program, err := client.Find(b.Context(), "pg_restore", 0)
		if err != nil {
			b.Fatal(err)
		}
		f, err := client.NewForward(b.Context(), "", node, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		b.SetBytes(int64(len(d.Raw)))
		for b.Loop() {
			if err := p.Exec(b.Context(), "postgres", "create database alone template template0"); err != nil {
				b.Fatal(err)
			}
			cmd := client.Command{Program: program, Forward: f, Args: []string{"--dbname=alone"}, Stdin: bytes.NewReader(d.Raw)}
			if err := cmd.Run(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := p.Exec(b.Context(), "postgres", "drop database alone"); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			if _, err := Make(b.Context(), o); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, sums := range []bool{false, true} {
		b.Run(fmt.Sprintf("read/sums=%t", sums), func(b *testing.B) {
			conn := sample.Connect(b, p, "shop").PgConn()
			b.SetBytes(int64(len(d.Raw)))
			for b.Loop() {
				if _, err := tables.Read(b.Context(), conn, tables.Options{Sums: sums}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
