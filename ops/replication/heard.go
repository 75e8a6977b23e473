package replication

import (
	"cmp"
	"slices"
	"time"

	"ops-console/ops/postgres"
)

// heard is what an upstream says of a replica, and how that has changed.
type heard struct {
	of         *member
	row        SenderRow // its last values
	asked      time.Time // of the newest reading of the upstream that looked for the row
	came       time.Time
	seen       time.Time // of the newest that had it
	replied    time.Time // when a reading first had this reply
	fresh      bool      // the newest reading had a reply, or positions, that the one before had not
	gone       time.Time // of the first reading without the row; zero: it is there
	limit      LSN       // what the upstream had at the newest reading with news, or at the first without
	ticks      int       // readings of the upstream
	everything bool      // the row had positions: the upstream lets us see them
}

// silence is how long a sender may go without a new reply before that is worth a word.
const silence = 2 * time.Second

// most is the furthest that the replica can have got by what its upstream knows. told is what it told. Whatever arrives
// there is replied to: so it has nothing that the upstream did not have when there was no new reply for the first time.
func (h *heard) most(told LSN) LSN { return max(h.limit, told) }

// attached tells whether the upstream, as far as it answers, has the replica.
func (h *heard) attached() bool { return h != nil && h.gone.IsZero() && h.of.alive() }

func (h *heard) update(row SenderRow, r *Reading) {
	was := h.row
	blind := row.State == "" && row.Sent == 0
	if blind {
		// Not allowed to see more, or a sender that is just starting: what it said before still holds.
		row.Sent, row.Write, row.Flush, row.Replay = was.Sent, was.Write, was.Flush, was.Replay
	} else {
		h.everything = true
	}
	fresh := h.seen.IsZero() || !h.gone.IsZero() || blind ||
		!row.Reply.Equal(was.Reply) || row.Write != was.Write || row.Flush != was.Flush || row.Replay != was.Replay
	h.news(fresh, r)
	h.row, h.seen, h.gone = row, r.Received, time.Time{}
}

func (h *heard) miss(r *Reading) {
	h.news(false, r)
	if h.gone.IsZero() {
		h.gone = r.Received
	}
}

// news takes in a reading that has, or has not, something new.
func (h *heard) news(fresh bool, r *Reading) {
	if fresh || h.fresh {
		h.limit = head(r)
	}
	if fresh {
		h.replied = r.Received
	}
	h.fresh, h.asked, h.came = fresh, r.Sent, r.Received
	h.ticks++
}

// notReplicas are programs that stream WAL and replay none.
var notReplicas = []string{"pg_basebackup", "pg_rewind", "pg_receivewal", "pg_recvlogical"}

// replicas are the rows of pg_stat_replication that stand for replicas.
func replicas(r *Reading) []SenderRow {
	logical := func(s SenderRow) bool {
		return slices.ContainsFunc(r.Slots, func(sl SlotRow) bool { return sl.Type == "logical" && sl.ActivePID == s.PID && s.PID != 0 })
	}
	other := func(s SenderRow) bool {
		return s.State == "backup" || slices.Contains(notReplicas, s.Application) || logical(s)
	}
	if !slices.ContainsFunc(r.Senders, other) {
		return r.Senders
	}
	return slices.DeleteFunc(slices.Clone(r.Senders), other)
}

// hear takes in what u says of those that stream from it.
func (t *Tracker) hear(u *member, r *Reading) {
	if u.twin != nil || t.foreign(u) {
		return
	}
	rows := replicas(r)
	found := t.match(u, r, rows)
	for _, m := range t.list {
		if m == u {
			continue
		}
		i := slices.Index(found, m)
		switch {
		case i >= 0:
			if m.heard == nil || m.heard.of != u {
				m.heard = &heard{of: u}
			}
			m.heard.update(rows[i], r)
			m.sent.add(rows[i].PID, r.Received, max(rows[i].Write, rows[i].Flush))
			m.up = u
		case m.heard != nil && m.heard.of == u:
			m.heard.miss(r)
		}
	}
	// A row that turned out to be that of a listed replica was never that of another.
	for i, m := range found {
		if m == nil || m.ghost {
			continue
		}
		for _, g := range t.list {
			if g.ghost && g.heard != nil && g.heard.of == u && g.heard.row.PID == rows[i].PID {
				g.mistaken = true
			}
		}
	}
	t.dropGhosts(r.Received)
}

