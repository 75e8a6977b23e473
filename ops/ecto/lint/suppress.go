package lint

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
	"ops-console/ops/plaintext"
)

// A comment takes findings out of the count, with a reason:
//
//	# ops-console:ignore index-not-concurrent -- nobody writes to it
//	create index(:colours, [:name])
//
// Alone on its line it is about the expression that follows, all of it; behind code about that line. ignore-file is about
// the whole file. Several rules are separated by commas. The comments of excellent_migrations are understood too, so that a
// project can change over; its checks are those of imported.

// ignore is one comment that suppresses findings.
type ignore struct {
	path    string
	at      ecto.Span
	rules   []string
	reason  string
	file    bool // about all of the file
	tail    bool // behind code: about what stands on that line
	from    int  // lines that it is about where it is not the file
	to      int
	foreign bool            // of another linter
	back    bool            // within what runs on the way back
	used    map[string]bool // the rules that it kept quiet
}

// imported is what the checks of excellent_migrations are here. What it says of raw SQL is about all that the SQL does.
var imported = map[string][]string{
	"check_constraint_added":                             {"check-validating"},
	"column_added_with_default":                          {"add-column-volatile-default", "add-column-default-pg10"},
	"column_reference_added":                             {"add-column-references", "create-table-references", "fk-modify-swap"},
	"column_removed":                                     {"remove-column", "remove-column-dependents"},
	"column_renamed":                                     {"rename-column"},
	"column_type_changed":                                {"modify-type-rewrite", "modify-implicit-type"},
	"column_volatile_default":                            {"add-column-volatile-default"},
	"index_concurrently_without_disable_ddl_transaction": {"index-concurrent-in-tx"},
	"index_concurrently_without_disable_migration_lock":  {"index-concurrent-under-migration-lock"},
	"index_not_concurrently":                             {"index-not-concurrent", "index-drop-not-concurrent"},
	"json_column_added":                                  {"json-column"},
	"many_columns_index":                                 {"index-too-wide"},
	"not_null_added":                                     {"set-not-null", "add-not-null-no-default"},
	"operation_delete":                                   {"backfill-in-ddl-tx", "unbounded-dml"},
	"operation_insert":                                   {"backfill-in-ddl-tx", "unbounded-dml"},
	"operation_update":                                   {"backfill-in-ddl-tx", "unbounded-dml"},
	"raw_sql_executed":                                   {anyRawSQL},
	"table_dropped":                                      {"drop-table", "drop-cascade", "fk-drop-locks-both"},
	"table_renamed":                                      {"rename-table"},
}

// anyRawSQL stands for every rule about what SQL does, where the operation is written as SQL.
const anyRawSQL = "raw SQL"

// about are the groups of the rules that are about what SQL does, and not about whether it can run.
var about = map[string]bool{"indexes": true, "columns": true, "constraints": true, "tables": true, "transactions": true, "data": true}

// ignores reads the comments of a file. Faults are what is wrong with them, by the rule that says so.
func ignores(path string, src []byte) (found []*ignore, faults []Finding) {
	if !bytes.Contains(src, []byte("ops-console:")) && !bytes.Contains(src, []byte("excellent_migrations")) {
		return nil, nil
	}
	f, _ := elixir.Parse(src, path)
	downs := spans(f, "down")
	for i := range f.Comments {
		c := &f.Comments[i]
		g, fault := parseIgnore(c.Text)
		at := ecto.Span{Line: int(c.Line), Column: int(c.Column), EndLine: int(c.Line), EndColumn: int(c.Column) + len([]rune(c.Text))}
		if fault != nil {
			fault.Path, fault.At = path, at
			faults = append(faults, *fault)
		}
		if g == nil {
			continue
		}
		g.path, g.at, g.used = path, at, map[string]bool{}
		g.place(f, c)
		g.back = slices.ContainsFunc(downs, func(s ecto.Span) bool { return s.Line <= g.from && g.to <= s.EndLine })
		found = append(found, g)
	}
	return found, faults
}

