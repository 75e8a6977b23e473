package platform

import (
	"cmp"
	"errors"
	"net/http"

	"ops-console/ops/fly/flysim/platform/graphql"
)

// graphql answers a GraphQL request. The world is locked throughout, except while the gateway hears of a peer.
func (c *call) graphql() (reply, error) {
	var in graphql.Request
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	c.w.lock()
	defer c.w.unlock()
	res := graphql.Execute(map[string]graphql.Object{
		"query":    object(c, "Queries", queryFields, struct{}{}),
		"mutation": object(c, "Mutations", mutationFields, struct{}{}),
	}, in)
	return reply{status: http.StatusOK, body: res}, nil
}

// gqlErrors is the answer to a request that was not looked at.
func gqlErrors(e apiError) any {
	return graphql.Response{Errors: []graphql.Error{{Message: e.message, Extensions: map[string]any{"code": cmp.Or(e.code, "BAD_REQUEST")}}}}
}

// gqlError is an error of the platform as one of GraphQL.
func gqlError(err error) error {
	var e apiError
	if errors.As(err, &e) {
		return graphql.Errorf(cmp.Or(e.code, "UNPROCESSABLE"), "%s", e.message)
	}
	return graphql.Errorf("SERVER_ERROR", "%v", err)
}

func gqlNotFound(what, name string) error {
	return graphql.Errorf("NOT_FOUND", "Could not find %s %q", what, name)
}

// fields is how the fields of a type are looked up.
type fields[T any] map[string]func(c *call, v T, a graphql.Args) (any, error)

// node is a value as a GraphQL object.
type node[T any] struct {
	c   *call
	typ string
	ff  fields[T]
	v   T
}

func (n node[T]) TypeName() string { return n.typ }

func (n node[T]) Field(name string, a graphql.Args) (any, error) {
	f, ok := n.ff[name]
	if !ok {
		return nil, graphql.ErrNoField
	}
	return f(n.c, n.v, a)
}

func object[T any](c *call, typ string, ff func() fields[T], v T) graphql.Object {
	return node[T]{c, typ, ff(), v}
}

// record is an object of plain values.
type record struct {
	typ    string
	values map[string]any
}

func (r record) TypeName() string { return r.typ }

func (r record) Field(name string, _ graphql.Args) (any, error) {
	v, ok := r.values[name]
	if !ok {
		return nil, graphql.ErrNoField
	}
	return v, nil
}

// connection is a page of a list: nodes, edges and pageInfo.
func connection(typ string, nodes []any, next string) graphql.Object {
	edges := make([]any, 0, len(nodes))
	for _, n := range nodes {
		edges = append(edges, record{typ + "Edge", map[string]any{"node": n, "cursor": ""}})
	}
	return record{typ + "Connection", map[string]any{
		"nodes": nodes, "edges": edges, "totalCount": int64(len(nodes)),
		"pageInfo": record{"PageInfo", map[string]any{
			"hasNextPage": next != "", "endCursor": next, "hasPreviousPage": false, "startCursor": nil,
		}},
	}}
}

// page is the part of a list that first and after ask for; id names an element.
func page[T any](list []T, a graphql.Args, id func(T) string) (part []T, next string, err error) {
	if after := a.Text("after"); after != "" {
		i := 0
		for i < len(list) && id(list[i]) != after {
			i++
		}
		if i == len(list) {
			return nil, "", graphql.Errorf("INVALID_CURSOR", "Invalid cursor %q", after)
		}
		list = list[i+1:]
	}
	first := a.Int("first", len(list))
	if first < 0 {
		return nil, "", graphql.Errorf("argumentLiteralsIncompatible", "first must not be negative")
	}
	if first < len(list) {
		if first > 0 {
			next = id(list[first-1])
		}
		list = list[:first]
	}
	return list, next, nil
}
