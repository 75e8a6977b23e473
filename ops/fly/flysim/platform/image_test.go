package platform

import (
	"strings"
	"testing"
	"time"

	"ops-console/ops/fly"
)

// TestImagesHaveTraits deploys one image of each kind to a machine, and looks at what becomes of it.
func TestImagesHaveTraits(t *testing.T) {
	for word, want := range map[string]func(m *machine) bool{
		"fine":      func(m *machine) bool { return m.state == fly.StateStarted && m.checks[0].status == fly.CheckPassing },
		"crash":     func(m *machine) bool { return m.restarts > 1 },
		"oom":       func(m *machine) bool { return m.restarts > 0 },
		"exit":      func(m *machine) bool { return m.state == fly.StateStopped && m.restarts == 0 },
		"unhealthy": func(m *machine) bool { return m.booted && strings.HasPrefix(m.checks[0].output, "500") },
		"deaf":      func(m *machine) bool { return m.booted && strings.Contains(m.checks[0].output, "refused") },
		"late":      func(m *machine) bool { return m.booted && strings.HasPrefix(m.checks[0].output, "500") },
		"unpullable": func(m *machine) bool {
			return m.state == fly.StateStarted && !strings.HasSuffix(m.image.Tag, "unpullable")
		},
	} {
		t.Run(word, func(t *testing.T) {
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			w := NewWorld(Options{Now: func() time.Time { return now }})
			t.Cleanup(func() { w.Close() })
			raw := `{"image":"registry.fly.io/changelog:deployment-1","metadata":{"fly_process_group":"app"},"services":[{"internal_port":4000,"checks":[{"type":"http","path":"/health"}]}]}`
			cfg, err := parseConfig([]byte(raw))
			if err != nil {
				t.Fatal(err)
			}
			w.lock()
			m := w.newMachine(w.appOrder[0], "", "", "iad", "", cfg)
			w.resetChecks(m)
			w.launch(m)
			w.unlock()
			step := func() {
				now = now.Add(200 * time.Millisecond)
				w.lock()
				w.unlock()
			}
			for range 200 {
				step()
			}
			next, err := parseConfig([]byte(strings.ReplaceAll(raw, "deployment-1", "deployment-2-"+word)))
			if err != nil {
				t.Fatal(err)
			}
			w.lock()
			w.update(m, next, true)
			w.unlock()
			for range 300 {
				step()
				w.lock()
				done := m.image.Tag != "" && want(m)
				w.unlock()
				if done {
					return
				}
			}
			t.Errorf("it never was so: %s, %d restarts, %+v", m.state, m.restarts, m.checks[0])
		})
	}
	if len(Traits()) != len(traits) {
		t.Error("not all are told of")
	}
}
