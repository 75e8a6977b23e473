package tables

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/plaintext"
)

// Compare says where two lists of tables differ in rows: first what is missing, then what has other rows. Tables of which
// either says -1 are not compared. The text is safe to show; empty: they agree.
func Compare(want, got []backup.Table, wantName, gotName string) string {
	have := map[string]int64{}
	for _, t := range got {
		have[archive.Key(t.Name)] = t.Rows
	}
	var wrong []string
	for _, t := range want {
		rows, ok := have[archive.Key(t.Name)]
		switch {
		case t.Rows < 0 || ok && rows < 0:
		case !ok && t.Rows > 0:
			wrong = append(wrong, fmt.Sprintf("%s has %d rows in %s and is not in %s", t.Name, t.Rows, wantName, gotName))
		case ok && rows != t.Rows:
			wrong = append(wrong, fmt.Sprintf("%s has %d rows in %s and %d in %s", t.Name, t.Rows, wantName, rows, gotName))
		}
	}
	const shown = 3
	more := ""
	if len(wrong) > shown {
		more = fmt.Sprintf(", and %d tables more", len(wrong)-shown)
		wrong = wrong[:shown]
	}
	if len(wrong) == 0 {
		return ""
	}
	return plaintext.Line(strings.Join(wrong, "; ")+more, 600)
}

// Missing is where a restored database does not hold what the archive does: rows, large objects, sequences. It is safe to
// show; empty: it holds all of it. Tables of extensions may hold more: what the extension itself put there.
func Missing(c *archive.Counts, got *Content) string {
	restored := make([]backup.Table, 0, len(got.Tables))
	own := map[string]int64{}
	sequences := map[string]string{}
	for _, t := range got.Tables {
		switch {
		case t.Sequence:
			sequences[archive.Key(t.Name)] = t.Sum
		case t.Extension:
			own[archive.Key(t.Name)] = t.Rows
		default:
			restored = append(restored, backup.Table{Name: t.Name, Rows: t.Rows})
		}
	}
	want := slices.DeleteFunc(slices.Clone(c.Tables), func(t backup.Table) bool {
		rows, ok := own[archive.Key(t.Name)]
		return ok && rows >= t.Rows
	})
	if wrong := Compare(want, restored, "the dump", "the restored database"); wrong != "" {
		return wrong
	}
	if c.LargeObjects != got.LargeObjects {
		return fmt.Sprintf("there are %d large objects in the dump and %d in the restored database", c.LargeObjects, got.LargeObjects)
	}
	for name, statement := range c.Contents.Sequences() {
		m := setval.FindStringSubmatch(statement)
		if m == nil {
			continue
		}
		if is := sequences[archive.Key(name)]; is != m[1]+" "+m[2] {
			return plaintext.Line(fmt.Sprintf("the sequence %s is at %q instead of %q", name, is, m[1]+" "+m[2]), 300)
		}
	}
	return ""
}

// setval is how pg_dump sets a sequence.
var setval = regexp.MustCompile(`(?s)^SELECT pg_catalog\.setval\('.*', (-?[0-9]+), (true|false)\);$`)
