package deploy

import (
	"encoding/json"
	"fmt"
	"time"

	"ops-console/ops/deploy/journal"
)

// RecordKind is what a record of the journal says.
type RecordKind string

// The kinds.
const (
	RecBegin   RecordKind = "begin"   // Plan, Hash
	RecSession RecordKind = "session" // Session, Holder: a process took the deployment up; what was open is unclear
	RecAdopted RecordKind = "adopted" // Head, By, Text: taken over from Head's holder, whose journal is not here; what Head does not prove is unclear
	RecLocked  RecordKind = "locked"  // every machine is leased, and is as the plan says
	RecIntent  RecordKind = "intent"  // Intent: about to be done
	RecResult  RecordKind = "result"  // N, Word, Answer, Text: what became of it

	RecOpened   RecordKind = "opened"           // Record: found, where the answer to its making was lost
	RecMigrated RecordKind = "migrated"         // the release command ended well; Text says who says so
	RecRunBad   RecordKind = "migration_failed" // it ended with Code; Text is the end of its output
	RecSoaked   RecordKind = "soaked"           // the old release went on well on the new schema
	RecHealthy  RecordKind = "healthy"          // Machine, Side: it runs that side and is healthy
	RecSick     RecordKind = "unhealthy"        // Machine, Side, Text: it is not, and why
	RecCutover  RecordKind = "cutover"          // from here on new machines are never destroyed
	RecVerified RecordKind = "verified"         // Side: the whole fleet at once
	RecCommit   RecordKind = "commit"
	RecBack     RecordKind = "back"    // Text: why; By where somebody asked for it
	RecGaveUp   RecordKind = "gave_up" // Machine, Text: it cannot be put back, or not be removed, and why
	RecPaused   RecordKind = "paused"  // Text: by a guard
	RecGoesOn   RecordKind = "goes_on" // the guards are well again
	RecHalt     RecordKind = "halt"    // Halt, Text; Machine of a release command that still runs; By who has taken it over
	RecRequest  RecordKind = "request" // Choice, By
	RecEnd      RecordKind = "end"     // Outcome, Text
	RecNote     RecordKind = "note"    // Text
)

// Record is what one entry of the journal says.
type Record struct {
	Seq  int        `json:"-"`
	At   time.Time  `json:"-"`
	Kind RecordKind `json:"-"`

	Plan    *Plan          `json:"plan,omitempty"`
	Hash    string         `json:"plan_hash,omitempty"`
	Session int            `json:"session,omitempty"`
	Holder  string         `json:"holder,omitempty"`
	Intent  *Intent        `json:"intent,omitempty"`
	N       int            `json:"n,omitempty"`
	Word    Word           `json:"word,omitempty"`
	Answer  *Answer        `json:"answer,omitempty"`
	Record  *ReleaseRecord `json:"record,omitempty"`
	Machine string         `json:"machine,omitempty"`
	Key     string         `json:"key,omitempty"`
	Side    Side           `json:"side,omitempty"`
	Code    int            `json:"code,omitempty"`
	Halt    Halt           `json:"halt,omitempty"`
	Choice  Choice         `json:"choice,omitempty"`
	By      string         `json:"by,omitempty"`
	Outcome Outcome        `json:"outcome,omitempty"`
	Head    string         `json:"head,omitempty"`
	Text    string         `json:"text,omitempty"`
}

// item is the record as the journal takes it.
func (r Record) item() journal.Item {
	return journal.Item{At: r.At, Kind: string(r.Kind), Data: &r}
}

// decodeRecord reads an entry.
func decodeRecord(e journal.Entry) (Record, error) {
	var r Record
	if err := json.Unmarshal(e.Data, &r); err != nil {
		return Record{}, fmt.Errorf("record %d (%s): %w", e.Seq, e.Kind, err)
	}
	r.Seq, r.At, r.Kind = e.Seq, e.At, RecordKind(e.Kind)
	return r, nil
}
