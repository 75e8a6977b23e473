package lower

import (
	"path"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// execute is execute/1 and execute/2.
func (m *machine) execute(e *env, n *elixir.Node, args []value) value {
	if len(args) == 0 || len(args) > 2 {
		return m.unknown(e, n)
	}
	c := &command{do: "execute", at: e.at(n), both: len(args) == 2}
	c.up = m.executable(e, n, args[0])
	if c.both {
		c.down = m.executable(e, n, args[1])
	}
	m.queue(c)
	return okay
}

// executable is what execute is given.
func (m *machine) executable(e *env, n *elixir.Node, v value) *executable {
	x := &executable{at: e.at(n), env: e, here: here(e, n)}
	switch v := v.(type) {
	case text:
		x.sql = v
	case charlist:
		x.sql, x.list = v.text, true
	case list:
		x.sql, x.list = textOf(v), true
	case *closure:
		x.function = true
		deferred := m.deferred
		m.deferred = true
		x.inner = m.collect(func() { m.apply(v, nil) })
		m.deferred = deferred
	default:
		x.dynamic = true
	}
	return x
}

// executeFile is execute_file/1 and execute_file/2.
func (m *machine) executeFile(e *env, n *elixir.Node, args []value) value {
	if len(args) == 0 || len(args) > 2 {
		return m.unknown(e, n)
	}
	c := &command{do: "execute", at: e.at(n), both: len(args) == 2}
	file := func(v value) *executable {
		x := &executable{at: e.at(n), env: e, here: here(e, n)}
		t, ok := v.(text)
		if !ok || !t.known() {
			x.dynamic = true
			return x
		}
		src, err := m.low.read(m.path, t.String())
		if err != nil {
			m.note(x.at, "unread-file", "the file "+t.String()+" was not read: what it does is not known")
			x.dynamic = true
			return x
		}
		x.sql = words(string(src))
		return x
	}
	c.up = file(args[0])
	if c.both {
		c.down = file(args[1])
	}
	m.queue(c)
	return okay
}

// readFile is File.read! and what makes paths for it.
func (m *machine) readFile(e *env, module, name string, args []value) (value, bool) {
	all := make([]string, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case text:
			if !a.known() {
				return nil, false
			}
			all[i] = a.String()
		case atom, alias:
		case list:
			parts := make([]string, len(a))
			for k, x := range a {
				t, ok := x.(text)
				if !ok || !t.known() {
					return nil, false
				}
				parts[k] = t.String()
			}
			all[i] = path.Join(parts...)
		default:
			return nil, false
		}
	}
	switch module + "." + name {
	case "File.read!":
		if len(all) == 1 {
			if src, err := m.low.read(m.path, all[0]); err == nil {
				return words(string(src)), true
			}
		}
	case "Path.join":
		return words(path.Join(all...)), true
	case "Path.expand":
		if len(all) == 2 {
			return words(path.Join(all[1], all[0])), true
		}
		if len(all) == 1 {
			return words(path.Clean(all[0])), true
		}
	case "Path.basename":
		if len(all) == 1 {
			return words(path.Base(all[0])), true
		}
		if len(all) == 2 {
			return words(strings.TrimSuffix(path.Base(all[0]), all[1])), true
		}
	case "Path.dirname":
		if len(all) == 1 {
			return words(path.Dir(all[0])), true
		}
	case "Application.app_dir", ":code.priv_dir", ":code.lib_dir":
		base := ""
		if name == "priv_dir" {
			base = "priv"
		}
		return words(path.Join(append([]string{base}, all...)...)), true
	}
	return nil, false
}

// near is where a file that a migration names may be: seen from the project, and from the part of it that the migration is
// of.
func near(migration, file string) []string {
	file = path.Clean(strings.TrimPrefix(file, "./"))
	out := []string{file}
	if root, _, ok := strings.Cut(migration, "/priv/"); ok {
		out = append(out, path.Join(root, file))
	}
	return out
}

