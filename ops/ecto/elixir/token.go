package elixir

// kind is what the grammar sees of a token. The names are those of Elixir's own grammar where it has one.
type kind uint8

const (
	kEOF kind = iota
	kEOL
	kSemi
	kComma
	kDot
	kDotCall // the dot of fun.()
	kKw      // name:
	kKwText  // "name": up to its kTextEnd
	kStab    // ->
	kAssoc   // =>
	kDo
	kEnd
	kBlock // else, rescue, catch, after
	kRParen
	kRBracket
	kRCurly
	kRBit

	kFirstOperand // what follows can begin an expression

	kIdent
	kParenIdent   // name(
	kBracketIdent // name[
	kDoIdent      // name do
	kOpIdent      // name -1
	kAlias
	kAtom
	kAtomText // :"name" up to its kTextEnd
	kInt
	kFloat
	kChar
	kString   // "..." or a heredoc, up to its kTextEnd
	kCharlist // '...', likewise
	kSigil    // ~s(...), likewise
	kTrue
	kFalse
	kNil
	kFn
	kLParen
	kLBracket
	kLCurly
	kLBit
	kMap        // the %{ of a map; its kLCurly follows
	kPercent    // the % of a struct
	kCaptureInt // the & of &1
	kUnaryOp    // ! ^ not ~~~
	kAtOp
	kCaptureOp
	kEllipsis // ...

	kFirstBinary // what follows is an operator between two operands

	kDualOp // + and -: an operand can begin with them too
	kTernaryOp
	kRangeOp
	kBinary

	kLastBinary

	kPart      // literal text inside quotes
	kInterp    // #{
	kInterpEnd // its }
	kTextEnd   // the closing quote
)

const (
	flagHeredoc  = 1 << iota // quotes that are a heredoc
	flagEscapes              // a kPart with a backslash in it
	flagHead                 // the first kPart of a heredoc, which begins a line
	flagComma                // a kLParen with a comma of its own
	flagArrow                // a kLParen with an -> of its own
	flagNotASCII             // a name that must be normalised
	flagSingle               // quoted with '
	flagQuoted               // a kIdent that is the content of quotes: a."name"
)

// token is one token. For an opening bracket or quote, match is the index of what closes it.
type token struct {
	kind      kind
	flags     uint8
	op        uint8 // index into ops
	quote     uint8 // length of the opening of a quoted text, up to its content
	line, col int32
	off, end  int32
	match     int32
	indent    int32 // of a heredoc's closing line
}

func (t *token) pos() Pos { return Pos{t.line, t.col} }

// op is an operator. The bindings are those of the table in Elixir's operators documentation.
type op struct {
	text  string
	kind  kind
	prec  uint16
	right bool
}

const (
	precWhen    = 50
	precPipe    = 70
	precCapture = 90
	precTernary = 190
	precUnary   = 300
	precDot     = 310
	precAt      = 320
)

// ops are ordered so that, among those with the same first byte, a longer one comes first.
var ops = [...]op{
	{"===", kBinary, 140, false},
	{"==", kBinary, 140, false},
	{"=~", kBinary, 140, false},
	{"=>", kAssoc, 80, true},
	{"=", kBinary, 100, true},
	{"!==", kBinary, 140, false},
	{"!=", kBinary, 140, false},
	{"!", kUnaryOp, precUnary, false},
	{"&&&", kBinary, 130, false},
	{"&&", kBinary, 130, false},
	{"&", kCaptureOp, precCapture, false},
	{"|||", kBinary, 120, false},
	{"||", kBinary, 120, false},
	{"|>", kBinary, 160, false},
	{"|", kBinary, precPipe, true},
	{"^^^", kBinary, 180, false},
	{"^", kUnaryOp, precUnary, false},
	{"+++", kBinary, 200, true},
	{"++", kBinary, 200, true},
	{"+", kDualOp, 210, false},
	{"---", kBinary, 200, true},
	{"--", kBinary, 200, true},
	{"->", kStab, 10, true},
	{"-", kDualOp, 210, false},
	{"<<<", kBinary, 160, false},
	{"<<~", kBinary, 160, false},
	{"<~>", kBinary, 160, false},
	{"<|>", kBinary, 160, false},
	{"<<", kLBit, 0, false},
	{"<=", kBinary, 150, false},
	{"<>", kBinary, 200, true},
	{"<-", kBinary, 40, false},
	{"<~", kBinary, 160, false},
	{"<", kBinary, 150, false},
	{">>>", kBinary, 160, false},
	{">>", kRBit, 0, false},
	{">=", kBinary, 150, false},
	{">", kBinary, 150, false},
	{"~>>", kBinary, 160, false},
	{"~~~", kUnaryOp, precUnary, false},
	{"~>", kBinary, 160, false},
	{"**", kBinary, 230, false},
	{"*", kBinary, 220, false},
	{"//", kTernaryOp, precTernary, true},
	{"/", kBinary, 220, false},
	{"...", kEllipsis, precCapture, false},
	{"..", kRangeOp, 200, true},
	{"::", kBinary, 60, true},
	{`\\`, kBinary, 40, false},
	{"@", kAtOp, precAt, false},
	// Words. None begins with a byte of the above.
	{"and", kBinary, 130, false},
	{"or", kBinary, 120, false},
	{"in", kBinary, 170, false},
	{"when", kBinary, precWhen, true},
	{"not", kUnaryOp, precUnary, false},
	{"not in", kBinary, 170, false},
}

// opsByFirst are the indexes into ops by first byte.
var opsByFirst = func() (t [256][]uint8) {
	for i, o := range ops {
		t[o.text[0]] = append(t[o.text[0]], uint8(i))
	}
	return t
}()

// opNamed is the index of an operator by its text.
var opNamed = func() map[string]uint8 {
	m := make(map[string]uint8, len(ops))
	for i, o := range ops {
		m[o.text] = uint8(i)
	}
	return m
}()

var (
	opNot   = opNamed["not"]
	opIn    = opNamed["in"]
	opNotIn = opNamed["not in"]
	opWhen  = opNamed["when"]
	opPipe  = opNamed["|"]
)

// words are the reserved words. A word that is an operator is in ops as well.
var words = map[string]kind{
	"do": kDo, "end": kEnd, "fn": kFn, "true": kTrue, "false": kFalse, "nil": kNil,
	"else": kBlock, "after": kBlock, "rescue": kBlock, "catch": kBlock,
	"and": kBinary, "or": kBinary, "in": kBinary, "when": kBinary, "not": kUnaryOp,
}

// closes is what an opening token wants to be closed by, for messages.
func closes(k kind) string {
	switch k {
	case kLParen:
		return ")"
	case kLBracket:
		return "]"
	case kLCurly, kInterp:
		return "}"
	case kLBit:
		return ">>"
	}
	return "end"
}

// closer is the kind that closes an opening token.
func closer(k kind) kind {
	switch k {
	case kLParen:
		return kRParen
	case kLBracket:
		return kRBracket
	case kLCurly:
		return kRCurly
	case kLBit:
		return kRBit
	case kInterp:
		return kInterpEnd
	}
	return kEnd
}
