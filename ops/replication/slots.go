package replication

import (
	"cmp"
	"slices"
	"time"

	"ops-console/ops/plaintext"
)

// When a slot is worth a warning, or worse.
const (
	slotInactiveWarns = 10 * time.Minute
	slotRetainedWarns = 1 << 30
	slotSafeShare     = 0.2
	slotLossSoon      = 30 * time.Minute
	slotRests         = 10 * time.Second
)

// slotMemory is what is remembered of a slot.
type slotMemory struct {
	on       *member
	row      SlotRow
	came     time.Time // of the reading that had it
	owner    string    // who uses it or last did
	member   *member   // the same, where it is a node
	inactive time.Time // since when it was seen to be; zero: it is active
	moved    time.Time // when its restart LSN was seen to move
}

// noteSlots takes in the slots of a node.
func (t *Tracker) noteSlots(m *member, r *Reading) {
	if m.twin != nil {
		m.slots = nil
		return
	}
	was := m.slots
	m.slots = make([]*slotMemory, 0, len(r.Slots))
	for _, row := range r.Slots {
		s := &slotMemory{on: m, moved: r.Received}
		if i := slices.IndexFunc(was, func(o *slotMemory) bool { return o.row.Name == row.Name }); i >= 0 {
			s = was[i]
		} else {
			s.row.Restart = row.Restart
		}
		if row.Restart != s.row.Restart {
			s.moved = r.Received
		}
		if row.WALStatus == "lost" && s.row.WALStatus != "lost" && !s.came.IsZero() {
			t.event(Event{At: r.Received, Node: m.name, LSN: s.row.Restart, Text: joined(": ", "slot "+plaintext.Line(row.Name, 64)+" is lost", row.Invalidation)})
		}
		switch {
		case row.Active:
			s.inactive = time.Time{}
		case s.inactive.IsZero():
			s.inactive = r.Received
		}
		s.row, s.came = row, r.Received
		t.own(s, r)
		m.slots = append(m.slots, s)
	}
	slices.SortFunc(m.slots, func(a, b *slotMemory) int { return cmp.Compare(a.row.Name, b.row.Name) })
}

// own finds who uses a slot.
func (t *Tracker) own(s *slotMemory, r *Reading) {
	for _, m := range t.list {
		if m == s.on {
			continue
		}
		h := m.heard
		if s.row.Active && h != nil && h.of == s.on && h.gone.IsZero() && h.row.PID == s.row.ActivePID && h.row.PID != 0 {
			s.member, s.owner = m, m.name
			return
		}
		if s.member == nil && m.slot == s.row.Name && (m.up == nil || m.up == s.on) && m.twin == nil {
			s.member, s.owner = m, m.name
		}
	}
	if s.member != nil && t.members[s.member.key] == nil {
		s.member = nil
	}
	if !s.row.Active {
		return
	}
	for _, row := range r.Senders {
		if row.PID == s.row.ActivePID && row.PID != 0 && row.Application != "" && s.member == nil {
			s.owner = plaintext.Line(row.Application, 64)
		}
	}
}

// assign gives every replica the slot that it uses or last used. Of several it is that of its upstream.
func (t *Tracker) assign() {
	for _, m := range t.list {
		m.served = nil
	}
	for _, on := range t.list {
		for _, s := range on.slots {
			if m := s.member; m != nil && (m.served == nil || s.on == m.up && m.served.on != m.up) {
				m.served = s
			}
		}
	}
}

// slotOf is the slot that a replica uses or last used, and the node that has it; nil: none is known.
func (t *Tracker) slotOf(m *member) (*SlotRow, *member) {
	if m.served == nil {
		return nil, nil
	}
	return &m.served.row, m.served.on
}

// allSlots are the slots of all nodes, by node in their order and name.
func (v *view) allSlots() []Slot {
	n := 0
	for _, m := range v.order {
		n += len(m.slots)
	}
	out := make([]Slot, 0, n)
	for _, m := range v.order {
		for _, s := range m.slots {
			out = append(out, v.slot(s))
		}
	}
	return out
}

func (v *view) slot(s *slotMemory) Slot {
	row := s.row
	out := Slot{
		Node: s.on.name, Name: plaintext.Line(row.Name, 64), Type: plaintext.Line(row.Type, 16), Active: row.Active, Owner: s.owner,
		Safe: row.Safe, WALStatus: plaintext.Line(row.WALStatus, 16), Invalidation: plaintext.Line(row.Invalidation, 64),
	}
	if s.member != nil {
		out.Owner = s.member.name
	}
	end := head(s.on.last)
	if k, ok := s.on.ring.newest(); ok && !s.on.last.InRecovery {
		end = max(end, k.lsn)
	}
	if row.Restart != 0 {
		n := bytesBehind(end, row.Restart)
		out.Retained = &n
	}
	if !row.Active {
		if at := row.InactiveAt; !at.IsZero() && !s.on.last.Now.IsZero() {
			out.InactiveFor = secs(v.now.Sub(s.came.Add(-max(s.on.last.Now.Sub(at), 0))))
		} else if !v.t.s.Once {
			out.InactiveFor = secs(v.now.Sub(s.inactive))
		}
	}
	if rate := v.walRate(s.on); rate != nil && row.Safe != nil && *row.Safe > 0 && (!row.Active || s.came.Sub(s.moved) >= slotRests) {
		if r := cmp.Or(rate.Long, rate.Now); r > 0 {
			eta := float64(*row.Safe) / r
			out.ETAToLoss = &eta
		}
	}
	out.Level = slotLevel(out, s.on.last)
	return out
}

// slotLevel judges a slot.
func slotLevel(s Slot, r *Reading) Level {
	switch {
	case s.WALStatus == "lost":
		return LevelCritical
	case !s.Active && nearLoss(s, r):
		return LevelCritical
	case s.WALStatus == "unreserved", unused(s), retainsMuch(s, r):
		return LevelWarning
	}
	return LevelOK
}

// unused tells whether a slot looks given up. Where it is unknown for how long it has not been used, whoever is known to
// use it says more.
func unused(s Slot) bool {
	if s.InactiveFor == nil {
		return !s.Active && s.Owner == ""
	}
	return *s.InactiveFor >= slotInactiveWarns.Seconds()
}

func nearLoss(s Slot, r *Reading) bool {
	return s.WALStatus == "unreserved" ||
		s.Safe != nil && r.MaxSlotKeep > 0 && float64(*s.Safe) < slotSafeShare*float64(r.MaxSlotKeep) ||
		s.ETAToLoss != nil && *s.ETAToLoss < slotLossSoon.Seconds()
}

// retainsMuch tells whether a slot holds back more WAL than the server otherwise keeps by far.
func retainsMuch(s Slot, r *Reading) bool {
	return s.Retained != nil && (*s.Retained > slotRetainedWarns || r.MaxWALSize > 0 && *s.Retained > 2*r.MaxWALSize)
}
