package elixir

import "strings"

// recoverFile reads a file that does not parse as a whole. Where a definition begins and ends is taken from the
// indentation, which survives a missing end or quote; each definition is then parsed alone, and those of a broken
// module one by one. What still does not parse is left out, with one error.
func recoverFile(f *File, whole Error) {
	r := recovery{f: f, budget: 8*len(f.Source) + 1<<16}
	before := len(f.Errors)
	nodes := r.region(span{0, int32(len(f.Source)), 1}, 0)
	if len(f.Errors) == before { // each part parses, the whole does not
		f.Errors = append(f.Errors, whole)
	}
	f.Root = r.block(nodes)
}

// maxModules is how many modules within modules are looked into.
const maxModules = 8

type recovery struct {
	f      *File
	budget int // bytes that may still be parsed, which bounds the time
	nodes  parser
}

// line is one line of source text.
type line struct {
	from, to int32 // without the line break
	number   int32
	indent   int32
	code     bool // neither blank nor a comment
}

func (r *recovery) text(l line) string { return r.f.Source[l.from+l.indent : l.to] }

// lines are those of a span.
func (r *recovery) lines(s span) []line {
	var all []line
	number := s.line
	for from := s.from; from < s.to; number++ {
		to, next := s.to, s.to
		if i := strings.IndexByte(r.f.Source[from:s.to], '\n'); i >= 0 {
			to, next = from+int32(i), from+int32(i)+1
		}
		l := line{from: from, to: to, number: number}
		for l.from+l.indent < to && isBlank(r.f.Source[l.from+l.indent]) {
			l.indent++
		}
		text := strings.TrimRight(r.text(l), "\r")
		l.code = text != "" && text[0] != '#'
		all = append(all, l)
		from = next
	}
	return all
}

// continues tells whether a line belongs to the item before it although it is not indented.
func continues(text string) bool {
	for _, prefix := range [...]string{
		"end", "else", "rescue", "catch", "after", "do", ")", "]", "}", ">>", `"""`, "'''", "|", "->", "<>", "++", "&&", "==", ".", ",",
		"and ", "or ", "when ", "in ",
	} {
		if !strings.HasPrefix(text, prefix) {
			continue
		}
		if last := prefix[len(prefix)-1]; !isLower(last) {
			return true
		}
		if len(text) == len(prefix) || !isLower(text[len(prefix)]) && text[len(prefix)] != '_' && !isDigit(text[len(prefix)]) {
			return true
		}
	}
	return false
}

// items splits lines where something begins that is not indented more than the first line of code. The comments before
// an item belong to it.
func (r *recovery) items(lines []line) [][]line {
	base := int32(-1)
	var items [][]line
	start, lead := 0, -1 // lead is the first of the lines without code before the current one
	for i, l := range lines {
		if !l.code {
			if lead < 0 {
				lead = i
			}
			continue
		}
		if base < 0 {
			base = l.indent
		} else if l.indent <= base && !continues(r.text(l)) {
			cut := i
			if lead > start {
				cut = lead
			}
			items = append(items, lines[start:cut])
			start = cut
		}
		lead = -1
	}
	if start < len(lines) {
		items = append(items, lines[start:])
	}
	return items
}

func spanOf(lines []line) span {
	return span{lines[0].from, lines[len(lines)-1].to, lines[0].number}
}

// region reads the items of a span.
func (r *recovery) region(s span, depth int) []*Node {
	var nodes []*Node
	items := r.items(r.lines(s))
	for i := 0; i < len(items); {
		got, used := r.item(items[i:], depth)
		nodes = append(nodes, got...)
		i += used
	}
	return nodes
}

// item reads the first of items, with as many after it as it takes to close what it opens.
func (r *recovery) item(items [][]line, depth int) (nodes []*Node, used int) {
	lines := items[0]
	nodes, err := r.parse(spanOf(lines))
	if err == nil {
		return nodes, 1
	}
	if module := r.module(lines, depth); module != nil {
		return []*Node{module}, 1
	}
	for n := 2; n <= len(items) && n <= 64 && strings.HasPrefix(err.Msg, "missing terminator"); n *= 2 {
		s := spanOf(lines)
		s.to = spanOf(items[n-1]).to
		if nodes, more := r.parse(s); more == nil {
			return nodes, n
		}
	}
	return []*Node{r.broken(lines, *err)}, 1
}

