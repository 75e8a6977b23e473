package elixir

import (
	"encoding/base64"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// snippets writes random code: mostly such as a grammar allows, some of it with a piece gone or doubled. It leaves out
// what Elixir 1.14 and later versions read differently: elements of a map without =>, signs before brackets, and so on.
type snippets struct{ *rand.Rand }

func (r snippets) pick(from ...string) string { return from[r.IntN(len(from))] }

func (r snippets) atom() string {
	return r.pick("a", "b", "foo", "x?", "y!", "1", "0x1F", "1_000", "1.5e3", ":ok", `:"a b"`, "nil", "true", "Foo", "Foo.Bar",
		`"s"`, `'c'`, "?a", "?\\n", "~s(x)", "~w[a b]c", "&1", "@attr", "__MODULE__", `"a#{b}c"`, `:"x#{1}"`, "[]", "{}", "%{}", "<<>>", "()")
}

var binaries = strings.Fields("+ - * / ** ++ -- <> .. |> <|> <<< >>> ~> <~ ~>> <<~ <~> in and or && || &&& ||| == != =~ === !== < > <= >= = | :: when <- \\\\ ^^^")

func (r snippets) space() string { return r.pick(" ", " ", " ", " ", "\n", "  ", " # c\n") }

func (r snippets) expr(depth int) string {
	if depth <= 0 {
		return r.atom()
	}
	e := func() string { return r.expr(depth - 1 - r.IntN(2)) }
	switch r.IntN(30) {
	case 0, 1, 2, 3:
		return e() + r.space() + r.pick(binaries...) + r.space() + e()
	case 4:
		return r.pick("-", "+", "!", "not ", "^", "&", "@", "~~~", "not") + e()
	case 5, 6:
		return r.pick("foo", "bar", "Foo.f", "a.b", "x.", "A.b.c") + "(" + r.args(depth) + ")"
	case 7, 8:
		return r.pick("foo", "bar", "Foo.f", "a.b", "def", "@spec f") + " " + r.args(depth)
	case 9:
		return r.pick("foo", "if "+e(), "case(x)", "a.b", "foo "+r.args(depth), "x.(1)") + " do" + r.space() + r.block(depth) + r.space() + "end"
	case 10:
		return "if " + e() + " do\n" + r.block(depth) + "\n" + r.pick("else", "rescue", "after", "catch") + "\n" + r.block(depth) + "\nend"
	case 11:
		return "fn " + r.clauses(depth) + " end"
	case 12:
		return "case x do\n" + r.clauses(depth) + "\nend"
	case 13:
		return "(" + e() + ")"
	case 14:
		return "(" + r.pick(r.block(depth), r.clauses(depth)) + ")"
	case 15:
		return "[" + r.args(depth) + r.pick("", ",") + "]"
	case 16:
		return "{" + r.args(depth) + "}"
	case 17:
		return "%{" + r.pick("", r.atom()+" | ") + r.pick("", e()+" => "+e(), r.atom()+" => "+e()+", b: 1", "k: "+e()) + "}"
	case 18:
		return "%" + r.pick("Foo", "__MODULE__", "@a", "^x", "a.b", "Foo.Bar", "f(1)") + r.pick("", "", " ", "\n") + "{" + r.pick("", "a | ", "a: "+e()) + "}"
	case 19:
		return "<<" + r.args(depth) + ">>"
	case 20:
		return e() + "." + r.pick("b", "b()", "{A, B}", "(1)", `"q r"`, "and", "+(1)", "b 1")
	case 21:
		return e() + "[" + e() + "]"
	case 22:
		return r.pick("foo", "@foo", "a.b", "@a.b", "f(1)", "Foo") + "[" + r.pick(e(), "a: 1", "") + "]"
	case 23:
		return `"x` + "#{" + r.block(depth) + `}\t"`
	case 24:
		return r.pick("&", "& ") + r.pick("foo/1", "Foo.bar/2", "+/2", "&1 + 1", "(&1)", "..//3", "and/2", "!/1", "//2", "@/1")
	case 25:
		if r.IntN(2) == 0 {
			return r.pick("foo", "Foo", "f(1)", "a.b", "__MODULE__", "@a") + ".B" + r.pick("", ".C", ".c", ".{D}")
		}
		return e() + ".." + e() + "//" + e()
	case 26:
		return e() + r.pick(" not in ", " not  in ", " in ") + e()
	case 27:
		return r.pick("foo", "a.b") + " " + r.pick("-1", "- 1", "+a", "-a, b", "-1, 2", "+ b", "- b c", "-b c, d")
	case 28:
		return "\"\"\"\n  a\n   " + e() + "\n  \"\"\""
	}
	return e() + " when " + r.pick("a: 1", e())
}

func (r snippets) args(depth int) string {
	var b strings.Builder
	for i := range r.IntN(4) {
		if i > 0 {
			b.WriteString(r.pick(", ", ",", ",\n"))
		}
		b.WriteString(r.expr(depth - 2))
	}
	if r.IntN(4) == 0 {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(r.pick("a: ", `"k k": `, "do: ", "A: ", "+: ", `"q#{1}": `, "a:\n") + r.expr(depth-2))
	}
	return b.String()
}

func (r snippets) block(depth int) string {
	var b strings.Builder
	for i := range r.IntN(4) {
		if i > 0 {
			b.WriteString(r.pick("\n", "; ", ";\n", "\n\n"))
		}
		b.WriteString(r.expr(depth - 1))
	}
	return b.String()
}

func (r snippets) clauses(depth int) string {
	var b strings.Builder
	for i := range 1 + r.IntN(3) {
		if i > 0 {
			b.WriteString(r.pick("\n", "; "))
		}
		b.WriteString(r.pick("", "() ", "(a, b) ", "(a: 1) ", "(a, b) when c ", "() when c ", "a, b when c ", "a, b ", r.expr(depth-2)+" ", r.args(depth)+" "))
		b.WriteString("->" + r.space())
		b.WriteString(r.block(depth - 1))
	}
	return b.String()
}

// text is one snippet.
func (r snippets) text() string {
	s := r.block(1 + r.IntN(4))
	if r.IntN(4) > 0 || len(s) < 2 {
		return s
	}
	i := r.IntN(len(s))
	j := min(len(s), i+1+r.IntN(4))
	return r.pick(s[:i]+s[j:], s[:i]+s[i:j]+s[i:j]+s[j:], s[:i]+r.pick(" ", "\n", ",", "(", ")", "do", " end", "->", ";", "a:")+s[i:])
}

// TestRandomCodeReadsAsElixirReadsIt compares what both make of random code, of which about half is an error.
// ELIXIR_ORACLE_SNIPPETS says how many, ELIXIR_ORACLE_SEED which.
func TestRandomCodeReadsAsElixirReadsIt(t *testing.T) {
	count, seed := 3000, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("ELIXIR_ORACLE_SNIPPETS")); err == nil {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv("ELIXIR_ORACLE_SEED"), 10, 64); err == nil {
		seed = n
	}
	r := snippets{rand.New(rand.NewPCG(seed, 0))}
	texts, list := make([]string, count), make([]string, count)
	for i := range texts {
		texts[i] = strings.NewReplacer("?\n", "?n", "?\\\n", "?n").Replace(r.text()) + "\n"
		list[i] = "=" + base64.StdEncoding.EncodeToString([]byte(texts[i]))
	}
	var same, refused, wrong int
	for i, v := range ask(t, "dump", list) {
		f, errs := Parse([]byte(texts[i]), "")
		switch {
		case v.ok && errs == nil && f.Quoted() == v.tree:
			same++
			continue
		case !v.ok && errs != nil:
			refused++
			continue
		}
		if wrong++; wrong > 30 {
			continue
		}
		switch {
		case !v.ok:
			t.Errorf("%q: Elixir refuses it at %s: %.80s", texts[i], v.place, v.msg)
		case errs != nil:
			t.Errorf("%q: Elixir reads it, this parser does not: %v", texts[i], errs)
		default:
			t.Errorf("%q: %s", texts[i], firstDifference(v.tree, f.Quoted()))
		}
	}
	t.Logf("%d snippets: %d identical, %d refused by both, %d different", count, same, refused, wrong)
}
