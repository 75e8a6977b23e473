package fly

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const pubkey = "GsT6nmOkJCHqA1VaD/7yT8GBrqsfnReF/XEsZOivclg="

// TestRequests holds what every call asks, and what it makes of a usual answer.
func TestRequests(t *testing.T) {
	m := Ref{App: "a", ID: "m", Nonce: "n0"}
	one, gone := "1", (*string)(nil)
	conf := MachineConfig{Raw: json.RawMessage(`{"image":"i","x":1}`)}
	type call = func(context.Context, *Client) (any, error)
	do := func(f func(context.Context, *Client) error) call {
		return func(ctx context.Context, c *Client) (any, error) { return nil, f(ctx, c) }
	}
	tests := []struct {
		name   string
		call   call
		answer string
		want   seen // of the request; without Auth
		result any  // nil: not looked at
	}{
		{
			"app", func(ctx context.Context, c *Client) (any, error) { return c.App(ctx, "a") },
			`{"id":"x","name":"a","status":"deployed","machine_count":4,"volume_count":1,"organization":{"name":"O","slug":"o","internal_numeric_id":9}}`,
			seen{Method: "GET", Path: "/v1/apps/a"},
			App{ID: "x", Name: "a", Status: "deployed", MachineCount: 4, VolumeCount: 1, Organization: Organization{Slug: "o", Name: "O"}},
		},
		{
			"events", func(ctx context.Context, c *Client) (any, error) { return c.Events(ctx, "a", "m", 99) },
			`[{"id":"e","type":"exit","status":"stopped","source":"flyd","timestamp":1700000000000,"request":{"exit_event":{"exit_code":137,"oom_killed":true,"exited_at":"2026-01-01T00:00:00Z"},"restart_count":2}}]`,
			seen{Method: "GET", Path: "/v1/apps/a/machines/m/events", Query: "limit=50"},
			[]Event{{ID: "e", Type: "exit", Status: "stopped", Source: "flyd", Timestamp: 1700000000000, Request: &EventRequest{RestartCount: 2, ExitEvent: &ExitEvent{ExitCode: 137, OOMKilled: true, ExitedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}}},
		},
		{
			"versions", func(ctx context.Context, c *Client) (any, error) { return c.Versions(ctx, "a", "m") },
			`[{"version":"v1","user_config":{"image":"i", "new":1}}]`,
			seen{Method: "GET", Path: "/v1/apps/a/machines/m/versions"},
			[]MachineVersion{{"v1", MachineConfig{Image: "i", Raw: json.RawMessage(`{"image":"i", "new":1}`)}}},
		},
		{
			"processes", func(ctx context.Context, c *Client) (any, error) {
				pp, err := c.Processes(ctx, "a", "m")
				return fmt.Sprint(pp), err
			},
			`[{"pid":301,"command":"beam.smp","rss":120,"listen_sockets":[{"proto":"tcp","address":"[::]:4000"}]}]`,
			seen{Method: "GET", Path: "/v1/apps/a/machines/m/ps"},
			"[{301 beam.smp  0 120 [{tcp [::]:4000}]}]",
		},
		{
			"volumes", func(ctx context.Context, c *Client) (any, error) { return c.Volumes(ctx, "a") },
			`[{"id":"vol_1","size_gb":3,"attached_machine_id":null}]`,
			seen{Method: "GET", Path: "/v1/apps/a/volumes"},
			[]Volume{{ID: "vol_1", SizeGB: 3}},
		},
		{
			"snapshots", func(ctx context.Context, c *Client) (any, error) { return c.Snapshots(ctx, "a", "vol_1") },
			`[{"id":"vs_1","size":7,"volume_size":9,"status":"created","retention_days":5}]`,
			seen{Method: "GET", Path: "/v1/apps/a/volumes/vol_1/snapshots"},
			[]Snapshot{{ID: "vs_1", Size: 7, VolumeSize: 9, Status: "created", RetentionDays: 5}},
		},
		{"take a snapshot", do(func(ctx context.Context, c *Client) error { return c.TakeSnapshot(ctx, "a", "vol_1") }), ``, seen{Method: "POST", Path: "/v1/apps/a/volumes/vol_1/snapshots"}, nil},
		{
			"secrets", func(ctx context.Context, c *Client) (any, error) { return c.Secrets(ctx, "a") },
			`{"secrets":[{"name":"K","digest":"ab","value":"never read"}]}`,
			seen{Method: "GET", Path: "/v1/apps/a/secrets"},
			[]Secret{{Name: "K", Digest: "ab"}},
		},
		{
			"regions", func(ctx context.Context, c *Client) (any, error) {
				rr, near, err := c.Regions(ctx)
				return fmt.Sprint(near, len(rr), rr[0].Code), err
			},
			`{"Regions":[{"code":"ord"}],"Nearest":"ord"}`,
			seen{Method: "GET", Path: "/v1/platform/regions"},
			"ord1ord",
		},
		{
			"lease", func(ctx context.Context, c *Client) (any, error) { return c.LeaseOf(ctx, "a", "m") },
			`{"status":"success","data":{"nonce":"n","expires_at":5,"owner":"o","description":"d"}}`,
			seen{Method: "GET", Path: "/v1/apps/a/machines/m/lease"},
			&Lease{Nonce: "n", ExpiresAt: 5, Owner: "o", Description: "d"},
		},
		{"start", do(func(ctx context.Context, c *Client) error { return c.Start(ctx, m) }), `{}`, seen{Method: "POST", Path: "/v1/apps/a/machines/m/start", Nonce: "n0"}, nil},
		{"suspend", do(func(ctx context.Context, c *Client) error { return c.Suspend(ctx, m) }), `{}`, seen{Method: "POST", Path: "/v1/apps/a/machines/m/suspend", Nonce: "n0"}, nil},
		{"cordon", do(func(ctx context.Context, c *Client) error { return c.Cordon(ctx, m) }), `{}`, seen{Method: "POST", Path: "/v1/apps/a/machines/m/cordon", Nonce: "n0"}, nil},
		{"uncordon", do(func(ctx context.Context, c *Client) error { return c.Uncordon(ctx, m) }), `{}`, seen{Method: "POST", Path: "/v1/apps/a/machines/m/uncordon", Nonce: "n0"}, nil},
		{
			"stop", do(func(ctx context.Context, c *Client) error { return c.Stop(ctx, m, "SIGTERM", 30*time.Second) }), `{}`,
			seen{Method: "POST", Path: "/v1/apps/a/machines/m/stop", Body: `{"id":"m","signal":"SIGTERM","timeout":"30s"}`, Nonce: "n0"},
			nil,
		},
		{
			"restart", do(func(ctx context.Context, c *Client) error { return c.Restart(ctx, m, true, time.Minute) }), `{}`,
			seen{Method: "POST", Path: "/v1/apps/a/machines/m/restart", Query: "force_stop=true&timeout=1m0s", Nonce: "n0"},
			nil,
		},
		{
			"signal", do(func(ctx context.Context, c *Client) error { return c.Signal(ctx, m, "SIGUSR1") }), `{}`,
			seen{Method: "POST", Path: "/v1/apps/a/machines/m/signal", Body: `{"signal":"SIGUSR1"}`, Nonce: "n0"},
			nil,
		},
		{
			"destroy", do(func(ctx context.Context, c *Client) error { return c.Destroy(ctx, m, true) }), `{}`,
			seen{Method: "DELETE", Path: "/v1/apps/a/machines/m", Query: "kill=true", Nonce: "n0"},
			nil,
		},
		{
			"exec", func(ctx context.Context, c *Client) (any, error) {
				return c.Exec(ctx, "a", "m", []string{"bin/a", "rpc", "x"}, 1500*time.Millisecond)
			}, `{"stdout":"o","stderr":"e","exit_code":3}`,
			seen{Method: "POST", Path: "/v1/apps/a/machines/m/exec", Body: `{"command":["bin/a","rpc","x"],"timeout":2}`},
			ExecResult{Stdout: "o", Stderr: "e", ExitCode: 3},
		},
		{
			"create", func(ctx context.Context, c *Client) (any, error) {
				m, err := c.Create(ctx, "a", "iad", "nn", Launch{Config: conf, SkipLaunch: true, LeaseTTL: 30})
				return m.Nonce, err
			}, `{"id":"m9","nonce":"zz"}`,
			seen{Method: "POST", Path: "/v1/apps/a/machines", Body: `{"region":"iad","name":"nn","config":{"image":"i","x":1},"skip_launch":true,"lease_ttl":30}`},
			"zz",
		},
		{
			"update", func(ctx context.Context, c *Client) (any, error) {
				m, err := c.Update(ctx, m, "v1", Launch{Config: conf})
				return m.Version, err
			}, `{"id":"m","version":"v2"}`,
			seen{Method: "POST", Path: "/v1/apps/a/machines/m", Body: `{"current_version":"v1","config":{"image":"i","x":1}}`, Nonce: "n0"},
			"v2",
		},
		{
			"take lease", func(ctx context.Context, c *Client) (any, error) {
				return c.TakeLease(ctx, "a", "m", "why", 1500*time.Millisecond)
			}, `{"data":{"nonce":"n"}}`,
			seen{Method: "POST", Path: "/v1/apps/a/machines/m/lease", Query: "ttl=2", Body: `{"description":"why","ttl":2}`},
			Lease{Nonce: "n"},
		},
		{
			"refresh lease", func(ctx context.Context, c *Client) (any, error) { return c.RefreshLease(ctx, m, 13*time.Second) }, `{"data":{"nonce":"n0"}}`,
			seen{Method: "POST", Path: "/v1/apps/a/machines/m/lease", Query: "ttl=13", Body: `{"ttl":13}`, Nonce: "n0"},
			Lease{Nonce: "n0"},
		},
		{
			"drop lease", do(func(ctx context.Context, c *Client) error { return c.DropLease(ctx, m) }), `{}`,
			seen{Method: "DELETE", Path: "/v1/apps/a/machines/m/lease", Nonce: "n0"},
			nil,
		},
		{"metadata", do(func(ctx context.Context, c *Client) error {
			return c.SetMetadata(ctx, m, "v1", map[string]*string{"k": &one, "old": gone})
		}), ``, seen{Method: "PATCH", Path: "/v1/apps/a/machines/m/metadata", Body: `{"metadata":{"k":"1","old":null},"machine_version":"v1"}`, Nonce: "n0"}, nil},
		{
			"web releases", func(ctx context.Context, c *Client) (any, error) {
				rr, err := c.WebReleases(ctx, "a", 20)
				return rr, err
			}, `{"releases":[{"id":"r","version":4,"in_progress":true,"strategy":"ROLLING","user":"jo@example.com","image_ref":"i"},{"id":"q","user":{"email":"x@example.com"}}]}`,
			seen{Method: "GET", Path: "/api/v1/apps/a/releases", Query: "limit=20"},
			[]Release{{ID: "r", Version: 4, InProgress: true, Strategy: "ROLLING", User: User{Email: "jo@example.com"}, ImageRef: "i"}, {ID: "q", User: User{Email: "x@example.com"}}},
		},
		{
			"logs", func(ctx context.Context, c *Client) (any, error) { return c.Logs(ctx, "a", LogQuery{}) },
			`{"data":[{"id":"1","type":"log","attributes":{"message":"x"}},{"attributes":7},{}],"meta":{"next_token":"123"}}`,
			seen{Method: "GET", Path: "/api/v1/apps/a/logs", Query: "next_token="},
			LogPage{Entries: []json.RawMessage{json.RawMessage(`{"message":"x"}`), json.RawMessage(`7`), nil}, Next: "123"},
		},
		{
			"logs of a machine, later", func(ctx context.Context, c *Client) (any, error) {
				return c.Logs(ctx, "a", LogQuery{Next: LogsAfter(time.Unix(1, 2)), Region: "ord", Machine: "m"})
			},
			`{"data":[],"meta":{"next_token":1795296938390383976}}`,
			seen{Method: "GET", Path: "/api/v1/apps/a/logs", Query: "instance=m&next_token=1000000002&region=ord"},
			LogPage{Entries: []json.RawMessage{}, Next: "1795296938390383976"},
		},
		{"create release", func(ctx context.Context, c *Client) (any, error) {
			r, err := c.CreateRelease(ctx, NewRelease{App: "a", Image: "i", Strategy: "ROLLING"})
			return r.Version, err
		}, `{"release":{"id":"r","version":42}}`, seen{Method: "POST", Path: "/api/v1/releases", Body: `{"app_name":"a","image":"i","strategy":"ROLLING"}`}, 42},
		{
			"patch release", do(func(ctx context.Context, c *Client) error { return c.PatchRelease(ctx, "r", "failed", "why") }), `{}`,
			seen{Method: "PATCH", Path: "/api/v1/releases/r", Body: `{"metadata":{"post_deployment_info":{"error":"why","flyctl_version":"ops-console"}},"status":"failed"}`},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := serve(t, answer(200, tt.answer))
			c, _ := client(t, p.URL)
			got, err := tt.call(soon(t), c)
			if err != nil {
				t.Fatal(err)
			}
			if tt.result != nil {
				if diff := cmp.Diff(tt.result, got); diff != "" {
					t.Error(diff)
				}
			}
			rr := p.requests()
			if len(rr) != 1 {
				t.Fatalf("%d requests", len(rr))
			}
			if rr[0].Auth != "Bearer "+testToken {
				t.Errorf("got authorization %q", rr[0].Auth)
			}
			rr[0].Auth = ""
			if diff := cmp.Diff(tt.want, rr[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestGraph does the same for GraphQL.
func TestGraph(t *testing.T) {
	tests := []struct {
		name   string
		call   func(context.Context, *Client) (any, error)
		answer string
		vars   string
		result any
	}{
		{
			"organization", func(ctx context.Context, c *Client) (any, error) { return c.Organization(ctx, "o") },
			`{"data":{"organization":{"id":"org1","slug":"o","name":"O"}}}`, `{"slug":"o"}`,
			Organization{"org1", "o", "O"},
		},
		{
			"organization of an app", func(ctx context.Context, c *Client) (any, error) { return c.OrganizationOf(ctx, "a") },
			`{"data":{"app":{"id":"a","organization":{"id":"org1","slug":"o"}}}}`, `{"appName":"a"}`,
			Organization{ID: "org1", Slug: "o"},
		},
		{
			"releases", func(ctx context.Context, c *Client) (any, error) { return c.Releases(ctx, "a", 5) },
			`{"data":{"app":{"releases":{"nodes":[{"id":"r","version":3,"status":"complete","imageRef":"i","user":{"email":"jo@example.com"},"createdAt":"2026-01-01T00:00:00Z"}]}}}}`,
			`{"appName":"a","limit":5}`,
			[]Release{{ID: "r", Version: 3, Status: "complete", ImageRef: "i", User: User{Email: "jo@example.com"}, CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}},
		},
		{
			"configuration", func(ctx context.Context, c *Client) (any, error) { return c.CurrentReleaseConfig(ctx, "a") },
			`{"data":{"app":{"currentReleaseUnprocessed":{"configDefinition":{"app":"a"}}}}}`, `{"appName":"a"}`, json.RawMessage(`{"app":"a"}`),
		},
		{
			"peers", func(ctx context.Context, c *Client) (any, error) { return c.Peers(ctx, "o") },
			`{"data":{"organization":{"wireGuardPeers":{"nodes":[{"id":"p","name":"n","pubkey":"k","region":"ord","peerip":"fdaa::1"}]}}}}`, `{"slug":"o"}`,
			[]WireGuardPeer{{"p", "n", "k", "ord", "fdaa::1"}},
		},
		{
			"add peer", func(ctx context.Context, c *Client) (any, error) {
				p, err := c.AddPeer(ctx, "org1", "ord", "n", pubkey)
				return p, err
			}, `{"data":{"addWireGuardPeer":{"peerip":"fdaa:0:2f:a7b:7d6b:0:a:102","endpointip":"127.0.0.9","pubkey":"` + pubkey + `"}}}`,
			`{"input":{"name":"n","nats":false,"organizationId":"org1","pubkey":"` + pubkey + `","region":"ord"}}`,
			NewPeer{netip.MustParseAddr("fdaa:0:2f:a7b:7d6b:0:a:102"), "127.0.0.9", pubkey},
		},
		{
			"remove peer", func(ctx context.Context, c *Client) (any, error) { return nil, c.RemovePeer(ctx, "org1", "n") },
			`{"data":{"removeWireGuardPeer":{"organization":{"id":"org1"}}}}`, `{"input":{"name":"n","organizationId":"org1"}}`, nil,
		},
		{
			"validate", func(ctx context.Context, c *Client) (any, error) { return c.ValidatePeers(ctx, []string{"fdaa::1"}) },
			`{"data":{"validateWireGuardPeers":{"invalidPeerIps":["fdaa::1"]}}}`, `{"input":{"peerIps":["fdaa::1"]}}`,
			[]string{"fdaa::1"},
		},
		{
			"nearest", func(ctx context.Context, c *Client) (any, error) { return c.NearestRegion(ctx) },
			`{"data":{"nearestRegion":{"code":"ord","name":"Chicago","gatewayAvailable":true}}}`, `null`,
			Region{Code: "ord", Name: "Chicago", GatewayAvailable: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := serve(t, answer(200, tt.answer))
			c, _ := client(t, p.URL)
			got, err := tt.call(soon(t), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.result, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
			r := p.requests()[0]
			var body struct{ Variables json.RawMessage }
			if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
				t.Fatal(err)
			}
			if len(body.Variables) == 0 {
				body.Variables = json.RawMessage("null")
			}
			if r.Path != "/graphql" || r.Method != http.MethodPost || string(body.Variables) != tt.vars {
				t.Errorf("got %s %s %s, want %s", r.Method, r.Path, body.Variables, tt.vars)
			}
		})
	}
}

func TestGraphErrorsComeWithStatus200(t *testing.T) {
	tests := []struct {
		name, answer string
		is           error
		want         string
		ambiguous    bool // for a mutation
	}{
		{"code", `{"data":null,"errors":[{"message":"You must log in","extensions":{"code":"UNAUTHORIZED"}}]}`, ErrUnauthorized, "401 unauthorized: You must log in (request 01REQ)", false},
		{"not found", `{"errors":[{"message":"no such thing","extensions":{"code":"NOT_FOUND"}}]}`, ErrNotFound, "404 not found: no such thing", false},
		{"only text", `{"errors":[{"message":"Could not find App"}]}`, ErrNotFound, "404 not found: Could not find App", false},
		{"several", `{"errors":[{"message":"a"},{"message":"b"}]}`, ErrInvalid, "422 unprocessable entity: a; b", false},
		{"server's fault", `{"errors":[{"message":"oops","extensions":{"code":"INTERNAL_ERROR"}}]}`, ErrUnavailable, "500 internal server error: oops", true},
		{"errors beside data", `{"data":{"organization":{"id":"org1"}},"errors":[{"message":"half"}]}`, ErrInvalid, "half", false},
		{"odd form", `{"errors":["just text"]}`, ErrInvalid, "just text", false},
		{"odd extensions", `{"errors":[{"message":"m","extensions":[1]}]}`, ErrInvalid, "m", false},
		{"no reason", `{"errors":[{}]}`, ErrInvalid, "refused without a reason", false},
		{"token in it", `{"errors":[{"message":"` + testToken + ` is bad"}]}`, ErrInvalid, "[token] is bad", false},
		{"escapes", "{\"errors\":[{\"message\":\"\\u001b]0;x\\u0007a\"}]}", ErrInvalid, "422 unprocessable entity: a", false},
		{"null", `{"data":{"organization":null}}`, ErrNotFound, "organization o does not exist, or the token may not see it", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := client(t, serve(t, answer(200, tt.answer)).URL)
			_, err := c.Organization(soon(t), "o")
			if !errors.Is(err, tt.is) || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want …%s", err, tt.want)
			}
			harmless(t, err.Error())
			if tt.name == "null" {
				return
			}
			err = c.RemovePeer(soon(t), "org1", "n")
			var amb *AmbiguousError
			if !errors.Is(err, tt.is) || errors.As(err, &amb) != tt.ambiguous {
				t.Errorf("of a mutation: got %T %v", err, err)
			}
		})
	}
}

func TestAPeerThatCouldNotGoIntoAFileIsRefused(t *testing.T) {
	good := map[string]string{"peerip": "fdaa::2", "endpointip": "203.0.113.1", "pubkey": pubkey}
	for field, bad := range map[string]string{
		"peerip":     "fdaa::2\nPostUp = reboot",
		"endpointip": "203.0.113.1\nPostUp = reboot",
		"pubkey":     pubkey[:43] + "\n",
	} {
		body := map[string]string{"peerip": good["peerip"], "endpointip": good["endpointip"], "pubkey": good["pubkey"]}
		body[field] = bad
		c, _ := client(t, serve(t, answer(200, `{"data":{"addWireGuardPeer":`+jsonText(t, body)+`}}`)).URL)
		_, err := c.AddPeer(soon(t), "org1", "", "n", pubkey)
		var amb *AmbiguousError
		if !errors.As(err, &amb) || !errors.Is(err, ErrBadAnswer) {
			t.Errorf("%s: got %v", field, err)
		}
	}
	c, _ := client(t, "http://127.0.0.1:1")
	if _, err := c.AddPeer(soon(t), "org1", "", "n", "not a key"); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestMachinesAreReadPageByPage(t *testing.T) {
	p := serve(t,
		answer(200, `[{"id":"a","updated_at":"2026-01-01T00:00:00Z","state":"old"},{"id":"b"}]`, "fly-next-cursor", "c1"),
		answer(200, `[{"id":"c"},{"id":"a","updated_at":"2026-01-02T00:00:00Z","state":"new"}]`, "fly-next-cursor", "c2"),
		answer(200, `null`))
	c, _ := client(t, p.URL)
	mm, err := c.Machines(soon(t), "changelog")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range mm {
		got = append(got, m.ID+m.State)
	}
	if diff := cmp.Diff([]string{"anew", "b", "c"}, got); diff != "" {
		t.Error(diff)
	}
	var queries []string
	for _, r := range p.requests() {
		queries = append(queries, r.Query)
	}
	if diff := cmp.Diff([]string{"", "cursor=c1", "cursor=c2"}, queries); diff != "" {
		t.Error(diff)
	}
}

func TestAMachineListIsWholeOrAnError(t *testing.T) {
	page := answer(200, `[{"id":"a"}]`, "fly-next-cursor", "c1")
	tests := []struct {
		name  string
		turns []http.HandlerFunc
		is    error
		want  string
	}{
		{"second page fails", []http.HandlerFunc{page, answer(500, "")}, ErrUnavailable, ""},
		{"cursor in a circle", []http.HandlerFunc{page}, ErrBadAnswer, "never ends"},
		{"no id", []http.HandlerFunc{answer(200, `[{"id":"a"},{}]`)}, ErrBadAnswer, "without an id"},
		{"not a list", []http.HandlerFunc{answer(200, `{"machines":[]}`)}, ErrBadAnswer, ""},
		{"element is no object", []http.HandlerFunc{answer(200, `[1]`)}, ErrBadAnswer, "machine: not a JSON object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := client(t, serve(t, tt.turns...).URL)
			mm, err := c.Machines(soon(t), "changelog")
			if !errors.Is(err, tt.is) || len(mm) != 0 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v", mm, err)
			}
		})
	}
}

func TestAppsAreReadPageByPage(t *testing.T) {
	p := serve(t, answer(200, `{"apps":[{"name":"a"}],"next_cursor":"n"}`), answer(200, `{"apps":[{"name":"b"}]}`))
	c, _ := client(t, p.URL)
	aa, err := c.Apps(soon(t), "o")
	if err != nil || len(aa) != 2 || p.requests()[1].Query != "cursor=n&org_slug=o" {
		t.Errorf("got %v, %v, %v", aa, err, p.requests())
	}
}

func TestAMachineThatIsNotTheOneAskedForIsRefused(t *testing.T) {
	c, _ := client(t, serve(t, answer(200, `{"id":"other"}`)).URL)
	if _, err := c.Machine(soon(t), "a", "m"); !errors.Is(err, ErrBadAnswer) {
		t.Errorf("got %v", err)
	}
}

func TestNobodyHoldsALease(t *testing.T) {
	c, _ := client(t, serve(t, answer(404, `{"error":"lease not found"}`), answer(404, `{"error":"machine not found"}`)).URL)
	if l, err := c.LeaseOf(soon(t), "a", "m"); l != nil || err != nil {
		t.Errorf("got %v, %v", l, err)
	}
	if _, err := c.LeaseOf(soon(t), "a", "m"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	c, _ = client(t, serve(t, answer(404, `{"error":"lease not found"}`)).URL)
	if err := c.DropLease(soon(t), Ref{"a", "m", "n"}); err != nil {
		t.Errorf("a lease that is gone: %v", err)
	}
}

func TestWaitGoesOnUntilItsTimeIsUp(t *testing.T) {
	late := answer(408, `{"error":"machine failed to reach desired state, started, currently stopped"}`)
	p := serve(t, late, late, answer(200, `{"ok":true}`))
	c, _ := client(t, p.URL)
	if err := c.Wait(soon(t), "a", "m", "started", "v1", 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	q, err := url.ParseQuery(p.requests()[0].Query)
	if err != nil || q.Get("state") != "started" || q.Get("version") != "v1" || q.Get("timeout") != "60" {
		t.Errorf("got %v", q)
	}
	p = serve(t, late)
	c, ck := client(t, p.URL)
	err = c.Wait(soon(t), "a", "m", "started", "", 3*time.Second)
	if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "currently stopped") || ck.total() < 3*time.Second {
		t.Errorf("got %v after %s", err, ck.total())
	}
}

func TestMetadataFallsBackToSingleWrites(t *testing.T) {
	one := "1"
	values := map[string]*string{"b": &one, "a": nil}
	p := serve(t, answer(404, "404 page not found\n", "Content-Type", "text/plain"), answer(204, ""))
	c, _ := client(t, p.URL)
	if err := c.SetMetadata(soon(t), Ref{App: "a", ID: "m"}, "", values); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range p.requests() {
		got = append(got, r.Method+" "+r.Path+" "+r.Body)
	}
	want := []string{
		`PATCH /v1/apps/a/machines/m/metadata {"metadata":{"a":null,"b":"1"}}`,
		`DELETE /v1/apps/a/machines/m/metadata/a `,
		`POST /v1/apps/a/machines/m/metadata/b {"value":"1"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// With a version there is no honest fallback, and a machine that is gone is gone.
	for _, turn := range []http.HandlerFunc{answer(404, "404 page not found\n"), answer(405, "")} {
		p = serve(t, turn)
		c, _ = client(t, p.URL)
		if err := c.SetMetadata(soon(t), Ref{App: "a", ID: "m"}, "v1", values); err == nil || len(p.requests()) != 1 {
			t.Errorf("got %v after %d requests", err, len(p.requests()))
		}
	}
	p = serve(t, answer(404, `{"error":"machine not found"}`))
	c, _ = client(t, p.URL)
	if err := c.SetMetadata(soon(t), Ref{App: "a", ID: "m"}, "", values); !errors.Is(err, ErrNotFound) || len(p.requests()) != 1 {
		t.Errorf("got %v after %d requests", err, len(p.requests()))
	}
}

func TestWhatTheWritingCallsRefuseThemselves(t *testing.T) {
	p := serve(t, answer(200, "{}"))
	c, _ := client(t, p.URL)
	ctx := soon(t)
	for name, f := range map[string]func() error{
		"update without a version": func() error { _, err := c.Update(ctx, Ref{App: "a", ID: "m"}, "", Launch{}); return err },
		"config that is no object": func() error {
			_, err := c.Create(ctx, "a", "iad", "", Launch{Config: MachineConfig{Raw: json.RawMessage(`[]`)}})
			return err
		},
		"config that is cut off": func() error {
			_, err := c.Create(ctx, "a", "iad", "", Launch{Config: MachineConfig{Raw: json.RawMessage(`{"a":`)}})
			return err
		},
		"exec without a command": func() error { _, err := c.Exec(ctx, "a", "m", nil, time.Second); return err },
		"exec without a timeout": func() error { _, err := c.Exec(ctx, "a", "m", []string{"x"}, 0); return err },
		"refresh without nonce":  func() error { _, err := c.RefreshLease(ctx, Ref{App: "a", ID: "m"}, time.Second); return err },
	} {
		if err := f(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if n := len(p.requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}
