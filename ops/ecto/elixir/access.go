package elixir

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Exprs are the expressions of a block, or n alone if it is not one. A nil node has none.
func (n *Node) Exprs() []*Node {
	switch {
	case n == nil:
		return nil
	case n.IsBlock():
		return n.Args
	}
	return []*Node{n}
}

// IsBlock tells a __block__: several expressions where one can stand.
func (n *Node) IsBlock() bool {
	return n != nil && n.Kind == Call && n.Fun == nil && n.Text == blockName
}

// IsAtom tells the atom with the given name; true, false and nil are atoms.
func (n *Node) IsAtom(name string) bool { return n != nil && n.Kind == Atom && n.Text == name }

// IsVar tells the variable, or the call without arguments and parentheses, of the given name.
func (n *Node) IsVar(name string) bool { return n != nil && n.Kind == Var && n.Text == name }

// AnyArity asks IsCall and IsRemote not to count arguments.
const AnyArity = -1

// IsCall tells a call of a plain name with so many arguments; a do block counts as one.
func (n *Node) IsCall(name string, arity int) bool {
	return n != nil && n.Kind == Call && n.Fun == nil && n.Text == name && (arity == AnyArity || len(n.Args) == arity)
}

// Remote is what a call of module.function calls: the node before the dot, and the name after it.
func (n *Node) Remote() (left *Node, name string, ok bool) {
	if n == nil || n.Kind != Call || !n.Fun.IsCall(".", 2) || n.Fun.Args[1].Kind != Atom {
		return nil, "", false
	}
	return n.Fun.Args[0], n.Fun.Args[1].Text, true
}

// IsRemote tells a call of the function of a module, named as it stands in the source: IsRemote("Repo", "query!", 2).
func (n *Node) IsRemote(module, name string, arity int) bool {
	left, f, ok := n.Remote()
	if !ok || f != name || arity != AnyArity && len(n.Args) != arity {
		return false
	}
	m, ok := left.Module()
	return ok && m == module
}

// Name is the name of what is called, with or without a module before it; also that of a variable.
func (n *Node) Name() string {
	if n == nil {
		return ""
	}
	if _, name, ok := n.Remote(); ok {
		return name
	}
	if n.Kind == Call || n.Kind == Var {
		return n.Text
	}
	return ""
}

// Module is a module's name as it stands in the source: A.B of an alias, "__MODULE__.B", ":erlang_module" of an atom.
func (n *Node) Module() (string, bool) {
	switch {
	case n == nil:
		return "", false
	case n.Kind == Atom:
		if name, ok := strings.CutPrefix(n.Text, "Elixir."); ok {
			return name, true
		}
		return ":" + n.Text, true
	case n.IsVar("__MODULE__"):
		return n.Text, true
	case !n.IsCall(aliasName, AnyArity):
		return "", false
	}
	parts := make([]string, len(n.Args))
	for i, a := range n.Args {
		parts[i] = a.Text
		if a.Kind != Atom && !a.IsVar("__MODULE__") {
			return "", false
		}
	}
	return strings.Join(parts, "."), true
}

// Str is the value of a string without interpolation: quotes, heredocs, ~s and ~S.
func (n *Node) Str() (string, bool) {
	if n == nil {
		return "", false
	}
	if n.Kind == String {
		return n.Text, true
	}
	s, ok := n.Sigil()
	if !ok || s.Name != "s" && s.Name != "S" || len(s.Parts) != 1 || s.Parts[0].Kind != String {
		return "", false
	}
	if s.Name == "S" {
		return s.Parts[0].Text, true
	}
	text, msg := unescape(s.Parts[0].Text)
	return text, msg == ""
}

// Parts are the pieces of a string: a String for each literal piece, any other node for what is interpolated. Quotes,
// heredocs, ~s and ~S are strings; for anything else ok is false.
func (n *Node) Parts() (parts []*Node, ok bool) {
	if n == nil {
		return nil, false
	}
	if n.Kind == String {
		return []*Node{n}, true
	}
	if s, ok := n.Sigil(); ok {
		switch s.Name {
		case "S":
			return s.Parts, true
		case "s":
			return unescapeParts(s.Parts)
		}
		return nil, false
	}
	if !n.IsCall(binaryName, AnyArity) {
		return nil, false
	}
	return binaryParts(n)
}

