package conf

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Keys that were made for these tests and are used nowhere.
const (
	key1 = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
	key2 = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
	key3 = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
)

// fly is the text that `fly wireguard create` writes.
const fly = `
[Interface]
PrivateKey = ` + key1 + `
Address = fdaa:0:18:a7b:d6b:0:a:2/120
DNS = fdaa:0:18::3

[Peer]
PublicKey = ` + key2 + `
AllowedIPs = fdaa:0:18::/48
Endpoint = ord1.gateway.6pn.dev:51820
PersistentKeepalive = 15

`

func mustKey(t testing.TB, s string) Key {
	t.Helper()
	k, err := ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func flyConfig(t testing.TB) *Config {
	pub, err := ParsePublicKey(key2)
	if err != nil {
		t.Fatal(err)
	}
	return &Config{
		PrivateKey: mustKey(t, key1),
		Addresses:  []netip.Prefix{netip.MustParsePrefix("fdaa:0:18:a7b:d6b:0:a:2/120")},
		DNS:        []netip.Addr{netip.MustParseAddr("fdaa:0:18::3")},
		Peers: []Peer{{
			PublicKey: pub, AllowedIPs: []netip.Prefix{netip.MustParsePrefix("fdaa:0:18::/48")},
			Endpoint: "ord1.gateway.6pn.dev:51820", Keepalive: 15,
		}},
	}
}

var compare = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func TestParseAndWriteTheFormOfFly(t *testing.T) {
	got, err := Parse([]byte(fly))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(flyConfig(t), got, compare); diff != "" {
		t.Errorf("parsed (-want +got):\n%s", diff)
	}
	text, err := got.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fly, string(text)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if p := got.Prefix(); p.String() != "fdaa:0:18::/48" {
		t.Errorf("prefix is %s", p)
	}
}

func TestParseAccepts(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(fly, old, new, 1) }
	for _, tt := range []struct {
		name, text string
		change     func(*Config)
	}{
		{"CRLF", strings.ReplaceAll(fly, "\n", "\r\n"), nil},
		{"byte order mark", "\xef\xbb\xbf" + fly, nil},
		{"any case", strings.NewReplacer("PrivateKey", "PRIVATEKEY", "[Peer]", "[ peer ]", "AllowedIPs", "allowedips").Replace(fly), nil},
		{"comments", "# x\n" + replace("\nDNS", " # my address\n#DNS = bad\nDNS"), nil},
		{"no final newline", strings.TrimSpace(fly), nil},
		{"what only wg-quick does", replace("DNS", "PostUp = iptables -A x; y = z\nTable = off\nDNS"), func(c *Config) {
			c.Ignored = []string{"PostUp", "Table"}
		}},
		{"preshared key", strings.TrimSpace(fly) + "\nPresharedKey = " + key3 + "\n", func(c *Config) {
			c.Peers[0].PresharedKey = mustKey(t, key3)
		}},
		{"keepalive off", replace("= 15", "= off"), func(c *Config) { c.Peers[0].Keepalive = 0 }},
		{"IPv6 endpoint", replace("ord1.gateway.6pn.dev:51820", "[2001:db8::1]:51820"), func(c *Config) {
			c.Peers[0].Endpoint = "[2001:db8::1]:51820"
		}},
		{"search domain", replace("fdaa:0:18::3", "fdaa:0:18::3, internal"), func(c *Config) { c.Search = []string{"internal"} }},
		{"numbers", replace("DNS", "MTU = 1280\nListenPort = 7\nFwMark = 0x10\nDNS"), func(c *Config) {
			c.MTU, c.ListenPort, c.FwMark = 1280, 7, 16
		}},
		{"repeated and bare addresses", replace("DNS", "Address = 10.0.0.2\nDNS"), func(c *Config) {
			c.Addresses = append(c.Addresses, netip.MustParsePrefix("10.0.0.2/32"))
		}},
		{"allowed IPs are masked", replace("fdaa:0:18::/48", "fdaa:0:18::5/48, 10.1.2.3/8"), func(c *Config) {
			c.Peers[0].AllowedIPs = append(c.Peers[0].AllowedIPs, netip.MustParsePrefix("10.0.0.0/8"))
		}},
		{"second peer", fly + "[Peer]\nPublicKey=" + key3 + "\nAllowedIPs=\n", func(c *Config) {
			k, _ := ParsePublicKey(key3)
			c.Peers = append(c.Peers, Peer{PublicKey: k})
		}},
	} {
		got, err := Parse([]byte(tt.text))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := flyConfig(t)
		if tt.change != nil {
			tt.change(want)
		}
		if diff := cmp.Diff(want, got, compare); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(fly, old, new, 1) }
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "no [Interface] section: not a WireGuard configuration"},
		{"no peer", fly[:strings.Index(fly, "[Peer]")], "no [Peer] section"},
		{"no key", replace("PrivateKey", "#PrivateKey"), "[Interface] PrivateKey: missing"},
		{"no address", replace("Address", "#Address"), "[Interface] Address: missing"},
		{"no public key", replace("PublicKey", "#PublicKey"), "line 7: [Peer] PublicKey: missing"},
		{"short key", replace(key1, key1[:40]+"="), "line 3: [Interface] PrivateKey: not a 32-byte key in base64"},
		{"not base64", replace(key1, "!"+key1[1:]), "line 3: [Interface] PrivateKey: not a 32-byte key in base64"},
		{"sloppy base64", replace(key1, key1[:42]+"n="), "line 3: [Interface] PrivateKey: not a 32-byte key in base64"},
		{"zero key", replace(key1, base64.StdEncoding.EncodeToString(make([]byte, 32))), "line 3: [Interface] PrivateKey: a key of zeros"},
		{"own key as peer", replace(key2, mustKey(t, key1).Public().String()), "line 7: [Peer] PublicKey: belongs to our own private key"},
		{"peer twice", fly + "[Peer]\nPublicKey = " + key2 + "\n", "line 13: [Peer] PublicKey: same as in the section of line 7"},
		{"key twice", replace("= 15", "= 15\nPersistentKeepalive = 16"), "line 12: [Peer] PersistentKeepalive: given twice in one section"},
		{"two interfaces", fly + "[Interface]\n", "line 13: [Interface]: second [Interface] section"},
		{"unknown section", fly + "[Foo]\n", "line 13: unknown section (want [Interface] or [Peer])"},
		{"half a section", fly + "[Peer\n", "line 13: section header without ]"},
		{"unknown key", fly + "Foo = bar\n", "line 13: [Peer] Foo: unknown key"},
		{"malformed key", fly + "Foo bar = bar\n", "line 13: [Peer]: malformed key name"},
		{"no value", fly + "Endpoint =\n", "line 13: [Peer] Endpoint: no value"},
		{"no section", "PrivateKey = " + key1 + "\n" + fly, "line 1: PrivateKey: outside of any section"},
		{"port 0", replace(":51820", ":0"), "line 10: [Peer] Endpoint: port not in 1..65535"},
		{"port too big", replace(":51820", ":99999"), "line 10: [Peer] Endpoint: port not in 1..65535"},
		{"no port", replace(":51820", ""), "line 10: [Peer] Endpoint: want host:port, or [ipv6]:port"},
		{"host with a blank", replace("ord1", "ord1 1"), "line 10: [Peer] Endpoint: host is neither an address nor a name"},
		{"IPv6 without brackets", replace("ord1.gateway.6pn.dev:51820", "2001:db8::1:51820"), "line 10: [Peer] Endpoint: want host:port, or [ipv6]:port"},
		{"MTU too small", replace("DNS", "MTU = 1000\nDNS"), "[Interface] MTU: IPv6 needs 1280 or more"},
		{"MTU is text", replace("DNS", "MTU = auto\nDNS"), "line 5: [Interface] MTU: want a number from 576 to 9000"},
		{"address with a zone", replace("fdaa:0:18:a7b:d6b:0:a:2/120", "fe80::1%eth0"), "line 4: [Interface] Address: not an IP address or prefix"},
		{"DNS with a zone", replace("fdaa:0:18::3", "fe80::1%eth0"), "line 5: [Interface] DNS: address with a zone"},
		{"DNS with nonsense", replace("fdaa:0:18::3", "-"), "line 5: [Interface] DNS: neither an IP address nor a search domain"},
		{"bad prefix", replace("/120", "/129"), "line 4: [Interface] Address: not an IP address or prefix"},
		{"keepalive negative", replace("= 15", "= -1"), "line 11: [Peer] PersistentKeepalive: want a number from 0 to 65535"},
		{"mark", replace("DNS", "FwMark = x\nDNS"), "line 5: [Interface] FwMark: want off or a 32-bit number"},
		{"NUL", replace("ord1", "or\x00d1"), "line 10: [Peer]: NUL byte: this is not a text file"},
		{"HTML", "<html><body>502 Bad Gateway</body></html>", "line 1: want key = value"},
		{"UTF-16", "\xff\xfe[\x00I\x00", "line 1: NUL byte: this is not a text file"},
		{"huge", fly + strings.Repeat("#x\n", 40000), "larger than 65536 bytes"},
		{"mapped", replace("fdaa:0:18::/48", "::ffff:1.2.3.0/120"), "line 9: [Peer] AllowedIPs: IPv4 address written as IPv6"},
	} {
		_, err := Parse([]byte(tt.text))
		if err == nil {
			t.Errorf("%s: accepted", tt.name)
			continue
		}
		if err.Error() != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, err, tt.want)
		}
		if strings.Contains(err.Error(), key1[:10]) {
			t.Errorf("%s: the error has the key", tt.name)
		}
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	c := flyConfig(t)
	c.Peers[0].PresharedKey = mustKey(t, key3)
	hidden := struct{ c Config }{*c} // fmt calls no methods of what is in unexported fields
	forms := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q", "%o", "%T"} {
		forms[verb] = fmt.Sprintf(verb, c) + fmt.Sprintf(verb, *c) + fmt.Sprintf(verb, c.PrivateKey) + fmt.Sprintf(verb, hidden) + fmt.Sprintf(verb, &hidden)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "conf", c, "key", c.PrivateKey)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "conf", c, "key", c.PrivateKey)
	forms["slog"] = log.String()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	forms["json"] = string(b)
	for _, key := range []Key{c.PrivateKey, c.Peers[0].PresharedKey} {
		raw := key.Bytes()
		for form, text := range forms {
			for _, leak := range []string{key.Base64(), fmt.Sprintf("%x", raw), fmt.Sprintf("%X", raw), strings.Trim(fmt.Sprintf("%d", raw[:4]), "[]"), string(raw[:])} {
				if strings.Contains(text, leak) {
					t.Errorf("%s shows a key: %s", form, text)
				}
			}
		}
	}
	if !strings.Contains(forms["json"], key2) {
		t.Error("the public key is hidden as well")
	}
}

