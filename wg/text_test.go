package wg

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStatusTextSaysWhatIsKnownAndNoMore(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name string
		in   Status
		want string
	}{
		{"up", Status{
			State: StateUp, Since: now.Add(-90 * time.Second), Kind: KindUser, Why: "no interface carries the network",
			Device: "user-mode", Endpoint: "192.0.2.1:51820", Transport: "udp", DNS: "[fdaa::3]:53",
			Addresses:      []netip.Prefix{netip.MustParsePrefix("fdaa:0:1::2/120")},
			HandshakeKnown: true, HandshakeAt: now.Add(-5 * time.Second), RTT: 1234567, LastOK: now.Add(-time.Second),
			Rx: 123456, Tx: 999, RxRate: 12.5, MTU: 1280,
		}, `state      up for 90 s
joined by  user (no interface carries the network)
device     user-mode
address    fdaa:0:1::2/120
endpoint   192.0.2.1:51820 by udp
handshake  5 s ago
dns        [fdaa::3]:53 answered in 1.23ms, 1 s ago
received   123 kB, 12.5 B/s
sent       999 B, 0 B/s
mtu        1280
`},
		{"never", Status{State: StateConnecting, Since: now, Kind: KindUser, Why: "asked for", Cause: "no answer", Advice: "look at the firewall", DNS: "[fdaa::3]:53", HandshakeKnown: true}, `state      connecting for 0 s
cause      no answer
to do      look at the firewall
joined by  user (asked for)
handshake  never
dns        [fdaa::3]:53 has not answered
received   0 B, 0 B/s
sent       0 B, 0 B/s
`},
	} {
		var b strings.Builder
		if err := tc.in.WriteText(&b, now); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}
