package replication

import (
	"testing"
	"time"

	"ops-console/ops/postgres"
)

// FuzzTracker lets a stream of bytes choose what a Tracker is told, sensible or not, and holds that nothing makes it panic,
// contradict itself, or claim what it cannot know.
func FuzzTracker(f *testing.F) {
	f.Add([]byte("the quick brown fox jumps over the lazy dog, again and again and again"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255, 254, 253, 128, 127, 64, 32})
	f.Fuzz(play)
}

// play tells a Tracker what data says.
func play(t *testing.T, data []byte) {
	if len(data) > 1024 {
		return
	}
	b := &source{data: data}
	var nodes []postgres.Node
	for i := range 5 {
		name := string(rune('a' + i%4)) // two have one name
		nodes = append(nodes, postgres.Node{Name: name, Region: []string{"", "x", "y"}[i%3], Host: string(rune('a' + i)), Port: 5432, Expect: []postgres.Role{postgres.RolePrimary, postgres.RoleReplica, ""}[i%3]})
	}
	tr := NewTracker(Settings{App: "f", PrimaryRegion: "x", AppRegions: []string{"z", "x"}})
	tr.Nodes(nodes, at(0))
	now := 0.0
	for b.more() {
		now += float64(b.next()) / 40
		n := nodes[b.next()%5]
		switch b.next() % 8 {
		case 0, 1, 2, 3:
			tr.Add(n.Key(), b.reading(now))
		case 4:
			tr.Fail(n.Key(), &postgres.Failure{Kind: postgres.FailTimeout, Text: "no answer"}, at(now))
		case 5:
			tr.Sample(n.Key(), Sample{Sent: at(now - float64(b.next())/100), Received: at(now), Flush: LSN(b.next()), Insert: LSN(b.next())})
		case 6:
			k := b.next() % 6
			tr.Nodes(nodes[:min(k, 5)], at(now))
			tr.AppRegions([]string{"y", "", "y", "w"}[:k%4])
		case 7:
			s := tr.Snapshot(at(now))
			consistent(t, s)
			for _, n := range s.Nodes {
				if n.ReadAt.IsZero() && n.Lag.Kind == LagCaughtUp && n.Lag.Source != FromPrimary {
					t.Fatalf("%s was never read and is told to have caught up", n.Name)
				}
			}
		}
	}
	consistent(t, tr.Snapshot(at(now)))
}

// source gives small numbers out of bytes, and zeros when they are used up.
type source struct {
	data []byte
	pos  int
}

func (b *source) more() bool { return b.pos < len(b.data) }

func (b *source) next() int {
	if !b.more() {
		return 0
	}
	b.pos++
	return int(b.data[b.pos-1])
}

func (b *source) lsn() LSN { return LSN(b.next() % 64 * 1000) }

func (b *source) pick(ss ...string) string { return ss[b.next()%len(ss)] }

func (b *source) reading(now float64) *Reading {
	r := &Reading{
		Sent: at(now - float64(b.next()%16)/10), Received: at(now), Now: at(now + float64(b.next())),
		Boot: at(float64(-b.next() % 4)), SystemID: b.pick("1", "1", "1", "2", ""), InRecovery: b.next()%3 > 0,
		ControlTLI: uint32(b.next() % 4), WALFileTLI: uint32(b.next() % 4), Version: b.next() * 10000, Monitor: b.next()%2 > 0,
		Positions:  Positions{Flush: b.lsn(), Write: b.lsn(), Insert: b.lsn(), Receive: b.lsn(), Replay: b.lsn(), Fork: b.lsn()},
		LastCommit: at(now - float64(b.next())), Paused: b.pick("", "", "paused", "pause requested"),
		ApplyDelay: time.Duration(b.next()%3) * time.Second, SyncWaiters: b.next() % 2, SyncNames: b.pick("", "a"),
		StartupWait: b.pick("", "RecoveryConflictSnapshot", "\x1b[31m"), Conflicts: int64(b.next()%9 - 1), SegmentSize: int64(b.next()),
		MaxSlotKeep: int64(b.next() - 1), MaxWALSize: int64(b.next()), Watchers: b.next()%4 - 1, AppSessions: b.next()%4 - 1, FreeSenders: b.next()%3 - 1,
	}
	r.Capabilities.WatchFunction = b.next()%2 > 0
	for range b.next() % 4 {
		r.Senders = append(r.Senders, SenderRow{
			PID: b.next() % 8, Application: b.pick("a", "b", "c", "walreceiver", "", "pg_basebackup"), Client: b.pick("", "a", "e"),
			State: b.pick("streaming", "catchup", "", "backup"), Sent: b.lsn(), Write: b.lsn(), Flush: b.lsn(), Replay: b.lsn(), Reply: at(float64(b.next())),
		})
	}
	for range b.next() % 3 {
		safe := int64(b.next()) - 5
		r.Slots = append(r.Slots, SlotRow{Name: b.pick("s1", "s2", "s1"), Type: b.pick("physical", "logical"), Active: b.next()%2 > 0, ActivePID: b.next() % 8, Restart: b.lsn(), WALStatus: b.pick("reserved", "lost", "unreserved"), Safe: &safe})
	}
	if b.next()%2 > 0 {
		r.Receiver = &ReceiverRow{PID: b.next() % 8, Status: b.pick("streaming", "waiting", ""), Written: b.lsn(), Flushed: b.lsn(), TLI: uint32(b.next() % 4), Host: b.pick("a", "b", "c"), Port: 5432, Slot: b.pick("", "s1", "s2"), LastGot: at(float64(b.next()))}
	}
	if b.next()%8 == 0 {
		r.Aurora = []AuroraRow{{Server: b.pick("a", "b"), Lag: time.Duration(b.next()) * time.Millisecond, At: at(float64(b.next()))}}
	}
	return r
}
