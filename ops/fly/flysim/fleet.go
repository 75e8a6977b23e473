package flysim

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
)

// primaryRegion is where the gateway and the database are.
const primaryRegion = "ord"

// regionOrder is the regions in the order in which scenarios take them.
func regionOrder() []string {
	return []string{primaryRegion, "iad", "fra", "sin", "syd", "lhr", "nrt", "gru", "ams", "sjc", "jnb", "bom", "cdg", "yyz", "dfw", "ewr", "lax", "sea", "arn"}
}

// The usual size of a fleet.
const (
	usualRegions   = 5
	usualInstances = 18
)

// httpPort is where the instances of the process group app listen.
const httpPort = 4000

// one worker to so many instances.
const perWorker = 6

// populate makes apps, releases and machines as they were before the story begins. regions and instances, where not
// 0, take the place of the fleet's own; r makes the ids.
func (f Fleet) populate(w *platform.World, r *rand.Rand, regions, instances int) error {
	order := regionOrder()
	regions = cmp.Or(regions, f.Regions, usualRegions)
	instances = cmp.Or(instances, f.Instances, usualInstances)
	if regions < 1 || regions > len(order) {
		return fmt.Errorf("%d regions: there are 1 to %d", regions, len(order))
	}
	if instances < 1 || instances > 20_000 {
		return fmt.Errorf("%d instances: 1 to 20,000 are possible", instances)
	}
	// An app that the console was not asked about.
	w.AddApp(fly.App{Name: "pghero"})
	if f.Empty {
		return nil
	}
	if err := releases(w); err != nil {
		return err
	}
	newID := func() string { return fmt.Sprintf("%014x", r.Uint64()>>8) }
	for n := range instances {
		spec := f.machine(n, instances, order[:regions])
		spec.ID = newID()
		if _, err := w.AddMachine(spec); err != nil {
			return err
		}
	}
	for _, name := range []string{"DATABASE_URL", "RELEASE_COOKIE", "SECRET_KEY_BASE"} {
		if err := w.SetSecret(DefaultApp, name, "simulated "+name); err != nil {
			return err
		}
	}
	_, err := w.AddMachine(platform.MachineSpec{App: "pghero", ID: newID(), Region: primaryRegion, Port: 8080, Age: 80*24*time.Hour - history})
	return err
}

// machine is the n-th of a fleet: the regions take them by turns, those of the process group app first. The last of
// these is stopped, for nobody asks much of its region now.
func (f Fleet) machine(n, instances int, regions []string) platform.MachineSpec {
	apps := instances - instances/perWorker
	spec := platform.MachineSpec{
		Region: regions[n%len(regions)],
		Age:    17*24*time.Hour - time.Duration(n%600)*time.Minute - history,
	}
	switch {
	case n >= apps:
		spec.Group, spec.Region = "worker", regions[(n-apps)%len(regions)]
	case n == apps-1 && n > len(regions):
		spec.State, spec.Autostop = fly.StateStopped, true
	}
	spec.Behaviour.Delay = f.delay(spec.Region)
	if f.Hostile {
		spec.Name = nasty + fmt.Sprint(n)
	}
	return spec
}

// releases is those that the machines were made with, and before; the story tells of the rest.
func releases(w *platform.World) error {
	for n, days := range []int{38, 31, 19} {
		_, err := w.AddRelease(platform.ReleaseSpec{
			Version: 36 + n, Age: time.Duration(days)*24*time.Hour - history,
			User: fly.User{ID: "usr_deployer", Email: "deployer@example.com", Name: "Deployer"},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// delay is what the way from the primary region to another and back costs.
func (f Fleet) delay(region string) time.Duration { return 2 * f.way(primaryRegion, region) }

// way is what the way from one region to another costs: light in glass, on ways half as long again as the shortest.
func (f Fleet) way(from, to string) time.Duration {
	if f.Near {
		return 0
	}
	here, _ := platform.RegionNamed(from)
	there, _ := platform.RegionNamed(to)
	const kmPerMS = 200 / 1.5
	return time.Duration(math.Round(platform.Distance(here, there)/kmPerMS*2)) * time.Millisecond / 2
}
