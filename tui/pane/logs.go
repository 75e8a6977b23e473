package pane

import (
	"ops-console/ops/feed"
	"ops-console/ops/logs"
)

// LogsMsg carries what the log has now. Known is false where it is not followed at all. The lines are numbered anew where
// following began anew.
type LogsMsg struct {
	Known    bool
	Snapshot feed.Snapshot[*logs.Snapshot]
}

// PastMsg asks the console for the newest lines of one machine or region, which may be older than what the log of all has.
// The answer comes as a PastKnownMsg.
type PastMsg struct {
	Machine, Region string
}

// PastKnownMsg is those lines, oldest first, or why they could not be had.
type PastKnownMsg struct {
	Machine, Region string
	Lines           []logs.Line
	Err             error
}

// LogsAttender says that the log is wanted while the pane is shown.
type LogsAttender interface {
	AttendsLogs() bool
}
