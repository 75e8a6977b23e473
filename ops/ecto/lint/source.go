package lint

import (
	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// source is the text of the migration's file.
func (p *pass) source() []byte { return p.Sources[p.Migration.Path] }

// definition is where the migration defines a function; its first character where it does not.
func (p *pass) definition(name string) ecto.Span {
	f, _ := elixir.Parse(p.source(), p.Migration.Path)
	if ss := spans(f, name); len(ss) > 0 {
		ss[0].EndLine, ss[0].EndColumn = ss[0].Line, ss[0].Column+len("def "+name)
		return ss[0]
	}
	return ecto.Span{Line: 1, Column: 1}
}
