package fly

import (
	"encoding/json"
	"net/netip"
	"time"
)

// Machine is one machine of an app as the Machines API gives it. Where HostStatus is not HostOK, Config is nil and
// IncompleteConfig partial: such a machine is unknown, never gone.
type Machine struct {
	ID               string          `json:"id"`   // 14 hex digits
	Name             string          `json:"name"` // free text of the owner
	State            string          `json:"state"`
	Region           string          `json:"region"`
	ImageRef         ImageRef        `json:"image_ref"`
	InstanceID       string          `json:"instance_id"` // ULID, changes on every update; the same as Version
	Version          string          `json:"version,omitempty"`
	PrivateIP        string          `json:"private_ip"`
	CreatedAt        time.Time       `json:"created_at"`
	UpdatedAt        time.Time       `json:"updated_at"`
	Config           *MachineConfig  `json:"config"`
	IncompleteConfig *MachineConfig  `json:"incomplete_config,omitempty"`
	Events           []Event         `json:"events,omitempty"` // newest first
	Checks           []CheckStatus   `json:"checks,omitempty"`
	Lease            *Lease          `json:"lease,omitempty"` // only where asked for
	Nonce            string          `json:"nonce,omitempty"` // only in the answer to a create or update with lease_ttl
	HostStatus       string          `json:"host_status"`
	Cordoned         bool            `json:"cordoned,omitempty"`
	HostFeatures     json.RawMessage `json:"host_features,omitempty"`

	// Undecoded says which fields were not as expected and are left at zero; empty: all were.
	Undecoded string `json:"-"`
}

// Machine states. The transient ones are stuck when they last (5 minutes; updating and replacing 10).
const (
	StateCreated      = "created"
	StateStarted      = "started"
	StateStopped      = "stopped"
	StateSuspended    = "suspended"
	StateFailed       = "failed"
	StateCreating     = "creating"
	StateStarting     = "starting"
	StateStopping     = "stopping"
	StateRestarting   = "restarting"
	StateSuspending   = "suspending"
	StateDestroying   = "destroying"
	StateLaunchFailed = "launch_failed"
	StateUpdating     = "updating"
	StateReplacing    = "replacing"
	StateDestroyed    = "destroyed"
	StateReplaced     = "replaced"
	StateMigrated     = "migrated"
)

// Host status of a machine.
const (
	HostOK          = "ok"
	HostUnknown     = "unknown"
	HostUnreachable = "unreachable"
)

// Check statuses.
const (
	CheckPassing  = "passing"
	CheckWarning  = "warning"
	CheckCritical = "critical"
)

// Metadata keys the platform's clients write.
const (
	MetaPlatformVersion = "fly_platform_version"
	MetaReleaseID       = "fly_release_id"
	MetaReleaseVersion  = "fly_release_version"
	MetaProcessGroup    = "fly_process_group"
	// MetaRole is of machines that this program keeps for other things than the app, such as backups: no deployment counts them.
	MetaRole = "ops_console_role"
)

// ImageRef names the image a machine runs.
type ImageRef struct {
	Registry   string            `json:"registry"`
	Repository string            `json:"repository"`
	Tag        string            `json:"tag"`
	Digest     string            `json:"digest"`
	Labels     map[string]string `json:"labels"`
}

// CheckStatus is the last result of one check. UpdatedAt is when Status last changed, not when it was last probed.
type CheckStatus struct {
	Name      string     `json:"name"`
	Status    string     `json:"status"`
	Output    string     `json:"output"`
	UpdatedAt *time.Time `json:"updated_at"`
}

// Event is one entry of a machine's history.
type Event struct {
	ID        string        `json:"id"`
	Type      string        `json:"type"` // launch, start, exit, restart, update, stop, destroy, …
	Status    string        `json:"status"`
	Source    string        `json:"source"`    // flyd or user
	Timestamp int64         `json:"timestamp"` // Unix milliseconds
	Request   *EventRequest `json:"request,omitempty"`
}

// Time is Timestamp as a time.
func (e Event) Time() time.Time { return time.UnixMilli(e.Timestamp) }

// EventRequest carries what an event was about.
type EventRequest struct {
	ExitEvent    *ExitEvent    `json:"exit_event,omitempty"`
	MonitorEvent *MonitorEvent `json:"MonitorEvent,omitempty"`
	RestartCount int           `json:"restart_count,omitempty"`
}

