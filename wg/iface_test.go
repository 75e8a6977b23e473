package wg

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/wg/conf"
	"ops-console/wg/wgtest"
)

func ipNet(t *testing.T, s string) net.Addr {
	t.Helper()
	ip, n, err := net.ParseCIDR(s)
	if err != nil {
		t.Fatal(err)
	}
	n.IP = ip
	return n
}

func TestWaysAreFoundByAddress(t *testing.T) {
	ethernet := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	const up = net.FlagUp
	interfaces := []net.Interface{
		{Name: "lo", Flags: up | net.FlagLoopback},
		{Name: "eth0", Flags: up, HardwareAddr: ethernet},
		{Name: "wg0", Flags: up, MTU: 1420},
		{Name: "wg1", Flags: 0},
		{Name: "wg2", Flags: up},
		{Name: "eth1", Flags: up, HardwareAddr: ethernet},
	}
	addresses := map[string]string{
		"lo": "fdaa:0:18::9/128", "eth0": "192.0.2.5/24", "wg0": "fdaa:0:18::a:102/120", "wg1": "fdaa:0:18::b:102/120",
		"wg2": "fdaa:0:99::a:102/120", "eth1": "fdaa:0:18:a7b::4/64",
	}
	key := conf.GenerateKey()
	ours := &conf.Config{
		PrivateKey: key, Addresses: []netip.Prefix{netip.MustParsePrefix("fdaa:0:18::a:102/120")},
		Peers: []conf.Peer{{AllowedIPs: []netip.Prefix{netip.MustParsePrefix("fdaa:0:18::/48")}}},
	}
	other := *ours
	other.Addresses = []netip.Prefix{netip.MustParsePrefix("fdaa:0:18::f:102/120")}
	denied := func(context.Context, string) (existingDevice, error) {
		return existingDevice{}, &fs.PathError{Op: "dial", Path: "wg0.sock", Err: syscall.EACCES}
	}
	keyed := func(k conf.PublicKey) func(context.Context, string) (existingDevice, error) {
		return func(context.Context, string) (existingDevice, error) { return existingDevice{key: k}, nil }
	}
	type found struct {
		Name, Server string
		Tunnel, Own  bool
	}
	for _, tt := range []struct {
		name   string
		o      Options
		device func(context.Context, string) (existingDevice, error)
		want   []found
	}{
		{"our address", Options{Config: ours}, denied, []found{
			{"wg0", "fdaa:0:18::3", true, true}, {"eth1", "fdaa::3", false, false},
		}},
		{"our address with another key", Options{Config: ours}, keyed(conf.GenerateKey().Public()), []found{
			{"wg0", "fdaa:0:18::3", true, false}, {"eth1", "fdaa::3", false, false},
		}},
		{"our key at another address", Options{Config: &other}, keyed(key.Public()), []found{
			{"wg0", "fdaa:0:18::3", true, true}, {"eth1", "fdaa::3", false, false},
		}},
		{"another peer's", Options{Config: &other}, denied, []found{
			{"wg0", "fdaa:0:18::3", true, false}, {"eth1", "fdaa::3", false, false},
		}},
		{"without a configuration", Options{}, denied, []found{
			{"wg0", "fdaa:0:18::3", true, false}, {"wg2", "fdaa:0:99::3", true, false}, {"eth1", "fdaa::3", false, false},
		}},
		{"named", Options{Interface: "wg2", DNS: netip.MustParseAddr("fdaa:0:99::53")}, denied, []found{
			{"wg2", "fdaa:0:99::53", true, false},
		}},
		{"named but not in the network", Options{Interface: "wg2", Config: ours}, denied, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.o.Logger = slog.New(slog.DiscardHandler)
			ww := findWays(t.Context(), tt.o, host{
				interfaces: func() ([]net.Interface, error) { return interfaces, nil },
				addresses: func(i net.Interface) ([]net.Addr, error) {
					return []net.Addr{ipNet(t, "fe80::1/64"), ipNet(t, addresses[i.Name])}, nil
				},
				device: tt.device,
				dial:   func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ENETUNREACH },
			})
			var got []found
			for _, w := range ww {
				got = append(got, found{w.name, w.servers[0].Addr().String(), w.tunnel, w.own})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ways (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFindingWaysTakesASecond where everything is silent, by a clock of the test's own.
func TestFindingWaysTakesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		start := time.Now()
		ww := findWays(t.Context(), Options{Logger: slog.New(slog.DiscardHandler)}, host{
			interfaces: func() ([]net.Interface, error) { return []net.Interface{{Name: "wg0", Flags: net.FlagUp}}, nil },
			addresses: func(net.Interface) ([]net.Addr, error) {
				return []net.Addr{ipNet(t, "fdaa:0:18::a:102/120")}, nil
			},
			device: func(ctx context.Context, _ string) (existingDevice, error) { return existingDevice{}, never(ctx) },
			dial:   func(ctx context.Context, _, _ string) (net.Conn, error) { return nil, never(ctx) },
		})
		if took := time.Since(start); took != lookWait || len(ww) != 1 || ww[0].answerErr == nil {
			t.Errorf("took %s for %d ways, want %s for a silent one", took, len(ww), lookWait)
		}
	})
}

// TestDeviceFaults: what wgctrl alone would wait for without end, or take for all devices at once.
func TestDeviceFaults(t *testing.T) {
	t.Parallel()
	wgtest.Run(t, func(t *testing.T) {
		dir := filepath.Dir(uapiSocket("x"))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: uapiSocket("stale0"), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		stale.SetUnlinkOnClose(false)
		_ = stale.Close()
		silent, err := net.Listen("unix", uapiSocket("silent0")) // takes connections and answers nothing
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }()
		p := conf.Config{
			PrivateKey: conf.GenerateKey(), Addresses: []netip.Prefix{netip.MustParsePrefix("fdaa:0:18::a:102/120")},
			Peers: []conf.Peer{{
				PublicKey: conf.GenerateKey().Public(), PresharedKey: conf.GenerateKey(), Endpoint: "127.0.0.1:51820",
				AllowedIPs: []netip.Prefix{netip.MustParsePrefix("fdaa:0:18::/48")},
			}},
		}
		wgtest.New(t, "wg0", &p)
		for name, want := range map[string]error{
			"stale0": fs.ErrNotExist, "silent0": errDeviceSilent, "lo": fs.ErrNotExist, "nothing0": fs.ErrNotExist,
			"../x": fs.ErrNotExist, "wg0": nil,
		} {
			d, err := readDevice(t.Context(), name)
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			if want != nil {
				continue
			}
			wantDevice := existingDevice{key: p.PrivateKey.Public(), peers: []devicePeer{{
				PeerState: conf.PeerState{PublicKey: p.Peers[0].PublicKey, Endpoint: netip.MustParseAddrPort("127.0.0.1:51820")},
				allowed:   p.Peers[0].AllowedIPs,
			}}}
			for i := range d.peers { // a handshake has been tried
				d.peers[i].Rx, d.peers[i].Tx = 0, 0
			}
			if diff := cmp.Diff(wantDevice, d, cmp.AllowUnexported(existingDevice{}, devicePeer{}),
				cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
				cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestInterfaceWithoutRightsShowsWhatItCan(t *testing.T) {
	e := &existing{way: &way{name: "wg0"}, err: &fs.PathError{Op: "read", Path: "wg0", Err: syscall.EPERM}, rx: 10, tx: 20, rxRate: 1, txRate: 2}
	got := e.finish(Status{State: StateUp, HandshakeKnown: true, HandshakeAt: time.Unix(1, 0), Rx: 1})
	want := Status{State: StateUp, Rx: 10, Tx: 20, RxRate: 1, TxRate: 2, Advice: "handshake age needs root; shown: DNS round trip"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1280      13    0    0    0     0          0         0     1281      13    0    0    0     0       0          0
   wg0:123456789012 7    0    0    0     0          0         0 42 3 0 0 0 0 0 0
 short: 1 2 3
`

func TestInterfaceBytes(t *testing.T) {
	type answer struct {
		Rx, Tx int64
		OK     bool
	}
	for name, want := range map[string]answer{
		"lo": {1280, 1281, true}, "wg0": {123456789012, 42, true}, "short": {}, "wg": {}, "": {}, " face |bytes": {},
	} {
		rx, tx, ok := parseInterfaceBytes(strings.NewReader(netDev), name)
		if diff := cmp.Diff(want, answer{rx, tx, ok}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzInterfaceBytes(f *testing.F) {
	f.Add(netDev, "wg0")
	f.Add("wg0:1 2 3 4 5 6 7 8 9", "wg0")
	f.Fuzz(func(t *testing.T, text, name string) {
		if rx, tx, ok := parseInterfaceBytes(strings.NewReader(text), name); !ok && (rx != 0 || tx != 0) {
			t.Errorf("%d and %d of a line that cannot be read", rx, tx)
		}
	})
}
