package deploy

import (
	"context"
	"errors"
	"time"
)

// Platform is what a deployment needs of where the machines are. It holds no state of the deployment: what it is asked
// is complete, and what it answers is what the platform said.
type Platform interface {
	// Observe looks: at every machine of the app (with leases, checks and exits), at the platform's own count of them,
	// at the release command and the release record of this deployment. One that could not see all machines returns an
	// error, never a shorter list.
	Observe(ctx context.Context, w Want) (Reading, error)

	// Do carries out one intent, once. It never repeats a request by itself. A nil error says that it was done. Errors
	// that are ErrConflict, ErrRefused, ErrBusy or ErrGone say that it was not. Every other error, a deadline above all,
	// says that nobody knows.
	Do(ctx context.Context, in Intent) (Answer, error)
}

// What a call that certainly did nothing was about. Wrap them: the text is shown.
var (
	ErrConflict = errors.New("somebody else holds or has changed the machine") // 409, 412: lease or version
	ErrRefused  = errors.New("refused")                                        // 400, 401, 403, 422: asking again does not help
	ErrBusy     = errors.New("not now")                                        // 429: not done, ask later
	ErrGone     = errors.New("not there")                                      // 404
)

// Want says what to look for.
type Want struct {
	App    string
	Deploy string // ID of the plan
	RunKey string // Key of the release command's machine; empty: not looked for
	// Record is the platform's id of the release record; empty: looked for by Deploy where the platform can.
	Record string
	// Watch names versions of machines that are awaited. A Platform that can be told of their arrival may wait for one of
	// them, at most Patience, before it looks.
	Watch    []Watched
	Patience time.Duration
}

// Watched is a version of a machine that is awaited.
type Watched struct{ Machine, Version string }

// Reading is what one look saw.
type Reading struct {
	Machines []Machine      `json:"machines"`
	Count    int            `json:"count"` // of machines, from another source than the list; -1: not known
	Runs     []Run          `json:"runs,omitempty"`
	Record   *ReleaseRecord `json:"record,omitempty"`
	Guards   []Guard        `json:"guards,omitempty"`
}

// MachineState is a machine's state, reduced to what matters here.
type MachineState string

// The states. Created, stopped and suspended are Stopped; failed and launch_failed are Failed; everything on its way is
// Changing; destroying counts as Destroyed.
const (
	Started   MachineState = "started"
	Stopped   MachineState = "stopped"
	Failed    MachineState = "failed"
	Changing  MachineState = "changing"
	Destroyed MachineState = "destroyed"
)

// Machine is a machine of the app, release command machines excepted.
type Machine struct {
	ID       string       `json:"id"`
	Name     string       `json:"name,omitempty"`
	Region   string       `json:"region"`
	Group    string       `json:"group"`
	Version  string       `json:"version"` // changes with each update
	Image    string       `json:"image,omitempty"`
	Digest   string       `json:"digest"`
	Release  int          `json:"release,omitempty"`
	Mark     string       `json:"mark,omitempty"` // metadata TagMark
	Key      string       `json:"key,omitempty"`  // metadata TagKey
	Head     string       `json:"head,omitempty"` // metadata TagHead
	Copy     string       `json:"copy,omitempty"` // metadata TagPlan
	State    MachineState `json:"state"`
	Detail   string       `json:"detail,omitempty"` // the platform's own word for the state
	Lost     bool         `json:"lost,omitempty"`   // its host cannot be reached: everything else is from before, or missing
	Cordoned bool         `json:"cordoned,omitempty"`
	Checks   []Check      `json:"checks,omitempty"`
	// Crashes counts exits that nobody asked for since this version was last started by a request (update, start,
	// restart, create), a clean exit (code 0) included.
	Crashes int   `json:"crashes,omitempty"`
	Exit    *Exit `json:"exit,omitempty"` // the latest of them
	Lease   *Held `json:"lease,omitempty"`
}

// Check is the latest result of a health check.
type Check struct {
	Name    string `json:"name"`
	Passing bool   `json:"passing"`
	Output  string `json:"output,omitempty"` // made safe to show
}

// Exit is how a process ended.
type Exit struct {
	At     time.Time `json:"at"`
	Code   int       `json:"code"`
	Signal int       `json:"signal,omitempty"`
	OOM    bool      `json:"oom,omitempty"`
}

// Held is a lease that a look saw: who holds the machine until when.
type Held struct {
	Owner       string    `json:"owner"`
	Description string    `json:"description"` // ours is Lessee.String
	Expires     time.Time `json:"expires"`
}

// RunState is how far a release command is.
type RunState string

// The states of a run. A run is RunLost where the platform says neither that it waits, nor that it runs, nor how it ended.
const (
	RunCreated RunState = "created" // its machine is there and has never been started
	RunStarted RunState = "started" // it may be running
	RunExited  RunState = "exited"  // Code is known
	RunLost    RunState = "lost"
)

// Run is a machine that runs a release command, this deployment's or another's.
type Run struct {
	Machine string   `json:"machine"`
	Key     string   `json:"key,omitempty"` // metadata TagKey; empty: somebody else's
	State   RunState `json:"state"`
	Code    int      `json:"code,omitempty"`
	OOM     bool     `json:"oom,omitempty"`
	Text    string   `json:"text,omitempty"` // the end of its output where that is known, made safe to show
}

// ReleaseRecord is the platform's record of a release.
type ReleaseRecord struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	Status  string `json:"status"` // running, complete, failed, interrupted
}

// Guard is a measurement that pauses a deployment by itself: errors, latency, lag, restarts.
type Guard struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`            // empty: not known
	Limit   string    `json:"limit,omitempty"`  // empty: it is only shown, and is never over
	Before  string    `json:"before,omitempty"` // what it was before the deployment; empty: not known, or the same as nothing
	Where   string    `json:"where,omitempty"`  // what part it is of, after "of"; empty: of all
	Over    bool      `json:"over"`
	Unknown bool      `json:"unknown,omitempty"` // never pauses
	Why     string    `json:"why,omitempty"`     // it is not known, made safe to show
	At      time.Time `json:"at,omitzero"`       // when what it says was so
	// Recent are the latest readings, the oldest first, NaN where there was none; Top is the limit in their unit, 0: none.
	Recent []float64 `json:"-"`
	Top    float64   `json:"-"`
}

// Metadata keys. Update and Create put Intent.Tags into the configuration's metadata; Observe reads them back.
const (
	TagMark = "ops_deploy"      // "<plan id>:new" or "<plan id>:old": which configuration this is
	TagKey  = "ops_deploy_key"  // of a machine this deployment made: what for
	TagHead = "ops_deploy_head" // on the first machine: Head.String, so that others see what is under way
	TagPlan = "ops_deploy_plan" // beside it: Plan.Pack, so that others can take it over
)

// Side is one of a machine's two configurations.
type Side string

// The sides.
const (
	New Side = "new"
	Old Side = "old"
)

// Mark is the TagMark of a side of a deployment.
func Mark(deploy string, s Side) string { return deploy + ":" + string(s) }
