package conf

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParsePeers(t *testing.T) {
	one, two := PublicKey{31: 7}, PublicKey{31: 8}
	text := fmt.Sprintf("private_key=%064x\nlisten_port=1\nrx_bytes=no number of a peer's\npublic_key=%x\nrx_bytes=9\n"+
		"last_handshake_time_sec=0\nlast_handshake_time_nsec=0\npreshared_key=%064x\npublic_key=%x\nendpoint=[2001:db8::1]:51820\n"+
		"last_handshake_time_sec=100\nlast_handshake_time_nsec=5\nrx_bytes=1\ntx_bytes=2\nallowed_ip=::/0\nerrno=0\n\n", 1, one[:], 2, two[:])
	got, err := ParsePeers([]byte(text))
	want := []PeerState{
		{PublicKey: one, Rx: 9},
		{PublicKey: two, Endpoint: netip.MustParseAddrPort("[2001:db8::1]:51820"), HandshakeAt: time.Unix(100, 5), Rx: 1, Tx: 2},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, line := range []string{
		"rx_bytes=secret", "tx_bytes=", "endpoint=secret", "last_handshake_time_sec=secret", "last_handshake_time_nsec=secret",
		"public_key=secret", fmt.Sprintf("public_key=%065x", 1),
	} {
		_, err := ParsePeers(fmt.Appendf(nil, "public_key=%x\n%s\n", one[:], line))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func FuzzParsePeers(f *testing.F) {
	f.Add(fmt.Appendf(nil, "public_key=%x\nendpoint=[::1]:2\nrx_bytes=1\n", make([]byte, 32)))
	f.Add([]byte("rx_bytes=\n=\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if peers, err := ParsePeers(b); err != nil && peers != nil {
			t.Errorf("%d peers with an error", len(peers))
		}
	})
}
