package table

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"ops-console/tui/action"
	"ops-console/tui/pane"
)

func TestSortTakesAColumnByItsBeginning(t *testing.T) {
	compare := func(a, b int) int { return a - b }
	tab := Table{Columns: []Column{{ID: "id", Compare: compare}, {ID: "region", Compare: compare}, {ID: "release", Compare: compare}}}
	sort, _ := action.Named(tab.Actions(), "sort")
	for _, tt := range []struct{ arg, by, fails string }{
		{"", "id", ""},
		{"rel", "release", ""},
		{"region", "region", ""},
		{"re", "region", `no column is called "re"`},
		{"price", "region", `no column is called "price"; there are id, region, release`},
	} {
		var msg tea.Msg
		if cmd := sort.Run(tt.arg); cmd != nil {
			msg = cmd()
		}
		failed := ""
		if m, ok := msg.(pane.ToastMsg); ok {
			failed = m.Err.Error()
		}
		if by, _ := tab.Sort(); by != tt.by || !strings.Contains(failed, tt.fails) || (failed == "") != (tt.fails == "") {
			t.Errorf("sort %q: by %q, error %q, want %q and %q", tt.arg, by, failed, tt.by, tt.fails)
		}
	}
}
