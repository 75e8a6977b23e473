package elixir

// Kind is what a node is in the quoted form.
type Kind uint8

// The kinds of nodes.
const (
	// Broken stands where a definition could not be read. Text is its first line, File.Errors says why.
	Broken Kind = iota
	// Atom is :name, true, false, nil, the key of a keyword, or a segment of an alias. Text is its name.
	Atom
	// Int is a whole number or a character literal, Text as written. See [Node.Int].
	Int
	// Float is a floating-point number, Text as written.
	Float
	// String is a binary without interpolation, Text its value. One with interpolation is a Call of <<>>.
	String
	// Charlist is a charlist without interpolation, Text its value.
	Charlist
	// List is a list; a keyword list is a list of Tuples.
	List
	// Tuple is a tuple of two elements. Every other size is a Call of {}.
	Tuple
	// Call is {name, meta, args}: calls, operators, blocks, aliases, maps, sigils, everything else.
	Call
	// Var is {name, meta, nil}: a variable, or a call of a local function without arguments.
	Var
)

func (k Kind) String() string {
	return [...]string{"broken", "atom", "integer", "float", "string", "charlist", "list", "tuple", "call", "variable"}[k]
}

// Node is a node of the quoted form. Nodes are read-only after Parse and may be shared between goroutines.
type Node struct {
	Kind Kind
	// Text is the name or the value, by kind.
	Text string
	// Fun is what is called where that is no plain name: in {{:., _, [left, :name]}, _, args} it is the dot. Text is
	// empty then.
	Fun *Node
	// Args are the arguments of a Call, the elements of a List, the two of a Tuple.
	Args []*Node
	// Pos is where Elixir says the node is: an operator's own place, the opening bracket of a literal, the name of a
	// remote call. It is zero where Elixir gives none, as for a __block__ and for the keyword list of a do block.
	Pos Pos
	// Do is the place of the do of a call with a do block, zero without one.
	Do Pos
	// End is the place of what closes the node: its end, or its closing bracket. Zero without one.
	End Pos
	// From and To are the byte offsets in File.Source between which the whole node stands, its parentheses included.
	From, To int32

	height int32
	// Of a String or a piece of one: where its text begins, how its lines are indented, and what its backslashes do.
	text    int32
	indent  int32
	escapes escaping
	parens  bool // it stands in parentheses of its own
	part    bool // Elixir gives it no position: a piece of quoted text
}

// escaping is what a backslash does in a text.
type escaping uint8

const (
	escapesNothing escaping = iota
	escapesAll              // as in strings
	escapesCloser           // as in sigils
)

const (
	blockName  = "__block__"
	aliasName  = "__aliases__"
	binaryName = "<<>>"
)
