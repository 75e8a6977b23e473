package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Artifact is what runs on a machine.
type Artifact struct {
	Image    string `json:"image"`              // reference as the platform takes it
	Digest   string `json:"digest"`             // sha256:…, by which machines are recognised
	Release  int    `json:"release,omitempty"`  // the platform's number; 0: none yet
	Revision string `json:"revision,omitempty"` // of the source
	Version  string `json:"version,omitempty"`  // of the application, as it says itself
}

// Strategy is the order in which machines change.
type Strategy string

// The strategies.
const (
	// StrategyRolling changes one machine, then at most Group.MaxUnavailable at a time.
	StrategyRolling Strategy = "rolling"
	// StrategyCanary first runs one more machine per group with the new release, and removes it again.
	StrategyCanary Strategy = "canary"
	// StrategyBlueGreen brings up as many new machines, sends traffic to them, and removes the old ones.
	StrategyBlueGreen Strategy = "bluegreen"
	// StrategyImmediate changes all at once. It is verified, and taken back, like the others.
	StrategyImmediate Strategy = "immediate"
)

// Kind is what a plan is for.
type Kind string

// The kinds.
const (
	KindDeploy   Kind = "deploy"
	KindRollback Kind = "rollback" // back to the release before; never with a release command
)

// Plan is everything that was decided before the start. It is written into the journal whole, and nothing is looked up
// again later: an edited file cannot change a deployment that is under way.
type Plan struct {
	ID       string    `json:"id"` // ULID; also names the journal
	App      string    `json:"app"`
	Kind     Kind      `json:"kind"`
	By       string    `json:"by"` // who asked for it, user@host
	At       time.Time `json:"at"`
	Artifact Artifact  `json:"artifact"`
	From     Artifact  `json:"from"` // what runs now

	Strategy Strategy `json:"strategy"`
	Groups   []Group  `json:"groups"`
	Targets  []Target `json:"targets"` // in the order in which they change
	// Others are machines of these groups that stay as they are. Any other machine in them is one nobody planned for.
	Others []string `json:"others,omitempty"`

	Command    *Command    `json:"command,omitempty"` // nil: no release command
	Migrations []Migration `json:"migrations,omitempty"`
	Old        Eligibility `json:"old"`
	Gates      []Gate      `json:"gates,omitempty"`
	Timings    Timings     `json:"timings"`
}

// Group is a process group.
type Group struct {
	Name           string `json:"name"`
	MaxUnavailable int    `json:"max_unavailable"` // machines not serving because of us, at any moment; at least 1
}

// Target is one machine that changes.
type Target struct {
	Machine string   `json:"machine"`
	Name    string   `json:"name,omitempty"`
	Region  string   `json:"region"`
	Group   string   `json:"group"`
	Prev    Snapshot `json:"prev"`
	// Config is the whole configuration the machine is to get, in the platform's form, with the image in it. Update and
	// Create get it together with the metadata of Intent.Tags, which the platform's side puts into it.
	Config json.RawMessage `json:"config"`
	// Checks says how many health checks the machine is to have; 0: it is judged by running and not exiting.
	Checks int `json:"checks"`
	// AutoStop: the platform stops it when idle. That it stops is then no failure, if it ended well.
	AutoStop bool `json:"autostop,omitempty"`
	// Try starts a machine that is not running, once it is changed, to see the new release healthy on it.
	Try bool `json:"try,omitempty"`
}

// Cold tells whether the machine was not running when the plan was made.
func (t *Target) Cold() bool { return t.Prev.State != Started }

// Snapshot is a machine as it was found, and as it is put back.
type Snapshot struct {
	Version  string          `json:"version"`
	Image    string          `json:"image"`
	Digest   string          `json:"digest"`
	Release  int             `json:"release,omitempty"`
	Mark     string          `json:"mark,omitempty"`
	Config   json.RawMessage `json:"config"` // whole, with environment and metadata
	State    MachineState    `json:"state"`
	Cordoned bool            `json:"cordoned,omitempty"`
	Healthy  bool            `json:"healthy"` // running and passing its checks when the plan was made
	Checks   int             `json:"checks,omitempty"`
	Crashes  int             `json:"crashes,omitempty"` // Machine.Crashes then
}

