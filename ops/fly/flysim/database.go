package flysim

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/flex"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/fly/flysim/sixpn"
	"ops-console/ops/postgres/pgcluster"
)

// DatabaseApp is the application whose machines are the database.
const DatabaseApp = "changelog-db"

// The database's replicas beside the one next to the primary: in at most so many of these regions, as far as the
// application runs there, and else in those where it does.
const replicaRegions = 3

var replicaOrder = []string{"fra", "sin", "syd"}

// cascades are regions whose replica streams from that of another region, where there is one.
var cascades = map[string]string{"syd": "sin"}

// addDatabase makes the app of the database with its machines, and begins to start it. r makes the ids.
func (s *Sim) addDatabase(r *rand.Rand, fleet Fleet, bin pgcluster.Binaries, plays int) error {
	var sessions []flex.Session
	var regions []string
	for _, i := range s.world.Instances() {
		if i.App != DefaultApp || !i.Started {
			continue
		}
		regions = append(regions, i.Region)
		sessions = append(sessions, flex.Session{Name: "changelog@" + i.ID, Region: i.Region})
	}
	if len(sessions) == 0 {
		return nil // nobody would use it
	}
	slices.SortStableFunc(sessions, func(a, b flex.Session) int { return nearer(a.Region) - nearer(b.Region) })
	s.world.AddPostgresApp(DatabaseApp)
	members := databaseMembers(r, regions)
	config, err := json.Marshal(flex.MachineConfig(bin.Version, primaryRegion))
	if err != nil {
		return fmt.Errorf("machines of the database: %w", err)
	}
	for _, m := range members {
		_, err := s.world.AddMachine(platform.MachineSpec{
			App: DatabaseApp, ID: m.ID, Region: m.Region, State: fly.StateStarting, Config: config, Volume: true, VolName: "pg_data",
			Age: 200*24*time.Hour - history, Behaviour: platform.Behaviour{Delay: fleet.delay(m.Region)},
		})
		if err != nil {
			return err
		}
	}
	for _, name := range []string{"OPERATOR_PASSWORD", "REPL_PASSWORD", "SSH_CERT", "SSH_KEY", "SU_PASSWORD"} {
		if err := s.world.SetSecret(DatabaseApp, name, "simulated "+name); err != nil {
			return err
		}
	}
	s.database = flex.Start(flex.Options{
		App: DatabaseApp, Binaries: bin, Members: members, Sessions: sessions, Platform: s.world, Way: fleet.way, Plays: plays, Logger: s.log,
	})
	return nil
}

// nearer sorts the primary region before all others.
func nearer(region string) int {
	if region == primaryRegion {
		return 0
	}
	return 1
}

// databaseMembers are the machines of a database whose application runs in regions: the primary and one to take its
// place, and replicas elsewhere.
func databaseMembers(r *rand.Rand, regions []string) []flex.Member {
	newID := func() string { return fmt.Sprintf("%014x", r.Uint64()>>8) }
	primary := flex.Member{ID: newID(), Region: primaryRegion, Priority: 100}
	members := []flex.Member{primary, {ID: newID(), Region: primaryRegion, Upstream: primary.ID, Priority: 100}}
	in := map[string]string{}
	for _, region := range slices.Concat(replicaOrder, regions) {
		if region == primaryRegion || in[region] != "" || len(in) == replicaRegions || !slices.Contains(regions, region) {
			continue
		}
		m := flex.Member{ID: newID(), Region: region, Upstream: primary.ID}
		if from := in[cascades[region]]; from != "" {
			m.Upstream = from
		}
		in[region] = m.ID
		members = append(members, m)
	}
	return members
}

// services are what the machines of the database listen for.
func (s *Sim) services() []sixpn.Service {
	if s.database == nil {
		return nil
	}
	return []sixpn.Service{
		{App: DatabaseApp, Port: flex.PortPrimary, Stream: s.database.Primary},
		{App: DatabaseApp, Port: flex.PortDirect, Stream: s.database.Direct},
		{App: DatabaseApp, Port: flex.PortChecks, HTTP: s.database.Checks},
	}
}

func (s *Sim) urlOf(role string) string {
	return fmt.Sprintf("postgres://%s:%s@%s.internal:%d/%s", role, s.database.Password(role), DatabaseApp, flex.PortPrimary, flex.DatabaseName)
}

// databaseURL is what a console needs to log in; empty: there is no database.
func (s *Sim) databaseURL() string {
	if s.database == nil {
		return ""
	}
	return s.urlOf(flex.ConsoleRole)
}
