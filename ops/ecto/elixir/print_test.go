package elixir

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// code writes a tree as Elixir with parentheses around everything, so that reading it again needs no precedence, no
// do block, and no rule about spaces: another way through the parser to the same tree.
func code(n *Node) string {
	switch n.Kind {
	case Atom:
		return atomCode(n.Text)
	case Int:
		return n.bigInt().String()
	case Float:
		return n.Text
	case String:
		return quote(n.Text, '"')
	case Charlist:
		return quote(n.Text, '\'')
	case List:
		if len(n.Args) > 0 && n.Args[0].IsCall("->", 2) {
			return "(" + clausesCode(n.Args) + ")"
		}
		return "[" + codes(n.Args) + "]"
	case Tuple:
		return "{" + codes(n.Args) + "}"
	case Var:
		return n.Text
	case Broken:
		return ":broken"
	}
	if n.Fun != nil {
		return funCode(n)
	}
	return callCode(n)
}

func codes(nodes []*Node) string {
	texts := make([]string, len(nodes))
	for i, n := range nodes {
		texts[i] = code(n)
	}
	return strings.Join(texts, ", ")
}

func parens(n *Node) string {
	if isSplice(n) { // parentheses around it are a block
		return code(n)
	}
	return "(" + code(n) + ")"
}

var plainName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*[?!]?$`)

func atomCode(name string) string {
	switch {
	case name == "nil" || name == "true" || name == "false":
		return name
	case plainName.MatchString(name):
		return ":" + name
	}
	return ":" + quote(name, '"')
}

func quote(s string, q byte) string {
	var b strings.Builder
	b.WriteByte(q)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch c := s[i]; {
		case c == q || c == '\\' || c == '#':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02X`, c)
		case isBidi(r):
			fmt.Fprintf(&b, `\u{%X}`, r)
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	b.WriteByte(q)
	return b.String()
}

func funCode(n *Node) string {
	f := n.Fun
	if f.Kind != Call || f.Fun != nil || f.Text != "." {
		return code(f) + "(" + codes(n.Args) + ")"
	}
	left := parens(f.Args[0])
	if len(f.Args) == 1 {
		return left + ".(" + codes(n.Args) + ")"
	}
	name := f.Args[1].Text
	switch {
	case name == "{}" && f.Args[1].Kind == Atom:
		return left + ".{" + codes(n.Args) + "}"
	case !plainName.MatchString(name) || isUpper(name[0]): // an alias is no name
		name = quote(name, '"')
	}
	return left + "." + name + "(" + codes(n.Args) + ")"
}

func callCode(n *Node) string {
	o, isOp := opNamed[n.Text]
	switch {
	case n.Text == blockName:
		texts := make([]string, len(n.Args))
		for i, a := range n.Args {
			texts[i] = code(a)
		}
		return "(" + strings.Join(texts, "; ") + ")"
	case n.Text == aliasName:
		texts := make([]string, len(n.Args))
		for i, a := range n.Args {
			texts[i] = a.Text
			if a.Kind != Atom {
				texts[i] = parens(a)
			}
		}
		return strings.Join(texts, ".")
	case n.Text == "{}":
		return "{" + codes(n.Args) + "}"
	case n.Text == binaryName:
		texts := make([]string, len(n.Args))
		for i, a := range n.Args {
			texts[i] = parens(a)
		}
		return "<<" + strings.Join(texts, ", ") + ">>"
	case n.Text == "%{}":
		if len(n.Args) == 1 && n.Args[0].IsCall("|", 2) {
			return "%{" + parens(n.Args[0].Args[0]) + " | " + assocsCode(n.Args[0].Args[1].Args) + "}"
		}
		return "%{" + assocsCode(n.Args) + "}"
	case n.Text == "%":
		return "%" + structName(n.Args[0]) + strings.TrimPrefix(code(n.Args[1]), "%")
	case n.Text == "fn":
		return "fn " + clausesCode(n.Args) + " end"
	case n.Text == "..//":
		return "(" + parens(n.Args[0]) + ".." + parens(n.Args[1]) + "//" + parens(n.Args[2]) + ")"
	case n.Text == "/" && len(n.Args) == 2 && n.Args[0].Kind == Var && (words[n.Args[0].Text] != 0 || !plainName.MatchString(n.Args[0].Text)):
		return "(" + n.Args[0].Text + "/" + parens(n.Args[1]) + ")"
	case n.Text == "&" && len(n.Args) == 1 && n.Args[0].Kind == Int:
		return "&" + code(n.Args[0])
	case isOp && len(n.Args) == 2:
		return "(" + parens(n.Args[0]) + " " + ops[o].text + " " + parens(n.Args[1]) + ")"
	case isOp && len(n.Args) == 1:
		return "(" + n.Text + parens(n.Args[0]) + ")"
	case isOp:
		return "(" + n.Text + ")"
	}
	return n.Text + "(" + codes(n.Args) + ")"
}

// structName is what stands between % and {, which cannot begin with a parenthesis.
func structName(n *Node) string {
	switch {
	case n.Kind != Call:
		return code(n)
	case n.Fun != nil && n.Fun.IsCall(".", AnyArity):
		return structName(n.Fun.Args[0]) + strings.TrimPrefix(funCode(n), parens(n.Fun.Args[0]))
	case n.Text == aliasName && n.Args[0].Kind != Atom:
		return structName(n.Args[0]) + strings.TrimPrefix(code(n), parens(n.Args[0]))
	}
	s := code(n)
	if _, isOp := opNamed[n.Text]; isOp && strings.HasPrefix(s, "(") {
		s = s[1 : len(s)-1]
	}
	return s
}

func assocsCode(items []*Node) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = code(item)
		if item.Kind == Tuple && !item.Pos.IsValid() {
			texts[i] = parens(item.Args[0]) + " => " + parens(item.Args[1])
		}
	}
	return strings.Join(texts, ", ")
}

func clausesCode(clauses []*Node) string {
	texts := make([]string, len(clauses))
	for i, c := range clauses {
		texts[i] = clauseCode(c)
	}
	return strings.Join(texts, "; ")
}

func clauseCode(c *Node) string {
	args := c.Args[0].Args
	guard := ""
	if len(args) == 1 && args[0].IsCall("when", AnyArity) && len(args[0].Args) > 0 {
		all := args[0].Args
		args, guard = all[:len(all)-1], " when "+parens(all[len(all)-1])
	}
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = parens(a)
	}
	head := strings.Join(texts, ", ")
	if len(args) == 0 {
		head = "()"
	}
	return head + guard + " -> " + parens(c.Args[1])
}
