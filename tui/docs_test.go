package tui_test

import (
	"testing"

	"ops-console/ops/ecto/lint"
	"ops-console/tui"
	"ops-console/tui/backups"
	"ops-console/tui/deploy"
	"ops-console/tui/generator"
	"ops-console/tui/golden"
	"ops-console/tui/instances"
	"ops-console/tui/logs"
	"ops-console/tui/migrations"
	"ops-console/tui/overview"
	"ops-console/tui/pane"
	"ops-console/tui/replication"
)

func TestKeysAreDocumented(t *testing.T) {
	got, err := tui.Keys([]pane.Pane{overview.New(), instances.New(), replication.New(), migrations.New(lint.Find), generator.New(), backups.New("changelog"), deploy.New("changelog"), logs.New()})
	if err != nil {
		t.Fatal(err)
	}
	golden.File(t, "../docs/keys.md", got)
}
