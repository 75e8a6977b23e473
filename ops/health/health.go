// Package health tells how the instances of an application are, from three sources that do not depend on each other:
// what the platform says, what the network's DNS says, and what each instance answers itself. Where they disagree,
// the disagreement is part of the answer. What could not be found out is unknown, with its age, never healthy.
package health

import (
	"time"

	"ops-console/ops"
	"ops-console/wg"
)

// Snapshot is everything known of an application's instances at one moment. It is immutable once published, and its
// JSON form is the documented output of `ops-console status --format json`.
type Snapshot struct {
	App           string    `json:"app"`
	PrimaryRegion string    `json:"primary_region,omitempty"`
	At            time.Time `json:"at"`
	Verdict       Verdict   `json:"verdict"`

	Sources Sources   `json:"sources"`
	Network wg.Status `json:"network"`

	Problems  []ops.Problem `json:"problems"` // sorted, what needs a human first
	Regions   []Region      `json:"regions"`  // sorted by code
	Instances []Instance    `json:"instances"`
	Releases  []Release     `json:"releases,omitempty"` // newest first, as far as read
	Agreement []Agreement   `json:"agreement,omitempty"`
	Cluster   *Cluster      `json:"cluster,omitempty"`
	Timeline  []Mark        `json:"timeline,omitempty"` // what happened lately, newest first
}

// Verdict sums a snapshot up.
type Verdict string

// The verdicts, in the order in which they win: bad news that is certain beats not knowing, and not knowing beats
// all being well. They are the exit statuses 1, 3 and 0 of `ops-console status`.
const (
	Unhealthy Verdict = "unhealthy"
	NotKnown  Verdict = "unknown"
	Healthy   Verdict = "healthy"
)

// Sources says how each source is doing.
type Sources struct {
	Platform Source `json:"platform"`
	DNS      Source `json:"dns"`
	Probes   Source `json:"probes"`
}

// Source is the state of one source. Where Error is set, what the snapshot holds of it is from GoodAt.
type Source struct {
	OK     bool      `json:"ok"`
	At     time.Time `json:"at"`      // of the latest try
	GoodAt time.Time `json:"good_at"` // of the latest success; zero: never
	Error  string    `json:"error,omitempty"`
	Hint   string    `json:"hint,omitempty"`
}

// Level sums one instance, region or group up.
type Level string

// The levels, worst first. Stopped is legitimate: an autostopped or standby machine.
const (
	LevelCritical Level = "critical"
	LevelWarning  Level = "warning"
	LevelUnknown  Level = "unknown"
	LevelOK       Level = "ok"
	LevelStopped  Level = "stopped"
)

// Rank orders levels, worst first, from 0.
func (l Level) Rank() int {
	switch l {
	case LevelCritical:
		return 0
	case LevelWarning:
		return 1
	case LevelOK:
		return 3
	case LevelStopped:
		return 4
	}
	return 2
}

// Instance is one machine of the app.
type Instance struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Region       string    `json:"region"`
	ProcessGroup string    `json:"process_group"`
	Address      string    `json:"address"` // 6PN
	Level        Level     `json:"level"`
	State        string    `json:"state"` // the platform's word; empty: unknown
	StateSince   time.Time `json:"state_since"`
	HostStatus   string    `json:"host_status"`
	Cordoned     bool      `json:"cordoned"`
	Autostop     bool      `json:"autostop"` // may legitimately be stopped
	Standby      bool      `json:"standby"`
	Release      int       `json:"release"` // 0: unknown
	ReleaseID    string    `json:"release_id,omitempty"`
	Image        string    `json:"image"`  // repository:tag
	Digest       string    `json:"digest"` // sha256:…
	Version      string    `json:"version"`
	StartedAt    time.Time `json:"started_at"` // zero: not running, or unknown
	CreatedAt    time.Time `json:"created_at"`
	Restarts     int       `json:"restarts"`  // by the platform, since the machine's newest launch or update
	OOMKills     int       `json:"oom_kills"` // among the events known
	LastExit     *Exit     `json:"last_exit,omitempty"`
	CPUKind      string    `json:"cpu_kind,omitempty"`
	CPUs         int       `json:"cpus,omitempty"`
	MemoryMB     int       `json:"memory_mb,omitempty"`

	Checks []Check `json:"checks"`
	Events []Event `json:"events,omitempty"` // newest first
	DNS    DNS     `json:"dns"`
	Probe  Probe   `json:"probe"`

	PlatformAt time.Time `json:"platform_at"` // age of what the platform said
	// Unmanaged is set for a machine that no deploy made (it lacks fly_platform_version): deploys leave it alone.
	Unmanaged bool `json:"unmanaged,omitempty"`
	// Retained is set while the newest list left the machine out but nothing else confirms that it is gone.
	Retained bool     `json:"retained,omitempty"`
	Problems []string `json:"problems,omitempty"` // codes
}

// Exit is how an instance's process last ended.
type Exit struct {
	At            time.Time `json:"at"`
	Code          int       `json:"code"`
	Signal        int       `json:"signal,omitempty"`
	OOM           bool      `json:"oom"`
	RequestedStop bool      `json:"requested_stop"`
	Restarting    bool      `json:"restarting"`
}