// MonitorEvent is an older wrapping of ExitEvent.
type MonitorEvent struct {
	ExitEvent *ExitEvent `json:"exit_event,omitempty"`
}

// ExitEvent says how a machine's process ended.
type ExitEvent struct {
	ExitCode      int       `json:"exit_code"`
	GuestExitCode int       `json:"guest_exit_code"`
	GuestSignal   int       `json:"guest_signal"`
	Signal        int       `json:"signal"`
	OOMKilled     bool      `json:"oom_killed"`
	RequestedStop bool      `json:"requested_stop"`
	Restarting    bool      `json:"restarting"`
	ExitedAt      time.Time `json:"exited_at"`
}

// Exit is the exit of the event in whichever form it came, or nil.
func (e Event) Exit() *ExitEvent {
	switch {
	case e.Request == nil:
		return nil
	case e.Request.ExitEvent != nil:
		return e.Request.ExitEvent
	case e.Request.MonitorEvent != nil:
		return e.Request.MonitorEvent.ExitEvent
	}
	return nil
}

// Lease is a machine's exclusive lock, as seen by those who do not hold it.
type Lease struct {
	Nonce       string `json:"nonce,omitempty"`
	ExpiresAt   int64  `json:"expires_at"` // Unix seconds
	Owner       string `json:"owner"`
	Description string `json:"description"`
	Version     string `json:"version,omitempty"`
}

// MachineConfig is the part of a machine's configuration that is looked at, and Raw, the whole of it, which is what
// an update has to send back.
type MachineConfig struct {
	Image       string                  `json:"image"`
	Init        *Init                   `json:"init,omitempty"`
	Env         map[string]string       `json:"env,omitempty"`
	Guest       *Guest                  `json:"guest,omitempty"`
	Services    []Service               `json:"services,omitempty"`
	Checks      map[string]MachineCheck `json:"checks,omitempty"`
	Mounts      []Mount                 `json:"mounts,omitempty"`
	Restart     *Restart                `json:"restart,omitempty"`
	Metadata    map[string]string       `json:"metadata,omitempty"`
	Standbys    []string                `json:"standbys,omitempty"`
	Schedule    string                  `json:"schedule,omitempty"`
	AutoDestroy bool                    `json:"auto_destroy,omitempty"`
	DNS         *DNSConfig              `json:"dns,omitempty"`
	StopConfig  *StopConfig             `json:"stop_config,omitempty"`
	Files       []File                  `json:"files,omitempty"`

	Raw       json.RawMessage `json:"-"`
	Undecoded string          `json:"-"` // as in Machine
}

// Guest is a machine's size.
type Guest struct {
	CPUKind  string `json:"cpu_kind"`
	CPUs     int    `json:"cpus"`
	MemoryMB int    `json:"memory_mb"`
}

// Service is a port that the platform's proxy routes to.
type Service struct {
	Protocol     string          `json:"protocol"`
	InternalPort int             `json:"internal_port"`
	Autostop     json.RawMessage `json:"autostop,omitempty"` // false, true, "off", "stop" or "suspend"
	Autostart    *bool           `json:"autostart,omitempty"`
	MinMachines  int             `json:"min_machines_running,omitempty"`
	Ports        []Port          `json:"ports,omitempty"`
	Checks       []MachineCheck  `json:"checks,omitempty"`
	Concurrency  *Concurrency    `json:"concurrency,omitempty"`
}

// Port is an outside port of a Service.
type Port struct {
	Port       int      `json:"port,omitempty"`
	Handlers   []string `json:"handlers,omitempty"`
	ForceHTTPS bool     `json:"force_https,omitempty"`
}

// Concurrency limits a Service; Type is connections or requests.
type Concurrency struct {
	Type      string `json:"type"`
	HardLimit int    `json:"hard_limit"`
	SoftLimit int    `json:"soft_limit"`
}

// MachineCheck is the definition of a check.
type MachineCheck struct {
	Type        string   `json:"type"` // http or tcp
	Port        int      `json:"port,omitempty"`
	Interval    Duration `json:"interval,omitempty"`
	Timeout     Duration `json:"timeout,omitempty"`
	GracePeriod Duration `json:"grace_period,omitempty"`
	Method      string   `json:"method,omitempty"`
	Path        string   `json:"path,omitempty"`
}

