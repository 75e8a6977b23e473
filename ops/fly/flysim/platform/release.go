package platform

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"ops-console/ops/fly"
)

// release is one deployed version of an app.
type release struct {
	id          string
	version     int
	status      string
	description string
	reason      string
	strategy    string
	image       string
	user        fly.User
	created     time.Time
	definition  json.RawMessage // fly.toml as JSON
	metadata    json.RawMessage
}

func (r *release) inProgress() bool { return r.status == "pending" || r.status == "running" }

// releaseJSON is a release as the web REST interface writes it.
type releaseJSON struct {
	ID         string `json:"id"`
	Version    int    `json:"version"`
	Status     string `json:"status"`
	InProgress bool   `json:"in_progress"`
	Stable     bool   `json:"stable"`
	Strategy   string `json:"strategy"`
	User       string `json:"user"`
	CreatedAt  string `json:"created_at"`
	ImageRef   string `json:"image_ref"`
}

func (r *release) view() releaseJSON {
	return releaseJSON{
		ID: r.id, Version: r.version, Status: r.status, InProgress: r.inProgress(), Stable: r.status == "complete",
		Strategy: r.strategy, User: r.user.Email, CreatedAt: stamp(r.created), ImageRef: r.image,
	}
}

// ReleaseSpec says what release to add.
type ReleaseSpec struct {
	App         string          // the first app
	ID          string          // made up
	Version     int             // one more than the newest
	Status      string          // complete
	Description string          // Release
	Strategy    string          // ROLLING
	Image       string          // registry.fly.io/APP:deployment-vN
	User        fly.User        // Options.User
	Age         time.Duration   // since when
	Definition  json.RawMessage // fly.toml as JSON; the app's
}

// AddRelease adds a release that is newer than those before it, and returns its version.
func (w *World) AddRelease(s ReleaseSpec) (int, error) {
	w.lock()
	defer w.unlock()
	a, err := w.appNamed(s.App)
	if err != nil {
		return 0, fmt.Errorf("add release: %w", err)
	}
	if len(a.releases) > 0 && s.Version != 0 && s.Version <= a.releases[0].version {
		return 0, fmt.Errorf("add release: version %d is not newer than %d", s.Version, a.releases[0].version)
	}
	return w.addRelease(a, s).version, nil
}

func (w *World) addRelease(a *app, s ReleaseSpec) *release {
	v := s.Version
	if v == 0 {
		v = 1
		if len(a.releases) > 0 {
			v = a.releases[0].version + 1
		}
	}
	user := s.User
	if user.Email == "" {
		user = w.opts.User
	}
	r := &release{
		id:          cmp.Or(s.ID, "rel_"+w.newULID()),
		version:     v,
		status:      cmp.Or(s.Status, "complete"),
		description: cmp.Or(s.Description, "Release"),
		strategy:    cmp.Or(s.Strategy, "ROLLING"),
		image:       cmp.Or(s.Image, fmt.Sprintf("registry.fly.io/%s:deployment-v%d", a.name, v)),
		user:        user,
		created:     w.now.Add(-s.Age),
		definition:  s.Definition,
	}
	if r.definition == nil {
		r.definition = a.definition()
	}
	a.releases = append([]*release{r}, a.releases...)
	w.dirty = true
	return r
}

// definition is the app's fly.toml as JSON.
func (a *app) definition() json.RawMessage {
	if len(a.releases) > 0 && a.releases[0].definition != nil {
		return a.releases[0].definition
	}
	if a.toml != nil {
		return a.toml
	}
	b, _ := json.Marshal(map[string]any{
		"app":            a.name,
		"primary_region": "ord",
		"kill_signal":    "SIGTERM",
		"kill_timeout":   "30s",
		"env":            map[string]any{"PRIMARY_REGION": "ord", "PHX_HOST": a.name + ".example"},
		"processes":      map[string]any{"app": "/app/bin/server", "worker": "/app/bin/worker"},
		"http_service": map[string]any{
			"internal_port": 4000, "force_https": true, "auto_stop_machines": "off", "auto_start_machines": true,
			"min_machines_running": 2, "processes": []string{"app"},
			"concurrency": map[string]any{"type": "connections", "hard_limit": 2500, "soft_limit": 2000},
			"checks": []any{map[string]any{
				"interval": "15s", "timeout": "4s", "grace_period": "30s", "method": "GET", "path": "/health",
			}},
		},
	})
	return b
}

// SetDefinition makes fly.toml, as JSON, that of an app until a release brings another; app "" is the first app.
func (w *World) SetDefinition(app string, definition json.RawMessage) error {
	if !json.Valid(definition) {
		return fmt.Errorf("set definition of %s: not JSON", app)
	}
	w.lock()
	defer w.unlock()
	a, err := w.appNamed(app)
	if err != nil {
		return fmt.Errorf("set definition: %w", err)
	}
	a.toml = definition
	return nil
}

// appLock is the advisory lock of an app.
type appLock struct {
	id      string
	expires time.Time
}
