package fly_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
)

// TestALifeOnTheSimulatedPlatform goes through the calls as a deploy and an operator would use them, against a
// platform that was not written for this test.
func TestALifeOnTheSimulatedPlatform(t *testing.T) {
	w := platform.NewWorld(platform.Options{Token: "fo1_world", RateLimit: true, Delays: platform.Delays{
		Create: time.Millisecond, Start: time.Millisecond, Boot: time.Millisecond, Stop: time.Millisecond, Replace: time.Millisecond,
		Suspend: time.Millisecond, Destroy: time.Millisecond, Check: time.Millisecond, Job: time.Millisecond,
	}})
	t.Cleanup(func() { w.Close() })
	s := httptest.NewServer(w.Handler())
	t.Cleanup(s.Close)
	c := fly.New(fly.Options{MachinesURL: s.URL, GraphQLURL: s.URL, WebURL: s.URL, Token: fly.StaticToken("Bearer fo1_world")})
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err, fly.HintOf(err))
		}
	}

	app, err := c.App(ctx, "changelog")
	ok(err)
	org, err := c.Organization(ctx, app.Organization.Slug)
	ok(err)
	of, err := c.OrganizationOf(ctx, "changelog")
	ok(err)
	if of.ID != org.ID || org.ID == "" {
		t.Errorf("two organizations: %v, %v", of, org)
	}

	const raw = `{"image":"registry.fly.io/changelog:deployment-1","guest":{"cpu_kind":"shared","cpus":1,"memory_mb":256},` +
		`"metadata":{"fly_platform_version":"v2","fly_process_group":"app"},"something_new":{"a":[1]}}`
	launch := fly.Launch{Config: fly.MachineConfig{Raw: json.RawMessage(raw)}}
	m, err := c.Create(ctx, "changelog", "iad", "", launch)
	ok(err)
	ok(c.Wait(ctx, "changelog", m.ID, fly.StateStarted, m.InstanceID, 10*time.Second))

	mm, err := c.Machines(ctx, "changelog")
	ok(err)
	if len(mm) != 1 || mm[0].ID != m.ID || mm[0].Undecoded != "" || mm[0].Config == nil {
		t.Fatalf("got %+v", mm)
	}

	lease, err := c.TakeLease(ctx, "changelog", m.ID, "a test", 30*time.Second)
	ok(err)
	if err := c.Stop(ctx, fly.Ref{App: "changelog", ID: m.ID}, "", 0); !errors.Is(err, fly.ErrConflict) {
		t.Errorf("without the nonce: got %v", err)
	}
	if held, err := c.LeaseOf(ctx, "changelog", m.ID); err != nil || held == nil || held.Owner == "" {
		t.Errorf("got %v, %v", held, err)
	}
	ref := fly.Ref{App: "changelog", ID: m.ID, Nonce: lease.Nonce}
	_, err = c.RefreshLease(ctx, ref, 30*time.Second)
	ok(err)
	if _, err := c.Update(ctx, ref, "01NOTTHISVERSION", launch); !errors.Is(err, fly.ErrConflict) {
		t.Errorf("of another version: got %v", err)
	}
	updated, err := c.Update(ctx, ref, m.InstanceID, launch)
	ok(err)
	if updated.InstanceID == m.InstanceID {
		t.Error("the version did not change")
	}
	ok(c.Wait(ctx, "changelog", m.ID, fly.StateStarted, updated.InstanceID, 10*time.Second))

	one := "1"
	ok(c.SetMetadata(ctx, ref, "", map[string]*string{"k": &one}))
	ok(c.Cordon(ctx, ref))
	if got, err := c.Machine(ctx, "changelog", m.ID); err != nil || !got.Cordoned || got.Config.Metadata["k"] != "1" {
		t.Errorf("got %+v, %v", got, err)
	}
	ok(c.Uncordon(ctx, ref))
	ok(c.Restart(ctx, ref, false, 0))
	ok(c.Wait(ctx, "changelog", m.ID, fly.StateStarted, "", 10*time.Second))
	events, err := c.Events(ctx, "changelog", m.ID, 5)
	ok(err)
	if len(events) == 0 {
		t.Error("no events")
	}
	versions, err := c.Versions(ctx, "changelog", m.ID)
	ok(err)
	if len(versions) < 2 || len(versions[0].Config.Raw) == 0 {
		t.Errorf("got versions %+v", versions)
	}
	if _, err := w.AddVolume(platform.VolumeSpec{}); err != nil {
		t.Fatal(err)
	}
	volumes, err := c.Volumes(ctx, "changelog")
	ok(err)
	if len(volumes) != 1 {
		t.Fatalf("got volumes %+v", volumes)
	}
	ok(c.TakeSnapshot(ctx, "changelog", volumes[0].ID))
	snapshots, err := c.Snapshots(ctx, "changelog", volumes[0].ID)
	ok(err)
	if len(snapshots) != 1 || snapshots[0].VolumeSize == 0 || snapshots[0].Status == "" || snapshots[0].CreatedAt.IsZero() {
		t.Errorf("got snapshots %+v", snapshots)
	}
	_, err = c.Secrets(ctx, "changelog")
	ok(err)
	regions, nearest, err := c.Regions(ctx)
	ok(err)
	if len(regions) == 0 || nearest == "" {
		t.Errorf("got %v, %q", regions, nearest)
	}

	release, err := c.CreateRelease(ctx, fly.NewRelease{App: "changelog", Image: "registry.fly.io/changelog:deployment-2", Strategy: "ROLLING", Definition: json.RawMessage(`{"app":"changelog"}`)})
	ok(err)
	ok(c.PatchRelease(ctx, release.ID, "complete", ""))
	graph, err := c.Releases(ctx, "changelog", 10)
	ok(err)
	web, err := c.WebReleases(ctx, "changelog", 10)
	ok(err)
	if len(graph) == 0 || len(web) == 0 || graph[0].Version != release.Version || web[0].Status != "complete" {
		t.Errorf("got %+v and %+v, want %+v first", graph, web, release)
	}

	near, err := c.NearestRegion(ctx)
	ok(err)
	key := "GsT6nmOkJCHqA1VaD/7yT8GBrqsfnReF/XEsZOivclg="
	peer, err := c.AddPeer(ctx, org.ID, near.Code, "ops-console-test", key)
	ok(err)
	peers, err := c.Peers(ctx, org.Slug)
	ok(err)
	if len(peers) != 1 || peers[0].PeerIP != peer.PeerIP.String() {
		t.Errorf("got %+v", peers)
	}
	invalid, err := c.ValidatePeers(ctx, []string{peer.PeerIP.String(), "fdaa::dead"})
	ok(err)
	if len(invalid) != 1 || invalid[0] != "fdaa::dead" {
		t.Errorf("got %v", invalid)
	}
	ok(c.RemovePeer(ctx, org.ID, "ops-console-test"))

	ok(c.Stop(ctx, ref, "", 0))
	ok(c.Wait(ctx, "changelog", m.ID, fly.StateStopped, updated.InstanceID, 10*time.Second))
	ok(c.Destroy(ctx, ref, true))
	ok(c.DropLease(ctx, ref))
	if _, err := c.App(ctx, "nobody-has-this"); !errors.Is(err, fly.ErrNotFound) {
		t.Errorf("got %v", err)
	}

	stranger := fly.New(fly.Options{MachinesURL: s.URL, GraphQLURL: s.URL, Token: fly.StaticToken("fo1_wrong")})
	t.Cleanup(stranger.Close)
	if _, err := stranger.Machines(ctx, "changelog"); !errors.Is(err, fly.ErrUnauthorized) || fly.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if _, err := stranger.Releases(ctx, "changelog", 1); !errors.Is(err, fly.ErrUnauthorized) {
		t.Errorf("got %v", err)
	}
}
