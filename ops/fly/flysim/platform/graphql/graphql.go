// Package graphql reads GraphQL requests and answers them from objects that look up their own fields, so that an answer
// has exactly the requested shape: aliases, nested selections, fragments, variables, @include and @skip.
//
// It knows no schema: whether there is a field, its object says. It has no subscriptions and no introspection beyond
// __typename.
package graphql

import (
	"errors"
	"fmt"
)

// Request is the body of a GraphQL request.
type Request struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
}

// Response is the body of the answer. Data is nil where nothing could be answered.
type Response struct {
	Data   any     `json:"data"`
	Errors []Error `json:"errors,omitempty"`
}

// Error is one error of a response.
type Error struct {
	Message    string         `json:"message"`
	Locations  []Location     `json:"locations,omitempty"`
	Path       []any          `json:"path,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"` // code says what kind it is
}

// Location is a place in a query, both from 1.
type Location struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

func (e Error) Error() string { return e.Message }

// Errorf is an error with a code, for objects to return.
func Errorf(code, format string, args ...any) error {
	return Error{Message: fmt.Sprintf(format, args...), Extensions: map[string]any{"code": code}}
}

// ErrNoField is what an object returns where it has no such field.
var ErrNoField = errors.New("no such field")

// Args is the arguments of a field, as JSON values: string, float64, int64, bool, nil, []any, map[string]any.
type Args map[string]any

// Text is a text argument, or "".
func (a Args) Text(name string) string {
	s, _ := a[name].(string)
	return s
}

// Int is a number argument, or def.
func (a Args) Int(name string, def int) int {
	switch v := a[name].(type) {
	case float64:
		return int(v)
	case int64:
		return int(v)
	}
	return def
}

// Object is a value with fields.
type Object interface {
	// TypeName is the name of the object's type, for fragments and __typename.
	TypeName() string
	// Field is the value of a field: nil, a scalar, an Object, or a slice ([]any) of these. The error is ErrNoField,
	// an Error, or any other; the field is null then.
	Field(name string, args Args) (any, error)
}

// Bounds of a request; more is an error.
const (
	MaxQuery  = 64 << 10 // bytes
	maxDepth  = 32
	maxFields = 20_000
	maxWidth  = 500 // fields of one object
)

// Execute answers a request. roots are the objects that queries and mutations start from, by "query" and "mutation".
func Execute(roots map[string]Object, r Request) Response {
	doc, err := parse(r.Query)
	if err != nil {
		return failed(err)
	}
	op, err := doc.operation(r.OperationName)
	if err != nil {
		return failed(err)
	}
	root, ok := roots[op.kind]
	if !ok {
		return failed(Errorf("missingRoot", "Schema is not configured for %ss", op.kind))
	}
	vars, err := op.bind(r.Variables)
	if err != nil {
		return failed(err)
	}
	x := &execution{doc: doc, vars: vars, declared: op.vars}
	data, err := x.object(root, op.sel, nil, 0)
	if err != nil {
		return failed(err)
	}
	return Response{Data: data, Errors: x.errs}
}

func failed(err error) Response {
	var e Error
	if !errors.As(err, &e) {
		e = Error{Message: err.Error()}
	}
	return Response{Errors: []Error{e}}
}
