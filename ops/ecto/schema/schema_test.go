package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/pgsql"
	"ops-console/ops/ecto/schema"
)

func run(t testing.TB, s *schema.State, sql string) {
	t.Helper()
	ops, err := pgsql.Parse(sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	s.Apply("m1", ops...)
}

// text is a State in lines.
func text(s *schema.State) string {
	var b strings.Builder
	for _, t := range s.Tables() {
		fmt.Fprintf(&b, "%s", t.Name)
		if t.Whole {
			b.WriteString(" whole")
		}
		if t.Partitioned {
			b.WriteString(" partitioned")
		}
		if t.PartitionOf.Name != "" {
			fmt.Fprintf(&b, " of %s", t.PartitionOf)
		}
		b.WriteByte('\n')
		for _, c := range t.Columns {
			fmt.Fprintf(&b, "  %s %s", c.Name, c.Type)
			switch {
			case c.NotNull == nil:
				b.WriteString(" ?")
			case *c.NotNull:
				b.WriteString(" not null")
			}
			if c.Default != nil {
				fmt.Fprintf(&b, " default %s", c.Default.SQL)
			}
			b.WriteByte('\n')
		}
		for _, i := range t.Indexes {
			fmt.Fprintf(&b, "  index %s", i.Name)
			for _, c := range i.Columns {
				fmt.Fprintf(&b, " %s%s", c.Name, c.Expression)
			}
			b.WriteByte('\n')
		}
		for _, c := range t.Constraints {
			fmt.Fprintf(&b, "  %s %s %v", c.Kind, c.Name, c.Columns)
			if c.Kind == ecto.ForeignKey {
				fmt.Fprintf(&b, " to %s %v", c.To, c.ToColumns)
			}
			if c.NotValid {
				b.WriteString(" not valid")
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func TestStateFollowsStatements(t *testing.T) {
	for _, tt := range []struct{ name, sql, want string }{
		{"a table", "create table a (id bigserial primary key, n text not null default 'x', b bigint references b(id))", `
a whole
  id bigserial not null
  n text not null default 'x'
  b bigint
  primary_key a_pkey [id]
  foreign_key a_b_fkey [b] to b [id]
`},
		{"what is not known is taken at its word", "alter table s.a add x int, alter y set not null, drop z", `
s.a
  x int
  y  not null
`},
		{"a column takes its indexes and constraints along", "create table a (x int, y int, unique (x, y)); create index i on a (y); alter table a drop column y", `
a whole
  x int
`},
		{"renames reach everything", `create table a (x int primary key); create table b (x int references a(x)); create index i on b (x);
			alter table a rename x to id; alter table b rename x to a_id; alter table a rename to c; alter index i rename to j`, `
b whole
  a_id int
  index j a_id
  foreign_key b_x_fkey [a_id] to c [id]
c whole
  id int not null
  primary_key a_pkey [id]
`},
		{"validation", "alter table a add constraint c check (x > 1) not valid; alter table a validate constraint c; alter table a add check (y is not null) not valid", `
a
  check c []
  check a_check [] not valid
`},
		{"a key from an index takes its columns", "create table a (x int); create unique index i on a (x); alter table a add primary key using index i", `
a whole
  x int not null
  index i x
  primary_key i [x]
`},
		{"partitions", "create table a (x int) partition by range (x); create table b partition of a default; create table c (x int); alter table a attach partition c for values from (1) to (2); alter table a detach partition b", `
a whole partitioned
  x int
b
c whole of a
  x int
`},
		{"drops", "create table a (x int primary key); create table b (x int references a(x)); drop table a", `
b whole
  x int
`},
		{"indexes without names", "create table a (x int, y int); create index on a (x); create index on a (x); create index on a (x, y); drop index a_x_idx; create index on a (lower(y))", `
a whole
  x int
  y int
  index a_x_idx1 x
  index a_x_y_idx x y
  index  lower(y)
`},
		{"if not exists", "create table a (x int); create table if not exists a (y int); alter table a add column if not exists x text", `
a whole
  x int
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &schema.State{}
			run(t, s, tt.sql)
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), text(s)); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQuestionsToATable(t *testing.T) {
	s := &schema.State{}
	run(t, s, `create table people (id bigint primary key);
		create table posts (a bigint, b bigint, c bigint, d text);
		create index on posts (b, a); create index part on posts (c) where d is not null;
		alter table posts add constraint d check ((d IS NOT NULL)), add constraint "C" check ("c" is not null) not valid,
			add constraint fk foreign key (a) references people(id)`)
	p := s.Table(ecto.Name{Prefix: "public", Name: "posts"})
	if p == nil {
		t.Fatal("public.posts is not posts")
	}
	for columns, want := range map[string]bool{"b": true, "b,a": true, "a,b": true, "a": false, "c": false, "": false} {
		var cc []string
		if columns != "" {
			cc = strings.Split(columns, ",")
		}
		if got := p.Leading(cc...); got != want {
			t.Errorf("Leading(%s) = %t, want %t", columns, got, want)
		}
	}
	for column, want := range map[string]string{"d": "d", "c": "C", "a": ""} {
		got := ""
		if c := p.NotNullCheck(column); c != nil {
			got = c.Name
		}
		if got != want {
			t.Errorf("NotNullCheck(%s) = %q, want %q", column, got, want)
		}
	}
	if r := s.References(ecto.Name{Name: "people"}); len(r) != 1 || r[0].From != p || r[0].Constraint.Name != "fk" {
		t.Errorf("References(people) = %+v", r)
	}
	if got := s.Dropped(ecto.Name{Name: "posts"}); got != "" {
		t.Errorf("Dropped = %q before it is", got)
	}
	c := s.Clone()
	run(t, c, "drop table posts")
	if got := c.Dropped(ecto.Name{Name: "posts"}); got != "m1" {
		t.Errorf("Dropped = %q", got)
	}
	if s.Table(ecto.Name{Name: "posts"}) == nil || c.Table(ecto.Name{Name: "posts"}) != nil {
		t.Error("a clone and its original are not their own")
	}
}

// TestAnyOperationsInAnyOrder holds that nothing panics, that names stay unique, and that a clone does not change with
// what it was made from.
func TestAnyOperationsInAnyOrder(t *testing.T) {
	statements := []string{
		"create table a (x int, y int)", "drop table a", "alter table a rename to b", "alter table b rename to a", "alter table a add x int",
		"alter table a drop x", "alter table a rename x to y", "create index i on a (x)", "drop index i", "alter table a add constraint c check (x > 1)",
		"alter table a drop constraint c", "alter table b add foreign key (x) references a(x)", "alter table a alter x type text", "alter table a alter x set not null",
		"create schema s", "alter table a set schema s", "drop schema s cascade", "alter index i rename to j", "alter table a rename constraint c to d",
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := &schema.State{}
		var clone *schema.State
		before := ""
		for range rapid.IntRange(0, 30).Draw(rt, "n") {
			run(t, s, rapid.SampledFrom(statements).Draw(rt, "sql"))
			if clone == nil && rapid.Bool().Draw(rt, "clone") {
				clone, before = s.Clone(), text(s)
			}
		}
		seen := map[string]bool{}
		for _, tb := range s.Tables() {
			if seen[tb.Name.String()] {
				rt.Fatalf("two tables %s", tb.Name)
			}
			seen[tb.Name.String()] = true
			for _, c := range tb.Columns {
				if n := tb.Name.String() + "\x00" + c.Name; seen[n] {
					rt.Fatalf("two columns %s of %s", c.Name, tb.Name)
				} else {
					seen[n] = true
				}
			}
		}
		if clone != nil && text(clone) != before {
			rt.Fatalf("the clone changed:\n%s\nto\n%s", before, text(clone))
		}
	})
}
