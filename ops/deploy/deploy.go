// Package deploy puts a release of an application onto its machines, all of them, or takes it back by itself.
//
// It is built so that it can be killed at any point and so that it can be checked:
//
//	Plan       what goes where, in which order, what it touches and what it does not undo; hashed before it starts
//	Platform   the two things that are asked of a platform: look, and do one thing once
//	journal    beneath it: the file in which every intent is on disk before its effect
//	State      what a journal says, folded record by record
//	Next       the pure function that says the next step: from plan, state, what was observed, and the time
//	Run        the only part that acts: it does what Next says, and writes down what came of it
//
// What it never does: repeat a request whose outcome is unknown without looking first; start the release command twice,
// or end one that is not its own; put old code back onto a schema that is not known to carry it, unless told to by
// somebody who was told so; destroy the new machines once traffic was sent to them; take silence for health; end
// without a word that says how.
package deploy

// Outcome is how a deployment ended. Nothing follows it but the next deployment.
type Outcome string

// The outcomes.
const (
	// Deployed: every machine runs the new release, was seen healthy together with all others, and nothing is left over.
	Deployed Outcome = "deployed"
	// RolledBack: every machine runs what it ran before, and was seen healthy. Migrations that ran stay.
	RolledBack Outcome = "rolled_back"
	// Unchanged: it ended before it changed anything.
	Unchanged Outcome = "unchanged"
	// Abandoned: somebody decided to leave it as it is.
	Abandoned Outcome = "abandoned"
)

// Halt is why a deployment stands still and needs a human: going on and going back could both be wrong.
type Halt string

// The halts.
const (
	// HaltSchema: the new release failed, and the old one is not known to work with the schema as it is now.
	HaltSchema Halt = "halted_schema"
	// HaltCutover: the new machines failed after traffic had been sent to them; both fleets are left standing.
	HaltCutover Halt = "halted_cutover"
	// HaltRollback: not everything could be put back; the reason names the cause of each.
	HaltRollback Halt = "rollback_incomplete"
	// HaltMigration: it cannot be told whether the release command ran, or it still runs after its time.
	HaltMigration Halt = "migration_unknown"
	// HaltLease: somebody else holds a machine, or has changed one. Nothing was done after that was seen.
	HaltLease Halt = "lost_lease"
)

// Choice is what somebody asks of a deployment, while it runs or where it stands still.
type Choice string

// The choices.
const (
	// Resume goes on in the direction it had.
	Resume Choice = "resume"
	// Forward goes on with the new release after a rollback had begun.
	Forward Choice = "forward"
	// Abort goes back at the next point at which that is safe.
	Abort Choice = "abort"
	// RollBackAnyway goes back though the old release is not known to work with the schema.
	RollBackAnyway Choice = "rollback_anyway"
	// Ran says, of a release command whose end is not known, that it did its work: somebody has looked.
	Ran Choice = "ran"
	// Abandon leaves everything as it is and ends.
	Abandon Choice = "abandon"
	// Pause begins no further machine; what is under way is brought to its end.
	Pause Choice = "pause"
)

// Decisions are the choices that a deployment which stands still can wait for, the harmless first.
func Decisions() []Choice { return []Choice{Resume, Abort, Forward, Ran, RollBackAnyway, Abandon} }

// About is what a choice does, in words.
func (c Choice) About() string { return abouts[c] }

var abouts = map[Choice]string{
	Resume:         "take it up where it stands, and go on in the direction it had",
	Abort:          "go back at the next point at which that is safe: each machine that was changed gets what it ran before",
	Forward:        "go on with the new release after all, though the way back had begun",
	Ran:            "say that the release command did its work: you have looked, and it will not be run again",
	RollBackAnyway: "go back though the old release is not known to work with the schema as it is now",
	Abandon:        "leave every machine as it is, and end: what is mixed stays mixed",
	Pause:          "begin no further machine; what is under way is brought to its end",
}

// Phase is where a deployment is, for people.
type Phase string

// The phases, in the order in which they come.
const (
	Planned    Phase = "planned"
	Locking    Phase = "locking"
	Gating     Phase = "gates"
	Announcing Phase = "announcing" // the claim on the machines, the release record
	Migrating  Phase = "migrating"
	Soaking    Phase = "soaking"   // the old release on the new schema
	Canarying  Phase = "canary"    //
	GreenUp    Phase = "green_up"  // new machines beside the old ones
	Rolling    Phase = "rolling"   //
	Cutover    Phase = "cutover"   // traffic goes to the new machines: no way back
	Verifying  Phase = "verifying" // the whole fleet at once
	Cleaning   Phase = "cleaning"  // it is committed; what is not needed any more goes
	Reverting  Phase = "rolling_back"
	Rechecking Phase = "verifying_old"
	Releasing  Phase = "releasing" // leases are given back
	Parked     Phase = "parked"
	Ended      Phase = "ended"
)
