package catalog

import (
	"testing"

	"ops-console/ops/postgres/pgcluster"
)

// BenchmarkRead reads a database of 5,000 tables with 15 columns, three indexes and two constraints each.
func BenchmarkRead(b *testing.B) {
	c := start(b, pgcluster.Options{Settings: map[string]string{"max_locks_per_transaction": "2000", "shared_buffers": "64MB"}})
	p := c.Primary()
	run(b, p, "postgres", "create database app")
	run(b, p, "app", "create table users (id bigserial primary key)", `do $$ begin for i in 1..5000 loop execute format($f$
create table t%1$s (id bigserial primary key, user_id bigint references users (id), title varchar(255) not null default 'x', body text, n int check (n > 0),
 price numeric(8,2), active boolean not null default true, ts timestamp(0), tsu timestamp, tstz timestamptz default now(), slug text, meta jsonb default '{}',
 a int, b int, inserted_at timestamp(0) not null);
create index t%1$s_user_id_index on t%1$s (user_id); create unique index t%1$s_slug_index on t%1$s (lower(slug)) where slug is not null $f$, i);
if i % 500 = 0 then commit; end if; end loop; end $$`, "analyze")
	conn := open(b, node(b, p, "postgres", "app"))
	b.ReportAllocs()
	for b.Loop() {
		s, err := Read(b.Context(), conn, Options{})
		if err != nil || len(s.State.Tables()) != 5001 || len(s.Warnings) > 0 {
			b.Fatal(err, s.Warnings)
		}
	}
}
