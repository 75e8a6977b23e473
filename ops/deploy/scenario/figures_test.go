package scenario

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ops-console/ops/deploy"
	"ops-console/ops/deploy/flyplan"
)

// tableEnv names a file that the figures are written to, as Markdown.
const tableEnv = "OPS_CONSOLE_SCENARIO_TABLE"

// TestFigures deploys to 10 and to 50 machines by each strategy, on a platform that limits requests, with the timings of
// production and with those that wait for nothing but the platform, and bounds the calls: a rolling deployment by the
// platform's own client makes about 20 for each machine.
func TestFigures(t *testing.T) {
	sizes := []int{10, 50}
	if raced {
		sizes = sizes[:1]
	}
	var rows []string
	for _, strategy := range []deploy.Strategy{deploy.StrategyRolling, deploy.StrategyCanary, deploy.StrategyBlueGreen, deploy.StrategyImmediate} {
		for _, n := range sizes {
			row := figures(t, strategy, n)
			rows = append(rows, row)
		}
	}
	table := strings.Join(append([]string{
		"| strategy | machines | wall | of which chosen waits | the rest | calls | for each machine | looks |",
		"|---|---|---|---|---|---|---|---|",
	}, rows...), "\n") + "\n"
	t.Logf("\n%s", table)
	if path := os.Getenv(tableEnv); path != "" {
		if err := os.WriteFile(path, []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func figures(t *testing.T, strategy deploy.Strategy, n int) (row string) {
	t.Helper()
	wall := map[bool]time.Duration{}
	var calls int
	var by map[string]int
	for _, waits := range []bool{false, true} {
		t.Run(fmt.Sprintf("%s/%d/%t", strategy, n, waits), func(t *testing.T) {
			bubble(t, fleet{toml: with(rollingToml, `"rolling"`, `"`+string(strategy)+`"`), app: n, strict: true}, func(t *testing.T, s *stage) {
				c := s.console(ana)
				c.change = func(in *flyplan.Input) {
					if !waits {
						in.Timings.Soak, in.Timings.Stable, in.Timings.Drain = time.Nanosecond, time.Nanosecond, time.Nanosecond
					}
				}
				d := c.start("42")
				s.link.forget()
				begun := time.Now()
				st, err := c.run(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				wall[waits] = time.Since(begun)
				calls, by = s.link.counted()
				c.ends(st, wasDeployed(``))
			})
		})
	}
	looks := by["GET /v1/apps/*/machines"]
	leases := by["POST /v1/apps/*/machines/*/lease"]
	if rest := calls - leases - 3*looks; rest > 12*n+20 {
		t.Errorf("%s of %d machines: %d calls, %d of them neither leases nor looks", strategy, n, calls, rest)
	}
	for _, k := range slices.Sorted(maps.Keys(by)) {
		t.Logf("%s/%d %4d %s", strategy, n, by[k], k)
	}
	round := func(d time.Duration) string { return d.Round(time.Second).String() }
	return fmt.Sprintf("| %s | %d | %s | %s | %s | %d | %.1f | %d |", strategy, n, round(wall[true]), round(wall[true]-wall[false]), round(wall[false]),
		calls, float64(calls)/float64(n), looks)
}
