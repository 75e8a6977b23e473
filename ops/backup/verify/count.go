package verify

import (
	"context"
	"fmt"
	"io"
	"os"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/load"
	"ops-console/ops/backup/tables"
	"ops-console/ops/postgres/client"
)

// counted has pg_restore read the dump to its end, and counts it beside that: the rows are those of the archive's own blocks,
// since SQL text can speak of COPY in a function, too.
func (v *run) counted(ctx context.Context) error {
	if _, err := v.globals(ctx); err != nil {
		return err
	}
	program, err := v.pgRestore(ctx)
	if err != nil {
		return err
	}
	result, err := load.Stream(ctx, load.Options{
		Run:      client.Command{Program: program, Args: []string{"--file=" + os.DevNull}},
		Progress: v.loading(Reading),
	}, v.openDump)
	if err != nil {
		return err
	}
	return v.rows(result.Counts)
}

// pgRestore finds one that is not older than the pg_dump.
func (v *run) pgRestore(ctx context.Context) (client.Program, error) {
	return client.Find(ctx, "pg_restore", archive.Major(v.manifest.Tool.PgDump))
}

func (v *run) openDump(ctx context.Context) (io.ReadCloser, error) { return v.open(ctx, v.dump) }

// loading hands on the progress of a load.
func (v *run) loading(step Step) func(load.Progress) {
	return func(p load.Progress) { v.tell(step, p.Entry, p.Bytes, v.dump.Raw.Bytes) }
}

// rows compares what the archive holds with the manifest, and keeps it for the result.
func (v *run) rows(c *archive.Counts) error {
	known := map[string]backup.Table{}
	for _, t := range v.manifest.Tables {
		known[archive.Key(t.Name)] = t
	}
	v.result.Tables = nil
	for _, t := range c.Tables {
		if k, ok := known[archive.Key(t.Name)]; ok {
			t.Name, t.Est, t.Part = k.Name, k.Est, k.Part
		}
		v.result.Tables = append(v.result.Tables, t)
	}
	if wrong := tables.Compare(v.manifest.Tables, c.Tables, "the manifest", "the dump"); wrong != "" {
		return bad("%s", wrong)
	}
	if n := v.manifest.LargeObj; n > 0 && n != c.LargeObjects {
		return bad("there are %d large objects in the manifest and %d in the dump", n, c.LargeObjects)
	}
	for i := range c.Tables {
		if c.Tables[i].Rows < 0 {
			return fmt.Errorf("%s was dumped as INSERTs, which are not counted: verify it to the level %s, which does", c.Tables[i].Name, backup.Restored)
		}
	}
	return nil
}
