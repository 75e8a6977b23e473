package report

import (
	"cmp"
	"fmt"
	"strings"

	"ops-console/ops/page"
	"ops-console/ops/replication"
)

func (p *printer) regions() {
	if len(p.s.Regions) == 0 {
		return
	}
	p.Section("WRITING FROM A REGION", "")
	t := page.NewTable(
		page.Column{Title: "REGION"},
		page.Column{Title: "LEVEL"},
		page.Column{Title: "LAG", Right: true},
		page.Column{Title: "VISIBLE P50/P95", Right: true, Drop: 2},
		page.Column{Title: "RPC_AND_WAIT P50/P95", Right: true, Drop: 3},
		page.Column{Title: "RAISES"},
		page.Column{Title: "NODES", Drop: 1},
	)
	for _, r := range p.s.Regions {
		raises := "no"
		switch {
		case r.TimesOut:
			raises = "yes"
		case r.InsertGap:
			raises = "if it writes nothing"
		case r.UntilRaise != nil:
			raises = "in " + span(*r.UntilRaise)
		case r.Lag.Hi == nil:
			raises = "?"
		}
		t.Row(cmp.Or(r.Code, "?"), string(r.Level), r.Lag.String(), percentiles(r.Visible), percentiles(r.Waits), raises,
			cmp.Or(strings.Join(r.Nodes, " "), "no replica"))
		t.Note(r.Verdict)
	}
	p.Table(t)
}

func (p *printer) slots() {
	if len(p.s.Slots) == 0 {
		return
	}
	p.Section("SLOTS", fmt.Sprint(len(p.s.Slots)))
	t := page.NewTable(
		page.Column{Title: "SLOT"},
		page.Column{Title: "LEVEL"},
		page.Column{Title: "USE"},
		page.Column{Title: "USED BY", Drop: 4},
		page.Column{Title: "RETAINS", Right: true},
		page.Column{Title: "LEFT", Right: true, Drop: 5},
		page.Column{Title: "LOST IN", Right: true},
		page.Column{Title: "WAL", Drop: 3},
		page.Column{Title: "TYPE", Drop: 2},
		page.Column{Title: "NODE", Drop: 1},
	)
	for _, s := range p.s.Slots {
		use := "active"
		if !s.Active {
			use = "inactive"
			if s.InactiveFor != nil {
				use += " ≥" + span(*s.InactiveFor)
			}
		}
		t.Row(s.Name, string(s.Level), use, s.Owner, bytes(s.Retained), left(s), lostIn(s), s.WALStatus, s.Type, s.Node)
		if s.Invalidation != "" {
			t.Note("invalidated: " + s.Invalidation)
		}
	}
	p.Table(t)
}

func left(s replication.Slot) string {
	if s.Safe == nil {
		return ""
	}
	return bytes(s.Safe)
}

func lostIn(s replication.Slot) string {
	switch {
	case s.WALStatus == "lost":
		return "lost"
	case s.ETAToLoss != nil:
		return span(*s.ETAToLoss)
	}
	return ""
}
