// Package tables says what the tables of a live database hold: how many rows,
// and a sum over their contents by which two databases are compared. It reads in
// one transaction that sees one moment, and never changes anything.
package tables

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/plaintext"
)

// Content is what a database holds.
type Content struct {
	Tables       []Table // by name
	LargeObjects int64
	// LargeSum is a sum over the large objects; empty: it was not asked for, or this role may not read them.
	LargeSum string
}

// Table is one table with rows of its own: partitions are, the partitioned table is not.
type Table struct {
	Name      string // schema.table, quoted where SQL must
	Rows      int64
	Sum       string // over all rows, whatever their order; empty: it was not asked for
	Part      bool   // a partition
	Extension bool   // made by an extension, which puts rows of its own into it
	Sequence  bool   // a sequence, whose one row is where it is
}

// Options of Read.
type Options struct {
	// Sums says to compute sums, which costs the server about as much as writing all rows out as text.
	Sums bool
	// Progress is told before each table. nil: nobody is.
	Progress func(done, of int, table string)
}

// settings make values look the same on every server.
const settings = `select set_config('datestyle', 'ISO, YMD', true), set_config('intervalstyle', 'postgres', true), set_config('timezone', 'UTC', true),
 set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '3', true), set_config('row_security', 'off', true),
 set_config('search_path', 'pg_catalog', true), set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
 set_config('xmlbinary', 'base64', true)`

const list = `select pg_catalog.format('%I.%I', n.nspname, c.relname), c.relispartition, c.relkind = 'S',
 exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'S') and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1`

// Read counts the rows of all tables, and sums them up. A table of a row-level security that binds the role is an error, not
// a smaller number. Errors are the server's, or of the session.
func Read(ctx context.Context, conn *pgconn.PgConn, o Options) (*Content, error) {
	if _, err := Ask(ctx, conn, "begin isolation level repeatable read read only"); err != nil {
		return nil, fmt.Errorf("read tables: %w", err)
	}
	c := &Content{}
	err := c.read(ctx, conn, o)
	if _, e := Ask(ctx, conn, "rollback"); err == nil && e != nil {
		err = fmt.Errorf("read tables: %w", e)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Content) read(ctx context.Context, conn *pgconn.PgConn, o Options) error {
	if _, err := Ask(ctx, conn, settings); err != nil {
		return fmt.Errorf("read tables: %w", err)
	}
	rows, err := Ask(ctx, conn, list)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	for _, r := range rows {
		c.Tables = append(c.Tables, Table{Name: r[0], Part: r[1] == "t", Sequence: r[2] == "t", Extension: r[3] == "t"})
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		if o.Progress != nil {
			o.Progress(i, len(c.Tables), plaintext.Line(t.Name, 120))
		}
		if t.Rows, t.Sum, err = one(ctx, conn, t.query(o.Sums)); err != nil {
			return fmt.Errorf("read %s: %w", plaintext.Line(t.Name, 120), err)
		}
	}
	if c.LargeObjects, _, err = one(ctx, conn, "select pg_catalog.count(*), '' from pg_catalog.pg_largeobject_metadata"); err != nil {
		return fmt.Errorf("count large objects: %w", err)
	}
	if !o.Sums {
		return nil
	}
	return c.large(ctx, conn)
}

// one is the answer to a question for a number and a text.
func one(ctx context.Context, conn *pgconn.PgConn, sql string) (int64, string, error) {
	rows, err := Ask(ctx, conn, sql)
	if err != nil {
		return 0, "", err
	}
	if len(rows) != 1 || len(rows[0]) != 2 {
		return 0, "", fmt.Errorf("%d rows instead of one", len(rows))
	}
	n, err := strconv.ParseInt(rows[0][0], 10, 64)
	return n, rows[0][1], err
}

// Ask runs one statement and gives its rows in text form; NULL is the empty text.
func Ask(ctx context.Context, conn *pgconn.PgConn, sql string) ([][]string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for _, r := range results {
		for _, values := range r.Rows {
			row := make([]string, len(values))
			for i, v := range values {
				row[i] = string(v)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// query gives the number of rows and their sum. Sums of hashes do not depend on the order; the type of a row in text form
// has every column, and a value of its own for NULL.
func (t *Table) query(sums bool) string {
	switch {
	case t.Sequence:
		// Its row has log_cnt beside, which is about the write-ahead log.
		return "select 1::bigint, last_value || ' ' || is_called from " + t.Name
	case sums:
		return `select pg_catalog.count(*), coalesce(pg_catalog.sum(pg_catalog.hashtextextended((r.*)::pg_catalog.text collate "C", 0)), 0)::text from only ` + t.Name + " r"
	}
	return "select pg_catalog.count(*), '' from only " + t.Name
}

// large sums up the large objects, where this role may.
func (c *Content) large(ctx context.Context, conn *pgconn.PgConn) error {
	may, err := Ask(ctx, conn, "select 1 where pg_catalog.has_table_privilege('pg_catalog.pg_largeobject', 'select')")
	if err != nil || len(may) == 0 {
		return err
	}
	_, c.LargeSum, err = one(ctx, conn, `select 0, coalesce(pg_catalog.sum(pg_catalog.hashtextextended((loid || '.' || pageno || '.' || pg_catalog.encode(data, 'hex')) collate "C", 0)), 0)::text
 from pg_catalog.pg_largeobject`)
	if err != nil {
		return fmt.Errorf("sum up large objects: %w", err)
	}
	return nil
}

// Manifest is the tables as manifests have them; sequences and what extensions own is left out.
func (c *Content) Manifest() []backup.Table {
	var all []backup.Table
	for _, t := range c.Tables {
		if !t.Sequence && !t.Extension {
			all = append(all, backup.Table{Name: t.Name, Rows: t.Rows, Part: t.Part})
		}
	}
	return all
}

// Diff is where two databases differ, one line each, safe to show. Sums are compared where both have them.
func Diff(a, b *Content) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, plaintext.Line(fmt.Sprintf(format, args...), 300)) }
	other := map[string]Table{}
	for _, t := range b.Tables {
		other[archive.Key(t.Name)] = t
	}
	for _, t := range a.Tables {
		u, ok := other[archive.Key(t.Name)]
		delete(other, archive.Key(t.Name))
		switch {
		case !ok:
			say("%s is only in the first", t.Name)
		case t.Rows != u.Rows:
			say("%s: %d rows and %d", t.Name, t.Rows, u.Rows)
		case t.Sum != "" && u.Sum != "" && t.Sum != u.Sum:
			say("%s: %d rows each, with other contents", t.Name, t.Rows)
		}
	}
	for _, t := range b.Tables {
		if _, left := other[archive.Key(t.Name)]; left {
			say("%s is only in the second", t.Name)
		}
	}
	if a.LargeObjects != b.LargeObjects {
		say("large objects: %d and %d", a.LargeObjects, b.LargeObjects)
	} else if a.LargeSum != "" && b.LargeSum != "" && a.LargeSum != b.LargeSum {
		say("large objects: %d each, with other contents", a.LargeObjects)
	}
	return out
}

// Message is what a server said, as one line that is safe to show and has no rows in it; of other errors their text.
func Message(err error) string {
	pe := (*pgconn.PgError)(nil)
	if errors.As(err, &pe) {
		return plaintext.Line(pe.Message+" ("+pe.Code+")", 300)
	}
	return plaintext.Line(err.Error(), 300)
}
