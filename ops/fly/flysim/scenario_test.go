package flysim

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/sixpn"

	"github.com/miekg/dns"
)

// platformGet asks the world's interfaces as its files say.
func platformGet(t *testing.T, s *Sim, path string, into any) (int, error) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(s.Dir(), tokenFile))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp.StatusCode, err
	}
	return resp.StatusCode, json.Unmarshal(b, into)
}

func machines(t *testing.T, s *Sim) []fly.Machine {
	t.Helper()
	var mm []fly.Machine
	if status, err := platformGet(t, s, "/v1/apps/changelog/machines", &mm); err != nil || status != http.StatusOK {
		t.Fatalf("list machines: %d %v", status, err)
	}
	return mm
}

func release(m fly.Machine) string {
	if m.Config == nil {
		return ""
	}
	return m.Config.Metadata[fly.MetaReleaseVersion]
}

func TestCalmIsCalm(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "calm"})
	regions := map[string]bool{}
	for _, m := range machines(t, s) {
		regions[m.Region] = true
		if release(m) != "41" || m.HostStatus != fly.HostOK || m.Cordoned {
			t.Errorf("%s: release %s, host %s, cordoned %v", m.ID, release(m), m.HostStatus, m.Cordoned)
		}
		if m.State != fly.StateStarted {
			if m.State != fly.StateStopped || !strings.Contains(string(m.Config.Services[0].Autostop), "stop") {
				t.Errorf("%s: %s, and not by autostop", m.ID, m.State)
			}
			continue
		}
		for _, c := range m.Checks {
			if c.Status != fly.CheckPassing {
				t.Errorf("%s: check %s is %s: %s", m.ID, c.Name, c.Status, c.Output)
			}
		}
		if age := time.Since(m.CreatedAt); age < 10*24*time.Hour {
			t.Errorf("%s was made %s ago, want weeks", m.ID, age)
		}
		if age := time.Since(m.UpdatedAt); age < 38*time.Minute || age > 41*time.Minute {
			t.Errorf("%s was updated %s ago, want with the release 40 minutes ago", m.ID, age)
		}
	}
	if len(regions) < 4 {
		t.Errorf("regions %v, want at least four", regions)
	}
	var rel struct{ Releases []struct{ Status string } }
	if _, err := platformGet(t, s, "/api/v1/apps/changelog/releases", &rel); err != nil || len(rel.Releases) < 5 || rel.Releases[0].Status != "complete" {
		t.Errorf("releases %+v %v", rel, err)
	}
}

func TestIncidentHasEverythingAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "incident"})
	m := join(t, s)
	found := map[string]int{}
	for _, x := range machines(t, s) {
		found["release "+release(x)]++
		if x.HostStatus == fly.HostUnreachable && x.Config == nil {
			found["unreachable"]++
		}
		if x.Cordoned {
			found["cordoned"]++
		}
		exits, kills := 0, 0
		for _, e := range x.Events {
			if exit := e.Exit(); exit != nil && exit.Restarting {
				exits++
				if exit.OOMKilled {
					kills++
				}
			}
		}
		if exits-kills >= 3 {
			found["crash loop"]++
		}
		if kills >= 3 {
			found["oom"]++
		}
		for _, c := range x.Checks {
			if c.Status == fly.CheckCritical && time.Since(*c.UpdatedAt) > 10*time.Minute {
				found["failing for long"]++
				break
			}
		}
	}
	for what, want := range map[string]int{"release 41": 6, "release 40": 11, "unreachable": 1, "cordoned": 1, "crash loop": 1, "oom": 1, "failing for long": 2} {
		if found[what] != want {
			t.Errorf("%s: %d machines, want %d", what, found[what], want)
		}
	}
	titles := map[string]int{}
	for _, i := range s.World().Instances() {
		if i.App != DefaultApp || !i.Started || i.Port == 0 || i.Behaviour.Silent || i.Behaviour.Dead {
			continue
		}
		_, h, _, err := m.get("http://" + netip.AddrPortFrom(i.Addr, 4000).String() + "/")
		if err != nil {
			t.Errorf("%s: %v", i.ID, err)
			continue
		}
		titles[h.Get("etag")]++
	}
	var sizes []int
	for _, n := range titles {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	if len(sizes) != 2 || sizes[0] != 1 {
		t.Errorf("groups of content %v, want one instance apart from all others", sizes)
	}
}

func TestBlackoutLeavesTheNetwork(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "blackout"})
	if status, err := platformGet(t, s, "/v1/apps/changelog/machines", new(any)); err == nil {
		t.Errorf("the platform answers: %d", status)
	}
	m := join(t, s)
	want, addrs := serving(s)
	got := m.sweep(addrs)
	for a, id := range want {
		if got[a] != id {
			t.Errorf("%s: %s, want %s", a, got[a], id)
		}
	}
}

