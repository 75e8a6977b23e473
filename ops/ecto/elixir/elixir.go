// Package elixir reads Elixir source text into Elixir's own quoted form, the tree that `Code.string_to_quoted` returns,
// with the line and column of every node, the comments, and the broken definitions that it had to leave out.
//
// It is a reader: it never expands a macro, never evaluates anything, and never starts a program. What a tree means (a
// migration, a schema, a configuration) is for its callers to say.
//
// The syntax is that of Elixir 1.10 to 1.20; where versions differ, the newer one is followed. A file that does not
// parse is read again definition by definition, so that one broken function costs that function alone.
//
// No input makes it panic, nest deeper than [MaxDepth], or take more than time linear in its length.
package elixir

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds on what is read. No source file written by people or by generators comes near them.
const (
	// MaxDepth is how deep a tree can be, and so how deep a walk over one recurses.
	MaxDepth = 4000
	// MaxSize is how many bytes one file can have.
	MaxSize = 32 << 20
)

// Pos is a place in a file, both parts counted from 1. A column counts what Elixir counts: code points in code,
// grapheme clusters in strings. The zero Pos means that Elixir gives no position there.
type Pos struct {
	Line, Column int32
}

// IsValid tells whether there is a position.
func (p Pos) IsValid() bool { return p.Line > 0 }

// String is "line:column".
func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// Before tells whether p comes before q in the file.
func (p Pos) Before(q Pos) bool {
	return p.Line < q.Line || p.Line == q.Line && p.Column < q.Column
}

// File is one parsed source file.
type File struct {
	// Name is the name that Parse was given.
	Name string
	// Source is the text that was parsed. Every From and To of a node is an offset into it.
	Source string
	// Root is the whole file: its only expression, or a __block__ of all of them. Never nil.
	Root *Node
	// Comments are all comments in the order of the file.
	Comments []Comment
	// Errors are the definitions that could not be read, in the order of the file.
	Errors ErrorList

	lines []int32 // where each line begins
}

// Exprs are the expressions at the top level of the file.
func (f *File) Exprs() []*Node { return f.Root.Exprs() }

// Text is the source text of n, as it stands in the file.
func (f *File) Text(n *Node) string {
	if n == nil || n.From < 0 || int(n.To) > len(f.Source) || n.From > n.To {
		return ""
	}
	return f.Source[n.From:n.To]
}

// Comment is a comment as written.
type Comment struct {
	Pos
	// Text runs from the # to the end of the line.
	Text string
	// Trailing is true where code stands before the comment on its line.
	Trailing bool
	// Next is the whole expression that begins with the first token after the comment: a statement of a block or a
	// clause. It is nil before anything else, such as an argument, a closing bracket, or the end of the file.
	Next *Node

	next int32 // index of that token
}

// Error is a part of a file that is not Elixir.
type Error struct {
	Pos
	// Msg says what is wrong, in one line of plain text.
	Msg string
	// In is the first line of the definition that was left out, such as "def change do"; empty outside of one.
	In string
}

func (e Error) Error() string { return e.Pos.String() + ": " + e.Msg }

// ErrorList is all that is wrong with one file. A file without errors has a nil list.
type ErrorList []Error

func (l ErrorList) Error() string {
	texts := make([]string, len(l))
	for i, e := range l {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}

// Parse reads source text. The file is never nil: what could be read is in it, and what could not is in the list,
// which is also File.Errors. The name is only kept.
func Parse(src []byte, name string) (*File, ErrorList) {
	f := &File{Name: name}
	if len(src) > MaxSize {
		f.Root = &Node{Kind: Call, Text: blockName}
		f.Errors = ErrorList{{Pos: Pos{1, 1}, Msg: fmt.Sprintf("the file has %d bytes, more than any source file: not read", len(src))}}
		return f, f.Errors
	}
	f.Source = string(src)
	f.lines = lineStarts(f.Source)
	if at := invalidUTF8(f.Source); at >= 0 {
		// Elixir refuses the file. The bytes are replaced one by one, so that offsets stay those of the file.
		f.Errors = append(f.Errors, Error{Pos: f.Position(at), Msg: "the file is not valid UTF-8"})
		f.Source = maskInvalid(f.Source)
	}
	root, comments, err := parseRange(f.Source, span{0, int32(len(f.Source)), 1})
	if err == nil {
		f.Root, f.Comments = root, comments
	} else {
		recoverFile(f, *err)
	}
	slices.SortStableFunc(f.Errors, func(a, b Error) int {
		switch {
		case a.Before(b.Pos):
			return -1
		case b.Before(a.Pos):
			return 1
		}
		return 0
	})
	return f, f.Errors
}

// span is a run of whole lines of a file.
type span struct {
	from, to int32 // byte offsets
	line     int32 // number of the first line
}

// parseRange reads one span of src strictly: the first error ends it.
func parseRange(src string, s span) (*Node, []Comment, *Error) {
	l := newLexer(src, s)
	l.run()
	if l.err != nil {
		return nil, l.comments, l.err
	}
	p := parser{src: src, toks: l.toks, comments: l.comments, nodes: newSlab(len(l.toks))}
	root := p.file()
	if p.err != nil {
		return nil, l.comments, p.err
	}
	return root, p.comments, nil
}

func invalidUTF8(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func maskInvalid(s string) string {
	b := []byte(s)
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			b[i] = '?'
		}
		i += n
	}
	return string(b)
}
