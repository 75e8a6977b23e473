package rehearse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/schema"
)

// manyTables is from how many on only those get rows that pending migrations are about.
const manyTables = 500

// column is what has to be known of one to make up a value.
type column struct {
	name   string
	kind   string // of the type beneath domains, as pg_type calls it
	cast   string // the type as SQL writes it
	label  *string
	length int32 // of a text; 0: any
	array  bool
	needed bool // NOT NULL without a default
	filled bool // by itself
}

// fill makes up rows for the tables, parents before children, so that scans and rewrites show.
func (s *scratch) fill(ctx context.Context, pending []ecto.Migration) error {
	state, standard, err := s.state(ctx)
	if err != nil {
		return err
	}
	columns, err := s.columns(ctx, standard)
	if err != nil {
		return err
	}
	f := &filler{scratch: s, state: state, columns: columns, done: map[ecto.Name]bool{}, standard: standard}
	for _, t := range f.wanted(pending) {
		if err := f.table(ctx, t); err != nil {
			return err
		}
	}
	if n := len(f.empty); n > 0 {
		s.o.Note(fmt.Sprintf("%d tables have no rows, so that what reads them whole cannot be told, the first: %s", n, f.empty[0]))
	}
	if err := s.refresh(ctx); err != nil {
		return err
	}
	if _, err := s.admin.Exec(ctx, "analyze"); err != nil && code(err) == "" {
		return fmt.Errorf("analyze the throw-away: %w", err)
	}
	return s.size(ctx)
}

type filler struct {
	*scratch
	state    *schema.State
	columns  map[ecto.Name][]column
	done     map[ecto.Name]bool
	empty    []string
	standard string
}

