package replication

import (
	"cmp"
	"slices"
	"time"

	"ops-console/ops/postgres"
)

// Settings of a Tracker. The zero value of each field has a meaning.
type Settings struct {
	App           string
	PrimaryRegion string
	Interval      time.Duration // between two readings of a node; 0: 1 s
	Warn          time.Duration // lag that is a warning; 0: 1 s
	Critical      time.Duration // lag at which rpc_and_wait raises; 0: 5 s
	AppRegions    []string      // where instances run, whether there is a replica or not
	// Once says that there is no past to judge by: what the newest readings say is told at once. States need not be said
	// twice and conditions need not last (Rule, ops.Condition.After), and how long they have is unknown. Read sets it.
	Once bool
}

// Tracker makes snapshots out of readings. It asks nobody and knows no clock: what time it is comes with each call, and
// the same calls give the same snapshots. It is for one goroutine.
type Tracker struct {
	s       Settings
	members map[string]*member // by key
	list    []*member          // as listed, then those known only from what others say

	system    string    // identifier of the cluster; empty: unknown
	primary   *member   // the one, or the one that was when there was one; nil: none known, or more than one
	primaries []*member // that answer and say they are
	high      highest
	forks     map[uint32]LSN     // where a timeline left the one before, by timeline
	growth    map[string]*growth // by region
	problems  memory
	events    []Event // newest first
}

// highest is the furthest that a primary of the cluster has been seen.
type highest struct {
	timeline uint32
	lsn      LSN
	at       time.Time
}

// NewTracker knows nothing yet.
func NewTracker(s Settings) *Tracker {
	s.Interval = cmp.Or(s.Interval, time.Second)
	s.Warn = cmp.Or(s.Warn, time.Second)
	s.Critical = cmp.Or(s.Critical, 5*time.Second)
	t := &Tracker{
		s:        s,
		members:  map[string]*member{},
		forks:    map[uint32]LSN{},
		growth:   map[string]*growth{},
		problems: memory{held: map[about]held{}},
	}
	t.problems.once = s.Once
	t.AppRegions(s.AppRegions)
	return t
}

// Nodes sets the list of nodes. One that is not in it any more is forgotten.
func (t *Tracker) Nodes(nn []postgres.Node, now time.Time) {
	listed := map[string]bool{}
	var list []*member
	for _, n := range nn {
		k := n.Key()
		if listed[k] {
			continue
		}
		listed[k] = true
		m := t.members[k]
		if m == nil {
			m = &member{key: k}
			t.members[k] = m
			if len(t.list) > 0 {
				t.event(Event{At: now, Node: n.Name, Text: joined(", ", "listed from now on", n.From)})
			}
		}
		n.Config = nil
		m.conf = n
		list = append(list, m)
	}
	for _, m := range t.list {
		if m.ghost {
			list = append(list, m)
		} else if !listed[m.key] {
			delete(t.members, m.key)
			t.forget(m)
			t.event(Event{At: now, Node: m.name, Text: "not listed any more"})
		}
	}
	t.list = list
	t.name()
}

// forget drops what others remember of m.
func (t *Tracker) forget(m *member) {
	if t.primary == m {
		t.primary = nil
	}
	for _, o := range t.list {
		if o.up == m {
			o.up = nil
		}
		if o.heard != nil && o.heard.of == m {
			o.heard = nil
		}
		for _, s := range o.slots {
			if s.member == m {
				s.member = nil
			}
		}
	}
}

// name gives every member a name that no other has.
func (t *Tracker) name() {
	taken := map[string]bool{}
	for _, m := range t.list {
		n := cmp.Or(m.conf.Name, m.key)
		for taken[n] {
			n += " " + m.key
		}
		taken[n] = true
		m.name = n
	}
}

// once is Settings.Once.
func (t *Tracker) once() { t.s.Once, t.problems.once = true, true }

// AppRegions sets where instances run.
func (t *Tracker) AppRegions(codes []string) {
	cc := slices.Clone(codes)
	slices.Sort(cc)
	t.s.AppRegions = slices.DeleteFunc(slices.Compact(cc), func(c string) bool { return c == "" })
}

// Add takes a reading of the node with that key (postgres.Node.Key) in. One that is older than the newest is dropped.
func (t *Tracker) Add(key string, r *Reading) {
	m := t.members[key]
	if m == nil || r == nil || m.last != nil && !r.Sent.After(m.last.Sent) {
		return
	}
	t.changes(m, r)
	m.take(r)
	if r.InRecovery {
		m.enqueue(r)
	} else {
		t.lead(m, r)
	}
	t.hear(m, r)
	t.noteSlots(m, r)
}

// Fail says that a node could not be read at a moment.
func (t *Tracker) Fail(key string, f *postgres.Failure, at time.Time) {
	m := t.members[key]
	if m == nil || f == nil {
		return
	}
	since := at
	if m.broken != nil {
		since = m.broken.since
	}
	m.broken = &outage{Failure: f, since: since}
	m.ticks++
}

// Sample takes a flush LSN of the node with that key in.
func (t *Tracker) Sample(key string, s Sample) {
	m := t.members[key]
	if m == nil || s.Flush == 0 || m.last == nil || m.last.InRecovery {
		return
	}
	t.mark(m, mark{s.Sent, s.Received, s.Flush})
	m.insert(s.Insert, s.Flush, s.Received)
}

func (t *Tracker) mark(m *member, k mark) {
	if m.ring.add(k) {
		t.event(Event{At: k.received, Node: m.name, LSN: k.lsn, Text: "the flush LSN went back: lags are judged anew from here"})
	}
}

// lead takes in what a node that says it is a primary said.
func (t *Tracker) lead(m *member, r *Reading) {
	flush := r.Positions.Flush
	if flush == 0 {
		return
	}
	t.mark(m, mark{r.Sent, r.Received, flush})
	m.insert(r.Positions.Insert, flush, r.Received)
	if r.SystemID != t.system && t.system != "" {
		return
	}
	if f := r.Positions.Fork; f != 0 && r.WALFileTLI > 1 {
		// A crash recovery leaves a value there too: only the first that is seen with a timeline is where it began.
		if _, known := t.forks[r.WALFileTLI]; !known {
			t.forks[r.WALFileTLI] = f
		}
	}
	h := highest{r.WALFileTLI, flush, r.Received}
	if h.timeline > t.high.timeline || h.timeline == t.high.timeline && h.lsn >= t.high.lsn {
		t.high = h
	}
}