func TestKeys(t *testing.T) {
	k := GenerateKey()
	if k.IsZero() || k.Public().IsZero() || k.Equal(GenerateKey()) {
		t.Error("a generated key is no key")
	}
	again := mustKey(t, k.Base64())
	if !again.Equal(k) || again.Public() != k.Public() {
		t.Error("a key does not survive base64")
	}
	var p PublicKey
	if err := p.UnmarshalText([]byte(k.Public().String())); err != nil || p != k.Public() {
		t.Errorf("a public key does not survive base64: %v", err)
	}
	c := &Config{PrivateKey: k}
	own := c.Clone()
	c.Zero()
	if !k.IsZero() || !c.PrivateKey.IsZero() || !own.PrivateKey.Equal(again) {
		t.Error("Zero clears the copies and leaves clones")
	}
	if !(Key{}).IsZero() || !(Key{}).Public().IsZero() || !(Key{}).Equal(NewKey([32]byte{})) {
		t.Error("the zero key")
	}
}

func TestWriteRefusesWhatParseWould(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no key":             func(c *Config) { c.PrivateKey = Key{} },
		"no peer":            func(c *Config) { c.Peers = nil },
		"no address":         func(c *Config) { c.Addresses = nil },
		"injected endpoint":  func(c *Config) { c.Peers[0].Endpoint = "a:1\nPostUp = rm" },
		"injected by a zone": func(c *Config) { c.Peers[0].Endpoint = "[fe80::1%a\nPostUp=x]:1" },
		"injected search":    func(c *Config) { c.Search = []string{"a\nPostUp = rm"} },
		"own key":            func(c *Config) { c.Peers[0].PublicKey = c.PrivateKey.Public() },
		"invalid prefix":     func(c *Config) { c.Addresses = []netip.Prefix{{}} },
		"invalid DNS":        func(c *Config) { c.DNS = []netip.Addr{{}} },
		"zone in DNS":        func(c *Config) { c.DNS = []netip.Addr{netip.MustParseAddr("fe80::1%a\nb")} },
		"keepalive":          func(c *Config) { c.Peers[0].Keepalive = -1 },
		"MTU":                func(c *Config) { c.MTU = 1 },
	} {
		c := flyConfig(t)
		change(c)
		if b, err := c.Marshal(); err == nil {
			t.Errorf("%s: written as %q", name, b)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "peer.conf")
	want := flyConfig(t)
	if err := SaveFile(path, want); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	got, err := LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, compare); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err = LoadFile(path)
	if !errors.Is(err, ErrPermissions) || err.Error() != path+": readable by others (0640): chmod 600 "+path {
		t.Errorf("readable by the group: %v", err)
	}
	if _, err := LoadFile(dir); err == nil {
		t.Error("a directory was read")
	}
	if _, err := LoadFile(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	bad := filepath.Join(dir, "bad.conf")
	if err := os.WriteFile(bad, []byte("[Interface]\nMTU = x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = LoadFile(bad)
	var pe *ParseError
	if !errors.As(err, &pe) || err.Error() != bad+":2: [Interface] MTU: want a number from 576 to 9000" {
		t.Errorf("bad file: %v", err)
	}
}

func TestNameserversWithoutDNS(t *testing.T) {
	c := flyConfig(t)
	c.DNS = nil
	if got := c.Nameservers(); len(got) != 1 || got[0].String() != "fdaa:0:18::3" {
		t.Errorf("got %v", got)
	}
	if !c.Allowed(netip.MustParseAddr("fdaa:0:18:1::1")) || c.Allowed(netip.MustParseAddr("fdaa:0:19::1")) {
		t.Error("Allowed is not what AllowedIPs say")
	}
}

// checkUAPI holds what a device must never be told: lines that no field of the configuration stands for.
func checkUAPI(t *testing.T, c *Config) {
	known := map[string]bool{
		"private_key": true, "listen_port": true, "replace_peers": true, "public_key": true, "preshared_key": true,
		"endpoint": true, "persistent_keepalive_interval": true, "replace_allowed_ips": true, "allowed_ip": true,
	}
	peers := 0
	for line := range strings.Lines(string(c.AppendUAPI(nil, FixedEndpoint))) {
		k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok || !known[k] || strings.ContainsAny(v, "=\r\n\x00 ") {
			t.Fatalf("malformed line of key %q", k)
		}
		if k == "public_key" {
			peers++
		}
	}
	if peers != len(c.Peers) {
		t.Fatalf("%d peers for %d", peers, len(c.Peers))
	}
}

func TestUAPI(t *testing.T) {
	c := flyConfig(t)
	c.ListenPort, c.Peers[0].Endpoint = 7, "[::ffff:192.0.2.1]:51820"
	checkUAPI(t, c)
	got := string(c.AppendUAPI([]byte("set=1\n"), FixedEndpoint))
	key, pub := c.PrivateKey.Bytes(), c.Peers[0].PublicKey
	want := fmt.Sprintf("set=1\nprivate_key=%x\nlisten_port=7\nreplace_peers=true\npublic_key=%x\nendpoint=192.0.2.1:51820\n"+
		"persistent_keepalive_interval=15\nreplace_allowed_ips=true\nallowed_ip=fdaa:0:18::/48\n", key, pub[:])
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(fly))
	f.Add([]byte("[Interface]\nPrivateKey=" + key1 + "\nAddress=10.0.0.1\nMTU=1280\nDNS=1.1.1.1,x\n[Peer]\nPublicKey=" + key2 + "\nEndpoint=[::1]:1\nAllowedIPs=\n"))
	f.Add([]byte("[Interface]\nPrivateKey=" + key1 + "\nAddress=fe80::1/64\n[Peer]\nPublicKey=" + key2 + "\nPresharedKey=" + key3 + "\nEndpoint=[fe80::1%eth0]:1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			if len(err.Error()) > 200 || strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Fatalf("error %q", err)
			}
			return
		}
		checkUAPI(t, c)
		text, err := c.Marshal()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		c.Ignored = nil
		if diff := cmp.Diff(c, again, compare); diff != "" {
			t.Fatalf("(-read +read again):\n%s", diff)
		}
	})
}

func TestSaveFilePutsCommentsFirstAndNothingIntoThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wg.conf")
	c := &Config{
		PrivateKey: GenerateKey(),
		Addresses:  []netip.Prefix{netip.MustParsePrefix("fdaa:0:1:a7b::2/120")},
		Peers:      []Peer{{PublicKey: GenerateKey().Public(), Endpoint: "192.0.2.1:51820"}},
	}
	if err := SaveFile(path, c, "region: lhr\nPostUp = x"); err == nil {
		t.Error("a comment of two lines was written")
	}
	if err := SaveFile(path, c, "made here", "region: lhr"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(b), "# made here\n# region: lhr\n") {
		t.Errorf("%v, file begins %.40q", err, b)
	}
	if _, err := LoadFile(path); err != nil {
		t.Error(err)
	}
}
