package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/health"
	"ops-console/wg"
	"ops-console/wg/conf"
	"ops-console/wg/wgtest"
)

// facts is what two snapshots of one calm world have in common, however its network was joined.
type facts struct {
	Verdict   health.Verdict
	Problems  int
	Instances map[string]string
	Agreement map[string]int
}

func factsOf(s health.Snapshot) facts {
	f := facts{Verdict: s.Verdict, Problems: len(s.Problems), Instances: map[string]string{}, Agreement: map[string]int{}}
	for _, i := range s.Instances {
		f.Instances[i.ID] = i.Region + " " + i.State + " " + i.ProcessGroup + " " + i.Digest + " " + string(i.Probe.State) + " " + i.Probe.Release
	}
	for _, a := range s.Agreement {
		f.Agreement[a.Path] = len(a.Groups)
	}
	return f
}

func TestAnExistingInterfaceCarriesTheSameStatus(t *testing.T) {
	wgtest.Run(t, func(t *testing.T) {
		s := startSim(t, "--scenario", "calm")
		user, r := status(t, s)
		if r.status != 0 || user.Network.Kind != wg.KindUser {
			t.Fatalf("exit status %d, joined by %s, want 0 and %s: %s", r.status, user.Network.Kind, wg.KindUser, r.stderr)
		}
		c, err := conf.LoadFile(filepath.Join(s.dir, "wg.conf"))
		if err != nil {
			t.Fatal(err)
		}
		wgtest.New(t, "wg0", c)
		existing, r := status(t, s)
		if r.status != 0 || existing.Network.Kind != wg.KindInterface || existing.Network.Device != "wg0" {
			t.Fatalf("exit status %d, joined by %s %s, want 0 and %s wg0: %s", r.status, existing.Network.Kind, existing.Network.Device, wg.KindInterface, r.stderr)
		}
		// What one run makes of traffic, the next one finds in the interface's counters.
		until(t, 20*time.Second, "the interface's own figures", func() bool {
			again, _ := status(t, s)
			return again.Network.HandshakeKnown && !again.Network.HandshakeAt.IsZero() && again.Network.Rx > 0
		})
		if diff := cmp.Diff(factsOf(user), factsOf(existing)); diff != "" {
			t.Errorf("the status differs (-user mode +interface):\n%s", diff)
		}
	})
}
