package app

import (
	"slices"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// wholeTables are functions of a repo and of Ecto.Multi that take a table by name.
var wholeTables = []string{"insert_all", "update_all", "delete_all", "all", "one", "one!", "stream", "aggregate", "exists?"}

// namesTables finds the tables that are named as text: from(p in "posts"), join: c in {"comments", Comment},
// Repo.insert_all("posts", …).
func (f *file) namesTables(tree *elixir.File, module string, root *elixir.Node) {
	add := func(at, name *elixir.Node, prefix string) {
		table, ok := tableText(name)
		if !ok {
			return
		}
		q := Query{Table: ecto.Name{Prefix: prefix, Name: table}, Use: Use{Path: f.path, At: span(tree, at), Module: module}}
		if !slices.Contains(f.queries, q) {
			f.queries = append(f.queries, q)
		}
	}
	// The prefix of a from is that of the tables in it; a join can have its own.
	prefix := ""
	elixir.Walk(root, func(n *elixir.Node) bool {
		if n.IsCall("defmodule", elixir.AnyArity) {
			return false // has its own turn
		}
		if n.Kind != elixir.Call {
			return true
		}
		switch name := n.Name(); {
		case name == "in" && len(n.Args) == 2 && n.Args[0].Kind == elixir.Var:
			add(n, n.Args[1], prefix)
		case name == "|>":
			stages := n.Pipeline()
			if slices.ContainsFunc(stages[1:], isQuery) {
				add(stages[0], stages[0], "")
			}
		case name == "from" && len(n.Args) > 0:
			prefix = text(n.Option("prefix"))
			add(n, n.Args[0], prefix)
		case slices.Contains(wholeTables, name) && n.Fun != nil:
			for _, a := range n.Args {
				add(n, a, text(n.Option("prefix")))
			}
		}
		return true
	})
}

// isQuery tells a stage of a pipeline that takes a query: a macro of Ecto.Query, or a function of a repo.
func isQuery(n *elixir.Node) bool {
	switch name := n.Name(); name {
	case "where", "select", "join", "order_by", "limit", "group_by", "distinct", "lock":
		return true
	default:
		return n.Fun != nil && slices.Contains(wholeTables, name)
	}
}

// tableText is "posts", or {"posts", Post}.
func tableText(n *elixir.Node) (string, bool) {
	if n.Kind == elixir.Tuple && len(n.Args) == 2 {
		if _, ok := n.Args[1].Module(); !ok || n.Args[1].Kind == elixir.Atom {
			return "", false
		}
		n = n.Args[0]
	}
	if n.Kind != elixir.String {
		return "", false
	}
	for i, r := range n.Text {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127
		if !letter && (i == 0 || (r < '0' || r > '9') && r != '$') {
			return "", false // no name of a table
		}
	}
	return n.Text, n.Text != ""
}