// Check is a platform check's last result. Since is when Status last changed.
type Check struct {
	Name   string    `json:"name"`
	Status string    `json:"status"`
	Output string    `json:"output"` // made safe to show, at most 4 kB
	Since  time.Time `json:"since"`
	// Routing is true for checks whose failure takes the instance out of the proxy's routing.
	Routing bool `json:"routing"`
}

// Event is one entry of a machine's history.
type Event struct {
	At     time.Time `json:"at"`
	Type   string    `json:"type"`
	Status string    `json:"status"`
	Source string    `json:"source"`
	Exit   *Exit     `json:"exit,omitempty"`
}

// DNS is what the network's DNS says of an instance.
type DNS struct {
	Known   bool      `json:"known"`
	Listed  bool      `json:"listed"`
	Address string    `json:"address,omitempty"`
	At      time.Time `json:"at"`
}

// ProbeState says how a probe ended.
type ProbeState string

// The probe states.
const (
	ProbeNone      ProbeState = "none"       // not probed: stopped, no HTTP service, or no network yet
	ProbeOK        ProbeState = "ok"         // the expected status
	ProbeBadStatus ProbeState = "status"     // another status
	ProbeRefused   ProbeState = "refused"    // the host answers, the port does not
	ProbeTimeout   ProbeState = "timeout"    //
	ProbeError     ProbeState = "error"      // anything else, named in Error
	ProbeNoNetwork ProbeState = "no-network" // the tunnel is down: says nothing about the instance
)

// Probe is the latest direct HTTP request to an instance, and those before it.
type Probe struct {
	State   ProbeState    `json:"state"`
	At      time.Time     `json:"at"`
	Since   time.Time     `json:"since"` // of State
	URL     string        `json:"url,omitempty"`
	Status  int           `json:"status,omitempty"`
	Latency time.Duration `json:"latency_ns"`
	Release string        `json:"release,omitempty"` // the release header, as the instance sent it
	Error   string        `json:"error,omitempty"`
	LastOK  time.Time     `json:"last_ok"`
	History []Sample      `json:"history,omitempty"` // oldest first, at most 120
}

// Sample is one probe in brief.
type Sample struct {
	At      time.Time     `json:"at"`
	State   ProbeState    `json:"state"`
	Latency time.Duration `json:"latency_ns"`
}

// Region sums the instances of a region up.
type Region struct {
	Code     string          `json:"code"`
	Primary  bool            `json:"primary"`
	Level    Level           `json:"level"`
	Total    int             `json:"total"`
	OK       int             `json:"ok"`
	Stopped  int             `json:"stopped"`
	Unknown  int             `json:"unknown"`
	Restarts int             `json:"restarts"`
	Releases []int           `json:"releases"`             // distinct, newest first
	P50      time.Duration   `json:"p50_ns"`               // of probe latency now; 0: unknown
	Max      time.Duration   `json:"max_ns"`               //
	Latency  []time.Duration `json:"latency_ns,omitempty"` // p50 per sweep, oldest first, at most 120; 0: none answered
}

// Release is one release of the app.
type Release struct {
	Version     int       `json:"version"`
	Status      string    `json:"status"`
	Description string    `json:"description"`
	Image       string    `json:"image"`
	By          string    `json:"by"`
	At          time.Time `json:"at"`
	Instances   int       `json:"instances"` // how many run it now
}

// Agreement says whether all instances serve the same content for one path.
type Agreement struct {
	Path   string    `json:"path"`
	At     time.Time `json:"at"`
	Agree  bool      `json:"agree"`  // of those that answered
	Groups []Group   `json:"groups"` // largest first
}

// Group is a set of instances that gave the same answer.
type Group struct {
	Status    int       `json:"status,omitempty"` // HTTP status; 0 where Error is set
	Hash      string    `json:"hash,omitempty"`   // of the content without its volatile parts, 12 hex digits
	Bytes     int       `json:"bytes,omitempty"`
	ETag      string    `json:"etag,omitempty"`
	Age       string    `json:"age,omitempty"`   // Last-Modified or Age as sent
	Title     string    `json:"title,omitempty"` // of the page, where it is one
	Error     string    `json:"error,omitempty"`
	Instances []string  `json:"instances"`
	Since     time.Time `json:"since"`
}

// Cluster says which instances see each other as Erlang nodes.
type Cluster struct {
	At      time.Time `json:"at"`
	Command string    `json:"command"`
	// Asked is how many instances were asked where not all were: the others are in the group of those that see them.
	Asked   int              `json:"asked,omitempty"`
	Groups  []ClusterGroup   `json:"groups"`            // largest first; more than one is a split
	Unknown []ClusterUnknown `json:"unknown,omitempty"` // instances that could not be asked
}

// ClusterGroup is a set of instances that see each other.
type ClusterGroup struct {
	Instances []string `json:"instances"`
	Nodes     []string `json:"nodes"` // Erlang node names
}

// ClusterUnknown is an instance that could not be asked, and why.
type ClusterUnknown struct {
	Instance string `json:"instance"`
	Error    string `json:"error"`
}

// Mark is a moment on the timeline: a release, a restart, a problem that began.
type Mark struct {
	At      time.Time   `json:"at"`
	Kind    string      `json:"kind"` // release, exit, oom, start, update, check, problem
	Level   Level       `json:"level"`
	Subject ops.Subject `json:"subject"`
	Text    string      `json:"text"`
}
