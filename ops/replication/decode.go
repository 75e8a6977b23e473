package replication

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/plaintext"
)

// How long names and queries from servers may be, in characters.
const (
	longestName  = 128
	longestList  = 1000
	longestQuery = 500
)

// errNoCore says that an answer is not one to query.
var errNoCore = errors.New("the answer lacks its core")

// answer is the JSON that query asks for. What is absent or null is unknown; a value of another type is an error; names
// that are not here are passed over.
type answer struct {
	Core *struct {
		Version  int    `json:"version"`
		Recovery *bool  `json:"recovery"`
		Now      epoch  `json:"now"`
		Boot     epoch  `json:"boot"`
		Address  string `json:"address"`
		Monitor  bool   `json:"monitor"`
	} `json:"core"`
	WAL struct {
		Replay LSN   `json:"replay"`
		Flush  LSN   `json:"flush"`
		Write  LSN   `json:"write"`
		Insert LSN   `json:"insert"`
		Commit epoch `json:"commit"`
	} `json:"wal"`
	Receive  LSN    `json:"receive"`
	Fork     LSN    `json:"fork"`
	Timeline string `json:"timeline"` // eight hexadecimal digits
	Control  struct {
		System     string `json:"system"`
		Timeline   uint32 `json:"timeline"`
		Checkpoint epoch  `json:"checkpoint"`
	} `json:"control"`
	Pause    string `json:"pause"`
	Settings struct {
		ApplyDelay  span   `json:"apply_delay"`
		Feedback    string `json:"feedback"`
		UsesSlot    string `json:"uses_slot"`
		SyncNames   string `json:"sync_names"`
		WALLevel    string `json:"wal_level"`
		WALLogHints string `json:"wal_log_hints"`
		Checksums   string `json:"checksums"`
		SegmentSize int64  `json:"segment_size"`
		MaxSlotKeep *int64 `json:"max_slot_keep"`
		MaxWALSize  int64  `json:"max_wal_size"`
		MaxSenders  *int   `json:"max_senders"`
		MaxDelay    string `json:"max_delay"`
	} `json:"settings"`
	ReadOnly struct {
		Default   string   `json:"default"`
		Explained bool     `json:"explained"`
		Databases []string `json:"databases"`
	} `json:"read_only"`
	Senders  *[]senderAnswer `json:"senders"`
	Slots    []slotAnswer    `json:"slots"`
	Receiver *receiverAnswer `json:"receiver"`
	Activity *struct {
		Startup     string `json:"startup"`
		SyncWaiters int    `json:"sync_waiters"`
		Watchers    int    `json:"watchers"`
		Sessions    int    `json:"sessions"`
	} `json:"activity"`
	Blockers []struct {
		PID         int    `json:"pid"`
		Query       string `json:"query"`
		User        string `json:"user"`
		Application string `json:"application"`
		Age         span   `json:"age"`
	} `json:"blockers"`
	Conflicts *int64 `json:"conflicts"`
	Archiver  struct {
		Mode    string `json:"mode"`
		Failing bool   `json:"failing"`
	} `json:"archiver"`
	Aurora []struct {
		Server  string `json:"server"`
		Session string `json:"session"`
		Lag     span   `json:"lag"`
		Durable uint64 `json:"durable"`
		Read    uint64 `json:"read"`
		At      epoch  `json:"at"`
	} `json:"aurora"`
}

type senderAnswer struct {
	PID         int    `json:"pid"`
	Application string `json:"application"`
	Client      string `json:"client"`
	State       string `json:"state"`
	Sent        LSN    `json:"sent"`
	Write       LSN    `json:"write"`
	Flush       LSN    `json:"flush"`
	Replay      LSN    `json:"replay"`
	ReplayLag   *span  `json:"replay_lag"`
	Sync        string `json:"sync"`
	Reply       epoch  `json:"reply"`
}

type slotAnswer struct {
	Name         string `json:"name"`
	Type         string `json:"type"`
	Active       bool   `json:"active"`
	PID          int    `json:"pid"`
	Restart      LSN    `json:"restart"`
	Status       string `json:"status"`
	Safe         *int64 `json:"safe"`
	Invalidation string `json:"invalidation"`
	Inactive     epoch  `json:"inactive"`
}

