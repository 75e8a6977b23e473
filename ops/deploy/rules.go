package deploy

// rule is something the engine must never fail to do. Each can be broken by the tests, and only by them, to prove that
// breaking it is noticed.
type rule uint32

const (
	ruleVerify     rule = 1 << iota // the whole fleet is seen healthy before it is committed
	ruleTouched                     // whatever may have been changed is put back, not only what was seen to work
	ruleRunKey                      // the machine of the release command is found again by its key
	ruleRunOnce                     // the release command is started once
	ruleEligible                    // old code never goes onto a schema it is not known to work with
	ruleWaitRun                     // nothing goes back under a release command that may be running
	ruleLeaseFirst                  // every machine is held before the first change
	ruleRenew                       // leases are kept alive
	ruleFence                       // whoever lost a lease stops
	ruleVersion                     // an update names the version it replaces
	ruleSettle                      // after an unclear outcome it waits before it believes what it sees
	ruleIdentity                    // a machine is what its mark and digest say, not what was asked for
	ruleRestart                     // one restart in place before a machine is judged
	ruleCutover                     // no way back once traffic went to the new machines
	ruleRoom                        // no more machines away than the plan allows
	ruleDoubles                     // what was made twice is removed
	ruleLook                        // after an unclear create it looks before it makes another
	ruleTruth                       // the platform's release record says how it really ended
	ruleStable                      // healthy means for a while, not once
	ruleMonitor                     // machines that were healthy are watched until the end
	ruleSoak                        // the old release is watched on the new schema before it is replaced
	ruleUnchanged                   // machines that changed since the plan was made are not touched
	ruleLost                        // a host that cannot be reached is not a machine that is gone or ill
	ruleForeignRun                  // somebody else's release command is waited for
	ruleMarkRun                     // the release command is started once the mark says so
)

// rules are those that are broken: none, but in tests.
type rules = rule

func (r rules) broken(x rule) bool { return r&x != 0 }
