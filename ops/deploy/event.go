package deploy

import "time"

// Event is something that happened or is being waited for, for people and for CI. Events follow from the journal, so
// that a deployment can be told again; those without Seq are of the moment, and only sent while it runs. Everything
// in Text is safe to show. Its JSON form is a line of `--format json`.
type Event struct {
	At      time.Time `json:"at"`
	Seq     int       `json:"seq,omitempty"` // of the journal's record
	Deploy  string    `json:"deploy"`
	Phase   Phase     `json:"phase"`
	Kind    EventKind `json:"kind"`
	Machine string    `json:"machine,omitempty"`
	Region  string    `json:"region,omitempty"`
	Group   string    `json:"group,omitempty"`
	Step    string    `json:"step,omitempty"` // what of it: a verb, a gate's name
	Text    string    `json:"text,omitempty"`
	// Took is how long the step took, where this is its end.
	Took time.Duration `json:"took_ns,omitempty"`
	// Done and Total count machines that are where they are to be, in the direction of now.
	Done  int `json:"done"`
	Total int `json:"total"`
}

// EventKind is what kind of thing happened.
type EventKind string

// The kinds.
const (
	EventPhase   EventKind = "phase"   // another phase began
	EventBegun   EventKind = "begun"   // a step: Step says which
	EventDone    EventKind = "done"    // it worked
	EventUnclear EventKind = "unclear" // nobody knows whether it worked; it is being looked at
	EventFailed  EventKind = "failed"  // it did not
	EventHealthy EventKind = "healthy" // a machine passed
	EventNotice  EventKind = "notice"  // worth knowing
	EventWaiting EventKind = "waiting" // for what Text says
	EventBack    EventKind = "back"    // it goes back, and why
	EventHalted  EventKind = "halted"  // a human is needed; Text says why
	EventEnded   EventKind = "ended"   // Step is the Outcome
)

// Progress is where a deployment stands, for a screen.
type Progress struct {
	At       time.Time       `json:"at"`
	Phase    Phase           `json:"phase"`
	Back     string          `json:"back,omitempty"` // why it goes back; empty: it goes forward
	Halt     Halt            `json:"halt,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Choices  []Choice        `json:"choices,omitempty"` // what can be asked of it now
	Outcome  Outcome         `json:"outcome,omitempty"`
	Paused   string          `json:"paused,omitempty"`   // why; empty: it is not
	ByGuard  bool            `json:"by_guard,omitempty"` // a guard has paused it, and lets it go on
	BackAt   time.Time       `json:"back_at,omitzero"`   // when it goes back by itself, if that guard does not let it go on before
	Waiting  string          `json:"waiting,omitempty"`
	Steps    []StepStatus    `json:"steps"`
	Machines []MachineStatus `json:"machines"` // in the plan's order, those that were made for it last
	Guards   []Guard         `json:"guards,omitempty"`
	Done     int             `json:"done"`
	Total    int             `json:"total"`
	Began    time.Time       `json:"began"`
	ETA      time.Duration   `json:"eta_ns,omitempty"` // 0: not known
	Record   *ReleaseRecord  `json:"record,omitempty"`
	Run      *Run            `json:"run,omitempty"`
}

// StepStatus is one line of the plan.
type StepStatus struct {
	Name  string        `json:"name"`
	State StepState     `json:"state"`
	Text  string        `json:"text,omitempty"`
	Took  time.Duration `json:"took_ns,omitempty"`
}

// StepState is how far a step is.
type StepState string

// The states of a step.
const (
	StepPending StepState = "pending"
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
	StepSkipped StepState = "skipped"
)

// MachineStatus is one machine's line.
type MachineStatus struct {
	ID      string        `json:"id"`
	Region  string        `json:"region"`
	Group   string        `json:"group"`
	From    int           `json:"from,omitempty"` // release
	To      int           `json:"to,omitempty"`
	Step    string        `json:"step"` // queued, updating, starting, checks, healthy, reverting, lost, …
	State   StepState     `json:"state"`
	Passing int           `json:"passing"`
	Checks  int           `json:"checks"`
	Text    string        `json:"text,omitempty"` // what is wrong with it
	Took    time.Duration `json:"took_ns,omitempty"`
}
