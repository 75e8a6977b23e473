package graphql

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// person is an object for tests.
type person struct{ friends int }

func (person) TypeName() string { return "Person" }

func (p person) Field(name string, a Args) (any, error) {
	switch name {
	case "name":
		return "Ada", nil
	case "echo":
		return map[string]any(a), nil
	case "self":
		return p, nil
	case "nobody":
		return nil, nil
	case "friends":
		var list []any
		for range a.Int("first", p.friends) {
			list = append(list, person{})
		}
		return list, nil
	case "broken":
		return nil, Errorf("NOT_FOUND", "Could not find %s", "it")
	}
	return nil, ErrNoField
}

func run(t *testing.T, r Request) string {
	t.Helper()
	b, err := json.Marshal(Execute(map[string]Object{"query": person{2}}, r))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestExecute(t *testing.T) {
	tests := []struct {
		name, query, vars, want string
	}{
		{"shorthand", `{ name }`, "", `{"data":{"name":"Ada"}}`},
		{"alias and order", `query { b: name a: self { x: name name } }`, "", `{"data":{"b":"Ada","a":{"x":"Ada","name":"Ada"}}}`},
		{"list", `{ friends { name } }`, "", `{"data":{"friends":[{"name":"Ada"},{"name":"Ada"}]}}`},
		{"null", `{ nobody { name } }`, "", `{"data":{"nobody":null}}`},
		{
			"arguments", `{ echo(i: 1, f: -1.5e1, s: "a\n\"\u00e9", b: true, n: null, e: RED, l: [1 2], o: {k: "v"}) }`, "",
			`{"data":{"echo":{"b":true,"e":"RED","f":-15,"i":1,"l":[1,2],"n":null,"o":{"k":"v"},"s":"a\n\"é"}}}`,
		},
		{"block text", `{ echo(s: """a "b" \""" c""") }`, "", `{"data":{"echo":{"s":"a \"b\" \"\"\" c"}}}`},
		{
			"variables", `query Q($a: String!, $b: Int = 3, $c: [ID!]!, $d: String) { echo(a: $a, b: $b, c: $c, d: $d) }`, `{"a":"x","c":["1"],"extra":1}`,
			`{"data":{"echo":{"a":"x","b":3,"c":["1"]}}}`,
		},
		{"missing variable", `query($a: String!) { echo(a: $a) }`, "", `{"data":null,"errors":[{"message":"Variable $a of type String was provided invalid value","extensions":{"code":"argumentLiteralsIncompatible"}}]}`},
		{"wrong variable", `query($a: Int!) { echo(a: $a) }`, `{"a":"x"}`, `{"data":null,"errors":[{"message":"Variable $a of type Int was provided invalid value","extensions":{"code":"argumentLiteralsIncompatible"}}]}`},
		{"undeclared variable", `{ echo(a: $a) }`, "", `{"data":null,"errors":[{"message":"Variable $a is used but not declared","extensions":{"code":"variableNotDefined"}}]}`},
		{"inline fragments", `{ ... on Person { name } ... on Robot { serial } ... { n: name } }`, "", `{"data":{"name":"Ada","n":"Ada"}}`},
		{"fragments", `query { ...P } fragment P on Person { self { ...N } self { __typename } } fragment N on Person { name }`, "", `{"data":{"self":{"name":"Ada","__typename":"Person"}}}`},
		{"directives", `query($y: Boolean!) { a: name @include(if: $y) b: name @skip(if: $y) c: name @include(if: false) @other }`, `{"y":true}`, `{"data":{"a":"Ada"}}`},
		{"field error", `{ name self { broken { name } } }`, "", `{"data":{"name":"Ada","self":{"broken":null}},"errors":[{"message":"Could not find it","locations":[{"line":1,"column":15}],"path":["self","broken"],"extensions":{"code":"NOT_FOUND"}}]}`},
		{"no such field", "{\n  age }", "", `{"data":null,"errors":[{"message":"Field 'age' doesn't exist on type 'Person'","locations":[{"line":2,"column":3}],"path":["age"],"extensions":{"code":"undefinedField","fieldName":"age","typeName":"Person"}}]}`},
		{"no selection", `{ self }`, "", `{"data":null,"errors":[{"message":"Field must have selections (field 'self' returns Person but has no selections)","locations":[{"line":1,"column":3}],"path":["self"],"extensions":{"code":"selectionMismatch"}}]}`},
		{"selection of a scalar", `{ name { x } }`, "", `{"data":null,"errors":[{"message":"Selections can't be made on scalars (field 'name')","locations":[{"line":1,"column":3}],"path":["name"],"extensions":{"code":"selectionMismatch"}}]}`},
		{"syntax", "{ name", "", `{"data":null,"errors":[{"message":"Parse error: expected a name, not the end of the query at [1, 7]","locations":[{"line":1,"column":7}],"extensions":{"code":"parseError"}}]}`},
		{"no mutations", `mutation { x }`, "", `{"data":null,"errors":[{"message":"Schema is not configured for mutations","extensions":{"code":"missingRoot"}}]}`},
		{"commas and comments", "{ name, # a comment\n,, n: name }", "", `{"data":{"name":"Ada","n":"Ada"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Request{Query: tt.query}
			if tt.vars != "" {
				if err := json.Unmarshal([]byte(tt.vars), &r.Variables); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(tt.want, run(t, r)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestOperationName(t *testing.T) {
	q := `query A { a: name } query B { b: name }`
	if got := run(t, Request{Query: q, OperationName: "B"}); got != `{"data":{"b":"Ada"}}` {
		t.Error(got)
	}
	for _, name := range []string{"", "C"} {
		if got := run(t, Request{Query: q, OperationName: name}); !strings.Contains(got, "operationNameMissing") {
			t.Errorf("%q: %s", name, got)
		}
	}
}

func TestHostileQueriesAreBounded(t *testing.T) {
	bomb := "query{...f0}"
	for i := range 25 {
		bomb += strings.ReplaceAll(strings.ReplaceAll(" fragment fI on Person{a:self{...fN} b:self{...fN}}", "I", string(rune('a'+i))), "N", string(rune('a'+i+1)))
	}
	bomb = strings.Replace(bomb, "...f0", "...fa", 1) + " fragment fz on Person{name}"
	for name, q := range map[string]string{
		"deep":   strings.Repeat("{self", 10000),
		"cycle":  "{...A} fragment A on Person{self{...B}} fragment B on Person{self{...A}}",
		"bomb":   bomb,
		"long":   "{" + strings.Repeat("name ", MaxQuery/4) + "}",
		"wide":   "{" + strings.Repeat("abcdefgh:name ", 10)[:0] + wide() + "}",
		"lists":  "{echo(a:" + strings.Repeat("[", 10000),
		"types":  "query($a:" + strings.Repeat("[", 10000),
		"binary": "\x00\xff{",
	} {
		t.Run(name, func(t *testing.T) {
			if got := run(t, Request{Query: q}); !strings.Contains(got, `"errors":[`) {
				t.Errorf("no error: %.200s", got)
			}
		})
	}
}

func wide() string {
	var b strings.Builder
	for i := range 3000 {
		b.WriteString("f")
		for n := i; n > 0; n /= 26 {
			b.WriteByte(byte('a' + n%26))
		}
		b.WriteString(":name ")
	}
	return b.String()
}

func FuzzExecute(f *testing.F) {
	f.Add(`query Q($a: String!, $b: [Int!]! = [1]) @d { x: echo(a: $a, b: {c: "\u00e9"}) ...F ... on Person { name } } fragment F on Person { self { name } }`, `{"a":"x"}`)
	f.Add("{ friends(first: 3) { name @skip(if: true) } }", `{}`)
	f.Add(`{ echo(s: """x\"""y""") }`, `null`)
	f.Fuzz(func(t *testing.T, query, vars string) {
		r := Request{Query: query}
		_ = json.Unmarshal([]byte(vars), &r.Variables)
		// A huge list is what was asked for, and the object's to refuse.
		if strings.Contains(query, "first") {
			return
		}
		res := Execute(map[string]Object{"query": person{2}}, r)
		b, err := json.Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		if res.Data == nil && len(res.Errors) == 0 {
			t.Errorf("neither data nor errors: %s", b)
		}
	})
}
