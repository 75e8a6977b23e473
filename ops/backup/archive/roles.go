package archive

import (
	"slices"
	"strings"

	"ops-console/ops/ecto/sqltext"
)

// Roles are those that the archive speaks of, by name: owners, who is granted something, whom a policy is for.
func (c *Contents) Roles() []string {
	all := c.Owners()
	for i := range c.Entries {
		e := &c.Entries[i]
		switch e.Desc {
		case "ACL", "DEFAULT ACL":
			for s := range statements(e.Definition) {
				all = append(all, grantees(s, "TO", "FROM", "ROLE", "AUTHORIZATION")...)
			}
		case "POLICY":
			for s := range statements(e.Definition) {
				head, _ := cutWord(s, "USING")
				head, _ = cutWord(head, "WITH")
				all = append(all, grantees(head, "TO")...)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// statements takes SQL apart at its semicolons.
func statements(sql string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start := 0
		for i := 0; i < len(sql); {
			kind, end := sqltext.At(sql, i)
			if kind != sqltext.Code {
				i = end
				continue
			}
			if sql[i] == ';' {
				if s := strings.TrimSpace(sql[start:i]); s != "" && !yield(s) {
					return
				}
				start = i + 1
			}
			i++
		}
		if s := strings.TrimSpace(sql[start:]); s != "" {
			yield(s)
		}
	}
}

// words calls see with every word of SQL that is code, and where it ends.
func words(sql string, see func(word string, start, end int) bool) {
	for i := 0; i < len(sql); {
		kind, end := sqltext.At(sql, i)
		if kind != sqltext.Code {
			i = end
			continue
		}
		if !sqltext.Word(sql[i]) {
			i++
			continue
		}
		start := i
		for i < len(sql) && sqltext.Word(sql[i]) {
			i++
		}
		if !see(sql[start:i], start, i) {
			return
		}
	}
}

// cutWord cuts SQL at a word.
func cutWord(sql, word string) (before string, found bool) {
	before = sql
	words(sql, func(w string, start, _ int) bool {
		if w == word {
			before, found = sql[:start], true
		}
		return !found
	})
	return before, found
}

// grantees are the roles that follow certain words, as pg_dump writes them.
func grantees(sql string, after ...string) []string {
	var all []string
	words(sql, func(w string, _, end int) bool {
		if !slices.Contains(after, w) {
			return true
		}
		for rest := sql[end:]; ; {
			name, more, ok := CutName(strings.TrimLeft(rest, " \n\t"))
			if !ok {
				return true
			}
			if name != "PUBLIC" && name != "CURRENT_USER" && name != "DEFAULT" {
				all = append(all, name)
			}
			if rest, ok = strings.CutPrefix(strings.TrimLeft(more, " \n\t"), ","); !ok {
				return true
			}
		}
	})
	return all
}

// OfDatabase are the statements about the database itself, which pg_restore leaves out unless it makes the database: settings
// and, if they are wanted, grants, for a database of another name. What is not understood is given apart.
func (c *Contents) OfDatabase(to string, grants bool) (run, skipped []string) {
	for i := range c.Entries {
		e := &c.Entries[i]
		acl := e.Desc == "ACL" && strings.HasPrefix(e.Tag, "DATABASE ")
		if e.Desc != "DATABASE PROPERTIES" && (!acl || !grants) {
			continue
		}
		for s := range statements(e.Definition) {
			if renamed, ok := renamed(s, c.Database, to); ok {
				run = append(run, renamed)
			} else {
				skipped = append(skipped, s)
			}
		}
	}
	return run, skipped
}

// renamed is a statement about a database, about another one.
func renamed(statement, from, to string) (string, bool) {
	out, ok := "", false
	words(statement, func(w string, _, end int) bool {
		if w != "DATABASE" {
			return true
		}
		space := len(statement[end:]) - len(strings.TrimLeft(statement[end:], " \n\t"))
		name, rest, is := CutName(statement[end+space:])
		if is && name == from {
			out, ok = statement[:end+space]+`"`+strings.ReplaceAll(to, `"`, `""`)+`"`+rest, true
		}
		return false
	})
	return out, ok
}
