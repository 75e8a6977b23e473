package conf

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// The sizes of packets inside the tunnel that make sense; IPv6 needs 1280.
const (
	minMTU  = 576
	minMTU6 = 1280
	maxMTU  = 9000
)

// ParseError is a fault of a configuration file. It names the place and never the value.
type ParseError struct {
	File    string // empty when it was not read from a file
	Line    int    // from 1; 0 for the file as a whole
	Section string // Interface, Peer, or empty
	Key     string // as written, or empty
	Why     string
}

// Error is like `peer.conf:4: [Interface] MTU: want a number from 576 to 9000`.
func (e *ParseError) Error() string {
	var s []string
	switch {
	case e.File != "" && e.Line > 0:
		s = append(s, fmt.Sprintf("%s:%d:", e.File, e.Line))
	case e.File != "":
		s = append(s, e.File+":")
	case e.Line > 0:
		s = append(s, fmt.Sprintf("line %d:", e.Line))
	}
	if e.Section != "" {
		s = append(s, "["+e.Section+"]")
	}
	if e.Key != "" {
		s = append(s, e.Key)
	}
	if e.Section != "" || e.Key != "" {
		s[len(s)-1] += ":"
	}
	return strings.Join(append(s, e.Why), " ")
}

// wgQuickOnly are the keys that wg-quick acts on by running programs or changing routes.
func wgQuickOnly(key string) bool {
	switch key {
	case "table", "preup", "postup", "predown", "postdown", "saveconfig":
		return true
	}
	return false
}

func repeatable(key string) bool {
	return key == "address" || key == "dns" || key == "allowedips" || wgQuickOnly(key)
}

type parser struct {
	c       *Config
	line    int
	section string
	peer    *Peer
	peers   []int // line of each [Peer]
	seen    map[string]bool
	hasIf   bool
}