// wanted are the tables to be filled: all, or those that pending migrations name where there are many.
func (f *filler) wanted(pending []ecto.Migration) []*schema.Table {
	all := f.state.Tables()
	if len(all) <= manyTables {
		return all
	}
	var out []*schema.Table
	add := func(n ecto.Name) {
		if t := f.state.Table(n); t != nil && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	for _, m := range pending {
		for _, o := range m.Up {
			add(o.Table)
			add(o.To)
			if r := o.Column.References; r != nil {
				add(r.Table)
			}
		}
	}
	return out
}

// columns reads the columns of all tables that rows can be given to.
func (s *scratch) columns(ctx context.Context, standard string) (map[ecto.Name][]column, error) {
	rows, err := s.admin.Query(ctx, `with recursive base as (
 select oid as of, oid, typbasetype, typtype, typname, typtypmod, typelem, typcategory from pg_catalog.pg_type
 union all select b.of, t.oid, t.typbasetype, t.typtype, t.typname, case when b.typtypmod > 0 then b.typtypmod else t.typtypmod end, t.typelem, t.typcategory
 from base b join pg_catalog.pg_type t on b.typtype = 'd' and t.oid = b.typbasetype)
 select n.nspname, c.relname, a.attname, b.typname, pg_catalog.format_type(a.atttypid, a.atttypmod),
 (select e.enumlabel from pg_catalog.pg_enum e where e.enumtypid = b.oid order by e.enumsortorder limit 1),
 greatest(case when a.atttypmod > 0 then a.atttypmod else b.typtypmod end, 0), b.typcategory = 'A' and b.typelem <> 0,
 a.attnotnull and not a.atthasdef and a.attidentity = '', a.atthasdef or a.attidentity <> ''
 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 join base b on b.of = a.atttypid and b.typtype <> 'd'
 where c.relkind in ('r','p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and a.attgenerated = ''
 order by c.oid, a.attnum`)
	if err != nil {
		return nil, fmt.Errorf("look at the columns of the throw-away: %w", err)
	}
	out := map[ecto.Name][]column{}
	var (
		n ecto.Name
		c column
	)
	_, err = pgx.ForEachRow(rows, []any{&n.Prefix, &n.Name, &c.name, &c.kind, &c.cast, &c.label, &c.length, &c.array, &c.needed, &c.filled}, func() error {
		if n.Prefix == standard {
			n.Prefix = ""
		}
		out[n] = append(out[n], c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at the columns of the throw-away: %w", err)
	}
	return out, nil
}

// table fills one, and before it those that it refers to.
func (f *filler) table(ctx context.Context, t *schema.Table) error {
	if f.done[t.Name] {
		return nil
	}
	f.done[t.Name] = true
	columns, ok := f.columns[t.Name]
	if !ok || t.Name.Name == f.in.Repo.Settings.Source {
		return nil
	}
	for _, k := range t.Constraints {
		if parent := f.state.Table(k.To); k.Kind == ecto.ForeignKey && parent != nil {
			if err := f.table(ctx, parent); err != nil {
				return err
			}
		}
	}
	why := ""
	for _, only := range []bool{false, true} { // all columns, or those that must have a value
		err := f.insert(ctx, t, columns, only)
		if err == nil {
			return nil
		}
		if code(err) == "" {
			return fmt.Errorf("make up rows on the throw-away: %w", err)
		}
		why = message(err)
	}
	f.empty = append(f.empty, t.Name.String()+" ("+why+")")
	return nil
}

func (f *filler) sql(n ecto.Name) string {
	prefix := n.Prefix
	if prefix == "" {
		prefix = f.standard
	}
	return quoted(prefix) + "." + quoted(n.Name)
}

func (f *filler) insert(ctx context.Context, t *schema.Table, columns []column, needed bool) error {
	var names, values []string
	from := "pg_catalog.generate_series(1, " + strconv.Itoa(f.o.Rows) + ") g(i)"
	referring := map[string]bool{}
	for n, k := range t.Constraints {
		if k.Kind != ecto.ForeignKey || len(k.ToColumns) != len(k.Columns) || slices.ContainsFunc(k.Columns, func(c string) bool { return referring[c] }) {
			continue
		}
		for _, c := range k.Columns {
			referring[c] = true
		}
		if k.To == t.Name {
			continue // nobody is anybody's parent yet
		}
		alias := "p" + strconv.Itoa(n)
		var there []string
		for i, c := range k.Columns {
			there = append(there, quoted(k.ToColumns[i])+" as "+quoted("c"+strconv.Itoa(i)))
			names, values = append(names, quoted(c)), append(values, alias+"."+quoted("c"+strconv.Itoa(i)))
		}
		from += " left join (select pg_catalog.row_number() over () as number, pg_catalog.count(*) over () as rows, " + strings.Join(there, ", ") +
			" from " + f.sql(k.To) + ") " + alias + " on " + alias + ".number = (g.i - 1) % " + alias + ".rows + 1"
	}
	for _, c := range columns {
		if referring[c.name] || c.filled || needed && !c.needed {
			continue
		}
		if v := c.value(); v != "" {
			names, values = append(names, quoted(c.name)), append(values, v)
		}
	}
	what := " default values"
	if len(names) > 0 {
		what = " (" + strings.Join(names, ", ") + ") select " + strings.Join(values, ", ") + " from " + from + " on conflict do nothing"
	}
	table := f.sql(t.Name)
	sql := []string{"begin", "alter table " + table + " disable trigger user", "insert into " + table + what, "alter table " + table + " enable trigger user", "commit"}
	for _, q := range sql {
		if _, err := f.conn.Exec(ctx, q); err != nil {
			if _, undo := f.conn.Exec(ctx, "rollback"); undo != nil {
				return undo
			}
			return err
		}
	}
	return nil
}

// values of types by the number of a row, i. Those that are missing here have none that is easy.
var values = map[string]string{
	"int2": "i", "int4": "i", "int8": "i", "oid": "i", "float4": "i", "float8": "i", "numeric": "i % 10", "money": "i",
	"bool": "true", "uuid": "pg_catalog.md5(i::text)::uuid", "json": "'{}'", "jsonb": "'{}'", "hstore": "''", "xml": "'<x/>'",
	"date":      "current_date - i",
	"timestamp": "localtimestamp - i * interval '1 hour'", "timestamptz": "current_timestamp - i * interval '1 hour'",
	"time": "localtime", "timetz": "current_time", "interval": "i * interval '1 hour'",
	"bytea": "pg_catalog.decode(pg_catalog.md5(i::text), 'hex')", "inet": "'192.0.2.1'::inet + i", "cidr": "'192.0.2.0/24'", "macaddr": "'02:00:00:00:00:01'",
	"int4range": "pg_catalog.int4range(i, i + 1)", "int8range": "pg_catalog.int8range(i, i + 1)", "numrange": "pg_catalog.numrange(i, i + 1)",
	"daterange": "pg_catalog.daterange(current_date + i, current_date + i + 1)",
	"tsrange":   "pg_catalog.tsrange(localtimestamp + i * interval '1 hour', localtimestamp + (i + 1) * interval '1 hour')",
	"tstzrange": "pg_catalog.tstzrange(current_timestamp + i * interval '1 hour', current_timestamp + (i + 1) * interval '1 hour')",
	"tsvector":  "''", "ltree": "'x' || i", "point": "pg_catalog.point(i, i)", "bit": "'1'", "varbit": "'1'",
}

// value is an expression over i; empty: none is known for such a column.
func (c column) value() string {
	cast := func(v string) string { return "(" + v + ")::" + c.cast }
	switch {
	case c.array:
		return cast("'{}'")
	case c.label != nil:
		return cast(literal(*c.label))
	}
	switch c.kind {
	case "text", "citext", "name":
		return cast("'x' || g.i")
	case "varchar", "bpchar":
		if c.length > 4 { // the length comes with four bytes of a header
			return cast("pg_catalog.right('x' || g.i, " + strconv.Itoa(int(c.length)-4) + ")")
		}
		return cast("'x' || g.i")
	}
	if v, ok := values[c.kind]; ok {
		return cast(v)
	}
	return ""
}

// refresh fills materialized views, which a copied schema has empty. What fails stays so.
func (s *scratch) refresh(ctx context.Context) error {
	rows, err := s.admin.Query(ctx, `select pg_catalog.format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'm' order by c.oid limit 100`)
	if err != nil {
		return fmt.Errorf("look for materialized views on the throw-away: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for materialized views on the throw-away: %w", err)
	}
	for _, n := range names {
		if err := s.exec(ctx, "refresh materialized view "+n); err != nil && code(err) == "" {
			return fmt.Errorf("fill %s on the throw-away: %w", n, err)
		}
	}
	return nil
}
