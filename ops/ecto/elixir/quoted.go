package elixir

import (
	"math/big"
	"strconv"
	"strings"
)

// Quoted is the tree and the comments as text, one node a line, indented by depth, with the positions that every
// version of Elixir agrees on. It is meant to be compared: testdata/oracle.exs writes the same from Elixir's own tree.
//
//	(name 1:1 - 1:9            a call, and what closes it; "do 1:5 - 3:1" for a do block
//	$name 1:1                  a variable
//	:name 1:1                  an atom; i1 an integer, f1.0 a float, "a" a binary, 'a' a charlist
//	[ 1:1 - 1:5                a list; { a tuple of two
func (f *File) Quoted() string {
	q := quoter{}
	q.node(f.Root, 0)
	for _, c := range f.Comments {
		q.WriteString("# ")
		q.WriteString(c.Pos.String())
		q.WriteByte(' ')
		q.esc(c.Text)
		q.WriteByte('\n')
	}
	return q.String()
}

// Quoted is the tree of n alone, in the form of [File.Quoted].
func (n *Node) Quoted() string {
	q := quoter{}
	q.node(n, 0)
	return q.String()
}

type quoter struct{ strings.Builder }

func (q *quoter) at(before string, p Pos) {
	if p.IsValid() {
		q.WriteString(before)
		q.WriteString(strconv.Itoa(int(p.Line)))
		q.WriteByte(':')
		q.WriteString(strconv.Itoa(int(p.Column)))
	}
}

func (q *quoter) indent(depth int) {
	for range depth {
		q.WriteString("  ")
	}
}

func (q *quoter) node(n *Node, depth int) {
	q.indent(depth)
	switch n.Kind {
	case Call:
		q.call(n, depth)
		return
	case List, Tuple:
		q.WriteByte("[{"[n.Kind-List])
		q.at(" ", n.Pos)
		q.at(" - ", n.End)
	case Var:
		q.WriteByte('$')
		q.esc(n.Text)
		q.at(" ", n.Pos)
	case Broken:
		q.WriteString("!broken ")
		q.esc(n.Text)
		q.at(" ", n.Pos)
	default:
		q.plain(n)
		if !n.part {
			q.at(" ", n.Pos)
		}
	}
	q.WriteByte('\n')
	q.nodes(n.Args, depth+1)
}

func (q *quoter) nodes(nodes []*Node, depth int) {
	for _, n := range nodes {
		q.node(n, depth)
	}
}

func (q *quoter) plain(n *Node) {
	switch n.Kind {
	case Atom:
		q.WriteByte(':')
		q.esc(n.Text)
	case Int:
		q.WriteByte('i')
		q.WriteString(n.bigInt().String())
	case Float:
		q.WriteByte('f')
		f, _ := n.Float()
		q.WriteString(shortest(f))
	case String:
		q.WriteByte('"')
		q.esc(n.Text)
		q.WriteByte('"')
	case Charlist:
		q.WriteByte('\'')
		q.esc(n.Text)
		q.WriteByte('\'')
	}
}

func (q *quoter) call(n *Node, depth int) {
	q.WriteByte('(')
	if n.Fun == nil {
		q.esc(n.Text)
	}
	switch {
	case n.Text == blockName:
	case (n.Text == "not" || n.Text == "!") && len(n.Args) == 1 && n.Args[0].IsCall("in", 2):
		q.WriteByte('\n')
		q.indent(depth + 1)
		q.WriteString("(in\n")
		q.nodes(n.Args[0].Args, depth+2)
		return
	case n.Text == "&" && len(n.Args) == 1 && n.Args[0].Kind == Int:
		q.at(" ", n.Pos)
		q.WriteByte('\n')
		q.indent(depth + 1)
		q.plain(n.Args[0])
		q.WriteByte('\n')
		return
	case n.Fun != nil && len(n.Args) == 0 && n.Fun.IsCall(".", 2) && n.Fun.Args[1].IsAtom("{}"):
		q.at(" ", n.Pos)
	case n.Do.IsValid():
		q.at(" ", n.Pos)
		q.at(" do ", n.Do)
		q.at(" - ", n.End)
	default:
		q.at(" ", n.Pos)
		q.at(" - ", n.End)
	}
	q.WriteByte('\n')
	if n.Fun != nil {
		q.node(n.Fun, depth+1)
	}
	q.nodes(n.Args, depth+1)
}

// esc writes text with everything but plain ASCII escaped by byte.
func (q *quoter) esc(s string) {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			q.WriteByte('\\')
			q.WriteByte(c)
		case c >= ' ' && c < 0x7f:
			q.WriteByte(c)
		default:
			q.WriteString(`\x`)
			q.WriteByte(hex[c>>4])
			q.WriteByte(hex[c&15])
		}
	}
}

// bigInt is the value of an Int.
func (n *Node) bigInt() *big.Int {
	v := new(big.Int)
	if r, ok := n.char(); ok {
		return v.SetInt64(int64(r))
	}
	s := strings.ReplaceAll(n.Text, "_", "")
	base := 10
	if len(s) > 2 && s[0] == '0' {
		switch s[1] {
		case 'x':
			s, base = s[2:], 16
		case 'o':
			s, base = s[2:], 8
		case 'b':
			s, base = s[2:], 2
		}
	}
	v.SetString(s, base)
	return v
}

// shortest is a float as Erlang writes it in its shortest form.
func shortest(f float64) string {
	plain := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(plain, ".") {
		plain += ".0"
	}
	exp := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, x, _ := strings.Cut(exp, "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	v, _ := strconv.Atoi(x)
	exp = mantissa + "e" + strconv.Itoa(v)
	if len(exp) < len(plain) {
		return exp
	}
	return plain
}