// Parse reads a configuration with the grammar of wg(8) and wg-quick(8): section and key names in any case, comments
// from # to the end of the line, comma lists, Address, DNS and AllowedIPs repeatable, several [Peer] sections, CRLF and
// a byte order mark tolerated. The error is a *ParseError.
func Parse(b []byte) (*Config, error) {
	p := &parser{c: &Config{}, seen: map[string]bool{}}
	if len(b) > maxSize {
		return nil, p.fail("", fmt.Sprintf("larger than %d bytes", maxSize))
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	for line := range bytes.Lines(b) {
		p.line++
		if err := p.parseLine(string(line)); err != nil {
			p.c.Zero()
			return nil, err
		}
	}
	if err := p.finish(); err != nil {
		p.c.Zero()
		return nil, err
	}
	return p.c, nil
}

func (p *parser) fail(key, why string) error {
	return &ParseError{Line: p.line, Section: p.section, Key: key, Why: why}
}

func (p *parser) parseLine(line string) error {
	if strings.IndexByte(line, 0) >= 0 {
		return p.fail("", "NUL byte: this is not a text file")
	}
	line, _, _ = strings.Cut(line, "#")
	line = strings.TrimSpace(line)
	if line == "" {
		return nil
	}
	if line[0] == '[' {
		return p.header(line)
	}
	k, v, ok := strings.Cut(line, "=")
	name := strings.TrimSpace(k)
	if !ok {
		return p.fail("", "want key = value")
	}
	if !validName(name) {
		return p.fail("", "malformed key name")
	}
	if p.section == "" {
		return p.fail(name, "outside of any section")
	}
	key := strings.ToLower(name)
	v = strings.TrimSpace(v)
	if v == "" && key != "allowedips" {
		return p.fail(name, "no value")
	}
	if p.seen[key] && !repeatable(key) {
		return p.fail(name, "given twice in one section")
	}
	p.seen[key] = true
	var err error
	if p.peer != nil {
		err = p.peer.set(key, v)
	} else {
		err = p.c.set(key, name, v)
	}
	if err != nil {
		return p.fail(name, err.Error())
	}
	return nil
}

func (p *parser) header(line string) error {
	p.section, p.peer = "", nil
	if line[len(line)-1] != ']' {
		return p.fail("", "section header without ]")
	}
	clear(p.seen)
	switch strings.ToLower(strings.TrimSpace(line[1 : len(line)-1])) {
	case "interface":
		p.section = "Interface"
		if p.hasIf {
			return p.fail("", "second [Interface] section")
		}
		p.hasIf = true
	case "peer":
		p.section = "Peer"
		p.c.Peers = append(p.c.Peers, Peer{})
		p.peer = &p.c.Peers[len(p.c.Peers)-1]
		p.peers = append(p.peers, p.line)
	default:
		return p.fail("", "unknown section (want [Interface] or [Peer])")
	}
	return nil
}

// finish checks what only the whole file shows.
func (p *parser) finish() error {
	c := p.c
	p.line, p.section = 0, ""
	if !p.hasIf {
		return p.fail("", "no [Interface] section: not a WireGuard configuration")
	}
	if len(c.Peers) == 0 {
		return p.fail("", "no [Peer] section")
	}
	p.section = "Interface"
	switch {
	case c.PrivateKey.IsZero():
		return p.fail("PrivateKey", "missing")
	case len(c.Addresses) == 0:
		return p.fail("Address", "missing")
	case c.MTU != 0 && c.MTU < minMTU6 && c.Prefix().IsValid():
		return p.fail("MTU", fmt.Sprintf("IPv6 needs %d or more", minMTU6))
	}
	own := c.PrivateKey.Public()
	first := map[PublicKey]int{}
	p.section = "Peer"
	for i := range c.Peers {
		p.line = p.peers[i]
		k := c.Peers[i].PublicKey
		switch n, twice := first[k]; {
		case k.IsZero():
			return p.fail("PublicKey", "missing")
		case k == own:
			return p.fail("PublicKey", "belongs to our own private key")
		case twice:
			return p.fail("PublicKey", fmt.Sprintf("same as in the section of line %d", n))
		}
		first[k] = p.line
	}
	return nil
}

func (c *Config) set(key, name, v string) (err error) {
	switch key {
	case "privatekey":
		c.PrivateKey, err = ParseKey(v)
	case "address":
		var p []netip.Prefix
		p, err = parsePrefixes(v)
		c.Addresses = append(c.Addresses, p...)
	case "dns":
		err = c.setDNS(v)
	case "mtu":
		c.MTU, err = parseInt(v, minMTU, maxMTU)
	case "listenport":
		c.ListenPort, err = parseInt(v, 0, 65535)
	case "fwmark":
		c.FwMark, err = parseMark(v)
	default:
		if !wgQuickOnly(key) {
			return errors.New("unknown key")
		}
		c.Ignored = append(c.Ignored, name)
	}
	return err
}

func (c *Config) setDNS(v string) error {
	for s := range strings.SplitSeq(v, ",") {
		s = strings.TrimSpace(s)
		a, err := netip.ParseAddr(s)
		switch {
		case err == nil && a.Zone() != "":
			return errors.New("address with a zone")
		case err == nil:
			c.DNS = append(c.DNS, a.Unmap())
		case validHost(s):
			c.Search = append(c.Search, s)
		default:
			return errors.New("neither an IP address nor a search domain")
		}
	}
	return nil
}

func (p *Peer) set(key, v string) (err error) {
	switch key {
	case "publickey":
		p.PublicKey, err = ParsePublicKey(v)
	case "presharedkey":
		p.PresharedKey, err = ParseKey(v)
	case "allowedips":
		if v == "" {
			return nil
		}
		var a []netip.Prefix
		a, err = parsePrefixes(v)
		for _, x := range a {
			p.AllowedIPs = append(p.AllowedIPs, x.Masked())
		}
	case "endpoint":
		p.Endpoint, err = parseEndpoint(v)
	case "persistentkeepalive":
		if strings.EqualFold(v, "off") {
			return nil
		}
		p.Keepalive, err = parseInt(v, 0, 65535)
	default:
		return errors.New("unknown key")
	}
	return err
}

func parseInt(v string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("want a number from %d to %d", lo, hi)
	}
	return n, nil
}

func parseMark(v string) (uint32, error) {
	if strings.EqualFold(v, "off") {
		return 0, nil
	}
	n, err := strconv.ParseUint(v, 0, 32)
	if err != nil {
		return 0, errors.New("want off or a 32-bit number")
	}
	return uint32(n), nil
}

func parsePrefixes(v string) (out []netip.Prefix, err error) {
	for s := range strings.SplitSeq(v, ",") {
		s = strings.TrimSpace(s)
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, err := netip.ParseAddr(s)
			if err != nil || a.Zone() != "" {
				return nil, errors.New("not an IP address or prefix")
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Addr().Is4In6() {
			return nil, errors.New("IPv4 address written as IPv6")
		}
		out = append(out, p)
	}
	return out, nil
}

// parseEndpoint takes name:port, 1.2.3.4:port and [ipv6]:port.
func parseEndpoint(v string) (string, error) {
	h, p, err := net.SplitHostPort(v)
	if err != nil {
		return "", errors.New("want host:port, or [ipv6]:port")
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 {
		return "", errors.New("port not in 1..65535")
	}
	if _, err := netip.ParseAddr(h); err != nil && !validHost(h) {
		return "", errors.New("host is neither an address nor a name")
	}
	// A zone is free text in netip: it must not carry anything further.
	if _, zone, ok := strings.Cut(h, "%"); ok && !validHost(zone) {
		return "", errors.New("malformed zone")
	}
	return net.JoinHostPort(h, strconv.FormatUint(n, 10)), nil
}

func validName(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s) {
		if c |= 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

func validHost(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	for l := range strings.SplitSeq(s, ".") {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, c := range []byte(l) {
			ok := c == '-' || c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
			if !ok {
				return false
			}
		}
	}
	return true
}