// parse reads a span strictly, and keeps its comments.
func (r *recovery) parse(s span) ([]*Node, *Error) {
	if r.budget -= int(s.to - s.from); r.budget < 0 {
		return nil, &Error{Pos: Pos{s.line, 1}, Msg: "not read: too much of the file before it is broken"}
	}
	root, comments, err := parseRange(r.f.Source, s)
	if err != nil {
		return nil, err
	}
	r.f.Comments = append(r.f.Comments, comments...)
	return root.Exprs(), nil
}

// broken records an item that does not parse.
func (r *recovery) broken(lines []line, err Error) *Node {
	first := lines[0]
	for _, l := range lines {
		if l.code {
			first = l
			break
		}
	}
	err.In = strings.TrimSpace(r.text(first))
	if len(err.In) > 80 {
		err.In = strings.ToValidUTF8(err.In[:80], "")
	}
	r.f.Errors = append(r.f.Errors, err)
	n := &Node{
		Kind: Broken, Text: err.In, Pos: Pos{first.number, first.indent + 1},
		From: first.from + first.indent, To: lines[len(lines)-1].to,
	}
	for _, l := range lines { // what suppresses findings still does
		if l.code {
			break
		}
		if text := strings.TrimRight(r.text(l), "\r"); text != "" {
			r.f.Comments = append(r.f.Comments, Comment{Pos: Pos{l.number, l.indent + 1}, Text: text, Next: n})
		}
	}
	return n
}

// module reads a module whose text does not parse: its first line, and then its body item by item. It is nil for
// anything else.
func (r *recovery) module(lines []line, depth int) *Node {
	if depth == maxModules {
		return nil
	}
	at := 0
	for at < len(lines) && !lines[at].code {
		at++
	}
	if at == len(lines) {
		return nil
	}
	head := lines[at]
	text := strings.TrimRight(r.text(head), " \t\r")
	if !isModule(text) {
		return nil
	}
	end := len(lines)
	for i := len(lines) - 1; i > at; i-- {
		if lines[i].code {
			if lines[i].indent == head.indent && strings.HasPrefix(r.text(lines[i]), "end") {
				end = i
			}
			break
		}
	}
	n, comments, err := parseRange(text+"\nend", span{0, int32(len(text) + 4), head.number})
	if err != nil || n.block() == nil || n.Do.Line != head.number {
		return nil
	}
	mark := len(r.f.Comments)
	if at > 0 {
		_, before, _ := parseRange(r.f.Source, spanOf(lines[:at]))
		r.f.Comments = append(r.f.Comments, before...)
	}
	before := len(r.f.Comments)
	shift := Pos{0, head.indent}
	Walk(n, func(m *Node) bool {
		m.From += head.from + head.indent
		m.To += head.from + head.indent
		for _, p := range []*Pos{&m.Pos, &m.Do, &m.End} {
			if p.Line == head.number {
				p.Column += shift.Column
			}
		}
		return true
	})
	for i := range comments {
		comments[i].Column += shift.Column
	}
	r.f.Comments = append(r.f.Comments, comments...)
	var body []*Node
	if at+1 < end {
		body = r.region(spanOf(lines[at+1:end]), depth+1)
	}
	n.End, n.To = Pos{}, lines[len(lines)-1].to
	if end < len(lines) {
		n.End = Pos{lines[end].number, lines[end].indent + 1}
		n.To = lines[end].from + lines[end].indent + 3
	}
	block := n.block()
	block.Args[0].Args[1] = r.block(body)
	block.To, block.Args[0].To = n.To, n.To
	for i := mark; i < before; i++ {
		r.f.Comments[i].Next = n
	}
	return n
}

func isModule(text string) bool {
	for _, word := range [...]string{"defmodule ", "defimpl ", "defprotocol "} {
		if strings.HasPrefix(text, word) && strings.HasSuffix(text, " do") {
			return true
		}
	}
	return false
}

func (r *recovery) block(nodes []*Node) *Node {
	from := int32(0)
	if len(nodes) > 0 {
		from = nodes[0].From
	}
	return r.nodes.block(nodes, from)
}
