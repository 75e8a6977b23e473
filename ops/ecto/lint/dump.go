package lint

import (
	"bytes"
	"fmt"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/pgsql"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/schema"
)

// readDump is the state that a structure dump describes, as mix ecto.dump writes it with pg_dump. It is the better history
// for what comes after it: files that are older than a dump may be gone.
func readDump(path string, src []byte) (*schema.State, error) {
	var sql bytes.Buffer
	for line := range bytes.Lines(src) {
		// psql's own commands, such as \restrict, are no SQL.
		if !bytes.HasPrefix(line, []byte(`\`)) {
			sql.Write(line)
		}
	}
	oo, err := pgsql.Parse(sql.String())
	if err != nil {
		return nil, fmt.Errorf("structure dump %s: %w", path, err)
	}
	s := &schema.State{}
	for _, o := range oo {
		s.Apply("", unqualified(o))
	}
	return s, nil
}

// unqualified says the default schema as migrations do, not at all.
func unqualified(o ecto.Operation) ecto.Operation {
	for _, n := range []*ecto.Name{&o.Table, &o.Name, &o.To} {
		if n.Prefix == "public" {
			n.Prefix = ""
		}
	}
	if r := o.Column.References; r != nil && r.Table.Prefix == "public" {
		own := *r
		own.Table.Prefix = ""
		o.Column.References = &own
	}
	return o
}

// unreadDump is what a reader has to know where a dump cannot be used.
func unreadDump(path string, err error) project.Note {
	return project.Note{Path: path, Note: ecto.Note{Code: "dump-unread", Text: fmt.Sprintf("the state before the migrations is taken from their files alone: %v", err)}}
}