// Mount is a volume in a machine.
type Mount struct {
	Volume string `json:"volume"`
	Path   string `json:"path"`
	Name   string `json:"name,omitempty"`
	SizeGB int    `json:"size_gb,omitempty"`
}

// Restart is a machine's restart policy: no, on-failure or always.
type Restart struct {
	Policy     string `json:"policy"`
	MaxRetries int    `json:"max_retries,omitempty"`
}

// Init is what a machine runs instead of what its image says. Who may read the app's machines reads it: no secrets.
type Init struct {
	Exec       []string `json:"exec,omitempty"`       // in place of entrypoint and command
	Entrypoint []string `json:"entrypoint,omitempty"` // in place of the image's
	Cmd        []string `json:"cmd,omitempty"`        // in place of the image's
}

// File is written into a machine before it starts. One with a value is read by whoever may read the app's machines.
type File struct {
	GuestPath  string `json:"guest_path"`
	RawValue   []byte `json:"raw_value,omitempty"`   // base64 in JSON
	SecretName string `json:"secret_name,omitempty"` // of an app's secret that holds base64, in place of a value
}

// StopConfig is how a machine is asked to end: with a signal, and so long before it is killed.
type StopConfig struct {
	Timeout Duration `json:"timeout,omitempty"`
	Signal  string   `json:"signal,omitempty"`
}

// DNSConfig can keep a machine out of the network's DNS.
type DNSConfig struct {
	SkipRegistration bool `json:"skip_registration,omitempty"`
}

// App is an application.
type App struct {
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	Status       string       `json:"status"`
	Network      string       `json:"network"`
	MachineCount int          `json:"machine_count"` // counted by the platform apart from any list
	VolumeCount  int          `json:"volume_count"`
	Organization Organization `json:"organization"`
}

// Organization owns apps, peers and a private network.
type Organization struct {
	ID   string `json:"id,omitempty"` // the GraphQL id that mutations want
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// Release is one deployed version of an app.
type Release struct {
	ID          string    `json:"id"`
	Version     int       `json:"version"`
	Status      string    `json:"status"` // running, complete, failed, interrupted, …
	Description string    `json:"description"`
	Reason      string    `json:"reason,omitempty"`
	Stable      bool      `json:"stable"`
	InProgress  bool      `json:"inProgress"`
	ImageRef    string    `json:"imageRef"`
	User        User      `json:"user"`
	CreatedAt   time.Time `json:"createdAt"`
	Strategy    string    `json:"strategy,omitempty"` // only from WebReleases
}

// User did something.
type User struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

// WireGuardPeer is a peer of an organization's private network.
type WireGuardPeer struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Pubkey string `json:"pubkey"`
	Region string `json:"region"`
	PeerIP string `json:"peerip"`
}

// NewPeer is the platform's answer to a created peer: our address, and the gateway's.
type NewPeer struct {
	PeerIP     netip.Addr
	EndpointIP string // an address or a name, without a port
	PublicKey  string // the gateway's
}

// Region is a place machines can run in.
type Region struct {
	Code             string  `json:"code"`
	Name             string  `json:"name"`
	Latitude         float64 `json:"latitude"`
	Longitude        float64 `json:"longitude"`
	GatewayAvailable bool    `json:"gateway_available"`
	Deprecated       bool    `json:"deprecated"`
}

// Volume is a disk of an app.
type Volume struct {
	ID                string    `json:"id"`
	Name              string    `json:"name"`
	State             string    `json:"state"`
	SizeGB            int       `json:"size_gb"`
	Region            string    `json:"region"`
	Zone              string    `json:"zone"`
	Encrypted         bool      `json:"encrypted"`
	AttachedMachineID *string   `json:"attached_machine_id"`
	CreatedAt         time.Time `json:"created_at"`
	SnapshotRetention int       `json:"snapshot_retention"`
	HostStatus        string    `json:"host_status"`
}

// ExecResult is what a command run in a machine printed and how it ended.
type ExecResult struct {
	Stdout     string `json:"stdout"`
	Stderr     string `json:"stderr"`
	ExitCode   int    `json:"exit_code"`
	ExitSignal int    `json:"exit_signal"`
}
