package replication

import "time"

// Rule is how soon a state is told.
type Rule struct {
	State State
	Level Level
	// Readings is how many in a row have to say so.
	Readings int
	// Holds is how long what makes the state has to have lasted by then.
	Holds time.Duration
	// Within is how long it takes at most from the moment on which the servers show it, where each is read every second:
	// Holds, one interval until the first reading, one for each more, and the time limits of readings that fail.
	Within time.Duration
	// What makes it, in words.
	What string
}

// How many readings it takes to enter a bad state and to leave one for a good one, and how long what some states are made of
// has to last.
const (
	enterReadings = 2
	leaveReadings = 5
	detachedAfter = 3 * time.Second
	silentAfter   = 3 * time.Second
	idleSilent    = 35 * time.Second // a healthy idle link is silent for up to half of wal_sender_timeout
	flapsIn       = 30 * time.Second
	flaps         = 3
)

// rules is never written to. The order is that of precedence.
var rules = []Rule{
	{Unreachable, LevelUnknown, 2, 0, 7 * time.Second, "two attempts in a row to read it failed"},
	{Foreign, LevelCritical, 2, 0, 3 * time.Second, "its system identifier is not that of the cluster"},
	{Misrouted, LevelWarning, 2, 0, 3 * time.Second, "system identifier and start time are those of another node in the list"},
	{SplitBrain, LevelCritical, 2, 0, 3 * time.Second, "two nodes of one system identifier are not in recovery"},
	{Restored, LevelCritical, 2, 0, 3 * time.Second, "a primary whose WAL ends before where it was seen to be"},
	{Primary, LevelOK, 1, 0, 2 * time.Second, "not in recovery"},
	{Diverged, LevelCritical, 2, 0, 4 * time.Second, "on an older timeline than its primary, and has replayed beyond the fork"},
	{Orphaned, LevelWarning, 2, 0, 4 * time.Second, "on an older timeline than its primary, and has not replayed beyond the fork"},
	{Lost, LevelCritical, 2, 0, flapsIn + 4*time.Second, "its slot is lost, or three receiver processes in 30 s have received nothing"},
	{Paused, LevelWarning, 2, 0, 3 * time.Second, "replay is paused, or asked to pause"},
	{Detached, LevelWarning, 2, detachedAfter, detachedAfter + 3*time.Second, "no receiver, and no sender has it"},
	{Silent, LevelWarning, 2, silentAfter, silentAfter + 4*time.Second, "the receiver streams, has heard nothing for 3 s, and there is more WAL than it has; or for 35 s"},
	{Blocked, LevelWarning, 2, 0, 3 * time.Second, "replay waits for a query (RecoveryConflict…)"},
	{Delayed, LevelOK, 2, 0, 3 * time.Second, "recovery_min_apply_delay is set, and it is no further behind than that and the critical limit"},
	{CatchUp, LevelWarning, 2, 0, 5 * time.Second, "its sender says catchup; or it is behind by more than the critical limit and gets nearer"},
	{FallingBehind, LevelWarning, 2, 0, 5 * time.Second, "behind by more than the critical limit and not getting nearer"},
	{Lagging, LevelWarning, 2, 0, 4 * time.Second, "the estimate of the lag is above the warning limit"},
	{Streaming, LevelOK, 5, 0, 8 * time.Second, "none of these, and WAL arrives"},
	{StateUnknown, LevelUnknown, 2, 0, 7 * time.Second, "too little is known"},
}

// Rules is how soon each state is told, in the order of precedence: of the states that hold the first is told.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// RuleOf is the rule of a state.
func RuleOf(s State) Rule {
	for _, r := range rules {
		if r.State == s {
			return r
		}
	}
	return Rule{State: s, Level: LevelUnknown}
}

// standing is the state that is told of a node, and what speaks for another.
type standing struct {
	state  State
	since  time.Time // zero: it was so when first seen
	reason string
	ticks  int // of the member when it was last judged

	next  State // what the newest readings say instead
	times int   // how many in a row said next
	other int   // how many in a row said anything else than state
	first time.Time
}

// good tells of states that nobody needs to do anything about.
func good(s State) bool { return RuleOf(s).Level == LevelOK }

// judge takes in what a reading says, and tells whether the state that is told has changed. ticks counts readings: the same
// reading is not counted twice. Where there is no past (once) the newest reading is right, and nothing has changed.
func (s *standing) judge(raw State, reason string, ticks int, at time.Time, once bool) (changed bool) {
	if once {
		*s = standing{state: raw, reason: reason, ticks: ticks}
		return false
	}
	if s.state == "" || s.state == StateUnknown && raw != StateUnknown {
		known := s.state != ""
		*s = standing{state: raw, reason: reason, ticks: ticks}
		if known {
			s.since = at
		}
		return known
	}
	if raw == s.state {
		s.reason, s.ticks = reason, ticks
		s.next, s.times, s.other = "", 0, 0
		return false
	}
	if ticks != s.ticks {
		if s.other == 0 {
			s.first = at
		}
		s.ticks = ticks
		s.other++
		if raw != s.next {
			s.next, s.times = raw, 0
		}
		s.times++
	}
	if !s.convinced(raw) {
		return false
	}
	*s = standing{state: raw, since: s.first, reason: reason, ticks: ticks}
	return true
}

func (s *standing) convinced(raw State) bool {
	switch {
	case raw == Primary, s.state == Unreachable:
		// An answer is proof.
		return s.other > 0
	case good(raw) && good(s.state):
		return s.times >= enterReadings
	case good(raw):
		return s.other >= leaveReadings && s.times >= enterReadings
	}
	// States that take turns are bad all the same.
	return s.times >= RuleOf(raw).Readings || s.other > leaveReadings
}
