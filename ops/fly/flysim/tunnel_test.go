package flysim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/fly/flysim/sixpn"
	"ops-console/wg/conf"
	"ops-console/wg/netstack"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
)

// member is a client of the network that knows nothing but the files of the world.
type member struct {
	t     *testing.T
	conf  *conf.Config
	stack *netstack.Stack
	http  *http.Client
}

// join enters the network with the configuration that the world wrote.
func join(t *testing.T, s *Sim) *member {
	t.Helper()
	c, err := conf.LoadFile(s.ConfPath())
	if err != nil {
		t.Fatal(err)
	}
	stack, err := netstack.New(c.HostAddrs(), netstack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dev := device.NewDevice(stack, conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))
	if err := dev.IpcSet(string(c.AppendUAPI(nil, conf.FixedEndpoint))); err != nil {
		t.Fatal(err)
	}
	if err := dev.Up(); err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
		return stack.DialTCP(ctx, netip.MustParseAddrPort(addr))
	}}
	t.Cleanup(func() { tr.CloseIdleConnections(); dev.Close() })
	return &member{t, c, stack, &http.Client{Transport: tr}}
}

// ask asks the network's DNS over TCP.
func (m *member) ask(name string, qtype uint16) (*dns.Msg, error) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 2*time.Second)
	defer cancel()
	c, err := m.stack.DialTCP(ctx, netip.AddrPortFrom(m.conf.Nameservers()[0], 53))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	q := new(dns.Msg)
	q.SetQuestion(name, qtype)
	r, _, err := (&dns.Client{Timeout: 2 * time.Second}).ExchangeWithConn(q, &dns.Conn{Conn: c})
	return r, err
}

func (m *member) addrs(name string) []netip.Addr {
	m.t.Helper()
	r, err := m.ask(name, dns.TypeAAAA)
	if err != nil {
		m.t.Fatalf("%s: %v", name, err)
	}
	var out []netip.Addr
	for _, rr := range r.Answer {
		if a, ok := rr.(*dns.AAAA); ok {
			ip, _ := netip.AddrFromSlice(a.AAAA)
			out = append(out, ip)
		}
	}
	return out
}

func (m *member) get(url string, header ...string) (int, http.Header, string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := m.http.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(b), err
}

// sweep asks every address for its health page at once, and gives the machine id that each one names.
func (m *member) sweep(addrs []netip.Addr) map[netip.Addr]string {
	m.t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[netip.Addr]string{}
	limit := make(chan struct{}, 64)
	for _, a := range addrs {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			_, h, body, err := m.get("http://" + netip.AddrPortFrom(a, 4000).String() + "/health")
			var answer struct{ Machine string }
			id := h.Get("fly-machine-id")
			if err == nil {
				err = json.Unmarshal([]byte(body), &answer)
			}
			if err == nil && answer.Machine != id {
				err = fmt.Errorf("header says %q, body %q", id, answer.Machine)
			}
			if err != nil {
				id = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			got[a] = id
		})
	}
	wg.Wait()
	return got
}

// serving is the address and id of every instance that runs, has a service and can be reached.
func serving(s *Sim) (map[netip.Addr]string, []netip.Addr) {
	want := map[netip.Addr]string{}
	var addrs []netip.Addr
	for _, i := range s.World().Instances() {
		if i.App == DefaultApp && i.Started && i.Port != 0 && !i.Behaviour.Silent {
			want[i.Addr] = i.ID
			addrs = append(addrs, i.Addr)
		}
	}
	return want, addrs
}

func TestAllInstancesAnswerThroughTheTunnelAsThemselves(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "calm"})
	m := join(t, s)
	want, addrs := serving(s)
	if len(addrs) != 14 {
		t.Errorf("%d instances serve, want 14", len(addrs))
	}
	if diff := cmp.Diff(want, m.sweep(addrs)); diff != "" {
		t.Errorf("who answered (-want +got):\n%s", diff)
	}
	all := m.addrs("changelog.internal.")
	if len(all) != 17 {
		t.Errorf("%d addresses in DNS, want 17: those and three workers", len(all))
	}
	for _, a := range addrs {
		if !slices.Contains(all, a) {
			t.Errorf("%s serves but is not in DNS", a)
		}
	}
}

func TestNothingListensForInstancesOutsideTheTunnel(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "calm"})
	var got []string
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // no such system here: the dial below says the same
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(b), "\n") {
			f := strings.Fields(line)
			// 0A is LISTEN, 0FA0 is 4000, 10B8 is 4280.
			if len(f) > 3 && f[3] == "0A" && (strings.HasSuffix(f[1], ":0FA0") || strings.HasSuffix(f[1], ":10B8")) {
				got = append(got, line)
			}
		}
	}
	if len(got) > 0 {
		t.Errorf("listeners of the machine: %v", got)
	}
	_, addrs := serving(s)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if c, err := new(net.Dialer).DialContext(ctx, "tcp", netip.AddrPortFrom(addrs[0], 4000).String()); err == nil {
		c.Close()
		t.Errorf("%s answers without the tunnel", addrs[0])
	}
}

