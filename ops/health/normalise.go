package health

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"regexp"
	"sync"

	"ops-console/ops/plaintext"
)

const (
	maxRules      = 32
	maxRuleLength = 1000
	// chunkSize is how much text is looked at in one piece. Pieces end after a tag or a line, so that what a rule
	// describes is not cut in two unless it is larger than that.
	chunkSize = 256 << 10
	// maxTitle is how far into a page its title is looked for.
	maxTitle = 64 << 10
)

// rule is a volatile part of a page. Text without the word needs no search.
type rule struct {
	word []byte // what the text has to hold for the rule to be tried; nil: nothing
	re   *regexp.Regexp
	put  []byte
}

// builtin are the parts of a Phoenix page that differ with every request.
var builtin = []rule{
	{[]byte("csrf-token"), regexp.MustCompile(`<meta\b[^>]*\bname=["']?csrf-token\b[^>]*>`), []byte("<meta csrf-token>")},
	{[]byte("_csrf_token"), regexp.MustCompile(`<input\b[^>]*\bname=["']?_csrf_token\b[^>]*>`), []byte("<input _csrf_token>")},
	{[]byte("_csrf_token"), regexp.MustCompile(`_csrf_token=[^&"'\s<>]*`), []byte("_csrf_token=")},
	{[]byte("data-csrf"), regexp.MustCompile(`\bdata-csrf=("[^"]*"|'[^']*')`), []byte("data-csrf")},
	{[]byte("data-phx-s"), regexp.MustCompile(`\bdata-phx-(session|static)=("[^"]*"|'[^']*')`), []byte("data-phx-$1")},
	{[]byte("phx-"), regexp.MustCompile(`\b(id|data-phx-id|data-phx-root-id|data-phx-parent-id|data-phx-ref)=["'](m\d+-)?phx-[\w-]+["']`), []byte("$1=phx")},
	{[]byte("data-phx-id"), regexp.MustCompile(`\bdata-phx-id=("[^"]*"|'[^']*')`), []byte("data-phx-id")},
	{[]byte("nonce"), regexp.MustCompile(`\bnonce=("[^"]*"|'[^']*')`), []byte("nonce")},
	{[]byte("nonce-"), regexp.MustCompile(`'nonce-[\w+/=-]*'`), []byte("'nonce'")},
	{[]byte("request-id"), regexp.MustCompile(`<meta\b[^>]*\bname=["']?(x-)?request-id\b[^>]*>`), []byte("<meta request-id>")},
}

// normaliser takes the volatile parts out of pages. It is safe for concurrent use.
type normaliser struct {
	rules   []rule
	buffers sync.Pool // of *[]byte, chunkSize long: thousands of pages are compared in one go
}

// newNormaliser adds the regular expressions of a profile to the built-in rules.
func newNormaliser(ignore []string) (*normaliser, error) {
	if len(ignore) > maxRules {
		return nil, fmt.Errorf("%d rules, at most %d are allowed", len(ignore), maxRules)
	}
	n := &normaliser{rules: builtin[:len(builtin):len(builtin)]}
	for _, s := range ignore {
		if len(s) > maxRuleLength {
			return nil, fmt.Errorf("a rule of %d characters, at most %d are allowed", len(s), maxRuleLength)
		}
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", plaintext.Line(s, 60), err)
		}
		n.rules = append(n.rules, rule{re: re})
	}
	return n, nil
}

// copy writes what r holds to w, text without its volatile parts and anything else as it is. It returns the bytes
// read and the beginning of them.
func (n *normaliser) copy(w io.Writer, r io.Reader, text bool) (size int, head []byte, err error) {
	room, ok := n.buffers.Get().(*[]byte)
	if !ok {
		room = new(make([]byte, chunkSize))
	}
	defer n.buffers.Put(room)
	buf := (*room)[:0]
	for {
		m, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		size += m
		if len(head) < maxTitle {
			head = append(head, buf[len(buf)-m:][:min(m, maxTitle-len(head))]...)
		}
		if err != nil && err != io.EOF {
			return size, head, err
		}
		if err == nil && len(buf) < cap(buf) {
			continue
		}
		whole := len(buf)
		if err == nil && text {
			whole = boundary(buf)
		}
		if _, err := w.Write(n.clean(buf[:whole], text)); err != nil {
			return size, head, err
		}
		buf = buf[:copy(buf[:cap(buf)], buf[whole:])]
		if err == io.EOF {
			return size, head, nil
		}
	}
}

// boundary is where to cut a piece of text: after the last tag or, where there is none, the last line of it, but not
// in its first half.
func boundary(b []byte) int {
	half := len(b) / 2
	if i := bytes.LastIndexByte(b[half:], '>'); i >= 0 {
		return half + i + 1
	}
	if i := bytes.LastIndexByte(b[half:], '\n'); i >= 0 {
		return half + i + 1
	}
	return len(b)
}

func (n *normaliser) clean(b []byte, text bool) []byte {
	if !text {
		return b
	}
	for _, r := range n.rules {
		if r.word == nil || bytes.Contains(b, r.word) {
			b = r.re.ReplaceAll(b, r.put)
		}
	}
	return b
}

var titleTag = regexp.MustCompile(`(?is)<title[^>]*>([^<]{0,1000})</title`)

// title is the page's title in the beginning of it, made safe to show.
func title(head []byte) string {
	m := titleTag.FindSubmatch(head)
	if m == nil {
		return ""
	}
	return plaintext.Line(html.UnescapeString(string(m[1])), 80)
}
