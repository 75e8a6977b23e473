package app

import (
	"strings"
	"unicode"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// attributes are the module attributes that a schema is made with (https://hexdocs.pm/ecto/Ecto.Schema.html).
type attributes map[string]attribute

// attribute is what one is set to, and the file that it stands in: it can be another one than the schema's.
type attribute struct {
	*elixir.Node
	file *elixir.File
}

// source is the text of an attribute's value or of a part of it.
func (a attribute) source(n *elixir.Node) string {
	if a.file == nil || n == nil {
		return ""
	}
	return a.file.Text(n)
}

// module is a module with a schema block in it.
type module struct {
	file  *elixir.File
	name  string
	block *elixir.Node // schema "posts" do … or embedded_schema do …
	set   attributes   // before the block
	uses  []string     // before the block, in order
}

// read finds the schemas, the use macros and the queries of a file.
func (f *file) read(tree *elixir.File) {
	for _, m := range tree.Modules() {
		set := attributes{}
		var uses []string
		for _, n := range m.Body {
			if name, v, ok := n.Attribute(); ok {
				set[name] = attribute{v, tree}
				continue
			}
			if used, ok := useOf(n); ok {
				uses = append(uses, used)
			}
			if d, ok := n.Def(); ok && d.Kind == "defmacro" && d.Name == "__using__" {
				f.macro(tree, m.Name, d.Body)
			}
			if isSchema(n) {
				f.modules = append(f.modules, module{file: tree, name: m.Name, block: n, set: copied(set), uses: uses})
			}
		}
		for _, n := range m.Body {
			f.namesTables(tree, m.Name, n)
		}
	}
}

// isSchema tells whether a line of a module is its schema: in Ecto's words, or in those of typed_ecto_schema, which has the
// same within the block.
func isSchema(n *elixir.Node) bool {
	if !n.HasDo() || n.Fun != nil {
		return false
	}
	switch n.Name() {
	case "schema", "typed_schema":
		return len(n.Positional()) == 1
	case "embedded_schema", "typed_embedded_schema":
		return true
	}
	return false
}

func copied(a attributes) attributes {
	out := make(attributes, len(a))
	for k, v := range a {
		out[k] = v
	}
	return out
}

func useOf(n *elixir.Node) (string, bool) {
	if !n.IsCall("use", elixir.AnyArity) || len(n.Args) == 0 {
		return "", false
	}
	return n.Args[0].Module()
}

// macro keeps the attributes that a __using__ quotes: @primary_key {:id, :binary_id, autogenerate: true} and the like.
func (f *file) macro(tree *elixir.File, name string, body *elixir.Node) {
	set := attributes{}
	elixir.Walk(body, func(n *elixir.Node) bool {
		if attr, v, ok := n.Attribute(); ok {
			set[attr] = attribute{v, tree}
		}
		return true
	})
	if f.using == nil {
		f.using = map[string]attributes{}
	}
	f.using[name] = set
}

// attribute is the value of an attribute at the block: the module's own, else what a module that it uses sets.
func (m module) attribute(name string, using map[string]attributes) attribute {
	if v, ok := m.set[name]; ok {
		return v
	}
	for i := len(m.uses) - 1; i >= 0; i-- {
		if v, ok := using[m.uses[i]][name]; ok {
			return v
		}
	}
	return attribute{}
}

// resolve is what an attribute that n refers to was set to, or n itself.
func (m module) resolve(n attribute, using map[string]attributes) attribute {
	for range 5 { // an attribute of an attribute
		name, ok := n.AttributeRef()
		if !ok {
			return n
		}
		n = m.attribute(name, using)
	}
	return attribute{}
}

// text is the text of a literal string or atom; empty for anything else.
func text(n *elixir.Node) string {
	if s, ok := n.Str(); ok {
		return s
	}
	if n != nil && n.Kind == elixir.Atom && n.Text != "nil" && n.Text != "false" && n.Text != "true" {
		return n.Text
	}
	return ""
}

// lastPart is Post of Blog.Post.
func lastPart(module string) string { return module[strings.LastIndexByte(module, '.')+1:] }

// underscore is Macro.underscore of a name without dots: BlogPost is blog_post.
func underscore(name string) string {
	var b strings.Builder
	runes := []rune(name)
	word := func(i int) bool {
		return i < len(runes) && !unicode.IsUpper(runes[i]) && !unicode.IsDigit(runes[i]) && runes[i] != '_'
	}
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && (word(i+1) || !unicode.IsUpper(runes[i-1]) && runes[i-1] != '_') {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func span(f *elixir.File, n *elixir.Node) ecto.Span {
	from, to := f.Extent(n)
	return ecto.Span{Line: int(from.Line), Column: int(from.Column), EndLine: int(to.Line), EndColumn: int(to.Column)}
}
