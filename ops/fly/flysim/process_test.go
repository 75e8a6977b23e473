package flysim

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ops-console/ops/fly"
	"ops-console/wg"
)

// A machine that is to run our program runs it: in the network, with the app's secrets, its output in the app's log, and
// what it serves reachable through the tunnel; its status is the machine's exit.
func TestMachinesRunOurProgram(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	s, err := Start(t.Context(), Options{Seed: 7, Program: func(ctx context.Context, p *Process) int {
		fmt.Fprintf(p.Output, "secret of %d letters\nno end", len(p.Env["STORE_KEY"]))
		ln, err := p.Listen(8700)
		if err != nil {
			t.Error(err)
			return 1
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := http.Client{Transport: &http.Transport{DialContext: p.Network.DialContext, DisableKeepAlives: true}}
			req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://changelog.internal:4000/health", nil)
			if err != nil {
				t.Error(err)
				return
			}
			res, err := c.Do(req)
			if err != nil {
				t.Errorf("from inside: %v", err)
				return
			}
			defer res.Body.Close()
			fmt.Fprintf(w, "%s %s %d", strings.Join(p.Command, " "), p.Network.Status().State, res.StatusCode)
		})}
		go func() { _ = srv.Serve(ln) }()
		select {
		case <-done:
		case <-ctx.Done():
			return 9
		}
		_ = srv.Close()
		return 4
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.World().SetSecret("", "STORE_KEY", "secret"); err != nil {
		t.Fatal(err)
	}
	token := s.token(t)
	c := fly.New(fly.Options{MachinesURL: s.URL(), GraphQLURL: s.URL(), WebURL: s.URL(), Token: token})
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	m, err := c.Create(ctx, DefaultApp, "ord", "", fly.Launch{Config: fly.MachineConfig{
		Image: "registry.example.com/ops-console:1", Init: &fly.Init{Exec: []string{"/usr/bin/ops-console", "backup", "run"}},
		Schedule: "daily", Restart: &fly.Restart{Policy: "no"}, DNS: &fly.DNSConfig{SkipRegistration: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(ctx, DefaultApp, m.ID, fly.StateStarted, m.InstanceID, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	me := join(t, s)
	if aa := me.addrs("changelog.internal."); len(aa) == 0 || strings.Contains(fmt.Sprint(aa), m.PrivateIP) {
		t.Errorf("the network's DNS has %v: it is not to have %s", aa, m.PrivateIP)
	}
	url := "http://" + netip.AddrPortFrom(netip.MustParseAddr(m.PrivateIP), 8700).String()
	var body string
	for body == "" {
		res, err := me.http.Get(url)
		if err == nil {
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			body = string(b)
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if want := "/usr/bin/ops-console backup run " + string(wg.StateUp) + " 200"; body != want {
		t.Errorf("it answers %q, want %q", body, want)
	}
	close(done)
	if err := c.Wait(ctx, DefaultApp, m.ID, fly.StateStopped, m.InstanceID, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	events, err := c.Events(ctx, DefaultApp, m.ID, 5)
	if err != nil || events[0].Exit() == nil || events[0].Exit().ExitCode != 4 {
		t.Errorf("events %+v, %v", events, err)
	}
	log := s.logs(t)
	for _, want := range []string{"secret of 6 letters", "no end"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in the log", want)
		}
	}

	// Fired while done is closed, it comes and goes at once.
	var out strings.Builder
	if err := Control(ctx, s.Dir(), []string{"fire", m.ID}, &out); err != nil || out.String() != m.ID+"\n" {
		t.Errorf("fire: %q, %v", out.String(), err)
	}
}

// token is what the world's clients log in with.
func (s *Sim) token(t *testing.T) fly.TokenSource {
	t.Helper()
	return fly.FileToken(s.Dir() + "/" + tokenFile)
}

// logs is the log of the first app as the web interface gives it.
func (s *Sim) logs(t *testing.T) string {
	t.Helper()
	tok, err := s.token(t)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/api/v1/apps/"+DefaultApp+"/logs", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+tok.Reveal())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