type receiverAnswer struct {
	PID      int    `json:"pid"`
	Status   string `json:"status"`
	Written  LSN    `json:"written"`
	Flushed  LSN    `json:"flushed"`
	Timeline uint32 `json:"timeline"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Slot     string `json:"slot"`
	Sent     epoch  `json:"sent"`
	Got      epoch  `json:"got"`
}

// decodeReading makes a Reading of a server's answer to query. Its times of sending and receiving, its capabilities, and
// what was refused are for the caller to fill in.
func decodeReading(text string) (*Reading, error) {
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	if a.Core == nil || a.Core.Recovery == nil || a.Core.Version <= 0 {
		return nil, fmt.Errorf("read the server's answer: %w", errNoCore)
	}
	timeline, err := walFileTimeline(a.Timeline)
	if err != nil {
		return nil, err
	}
	r := &Reading{
		Version: a.Core.Version, InRecovery: *a.Core.Recovery, Now: a.Core.Now.Time, Boot: a.Core.Boot.Time,
		SystemID: name(a.Control.System), ControlTLI: a.Control.Timeline, WALFileTLI: timeline,
		Address: name(a.Core.Address), ReadOnly: readOnly(&a),
		Positions: Positions{
			Flush: a.WAL.Flush, Write: a.WAL.Write, Insert: a.WAL.Insert,
			Receive: a.Receive, Replay: a.WAL.Replay, Fork: a.Fork,
		},
		LastCommit: a.WAL.Commit.Time,
		ApplyDelay: max(0, a.Settings.ApplyDelay.Duration), Feedback: a.Settings.Feedback == "on",
		UsesSlot: name(a.Settings.UsesSlot), SyncNames: plaintext.Line(a.Settings.SyncNames, longestList), Monitor: a.Core.Monitor,
		Conflicts: known(a.Conflicts), SegmentSize: a.Settings.SegmentSize, WALLevel: name(a.Settings.WALLevel),
		WALLogHints: a.Settings.WALLogHints == "on" || a.Settings.Checksums == "on",
		MaxSlotKeep: known(a.Settings.MaxSlotKeep), MaxWALSize: a.Settings.MaxWALSize,
		ArchiveFailing: a.Archiver.Failing && a.Archiver.Mode != "off" && a.Archiver.Mode != "",
		FreeSenders:    freeSenders(&a),
	}
	if a.Pause != "not paused" {
		r.Paused = name(a.Pause)
	}
	if t := a.Control.Checkpoint.Time; !t.IsZero() && !r.Now.IsZero() {
		r.CheckpointAge = max(0, r.Now.Sub(t))
	}
	fillActivity(r, &a)
	fillRows(r, &a)
	return r, nil
}

func readOnly(a *answer) []string {
	var dd []string
	if a.ReadOnly.Default == "on" && !a.ReadOnly.Explained {
		dd = append(dd, "*")
	}
	for _, d := range a.ReadOnly.Databases {
		dd = append(dd, name(d))
	}
	return dd
}

func freeSenders(a *answer) int {
	if a.Settings.MaxSenders == nil {
		return -1
	}
	used := 0
	if a.Senders != nil {
		used = len(*a.Senders)
	}
	return max(0, *a.Settings.MaxSenders-used)
}

// fillActivity knows that a role sees the sessions of its own, but not how many others there are, without pg_monitor.
func fillActivity(r *Reading, a *answer) {
	r.Watchers, r.AppSessions = -1, -1
	v := a.Activity
	if v == nil {
		return
	}
	r.StartupWait, r.SyncWaiters = name(v.Startup), max(0, v.SyncWaiters)
	if r.Monitor || v.Watchers > 0 {
		r.Watchers = max(0, v.Watchers)
	}
	if r.Monitor || v.Sessions > 0 {
		r.AppSessions = max(0, v.Sessions)
	}
}

func fillRows(r *Reading, a *answer) {
	if a.Senders != nil {
		for _, s := range *a.Senders {
			r.Senders = append(r.Senders, SenderRow{
				PID: s.PID, Application: name(s.Application), Client: name(s.Client), State: name(s.State),
				Sent: s.Sent, Write: s.Write, Flush: s.Flush, Replay: s.Replay,
				ReplayLag: s.ReplayLag.duration(), Sync: name(s.Sync), Reply: s.Reply.Time,
			})
		}
	}
	for _, s := range a.Slots {
		r.Slots = append(r.Slots, SlotRow{
			Name: name(s.Name), Type: name(s.Type), Active: s.Active, ActivePID: s.PID, Restart: s.Restart,
			WALStatus: name(s.Status), Safe: s.Safe, Invalidation: name(s.Invalidation), InactiveAt: s.Inactive.Time,
		})
	}
	if v := a.Receiver; v != nil {
		r.Receiver = &ReceiverRow{
			PID: v.PID, Status: name(v.Status), Written: v.Written, Flushed: v.Flushed, TLI: v.Timeline,
			Host: name(v.Host), Port: v.Port, Slot: name(v.Slot), LastSent: v.Sent.Time, LastGot: v.Got.Time,
		}
	}
	for _, b := range a.Blockers {
		r.Blockers = append(r.Blockers, Blocker{
			PID: b.PID, Query: plaintext.Line(strings.Join(strings.Fields(b.Query), " "), longestQuery), User: name(b.User), Application: name(b.Application),
			Age: max(0, b.Age.Seconds()), MaxDelay: name(a.Settings.MaxDelay),
		})
	}
	for _, s := range a.Aurora {
		r.Aurora = append(r.Aurora, AuroraRow{
			// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora_replica_status.html
			Server: name(s.Server), Writer: s.Session == "MASTER_SESSION_ID", Lag: s.Lag.Duration,
			Durable: LSN(s.Durable), Read: LSN(s.Read), At: s.At.Time,
		})
	}
}

func name(s string) string { return plaintext.Line(s, longestName) }

func known(n *int64) int64 {
	if n == nil || *n < 0 {
		return -1
	}
	return *n
}

// walFileTimeline reads the first eight digits of the name of a WAL file; empty is 0.
func walFileTimeline(s string) (uint32, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) != 8 {
		return 0, fmt.Errorf("read the server's answer: timeline %q: want eight hexadecimal digits", plaintext.Line(s, longestName))
	}
	return uint32(n), nil
}

// epoch is a time as seconds since 1970, to the microsecond. It is in UTC.
type epoch struct{ time.Time }

// latest is the last second that has a place in an epoch: the end of the year 9999.
const latest = 253402300799

// UnmarshalJSON implements json.Unmarshaler.
func (e *epoch) UnmarshalJSON(b []byte) error {
	s, ok, err := number(b)
	if err != nil || !ok {
		return err
	}
	if s < 0 || s > latest {
		return fmt.Errorf("time %g: out of range", s)
	}
	e.Time = time.UnixMicro(int64(math.Round(s * 1e6))).UTC()
	return nil
}

// span is a duration in seconds.
type span struct{ time.Duration }

// UnmarshalJSON implements json.Unmarshaler.
func (d *span) UnmarshalJSON(b []byte) error {
	s, ok, err := number(b)
	if err != nil || !ok {
		return err
	}
	if math.Abs(s) > math.MaxInt64/1e9 {
		return fmt.Errorf("duration %g s: out of range", s)
	}
	d.Duration = time.Duration(math.Round(s*1e6)) * time.Microsecond
	return nil
}

func (d *span) duration() *time.Duration {
	if d == nil {
		return nil
	}
	return &d.Duration
}

// number reads a JSON number; null is none.
func number(b []byte) (float64, bool, error) {
	if string(b) == "null" {
		return 0, false, nil
	}
	s, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsInf(s, 0) || math.IsNaN(s) {
		return 0, false, fmt.Errorf("%s: want a number", plaintext.Line(string(b), 40))
	}
	return s, true, nil
}
