package scenario

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/scale"
)

// scaled brings the app to what is wanted, and says what was told.
func (s *stage) scaled(want scale.Want) (said string, err error) {
	s.t.Helper()
	mm, err := s.client.Machines(s.t.Context(), appName)
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := scale.Make(scale.Input{App: appName, Primary: "ord", Machines: mm, Want: want, First: []byte(
		`{"image":"` + repo + `41","metadata":{"fly_platform_version":"v2","fly_process_group":"app","fly_release_version":"41"},"services":[{"protocol":"tcp","internal_port":4000,` +
			`"checks":[{"type":"http","method":"get","path":"/health","interval":"15s","timeout":"4s","grace_period":"30s"}]}]}`)})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.at["scale"]++
	id := fmt.Sprintf("01JSCALE%d", s.at["scale"])
	s.mu.Unlock()
	var b strings.Builder
	err = scale.Run(s.t.Context(), scale.Options{API: s.client, ID: id, By: ana, Tell: func(e scale.Event) {
		fmt.Fprintf(&b, "%s %s %s %s\n", e.Step, e.Region, e.Machine, e.Text)
	}}, p)
	return b.String(), err
}

// census is how many machines run what, by region.
func (s *stage) census() map[string]int {
	s.t.Helper()
	mm, err := s.client.MachinesWhere(s.t.Context(), appName, fly.Where{Leases: true})
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]int{}
	for _, m := range mm {
		out[m.Region+" "+m.State+" "+strings.TrimPrefix(m.Config.Image, repo)]++
		if m.Lease != nil && m.Lease.Description != "surgery" {
			s.t.Errorf("machine %s is still held by %s", m.ID, m.Lease.Description)
		}
		for k := range m.Config.Metadata {
			if k == scale.KeyRemove {
				s.t.Errorf("machine %s is still to go", m.ID)
			}
		}
	}
	return out
}

// TestScaling is what the platform's own client was recorded to do badly.
func TestScaling(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*stage)
		want   scale.Want
		fails  string // pattern of the error; empty: it works
		says   string
		left   map[string]int
	}{
		{
			name: "the only machine of a region is not taken without a word", want: scale.Want{Regions: map[string]int{"iad": 0}},
			fails: "iad", left: map[string]int{"ord started 41": 2, "iad started 41": 1, "lhr started 41": 1},
		},
		{
			name: "regions that are not named stay", want: scale.Want{Regions: map[string]int{"ord": 1}},
			says: "cordon ord", left: map[string]int{"ord started 41": 1, "iad started 41": 1, "lhr started 41": 1},
		},
		{
			name: "a new region is seen healthy", want: scale.Want{Regions: map[string]int{"syd": 2}},
			says: "done", left: map[string]int{"ord started 41": 2, "iad started 41": 1, "lhr started 41": 1, "syd started 41": 2},
		},
		{
			name: "of a mixed fleet the newest release is copied",
			before: func(s *stage) {
				add(s, platform.MachineSpec{Region: "ams", Release: 40, Image: repo + "40"})
			},
			want: scale.Want{Regions: map[string]int{"ams": 2}},
			left: map[string]int{"ord started 41": 2, "iad started 41": 1, "lhr started 41": 1, "ams started 40": 1, "ams started 41": 1},
		},
		{
			name: "a sick machine is not copied, and goes first",
			before: func(s *stage) {
				add(s, platform.MachineSpec{Region: "ord", Behaviour: platform.Behaviour{Health: 500}})
			},
			want: scale.Want{Regions: map[string]int{"ord": 2}},
			left: map[string]int{"ord started 41": 2, "iad started 41": 1, "lhr started 41": 1},
		},
		{
			name:   "a stopped machine does not fill the count",
			before: func(s *stage) { add(s, platform.MachineSpec{Region: "iad", State: fly.StateStopped}) },
			want:   scale.Want{Regions: map[string]int{"iad": 2}},
			says:   "start", left: map[string]int{"ord started 41": 2, "iad started 41": 2, "lhr started 41": 1},
		},
		{
			name:   "the first request is ignored",
			before: func(s *stage) { s.fault("create-ignored n=1") },
			want:   scale.Want{Regions: map[string]int{"iad": 2}},
			says:   "missing", left: map[string]int{"ord started 41": 2, "iad started 41": 2, "lhr started 41": 1},
		},
		{
			name:   "every request is ignored",
			before: func(s *stage) { s.fault("create-ignored n=0") },
			want:   scale.Want{Regions: map[string]int{"iad": 2}},
			fails:  "iad", left: map[string]int{"ord started 41": 2, "iad started 41": 1, "lhr started 41": 1},
		},
		{
			name:   "a making that is answered with 408 is not repeated",
			before: func(s *stage) { s.fault("408-after-create n=1") },
			want:   scale.Want{Regions: map[string]int{"iad": 3}},
			left:   map[string]int{"ord started 41": 2, "iad started 41": 3, "lhr started 41": 1},
		},
		{
			name:   "the list is empty once",
			before: func(s *stage) { s.onCall("POST /v1/apps/*/machines", func() { s.fault("list-empty n=1") }) },
			want:   scale.Want{Regions: map[string]int{"iad": 2}},
			left:   map[string]int{"ord started 41": 2, "iad started 41": 2, "lhr started 41": 1},
		},
		{
			name:   "a machine that somebody holds does not go",
			before: func(s *stage) { s.fault("lease-held region:ord description=surgery") },
			want:   scale.Want{Regions: map[string]int{"ord": 1}},
			fails:  "ord", left: map[string]int{"ord started 41": 2, "iad started 41": 1, "lhr started 41": 1},
		},
		{
			name:   "from zero, where the first request is ignored",
			before: func(s *stage) { s.down(); s.fault("create-ignored n=1") },
			want:   scale.Want{Regions: map[string]int{"ewr": 2}},
			says:   "missing", left: map[string]int{"ewr started 41": 2},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, fleet{}, func(t *testing.T, s *stage) {
				if c.before != nil {
					c.before(s)
				}
				begun := time.Now()
				said, err := s.scaled(c.want)
				switch {
				case c.fails == "" && err != nil, c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
					t.Errorf("after %s: got %v\n%s", time.Since(begun), err, said)
				case !strings.Contains(said, c.says):
					t.Errorf("it does not say %q:\n%s", c.says, said)
				}
				for _, f := range s.world.Faults() {
					s.mend(f.Name)
				}
				if d := cmp.Diff(c.left, s.census()); d != "" {
					t.Errorf("after %s: %s\n%s", time.Since(begun), d, said)
				}
			})
		})
	}
}

func add(s *stage, m platform.MachineSpec) {
	s.t.Helper()
	if _, err := s.world.AddMachine(m); err != nil {
		s.t.Fatal(err)
	}
}

// down takes every machine away.
func (s *stage) down() {
	s.t.Helper()
	said, err := s.scaled(scale.Want{Regions: map[string]int{"ord": 0, "iad": 0, "lhr": 0}, Empty: true})
	if err != nil || len(s.census()) != 0 {
		s.t.Fatalf("%v: %v\n%s", err, s.census(), said)
	}
}

func TestScalingThatCannotBeSaysWhy(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		s.onCall("POST /v1/apps/*/machines", func() { s.fault("health region:syd status=500") })
		add(s, platform.MachineSpec{Region: "syd"})
		said, err := s.scaled(scale.Want{Regions: map[string]int{"syd": 2}})
		if !errors.Is(err, scale.ErrNot) || !strings.Contains(err.Error(), "syd") || !strings.Contains(err.Error(), "500") {
			t.Errorf("got %v\n%s", err, said)
		}
	})
}
