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

// LogsAttender says that the log is wanted while the pane is shown.
type LogsAttender interface {
	AttendsLogs() bool
}