// match finds the member that each row stands for, making one up where there is none; nil: it cannot be told.
func (t *Tracker) match(u *member, r *Reading, rows []SenderRow) []*member {
	found := make([]*member, len(rows))
	free := func(m *member) bool { return m != u && m.twin == nil && !slices.Contains(found, m) }
	ways := []func(SenderRow, *member) bool{
		func(s SenderRow, m *member) bool {
			return s.Application != "" && s.Application == m.conf.Name && !m.ghost
		},
		func(s SenderRow, m *member) bool {
			return m.slot != "" && slices.ContainsFunc(r.Slots, func(sl SlotRow) bool {
				return sl.Name == m.slot && sl.ActivePID == s.PID && s.PID != 0
			})
		},
		func(s SenderRow, m *member) bool {
			return s.Client != "" && !m.ghost && !m.leading() && (s.Client == m.conf.Host || m.last != nil && s.Client == m.last.Address)
		},
		func(s SenderRow, m *member) bool { return m.ghost && m.key == ghostKey(u, s) },
	}
	for _, is := range ways {
		for i, s := range rows {
			if found[i] != nil {
				continue
			}
			var one *member
			n := 0
			for _, m := range t.list {
				if is(s, m) && free(m) {
					one = m
					n++
				}
			}
			// What fits two fits none.
			if n == 1 {
				found[i] = one
			}
		}
	}
	t.pair(u, found, free)
	for i, s := range rows {
		if found[i] == nil {
			found[i] = t.ghost(u, s, free)
		}
	}
	return found
}

// pair gives the last row without a member to the only replica whose receiver says that it streams from u.
func (t *Tracker) pair(u *member, found []*member, free func(*member) bool) {
	i := slices.Index(found, nil)
	if i < 0 || slices.Contains(found[i+1:], nil) {
		return
	}
	var one *member
	for _, m := range t.list {
		if !m.ghost && free(m) && m.streamsFrom(u) {
			if one != nil {
				return
			}
			one = m
		}
	}
	found[i] = one
}

// streamsFrom tells whether its receiver names u.
func (m *member) streamsFrom(u *member) bool {
	if !m.recovering() || m.last.Receiver == nil || u.ghost {
		return false
	}
	w := m.last.Receiver
	host := w.Host != "" && (w.Host == u.conf.Host || u.last != nil && w.Host == u.last.Address)
	return host && w.Port == int(u.conf.Port)
}

func ghostKey(u *member, s SenderRow) string {
	return u.key + "/" + s.Application + "/" + s.Client
}

// ghost is a replica that no address is known of.
func (t *Tracker) ghost(u *member, s SenderRow, free func(*member) bool) *member {
	// A row that may be that of a listed replica which could not be told from others, or has not been asked yet, is not
	// another replica.
	for _, m := range t.list {
		if !m.ghost && free(m) && (m.streamsFrom(u) || m.last == nil && m.broken == nil) {
			return nil
		}
	}
	k := ghostKey(u, s)
	if t.members[k] != nil {
		return nil
	}
	m := &member{key: k, ghost: true}
	m.conf = postgres.Node{Name: cmp.Or(s.Application, s.Client, "a replica of "+u.name)}
	t.members[k] = m
	t.list = append(t.list, m)
	t.name()
	return m
}

// remembered is how long a replica that was known only from its upstream stays when it has gone.
const remembered = time.Hour

// dropGhosts forgets those that are long gone, and those that have been listed since or stream from another node now.
func (t *Tracker) dropGhosts(now time.Time) {
	n := len(t.list)
	t.list = slices.DeleteFunc(t.list, func(m *member) bool {
		if !m.ghost || m.heard != nil && m.heard.gone.IsZero() {
			return false
		}
		known := slices.ContainsFunc(t.list, func(o *member) bool {
			return o != m && o.conf.Name == m.conf.Name && (!o.ghost || o.heard.attached())
		})
		if !known && !m.mistaken && m.heard != nil && now.Sub(m.heard.gone) < remembered {
			return false
		}
		delete(t.members, m.key)
		return true
	})
	if len(t.list) != n {
		t.name()
	}
}
