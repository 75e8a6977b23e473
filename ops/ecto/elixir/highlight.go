package elixir

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Class is what a piece of source text is to a reader.
type Class uint8

// The classes. What has none is ordinary text: names, operators, brackets.
const (
	ClassKeyword   Class = iota // do, end, def, if, and the like
	ClassText                   // strings, charlists, sigils, with their quotes
	ClassComment                //
	ClassNumber                 // numbers and characters
	ClassAtom                   // :name, true, false, nil
	ClassModule                 // Ecto.Migration
	ClassAttribute              // the @ and the name of a module attribute
)

// Piece is a stretch of source text, by byte offsets.
type Piece struct {
	From, To int
	Class    Class
}

// leading are names that read as keywords, though to Elixir they are calls.
var leading = []string{
	"alias", "and", "case", "cond", "def", "defdelegate", "defguard", "defimpl", "defmacro", "defmacrop", "defmodule", "defp", "defprotocol", "defstruct",
	"for", "if", "import", "in", "not", "or", "quote", "raise", "receive", "require", "super", "try", "unless", "unquote", "use", "when", "with",
}

// restarts bounds how often reading is taken up again in a file that is not Elixir.
const restarts = 50

// Highlight divides source text for reading: the pieces that have a class, in order, none within another. What cannot be
// read is left out, and reading is taken up again on the next line.
func Highlight(src string) []Piece {
	if len(src) > MaxSize {
		return nil
	}
	var out []Piece
	s := span{0, int32(len(src)), 1} //nolint:gosec // it is no longer than MaxSize
	for range restarts {
		l := newLexer(src, s)
		l.run()
		out = l.classify(out, int(s.from))
		if l.err == nil {
			break
		}
		// An opening that is never closed is found at the end of the text: what stands behind it is read again.
		at := offsetOf(src, s, l.err.Pos)
		out = slices.DeleteFunc(out, func(p Piece) bool { return p.From >= at })
		i := strings.IndexByte(src[at:], '\n')
		if i < 0 {
			break
		}
		s.line = l.err.Line + 1
		s.from = int32(at + i + 1) //nolint:gosec // it is within src
	}
	return out
}

// offsetOf is the byte offset of a place that a lexer over a span has given.
func offsetOf(src string, s span, p Pos) int {
	at := int(s.from)
	for line := s.line; line < p.Line; line++ {
		i := strings.IndexByte(src[at:], '\n')
		if i < 0 {
			return len(src)
		}
		at += i + 1
	}
	for range p.Column - 1 {
		if at >= len(src) || src[at] == '\n' {
			break
		}
		_, n := utf8.DecodeRuneInString(src[at:])
		at += n
	}
	return at
}

// classify appends the pieces of what was read, which begins at from.
func (l *lexer) classify(out []Piece, from int) []Piece {
	for i := range l.toks {
		t := &l.toks[i]
		if int(t.off) < from {
			continue
		}
		// Between two tokens there is nothing but space and comments, or within quotes the indentation.
		out = l.between(out, from, int(t.off))
		from = int(t.end)
		if c, ok := l.class(i); ok && t.off < t.end {
			if c == ClassAttribute && i+1 < len(l.toks) && l.toks[i+1].off == t.end {
				from = int(l.toks[i+1].end)
			}
			out = append(out, Piece{int(t.off), from, c})
		}
	}
	return out
}

// between appends the comments in a gap.
func (l *lexer) between(out []Piece, from, to int) []Piece {
	for from < to {
		i := strings.IndexByte(l.src[from:to], '#')
		if i < 0 {
			break
		}
		end := to
		if n := strings.IndexByte(l.src[from+i:to], '\n'); n >= 0 {
			end = from + i + n
		}
		out = append(out, Piece{from + i, end, ClassComment})
		from = end
	}
	return out
}

// class is that of a token; false: it has none.
func (l *lexer) class(i int) (Class, bool) {
	switch t := &l.toks[i]; t.kind {
	case kDo, kEnd, kBlock, kFn:
		return ClassKeyword, true
	case kIdent, kParenIdent, kDoIdent, kOpIdent, kBinary, kUnaryOp:
		return ClassKeyword, slices.Contains(leading, l.src[t.off:t.end]) && (i == 0 || l.toks[i-1].kind != kDot)
	case kString, kCharlist, kSigil, kKwText, kPart, kTextEnd:
		return ClassText, true
	case kAtomText, kAtom, kTrue, kFalse, kNil:
		return ClassAtom, true
	case kInt, kFloat, kChar:
		return ClassNumber, true
	case kAlias:
		return ClassModule, true
	case kAtOp:
		return ClassAttribute, true
	}
	return 0, false
}
