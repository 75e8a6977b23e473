package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/tables"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres/client"
)

// compare holds the restored database against the archive: rows, large objects, where sequences are, and which objects there
// are, of whom.
func (v *run) compare(ctx context.Context, s *scratch, c *archive.Counts) error {
	conn, err := s.connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the server goes with it
	got, err := tables.Read(ctx, conn.PgConn(), tables.Options{Progress: func(done, of int, table string) { v.tell(Comparing, table, int64(done), int64(of)) }})
	if err != nil {
		return fmt.Errorf("count what was restored: %s", tables.Message(err))
	}
	if wrong := tables.Missing(c, got); wrong != "" {
		return bad("%s", wrong)
	}
	for i, t := range v.result.Tables {
		if t.Rows < 0 {
			v.result.Tables[i].Rows = rowsOf(got, t.Name)
		}
	}
	if wrong := tables.Compare(v.manifest.Tables, v.result.Tables, "the manifest", "the restored database"); wrong != "" {
		return bad("%s", wrong)
	}
	v.tell(Comparing, "definitions", 0, 0)
	return v.definitions(ctx, s, c.Contents)
}

func rowsOf(c *tables.Content, name string) int64 {
	for _, t := range c.Tables {
		if archive.Same(t.Name, name) {
			return t.Rows
		}
	}
	return -1
}

// definitions dumps what was restored once more, without data, and compares the two tables of contents. Texts of
// definitions are not compared: PostgreSQL writes some expressions in another form after each restore.
func (v *run) definitions(ctx context.Context, s *scratch, want *archive.Contents) error {
	program, err := client.Find(ctx, "pg_dump", s.major)
	if err != nil {
		return err
	}
	node, err := s.node(database)
	if err != nil {
		return err
	}
	forward, err := client.NewForward(ctx, s.cluster.Dir(), node, nil)
	if err != nil {
		return err
	}
	defer forward.Close() //nolint:errcheck // a socket, in a directory that goes, too
	r, w := io.Pipe()
	dumped := make(chan error, 1)
	go func() {
		cmd := client.Command{Program: program, Args: []string{"--format=custom", "--schema-only", "--no-password"}, Forward: forward, Stdout: w, Name: "ops-console verify"}
		err := cmd.Run(ctx)
		w.CloseWithError(err) //nolint:errcheck // never fails
		dumped <- err
	}()
	got, err := archive.ReadContents(r)
	//nolint:errcheck // what is left is of no interest
	io.Copy(io.Discard, r)
	if err := errors.Join(<-dumped, err); err != nil {
		return fmt.Errorf("dump the definitions of what was restored: %w", err)
	}
	same := s.major == archive.Major(v.manifest.Server.Version) && program.Major == archive.Major(v.manifest.Tool.PgDump)
	if wrong := objects(want, got, same); len(wrong) > 0 {
		return bad("the restored database has other objects than the dump: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// objects says which objects of one table of contents are missing in another; both says to look the other way round, too.
func objects(want, got *archive.Contents, both bool) []string {
	count := map[string]int{}
	names := map[string]string{}
	add := func(c *archive.Contents, n int) {
		for i := range c.Entries {
			if e := &c.Entries[i]; defines(e) {
				key := strings.Join([]string{e.Desc, e.Schema, e.Tag, e.Owner}, "\x00")
				count[key] += n
				names[key] = plaintext.Line(e.Desc+" "+archive.Name(e.Schema, e.Tag)+" of "+e.Owner, 120)
			}
		}
	}
	add(want, 1)
	add(got, -1)
	var wrong []string
	for key, n := range count {
		switch {
		case n > 0:
			wrong = append(wrong, "no "+names[key])
		case n < 0 && both:
			wrong = append(wrong, names[key]+" too much")
		}
	}
	slices.Sort(wrong)
	const shown = 5
	if len(wrong) > shown {
		wrong = append(wrong[:shown], fmt.Sprintf("and %d more", len(wrong)-shown))
	}
	return wrong
}

// notDefined are entries that are of the archive, of the data or of the database as a whole.
var notDefined = map[string]bool{
	"ENCODING": true, "STDSTRINGS": true, "SEARCHPATH": true, "DATABASE": true, "DATABASE PROPERTIES": true,
	"SUBSCRIPTION": true, "SUBSCRIPTION TABLE": true, "STATISTICS DATA": true, "BLOB": true, "BLOB METADATA": true,
	"MATERIALIZED VIEW DATA": true,
}

func defines(e *archive.Entry) bool {
	const data = 3
	for _, p := range []string{"DATABASE ", "LARGE OBJECT", "SUBSCRIPTION "} {
		if strings.HasPrefix(e.Tag, p) && (e.Desc == "ACL" || e.Desc == "COMMENT" || e.Desc == "SECURITY LABEL") {
			return false
		}
	}
	return e.Section != data && !notDefined[e.Desc]
}

// assert asks the profile's questions, each in a transaction of its own that changes nothing.
func (v *run) assert(ctx context.Context, s *scratch) error {
	if len(v.Assertions) == 0 {
		return nil
	}
	conn, err := s.connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the server goes with it
	for i, sql := range v.Assertions {
		shown := plaintext.Line(sql, 200)
		v.tell(Asserting, shown, int64(i), int64(len(v.Assertions)))
		holds, err := assertion(ctx, conn, sql)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && (s.alive(ctx) != nil || unasked(err)):
			return fmt.Errorf("ask %s: %s", shown, tables.Message(err))
		case err != nil:
			return bad("the assertion %s fails: %s", shown, tables.Message(err))
		case !holds:
			return bad("the assertion does not hold: %s", shown)
		}
		v.result.Asserted = append(v.result.Asserted, sql)
	}
	return nil
}

// unasked says whether it lies with the question that there was no answer: it is no SQL, or gives something else.
func unasked(err error) bool {
	const syntax, readOnly = "42601", "25006"
	pe := (*pgconn.PgError)(nil)
	return !errors.As(err, &pe) || pe.Code == syntax || pe.Code == readOnly
}

// assertion is whether SQL gives one row of one column that is true.
func assertion(ctx context.Context, conn *pgx.Conn, sql string) (holds bool, err error) {
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local statement_timeout = '10min'"); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sql)
		if err != nil {
			return err
		}
		answers, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*bool, error) {
			var b *bool
			err := row.Scan(&b)
			return b, err
		})
		if err != nil {
			return err
		}
		if len(answers) != 1 {
			return fmt.Errorf("it gives %d rows instead of one", len(answers))
		}
		holds = answers[0] != nil && *answers[0]
		return nil
	})
	return holds, err
}
