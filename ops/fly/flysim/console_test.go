package flysim

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ops-console/wg"
)

// open joins a world as the console does.
func open(t *testing.T, s *Sim, transport string) wg.Network {
	t.Helper()
	n, err := wg.Open(t.Context(), wg.Options{
		Mode: wg.ModeUser, ConfigPath: s.ConfPath(), Transport: transport, WebsocketURL: s.Gateway().WebsocketURL(),
		RuntimeDir: filepath.Join(t.TempDir(), "run"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("leave the network: %v", err)
		}
	})
	return n
}

// whoAnswers is the machine id in the answer of a host of the network.
func whoAnswers(t *testing.T, n wg.Network, host string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tr := &http.Transport{DialContext: n.DialContext, DisableKeepAlives: true}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.Header.Get("fly-machine-id"), err
}

func TestTheConsoleJoinsByEitherTransport(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"udp", "websocket"} {
		t.Run(transport, func(t *testing.T) {
			s := start(t, Options{Scenario: "calm"})
			n := open(t, s, transport)
			want, _ := serving(s)
			texts, err := n.Resolver().LookupTXT(t.Context(), "vms.changelog.internal")
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(strings.Join(texts, ""), ",") + 1; got != 17 {
				t.Errorf("%d instances in vms.changelog.internal, want 17", got)
			}
			for a, id := range want {
				if got, err := whoAnswers(t, n, id+".vm.changelog.internal:4000"); err != nil || got != id {
					t.Errorf("%s by name: %q %v", id, got, err)
				}
				if got, err := whoAnswers(t, n, netip.AddrPortFrom(a, 4000).String()); err != nil || got != id {
					t.Errorf("%s by address: %q %v", id, got, err)
				}
			}
			if st := n.Status(); st.Transport != transport || st.State != wg.StateUp {
				t.Errorf("status %+v", st)
			}
		})
	}
}

func TestTheConsoleRecoversFromARestartedGateway(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "calm"})
	n := open(t, s, "udp")
	_, addrs := serving(s)
	host := netip.AddrPortFrom(addrs[0], 4000).String()
	if _, err := whoAnswers(t, n, host); err != nil {
		t.Fatal(err)
	}
	control(t, s, "fault", "gateway-restart")
	until(t, "the console to notice", func() bool { st := n.Status().State; return st != wg.StateUp })
	control(t, s, "clear", "gateway-restart")
	until(t, "the console to be back", func() bool { return n.Status().State == wg.StateUp })
	if _, err := whoAnswers(t, n, host); err != nil {
		t.Error(err)
	}
}
