package lint

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/project"
)

// What is here writes the safe versions: Ecto code with the names of the place that a finding is about.

var plainAtom = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*[?!]?$`)

// atom is :name.
func atom(name string) string {
	if plainAtom.MatchString(name) {
		return ":" + name
	}
	return ":" + strconv.Quote(name)
}

// atoms is [:a, :b].
func atoms(names ...string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = atom(n)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// elixirText is a string of Elixir: interpolation is none of SQL's business.
func elixirText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "#{", `\#{`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s) + `"`
}

// ident is a name as SQL quotes it, where it has to.
func ident(name string) string {
	for i, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
	}
	return name
}

// qualified is a table's name in SQL.
func qualified(n ecto.Name) string {
	if n.Prefix == "" {
		return ident(n.Name)
	}
	return ident(n.Prefix) + "." + ident(n.Name)
}

// execute is a call with a statement of SQL.
func execute(format string, args ...any) string {
	return "execute " + elixirText(fmt.Sprintf(format, args...))
}

// executeBoth is a call with a statement and the one that undoes it.
func executeBoth(up, down string) string {
	return "execute(\n  " + elixirText(up) + ",\n  " + elixirText(down) + "\n)"
}

// alterTo is alter table(:t) do … end.
func alterTo(n ecto.Name, lines ...string) string {
	return "alter " + tableCall(n) + " do\n" + indent(strings.Join(lines, "\n")) + "\nend"
}

func tableCall(n ecto.Name) string {
	if n.Prefix == "" {
		return "table(" + atom(n.Name) + ")"
	}
	return "table(" + atom(n.Name) + ", prefix: " + elixirText(n.Prefix) + ")"
}

func indent(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = "  " + l
		}
	}
	return strings.Join(lines, "\n")
}

// change is def change do … end.
func change(lines ...string) string {
	return "def change do\n" + indent(strings.Join(lines, "\n")) + "\nend"
}

// migrations joins the bodies of several, each with what it is for.
func migrations(parts ...string) string { return strings.Join(parts, "\n\n") }

// outside is a migration without a transaction, and without the lock that its statement would wait for.
func (p *pass) outside(lines ...string) string { return p.outsideHead() + change(lines...) }

// outsideBoth is outside with up and down: change would undo a drop that clears the way by building the index again.
func (p *pass) outsideBoth(up []string, down ...string) string {
	block := func(name string, lines []string) string {
		return "def " + name + " do\n" + indent(strings.Join(lines, "\n")) + "\nend"
	}
	return p.outsideHead() + block("up", up) + "\n\n" + block("down", down)
}

func (p *pass) outsideHead() string {
	head := "@disable_ddl_transaction true\n"
	switch p.Repo.Settings.Lock {
	case project.AdvisoryLock, project.NoLock:
	default:
		head += fmt.Sprintf("# and in the configuration: config %s, %s, migration_lock: :pg_advisory_lock\n", appName(p.Repo), repoName(p.Repo))
	}
	return head + "\n"
}

func appName(r project.Repo) string {
	if r.App == "" {
		return ":my_app"
	}
	return atom(r.App)
}

func repoName(r project.Repo) string {
	if r.Module == "" {
		return "MyApp.Repo"
	}
	return r.Module
}

// indexCall is the index of an operation in the DSL; empty where the DSL cannot say it.
func indexCall(o *ecto.Operation, concurrently bool) string {
	var cc []string
	for _, c := range o.Columns {
		switch {
		case c.Name != "" && c.Suffix != "":
			cc = append(cc, elixirText(ident(c.Name)+" "+c.Suffix))
		case c.Name != "":
			cc = append(cc, atom(c.Name))
		case c.Expression != "":
			cc = append(cc, elixirText(c.Expression))
		}
	}
	if o.Table.Name == "" || len(cc) == 0 {
		return ""
	}
	call := "index"
	if o.Unique {
		call = "unique_index"
	}
	s := call + "(" + atom(o.Table.Name) + ", [" + strings.Join(cc, ", ") + "]"
	option := func(key, value string) { s += ", " + key + ": " + value }
	if o.Name.Name != "" && o.Name.Name != defaultIndexName(o) {
		option("name", atom(o.Name.Name))
	}
	if o.Table.Prefix != "" {
		option("prefix", elixirText(o.Table.Prefix))
	}
	if o.Where != "" {
		option("where", elixirText(o.Where))
	}
	if using := strings.ToLower(o.Using); using != "" && using != "btree" {
		option("using", atom(using))
	}
	if len(o.Include) > 0 {
		option("include", atoms(o.Include...))
	}
	if concurrently {
		option("concurrently", "true")
	}
	return s + ")"
}

var notInName = regexp.MustCompile(`[^\w]`)

// defaultIndexName is the one that Ecto makes up (Ecto.Migration, default_index_name).
func defaultIndexName(o *ecto.Operation) string {
	words := []string{o.Table.Name}
	for _, c := range o.Columns {
		w := strings.TrimSpace(c.Name + " " + c.Suffix)
		if c.Name == "" {
			w = c.Expression
		}
		words = append(words, strings.TrimRight(notInName.ReplaceAllString(w, "_"), "_"))
	}
	return strings.Join(append(words, "index"), "_")
}

// ectoType is a column's type in the DSL.
func ectoType(c *ecto.Column) string {
	switch t := c.EctoType; {
	case t == "":
		return atom(c.Type)
	case plainAtom.MatchString(t):
		return atom(t)
	default:
		return t
	}
}

// add is the call that adds a column without anything that would make it slow.
func add(c *ecto.Column, options ...string) string {
	return "add " + strings.Join(append([]string{atom(c.Name), ectoType(c)}, options...), ", ")
}

// defaultSQL is the default of a column as SQL has it.
func defaultSQL(d *ecto.Default) string {
	if d == nil {
		return "NULL"
	}
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(d.SQL), "DEFAULT "))
}