// queries are the functions of a repo that take SQL.
var queries = map[string]bool{"query": true, "query!": true, "query_many": true, "query_many!": true}

// silent are the functions of a repo that ask the database nothing.
var silent = map[string]bool{
	"config": true, "__adapter__": true, "in_transaction?": true, "get_dynamic_repo": true, "put_dynamic_repo": true, "rollback": true,
	"start_link": true, "stop": true, "default_options": true, "to_sql": true, "load": true, "child_spec": true,
}

// repoCall is a function of a repo, without the repo.
func (m *machine) repoCall(e *env, n *elixir.Node, name string, args []value) value {
	if silent[name] {
		return m.unknown(e, n)
	}
	if queries[name] && len(args) > 0 {
		c := &command{do: "execute", at: e.at(n), immediate: !m.deferred}
		c.up = m.executable(e, n, args[0])
		c.up.list, c.up.many = false, strings.HasPrefix(name, "query_many")
		m.queue(c)
		return m.unknown(e, n)
	}
	if name == "transaction" || name == "checkout" || name == "transact" {
		m.discover(args, marks{})
		return m.unknown(e, n)
	}
	op := ecto.Operation{Kind: ecto.RepoCall, Name: ecto.Name{Name: name}, Text: e.source(n)}
	if len(args) > 0 {
		m.queried(e, &op, args[0])
	}
	m.queue(&command{ops: []ecto.Operation{op}, at: e.at(n), immediate: !m.deferred})
	m.discover(args, marks{repeated: true})
	return m.unknown(e, n)
}

// queried fills in what a call of a repo is about.
func (m *machine) queried(e *env, op *ecto.Operation, v value) {
	switch v := v.(type) {
	case *query:
		m.queried(e, op, v.source)
		op.Where = v.where
	case text:
		op.Table.Name = v.String()
	case alias:
		op.Expression = string(v)
		if table, ok := e.src.schemas[string(v)]; ok {
			op.Table.Name = table
		}
	case tuple:
		if len(v) == 2 {
			m.queried(e, op, v[1])
			m.queried(e, op, v[0])
		}
	}
}

// query is an Ecto query as far as it matters: what it is from, and whether it is narrowed down.
type query struct {
	source value
	where  string
}

// query reads from(x in source, …).
func (m *machine) query(e *env, n *elixir.Node) value {
	if len(n.Args) == 0 {
		return m.unknown(e, n)
	}
	from := n.Args[0]
	if from.IsCall("in", 2) {
		from = from.Args[1]
	}
	q := &query{source: m.eval(e, from)}
	if inner, ok := q.source.(*query); ok {
		c := *inner
		q = &c
	}
	if len(n.Args) > 1 {
		if w := n.Args[1].Key("where"); w != nil {
			q.where = e.source(w)
		}
	}
	if p := n.Option("prefix"); p != nil {
		m.eval(e, p)
	}
	return q
}

// narrowing are the macros of Ecto.Query that take a query first, and whether they leave rows out.
var narrowing = map[string]bool{
	"where": true, "or_where": true, "limit": true, "having": true, "join": false, "order_by": false, "select": false, "distinct": false,
	"group_by": false, "lock": false, "exclude": false, "preload": false, "offset": false, "update": false, "subquery": false,
	"select_merge": false, "windows": false, "with_cte": false, "put_query_prefix": false, "first": true, "last": true,
}

// narrow is a query after a macro of Ecto.Query. What stands in its bindings and expressions is none of ours.
func (m *machine) narrow(e *env, n *elixir.Node, name string, nodes []*elixir.Node, piped []value) value {
	var source value
	switch {
	case len(piped) > 0:
		source = piped[0]
	case len(nodes) > 0:
		source = m.eval(e, nodes[0])
	}
	q := query{source: source}
	switch v := source.(type) {
	case *query:
		q = *v
	case text, alias:
	default:
		return m.unknown(e, n)
	}
	if narrowing[name] {
		q.where = name
	}
	return &q
}
