package sixpn

import (
	"net/http"
	"strings"

	"github.com/miekg/dns"
)

// nasty is text made to hurt a terminal that shows it raw: it moves the cursor, clears the screen, sets the title,
// writes the clipboard, switches modes and colours, opens links, turns the reading direction, hides characters, is
// wider than it looks, and is not even UTF-8.
const nasty = "\x1b[2J\x1b[H\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1b[?1049h\x1b[31;5mred\x1b[?25l" +
	"\x1b]8;;http://evil.invalid/\x1b\\link\x1b]8;;\x1b\\\x1bPq#0;2;0;0;0\x1b\\\x1b[6n\x1bc\u009b31m" +
	"\u202egnp.exe\u2066\u200b\u200d\ufeff\u00ad\u0301\u0301\u0301👩‍👩‍👧‍👦漢字\ufffd\xff\xfe\x00\x08\x08\x08\r\n\tend"

// hostileTXT is the size of a poisoned TXT answer, in bytes. A message can hold 65,535.
const hostileTXT = 60_000

// poison makes an answer as unpleasant as a valid message can be: a record of a type nobody asked for first, records
// twice, and TXT text long and full of control characters, with the truth still in it.
func poison(m *dns.Msg, q dns.Question) {
	cname := &dns.CNAME{
		Hdr:    dns.RR_Header{Name: q.Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 1<<31 - 1},
		Target: `\027[2J\007\255.internal.`,
	}
	if q.Qtype != dns.TypeTXT {
		m.Answer = append([]dns.RR{cname}, m.Answer...)
		return
	}
	truth := ""
	for _, rr := range m.Answer {
		if t, ok := rr.(*dns.TXT); ok {
			truth = strings.Join(t.Txt, "")
		}
	}
	entry := "," + strings.ReplaceAll(nasty, ",", "") + " iad"
	text := truth + strings.Repeat(entry, max(0, hostileTXT-len(truth))/len(entry))
	hdr := dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 1<<31 - 1}
	m.Rcode = dns.RcodeSuccess
	m.Answer = []dns.RR{cname, &dns.TXT{Hdr: hdr, Txt: split(text)}}
}

// serveHostile answers a request with something made to hurt: text for a terminal on the health path, one line of 10
// MB on the front page, and 1 GB under headers that are no HTTP everywhere else.
func serveHostile(w http.ResponseWriter, r *http.Request) {
	header := printable
	if r.URL.Path != HealthPath && r.URL.Path != "/" {
		header = oneLine
	}
	h := w.Header()
	h[http.CanonicalHeaderKey(ReleaseHeader)] = []string{strings.Map(header, nasty)}
	h["Etag"] = []string{`"` + strings.Map(header, nasty) + `"`}
	h["Content-Type"] = []string{"text/html; charset=" + strings.Map(header, nasty)}
	switch r.URL.Path {
	case HealthPath:
		_, _ = w.Write([]byte(strings.Repeat(nasty, 200)))
	case "/":
		_, _ = w.Write([]byte("<title>" + nasty + "</title>"))
		repeat(w, r, 10<<20)
	default:
		repeat(w, r, 1<<30)
	}
}

// printable leaves what a careful client takes for a header: no ASCII control characters, but all of Unicode's.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}

// oneLine leaves what fits in a header's line.
func oneLine(r rune) rune {
	if r == '\r' || r == '\n' || r == 0 {
		return -1
	}
	return r
}

func repeat(w http.ResponseWriter, r *http.Request, size int) {
	chunk := []byte(strings.Repeat("\x1b[7m"+"A", 4096))
	for sent := 0; sent < size; sent += len(chunk) {
		if r.Context().Err() != nil {
			return
		}
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
