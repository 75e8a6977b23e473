package deploy

import (
	"encoding/json"
	"time"
)

// Verb is what a call does.
type Verb string

// The verbs. Those marked "volatile" are not in the journal: who was killed does not hold their fruit any more.
const (
	// VerbLease takes the lease of Machine for TTL with Description. Volatile. Answers Nonce and Expires.
	VerbLease Verb = "lease"
	// VerbRenew makes the lease of Nonce last TTL from now. Volatile. Answers Expires.
	VerbRenew Verb = "renew"
	// VerbRelease gives the lease of Nonce back; one that is gone is no error. Volatile.
	VerbRelease Verb = "release"

	// VerbGate asks the gate Gate. Answers Verdict and Text.
	VerbGate Verb = "gate"
	// VerbClaim writes Tags into the metadata of Machine without a new version or a restart; an empty one is removed. With
	// Plan, its copy is written with them, or ErrRefused says that it cannot be.
	VerbClaim Verb = "claim"
	// VerbOpen makes the platform's release record, in status running. Answers Record.
	VerbOpen Verb = "open"
	// VerbClose gives the release record Record.ID the status Status, with Text as the failure.
	VerbClose Verb = "close"

	// VerbPrepare creates the machine of the release command, with Config, Region and Tags, and does not start it. It must
	// go away by itself when its process ended, and not be restarted. Answers Machine.
	VerbPrepare Verb = "prepare"
	// VerbStartRun starts that machine. Once its process has ended, another start must not run it again.
	VerbStartRun Verb = "start_run"
	// VerbDiscard destroys a release command machine of ours that was never started.
	VerbDiscard Verb = "discard"

	// VerbUpdate replaces the configuration of Machine by Config with Tags, if its version still is Version; with
	// SkipLaunch the machine is left stopped. With Plan, its copy is in the metadata too. Answers Version. It does not wait
	// for the machine.
	VerbUpdate Verb = "update"
	// VerbRestart restarts the process of Machine in place.
	VerbRestart Verb = "restart"
	VerbStart   Verb = "start"
	VerbStop    Verb = "stop"
	// VerbCreate makes a machine in Region with Config and Tags, without traffic if Cordoned. Answers Machine and Version;
	// Nonce too where it takes the lease of the machine with it, with Description and for TTL. If not, it is taken like those
	// of the others.
	VerbCreate  Verb = "create"
	VerbDestroy Verb = "destroy"
	// VerbCordon takes Machine out of the traffic, VerbUncordon puts it back.
	VerbCordon   Verb = "cordon"
	VerbUncordon Verb = "uncordon"
)

// Volatile tells whether the verb stays out of the journal.
func (v Verb) Volatile() bool { return v == VerbLease || v == VerbRenew || v == VerbRelease }

// Intent is one call to make. What is in the journal is enough to find out, after a crash, whether it happened.
type Intent struct {
	N       int            `json:"n"` // number within the deployment, from 1; volatile ones have none
	Verb    Verb           `json:"verb"`
	Machine string         `json:"machine,omitempty"`
	Version string         `json:"version,omitempty"` // that the machine must have
	Side    Side           `json:"side,omitempty"`    // which configuration goes onto it
	Target  string         `json:"target,omitempty"`  // of a create: the machine whose new configuration it gets; of a claim: the release command's
	Key     string         `json:"key,omitempty"`     // by which what it makes is found again
	Gate    string         `json:"gate,omitempty"`
	Status  string         `json:"status,omitempty"`
	Text    string         `json:"text,omitempty"`
	Region  string         `json:"region,omitempty"`
	Record  *ReleaseRecord `json:"record,omitempty"`
	Prior   []string       `json:"prior,omitempty"` // machines that had Key when this was decided

	SkipLaunch bool `json:"skip_launch,omitempty"`
	Cordoned   bool `json:"cordoned,omitempty"`
	Copy       bool `json:"copy,omitempty"` // of a claim: with the copy of the plan

	// The following are put in when it is carried out, and never written.
	App         string            `json:"-"`
	Group       string            `json:"-"`
	Image       string            `json:"-"`
	Config      json.RawMessage   `json:"-"`
	Tags        map[string]string `json:"-"` // metadata to put into Config, or to write by itself
	Strategy    Strategy          `json:"-"`
	Plan        *Plan             `json:"-"` // whose copy goes into the metadata too, as TagPlan; nil: none does
	Nonce       string            `json:"-"`
	Description string            `json:"-"`
	TTL         time.Duration     `json:"-"`
	Timeout     time.Duration     `json:"-"`
}

// Answer is what a call that was done gave.
type Answer struct {
	Machine string         `json:"machine,omitempty"`
	Version string         `json:"version,omitempty"`
	Record  *ReleaseRecord `json:"record,omitempty"`
	Verdict Verdict        `json:"verdict,omitempty"`
	Text    string         `json:"text,omitempty"` // made safe to show
	Nonce   string         `json:"-"`
	Expires time.Time      `json:"-"`
}

// Verdict is a gate's answer.
type Verdict string

// The verdicts. Unknown is asked again, and then counts as Fail.
const (
	Pass    Verdict = "pass"
	Warn    Verdict = "warn" // passes, and is noted
	Fail    Verdict = "fail"
	Unknown Verdict = "unknown"
)

// Word is what became of a call.
type Word string

// The words.
const (
	Done     Word = "done"
	Conflict Word = "conflict"
	Refused  Word = "refused"
	Busy     Word = "busy"
	Gone     Word = "gone"
	// Unclear: it may have happened, and may still happen. Look again.
	Unclear Word = "unclear"
)