// place finds the lines that a comment is about.
func (g *ignore) place(f *elixir.File, c *elixir.Comment) {
	line := int(c.Line)
	g.from, g.to = line, line
	if g.tail = c.Trailing; g.tail {
		return
	}
	if c.Next != nil {
		from, to := f.Extent(c.Next)
		g.from, g.to = int(from.Line), int(to.Line)
		return
	}
	// Before an argument or an option: the next line that has code.
	for n := line + 1; n <= line+100; n++ {
		if text := strings.TrimSpace(f.Line(n)); text != "" && !strings.HasPrefix(text, "#") {
			g.from, g.to = n, n
			return
		}
	}
}

// spans are the places of the definitions with a name.
func spans(f *elixir.File, name string) []ecto.Span {
	var out []ecto.Span
	for _, m := range f.Modules() {
		for _, n := range m.Body {
			if d, ok := n.Def(); ok && d.Name == name {
				from, to := f.Extent(n)
				out = append(out, ecto.Span{Line: int(from.Line), Column: int(from.Column), EndLine: int(to.Line), EndColumn: int(to.Column)})
			}
		}
	}
	return out
}

// parseIgnore reads the text of a comment. It is nil where the comment suppresses nothing, and a comment that was meant to
// has a fault.
func parseIgnore(text string) (*ignore, *Finding) {
	text = strings.TrimSpace(strings.TrimLeft(text, "#"))
	if rest, ok := strings.CutPrefix(text, "ops-console:"); ok {
		return parseOwn(rest)
	}
	if rest, ok := strings.CutPrefix(text, "excellent_migrations"); ok {
		if rest, ok = strings.CutPrefix(strings.TrimSpace(rest), ":"); ok {
			return parseForeign(strings.TrimSpace(rest)), nil
		}
	}
	return nil, nil
}

func parseOwn(rest string) (*ignore, *Finding) {
	word, rest, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if word != "ignore" && word != "ignore-file" {
		if strings.HasPrefix(word, "ignore") {
			return nil, &Finding{Rule: "suppression-unknown", Text: fmt.Sprintf("%s is neither ignore nor ignore-file: the comment does nothing", strconv.Quote(word))}
		}
		return nil, nil
	}
	ids, reason := cutReason(rest)
	g := &ignore{file: word == "ignore-file", reason: reason}
	var unknown []string
	for _, id := range ids {
		if _, ok := Find(id); ok {
			g.rules = append(g.rules, id)
		} else {
			unknown = append(unknown, strconv.Quote(id))
		}
	}
	switch {
	case len(ids) == 0:
		return nil, &Finding{Rule: "suppression-unknown", Text: "the comment names no rule, so it does nothing", Recipe: "name the rules: # ops-console:ignore RULE -- reason"}
	case reason == "":
		return nil, &Finding{Rule: "suppression-no-reason", Text: "the comment gives no reason, so it does nothing", Recipe: "write why it is safe behind --"}
	case len(unknown) > 0:
		if len(g.rules) == 0 {
			g = nil
		}
		return g, &Finding{Rule: "suppression-unknown", Text: "there is no rule " + strings.Join(unknown, ", "), Recipe: "ops-console lint --explain lists the rules"}
	}
	return g, nil
}

// cutReason takes apart what stands before and behind a dash: rules, and why.
func cutReason(s string) (ids []string, reason string) {
	at, end := len(s), len(s)
	for _, dash := range []string{"--", "—", "–", " - "} {
		if i := strings.Index(" "+s, dash) - 1; i >= -1 && i < at {
			at, end = i, i+len(dash)
		}
	}
	at = max(at, 0)
	ids = strings.FieldsFunc(s[:at], func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
	return ids, strings.TrimSpace(plaintext.Line(strings.TrimLeft(s[end:], "-—– "), 500))
}

func parseForeign(rest string) *ignore {
	g := &ignore{foreign: true, reason: "excellent_migrations: safety assured"}
	types, ok := strings.CutPrefix(rest, "safety-assured-for-this-file")
	if g.file = ok; !ok {
		if types, ok = strings.CutPrefix(rest, "safety-assured-for-next-line"); !ok {
			return nil
		}
	}
	for _, t := range strings.Fields(types) {
		g.rules = append(g.rules, imported[strings.ReplaceAll(t, "-", "_")]...)
	}
	if len(g.rules) == 0 {
		return nil
	}
	return g
}