func TestScenariosOfNotGettingIn(t *testing.T) {
	t.Parallel()
	t.Run("wrong-token", func(t *testing.T) {
		s := start(t, Options{Scenario: "wrong-token"})
		if status, err := platformGet(t, s, "/v1/apps/changelog/machines", new(any)); err != nil || status != http.StatusUnauthorized {
			t.Errorf("%d %v, want 401", status, err)
		}
	})
	t.Run("expired-cert", func(t *testing.T) {
		s := start(t, Options{Scenario: "expired-cert"})
		_, err := platformGet(t, s, "/v1/apps/changelog/machines", new(any))
		var invalid x509.CertificateInvalidError
		if !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
			t.Errorf("%v, want an expired certificate", err)
		}
	})
	t.Run("revoked-peer", func(t *testing.T) {
		s := start(t, Options{Scenario: "revoked-peer"})
		if _, err := join(t, s).askOnce("_api.internal.", dns.TypeAAAA, 300*time.Millisecond); err == nil {
			t.Error("a revoked peer gets an answer")
		}
		control(t, s, "scenario", "calm")
		m := join(t, s)
		until(t, "the peer let in again", func() bool {
			r, err := m.askOnce("_api.internal.", dns.TypeAAAA, time.Second)
			return err == nil && len(r.Answer) == 1
		})
	})
}

func TestEmptyOrganization(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "empty-org"})
	if mm := machines(t, s); len(mm) != 0 {
		t.Errorf("%d machines", len(mm))
	}
	if a := join(t, s).addrs("changelog.internal."); len(a) != 0 {
		t.Errorf("addresses %v", a)
	}
}

func TestSplitBrainShowsInTheClusterCommand(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "split-brain"})
	ii := s.World().Instances()
	sizes := map[int]int{}
	for _, i := range ii {
		if i.App == DefaultApp && i.Started {
			out := sixpn.Exec(t.Context(), ii, i, sixpn.ClusterCommand(i.App))
			sizes[strings.Count(out.Stdout, "\n")]++
		}
	}
	if len(sizes) != 2 || sizes[5] != 5 || sizes[12] != 12 {
		t.Errorf("nodes that see as many others %v, want 5 and 12", sizes)
	}
}

func TestHostileNamesDoNotReachTheControlOutput(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "hostile"})
	for _, args := range [][]string{{"machines"}, {"fault"}, {"peers"}} {
		if out := control(t, s, args...); strings.ContainsAny(out, "\x1b\x07\u202e\u200b") {
			t.Errorf("%v: %q", args, out)
		}
	}
	if mm := machines(t, s); !strings.Contains(mm[0].Name, "\x1b") {
		t.Errorf("name %q is harmless", mm[0].Name)
	}
}

func TestARunningWorldChangesScenario(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Scenario: "calm"})
	control(t, s, "scenario", "incident")
	if got := control(t, s, "list"); !strings.Contains(got, "  on: crash-loop") || !strings.Contains(got, "  on: host-unreachable") {
		t.Errorf("faults after the change:\n%s", got)
	}
	control(t, s, "scenario", "calm")
	if got := control(t, s, "list"); strings.Contains(got, "  on: ") {
		t.Errorf("faults after the change back:\n%s", got)
	}
	for _, args := range [][]string{{"scenario", "big"}, {"scenario", "nonesuch"}, {"fault", "nonesuch"}, {"fault", "health"}, {"fault", "health", "nobody#1"}, {"clear", "health"}, {"nonesuch"}} {
		if err := Control(t.Context(), s.Dir(), args, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestFleetOfAnySize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ regions, instances int }{{1, 1}, {1, 40}, {19, 3}, {3, 7}} {
		s := start(t, Options{Scenario: "incident", Regions: tt.regions, Instances: tt.instances})
		if got := len(machines(t, s)); got != tt.instances {
			t.Errorf("%+v: %d machines", tt, got)
		}
	}
	for _, o := range []Options{{Regions: 99}, {Instances: 1_000_000}, {Regions: -1}, {Scenario: "nonesuch"}} {
		o.Dir = t.TempDir()
		if s, err := Start(t.Context(), o); err == nil {
			s.Close()
			t.Errorf("%+v: no error", o)
		}
		if _, err := os.Stat(filepath.Join(o.Dir, readyFile)); err == nil {
			t.Errorf("%+v: left %s behind", o, readyFile)
		}
	}
}

func TestSameSeedSameWorld(t *testing.T) {
	t.Parallel()
	ids := func() (out []string) {
		for _, i := range start(t, Options{Seed: 7}).World().Instances() {
			out = append(out, i.ID+i.Addr.String())
		}
		return out
	}
	if a, b := ids(), ids(); !slices.Equal(a, b) {
		t.Errorf("%v\n%v", a, b)
	}
}