func TestTheMachinesAPIAnswersInsideToo(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "calm"})
	m := join(t, s)
	api := m.addrs("_api.internal.")
	if want := []netip.Addr{sixpn.Server(s.World().Prefix())}; !slices.Equal(api, want) {
		t.Fatalf("_api.internal is %v, want %v", api, want)
	}
	token, err := os.ReadFile(s.Dir() + "/token")
	if err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("http://%s/v1/apps/changelog/machines", netip.AddrPortFrom(api[0], 4280))
	status, _, body, err := m.get(url, "Authorization", "Bearer "+strings.TrimSpace(string(token)))
	var machines []struct{ ID string }
	if err == nil {
		err = json.Unmarshal([]byte(body), &machines)
	}
	if err != nil || status != 200 || len(machines) != 18 {
		t.Errorf("status %d, %d machines, %v; want 200, 18", status, len(machines), err)
	}
	if status, _, _, err := m.get(url); err != nil || status != 401 {
		t.Errorf("without a token: %d %v, want 401", status, err)
	}
}

func TestTheNetworkFollowsTheWorld(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "calm"})
	m := join(t, s)
	id, err := s.World().AddMachine(platform.MachineSpec{Region: "nrt"})
	if err != nil {
		t.Fatal(err)
	}
	i, _ := s.World().Instance(id)
	name := id + ".vm.changelog.internal."
	until(t, "the new machine in DNS and serving", func() bool {
		return len(m.addrs(name)) == 1 && m.sweep([]netip.Addr{i.Addr})[i.Addr] == id
	})
	control(t, s, "fault", "stuck", id, "state=stopping")
	until(t, "the stopped machine out of DNS", func() bool { return len(m.addrs(name)) == 0 })
	control(t, s, "clear", "stuck", id)
	control(t, s, "fault", "health", "app#0", "503")
	first := i
	for _, x := range s.World().Instances() {
		if x.Group == "app" {
			first = x
			break
		}
	}
	until(t, "the fault in the instance's answer", func() bool {
		status, _, _, _ := m.get("http://" + netip.AddrPortFrom(first.Addr, 4000).String() + "/health")
		return status == 503
	})
}

func TestNetworkFaultsAndBack(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "calm"})
	m := join(t, s)
	if _, err := m.ask("_api.internal.", dns.TypeAAAA); err != nil {
		t.Fatalf("before any fault: %v", err)
	}
	for _, fault := range []string{"tunnel-drop", "dns-silent", "dns-servfail", "tunnel-loss 100"} {
		words := strings.Fields(fault)
		control(t, s, append([]string{"fault"}, words...)...)
		r, err := m.askOnce("_api.internal.", dns.TypeAAAA, 150*time.Millisecond)
		if err == nil && r.Rcode == dns.RcodeSuccess {
			t.Errorf("%s: still answers", fault)
		}
		control(t, s, "clear", words[0])
		until(t, "an answer after "+fault, func() bool {
			r, err := m.askOnce("_api.internal.", dns.TypeAAAA, time.Second)
			return err == nil && r.Rcode == dns.RcodeSuccess
		})
	}
}

func (m *member) askOnce(name string, qtype uint16, timeout time.Duration) (*dns.Msg, error) {
	c, err := m.stack.DialUDP(netip.AddrPortFrom(m.conf.Nameservers()[0], 53))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	q := new(dns.Msg)
	q.SetQuestion(name, qtype)
	r, _, err := (&dns.Client{Timeout: timeout}).ExchangeWithConn(q, &dns.Conn{Conn: c})
	return r, err
}

// late is when a condition that should have come true will not.
const late = time.Minute

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(late)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s for %s", late, what)
		}
	}
}

// BenchmarkSweep asks 1,000 instances for their health page through the tunnel, each on a new connection first.
func BenchmarkSweep(b *testing.B) {
	s, err := Start(b.Context(), Options{Scenario: "big"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c, err := conf.LoadFile(s.ConfPath())
	if err != nil {
		b.Fatal(err)
	}
	stack, err := netstack.New(c.HostAddrs(), netstack.Options{})
	if err != nil {
		b.Fatal(err)
	}
	dev := device.NewDevice(stack, conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))
	defer dev.Close()
	if err := errors.Join(dev.IpcSet(string(c.AppendUAPI(nil, conf.FixedEndpoint))), dev.Up()); err != nil {
		b.Fatal(err)
	}
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
		return stack.DialTCP(ctx, netip.MustParseAddrPort(addr))
	}}
	_, addrs := serving(s)
	client := &http.Client{Transport: tr, Timeout: 5 * time.Second}
	for b.Loop() {
		var wg sync.WaitGroup
		limit := make(chan struct{}, 64)
		for _, a := range addrs {
			limit <- struct{}{}
			wg.Go(func() {
				defer func() { <-limit }()
				resp, err := client.Get("http://" + netip.AddrPortFrom(a, 4000).String() + "/health")
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(len(addrs)), "instances")
}