// Command is the release command: it runs once, in a machine of its own.
type Command struct {
	Text    string          `json:"text"`
	Region  string          `json:"region"`
	Config  json.RawMessage `json:"config"`
	Timeout time.Duration   `json:"timeout"` // after it a human is asked; nothing is ever killed
}

// Migration is one that the release command is expected to run.
type Migration struct {
	Version  int64  `json:"version"`
	Name     string `json:"name"`
	Additive bool   `json:"additive"`      // the old release works with it, by the rules
	Why      string `json:"why,omitempty"` // what forbids going back: table and column
}

// Ability says whether the old release can run on the schema after the release command.
type Ability string

// The abilities. Unknown halts like no.
const (
	Able        Ability = "yes"
	Unable      Ability = "no"
	AbleUnknown Ability = "unknown"
)

// Eligibility is whether a rollback across the release command is possible, and why not.
type Eligibility struct {
	Able   Ability `json:"able"`
	Reason string  `json:"reason,omitempty"` // the migration and column that forbid it
}

// Moment is when a gate is asked.
type Moment string

// The moments.
const (
	// BeforeChange: leases are held, nothing is changed.
	BeforeChange Moment = "before_change"
	// BeforeCommit: every machine runs the new release and is healthy.
	BeforeCommit Moment = "before_commit"
)

// GateGuards is the name of the gate that waits for measurements of the new release. Nobody waits for it any more once somebody
// has overruled a guard.
const GateGuards = "guards"

// Gate is a question that has to be answered well before it goes on: preflight, a backup, content agreement.
type Gate struct {
	Name     string        `json:"name"`
	When     Moment        `json:"when"`
	Required bool          `json:"required"` // if not, an answer other than Pass is only noted
	Timeout  time.Duration `json:"timeout"`  // of one try; 0: Timings.Call
}

// Timings are the waits and bounds. Start from DefaultTimings.
type Timings struct {
	Poll      time.Duration `json:"poll"`       // between looks
	Settle    time.Duration `json:"settle"`     // after an unknown outcome until what is seen is believed
	Call      time.Duration `json:"call"`       // one call, after which its outcome is unknown
	LeaseTTL  time.Duration `json:"lease_ttl"`  // renewed when a third of it is gone
	LeaseWait time.Duration `json:"lease_wait"` // for machines that somebody else holds, before anything is changed
	Grace     time.Duration `json:"grace"`      // after a start, in which failing checks do not count
	Stable    time.Duration `json:"stable"`     // how long a machine has to be healthy without a break
	Good      int           `json:"good"`       // and in how many looks
	Bad       int           `json:"bad"`        // looks in a row that make a healthy machine unhealthy
	Health    time.Duration `json:"health"`     // for a machine to become healthy after its change
	Soak      time.Duration `json:"soak"`       // the old release on the new schema
	Drain     time.Duration `json:"drain"`      // from the end of new traffic to the stop of an old machine
	Tries     int           `json:"tries"`      // of one change of one machine
	Total     time.Duration `json:"total"`      // for all of it; past it, it goes back
	Parallel  int           `json:"parallel"`   // calls at a time
}

// DefaultTimings are those of a fleet whose machines boot within half a minute.
func DefaultTimings() Timings {
	return Timings{
		Poll: time.Second, Settle: 15 * time.Second, Call: time.Minute,
		LeaseTTL: 45 * time.Second, LeaseWait: time.Minute,
		Grace: 10 * time.Second, Stable: 10 * time.Second, Good: 3, Bad: 3, Health: 5 * time.Minute,
		Soak: 30 * time.Second, Drain: 10 * time.Second, Tries: 4, Total: time.Hour, Parallel: 8,
	}
}

// Hash is the SHA-256 of the plan, in hex: what was shown is what is run.
func (p *Plan) Hash() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("deploy: a plan that is not JSON: " + err.Error()) // Validate has refused it before
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