func unescapeParts(raw []*Node) ([]*Node, bool) {
	parts := make([]*Node, len(raw))
	for i, r := range raw {
		parts[i] = r
		if r.Kind != String {
			continue
		}
		text, msg := unescape(r.Text)
		if msg != "" {
			return nil, false
		}
		if text != r.Text {
			piece := *r
			piece.Text, piece.escapes = text, escapesAll
			parts[i] = &piece
		}
	}
	return parts, true
}

// binaryParts unwraps the interpolations of a <<>>. It is not ok for a bitstring that was written as one.
func binaryParts(n *Node) ([]*Node, bool) {
	parts := make([]*Node, len(n.Args))
	for i, a := range n.Args {
		switch {
		case a.Kind == String && a.part:
			parts[i] = a
		case a.IsCall("::", 2) && a.Args[0].IsRemote("Kernel", "to_string", 1) && a.Args[0].Pos == a.Pos:
			parts[i] = a.Args[0].Args[0]
		default:
			return nil, false
		}
	}
	return parts, true
}

// Sigil is a sigil taken apart. Escapes in Parts are not resolved: what they mean is the sigil's own business.
type Sigil struct {
	Name  string // the letters after ~
	Parts []*Node
	Mods  string // the letters after the closing delimiter
}

// Sigil takes a sigil apart.
func (n *Node) Sigil() (Sigil, bool) {
	if n == nil || n.Kind != Call || n.Fun != nil || len(n.Args) != 2 || n.Args[1].Kind != Charlist || !n.Args[1].part {
		return Sigil{}, false
	}
	name, ok := strings.CutPrefix(n.Text, "sigil_")
	if !ok {
		return Sigil{}, false
	}
	parts, ok := binaryParts(n.Args[0])
	return Sigil{name, parts, n.Args[1].Text}, ok
}

// Words are the words of ~w and ~W without interpolation, whatever their modifier.
func (n *Node) Words() ([]string, bool) {
	s, ok := n.Sigil()
	if !ok || s.Name != "w" && s.Name != "W" || len(s.Parts) != 1 || s.Parts[0].Kind != String {
		return nil, false
	}
	text := s.Parts[0].Text
	if s.Name == "w" {
		var msg string
		if text, msg = unescape(text); msg != "" {
			return nil, false
		}
	}
	return strings.Fields(text), true
}

// char is the code point of a character literal.
func (n *Node) char() (rune, bool) {
	if n.Kind != Int || !strings.HasPrefix(n.Text, "?") {
		return 0, false
	}
	r, size := utf8.DecodeRuneInString(n.Text[1:])
	if r == '\\' && size < len(n.Text)-1 {
		r, _ = utf8.DecodeRuneInString(n.Text[2:])
		if r < utf8.RuneSelf {
			r = rune(unescapeByte(byte(r)))
		}
	}
	return r, true
}

// Int is the value of a whole number or a character literal, a minus before it included. It is not ok for anything
// else, and for what does not fit.
func (n *Node) Int() (int64, bool) {
	switch {
	case n == nil:
		return 0, false
	case n.IsCall("-", 1):
		v, ok := n.Args[0].Int()
		return -v, ok
	case n.Kind != Int:
		return 0, false
	}
	if len(n.Text) > 100 {
		return 0, false
	}
	v := n.bigInt()
	return v.Int64(), v.IsInt64()
}

// BigInt is the value of an Int of any size, nil for anything else.
func (n *Node) BigInt() *big.Int {
	if n == nil || n.Kind != Int {
		return nil
	}
	return n.bigInt()
}

// Float is the value of a floating-point number.
func (n *Node) Float() (float64, bool) {
	if n == nil || n.Kind != Float {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(n.Text, "_", ""), 64)
	return f, err == nil
}

// Bool is the value of true or false.
func (n *Node) Bool() (value, ok bool) {
	if n == nil || n.Kind != Atom || n.Text != "true" && n.Text != "false" {
		return false, false
	}
	return n.Text == "true", true
}
