package backup

import (
	"encoding/json"
	"fmt"
	"time"
)

// FailureName is the object in a backup's directory that says why a run came to nothing. There is never a manifest beside it.
const FailureName = "failed.json"

// Failure is a run that left no backup. It lies in the store, so that whoever looks next knows of it, wherever the run was:
// a schedule that fails in the night on a machine that is gone by the morning leaves no other trace.
type Failure struct {
	ID     ID        `json:"id"`
	Source           // app, db
	Reason Reason    `json:"reason"`
	Remote string    `json:"remote,omitempty"` // the machine that ran it, where that was not the operator's own
	At     time.Time `json:"at"`               // when it was given up
	Why    string    `json:"why"`              // safe to show
}

// ParseFailure reads what a failed run left.
func ParseFailure(b []byte) (Failure, error) {
	var f Failure
	if err := json.Unmarshal(b, &f); err != nil {
		return Failure{}, fmt.Errorf("the note of a failed run is garbled: %w", err)
	}
	if _, err := ParseID(string(f.ID)); err != nil {
		return Failure{}, fmt.Errorf("the note of a failed run has no ID: %w", err)
	}
	return f, nil
}
