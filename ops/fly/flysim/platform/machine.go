package platform

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"time"

	"ops-console/ops/fly"
)

// app is an application and what belongs to it.
type app struct {
	id        string
	name      string
	numericID int
	status    string
	network   string
	role      string
	created   time.Time
	machines  []*machine // in the order they were made, destroyed ones too until they are forgotten
	releases  []*release // newest first
	volumes   []*volume
	secrets   []*secret
	secretsV  int
	logs      []Logged
	lock      *appLock
	stale     []byte          // the machine list as it was when list-stale was switched on
	builds    int             // ever begun
	toml      json.RawMessage // fly.toml of the app as JSON, until a release brings its own
}

// machine is one machine, guarded by World.mu like everything it points to.
type machine struct {
	seq      int
	app      *app
	id       string
	name     string
	region   string
	host     string
	addr     netip.Addr
	state    string
	version  string
	cfg      config
	image    fly.ImageRef
	created  time.Time
	updated  time.Time
	versions []version   // oldest first; the last is the current one
	events   []fly.Event // oldest first
	checks   []*check
	lease    *lease
	cordoned bool

	life     int                // counts state changes: what was planned in an earlier life does not happen
	planned  int                // counts what its schedule planned: only the latest happens
	end      context.CancelFunc // of the program that runs on it; nil: none
	started  time.Time
	booted   bool // the app listens
	restarts int

	base        Behaviour
	mods        map[string]func(*Behaviour) // by fault
	crash       *crash
	stuck       string                 // the state that the machine cannot leave
	unreachable bool                   // its host is
	revert      bool                   // updates are taken back: the image cannot be pulled
	forced      map[string]forcedCheck // by fault
	reported    map[string]report      // by check

	encoded []byte // as JSON without lease; nil: to be made
}

// version is one configuration a machine had.
type version struct {
	id  string
	cfg config
}

// crash is a process that does not stay up.
type crash struct {
	after, wait time.Duration // up, and down until the next try
	code        int
	oom         bool
	max         int // restarts until the platform gives up; 0: never
}

// gone says that the machine is not there any more, except for questions about the past.
func (m *machine) gone() bool { return m.state == fly.StateDestroyed }

// active says that the machine's virtual machine exists.
func (m *machine) active() bool {
	switch m.state {
	case fly.StateStarted, fly.StateStarting, fly.StateRestarting, fly.StateReplacing, fly.StateUpdating, fly.StateStopping, fly.StateSuspending:
		return true
	}
	return false
}

func (w *World) behaviour(m *machine) Behaviour {
	b := m.base
	w.imageBehaviour(m, &b)
	for _, name := range slices.Sorted(maps.Keys(m.mods)) {
		m.mods[name](&b)
	}
	return b
}

// machineJSON is a machine as the Machines API writes it.
type machineJSON struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	State            string            `json:"state"`
	Region           string            `json:"region"`
	InstanceID       string            `json:"instance_id"`
	Version          string            `json:"version"`
	PrivateIP        string            `json:"private_ip"`
	Config           json.RawMessage   `json:"config"`
	IncompleteConfig json.RawMessage   `json:"incomplete_config"`
	ImageRef         fly.ImageRef      `json:"image_ref"`
	CreatedAt        string            `json:"created_at"`
	UpdatedAt        string            `json:"updated_at"`
	Events           []fly.Event       `json:"events"`
	Checks           []fly.CheckStatus `json:"checks"`
	HostStatus       string            `json:"host_status"`
	Cordoned         bool              `json:"cordoned"`
	Nonce            string            `json:"nonce"`
}

// summaryJSON is what a list with summary=true keeps of a machine.
type summaryJSON struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	State      string       `json:"state"`
	Region     string       `json:"region"`
	InstanceID string       `json:"instance_id"`
	Version    string       `json:"version"`
	PrivateIP  string       `json:"private_ip"`
	ImageRef   fly.ImageRef `json:"image_ref"`
	CreatedAt  string       `json:"created_at"`
	UpdatedAt  string       `json:"updated_at"`
	HostStatus string       `json:"host_status"`
	Cordoned   bool         `json:"cordoned"`
}

// shownEvents is how many of its newest events a machine carries; the events endpoint has up to keptEvents.
const (
	shownEvents = 20
	keptEvents  = 50
)

func (m *machine) hostStatus() string {
	if m.unreachable {
		return fly.HostUnreachable
	}
	return fly.HostOK
}

// view is m as the API shows it.
func (m *machine) view() machineJSON {
	v := machineJSON{
		ID: m.id, Name: m.name, State: m.state, Region: m.region,
		InstanceID: m.version, Version: m.version, PrivateIP: m.addr.String(),
		Config: m.cfg.raw, ImageRef: m.image,
		CreatedAt: stamp(m.created), UpdatedAt: stamp(m.updated),
		Events: m.newestEvents(shownEvents), Checks: make([]fly.CheckStatus, 0, len(m.checks)),
		HostStatus: m.hostStatus(), Cordoned: m.cordoned,
	}
	if m.unreachable {
		v.Config, v.IncompleteConfig = nil, m.cfg.incomplete()
	}
	for _, c := range m.checks {
		v.Checks = append(v.Checks, c.view())
	}
	return v
}

func (m *machine) summary() summaryJSON {
	return summaryJSON{
		ID: m.id, Name: m.name, State: m.state, Region: m.region, InstanceID: m.version, Version: m.version,
		PrivateIP: m.addr.String(), ImageRef: m.image, CreatedAt: stamp(m.created), UpdatedAt: stamp(m.updated),
		HostStatus: m.hostStatus(), Cordoned: m.cordoned,
	}
}

func (m *machine) newestEvents(n int) []fly.Event {
	ee := make([]fly.Event, 0, min(n, len(m.events)))
	for i := len(m.events) - 1; i >= 0 && len(ee) < n; i-- {
		ee = append(ee, m.events[i])
	}
	return ee
}

// json is m encoded, from memory where nothing changed. The caller must not change it.
func (m *machine) json() []byte {
	if m.encoded == nil {
		// Every field is a value of ours or JSON that was valid when it came in.
		m.encoded, _ = json.Marshal(m.view())
	}
	return m.encoded
}

// jsonWith is m encoded with its lease, if it has one, and the nonce of the caller.
func (m *machine) jsonWith(l *leaseJSON, nonce string) []byte {
	if l == nil && nonce == "" {
		return m.json()
	}
	v := struct {
		machineJSON
		Lease *leaseJSON `json:"lease,omitempty"`
	}{m.view(), l}
	v.Nonce = nonce
	b, _ := json.Marshal(v)
	return b
}

// touch says that m changed.
func (w *World) touch(m *machine) {
	m.encoded = nil
	w.dirty = true
}

// event adds to the history of m.
func (w *World) event(m *machine, kind, status, source string, req *fly.EventRequest) {
	m.events = append(m.events, fly.Event{
		ID: w.newULID(), Type: kind, Status: status, Source: source, Timestamp: w.now.UnixMilli(), Request: req,
	})
	if len(m.events) > keptEvents {
		m.events = slices.Clone(m.events[len(m.events)-keptEvents:])
	}
	w.touch(m)
}

// stamp is how the platform writes a time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func imageDigest(ref string) string {
	sum := sha256.Sum256([]byte(ref))
	return "sha256:" + hex.EncodeToString(sum[:])
}
